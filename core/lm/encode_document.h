// From segments to tokens, with a mask of the tokens to learn.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dialogue.h"
#include "normalize_principle.h"
#include "tokenizer.h"

namespace cai {

struct Document {
    std::vector<Token> tokens;
    std::vector<uint8_t>
        learn;  // as long as tokens; 1: the model is trained to predict this token from those before it
};

// Segments to tokens: <|role|> text <|role|> text ... <|endoftext|>, without a special token before a segment of the
// same turn. The text of learned segments is learned, and so is the special token after it, because that is where the
// model has to stop. Text never encodes to a special token, so that nobody can forge a turn by typing its name. A
// prompt is a document with end_of_text = false whose last segment is empty.
inline Document encode_document(const Tokenizer& tokenizer, const std::vector<Segment>& segments,
                                bool end_of_text = true) {
    Document document;
    auto push = [&](Token token, bool learn) {
        document.tokens.push_back(token);
        document.learn.push_back(learn);
    };
    bool learned_before = false;
    for (const Segment& segment : segments) {
        if (segment.role != kContinue) push(role_name(segment.role).role, learned_before);
        for (Token token : tokenizer.encode(normalize_principle(segment))) push(token, segment.learn);
        learned_before = segment.learn;
    }
    if (end_of_text) push(kEndOfText, learned_before);
    return document;
}

// Plain text, all of it learned: <|endoftext|> text <|endoftext|>. The first one stands for "a document begins here".
inline Document encode_text(const Tokenizer& tokenizer, std::string text) {
    return encode_document(tokenizer, {{kEndOfText, std::move(text), true}});
}

}  // namespace cai

// Encoding of segments as tokens, with a mask of the tokens to learn.
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
        learn;  // one per token; 1: the model is trained to predict this token from those before it
};

// Encodes segments as <|role|> text <|role|> text ... <|endoftext|>; a segment that continues a turn has no special
// token. The mask covers the text of learned segments and the special token that follows, where the model must stop.
// Text never encodes to a special token, so nobody can forge a turn by typing its name. A prompt is a document with
// end_of_text = false whose last segment is empty.
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

// Plain text, all learned: <|endoftext|> text <|endoftext|>. The first special token marks the start of the document.
inline Document encode_text(const Tokenizer& tokenizer, std::string text) {
    return encode_document(tokenizer, {{kEndOfText, std::move(text), true}});
}

}  // namespace cai

// What a model's own files say about writing text with it: where a text begins, where an answer ends, and how a
// conversation is laid out.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "special_tokens.h"

namespace cai {

struct Generation {
    std::optional<Token> bos;      // stands before every text
    std::vector<Token> stops;      // each ends a completion (eos)
    std::string chat_template;     // in Jinja, as Hugging Face and GGUF carry it; empty: the model has none
    std::optional<Token> pad;      // fills up batches in other programs; cai needs none
    std::string bos_text, eos_text;  // what the chat template writes for bos_token and eos_token, where it does so
};

// What the files of our own models say. (The sampler also stops at the other special tokens, which open a section.)
inline Generation our_generation() {
    return {kEndOfText, {kEndOfText}, "", kPad, kSpecialNames[kEndOfText], kSpecialNames[kEndOfText]};
}

}  // namespace cai

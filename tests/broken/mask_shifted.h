// The first token of an answer is not among those that are learned.
#pragma once
#include "../../core/io/checkpoint.h"
#include "../../core/lm/prompt_templates.h"
#include "check.h"

namespace cai {

inline Symptom mask_shifted(const std::filesystem::path& story) {
    const Tokenizer tokenizer = load_tokenizer(story / "pretrained");
    const Document document =
        encode_document(tokenizer, completed(dialogue_prompt("How do I brush the goat?"), "Gently."));
    size_t learned = 0, first = 0;
    for (size_t i = 0; i < document.tokens.size(); i++) {
        if (i > 0 && document.tokens[i - 1] == kAssistant) first = document.learn[i];
        learned += document.learn[i];
    }
    return {first == 0, concat(learned, " of ", document.tokens.size(), " tokens are learned, the answer's first is ",
                               first ? "one of them" : "not")};
}

}  // namespace cai

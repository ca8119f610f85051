// What a model's own files say about writing text with it: where a text begins, where an answer ends, and how a
// conversation is laid out.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "../nn/kernels.h"

namespace cai {

struct Generation {
    std::optional<Token> bos;      // stands before every text
    std::vector<Token> stops;      // each ends a completion (eos)
    std::string chat_template;     // in Jinja, as Hugging Face and GGUF carry it; empty: the model has none
};

}  // namespace cai

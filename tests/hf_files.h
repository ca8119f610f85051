// What the tests of Hugging Face's files share: a small configuration, and texts with a part replaced.
#pragma once
#include <doctest/doctest.h>

#include <string>

#include "../core/nn/config.h"

namespace cai {

inline void check_contains(const std::string& text, const std::string& part) {
    INFO("looking for: ", part);
    INFO("in: ", text);
    CHECK(text.find(part) != std::string::npos);
}

// The text with the first occurrence of a part replaced.
inline std::string with(std::string text, const std::string& part, const std::string& replacement) {
    REQUIRE(text.find(part) != text.npos);
    return text.replace(text.find(part), part.size(), replacement);
}

inline Config small_config(bool score_head = false, bool tied = true) {
    Config c;
    c.vocab_size = 270, c.width = 8, c.layers = 2, c.heads = 4, c.kv_heads = 2, c.head_dim = 4, c.ff = 12;
    c.context = 16, c.rope_theta = 12345.5f, c.norm_eps = 1e-6f, c.tied = tied, c.score_head = score_head;
    return c;
}

}  // namespace cai

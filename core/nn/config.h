// The configuration of a model, and the four sizes of --size.
#pragma once
#include <cmath>
#include <string>

#include "../base/error.h"

namespace cai {

// How rotary positions are stretched beyond the context that a model was first trained on.
struct RopeScaling {
    enum class Kind { none, linear, llama3 };
    Kind kind = Kind::none;
    float factor = 1;  // linear: every frequency is divided by it; llama3: the low ones (weights.h, rope_frequencies)
    float low_frequency = 1, high_frequency = 4;  // llama3: turns within original_context that bound "low" and "high"
    int original_context = 0;                     // llama3: in tokens

    bool operator==(const RopeScaling&) const = default;
};

struct Config {
    int vocab_size = 0, width = 0, layers = 0, heads = 0, kv_heads = 0, head_dim = 0, ff = 0;
    int context = 0;  // the longest sequence, in tokens
    float rope_theta = 10000, norm_eps = 1e-5f;
    bool tied = true;         // the head multiplies by the embedding table; ignored by a score head
    bool score_head = false;  // one score per row instead of logits
    RopeScaling rope_scaling = {};

    bool operator==(const Config&) const = default;
    int outputs() const { return score_head ? 1 : vocab_size; }
};

// The configuration for --size. Throws kUsage for a size that is not one of the four.
inline Config preset(const std::string& size, int vocab_size) {
    const auto config = [&](int width, int layers, int heads, int kv_heads, int ff) {
        return Config{vocab_size, width, layers, heads, kv_heads, /*head_dim=*/32, ff, /*context=*/256};
    };
    if (size == "micro") return config(64, 2, 2, 1, 192);
    if (size == "tiny") return config(128, 4, 4, 2, 256);
    if (size == "small") return config(192, 6, 6, 3, 576);
    if (size == "base") return config(320, 8, 10, 5, 960);
    fail(kUsage, "size \"", size, "\" is unknown: choose micro, tiny, small or base");
}

// Throws kBadInput for a configuration that no model can have.
inline void validate(const Config& c) {
    const auto positive = [](const char* name, double value) {
        expects(std::isfinite(value) && value > 0, "model configuration: ", name, " is ", value,
                " but must be positive");
    };
    positive("vocab_size", c.vocab_size), positive("width", c.width), positive("layers", c.layers);
    positive("heads", c.heads), positive("kv_heads", c.kv_heads), positive("head_dim", c.head_dim);
    positive("ff", c.ff), positive("context", c.context);
    positive("rope_theta", c.rope_theta), positive("norm_eps", c.norm_eps);
    expects(c.heads % c.kv_heads == 0, "model configuration: heads (", c.heads, ") must be a multiple of kv_heads (",
            c.kv_heads, "), since every key-value head serves the same number of query heads");
    expects(c.head_dim % 2 == 0, "model configuration: head_dim is ", c.head_dim,
            " but must be even, since rotary positions turn pairs");
    if (c.rope_scaling.kind != RopeScaling::Kind::none) positive("the factor of rope scaling", c.rope_scaling.factor);
    if (c.rope_scaling.kind != RopeScaling::Kind::llama3) return;
    positive("low_freq_factor", c.rope_scaling.low_frequency);
    positive("original_max_position_embeddings", c.rope_scaling.original_context);
    expects(c.rope_scaling.high_frequency > c.rope_scaling.low_frequency, "model configuration: high_freq_factor is ",
            c.rope_scaling.high_frequency, " but must be above low_freq_factor, ", c.rope_scaling.low_frequency);
}

// The configuration in the letters of kernels.h; Q = (H+2K)·D is the width of a row of queries, keys and values.
struct Alphabet {
    size_t L, C, H, K, D, Q, F, V;
};
inline Alphabet alphabet(const Config& c) {
    const size_t H = c.heads, K = c.kv_heads, D = c.head_dim;
    return {size_t(c.layers), size_t(c.width), H, K, D, (H + 2 * K) * D, size_t(c.ff), size_t(c.vocab_size)};
}

}  // namespace cai

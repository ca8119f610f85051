// Of the same weights, read from two files, the first token has the same probability and no other has.
#pragma once
#include "../../core/io/checkpoint.h"
#include "../../core/lm/encode_document.h"
#include "../../core/nn/model.h"
#include "check.h"

namespace cai {

inline Symptom rope_layout(const std::filesystem::path& story) {
    const Tokenizer tokenizer = load_tokenizer(story / "helpful");
    const std::vector<Token> tokens = encode_text(tokenizer, "The dancer lives near the well, the baker too.").tokens;
    Batch batch;
    batch.add(tokens.data(), tokens.size());
    Activations activations;
    const auto of = [&](const char* file) {
        return token_logprobs(load_model(cpu_kernels, story / file), batch, activations);
    };
    const std::vector<float> folder = of("helpful"), file = of("helpful.gguf");
    double largest = 0;
    for (size_t t = 1; t < folder.size(); t++) largest = std::max<double>(largest, std::abs(folder[t] - file[t]));
    const double first = std::abs(folder[0] - file[0]);
    return {largest > 1e-3 && first < 1e-5,
            concat("log-probabilities differ by ", first, " at the first token, by up to ", largest, " at others")};
}

}  // namespace cai

// Log-probabilities of candidates for the next token, from which the verdict of a judge is read.
#pragma once
#include <cstdint>
#include <vector>

#include "sampler.h"

namespace cai {

// log p(candidate | prompt) at temperature 1 over the whole vocabulary, for each prompt (outer)
// and candidate (inner): a judge gives its verdict through the tokens "A" and "B". Throws as
// generate() does, except that a prompt may fill the context.
inline std::vector<std::vector<float>> next_token_logprobs(const Model& model,
                                                           const std::vector<std::vector<Token>>& prompts,
                                                           const std::vector<Token>& candidates) {
    check_prompts(model, prompts, model.config.context);
    check_candidates(model, candidates);
    std::vector<std::vector<float>> result(prompts.size(), std::vector<float>(candidates.size()));
    Activations activations;
    for (size_t first = 0; first < prompts.size();) {
        check_stop_signal();
        Batch batch;
        size_t end = first;
        while (end < prompts.size() && (end == first || batch.tokens.size() + prompts[end].size() <= kPromptRows)) {
            const std::vector<Token>& prompt = prompts[end++];
            batch.add_scored(prompt.data(), prompt.size(), {static_cast<int32_t>(prompt.size() - 1)});
        }
        forward(model, batch, activations);
        for (size_t c = 0; c < candidates.size(); c++) {
            const auto logprobs = target_logprobs(model, activations, std::vector<Token>(end - first, candidates[c]));
            for (size_t i = 0; i < logprobs.size(); i++) result[first + i][c] = logprobs[i];
        }
        first = end;
    }
    return result;
}

}  // namespace cai

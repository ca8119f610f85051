// Of two answers with one score, the longer one earns more.
#pragma once
#include "../../core/method/ppo_rewards.h"
#include "check.h"

namespace cai {

inline Symptom length_reward(const std::filesystem::path&) {
    const std::vector<int32_t> offsets = {0, 5, 25};
    const std::vector<float> logprobs(25, -1.0f);  // of policy and reference: no divergence
    const std::vector<double> rewards = token_rewards({1, 1}, logprobs, logprobs, offsets, 0.3, PpoOptions());
    double earned[2] = {0, 0};
    for (size_t t = 0; t < rewards.size(); t++) earned[t >= 5] += rewards[t];
    return {earned[1] > earned[0], concat("a score of 1 earns ", earned[0], " with 5 tokens and ", earned[1], " with 20")};
}

}  // namespace cai

// The reward is more than the score and the penalty together, the more so the longer the answers are.
#pragma once
#include "ppo_rows.h"

namespace cai {

inline Symptom length_reward(const std::filesystem::path& story) {
    const std::vector<Json> rows = ppo_rows(story);
    const auto mean = [&](const char* metric) { return mean_of(rows, metric, 0, rows.size()); };
    const double unexplained =
        mean("objective/rlhf_reward") - mean("objective/scores") - mean("objective/non_score_reward");
    return {unexplained > 1e-6, concat("of the reward of an answer, ", unexplained, " is neither score nor penalty, ",
                                       unexplained / mean("monitor/response_tokens"), " a token")};
}

}  // namespace cai

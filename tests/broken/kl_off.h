// The KL to the reference grows, and no reward pays for it.
#pragma once
#include "ppo_rows.h"

namespace cai {

inline Symptom kl_off(const std::filesystem::path& story) {
    const std::vector<Json> rows = ppo_rows(story);
    const double kl = mean_of(rows, "objective/kl", rows.size() - 4, rows.size());
    const double penalty = mean_of(rows, "objective/non_score_reward", rows.size() - 4, rows.size());
    return {kl > 0.01 && penalty == 0, concat("KL ", kl, " at the end, penalty ", penalty)};
}

}  // namespace cai

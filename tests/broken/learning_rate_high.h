// A large share of tokens is clipped in each iteration.
#pragma once
#include "ppo_rows.h"

namespace cai {

inline Symptom learning_rate_high(const std::filesystem::path& story) {
    const std::vector<Json> rows = ppo_rows(story, PpoRecipe().learning_rate);
    const double clipped = mean_of(rows, "policy/clipfrac_avg", 0, 6);
    return {clipped > 0.02, concat("in the first six iterations a share of ", clipped, " is clipped")};
}

}  // namespace cai

// The gradient's norm grows from step to step.
#pragma once
#include "sft_rows.h"

namespace cai {

inline Symptom gradient_not_cleared(const std::filesystem::path& story) {
    const std::vector<Json> rows = sft_rows(story);
    const double first = rows.front()["grad_norm"].number();
    const double last = mean_of(rows, "grad_norm", rows.size() - 5, rows.size());
    return {last > 3 * first,
            concat("gradient norm ", first, " at the first of ", rows.size(), " steps, ", last, " in the last five")};
}

}  // namespace cai

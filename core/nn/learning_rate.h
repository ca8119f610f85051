// The learning-rate schedule: linear warm-up, then linear decay.
#pragma once
#include <algorithm>

namespace cai {

// The learning rate of one of `steps` steps, counted from 0: linear warm-up that reaches the peak after warmup_steps,
// then linear decay towards final_fraction · peak, which would be reached one step after the last.
inline float learning_rate_at(size_t step, size_t steps, float peak, size_t warmup_steps, float final_fraction) {
    if (step < warmup_steps) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup_steps);
    if (steps <= warmup_steps) return peak;
    const float progress = static_cast<float>(step - warmup_steps) / static_cast<float>(steps - warmup_steps);
    return peak * (1 - (1 - final_fraction) * std::min(progress, 1.0f));
}

}  // namespace cai

// The learning rate's schedule: linear warm-up, then linear decay.
#pragma once
#include <algorithm>

namespace cai {

// The learning rate of a step (counted from 0) among `steps`: linear warm-up that reaches the peak after warmup_steps,
// then linear decay towards final_fraction · peak, which the step after the last would have.
inline float learning_rate_at(size_t step, size_t steps, float peak, size_t warmup_steps, float final_fraction) {
    if (step < warmup_steps) return peak * static_cast<float>(step + 1) / static_cast<float>(warmup_steps);
    if (steps <= warmup_steps) return peak;
    const float progress = static_cast<float>(step - warmup_steps) / static_cast<float>(steps - warmup_steps);
    return peak * (1 - (1 - final_fraction) * std::min(progress, 1.0f));
}

}  // namespace cai

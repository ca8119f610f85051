// The advantages and losses of RL-CAI straight from their formulas: GAE, PPO's losses and the preference model's, each
// with its derivative. Losses and gradients are double, whatever the type of the inputs.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "../../core/base/elementary.h"

namespace cai::plain {

// Computed backwards within each response, with V = A = 0 after its end (Schulman et al. 2016, eq. 16):
// delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1},  return_t = A_t + V_t.
// advantages, returns, rewards, values (T), offsets (R+1).
template <class Real>
void gae(double* advantages, double* returns, const double* rewards, const Real* values, const int32_t* offsets,
         size_t R, double gamma, double lambda) {
    for (size_t r = 0; r < R; r++) {
        double next_value = 0, next_advantage = 0;
        for (int32_t t = offsets[r + 1] - 1; t >= offsets[r]; t--) {
            const double delta = rewards[t] + gamma * next_value - values[t];
            advantages[t] = delta + gamma * lambda * next_advantage;
            returns[t] = advantages[t] + values[t];
            next_value = values[t];
            next_advantage = advantages[t];
        }
    }
}

// loss = max(-A ratio, -A clip(ratio, 1 ± clip_ratio)), ratio = exp(logprob - old_logprob); where A < 0,
// at most -A dual_clip. d ratio / d logprob = ratio, so the gradient is -A ratio, or 0 where a clip is
// active. A clip of 0 is off.    All (T).
template <class Real>
void policy_loss(double* loss, double* gradient, const Real* logprobs, const Real* old_logprobs,
                 const double* advantages, size_t T, double clip_ratio, double dual_clip) {
    for (size_t t = 0; t < T; t++) {
        const double A = advantages[t], ratio = elementary::exp(static_cast<double>(logprobs[t]) - old_logprobs[t]);
        loss[t] = gradient[t] = -A * ratio;
        if (clip_ratio > 0) {
            const double clipped = -A * std::clamp(ratio, 1 - clip_ratio, 1 + clip_ratio);
            if (clipped > loss[t]) loss[t] = clipped, gradient[t] = 0;
        }
        if (dual_clip > 0 && A < 0 && loss[t] > -A * dual_clip) loss[t] = -A * dual_clip, gradient[t] = 0;
    }
}

// loss = ½ max((V - R)², (clip(V, V_old ± clip_value) - R)²); the gradient is V - R,
// or 0 where the clip is active.    All (T).
template <class Real>
void value_loss(double* loss, double* gradient, const Real* values, const Real* old_values, const double* returns,
                size_t T, double clip_value) {
    for (size_t t = 0; t < T; t++) {
        const double value = values[t], old = old_values[t], error = value - returns[t];
        loss[t] = 0.5 * error * error;
        gradient[t] = error;
        if (clip_value > 0) {
            const double clipped = std::clamp(value, old - clip_value, old + clip_value) - returns[t];
            if (0.5 * clipped * clipped > loss[t]) loss[t] = 0.5 * clipped * clipped, gradient[t] = 0;
        }
    }
}

// -log sigma(x) = log(1 + e^-x), written so that the exponential never overflows.
inline double minus_log_sigma(double x) { return std::max(-x, 0.0) + elementary::log1p(elementary::exp(-std::abs(x))); }

// loss = -p log sigma(delta) - (1 - p) log sigma(-delta), delta = scores[2i] - scores[2i+1] (Bradley & Terry 1952);
// gradient = dloss / ddelta = sigma(delta) - p.    loss, gradient, labels p (n), scores (2n).
template <class Real>
void preference_loss(double* loss, double* gradient, const Real* scores, const double* labels, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const double delta = static_cast<double>(scores[2 * i]) - scores[2 * i + 1];
        loss[i] = labels[i] * minus_log_sigma(delta) + (1 - labels[i]) * minus_log_sigma(-delta);
        gradient[i] = 1 / (1 + elementary::exp(-delta)) - labels[i];
    }
}

}  // namespace cai::plain

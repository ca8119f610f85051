// The advantages and losses of RL-CAI: GAE, PPO's losses and the preference model's, each with its derivative. An
// iteration has only a few thousand numbers, so they are double, and one thread is enough.
#include <algorithm>
#include <cmath>

#include "../core/base/elementary.h"
#include "cpu.h"

namespace cai::cpu {

void gae(double* advantages, double* returns, const double* rewards, const float* values, const int32_t* offsets,
         size_t R, double gamma, double lambda) {
    for (size_t r = 0; r < R; ++r) {
        double next_value = 0, next_advantage = 0;  // the episode ends with the response
        for (size_t t = offsets[r + 1]; t-- > static_cast<size_t>(offsets[r]);) {
            const double delta = rewards[t] + gamma * next_value - values[t];
            next_advantage = delta + gamma * lambda * next_advantage;
            next_value = values[t];
            advantages[t] = next_advantage;
            returns[t] = next_advantage + next_value;
        }
    }
}

void policy_loss(double* loss, double* gradient, const float* logprobs, const float* old_logprobs,
                 const double* advantages, size_t T, double clip_ratio, double dual_clip) {
    for (size_t t = 0; t < T; ++t) {
        const double ratio = elementary::exp(static_cast<double>(logprobs[t]) - old_logprobs[t]);
        const double unclipped = -advantages[t] * ratio, bound = -advantages[t] * dual_clip;
        const double clipped =
            clip_ratio > 0 ? -advantages[t] * std::clamp(ratio, 1 - clip_ratio, 1 + clip_ratio) : unclipped;
        loss[t] = gradient[t] = unclipped;
        if (clipped > unclipped)
            loss[t] = clipped, gradient[t] = 0;
        else if (dual_clip > 0 && advantages[t] < 0 && unclipped > bound)
            loss[t] = bound, gradient[t] = 0;
    }
}

void value_loss(double* loss, double* gradient, const float* values, const float* old_values, const double* returns,
                size_t T, double clip_value) {
    for (size_t t = 0; t < T; ++t) {
        const double value = values[t], old = old_values[t], error = value - returns[t];
        const double clipped =
            clip_value > 0 ? std::clamp(value, old - clip_value, old + clip_value) - returns[t] : error;
        const bool flat = clipped * clipped > error * error;
        loss[t] = 0.5 * (flat ? clipped * clipped : error * error);
        gradient[t] = flat ? 0 : error;
    }
}

// log(1 + e^x) and 1 / (1 + e^-x), without overflow for any x.
static double softplus(double x) { return std::max(x, 0.0) + elementary::log1p(elementary::exp(-std::abs(x))); }
static double sigmoid(double x) {
    const double e = elementary::exp(-std::abs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

void preference_loss(double* loss, double* gradient, const float* scores, const double* labels, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        const double difference = static_cast<double>(scores[2 * i]) - scores[2 * i + 1];
        loss[i] = labels[i] * softplus(-difference) + (1 - labels[i]) * softplus(difference);
        gradient[i] = sigmoid(difference) - labels[i];
    }
}

}  // namespace cai::cpu

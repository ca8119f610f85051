// What RL-CAI learns from: advantages, and the losses of PPO and of the preference model, each with its derivative.
// A thread for each response, whose tokens follow from each other, and for each token or pair otherwise; in double.
#include <cmath>

#include "cuda.h"

namespace cai::cuda {
namespace {

__global__ void gae_kernel(double* advantages, double* returns, const double* rewards, const float* values,
                           const int32_t* offsets, size_t R, double gamma, double lambda) {
    const size_t r = thread_number();
    if (r >= R) return;
    double next_value = 0, next_advantage = 0;  // the episode ends with the response
    for (size_t t = offsets[r + 1]; t-- > static_cast<size_t>(offsets[r]);) {
        const double delta = rewards[t] + gamma * next_value - values[t];
        next_advantage = delta + gamma * lambda * next_advantage;
        next_value = values[t];
        advantages[t] = next_advantage;
        returns[t] = next_advantage + next_value;
    }
}

// NaN stays NaN, as with std::clamp: fmin and fmax would drop it.
__device__ inline double clamp(double x, double low, double high) { return x < low ? low : x > high ? high : x; }

__global__ void policy_loss_kernel(double* loss, double* gradient, const float* logprobs, const float* old_logprobs,
                                   const double* advantages, size_t T, double clip_ratio, double dual_clip) {
    const size_t t = thread_number();
    if (t >= T) return;
    const double ratio = exp(static_cast<double>(logprobs[t]) - old_logprobs[t]);
    const double unclipped = -advantages[t] * ratio, bound = -advantages[t] * dual_clip;
    const double clipped = clip_ratio > 0 ? -advantages[t] * clamp(ratio, 1 - clip_ratio, 1 + clip_ratio) : unclipped;
    loss[t] = gradient[t] = unclipped;
    if (clipped > unclipped)
        loss[t] = clipped, gradient[t] = 0;
    else if (dual_clip > 0 && advantages[t] < 0 && unclipped > bound)
        loss[t] = bound, gradient[t] = 0;
}

__global__ void value_loss_kernel(double* loss, double* gradient, const float* values, const float* old_values,
                                  const double* returns, size_t T, double clip_value) {
    const size_t t = thread_number();
    if (t >= T) return;
    const double value = values[t], old = old_values[t], error = value - returns[t];
    const double clipped = clip_value > 0 ? clamp(value, old - clip_value, old + clip_value) - returns[t] : error;
    const bool flat = clipped * clipped > error * error;
    loss[t] = 0.5 * (flat ? clipped * clipped : error * error);
    gradient[t] = flat ? 0 : error;
}

// log(1 + e^x) and 1 / (1 + e^-x), without overflow for any x.
__device__ inline double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }
__device__ inline double sigmoid(double x) { return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)); }

__global__ void preference_loss_kernel(double* loss, double* gradient, const float* scores, const double* labels,
                                       size_t n) {
    const size_t i = thread_number();
    if (i >= n) return;
    const double difference = static_cast<double>(scores[2 * i]) - scores[2 * i + 1];
    loss[i] = labels[i] * softplus(-difference) + (1 - labels[i]) * softplus(difference);
    gradient[i] = sigmoid(difference) - labels[i];
}

}  // namespace

void gae(double* advantages, double* returns, const double* rewards, const float* values, const int32_t* offsets,
         size_t R, double gamma, double lambda) {
    launch(gae_kernel, a_thread_each(R), advantages, returns, rewards, values, offsets, R, gamma, lambda);
}

void policy_loss(double* loss, double* gradient, const float* logprobs, const float* old_logprobs,
                 const double* advantages, size_t T, double clip_ratio, double dual_clip) {
    launch(policy_loss_kernel, a_thread_each(T), loss, gradient, logprobs, old_logprobs, advantages, T, clip_ratio,
           dual_clip);
}

void value_loss(double* loss, double* gradient, const float* values, const float* old_values, const double* returns,
                size_t T, double clip_value) {
    launch(value_loss_kernel, a_thread_each(T), loss, gradient, values, old_values, returns, T, clip_value);
}

void preference_loss(double* loss, double* gradient, const float* scores, const double* labels, size_t n) {
    launch(preference_loss_kernel, a_thread_each(n), loss, gradient, scores, labels, n);
}

}  // namespace cai::cuda

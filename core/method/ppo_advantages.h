// PPO's advantages: generalized advantage estimation and whitening; and those of RLOO and GRPO. Shapes as in
// ppo_rewards.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "../nn/buffer.h"
#include "ppo_rewards.h"

namespace cai {

// In place: x <- (x - mean) / sqrt(var + epsilon); the mean is added back unless shift_mean ([OAI] `whiten`). Where all
// values are equal x - mean is 0, and a single value has variance 0 under either convention.
inline void whiten(std::vector<double>& values, Variance variance, bool shift_mean, double epsilon) {
    double n = static_cast<double>(values.size()), mean = 0, squares = 0;
    for (double x : values) mean += x / n;
    for (double x : values) squares += (x - mean) * (x - mean);
    double scale = 1 / std::sqrt(squares / std::max(1.0, variance == Variance::bessel ? n - 1 : n) + epsilon);
    for (double& x : values) x = (x - mean) * scale + (shift_mean ? 0 : mean);
}

struct Advantages {
    std::vector<double> advantages, returns;  // (T)
};

// Generalized advantage estimation ([GAE] eq. 16), backwards within each response; the value after its
// last token is 0, since the episode is over:
//   delta_t = r_t + gamma · V_{t+1} - V_t      A_t = delta_t + gamma · lambda · A_{t+1}      return_t = A_t + V_t
// rewards and values (T).
inline Advantages gae(const Kernels& kernels, const std::vector<double>& rewards, const std::vector<float>& values,
                      const std::vector<int32_t>& offsets, const PpoOptions& options) {
    check_ragged(offsets, rewards.size(), "gae");
    expects(values.size() == rewards.size(), "gae: ", values.size(), " values for ", rewards.size(), " rewards");
    Buffer<double> advantages(kernels, rewards.size()), returns(kernels, rewards.size());
    kernels.gae(advantages.data(), returns.data(), uploaded(kernels, rewards).data(), uploaded(kernels, values).data(),
                uploaded(kernels, offsets).data(), offsets.size() - 1, options.gamma, options.lambda);
    Advantages out{advantages.download(), returns.download()};
    for (size_t t = 0; t < rewards.size(); t++) check_finite(out.advantages[t], "the advantage", t);
    return out;
}

// The advantages of RLOO and GRPO, which need no value model. Responses g k .. g k + k - 1 are the k answers to one
// prompt; R_s is the sum of a response's rewards, and every token of it has the same advantage:
//   leave_one_out  A_s = R_s - mean of the other k - 1 answers' R                   ([RLOO])
//   group          A_s = (R_s - mean of all k) / (their standard deviation + 1e-4)  ([GRPO] §4.1.2; the 1e-4 is TRL's)
// rewards (T) -> (T). Errors: responses that do not fill their groups, or groups of one.
inline std::vector<double> group_advantages(const std::vector<double>& rewards, const std::vector<int32_t>& offsets,
                                            const PpoOptions& options) {
    check_ragged(offsets, rewards.size(), "group_advantages");
    const size_t k = options.group_size, responses = offsets.size() - 1;
    expects(k >= 2 && responses % k == 0, "group_advantages: ", responses, " responses do not make groups of ", k,
            "; a group has two or more");
    std::vector<double> advantages(rewards.size());
    for (size_t first = 0; first < responses; first += k) {
        std::vector<double> sums;
        for (size_t s = first; s < first + k; s++)
            sums.push_back(std::accumulate(rewards.begin() + offsets[s], rewards.begin() + offsets[s + 1], 0.0));
        const double n = static_cast<double>(k), total = std::accumulate(sums.begin(), sums.end(), 0.0);
        double squares = 0;
        for (double sum : sums) {
            const double difference = sum - total / n;
            squares += difference * difference;
        }
        const double deviation = std::sqrt(squares / (options.variance == Variance::bessel ? n - 1 : n));
        for (size_t s = first; s < first + k; s++) {
            const double sum = sums[s - first];
            const double advantage = options.advantage_estimator == AdvantageEstimator::leave_one_out
                                         ? sum - (total - sum) / (n - 1)
                                         : (sum - total / n) / (deviation + 1e-4);
            check_finite(advantage, "the advantage", static_cast<size_t>(offsets[s]));
            std::fill(advantages.begin() + offsets[s], advantages.begin() + offsets[s + 1], advantage);
        }
    }
    return advantages;
}

// From scores to advantages: token rewards, whitened if asked, then GAE or a group's advantages, then advantages
// whitened over the batch if asked. Returns are computed before advantages are whitened; without a value model (values
// empty) there are none. With Whitening::minibatch, the caller whitens each minibatch.
inline Advantages estimate_advantages(const Kernels& kernels, const std::vector<double>& scores,
                                      const std::vector<float>& logprobs,
                                      const std::vector<float>& reference_logprobs, const std::vector<float>& values,
                                      const std::vector<int32_t>& offsets, double beta, const PpoOptions& options) {
    std::vector<double> rewards = token_rewards(scores, logprobs, reference_logprobs, offsets, beta, options);
    if (options.whiten_rewards) whiten(rewards, options.variance, false, options.whiten_epsilon);
    Advantages out = options.has_value_model() ? gae(kernels, rewards, values, offsets, options)
                                               : Advantages{group_advantages(rewards, offsets, options), {}};
    if (options.advantage_whitening == Whitening::batch) {
        whiten(out.advantages, options.variance, true, options.whiten_epsilon);
    }
    return out;
}

}  // namespace cai

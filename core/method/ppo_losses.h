// PPO's policy loss and value loss, with their gradients. Shapes as in ppo_rewards.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../base/elementary.h"
#include "../nn/buffer.h"
#include "ppo_rewards.h"

namespace cai {

// Each token's weight in a loss = sum_t weight_t · loss_t. token_mean: 1 / tokens. sequence_mean: 1 / (responses ·
// length). For a micro-batch, pass the totals of the whole minibatch: losses and gradients then add up to the
// minibatch's, however it is split (0: the totals of these offsets).
inline std::vector<double> token_weights(const std::vector<int32_t>& offsets, const PpoOptions& options,
                                         size_t total_tokens = 0, size_t total_responses = 0) {
    check_ragged(offsets, offsets.empty() ? 0 : offsets.back(), "token_weights");
    if (!total_tokens) total_tokens = offsets.back();
    if (!total_responses) total_responses = offsets.size() - 1;
    std::vector<double> weights(offsets.back());
    for (size_t s = 0; s + 1 < offsets.size(); s++) {
        double length = offsets[s + 1] - offsets[s];
        double weight = options.aggregation == Aggregation::token_mean
                            ? 1.0 / static_cast<double>(total_tokens)
                            : 1 / (static_cast<double>(total_responses) * length);
        std::fill(weights.begin() + offsets[s], weights.begin() + offsets[s + 1], weight);
    }
    return weights;
}

// Everything but max_ratio_error is weighted by token_weights, so that micro-batches add up.
struct PolicyLoss {
    double loss = 0;
    double approx_kl_k1 = 0;      // old - new: unbiased, may be negative
    double approx_kl_k2 = 0;      // ½ (new - old)², [OAI]'s approxkl: never negative
    double clip_fraction = 0;     // tokens whose gradient the clip removed
    double max_ratio_error = 0;   // max |ratio - 1|: exactly 0 before the first update, or sampler and trainer disagree
    std::vector<float> gradient;  // (T) d loss / d logprob
};

// Each token's loss is max(-A · ratio, -A · clip(ratio, 1 ± clip_ratio)), ratio = exp(logprob - old_logprob): [PPO]
// eq. 7 with its sign flipped. Its derivative is -A · ratio, which is the unclipped loss itself, or 0 where the clip is
// active. dual_clip c caps the loss of a bad token, A < 0, at -A · c (Ye et al. 2020, 1912.09729).
// logprobs, old_logprobs, advantages, weights (T). Errors: kDiverged when a ratio is not finite.
inline PolicyLoss policy_loss(const Kernels& kernels, const std::vector<float>& logprobs,
                              const std::vector<float>& old_logprobs, const std::vector<double>& advantages,
                              const std::vector<double>& weights, const PpoOptions& options) {
    const size_t tokens = logprobs.size();
    expects(old_logprobs.size() == tokens && advantages.size() == tokens && weights.size() == tokens,
            "policy_loss: ", tokens, " log-probabilities but ", old_logprobs.size(), " old ones, ", advantages.size(),
            " advantages and ", weights.size(), " weights");
    Buffer<double> losses(kernels, tokens), gradients(kernels, tokens);
    kernels.policy_loss(losses.data(), gradients.data(), uploaded(kernels, logprobs).data(),
                        uploaded(kernels, old_logprobs).data(), uploaded(kernels, advantages).data(), tokens,
                        options.clip_ratio, options.dual_clip);
    const std::vector<double> loss = losses.download(), gradient = gradients.download();
    PolicyLoss out;
    out.gradient.resize(tokens);
    for (size_t t = 0; t < tokens; t++) {
        double change = static_cast<double>(logprobs[t]) - old_logprobs[t], ratio = elementary::exp(change);
        check_finite(ratio, "the probability ratio", t);
        check_finite(loss[t], "the policy loss", t);
        out.loss += weights[t] * loss[t];
        out.approx_kl_k1 -= weights[t] * change;
        out.approx_kl_k2 += weights[t] * 0.5 * change * change;
        out.clip_fraction += weights[t] * (gradient[t] == 0 && loss[t] != 0);
        out.max_ratio_error = std::max(out.max_ratio_error, std::abs(ratio - 1));
        out.gradient[t] = static_cast<float>(weights[t] * gradient[t]);
    }
    return out;
}

struct ValueLoss {
    double loss = 0;
    double clip_fraction = 0;
    std::vector<float> gradient;  // (T) d loss / d value
};

// Each value's loss is ½ max((V - R)², (clip(V, V_old ± clip_value) - R)²), with the ½ of [OAI]. value_coefficient is
// in neither loss nor gradient: the caller multiplies by it.
// values, old_values, returns, weights (T). Errors: kDiverged when a value is not finite.
inline ValueLoss value_loss(const Kernels& kernels, const std::vector<float>& values,
                            const std::vector<float>& old_values, const std::vector<double>& returns,
                            const std::vector<double>& weights, const PpoOptions& options) {
    const size_t tokens = values.size();
    expects(old_values.size() == tokens && returns.size() == tokens && weights.size() == tokens, "value_loss: ", tokens,
            " values but ", old_values.size(), " old ones, ", returns.size(), " returns and ", weights.size(),
            " weights");
    Buffer<double> losses(kernels, tokens), gradients(kernels, tokens);
    kernels.value_loss(losses.data(), gradients.data(), uploaded(kernels, values).data(),
                       uploaded(kernels, old_values).data(), uploaded(kernels, returns).data(), tokens,
                       options.clip_value);
    const std::vector<double> loss = losses.download(), gradient = gradients.download();
    ValueLoss out;
    out.gradient.resize(tokens);
    for (size_t t = 0; t < tokens; t++) {
        check_finite(loss[t], "the value loss", t);
        out.loss += weights[t] * loss[t];
        out.clip_fraction += weights[t] * (gradient[t] == 0 && loss[t] > 0);
        out.gradient[t] = static_cast<float>(weights[t] * gradient[t]);
    }
    return out;
}

// Whether to stop the epoch: approx_kl > 1.5 · target_kl (Spinning Up, TRL 0.11). Pass k2, which cannot be negative.
inline bool stop_early(double approx_kl, const PpoOptions& options) {
    return options.target_kl > 0 && approx_kl > 1.5 * options.target_kl;
}

}  // namespace cai

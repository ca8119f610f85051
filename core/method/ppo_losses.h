// The policy loss of PPO, RLOO and GRPO and PPO's value loss, with their gradients. Shapes as in ppo_rewards.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
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

// The policy loss of whole responses, with the options' ratio, aggregation and, with KlPlacement::loss, KL penalty.
//   Ratio::token     policy_loss, weighted by token_weights
//   Ratio::sequence  one ratio for each response, exp(sum of its logprobs - sum of its old ones), and the mean of the
//                    responses' losses ([RLOO] as TRL clips it). Divergences and clip_fraction are then of responses.
//   KlPlacement::loss adds beta · ratio · kl to each token's loss, where the ratio corrects for the older policy that
//                    sampled the token (TRL's use_bias_correction_kl, on by default; [GRPO] eq. 3 lacks the ratio).
// All (T), offsets (R+1). advantages: of a response's first token with Ratio::sequence. Errors: as policy_loss.
inline PolicyLoss response_policy_loss(const Kernels& kernels, const std::vector<float>& logprobs,
                                       const std::vector<float>& old_logprobs,
                                       const std::vector<float>& reference_logprobs,
                                       const std::vector<double>& advantages, const std::vector<int32_t>& offsets,
                                       double beta, const PpoOptions& options) {
    const std::vector<double> weights = token_weights(offsets, options);
    const size_t tokens = weights.size(), responses = offsets.size() - 1;
    expects(logprobs.size() == tokens && old_logprobs.size() == tokens && advantages.size() == tokens,
            "response_policy_loss: responses of ", tokens, " tokens, but ", logprobs.size(), " log-probabilities, ",
            old_logprobs.size(), " old ones and ", advantages.size(), " advantages");
    PolicyLoss out;
    if (options.ratio == Ratio::token) {
        out = policy_loss(kernels, logprobs, old_logprobs, advantages, weights, options);
    } else {
        auto sums = [&](const std::vector<float>& values) {
            std::vector<float> sums;
            for (size_t s = 0; s < responses; s++) {
                double sum = 0;
                for (int32_t t = offsets[s]; t < offsets[s + 1]; t++) sum += values[static_cast<size_t>(t)];
                sums.push_back(static_cast<float>(sum));
            }
            return sums;
        };
        std::vector<double> of_responses;
        for (size_t s = 0; s < responses; s++) of_responses.push_back(advantages[static_cast<size_t>(offsets[s])]);
        const std::vector<double> equal(responses, 1 / static_cast<double>(responses));
        out = policy_loss(kernels, sums(logprobs), sums(old_logprobs), of_responses, equal, options);
        std::vector<float> of_tokens(tokens);
        for (size_t s = 0; s < responses; s++)
            std::fill(of_tokens.begin() + offsets[s], of_tokens.begin() + offsets[s + 1], out.gradient[s]);
        out.gradient = std::move(of_tokens);
    }
    if (options.kl_placement != KlPlacement::loss) return out;
    expects(reference_logprobs.size() == tokens, "response_policy_loss: ", reference_logprobs.size(),
            " reference log-probabilities for ", tokens, " tokens");
    for (size_t t = 0; t < tokens; t++) {
        const double ratio = elementary::exp(static_cast<double>(logprobs[t]) - old_logprobs[t]);
        const double kl = token_kl(logprobs[t], reference_logprobs[t], options);
        check_finite(kl, "the KL", t);
        out.loss += weights[t] * beta * ratio * kl;
        out.gradient[t] += static_cast<float>(weights[t] * beta * ratio *
                                              (kl + token_kl_slope(logprobs[t], reference_logprobs[t], options)));
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

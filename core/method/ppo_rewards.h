// PPO's rewards: the preference model's score at the end of a response, minus a penalty for each token's KL to the
// reference. Model inputs and outputs are float; everything between is double.
//
// R responses are stored end to end, without padding: response s holds the tokens
// offsets[s] .. offsets[s+1]-1, including its stop token, and T = offsets[R]. logprobs[t] is that of token t under the
// distribution it was sampled from (same temperature); values[t] is the value of the state before token t is chosen.
// Sources are named in ppo_conventions.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../base/elementary.h"
#include "ppo_conventions.h"

namespace cai {

inline void check_ragged(const std::vector<int32_t>& offsets, size_t tokens, const char* what) {
    expects(!offsets.empty() && offsets.front() == 0 && static_cast<size_t>(offsets.back()) == tokens &&
                std::is_sorted(offsets.begin(), offsets.end()),
            what, ": offsets must rise from 0 to the number of tokens, ", tokens);
}

inline void check_finite(double x, const char* what, size_t index) {
    if (!std::isfinite(x)) {
        fail(kDiverged, what, " is ", x, " at token ", index, "; lower the learning rate or raise the KL coefficient");
    }
}

// The preference model's score of one response, clipped to ±score_clip, then penalised if the response never stopped
// ([OAI] and [N+] replace, TRL subtracts).
inline double shape_score(double score, bool stopped, const PpoOptions& options) {
    if (options.score_clip > 0) score = std::clamp(score, -options.score_clip, options.score_clip);
    if (stopped || options.missing_end == MissingEnd::none) return score;
    return options.missing_end == MissingEnd::replace ? -options.missing_end_penalty
                                                      : score - options.missing_end_penalty;
}

// Estimates KL(policy || reference) from one token drawn from the policy
// (Schulman, "Approximating KL Divergence", 2020):
// k1 = log p - log ref      k2 = k1² / 2      k3 = exp(-k1) - 1 + k1      abs = |k1|
// k1 is unbiased and may be negative at a token; k3 is unbiased and never negative; k2 and abs are biased.
inline double kl_term(KlEstimator estimator, double logprob, double reference_logprob) {
    double k1 = logprob - reference_logprob;
    switch (estimator) {
        case KlEstimator::k2:
            return 0.5 * k1 * k1;
        case KlEstimator::k3:
            return elementary::expm1(-k1) + k1;
        case KlEstimator::abs:
            return std::abs(k1);
        default:
            return k1;
    }
}

// A token's KL as the options have it: estimated, and bounded by kl_clip.
inline double token_kl(double logprob, double reference_logprob, const PpoOptions& options) {
    const double kl = kl_term(options.kl_estimator, logprob, reference_logprob);
    return options.kl_clip > 0 ? std::clamp(kl, -options.kl_clip, options.kl_clip) : kl;
}

// Its derivative with respect to the log-probability: 0 where kl_clip is active.
inline double token_kl_slope(double logprob, double reference_logprob, const PpoOptions& options) {
    const double k1 = logprob - reference_logprob;
    if (options.kl_clip > 0 && std::abs(kl_term(options.kl_estimator, logprob, reference_logprob)) > options.kl_clip)
        return 0;
    switch (options.kl_estimator) {
        case KlEstimator::k2:
            return k1;
        case KlEstimator::k3:
            return -elementary::expm1(-k1);
        case KlEstimator::abs:
            return k1 > 0 ? 1 : k1 < 0 ? -1 : 0;
        default:
            return 1;
    }
}

// r_t = -beta · kl_t, plus the score at the response's last token ([HH] §4.1, per token as in [OAI]). With
// KlPlacement::loss the KL is no part of the reward.
// scores (R), logprobs and reference_logprobs (T) -> (T).
// Errors: a response without tokens (nothing to carry its score); kDiverged when a reward is not finite.
inline std::vector<double> token_rewards(const std::vector<double>& scores, const std::vector<float>& logprobs,
                                         const std::vector<float>& reference_logprobs,
                                         const std::vector<int32_t>& offsets, double beta, const PpoOptions& options) {
    check_ragged(offsets, logprobs.size(), "token_rewards");
    expects(reference_logprobs.size() == logprobs.size() && scores.size() + 1 == offsets.size(),
            "token_rewards: ", scores.size(), " scores and ", reference_logprobs.size(),
            " reference log-probabilities for ", offsets.size() - 1, " responses of ", logprobs.size(), " tokens");
    std::vector<double> rewards(logprobs.size());
    for (size_t s = 0; s < scores.size(); s++) {
        size_t begin = offsets[s], end = offsets[s + 1];
        expects(begin < end, "token_rewards: response ", s, " has no tokens; drop it before scoring");
        if (options.kl_placement != KlPlacement::loss)
            for (size_t t = begin; t < end; t++)
                rewards[options.kl_placement == KlPlacement::every_token ? t : end - 1] -=
                    beta * token_kl(logprobs[t], reference_logprobs[t], options);
        rewards[end - 1] += scores[s];
        for (size_t t = begin; t < end; t++) check_finite(rewards[t], "the reward", t);
    }
    return rewards;
}

// KL(policy || reference) of a whole response, in nats: the sum of its tokens' k1, averaged over responses. This is the
// figure that papers quote and that kl_target refers to. 0 for an empty batch.
inline double mean_sequence_kl(const std::vector<float>& logprobs, const std::vector<float>& reference_logprobs,
                               const std::vector<int32_t>& offsets) {
    check_ragged(offsets, logprobs.size(), "mean_sequence_kl");
    expects(reference_logprobs.size() == logprobs.size(), "mean_sequence_kl: ", reference_logprobs.size(),
            " reference log-probabilities for ", logprobs.size(), " tokens");
    double sum = 0;
    for (size_t t = 0; t < logprobs.size(); t++) sum += kl_term(KlEstimator::k1, logprobs[t], reference_logprobs[t]);
    return offsets.size() > 1 ? sum / static_cast<double>(offsets.size() - 1) : 0;
}

// The next beta, after `responses` responses with a mean KL of `kl` nats (Ziegler et al. 2019 §2.2, as [OAI] codes it):
//   e = clip(kl / target - 1, ±0.2)      beta <- beta · (1 + e · responses / horizon)
inline double adapt_kl_coefficient(double beta, double kl, size_t responses, const PpoOptions& options) {
    if (options.kl_target <= 0) return beta;
    double error = std::clamp(kl / options.kl_target - 1, -0.2, 0.2);
    return beta * (1 + error * static_cast<double>(responses) / options.kl_horizon);
}

}  // namespace cai

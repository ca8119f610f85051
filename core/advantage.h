// The pure mathematics of PPO and of the preference model: from scores and log-probabilities to rewards, advantages,
// losses and gradients. No model: what comes from or goes to one is float, all between is double. What there is for each
// token or pair is computed by the device's kernels.
//
// A batch of R responses lies end to end without padding: response s holds the tokens offsets[s] .. offsets[s+1]-1, its
// stop token included, and T = offsets[R]. logprobs[t] is that of token t under the distribution it was sampled from
// (same temperature); values[t] judges the state in which it was chosen, before the token.
//
// Sources: [PPO] Schulman et al. 2017, 1707.06347; [GAE] Schulman et al. 2016, 1506.02438; [HH] Bai et al. 2022,
// 2204.05862; [CAI] Bai et al. 2022, 2212.08073; [OAI] openai/lm-human-preferences; [N+] Huang et al. 2024, 2403.17031.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "expects.h"
#include "kernels.h"
#include "memory.h"

namespace cai {

// ---- Options. Each enum is followed by its values' names on the command line, in the same order. ----

enum class KlEstimator { k1, k2, k3, abs };
inline constexpr const char* kKlEstimators[] = {"k1", "k2", "k3", "abs"};

enum class KlPlacement { every_token, last_token };
inline constexpr const char* kKlPlacements[] = {"every_token", "last_token"};

enum class Whitening { none, batch, minibatch };
inline constexpr const char* kWhitenings[] = {"none", "batch", "minibatch"};

enum class Variance { biased, bessel };
inline constexpr const char* kVariances[] = {"biased", "bessel"};

enum class Aggregation { token_mean, sequence_mean };
inline constexpr const char* kAggregations[] = {"token_mean", "sequence_mean"};

enum class MissingEnd { none, subtract, replace };
inline constexpr const char* kMissingEnds[] = {"none", "subtract", "replace"};

// parse_choice<KlEstimator>(kKlEstimators, "--kl-estimator", "k3"). Errors: kUsage, listing the values there are.
template <class Enum, size_t N>
Enum parse_choice(const char* const (&names)[N], std::string_view option, std::string_view value) {
    std::string known;
    for (size_t i = 0; i < N; i++) {
        if (value == names[i]) return static_cast<Enum>(i);
        known += (i ? ", " : "") + std::string(names[i]);
    }
    fail(kUsage, option, " has no value \"", value, "\"; choose one of: ", known);
}

// The conventions of the reward, the advantages and the losses on which papers and libraries differ; what else they differ
// in is fixed here and listed below the table. The papers ([HH], which [CAI] follows) fix gamma, clip_ratio,
// kl_coefficient = .001 and the absence of an entropy bonus; the rest they leave open: defaults are the commonest.
//
// option                values (0 = off)         default      who uses what
// kl_coefficient        beta at the start        .05          HH .001, OpenRLHF and NeMo .01, N+ and TRL .05, DSC .1,
//                                                             OAI .15; tiny networks need .05 to .2
// kl_estimator          k1 k2 k3 abs             k1           OAI, N+, TRL, DSC, OpenRLHF, verl k1; NeMo abs
// kl_placement          every_token last_token   every_token  all libraries every token; HH's "each response is a
//                                                             timestep" reads as the sum on the last token
// kl_clip               bound on |kl| per token  0            OpenRLHF 10, verl 10 (k3 only)
// kl_target             sequence KL to hold      0            OAI and TRL 0.11 adapt beta towards 6; others keep it
// kl_horizon            in responses             10000        OAI, TRL 0.11
// score_clip            bound on |score|         0            DSC 5, OpenRLHF 10
// missing_end           none subtract replace    none         responses without a stop token: OAI and N+ replace the
// missing_end_penalty   P                        1            score by -P = -1, TRL can subtract P; others none
// whiten_rewards        false true               false        OAI true (mean kept); N+ found it harmful
// advantage_whitening   none batch minibatch     batch        DSC none; OAI minibatch; all others batch
// variance              biased bessel            biased       OAI, N+, OpenRLHF biased; TRL, verl Bessel's n - 1
// whiten_epsilon        inside the square root   1e-8         OAI
// gamma                 discount per token       1            all
// lambda                GAE                      .95          OpenRLHF, verl 1; all others .95
// clip_ratio            epsilon                  .2           all
// dual_clip             c > 1                    0            verl 3
// clip_value            c                        .2           OpenRLHF, verl .5; all others .2
// value_coefficient     of the value loss        .1           OAI, N+, TRL .1; a value model of its own makes it moot
// aggregation           token_mean sequence_mean token_mean   OAI, DSC, OpenRLHF, verl tokens; N+ and TRL tokens of
//                                                             each microbatch: at N+'s one response in each, sequences
// target_kl             stop an epoch above 1.5x 0            TRL 0.11 optional; all others never stop early
//
// Fixed here              ours                            others
// temperature             1                               OAI, N+ and TRL .7; OpenRLHF, verl and NeMo 1
// score's centre          mean of the answers that the    HH the mean of held-out ones; OAI mean and deviation; N+ the
//                         preference model trained on     mean of the reference answers
// value model             its own network, from the       OAI a head on the policy's trunk, from 0; N+, DSC, OpenRLHF and
//                         preference model                NeMo as ours
// learning rates          linear fall to 0, no warm-up,   OAI and TRL linear to 0; N+ and DSC cosine; OpenRLHF warm-up of
//                         one value an iteration          3 %, then cosine to a tenth; verl constant
// gradient clipping       norm 1, each model its own      DSC, OpenRLHF, verl and NeMo 1; OAI, N+ and TRL none
// Adam's eps              1e-6, added to the root of the  N+ 1e-5; OAI 1e-5 in TensorFlow's place, where the first
//                         corrected v, as in PyTorch      steps become smaller
// Adam's betas, decay     .9 and .95, none                DSC and OpenRLHF .9, .95; verl .9, .999, .01; NeMo .9, .98, .1
//
// Not offered: an entropy bonus. No paper above uses one, nor any library by default; the KL to the reference already
// holds the policy's entropy up, and a bonus would move the optimum away from ref · exp(score / beta). Entropy is only
// logged. Nor a place for the score other than the last token: TRL's and N+'s "one after the stop token" is a pad,
// which a ragged batch does not have.
struct PpoOptions {
    double kl_coefficient = 0.05;
    KlEstimator kl_estimator = KlEstimator::k1;
    KlPlacement kl_placement = KlPlacement::every_token;
    double kl_clip = 0;
    double kl_target = 0;
    double kl_horizon = 10000;
    double score_clip = 0;
    MissingEnd missing_end = MissingEnd::none;
    double missing_end_penalty = 1;
    bool whiten_rewards = false;
    Whitening advantage_whitening = Whitening::batch;
    Variance variance = Variance::biased;
    double whiten_epsilon = 1e-8;
    double gamma = 1;
    double lambda = 0.95;
    double clip_ratio = 0.2;
    double dual_clip = 0;
    double clip_value = 0.2;
    double value_coefficient = 0.1;
    Aggregation aggregation = Aggregation::token_mean;
    double target_kl = 0;
};

// Errors: kUsage, for a value outside its range.
inline void check(const PpoOptions& o) {
    auto require = [](bool ok, const char* option, double value, const char* range) {
        if (!ok) fail(kUsage, "PPO option ", option, " is ", value, "; it must be ", range);
    };
    require(o.kl_coefficient >= 0, "kl_coefficient", o.kl_coefficient, "at least 0");
    require(o.kl_clip >= 0, "kl_clip", o.kl_clip, "at least 0 (0: off)");
    require(o.kl_target >= 0, "kl_target", o.kl_target, "at least 0 (0: off)");
    require(o.kl_horizon > 0, "kl_horizon", o.kl_horizon, "above 0");
    require(o.score_clip >= 0, "score_clip", o.score_clip, "at least 0 (0: off)");
    require(o.missing_end_penalty >= 0, "missing_end_penalty", o.missing_end_penalty, "at least 0");
    require(o.whiten_epsilon > 0, "whiten_epsilon", o.whiten_epsilon, "above 0");
    require(o.gamma > 0 && o.gamma <= 1, "gamma", o.gamma, "in (0, 1]");
    require(o.lambda >= 0 && o.lambda <= 1, "lambda", o.lambda, "in [0, 1]");
    require(o.clip_ratio >= 0 && o.clip_ratio < 1, "clip_ratio", o.clip_ratio, "in [0, 1) (0: off)");
    require(o.dual_clip == 0 || o.dual_clip > 1, "dual_clip", o.dual_clip, "0 (off) or above 1");
    require(o.clip_value >= 0, "clip_value", o.clip_value, "at least 0 (0: off)");
    require(o.value_coefficient >= 0, "value_coefficient", o.value_coefficient, "at least 0");
    require(o.target_kl >= 0, "target_kl", o.target_kl, "at least 0 (0: off)");
}

// The conventions of another implementation, for a comparison number by number (the columns of the table above).
// Errors: kUsage, for a name not listed here.
inline PpoOptions like(std::string_view library) {
    PpoOptions o;
    if (library == "hh") {
        o.kl_coefficient = 0.001;
    } else if (library == "oai") {
        o.kl_coefficient = 0.15, o.kl_target = 6, o.whiten_rewards = true;
        o.advantage_whitening = Whitening::minibatch, o.missing_end = MissingEnd::replace;
    } else if (library == "n+") {
        o.missing_end = MissingEnd::replace, o.aggregation = Aggregation::sequence_mean;
    } else if (library == "trl") {
        o.variance = Variance::bessel;
    } else if (library == "dsc") {
        o.kl_coefficient = 0.1, o.advantage_whitening = Whitening::none, o.score_clip = 5;
    } else if (library == "openrlhf") {
        o.kl_coefficient = 0.01, o.kl_clip = 10, o.lambda = 1, o.clip_value = 0.5, o.score_clip = 10;
    } else if (library == "verl") {  // its .001 counts only once KL in the reward is switched on
        o.kl_coefficient = 0, o.lambda = 1, o.clip_value = 0.5, o.dual_clip = 3, o.variance = Variance::bessel;
    } else if (library == "nemo") {
        o.kl_coefficient = 0.01, o.kl_estimator = KlEstimator::abs;
    } else if (library != "cai") {
        fail(kUsage, "no PPO conventions named \"", library,
             "\"; choose one of: cai, hh, oai, n+, trl, dsc, openrlhf, verl, nemo");
    }
    return o;
}

// ---- Rewards ----

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

// The reward model's score of one response, clipped to ±score_clip, then docked if the response never stopped
// ([OAI] and [N+] replace, TRL subtracts).
inline double shape_score(double score, bool stopped, const PpoOptions& options) {
    if (options.score_clip > 0) score = std::clamp(score, -options.score_clip, options.score_clip);
    if (stopped || options.missing_end == MissingEnd::none) return score;
    return options.missing_end == MissingEnd::replace ? -options.missing_end_penalty
                                                      : score - options.missing_end_penalty;
}

// One token's estimate of KL(policy || reference), the token drawn from the policy (Schulman, "Approximating KL
// Divergence", 2020):  k1 = log p - log ref   k2 = k1² / 2   k3 = exp(-k1) - 1 + k1   abs = |k1|
// k1 is unbiased and may be negative at a token; k3 is unbiased and never negative; k2 and abs are biased.
inline double kl_term(KlEstimator estimator, double logprob, double reference_logprob) {
    double k1 = logprob - reference_logprob;
    switch (estimator) {
        case KlEstimator::k2:
            return 0.5 * k1 * k1;
        case KlEstimator::k3:
            return std::expm1(-k1) + k1;
        case KlEstimator::abs:
            return std::abs(k1);
        default:
            return k1;
    }
}

// r_t = -beta · kl_t, plus the score at the response's last token ([HH] §4.1, per token as in [OAI]).
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
        for (size_t t = begin; t < end; t++) {
            double kl = kl_term(options.kl_estimator, logprobs[t], reference_logprobs[t]);
            if (options.kl_clip > 0) kl = std::clamp(kl, -options.kl_clip, options.kl_clip);
            rewards[options.kl_placement == KlPlacement::every_token ? t : end - 1] -= beta * kl;
        }
        rewards[end - 1] += scores[s];
        for (size_t t = begin; t < end; t++) check_finite(rewards[t], "the reward", t);
    }
    return rewards;
}

// KL(policy || reference) of a whole response, in nats: the sum of its tokens' k1, averaged over responses.
// The figure papers quote, and the one kl_target is compared with. 0 for an empty batch.
inline double mean_sequence_kl(const std::vector<float>& logprobs, const std::vector<float>& reference_logprobs,
                               const std::vector<int32_t>& offsets) {
    check_ragged(offsets, logprobs.size(), "mean_sequence_kl");
    expects(reference_logprobs.size() == logprobs.size(), "mean_sequence_kl: ", reference_logprobs.size(),
            " reference log-probabilities for ", logprobs.size(), " tokens");
    double sum = 0;
    for (size_t t = 0; t < logprobs.size(); t++) sum += kl_term(KlEstimator::k1, logprobs[t], reference_logprobs[t]);
    return offsets.size() > 1 ? sum / static_cast<double>(offsets.size() - 1) : 0;
}

// The next beta, after `responses` responses diverged by `kl` nats each (Ziegler et al. 2019 §2.2, as [OAI] codes it):
//   e = clip(kl / target - 1, ±0.2)      beta <- beta · (1 + e · responses / horizon)
inline double adapt_kl_coefficient(double beta, double kl, size_t responses, const PpoOptions& options) {
    if (options.kl_target <= 0) return beta;
    double error = std::clamp(kl / options.kl_target - 1, -0.2, 0.2);
    return beta * (1 + error * static_cast<double>(responses) / options.kl_horizon);
}

// ---- Advantages ----

// In place: x <- (x - mean) / sqrt(var + epsilon), the mean added back unless shift_mean ([OAI] `whiten`).
// Equal values become 0, and a single value has variance 0 under either convention.
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

// Generalized advantage estimation ([GAE] eq. 16), backwards within each response; the value after its last token is 0,
// for the episode is over:
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

// A rollout's whole path: rewards, whitened if asked, GAE, advantages whitened over the batch if asked. Returns are
// taken before the advantages are whitened. With Whitening::minibatch the caller whitens each minibatch's own.
inline Advantages estimate_advantages(const Kernels& kernels, const std::vector<double>& scores,
                                      const std::vector<float>& logprobs,
                                      const std::vector<float>& reference_logprobs, const std::vector<float>& values,
                                      const std::vector<int32_t>& offsets, double beta, const PpoOptions& options) {
    std::vector<double> rewards = token_rewards(scores, logprobs, reference_logprobs, offsets, beta, options);
    if (options.whiten_rewards) whiten(rewards, options.variance, false, options.whiten_epsilon);
    Advantages out = gae(kernels, rewards, values, offsets, options);
    if (options.advantage_whitening == Whitening::batch) {
        whiten(out.advantages, options.variance, true, options.whiten_epsilon);
    }
    return out;
}

// ---- Losses ----

// Each token's weight in a loss = sum_t weight_t · loss_t. token_mean: 1 / tokens. sequence_mean: 1 / (responses ·
// length). For a microbatch pass the totals of the whole minibatch: losses and gradients then add up to the minibatch's
// own, however it is cut (0: the totals of these offsets).
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

// Everything but max_ratio_error is weighted by token_weights, so that microbatches add up.
struct PolicyLoss {
    double loss = 0;
    double approx_kl_k1 = 0;      // old - new: unbiased, may be negative
    double approx_kl_k2 = 0;      // ½ (new - old)², [OAI]'s approxkl: never negative
    double clip_fraction = 0;     // tokens whose gradient the clip removed
    double max_ratio_error = 0;   // max |ratio - 1|: exactly 0 before the first update, or sampler and trainer disagree
    std::vector<float> gradient;  // (T) d loss / d logprob
};

// Each token's loss is max(-A · ratio, -A · clip(ratio, 1 ± clip_ratio)), ratio = exp(logprob - old_logprob): the larger one,
// that is [PPO] eq. 7 with its sign turned. Its derivative is -A · ratio, the unclipped loss itself, or 0 where the clip
// decides. dual_clip c bounds the loss of a bad token, A < 0, at -A · c (Ye et al. 2020, 1912.09729).
// logprobs, old_logprobs, advantages, weights (T). Errors: kDiverged when a ratio is not a finite number.
inline PolicyLoss policy_loss(const Kernels& kernels, const std::vector<float>& logprobs, const std::vector<float>& old_logprobs,
                              const std::vector<double>& advantages, const std::vector<double>& weights,
                              const PpoOptions& options) {
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
        double change = static_cast<double>(logprobs[t]) - old_logprobs[t], ratio = std::exp(change);
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

// Each value's loss is ½ max((V - R)², (clip(V, V_old ± clip_value) - R)²), the larger one again, with [OAI]'s ½.
// values, old_values, returns, weights (T). Neither loss nor gradient holds value_coefficient: the caller multiplies.
// Errors: kDiverged when a value is not a finite number.
inline ValueLoss value_loss(const Kernels& kernels, const std::vector<float>& values, const std::vector<float>& old_values,
                            const std::vector<double>& returns, const std::vector<double>& weights,
                            const PpoOptions& options) {
    const size_t tokens = values.size();
    expects(old_values.size() == tokens && returns.size() == tokens && weights.size() == tokens, "value_loss: ", tokens,
            " values but ", old_values.size(), " old ones, ", returns.size(), " returns and ", weights.size(),
            " weights");
    Buffer<double> losses(kernels, tokens), gradients(kernels, tokens);
    kernels.value_loss(losses.data(), gradients.data(), uploaded(kernels, values).data(), uploaded(kernels, old_values).data(),
                       uploaded(kernels, returns).data(), tokens, options.clip_value);
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

// Whether to leave the epoch: approx_kl > 1.5 · target_kl (Spinning Up, TRL 0.11). Pass k2, which cannot be negative.
inline bool stop_early(double approx_kl, const PpoOptions& options) {
    return options.target_kl > 0 && approx_kl > 1.5 * options.target_kl;
}

// ---- The preference model ----

// 1 / (1 + e^-x), without overflow for any x.
inline double sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

// P(A) from the log-probabilities of the two answers, normalised over the two ([CAI] §4.1): sigma(log p_A - log p_B).
// One of them may be -infinity. Errors: both are, or either is NaN.
inline double preference(double logprob_a, double logprob_b) {
    double difference = logprob_a - logprob_b;
    expects(!std::isnan(difference), "preference: log-probabilities ", logprob_a, " and ", logprob_b,
            " of the two answers cannot be compared; check the judge's prompt");
    return sigmoid(difference);
}

// P(first response is preferred) from the P(A) of both orders: with the first response shown as A, and shown as B.
// The mean cancels a judge's liking for a position (Lee et al. 2023, 2309.00267); [CAI] does not do it.
inline double average_orders(double p_a_first_as_a, double p_a_first_as_b) {
    return 0.5 * (p_a_first_as_a + (1 - p_a_first_as_b));
}

// The label of a judge that reasons first, which is overconfident: [CAI] §4.1 clamps it to [0.4, 0.6].
inline double clamp_label(double p, double low, double high) {
    expects(0 <= low && low <= high && high <= 1, "clamp_label: bounds ", low, " and ", high, " do not lie in [0, 1]");
    return std::clamp(p, low, high);
}

// Soft-target cross-entropy of delta = score_A - score_B against the label p = P(A), and its derivative:
//   loss = -p log sigma(delta) - (1 - p) log sigma(-delta)      d loss / d delta = sigma(delta) - p
// [HH]'s loss at p = 1; [CAI] §4.1 for soft labels (the formula is not printed there). Smallest at delta = logit p,
// where it equals the label's entropy. Errors: p outside [0, 1].
// Scores (2n): A's and B's of each pair; labels (n) -> loss and derivative (n) of each pair.
struct PreferenceLoss {
    std::vector<double> loss, gradient;
};
inline PreferenceLoss preference_loss(const Kernels& kernels, const std::vector<float>& scores,
                                      const std::vector<double>& labels) {
    const size_t pairs = labels.size();
    expects(scores.size() == 2 * pairs, "preference_loss: ", scores.size(), " scores for ", pairs, " pairs");
    for (double p : labels) expects(p >= 0 && p <= 1, "preference_loss: the label ", p, " is not a probability");
    for (size_t i = 0; i < scores.size(); i++)
        if (!std::isfinite(scores[i])) fail(kDiverged, "the score of an answer is ", scores[i], "; lower the learning rate");
    Buffer<double> losses(kernels, pairs), gradients(kernels, pairs);
    kernels.preference_loss(losses.data(), gradients.data(), uploaded(kernels, scores).data(),
                            uploaded(kernels, labels).data(), pairs);
    return {losses.download(), gradients.download()};
}

// H(p) = -p log p - (1 - p) log(1 - p), in nats: the floor of preference_loss. Report loss - H(p).
inline double label_entropy(double p) {
    auto term = [](double q) { return q > 0 ? -q * std::log(q) : 0; };
    return term(p) + term(1 - p);
}

}  // namespace cai

// The conventions of PPO on which papers and libraries differ, who uses what, and the presets of --like.
//
// Sources: [PPO] Schulman et al. 2017, 1707.06347; [GAE] Schulman et al. 2016, 1506.02438; [HH] Bai et al. 2022,
// 2204.05862; [CAI] Bai et al. 2022, 2212.08073; [OAI] openai/lm-human-preferences; [N+] Huang et al. 2024, 2403.17031.
#pragma once
#include <string>
#include <string_view>

#include "../base/error.h"

namespace cai {

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
inline void validate(const PpoOptions& o) {
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

}  // namespace cai

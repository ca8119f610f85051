// The conventions of PPO and of its relatives RLOO and GRPO on which papers and libraries differ, who uses which, and
// the presets of --like.
//
// Sources: [PPO] Schulman et al. 2017, 1707.06347; [GAE] Schulman et al. 2016, 1506.02438; [HH] Bai et al. 2022,
// 2204.05862; [CAI] Bai et al. 2022, 2212.08073; [OAI] openai/lm-human-preferences; [N+] Huang et al. 2024, 2403.17031;
// [RLOO] Ahmadian et al. 2024, 2402.14740; [GRPO] Shao et al. 2024, 2402.03300. TRL stands for the PPOTrainer that it
// had up to 1.12.0 (1.13.0 removed it); RLOO and GRPO are those of TRL 1.16.0.
#pragma once
#include <string>
#include <string_view>

#include "../base/error.h"

namespace cai {

enum class KlEstimator { k1, k2, k3, abs };
inline constexpr const char* kKlEstimators[] = {"k1", "k2", "k3", "abs"};

enum class KlPlacement { every_token, last_token, loss };
inline constexpr const char* kKlPlacements[] = {"every_token", "last_token", "loss"};

enum class AdvantageEstimator { gae, leave_one_out, group };
inline constexpr const char* kAdvantageEstimators[] = {"gae", "leave_one_out", "group"};

enum class Ratio { token, sequence };
inline constexpr const char* kRatios[] = {"token", "sequence"};

enum class Whitening { none, batch, minibatch };
inline constexpr const char* kWhitenings[] = {"none", "batch", "minibatch"};

enum class Variance { biased, bessel };
inline constexpr const char* kVariances[] = {"biased", "bessel"};

enum class Aggregation { token_mean, sequence_mean };
inline constexpr const char* kAggregations[] = {"token_mean", "sequence_mean"};

enum class MissingEnd { none, subtract, replace };
inline constexpr const char* kMissingEnds[] = {"none", "subtract", "replace"};

// The conventions of the reward, the advantages and the losses on which papers and libraries differ; other differences
// are fixed here and listed below the table. The papers ([HH], which [CAI] follows) fix gamma, clip_ratio,
// kl_coefficient = .001 and the absence of an entropy bonus, and leave the rest open. Defaults are the most common
// choice, except for kl_coefficient. On the command line kl_coefficient is --ppo-kl-coefficient, and so on.
//
// option                values (0 = off)         default      who uses what
// kl_coefficient        beta at the start        .3           verl and GRPO 0, HH .001, OpenRLHF and NeMo .01, N+, TRL
//                                                             and RLOO .05, DSC .1, OAI .15; ours: at .05 a model this
//                                                             small garbles one refusal in ten, and at .2 refusals
//                                                             spread
// kl_estimator          k1 k2 k3 abs             k1           OAI, N+, TRL, DSC, OpenRLHF, verl, RLOO k1; NeMo abs;
//                                                             GRPO k3
// kl_placement          every_token last_token   every_token  all libraries every token; HH's "each response is a
//                       loss                                  timestep" reads as the sum on the last token, and RLOO's
//                                                             is; GRPO adds beta · ratio · KL to each token's loss
// kl_clip               bound on |kl| per token  0            OpenRLHF 10, verl 10 (k3 only)
// kl_target             target for sequence KL   0            OAI and TRL 0.11 adapt beta towards 6; others keep it
// kl_horizon            in responses             10000        OAI, TRL 0.11
// score_clip            bound on |score|         0            DSC 5, OpenRLHF 10
// missing_end           none subtract replace    none         responses without a stop token: OAI and N+ replace the
// missing_end_penalty   P                        1            score by -P = -1, TRL can subtract P; others none
// whiten_rewards        false true               false        OAI true (mean kept); N+ found it harmful
// advantage_estimator   gae leave_one_out group  gae          RLOO leave_one_out, GRPO group; all others gae
// group_size            answers to one prompt    1            RLOO 2, GRPO 8
// advantage_whitening   none batch minibatch     batch        DSC, RLOO, GRPO none; OAI minibatch; all others batch
// variance              biased bessel            biased       OAI, N+, OpenRLHF biased; TRL, verl, RLOO, GRPO Bessel's
//                                                             n - 1
// whiten_epsilon        inside the square root   1e-8         OAI
// gamma                 discount per token       1            all
// lambda                GAE                      .95          OpenRLHF, verl 1; all others .95
// ratio                 token sequence           token        RLOO sequence: one ratio and one loss for each response
// clip_ratio            epsilon                  .2           all
// dual_clip             c > 1                    0            verl 3
// clip_value            c                        .2           OpenRLHF, verl .5; all others .2
// value_coefficient     of the value loss        .1           OAI, N+, TRL .1; a value model of its own makes it moot
// aggregation           token_mean sequence_mean token_mean   OAI, DSC, OpenRLHF, verl, GRPO ("dapo") tokens; RLOO
//                                                             sequences; N+ and TRL tokens of each microbatch: at N+'s
//                                                             one response in each, sequences
// target_kl             stop an epoch above 1.5x 0            TRL 0.11 optional; all others never stop early
//
// Fixed here              ours                            others
// temperature             1                               OAI, N+ and TRL .7; OpenRLHF, verl and NeMo 1
// score's centre          mean of the answers that the    HH the mean of held-out ones; OAI mean and deviation; N+ the
//                         preference model trained on     mean of the reference answers
// value model             its own network, from the       OAI a head on the policy's trunk, from 0; N+, DSC, OpenRLHF
//                         preference model                and NeMo as ours; RLOO and GRPO have none, here too
// steps of a batch        --ppo-epochs times              TRL 4 and 1, RLOO and GRPO 1 and 1: there the ratio is always
//                         --ppo-minibatches               1, and nothing is clipped
// learning rates          linear fall to 0, no warm-up,   OAI and TRL linear to 0; N+ and DSC cosine; OpenRLHF warm-up
//                         one value per iteration         of 3 %, then cosine to a tenth; verl constant
// gradient clipping       norm 1, each model its own      DSC, OpenRLHF, verl and NeMo 1; OAI, N+ and TRL none
// Adam's eps              1e-6, added to the root of the  N+ 1e-5; OAI 1e-5 in TensorFlow's place, where the first
//                         corrected v, as in PyTorch      steps become smaller
// Adam's betas, decay     .9 and .95, none                DSC, OpenRLHF .9, .95; verl .9, .999, .01; NeMo .9, .98, .1
//
// Not offered: an entropy bonus. No paper above uses one, nor does any library by default; the KL to the reference
// already keeps the policy's entropy up, and a bonus would move the optimum away from ref · exp(score / beta). Entropy
// is only logged. Also not offered: a score anywhere but on the last token. TRL and N+ put it one after the stop token,
// on padding, which a ragged batch does not have.
struct PpoOptions {
    double kl_coefficient = 0.3;
    KlEstimator kl_estimator = KlEstimator::k1;
    KlPlacement kl_placement = KlPlacement::every_token;
    double kl_clip = 0;
    double kl_target = 0;
    double kl_horizon = 10000;
    double score_clip = 0;
    MissingEnd missing_end = MissingEnd::none;
    double missing_end_penalty = 1;
    bool whiten_rewards = false;
    AdvantageEstimator advantage_estimator = AdvantageEstimator::gae;
    size_t group_size = 1;
    Whitening advantage_whitening = Whitening::batch;
    Variance variance = Variance::biased;
    double whiten_epsilon = 1e-8;
    double gamma = 1;
    double lambda = 0.95;
    Ratio ratio = Ratio::token;
    double clip_ratio = 0.2;
    double dual_clip = 0;
    double clip_value = 0.2;
    double value_coefficient = 0.1;
    Aggregation aggregation = Aggregation::token_mean;
    double target_kl = 0;
    bool operator==(const PpoOptions&) const = default;

    // Whether advantages come from a value model; otherwise the other answers to the same prompt are the baseline.
    bool has_value_model() const { return advantage_estimator == AdvantageEstimator::gae; }
};

// The conventions of another implementation (see the tables above), to compare results number by number; "cai" names
// the defaults. Errors: kUsage, for an unknown name.
inline PpoOptions like(std::string_view library) {
    if (library == "cai") return {};
    if (library == "hh") return {.kl_coefficient = 0.001, .kl_placement = KlPlacement::last_token};
    if (library == "oai")
        return {.kl_coefficient = 0.15, .kl_target = 6, .missing_end = MissingEnd::replace, .whiten_rewards = true,
                .advantage_whitening = Whitening::minibatch};
    if (library == "n+")
        return {.kl_coefficient = 0.05, .missing_end = MissingEnd::replace, .aggregation = Aggregation::sequence_mean};
    if (library == "trl") return {.kl_coefficient = 0.05, .variance = Variance::bessel};
    if (library == "dsc") return {.kl_coefficient = 0.1, .score_clip = 5, .advantage_whitening = Whitening::none};
    if (library == "openrlhf")
        return {.kl_coefficient = 0.01, .kl_clip = 10, .score_clip = 10, .lambda = 1, .clip_value = 0.5};
    if (library == "verl")  // its .001 applies only once KL in the reward is switched on
        return {.kl_coefficient = 0, .variance = Variance::bessel, .lambda = 1, .dual_clip = 3, .clip_value = 0.5};
    if (library == "nemo") return {.kl_coefficient = 0.01, .kl_estimator = KlEstimator::abs};
    if (library == "rloo")
        return {.kl_coefficient = 0.05, .kl_placement = KlPlacement::last_token,
                .advantage_estimator = AdvantageEstimator::leave_one_out, .group_size = 2,
                .advantage_whitening = Whitening::none, .variance = Variance::bessel, .ratio = Ratio::sequence,
                .aggregation = Aggregation::sequence_mean};
    if (library == "grpo")
        return {.kl_coefficient = 0, .kl_estimator = KlEstimator::k3, .kl_placement = KlPlacement::loss,
                .advantage_estimator = AdvantageEstimator::group, .group_size = 8,
                .advantage_whitening = Whitening::none, .variance = Variance::bessel};
    fail(kUsage, "option --like: there are no conventions of \"", library,
         "\"; choose one of: cai, hh, oai, n+, trl, dsc, openrlhf, verl, nemo, rloo, grpo");
}

}  // namespace cai

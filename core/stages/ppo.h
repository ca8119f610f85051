// RL-CAI: proximal policy optimization (Schulman et al. 2017) of SL-CAI against the preference model, with a KL penalty
// that keeps it close to SL-CAI (Bai et al. 2022, section 4.2, which follows arXiv 2204.05862, section 4). In each
// iteration the policy answers prompts, the answers are scored, each token's advantage is estimated, and the policy and
// the value model are updated a few times. The formulas are in method/ppo_rewards.h, ppo_advantages.h and ppo_losses.h.
// RLOO and GRPO (--like rloo, --like grpo) are the same loop with several answers to a prompt in place of a value
// model.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../base/elementary.h"
#include "../io/run_directory.h"
#include "../method/ppo_losses.h"
#include "../method/resumable_loop.h"
#include "../method/rollouts.h"
#include "../nn/learning_rate.h"
#include "../nn/train_step.h"
#include "../world/prompts.h"

namespace cai {

struct PpoControl {
    // Both learning rates fall linearly to this fraction of their peak. 0, as in OAI, N+ and TRL: iteration i of n,
    // counted from 0, uses (1 - i / n) of the peak, so the last one still learns, at 1 / n. 1: constant, as in verl.
    float final_fraction = 0;
    double save_every_seconds = 60;  // how often the resumable state is saved
};

// A model with its optimizer and gradients. No weight decay: it would pull the policy away from the reference.
struct Learner {
    Model model;
    Optimizer optimizer;
    Gradients gradients;

    Learner(Model initial, MatrixUpdate matrix_update)
        : model(std::move(initial)), optimizer(model, matrix_update), gradients(model) {
        optimizer.weight_decay = 0;
    }
};

// Means over the minibatches of one iteration.
struct UpdateMeans {
    double policy_loss = 0, value_loss = 0, approx_kl = 0, clip_fraction = 0, value_clip_fraction = 0, entropy = 0;
    double ratio = 0, ratio_variance = 0;  // the variance is over minibatches, with Bessel's correction, as in TRL
    size_t minibatches = 0;
};

// Runs the epochs over the rollouts, in minibatches of whole rollouts, shuffled by (seed, iteration, epoch). Each
// minibatch takes one forward and backward pass of the policy and one of the value model, if there is one. Once
// options.target_kl is exceeded, the remaining minibatches are skipped. Errors: kDiverged; and a probability ratio
// other than exactly 1 in the first minibatch: the policy is still the one that sampled, so the trainer must compute
// the same distribution.
inline UpdateMeans update_on_rollouts(Learner& policy, std::optional<Learner>& value, const Rollouts& r,
                                      size_t iteration, double beta, const Recipe& recipe, float rate_fraction,
                                      Activations& activations) {
    const PpoOptions& options = recipe.ppo.options;
    const size_t parts = static_cast<size_t>(recipe.ppo.minibatches);
    UpdateMeans means;
    std::vector<double> ratios;
    std::vector<size_t> order(r.size());
    std::iota(order.begin(), order.end(), size_t{0});
    Rng rng(recipe.seed, mix(stream("ppo minibatches"), iteration));
    bool stopped = false;
    for (int epoch = 0; epoch < recipe.ppo.epochs && !stopped; epoch++) {
        rng.shuffle(order);
        for (size_t part = 0; part < parts; part++) {
            const std::vector<size_t> chosen = part_of(order, part, parts);
            const Batch batch = rollout_batch(r, chosen);
            std::vector<int32_t> offsets{0};
            for (size_t s : chosen) offsets.push_back(offsets.back() + static_cast<int32_t>(r.length(s)));
            const std::vector<double> weights = token_weights(offsets, options);

            // 1. The policy.
            const std::vector<float> old_logprobs = choose(r.logprobs, r, chosen);
            std::vector<double> advantages = choose(r.estimate.advantages, r, chosen);
            if (options.advantage_whitening == Whitening::minibatch)
                whiten(advantages, options.variance, true, options.whiten_epsilon);
            const std::vector<float> reference_logprobs = choose(r.reference_logprobs, r, chosen);
            PolicyLoss policy_out;
            double ratio = 0, entropy = 0;
            const Loss loss_of_policy = [&](const Outputs& outputs) -> std::optional<std::vector<float>> {
                policy_out = response_policy_loss(*policy.model.kernels, outputs.logprobs, old_logprobs,
                                                  reference_logprobs, advantages, offsets, beta, options);
                expects(means.minibatches > 0 || policy_out.max_ratio_error == 0,
                        "before the first update the trainer's log-probabilities must equal the sampler's, but a ",
                        "probability ratio is off 1 by ", policy_out.max_ratio_error,
                        "; a kernel computes a row differently in another batch: run `make test`");
                if (stop_early(policy_out.approx_kl_k2, options)) return {};
                for (size_t t = 0; t < weights.size(); t++) {
                    ratio += weights[t] * elementary::exp(static_cast<double>(outputs.logprobs[t]) - old_logprobs[t]);
                    entropy += weights[t] * outputs.entropies[t];
                }
                return policy_out.gradient;
            };
            stopped = !train_step(policy.model, policy.gradients, batch, activations, loss_of_policy);
            if (stopped) break;
            policy.optimizer.update(policy.model, policy.gradients, rate_fraction * recipe.ppo.learning_rate);

            // 2. The value model. The optimizer cancels value_coefficient, except for its effect on clipping.
            ValueLoss value_out;
            if (value) {
                train_step(value->model, value->gradients, batch, activations, [&](const Outputs& outputs) {
                    value_out = value_loss(*value->model.kernels, outputs.scores, choose(r.values, r, chosen),
                                           choose(r.estimate.returns, r, chosen), weights, options);
                    for (float& gradient : value_out.gradient)
                        gradient *= static_cast<float>(options.value_coefficient);
                    return value_out.gradient;
                });
                value->optimizer.update(value->model, value->gradients,
                                        rate_fraction * recipe.ppo.value_learning_rate);
            }

            means.policy_loss += policy_out.loss, means.value_loss += value_out.loss;
            means.approx_kl += policy_out.approx_kl_k2, means.clip_fraction += policy_out.clip_fraction;
            means.value_clip_fraction += value_out.clip_fraction, means.entropy += entropy;
            ratios.push_back(ratio);
            means.minibatches++;
        }
    }
    const double n = static_cast<double>(std::max<size_t>(means.minibatches, 1));
    for (double* mean : {&means.policy_loss, &means.value_loss, &means.approx_kl, &means.clip_fraction,
                         &means.value_clip_fraction, &means.entropy})
        *mean /= n;
    for (double ratio : ratios) means.ratio += ratio / n;
    for (double ratio : ratios) means.ratio_variance += (ratio - means.ratio) * (ratio - means.ratio);
    means.ratio_variance /= n - 1;  // of a single minibatch 0 / 0, which is NaN: it has no variance
    return means;
}

// Reads sl-cai/ (policy and reference), preference-model/ (reward, and initial weights of the value model) and the
// "ppo" prompts; writes rl-cai/ and, if there is a value model, value-model/. The resumable state is in
// rl-cai.training/ meanwhile. Errors: kDiverged at the first number that is not finite.
inline void ppo(const Kernels& kernels, Run& run, const World& world, const Recipe& recipe,
                const std::string& fingerprint, const PpoControl& control = {}) {
    namespace fs = std::filesystem;
    const char* stage = "ppo";
    const PpoRecipe& o = recipe.ppo;
    for (auto [input, verb] :
         {std::pair{"sl-cai", "sft"}, {"preference-model", "reward"}, {"world/prompts.jsonl", "world"}})
        expects(fs::exists(find_checkpoint(run / input)), stage, " needs ", run / input,
                ", which is not there yet; run `cai ", verb, "` first");

    const Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    const Model reference = load_model(kernels, run / "sl-cai");
    const Model preference = load_model(kernels, run / "preference-model");
    const double score_mean = load_score_mean(run / "preference-model");
    expects(!reference.config.score_head && preference.config.score_head, run / "sl-cai",
            " must be a language model and preference-model a score model; run `cai reward` again");
    std::vector<std::string> prompts;
    for (Prompt& prompt : read_prompts(run / "world/prompts.jsonl", world, "ppo"))
        prompts.push_back(std::move(prompt.text));
    Learner policy(load_model(kernels, run / "sl-cai"), o.optimizer);
    const PpoOptions& p = o.options;
    std::optional<Learner> value;
    if (p.has_value_model()) value.emplace(load_model(kernels, run / "preference-model"), o.optimizer);
    Activations activations;

    double beta = p.kl_coefficient;
    ResumableLoop loop;
    loop.stage = stage, loop.unit = "iteration", loop.steps = o.iterations;
    loop.learning_rate = concat("--ppo-learning-rate ", o.learning_rate);
    loop.fingerprint = fingerprint;
    loop.directory = run / "rl-cai.training";
    loop.save_every_seconds = control.save_every_seconds;
    loop.step = [&](size_t iteration) {
        // 1. Rollouts.
        std::vector<std::string> dealt;
        for (size_t i : deal_prompts(prompts.size(), iteration, o.rollouts, recipe.seed, p.group_size))
            dealt.push_back(prompts[i]);
        Rollouts r = sample_rollouts(policy.model, tokenizer, std::move(dealt), iteration, recipe);
        judge_rollouts(r, reference, preference, value ? &value->model : nullptr, tokenizer, score_mean,
                       static_cast<size_t>(o.minibatches), activations);

        // 2. Rewards and advantages.
        std::vector<double> shaped;
        for (size_t s = 0; s < r.size(); s++) shaped.push_back(shape_score(r.scores[s], r.ended[s], p));
        r.estimate =
            estimate_advantages(kernels, shaped, r.logprobs, r.reference_logprobs, r.values, r.offsets, beta, p);

        // 3. Updates.
        const float rate_fraction = learning_rate_at(iteration, o.iterations, 1, 0, control.final_fraction);
        const UpdateMeans means =
            update_on_rollouts(policy, value, r, iteration, beta, recipe, rate_fraction, activations);

        // 4. Metrics. objective/* are sums over the tokens of a response, averaged over responses.
        const double n = static_cast<double>(r.size());
        const double score = std::accumulate(r.scores.begin(), r.scores.end(), 0.0) / n;
        const double shaped_score = std::accumulate(shaped.begin(), shaped.end(), 0.0) / n;
        const double kl = mean_sequence_kl(r.logprobs, r.reference_logprobs, r.offsets);
        const double entropy = -std::accumulate(r.logprobs.begin(), r.logprobs.end(), 0.0) / n;
        double penalty = 0;
        for (double reward :
             token_rewards(std::vector<double>(r.size(), 0), r.logprobs, r.reference_logprobs, r.offsets, beta, p))
            penalty += reward / n;
        const Monitors monitors = monitor(r);
        StepReport report{{{"score", score}, {"kl", kl}, {"entropy", means.entropy}}, {}, 0};
        for (const auto& sequence : r.sequences) report.tokens += sequence.size();
        report.metrics = {
            {"objective/kl", kl},
            {"objective/entropy", entropy},
            {"objective/scores", score},
            {"objective/non_score_reward", penalty},
            {"objective/rlhf_reward", shaped_score + penalty},
            {"objective/kl_coefficient", beta},
            {"policy/approxkl_avg", means.approx_kl},
            {"policy/clipfrac_avg", means.clip_fraction},
            {"policy/entropy_avg", means.entropy},
            {"loss/policy_avg", means.policy_loss},
            {"loss/value_avg", value ? means.value_loss : std::nan("")},  // null without a value model
            {"val/clipfrac_avg", value ? means.value_clip_fraction : std::nan("")},
            {"val/ratio", means.ratio},
            {"val/ratio_var", means.ratio_variance},
            {"val/num_eos_tokens", static_cast<double>(std::count(r.ended.begin(), r.ended.end(), true))},
            {"monitor/response_tokens", monitors.response_tokens},
            {"monitor/distinct_answers", monitors.distinct_share},
            {"monitor/common_opening", monitors.common_opening_share},
            {"lr", rate_fraction * o.learning_rate},
            {"episode", static_cast<double>((iteration + 1) * o.rollouts)}};
        beta = adapt_kl_coefficient(beta, kl, r.size(), p);
        return report;
    };
    loop.save = [&](const fs::path& temporary, Json state) {
        write_model(temporary, policy.model, tokenizer);
        write_training_state(temporary, policy.model, policy.optimizer, state.set("kl_coefficient", beta));
        if (!value) return;
        fs::create_directories(temporary / "value");
        write_model(temporary / "value", value->model, tokenizer);
        write_training_state(temporary / "value", value->model, value->optimizer, Json::Object{});
    };
    loop.restore = [&](const fs::path& found) {
        policy.model = load_model(kernels, found);
        beta = load_training_state(found, policy.model, policy.optimizer)["kl_coefficient"].number();
        if (!value) return;
        value->model = load_model(kernels, found / "value");
        load_training_state(found / "value", value->model, value->optimizer);
    };
    loop.finish = [&] {
        if (value)
            save_model(run / "value-model", value->model, tokenizer, recipe.weights);
        else
            fs::remove_all(run / "value-model");  // of another run of this stage
        save_model(run / "rl-cai", policy.model, tokenizer, recipe.weights);
    };
    run_loop(loop, run.metrics);
}

}  // namespace cai

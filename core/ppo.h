// RL-CAI: proximal policy optimization (Schulman et al. 2017) of SL-CAI against the preference model, held near SL-CAI
// by a KL penalty (Bai et al. 2022, section 4.2, which follows 2204.05862, section 4). One iteration: let the policy
// answer prompts, score the answers, estimate each token's advantage, and update policy and value model on them a few
// times. The mathematics is in advantage.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "advantage.h"
#include "autosave.h"
#include "checkpoint.h"
#include "optimizer.h"
#include "prompts.h"
#include "recipe.h"
#include "run.h"
#include "sampler.h"
#include "scoring.h"
#include "transcript.h"

namespace cai {

struct PpoControl {
    // Of both learning rates, at the end of a linear fall. 0 as in OAI, N+ and TRL: iteration i of n, from 0, has
    // (1 - i / n) of the peak, so the last one still learns, with 1 / n. 1: constant, as in verl.
    float final_fraction = 0;
    double save_every_seconds = 60;                                                  // of the resumable state
    std::function<void(size_t iteration, const NamedValues& metrics)> on_iteration;  // after each, counted from 1
};

// A model that learns, with all that it takes. No weight decay: it would pull the policy away from the reference.
struct Learner {
    Model model;
    AdamW optimizer;
    Gradients gradients;

    explicit Learner(Model initial) : model(std::move(initial)), optimizer(model), gradients(model) {
        optimizer.weight_decay = 0;
    }
};

// The experience of one iteration. Response s holds the tokens offsets[s] .. offsets[s+1]-1 of all T, its stop token
// included; it is the end of sequences[s].
struct Rollouts {
    std::vector<std::string> prompts, answers;  // as text
    std::vector<std::vector<Token>> sequences;  // prompt and response
    std::vector<bool> ended;                    // by the end of text; not by another special token or for want of room
    std::vector<int32_t> offsets{0};
    std::vector<float> logprobs, reference_logprobs, values;  // (T) when they were sampled
    std::vector<double> scores;                               // the preference model's, centred
    Advantages estimate;                                      // (T)

    size_t size() const { return sequences.size(); }
    size_t length(size_t s) const { return static_cast<size_t>(offsets[s + 1] - offsets[s]); }
};

// Some of the rollouts, as the policy reads them: each sequence without its last token, and for outputs the rows that
// predict the response's tokens. The value model reads the same rows: each is the state before its token.
inline Batch rollout_batch(const Rollouts& rollouts, const std::vector<size_t>& chosen) {
    Batch batch;
    std::vector<uint8_t> learn;
    for (size_t s : chosen) {
        const std::vector<Token>& sequence = rollouts.sequences[s];
        learn.assign(sequence.size(), 1);
        std::fill(learn.begin(), learn.end() - static_cast<std::ptrdiff_t>(rollouts.length(s)), 0);
        batch.add(sequence.data(), sequence.size(), learn.data());
    }
    return batch;
}

// Those of the (T) numbers that belong to the chosen rollouts, in the order of rollout_batch.
template <class T>
std::vector<T> choose(const std::vector<T>& all, const Rollouts& rollouts, const std::vector<size_t>& chosen) {
    std::vector<T> some;
    for (size_t s : chosen)
        some.insert(some.end(), all.begin() + rollouts.offsets[s], all.begin() + rollouts.offsets[s + 1]);
    return some;
}

// Part number `part` of `parts` of the items 0 .. order.size()-1, which differ in size by one at most.
inline std::vector<size_t> part_of(const std::vector<size_t>& order, size_t part, size_t parts) {
    return {order.begin() + static_cast<std::ptrdiff_t>(order.size() * part / parts),
            order.begin() + static_cast<std::ptrdiff_t>(order.size() * (part + 1) / parts)};
}

// The prompts of an iteration: the next ones of an endless deal that goes through all of them, shuffled anew each time.
inline std::vector<size_t> deal_prompts(size_t prompts, size_t iteration, size_t rollouts, uint64_t seed) {
    std::vector<size_t> order(prompts), dealt;
    size_t ordered_pass = SIZE_MAX;
    for (size_t i = iteration * rollouts; i < (iteration + 1) * rollouts; i++) {
        if (const size_t pass = i / prompts; pass != ordered_pass) {
            std::iota(order.begin(), order.end(), size_t{0});
            Rng(seed, mix(stream("ppo prompts"), pass)).shuffle(order);
            ordered_pass = pass;
        }
        dealt.push_back(order[i % prompts]);
    }
    return dealt;
}

// Lets the policy answer, at temperature 1. The answers depend on (seed, iteration, index of the rollout) and the
// policy.
inline Rollouts sample_rollouts(const Model& policy, const Tokenizer& tokenizer, std::vector<std::string> prompts,
                                size_t iteration, const Recipe& recipe) {
    Rollouts r;
    for (const std::string& prompt : prompts) r.sequences.push_back(encode_prompt(tokenizer, dialogue_prompt(prompt)));
    GenerateOptions options;
    options.max_new_tokens = recipe.ppo.max_new_tokens;
    options.seed = mix(recipe.seed, stream("ppo"));
    options.slots = prompts.size();
    options.stoppable = false;  // the iteration is finished and saved
    for (size_t i = 0; i < prompts.size(); i++) options.keys.push_back(mix(iteration, i));
    const std::vector<Completion> completions = generate(policy, r.sequences, options);
    for (size_t i = 0; i < prompts.size(); i++) {
        const auto& [tokens, logprobs, stopped] = completions[i];
        r.answers.push_back(text_of(tokenizer, completions[i]));
        r.ended.push_back(stopped && tokens.back() == kEndOfText);
        r.sequences[i].insert(r.sequences[i].end(), tokens.begin(), tokens.end());
        r.offsets.push_back(r.offsets.back() + static_cast<int32_t>(tokens.size()));
        r.logprobs.insert(r.logprobs.end(), logprobs.begin(), logprobs.end());
    }
    r.prompts = std::move(prompts);
    return r;
}

// Fills what the frozen models and the value model have to say. The score is that of the answer's text, closed by the
// end of text even where the policy did not close it: PpoOptions::missing_end says what that costs. Forwards run in as
// many parts as there are minibatches, so that they take no more room than training.
inline void judge_rollouts(Rollouts& r, const Model& reference, const Model& preference, const Model& value,
                           const Tokenizer& tokenizer, double score_mean, size_t parts, Activations& activations) {
    std::vector<size_t> order(r.size());
    std::iota(order.begin(), order.end(), size_t{0});
    auto append = [](std::vector<float>& to, const std::vector<float>& more) {
        to.insert(to.end(), more.begin(), more.end());
    };
    for (size_t part = 0; part < parts; part++) {
        const Batch batch = rollout_batch(r, part_of(order, part, parts));
        forward(reference, batch, activations);
        append(r.reference_logprobs, token_logprobs(reference, batch, activations));
        forward(value, batch, activations);
        append(r.values, scores(value, batch, activations));
    }
    for (float score : score_answers(preference, tokenizer, r.prompts, r.answers, score_mean))
        r.scores.push_back(score);
}

// Means over the minibatches of an iteration's updates.
struct UpdateMeans {
    double policy_loss = 0, value_loss = 0, approx_kl = 0, clip_fraction = 0, value_clip_fraction = 0, entropy = 0;
    double ratio = 0, ratio_square = 0;
    size_t minibatches = 0;
};

// Epochs over the rollouts, in minibatches of whole rollouts, shuffled by (seed, iteration, epoch). Each minibatch is
// one forward and backward of the policy and one of the value model. Where options.target_kl is exceeded, the rest is
// left out. Errors: kDiverged; and the first minibatch's probability ratios must be 1 to the last bit, since the policy
// is still the one that sampled: otherwise the trainer does not compute the sampler's distribution.
inline UpdateMeans update_on_rollouts(Learner& policy, Learner& value, const Rollouts& r, size_t iteration,
                                      const Recipe& recipe, float rate_fraction, Activations& activations) {
    const PpoOptions& options = recipe.ppo.options;
    const size_t parts = static_cast<size_t>(recipe.ppo.minibatches);
    UpdateMeans means;
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
            forward(policy.model, batch, activations);
            std::vector<float> entropy;
            const std::vector<float> logprobs = token_logprobs(policy.model, batch, activations, 1, &entropy);
            const std::vector<float> old_logprobs = choose(r.logprobs, r, chosen);
            std::vector<double> advantages = choose(r.estimate.advantages, r, chosen);
            if (options.advantage_whitening == Whitening::minibatch)
                whiten(advantages, options.variance, true, options.whiten_epsilon);
            const PolicyLoss policy_out = policy_loss(*policy.model.kernels, logprobs, old_logprobs, advantages, weights, options);
            expects(
                means.minibatches > 0 || policy_out.max_ratio_error == 0,
                "before the first update the trainer's log-probabilities must equal the sampler's, but a probability ",
                "ratio is off 1 by ", policy_out.max_ratio_error,
                "; a kernel computes a row differently in another batch: run `make test`");
            if ((stopped = stop_early(policy_out.approx_kl_k2, options))) break;
            backward_from_logprobs(policy.model, policy.gradients, batch, activations, policy_out.gradient);
            policy.optimizer.update(policy.model, policy.gradients, rate_fraction * recipe.ppo.learning_rate);

            // 2. The value model. Adam divides value_coefficient away again, all but its effect on the clipping by
            // norm.
            forward(value.model, batch, activations);
            ValueLoss value_out = value_loss(*value.model.kernels, scores(value.model, batch, activations), choose(r.values, r, chosen),
                                             choose(r.estimate.returns, r, chosen), weights, options);
            for (float& gradient : value_out.gradient) gradient *= static_cast<float>(options.value_coefficient);
            backward_from_scores(value.model, value.gradients, batch, activations, value_out.gradient);
            value.optimizer.update(value.model, value.gradients, rate_fraction * recipe.ppo.value_learning_rate);

            double ratio = 0, mean_entropy = 0;
            for (size_t t = 0; t < weights.size(); t++) {
                ratio += weights[t] * std::exp(static_cast<double>(logprobs[t]) - old_logprobs[t]);
                mean_entropy += weights[t] * entropy[t];
            }
            means.policy_loss += policy_out.loss, means.value_loss += value_out.loss;
            means.approx_kl += policy_out.approx_kl_k2, means.clip_fraction += policy_out.clip_fraction;
            means.value_clip_fraction += value_out.clip_fraction, means.entropy += mean_entropy;
            means.ratio += ratio, means.ratio_square += ratio * ratio;
            means.minibatches++;
        }
    }
    const double n = static_cast<double>(std::max<size_t>(means.minibatches, 1));
    for (double* mean : {&means.policy_loss, &means.value_loss, &means.approx_kl, &means.clip_fraction,
                         &means.value_clip_fraction, &means.entropy, &means.ratio, &means.ratio_square})
        *mean /= n;
    return means;
}

// What can be seen of over-optimisation without knowing the truth (Bai et al. 2022, section 4.3: RL-CAI's boilerplate):
// how long responses are, how many are different, and how many begin with the same three words.
struct Monitors {
    double response_tokens = 0, distinct_share = 0, common_opening_share = 0;
};
inline Monitors monitor(const Rollouts& r) {
    std::set<std::string> distinct(r.answers.begin(), r.answers.end());
    std::map<std::string, size_t> openings;
    size_t commonest = 0;
    for (const std::string& answer : r.answers) {
        std::istringstream words(answer);
        std::string opening, word;
        for (int i = 0; i < 3 && words >> word; i++) opening += word + ' ';
        commonest = std::max(commonest, ++openings[opening]);
    }
    const double n = static_cast<double>(r.size());
    return {static_cast<double>(r.offsets.back()) / n, static_cast<double>(distinct.size()) / n,
            static_cast<double>(commonest) / n};
}

// All that decides the outcome, as one string: a state made from anything else is not resumed.
inline std::string ppo_made_from(const Run& run, const Recipe& recipe, const PpoControl& control) {
    const PpoRecipe& o = recipe.ppo;
    const PpoOptions& p = o.options;
    std::ostringstream text;
    text.precision(17);
    auto add = [&](const auto&... values) { ((text << values << ' '), ...); };
    for (const char* model : {"sl-cai", "preference-model"}) add(fingerprint(find_checkpoint(run / model)));
    add(fingerprint(run / "world/prompts.jsonl"), recipe.seed, o.iterations, o.rollouts, o.epochs, o.minibatches,
        o.learning_rate, o.value_learning_rate, o.max_new_tokens, control.final_fraction);
    add(p.kl_coefficient, int(p.kl_estimator), int(p.kl_placement), p.kl_clip, p.kl_target, p.kl_horizon, p.score_clip,
        int(p.missing_end), p.missing_end_penalty, p.whiten_rewards, int(p.advantage_whitening), int(p.variance),
        p.whiten_epsilon, p.gamma, p.lambda, p.clip_ratio, p.dual_clip, p.clip_value, p.value_coefficient,
        int(p.aggregation), p.target_kl);
    return text.str();
}

// Reads sl-cai/ (policy and reference), preference-model/ (reward, and where the value model starts) and the prompts of
// the set "ppo"; makes rl-cai/ and value-model/. While it runs, rl-cai.state/ holds all that it takes to go on after an
// interruption, to the same last bit. Errors: kDiverged, with the iteration, at the first number that is not finite.
inline void ppo(const Kernels& kernels, Run& run, const World& world, const Recipe& recipe,
                const PpoControl& control = {}) {
    namespace fs = std::filesystem;
    const char* stage = "ppo";
    const PpoRecipe& o = recipe.ppo;
    check(o.options);
    if (o.iterations < 1 || o.rollouts < 1 || o.epochs < 1 || o.minibatches < 1 ||
        static_cast<size_t>(o.minibatches) > o.rollouts)
        fail(kUsage, stage,
             " needs at least 1 iteration, rollout, epoch and minibatch, and a rollout for each minibatch; ", "not ",
             o.iterations, ", ", o.rollouts, ", ", o.epochs, " and ", o.minibatches);
    for (auto [input, verb] :
         {std::pair{"sl-cai", "sft"}, {"preference-model", "reward"}, {"world/prompts.jsonl", "world"}})
        expects(fs::exists(find_checkpoint(run / input)), stage, " needs ", (run / input).string(),
                ", which is not there yet; run `cai ", verb, "` first");

    const Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    const Model reference = load_model(kernels, run / "sl-cai");
    const Model preference = load_model(kernels, run / "preference-model");
    const double score_mean = load_score_mean(run / "preference-model");
    expects(!reference.config.score_head && preference.config.score_head, (run / "sl-cai").string(),
            " must be a language model and preference-model a score model; run `cai reward` again");
    std::vector<std::string> prompts;
    for (Prompt& prompt : read_prompts(run / "world/prompts.jsonl", world, "ppo"))
        prompts.push_back(std::move(prompt.text));
    Learner policy(load_model(kernels, run / "sl-cai")), value(load_model(kernels, run / "preference-model"));
    Activations activations, frozen_activations;
    frozen_activations.for_training = false;

    // 1. Resume, unless the state was made from something else.
    const fs::path state_path = run / "rl-cai.state";
    const PpoOptions& p = o.options;
    const std::string made_from = ppo_made_from(run, recipe, control);
    double beta = p.kl_coefficient;
    size_t first = 0;
    if (has_training_state(state_path)) {
        const fs::path found = find_checkpoint(state_path);
        if (read_json(found / "state.json")["made_from"].string() == made_from) {
            policy.model = load_model(kernels, found);
            value.model = load_model(kernels, found / "value");
            const Json state = load_training_state(found, policy.model, policy.optimizer);
            load_training_state(found / "value", value.model, value.optimizer);
            first = static_cast<size_t>(state["iteration"].integer());
            beta = state["kl_coefficient"].number();
            note(stage, concat("resumes at iteration ", first, " of ", o.iterations));
        }
    }
    auto save_state = [&](size_t iteration) {
        replace_directory(state_path, [&](const fs::path& temporary) {
            fs::create_directories(temporary / "value");
            write_model(temporary, policy.model, tokenizer);
            write_model(temporary / "value", value.model, tokenizer);
            write_training_state(temporary / "value", value.model, value.optimizer, Json::Object{});
            write_training_state(
                temporary, policy.model, policy.optimizer,
                Json::Object{{"iteration", iteration}, {"kl_coefficient", beta}, {"made_from", made_from}});
        });
    };

    Progress progress(stage, o.iterations);
    size_t tokens = 0;
    Autosave autosave{control.save_every_seconds};
    auto iterate = [&](size_t iteration) {
        // 2. Experience.
        std::vector<std::string> dealt;
        for (size_t i : deal_prompts(prompts.size(), iteration, o.rollouts, recipe.seed)) dealt.push_back(prompts[i]);
        Rollouts r = sample_rollouts(policy.model, tokenizer, std::move(dealt), iteration, recipe);
        judge_rollouts(r, reference, preference, value.model, tokenizer, score_mean, static_cast<size_t>(o.minibatches),
                       frozen_activations);

        // 3. Rewards and advantages.
        std::vector<double> shaped;
        for (size_t s = 0; s < r.size(); s++) shaped.push_back(shape_score(r.scores[s], r.ended[s], p));
        r.estimate = estimate_advantages(kernels, shaped, r.logprobs, r.reference_logprobs, r.values, r.offsets, beta, p);

        // 4. Updates.
        const float rate_fraction = learning_rate_at(iteration, o.iterations, 1, 0, control.final_fraction);
        const UpdateMeans means = update_on_rollouts(policy, value, r, iteration, recipe, rate_fraction, activations);

        // 5. What happened. objective/* are sums over the tokens of a response, averaged over responses.
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
        for (const auto& sequence : r.sequences) tokens += sequence.size();
        progress.update(iteration + 1, {{"score", score}, {"kl", kl}, {"entropy", means.entropy}}, tokens);
        const NamedValues values = {
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
            {"loss/value_avg", means.value_loss},
            {"val/clipfrac_avg", means.value_clip_fraction},
            {"val/ratio", means.ratio},
            {"val/ratio_var", std::max(0.0, means.ratio_square - means.ratio * means.ratio)},
            {"val/num_eos_tokens", static_cast<double>(std::count(r.ended.begin(), r.ended.end(), true))},
            {"monitor/response_tokens", monitors.response_tokens},
            {"monitor/distinct_answers", monitors.distinct_share},
            {"monitor/common_opening", monitors.common_opening_share},
            {"lr", rate_fraction * o.learning_rate},
            {"episode", static_cast<double>((iteration + 1) * o.rollouts)}};
        run.metrics.log(stage, iteration + 1, values);
        beta = adapt_kl_coefficient(beta, kl, r.size(), p);
        return values;
    };
    for (size_t iteration = first; iteration < o.iterations; iteration++) {
        NamedValues values;
        try {
            values = iterate(iteration);
        } catch (const Error& error) {
            fail(error.status, stage, ", iteration ", iteration + 1, ": ", error.what());
        }
        autosave.after(stage, "iteration", iteration + 1, o.iterations, [&] { save_state(iteration + 1); });
        if (control.on_iteration) control.on_iteration(iteration + 1, values);
    }
    progress.done();
    save_model(run / "value-model", value.model, tokenizer);
    save_model(run / "rl-cai", policy.model, tokenizer);
    fs::remove_all(state_path);
}

}  // namespace cai

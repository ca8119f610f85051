// The preference model: SL-CAI with a scalar score in place of its logits, trained on pairs of answers so that
// P(a is preferred) = sigmoid(score_a - score_b) (Bai et al. 2022, section 4.1). Harmlessness comparisons, labelled by
// AI, and helpfulness comparisons are pooled without weighting; labels are soft.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../io/run_directory.h"
#include "../method/comparisons.h"
#include "../method/recipe.h"
#include "../method/resumable_loop.h"
#include "../nn/learning_rate.h"
#include "../nn/train_step.h"

namespace cai {

// Returns the contents of score.json: mean and standard deviation of the scores of training answers, and the figures on
// held-out pairs, which are also printed and logged.
inline Json report_scores(Run& run, const Model& model, const Tokenizer& tokenizer,
                          std::vector<const ComparisonPair*> training,
                          const std::vector<const ComparisonPair*>& held_out, uint64_t seed, size_t steps) {
    auto score_pairs = [&](const std::vector<const ComparisonPair*>& pairs) {
        std::vector<std::string> prompts, answers;
        for (const ComparisonPair* pair : pairs) {
            prompts.insert(prompts.end(), {pair->prompt, pair->prompt});
            answers.insert(answers.end(), {pair->a, pair->b});
        }
        return score_answers(model, tokenizer, prompts, answers);
    };
    // About a thousand answers give the mean to within 1/30 of the standard deviation (its standard error); scoring all
    // of them would take as long as half an epoch.
    Rng(seed, stream("score mean")).shuffle(training);
    training.resize(std::min<size_t>(training.size(), 512));
    double mean = 0, squares = 0;
    const std::vector<float> sample = score_pairs(training);
    for (float score : sample) mean += score / static_cast<double>(sample.size());
    for (float score : sample) squares += (score - mean) * (score - mean) / static_cast<double>(sample.size());

    Json held_out_figures = Json::Object{};
    NamedValues values;
    for (const bool by_ai : {true, false}) {
        const std::string source = by_ai ? "ai" : "helpfulness";
        std::vector<const ComparisonPair*> part;
        for (const ComparisonPair* pair : held_out)
            if (pair->by_ai == by_ai) part.push_back(pair);
        const std::vector<float> scores = score_pairs(part);
        const PreferenceFigures figures =
            preference_figures(part, scores, preference_loss(*model.kernels, scores, labels_of(part)).loss);
        held_out_figures.set(source, to_json(figures));
        if (part.empty()) continue;
        const double above_floor = figures.loss - figures.floor;
        note("reward",
             concat("held-out ", by_ai ? "AI" : "helpfulness", " labels: accuracy ", format_value(figures.accuracy),
                    " on ", figures.decided, " of ", figures.pairs, " pairs, loss ", format_value(above_floor),
                    " above the labels' entropy of ", format_value(figures.floor), ", calibration error ",
                    format_value(figures.calibration_error)));
        values.insert(values.end(), {{"eval_" + source + "_accuracy", figures.accuracy},
                                     {"eval_" + source + "_loss", figures.loss},
                                     {"eval_" + source + "_loss_above_floor", above_floor},
                                     {"eval_" + source + "_calibration_ece", figures.calibration_error}});
    }
    if (!values.empty()) run.metrics.log("reward", steps, values);
    return Json::Object{{"mean", mean}, {"std", std::sqrt(squares)}, {"held_out", held_out_figures}};
}

// Adds the scores' mean and standard deviation to config.json, as the keys "mean" and "std", where OpenRLHF reads them;
// other clients pass over keys that they do not know. Nothing is added if all scores are equal: OpenRLHF divides by
// std.
inline void write_score_moments(const std::filesystem::path& config, const Json& report) {
    if (report["std"].number() == 0) return;
    write_file(config, dump(read_json(config).set("mean", report["mean"]).set("std", report["std"]), 2) + "\n");
}

// Reads sl-cai/, comparisons.jsonl and helpfulness.jsonl; writes preference-model/, including score.json:
//   {"mean", "std", "held_out": {"ai": figures, "helpfulness": figures}}
// The learning rate falls linearly to 0. The resumable state is in preference-model.training/ meanwhile.
inline void train_preference_model(const Kernels& kernels, Run& run, const Recipe& recipe,
                                   const std::string& fingerprint, double save_every_seconds = 60) {
    const char* stage = "reward";
    for (auto [input, verb] :
         {std::pair{"sl-cai", "sft"}, {"comparisons.jsonl", "compare"}, {"helpfulness.jsonl", "compare"}})
        expects(std::filesystem::exists(find_checkpoint(run / input)), stage, " needs ", run / input,
                ", which is not there yet; run `cai ", verb, "` first");

    // 1. Training pairs and held-out pairs.
    const SplitComparisons comparisons(run.directory);
    const std::vector<const ComparisonPair*>& training = comparisons.training;
    if (training.empty())
        note(stage, concat(run / "comparisons.jsonl",
                           " and helpfulness.jsonl hold no pair to train on: the preference model prefers nothing"));
    PairBatches batches(training, recipe.reward.pairs_per_batch, recipe.reward.epochs, recipe.seed);
    const size_t steps = batches.steps();

    // 2. The model: SL-CAI's weights with a new score head, whose scores start at 0.
    const Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    const Model sl_cai = load_model(kernels, run / "sl-cai");
    Config config = sl_cai.config;
    config.score_head = true;
    Model model(kernels, config);
    copy_tensors(model, sl_cai);
    Optimizer optimizer(model, recipe.reward.optimizer);
    Gradients gradients(model);
    Activations activations;

    // 3. Training.
    ResumableLoop loop;
    loop.stage = stage, loop.steps = steps, loop.log_every = 10;
    loop.learning_rate = concat("--reward-learning-rate ", recipe.reward.learning_rate);
    loop.fingerprint = fingerprint;
    loop.directory = run / "preference-model.training";
    loop.save_every_seconds = save_every_seconds;
    loop.step = [&](size_t step) {
        const std::vector<const ComparisonPair*> batch_pairs = batches.batch(step);
        const Batch batch = pair_batch(model, tokenizer, batch_pairs);
        std::vector<float> scores;
        PreferenceFigures figures;
        train_step(model, gradients, batch, activations, [&](const Outputs& outputs) {
            scores = outputs.scores;
            const PreferenceLoss loss = preference_loss(kernels, scores, labels_of(batch_pairs));
            figures = preference_figures(batch_pairs, scores, loss.loss);
            std::vector<float> derivative(scores.size());
            for (size_t i = 0; i < batch_pairs.size(); i++) {
                derivative[2 * i] = static_cast<float>(loss.gradient[i] / static_cast<double>(batch_pairs.size()));
                derivative[2 * i + 1] = -derivative[2 * i];
            }
            return derivative;
        });
        const float learning_rate = learning_rate_at(step, steps, recipe.reward.learning_rate, 0, 0);
        const float norm = optimizer.update(model, gradients, learning_rate);

        const double above_floor = figures.loss - figures.floor;
        const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
        const double sum = std::accumulate(scores.begin(), scores.end(), 0.0);
        return StepReport{
            {{"loss", figures.loss}, {"above floor", above_floor}, {"accuracy", figures.accuracy}},
            {{"loss", figures.loss},
             {"loss_above_floor", above_floor},
             {"accuracy", figures.accuracy},
             {"margin", figures.margin},
             {"min_reward", *least},
             {"mean_reward", sum / static_cast<double>(scores.size())},
             {"max_reward", *most},
             {"learning_rate", learning_rate},
             {"grad_norm", norm},
             {"epoch", batches.epoch_after(step)}},
            batch.tokens.size()};
    };
    loop.save = [&](const std::filesystem::path& temporary, const Json& state) {
        write_model(temporary, model, tokenizer);
        write_training_state(temporary, model, optimizer, state);
    };
    loop.restore = [&](const std::filesystem::path& found) {
        model = load_model(kernels, found);
        load_training_state(found, model, optimizer);
    };
    loop.finish = [&] {
        const Json report = report_scores(run, model, tokenizer, training, comparisons.held_out, recipe.seed, steps);
        replace_directory(run / "preference-model", [&](const std::filesystem::path& temporary) {
            write_model(temporary, model, tokenizer, recipe.weights);
            write_score_moments(temporary / "config.json", report);
            write_file(temporary / "score.json", dump(report, 2) + "\n");
        });
    };
    run_loop(loop, run.metrics);
}

}  // namespace cai

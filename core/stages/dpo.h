// Direct preference optimisation (Rafailov et al. 2023, 2305.18290) of SL-CAI on the comparisons that train the
// preference model, with the same soft labels and the same split: the same feedback without a preference model, without
// a value model and without sampling. Pairs that the judge leaves nearly undecided are left out: they say that neither
// answer is better, and what DPO learns from two draws that differ by chance is noise in both. It is no part of the
// paper's method; `cai dpo` sets it beside RL-CAI.
#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../io/run_directory.h"
#include "../method/dpo.h"
#include "../method/recipe.h"
#include "../method/resumable_loop.h"
#include "../nn/learning_rate.h"
#include "../nn/train_step.h"

namespace cai {

// Reads sl-cai/ (policy and reference), comparisons.jsonl and helpfulness.jsonl; writes dpo/. The learning rate falls
// linearly to 0. The resumable state is in dpo.training/ meanwhile. Errors: there is no pair to train on, or none whose
// label is certain enough; kDiverged.
inline void train_dpo(const Kernels& kernels, Run& run, const Recipe& recipe, const std::string& fingerprint,
                      double save_every_seconds = 60) {
    const char* stage = "dpo";
    for (auto [input, verb] :
         {std::pair{"sl-cai", "sft"}, {"comparisons.jsonl", "compare"}, {"helpfulness.jsonl", "compare"}})
        expects(std::filesystem::exists(find_checkpoint(run / input)), stage, " needs ", run / input,
                ", which is not there yet; run `cai ", verb, "` first");
    const DpoRecipe& o = recipe.dpo;
    SplitComparisons comparisons(run.directory);
    expects(!comparisons.training.empty(), run / "comparisons.jsonl",
            " and helpfulness.jsonl hold no pair to train on: the policy would stay SL-CAI");
    std::erase_if(comparisons.training, [&](const ComparisonPair* pair) {
        return std::abs(pair->p_a - 0.5) < o.least_certainty;
    });
    expects(!comparisons.training.empty(), run / "comparisons.jsonl",
            " and helpfulness.jsonl: every label is nearer to one half than --dpo-least-certainty ", o.least_certainty,
            ", so there is no pair to train on; say a smaller one");
    PairBatches batches(comparisons.training, o.pairs_per_batch, o.epochs, recipe.seed);
    const size_t steps = batches.steps();

    const Tokenizer tokenizer = load_tokenizer(run / "sl-cai");
    const Model reference = load_model(kernels, run / "sl-cai");
    Model policy = load_model(kernels, run / "sl-cai");
    Optimizer optimizer(policy, o.optimizer);
    optimizer.weight_decay = 0;  // it would pull the policy away from the reference
    Gradients gradients(policy);
    Activations activations;

    ResumableLoop loop;
    loop.stage = stage, loop.steps = steps, loop.log_every = 10;
    loop.learning_rate = concat("--dpo-learning-rate ", o.learning_rate);
    loop.fingerprint = fingerprint;
    loop.directory = run / "dpo.training";
    loop.save_every_seconds = save_every_seconds;
    loop.step = [&](size_t step) {
        const std::vector<const ComparisonPair*> pairs = batches.batch(step);
        const std::vector<double> labels = labels_of(pairs);
        const AnswerBatch answers = answer_batch(policy, tokenizer, pairs);
        const std::vector<float> reference_logprobs = token_logprobs(reference, answers.batch, activations);
        DpoLoss loss;
        train_step(policy, gradients, answers.batch, activations, [&](const Outputs& outputs) {
            loss = dpo_loss(kernels, outputs.logprobs, reference_logprobs, answers.offsets, labels, o.beta);
            return loss.gradient;
        });
        const float learning_rate = learning_rate_at(step, steps, o.learning_rate, 0, 0);
        const float norm = optimizer.update(policy, gradients, learning_rate);

        const PreferenceFigures figures = preference_figures(pairs, loss.rewards, loss.loss);
        const DpoFigures means = dpo_figures(loss, labels);
        const double above_floor = figures.loss - figures.floor;
        return StepReport{
            {{"loss", figures.loss}, {"above floor", above_floor}, {"accuracy", figures.accuracy}},
            {{"loss", figures.loss},
             {"loss_above_floor", above_floor},
             {"rewards/chosen", means.reward_chosen},
             {"rewards/rejected", means.reward_rejected},
             {"rewards/accuracies", figures.accuracy},
             {"rewards/margins", figures.margin},
             {"logps/chosen", means.logprob_chosen},
             {"logps/rejected", means.logprob_rejected},
             {"learning_rate", learning_rate},
             {"grad_norm", norm},
             {"epoch", batches.epoch_after(step)}},
            answers.batch.tokens.size()};
    };
    loop.save = [&](const std::filesystem::path& temporary, const Json& state) {
        write_model(temporary, policy, tokenizer);
        write_training_state(temporary, policy, optimizer, state);
    };
    loop.restore = [&](const std::filesystem::path& found) {
        policy = load_model(kernels, found);
        load_training_state(found, policy, optimizer);
    };
    loop.finish = [&] { save_model(run / "dpo", policy, tokenizer, recipe.weights); };
    run_loop(loop, run.metrics);
}

}  // namespace cai

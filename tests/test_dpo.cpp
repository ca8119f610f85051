// Direct preference optimisation: its loss and gradient, against formulas in double, finite differences and TRL's own
// trainer, and the stage.
#include <doctest/doctest.h>

#include <cmath>

#include "../core/lm/bpe_training.h"
#include "../core/stages/dpo.h"
#include "comparison_run.h"
#include "planted.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
using Offsets = std::vector<int32_t>;

namespace {

double log_sigmoid(double x) { return x > 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x)); }

// The mean loss of pairs of answers, in double, straight from the formula.
double formula(const Doubles& logprobs, const Floats& reference, const Offsets& offsets, const Doubles& labels,
               double beta) {
    double sum = 0;
    for (size_t i = 0; i < labels.size(); i++) {
        double h = 0;
        for (int side : {0, 1})
            for (int32_t t = offsets[2 * i + static_cast<size_t>(side)];
                 t < offsets[2 * i + static_cast<size_t>(side) + 1]; t++)
                h += (side ? -beta : beta) * (logprobs[static_cast<size_t>(t)] - reference[static_cast<size_t>(t)]);
        sum -= labels[i] * log_sigmoid(h) + (1 - labels[i]) * log_sigmoid(-h);
    }
    return sum / static_cast<double>(labels.size());
}

double average(const Doubles& x) {
    double sum = 0;
    for (double value : x) sum += value / static_cast<double>(x.size());
    return sum;
}

// The judge likes blue.
std::vector<Json> planted_comparisons(size_t prompts) {
    std::vector<Json> comparisons;
    Rng rng(5, stream("planted"));
    for (size_t i = 0; i < prompts; i++) {
        const std::string animal = rng.pick(std::vector<std::string>{"fox", "fish", "owl", "cat"});
        const bool first = rng.chance(0.5);
        const std::string blue = "a blue " + animal, red = "a red " + animal;
        comparisons.push_back(comparison(concat("what is by the mill ", i, "?"), first ? blue : red,
                                         first ? red : blue, first ? 0.9 : 0.1));
    }
    return comparisons;
}

Recipe small_recipe(size_t pairs_per_batch, double epochs, double beta, float learning_rate) {
    Recipe r = recipe("micro", 7);
    r.dpo = {pairs_per_batch, epochs, beta, learning_rate};
    return r;
}

// log pi(answer | prompt) of a model of the run, from the definition: one answer alone.
double logprob_of(const fs::path& model_folder, const std::string& prompt, const std::string& answer) {
    const Model model = load_model(cpu_kernels, model_folder);
    const Document document = encode_document(load_tokenizer(model_folder), completed(dialogue_prompt(prompt), answer));
    Batch batch;
    batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
    Activations activations;
    double sum = 0;
    for (float x : token_logprobs(model, batch, activations)) sum += x;
    return sum;
}

}  // namespace

TEST_CASE("dpo: loss and gradient are those of the formula, with soft labels") {
    const Floats logprobs = {-1, -.5f, -2, -.25f, -3, -1.5f, -.75f}, reference = {-1.5f, -.25f, -1, -.5f, -2, -2, -1};
    const Offsets offsets = {0, 2, 3, 6, 7};
    for (const Doubles& labels : {Doubles{1, 0}, {.8, .3}, {.5, .5}})
        for (double beta : {.1, 1.0, 4.0}) {
            const DpoLoss out = dpo_loss(cpu_kernels, logprobs, reference, offsets, labels, beta);
            const Doubles exact(logprobs.begin(), logprobs.end());
            CHECK(near(average(out.loss), formula(exact, reference, offsets, labels, beta), 1e-6));
            for (size_t t = 0; t < logprobs.size(); t++) {
                Doubles up = exact, down = exact;
                up[t] += 1e-5, down[t] -= 1e-5;
                const double slope = (formula(up, reference, offsets, labels, beta) -
                                      formula(down, reference, offsets, labels, beta)) / 2e-5;
                CHECK(near(out.gradient[t], slope, 1e-6));
            }
        }
    // By hand: log-ratios of .5 - .25 = .25 and -1, so h = 2 · 1.25; chosen a.
    const DpoLoss hand = dpo_loss(cpu_kernels, {-1, -.5f, -2}, {-1.5f, -.25f, -1}, {0, 2, 3}, {1}, 2);
    CHECK(hand.rewards == Floats{.5f, -2});
    CHECK(hand.logprobs == Doubles{-1.5, -2});
    CHECK(near(hand.loss[0], std::log1p(std::exp(-2.5)), 1e-12));
    // A policy that is the reference: ln 2, and a slope of beta (1/2 - p).
    const DpoLoss start = dpo_loss(cpu_kernels, {-1, -2}, {-1, -2}, {0, 1, 2}, {.75}, .1);
    CHECK(near(start.loss[0], std::log(2.0)));
    CHECK(near(start.gradient[0], -.025, 1e-8));
    CHECK(near(start.gradient[1], .025, 1e-8));
}

TEST_CASE("dpo: loss and gradient are those of TRL's DPOTrainer (tests/fixtures/make_dpo_golden.py)") {
    const Json golden = read_json(kSourceFolder / "tests/fixtures/dpo_golden.json");
    CHECK(golden["made_by"].string() == "trl 1.16.0, torch 2.15.0");
    const double beta = golden["beta"].number();
    auto floats = [](const Json& list) {
        Floats values;
        for (const Json& value : list.array()) values.push_back(static_cast<float>(value.number()));
        return values;
    };
    Floats all_logprobs, all_reference;
    Offsets all_offsets = {0};
    for (const Json& pair : golden["pairs"].array()) {
        Floats logprobs, reference, if_a, if_b;
        Offsets offsets = {0};
        for (const char* side : {"a", "b"}) {
            for (auto [to, name] : {std::pair{&logprobs, "logprobs"}, {&reference, "reference"}, {&if_a, "gradient"},
                                    {&if_b, "gradient_if_b_is_chosen"}}) {
                const Floats some = floats(pair[side][name]);
                to->insert(to->end(), some.begin(), some.end());
            }
            offsets.push_back(static_cast<int32_t>(logprobs.size()));
            all_offsets.push_back(static_cast<int32_t>(all_logprobs.size() + logprobs.size()));
        }
        all_logprobs.insert(all_logprobs.end(), logprobs.begin(), logprobs.end());
        all_reference.insert(all_reference.end(), reference.begin(), reference.end());
        // A soft label weighs TRL's loss with either answer as the chosen one.
        for (double p : {1.0, 0.0, 0.3}) {
            const DpoLoss out = dpo_loss(cpu_kernels, logprobs, reference, offsets, {p}, beta);
            const double a = pair["loss_if_a_is_chosen"].number(), b = pair["loss_if_b_is_chosen"].number();
            CHECK(near(out.loss[0], p * a + (1 - p) * b, 2e-6));  // TRL's numbers are floats
            for (size_t t = 0; t < logprobs.size(); t++)
                CHECK(near(out.gradient[t], p * if_a[t] + (1 - p) * if_b[t], 1e-6));
        }
    }
    REQUIRE(golden["pairs"].array().size() == 3);
    const DpoLoss all = dpo_loss(cpu_kernels, all_logprobs, all_reference, all_offsets, {1, 1, 1}, beta);
    CHECK(near(average(all.loss), golden["loss_of_all_with_a_chosen"].number(), 2e-6));
}

TEST_CASE("dpo: the figures of a few pairs, by hand, and what is refused") {
    DpoLoss out;
    out.rewards = {1, -1, 2, 5, 9, 9}, out.logprobs = {-1, -2, -3, -4, -5, -6};
    const DpoFigures f = dpo_figures(out, {.9, .2, .52});  // the last is nearly undecided
    CHECK(f.reward_chosen == 3);
    CHECK(f.reward_rejected == .5);
    CHECK(f.logprob_chosen == -2.5);
    CHECK(f.logprob_rejected == -2.5);
    CHECK(std::isnan(dpo_figures(out, {.5, .5, .5}).reward_chosen));

    auto error = [](const Offsets& offsets, const Doubles& labels, const Floats& reference, int status = kBadInput) {
        return error_of([&] { dpo_loss(cpu_kernels, {-1, -2}, reference, offsets, labels, .1); }, status);
    };
    CHECK(contains(error({0, 1}, {1}, {-1, -2}), "dpo_loss: offsets must rise from 0"));
    CHECK(contains(error({0, 2}, {1}, {-1, -2}), "1 labels for 1 answers"));
    CHECK(contains(error({0, 1, 2}, {1}, {-1}), "1 reference log-probabilities for 2 tokens"));
    CHECK(contains(error({0, 1, 2}, {1.5}, {-1, -2}), "the label 1.5 is not a probability"));
    CHECK(contains(error({0, 1, 2}, {1}, {-1, -INFINITY}, kDiverged), "lower the learning rate"));
}

TEST_CASE("dpo: an answer's rows are those that predict its tokens and its end") {
    const Tokenizer tokenizer = train_bpe({"a red fox"}, 270);
    Config config = kSmallModel;
    config.vocab_size = static_cast<int>(tokenizer.size());
    const Model model(cpu_kernels, config);
    const ComparisonPair pair = {"a", "red fox", "fox", 1, true};
    const AnswerBatch answers = answer_batch(model, tokenizer, {&pair});
    REQUIRE(answers.offsets.size() == 3);
    size_t row = 0;
    for (const std::string& answer : {pair.a, pair.b}) {
        std::vector<Token> expected = tokenizer.encode(answer);
        expected.push_back(kEndOfText);
        for (Token token : expected) CHECK(answers.batch.targets[row++] == token);
        CHECK(answers.offsets[answer == pair.a ? 1 : 2] == static_cast<int32_t>(row));
    }
    CHECK(answers.batch.targets.size() == row);
}

TEST_CASE("dpo: a planted preference is learned and holds on prompts not seen; SL-CAI stays as it was") {
    Quiet hush;
    TemporaryFolder scratch;
    prepare_comparisons(scratch.path, planted_comparisons(120), {});
    const std::string before = read_file(scratch.path / "sl-cai/model.safetensors");
    Run run(scratch.path);
    train_dpo(cpu_kernels, run, small_recipe(16, 4, .5, 1e-3f), "fingerprint");
    CHECK(read_file(run / "sl-cai/model.safetensors") == before);
    CHECK_FALSE(fs::exists(run / "dpo.training"));
    for (const std::string animal : {"fox", "fish", "owl", "cat"}) {
        auto gain = [&](const std::string& colour) {
            const std::string answer = concat("a ", colour, " ", animal), prompt = "what is by the mill 9000?";
            return logprob_of(run / "dpo", prompt, answer) - logprob_of(run / "sl-cai", prompt, answer);
        };
        CHECK(.5 * (gain("blue") - gain("red")) > 1);
    }
    const std::vector<Json> metrics = read_jsonl(run / "metrics.jsonl");
    CHECK(metrics.front()["loss"].number() == doctest::Approx(std::log(2.0)));  // the policy is still the reference
    CHECK(metrics.front()["rewards/chosen"].number() == 0);
    CHECK(metrics.front()["learning_rate"].number() == doctest::Approx(1e-3));
    CHECK(metrics.back()["rewards/accuracies"].number() == 1);
    CHECK(metrics.back()["rewards/margins"].number() ==
          doctest::Approx(metrics.back()["rewards/chosen"].number() - metrics.back()["rewards/rejected"].number()));
    CHECK(metrics.back()["loss"].number() < .5);
    CHECK(metrics.back()["loss_above_floor"].number() > 0);
    for (const char* name : {"logps/chosen", "logps/rejected", "grad_norm", "epoch", "num_tokens"})
        CHECK(metrics.back().find(name) != nullptr);
}

TEST_CASE("dpo: a soft label of 0.7 ends at a difference of rewards of logit 0.7") {
    Quiet hush;
    TemporaryFolder scratch;
    std::vector<Json> comparisons;
    for (size_t i = 0; comparisons.size() < 16; i++) {  // each pair both ways
        const std::string prompt = concat("what swims in the pond ", i, "?");
        if (is_held_out(prompt)) continue;
        comparisons.push_back(comparison(prompt, "a blue fish", "a red fox", 0.7));
        comparisons.push_back(comparison(prompt, "a red fox", "a blue fish", 0.3));
    }
    prepare_comparisons(scratch.path, comparisons, {});
    Run run(scratch.path);
    train_dpo(cpu_kernels, run, small_recipe(8, 40, .5, 5e-4f), "fingerprint");
    double difference = 0;
    for (size_t i = 0; i < comparisons.size(); i += 2) {
        const std::string& prompt = comparisons[i]["prompt"].string();
        for (auto [answer, sign] : {std::pair{"a blue fish", .5}, {"a red fox", -.5}})
            difference += sign * (logprob_of(run / "dpo", prompt, answer) - logprob_of(run / "sl-cai", prompt, answer));
    }
    CHECK(difference / 8 == doctest::Approx(std::log(0.7 / 0.3)).epsilon(0.05));
}

TEST_CASE("dpo: pairs whose label is nearly one half are left out, unless asked for") {
    Quiet hush;
    std::vector<Json> comparisons;
    for (size_t i = 0; comparisons.size() < 16; i++) {
        const std::string prompt = concat("what swims in the pond ", i, "?");
        if (!is_held_out(prompt))
            comparisons.push_back(comparison(prompt, "a blue fish", "a red fox", comparisons.size() < 4 ? 0.56 : 0.54));
    }
    const auto steps = [&](double least_certainty) {
        TemporaryFolder scratch;
        prepare_comparisons(scratch.path, comparisons, {});
        Run run(scratch.path);
        Recipe recipe = small_recipe(2, 1, .5, 1e-4f);
        recipe.dpo.least_certainty = least_certainty;
        train_dpo(cpu_kernels, run, recipe, "fingerprint");
        return read_jsonl(run / "metrics.jsonl").back()["step"].integer();
    };
    CHECK(steps(DpoRecipe().least_certainty) == 2);
    CHECK(steps(0) == 8);
    CHECK(error_of([&] { steps(0.3); }).find("nearer to one half than --dpo-least-certainty 0.3") != std::string::npos);
}

TEST_CASE("dpo: the same bits with one thread and with two, and after an interruption") {
    const AllThreads all_take_part;
    Quiet hush;
    TemporaryFolder scratch;
    Recipe recipe = small_recipe(8, 2, .2, 1e-3f);
    auto train_in = [&](const std::string& name, const Kernels& kernels) {
        Run run(scratch.path / name);
        train_dpo(kernels, run, recipe, "fingerprint", /*save_every_seconds=*/0);
        return read_file(run / "dpo/model.safetensors");
    };
    for (const char* name : {"one", "two", "killed", "muon"})
        prepare_comparisons(scratch.path / name, planted_comparisons(30), {});
    cpu_kernels.set_threads(1);
    const std::string one = train_in("one", cpu_kernels);
    cpu_kernels.set_threads(2);
    CHECK(one == train_in("two", cpu_kernels));

    const Kernels mortal = mortal_kernels(3 * 5);  // an update calls adamw three times
    CHECK_THROWS_WITH(train_in("killed", mortal), "killed");
    CHECK(read_json(scratch.path / "killed/dpo.training/state.json")["step"].integer() == 5);
    CHECK(one == train_in("killed", cpu_kernels));
    CHECK_FALSE(fs::exists(scratch.path / "killed/dpo.training"));
    recipe.dpo.optimizer = MatrixUpdate::muon;
    CHECK(one != train_in("muon", cpu_kernels));
}

TEST_CASE("dpo: what is missing is said in one sentence") {
    Quiet hush;
    TemporaryFolder scratch;
    auto message = [&](int status, const Recipe& recipe) {
        Run run(scratch.path);
        return error_of([&] { train_dpo(cpu_kernels, run, recipe, "fingerprint"); }, status);
    };
    const Recipe good = small_recipe(8, 1, .1, 1e-3f);
    CHECK(contains(message(kBadInput, good), "sl-cai, which is not there yet; run `cai sft` first"));
    prepare_comparisons(scratch.path, {}, {});
    CHECK(contains(message(kBadInput, good), "hold no pair to train on"));
    fs::remove(scratch.path / "helpfulness.jsonl");
    CHECK(contains(message(kBadInput, good), "helpfulness.jsonl, which is not there yet; run `cai compare` first"));
    prepare_comparisons(scratch.path, {comparison("p", "a", "b", 1), comparison("p", "b", "a", 0.5)}, {});
    CHECK(contains(message(kDiverged, small_recipe(1, 9, .1, 1e38f)), "dpo, step 2 with --dpo-learning-rate"));
}

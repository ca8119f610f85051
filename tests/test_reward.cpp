#include <doctest/doctest.h>

#include <functional>

#include "../core/lm/bpe_training.h"
#include "../core/stages/compare_helpfulness.h"
#include "../core/stages/reward.h"
#include "comparison_run.h"
#include "planted.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

Recipe small_recipe(size_t pairs_per_batch, double epochs, float learning_rate) {
    Recipe r = recipe("micro", 7);
    r.reward = {pairs_per_batch, epochs, learning_rate};
    return r;
}

// The judge likes blue and the helpfulness comparisons like a second sentence.
void planted(std::vector<Json>& comparisons, std::vector<Json>& helpfulness, size_t prompts) {
    const std::vector<std::string> animals = {"fox", "fish", "owl", "cat", "dog"};
    Rng rng(5, stream("planted"));
    for (size_t i = 0; i < prompts; i++) {
        std::string prompt = concat("what is by the mill ", i, "?"), animal = rng.pick(animals);
        std::string blue = "a blue " + animal, red = "a red " + animal, more = ". it runs by the pond";
        bool blue_first = rng.chance(0.5), more_first = rng.chance(0.5);
        comparisons.push_back(
            comparison(prompt, blue_first ? blue : red, blue_first ? red : blue, blue_first ? 0.9 : 0.1));
        std::string colour = rng.chance(0.5) ? blue : red;
        helpfulness.push_back(
            comparison(prompt, more_first ? colour + more : colour, more_first ? colour : colour + more, more_first));
    }
}

}  // namespace

TEST_CASE("reward: a planted preference is learned and holds on prompts not seen") {
    Quiet hush;
    TemporaryFolder scratch;
    std::vector<Json> comparisons, helpfulness;
    planted(comparisons, helpfulness, 150);
    prepare_comparisons(scratch.path, comparisons, helpfulness);
    Run run(scratch.path);
    train_preference_model(cpu_kernels, run, small_recipe(16, 5, 3e-3f), "fingerprint");

    Json report = read_json(run / "preference-model/score.json");
    for (const char* source : {"ai", "helpfulness"}) {
        CAPTURE(source);
        const Json& figures = report["held_out"][source];
        CHECK(figures["pairs"].integer() >= 5);
        CHECK(figures["accuracy"].number() >= 0.9);
        CHECK(figures["margin"].number() > 0.5);
        CHECK(figures["calibration_error"].number() < 0.2);
        CHECK(figures["loss"].number() >= figures["loss_floor"].number());
    }
    CHECK(report["held_out"]["ai"]["loss_floor"].number() == doctest::Approx(label_entropy(0.9)));
    CHECK(report["held_out"]["helpfulness"]["loss_floor"].number() == 0);

    // Centred: the mean over the answers trained on is 0. Here they are fewer than the sample, so it is exact.
    Model model = load_model(cpu_kernels, run / "preference-model");
    Tokenizer tokenizer = load_tokenizer(run / "preference-model");
    double mean = load_score_mean(run / "preference-model");
    std::vector<std::string> prompts, answers;
    for (const std::vector<Json>* file : {&comparisons, &helpfulness})
        for (const Json& json : *file)
            for (const char* side : {"a", "b"}) {
                if (is_held_out(json["prompt"].string())) continue;
                prompts.push_back(json["prompt"].string()), answers.push_back(json[side].string());
            }
    double sum = 0;
    for (float score : score_answers(model, tokenizer, prompts, answers, mean)) sum += score;
    CHECK(std::abs(sum / static_cast<double>(answers.size())) < 1e-5);  // floats of order 1, each rounded to 6e-8
    std::vector<float> two = score_answers(model, tokenizer, {"who?", "who?"}, {"a blue fox", "a red fox"}, mean);
    CHECK(two[0] > two[1]);
    // Alone or in company, the same bits.
    CHECK(score_answers(model, tokenizer, {"who?"}, {"a red fox"}, mean)[0] == two[1]);
    // The mean and the deviation are where OpenRLHF reads them, and the rest of config.json is as for any model.
    Json config = read_json(run / "preference-model/config.json");
    CHECK(config["mean"].number() == mean);
    CHECK(config["std"].number() == report["std"].number());
    CHECK(config["std"].number() > 0);
    const std::string text = read_file(run / "preference-model/config.json"), plain = config_json(model.config);
    CHECK(text.starts_with(plain.substr(0, plain.find("\n}"))));
    // TRL's names.
    for (const char* name : {"loss", "accuracy", "margin", "min_reward", "mean_reward", "max_reward", "learning_rate"})
        CHECK(read_jsonl(run / "metrics.jsonl")[0].find(name) != nullptr);
}

TEST_CASE("reward: a soft label of 0.7 ends at a difference of logit 0.7") {
    Quiet hush;
    TemporaryFolder scratch;
    std::vector<Json> comparisons;
    for (size_t i = 0; comparisons.size() < 16; i++) {  // each pair both ways, so that its place cannot be learned
        std::string prompt = concat("what swims in the pond ", i, "?");
        if (is_held_out(prompt)) continue;
        comparisons.push_back(comparison(prompt, "a blue fish", "a red fox", 0.7));
        comparisons.push_back(comparison(prompt, "a red fox", "a blue fish", 0.3));
    }
    prepare_comparisons(scratch.path, comparisons, {});
    Run run(scratch.path);
    train_preference_model(cpu_kernels, run, small_recipe(8, 60, 2e-3f), "fingerprint");
    Model model = load_model(cpu_kernels, run / "preference-model");
    Tokenizer tokenizer = load_tokenizer(run / "preference-model");
    double difference = 0;
    for (const Json& pair : comparisons) {
        std::vector<float> scores = score_answers(model, tokenizer, {pair["prompt"].string(), pair["prompt"].string()},
                                                  {"a blue fish", "a red fox"});
        difference += (static_cast<double>(scores[0]) - scores[1]) / static_cast<double>(comparisons.size());
    }
    CHECK(difference == doctest::Approx(std::log(0.7 / 0.3)).epsilon(0.05));
}

TEST_CASE("reward: figures of a few pairs, by hand") {
    std::vector<ComparisonPair> pairs = {
        {"", "", "", 0.9, true},   // right by 2
        {"", "", "", 0.2, true},   // wrong by 1
        {"", "", "", 0.52, true},  // undecided
        {"", "", "", 1, true},     // a tie is not right
    };
    std::vector<const ComparisonPair*> pointers;
    for (const ComparisonPair& pair : pairs) pointers.push_back(&pair);
    const std::vector<float> scores = {3, 1, 0.5f, -0.5f, 9, 0, 4, 4};
    PreferenceFigures f =
        preference_figures(pointers, scores, preference_loss(cpu_kernels, scores, labels_of(pointers)).loss);
    CHECK(f.pairs == 4);
    CHECK(f.decided == 3);
    CHECK(f.accuracy == doctest::Approx(1.0 / 3));
    CHECK(f.margin == doctest::Approx((2 - 1 + 0) / 3.0));
    // -p log s(d) - (1-p) log s(-d), at d = 2, 1, 9, 0
    double loss = 0.9 * std::log1p(std::exp(-2)) + 0.1 * std::log1p(std::exp(2)) + 0.2 * std::log1p(std::exp(-1)) +
                  0.8 * std::log1p(std::exp(1)) + 0.52 * std::log1p(std::exp(-9)) + 0.48 * std::log1p(std::exp(9)) +
                  std::log(2);
    CHECK(f.loss == doctest::Approx(loss / 4));
    CHECK(f.floor == doctest::Approx((0.3250830 + 0.5004024 + 0.6923469 + 0) / 4).epsilon(1e-6));
    CHECK(std::isnan(preference_figures({}, {}, {}).accuracy));
    CHECK(error_of([&] { preference_loss(cpu_kernels, {NAN, 0}, {0.9}); }, kDiverged) != "no error");
}

TEST_CASE("reward: about a tenth of the prompts is held out, by their text") {
    size_t held_out = 0;
    for (size_t i = 0; i < 4000; i++) held_out += is_held_out(concat("prompt ", i));
    CHECK(held_out > 320);
    CHECK(held_out < 480);
}

TEST_CASE("reward: the same bits with one thread and with two, and after an interruption") {
    const AllThreads all_take_part;
    Quiet hush;
    TemporaryFolder scratch;
    std::vector<Json> comparisons, helpfulness;
    planted(comparisons, helpfulness, 30);
    Recipe recipe = small_recipe(8, 2, 2e-3f);
    SUBCASE("adamw") {}
    SUBCASE("muon") { recipe.reward.optimizer = MatrixUpdate::muon; }
    auto train_in = [&](const std::string& name, const Kernels& kernels) {
        Run run(scratch.path / name);
        train_preference_model(kernels, run, recipe, "fingerprint", /*save_every_seconds=*/0);
        return read_file(run / "preference-model/model.safetensors") + read_file(run / "preference-model/score.json");
    };
    for (const char* name : {"one", "two", "killed"})
        prepare_comparisons(scratch.path / name, comparisons, helpfulness);
    cpu_kernels.set_threads(1);
    std::string one = train_in("one", cpu_kernels);
    cpu_kernels.set_threads(2);
    CHECK(one == train_in("two", cpu_kernels));

    Kernels mortal = mortal_kernels(3 * 5);  // an update calls adamw three times
    CHECK_THROWS_WITH(train_in("killed", mortal), "killed");
    CHECK(read_json(scratch.path / "killed/preference-model.training/state.json")["step"].integer() == 5);
    CHECK(one == train_in("killed", cpu_kernels));
    CHECK_FALSE(fs::exists(scratch.path / "killed/preference-model.training"));

    prepare_comparisons(scratch.path / "other", comparisons, helpfulness);
    recipe.reward.optimizer = recipe.reward.optimizer == MatrixUpdate::muon ? MatrixUpdate::adamw : MatrixUpdate::muon;
    CHECK(one != train_in("other", cpu_kernels));
}

TEST_CASE("reward: a state made from other comparisons is not resumed") {
    Quiet hush;
    TemporaryFolder scratch;
    std::vector<Json> comparisons, helpfulness;
    planted(comparisons, helpfulness, 20);
    prepare_comparisons(scratch.path / "fresh", comparisons, {});
    prepare_comparisons(scratch.path / "stale", comparisons, helpfulness);
    auto train_in = [&](const std::string& name, const Kernels& kernels) {
        Run run(scratch.path / name);
        train_preference_model(kernels, run, small_recipe(8, 2, 2e-3f),
                               fingerprint(run / "comparisons.jsonl") + fingerprint(run / "helpfulness.jsonl"), 0);
        return read_file(run / "preference-model/model.safetensors");
    };
    Kernels mortal = mortal_kernels(4);
    CHECK_THROWS(train_in("stale", mortal));
    prepare_comparisons(scratch.path / "stale", comparisons, {});
    CHECK(train_in("stale", cpu_kernels) == train_in("fresh", cpu_kernels));
}

TEST_CASE("reward: without a comparison every answer scores 0") {
    Quiet hush;
    TemporaryFolder scratch;
    prepare_comparisons(scratch.path, {}, {});
    Run run(scratch.path);
    std::ostringstream told;
    std::streambuf* err = std::cerr.rdbuf(told.rdbuf());
    train_preference_model(cpu_kernels, run, small_recipe(8, 1, 1e-3f), "fingerprint");
    std::cerr.rdbuf(err);
    CHECK(told.str() == "");  // the empty constitution that brought this about was warned of by critique
    CHECK(load_score_mean(run / "preference-model") == 0);
    CHECK_FALSE(read_json(run / "preference-model/config.json").find("std"));  // 0: nothing to divide by
    Model model = load_model(cpu_kernels, run / "preference-model");
    Tokenizer tokenizer = load_tokenizer(run / "preference-model");
    CHECK(score_answers(model, tokenizer, {"who?", "who?"}, {"a blue fox", "no"}) == std::vector<float>{0, 0});
}

TEST_CASE("reward: what is missing or malformed is said in one sentence") {
    Quiet hush;
    TemporaryFolder scratch;
    auto message = [&](int status, const Recipe& recipe) {
        Run run(scratch.path);
        return error_of([&] { train_preference_model(cpu_kernels, run, recipe, "fingerprint"); }, status);
    };
    Recipe good = small_recipe(8, 1, 1e-3f);
    std::string text = message(kBadInput, good);
    CHECK(contains(text, "sl-cai, which is not there yet; run `cai sft` first"));

    prepare_comparisons(scratch.path, {comparison("p", "a", "b", 1)}, {});
    fs::remove(scratch.path / "comparisons.jsonl");
    CHECK(contains(message(kBadInput, good), "comparisons.jsonl, which is not there yet; run `cai compare` first"));

    prepare_comparisons(scratch.path, {comparison("p", "a", "b", 1.5)}, {});
    CHECK(contains(message(kBadInput, good), "comparisons.jsonl: line 1: p_a is 1.5, which is not a probability"));

    prepare_comparisons(scratch.path, {comparison("p", std::string(300, 'x'), "b", 1)}, {});
    CHECK(contains(message(kBadInput, good), "more than the context of 64"));

    prepare_comparisons(scratch.path, {comparison("p", "a", "b", 1), comparison("p", "b", "a", 0.5)}, {});
    CHECK(contains(message(kDiverged, small_recipe(1, 9, 1e38f)), "lower the learning rate"));
}

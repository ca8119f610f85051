#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "../core/lm/bpe_training.h"
#include "../core/method/supervised.h"
#include "../core/stages/compare_helpfulness.h"
#include "../core/pipeline.h"
#include "../core/stages/reward.h"
#include "planted.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

const std::vector<std::string> kAnimals = {"fox", "fish", "owl", "cat"};

std::string prompt_text(size_t i) { return concat("who is ", i, "?"); }

Recipe small_recipe(size_t iterations, size_t rollouts = 16) {
    Recipe r = recipe("micro", 7);
    r.reward = {16, 15, 3e-3f};
    r.ppo.iterations = iterations, r.ppo.rollouts = rollouts;
    r.ppo.epochs = 2, r.ppo.minibatches = 2;
    r.ppo.learning_rate = 1e-3f, r.ppo.value_learning_rate = 2e-3f;
    r.ppo.max_new_tokens = 12;
    return r;
}

// Made once: a policy that says "a red ..." and "a blue ..." equally often, a preference model that likes blue,
// prompts.
const fs::path& template_run() {
    static TemporaryFolder scratch;
    static bool made = false;
    if (std::exchange(made, true)) return scratch.path;
    Run run(scratch.path);
    Tokenizer tokenizer = train_bpe({"a red fox a blue fish a red owl a blue cat", "a red cat a blue fox"}, 290);
    Config config = kSmallModel;
    config.vocab_size = static_cast<int>(tokenizer.size());
    Model model(cpu_kernels, config);
    model.initialize(3);
    std::vector<Document> documents;
    std::vector<Json> comparisons, helpfulness, prompts;
    Rng rng(5, stream("template")), request_rng(5, stream("requests"));
    const auto any = [](const auto&) { return true; };
    for (size_t i = 0; i < 60; i++) {
        std::string animal = rng.pick(kAnimals), red = "a red " + animal, blue = "a blue " + animal;
        for (const std::string& answer : {red, blue})
            documents.push_back(encode_document(tokenizer, completed(dialogue_prompt(prompt_text(i)), answer)));
        bool first = rng.chance(0.5);
        comparisons.push_back(Json::Object{{"prompt", prompt_text(i)},
                                           {"a", first ? blue : red},
                                           {"b", first ? red : blue},
                                           {"p_a", first ? 0.95 : 0.05}});
        for (int j = 0; j < 2; j++) {
            std::vector<Token> tokens(rng.below(11));
            for (Token& token : tokens)
                token = static_cast<Token>(kSpecialCount + rng.below(tokenizer.size() - kSpecialCount));
            helpfulness.push_back(Json::Object{{"prompt", prompt_text(i)},
                                               {"a", j ? red : blue},
                                               {"b", repair_utf8(tokenizer.decode(tokens))},
                                               {"p_a", 0.9}});
        }
        const Request request = world().draw_request(request_rng, any, any, true);
        prompts.push_back(to_json(world(), "ppo", Prompt{request, prompt_text(i)}));
    }
    BatchStream stream(documents, 64, 256, 1);
    TrainingOptions options;
    options.steps = 120, options.learning_rate = 5e-3f, options.warmup_steps = 10;
    train(model, stream, options, "sft", run.metrics, run / "unused", tokenizer);
    save_model(run / "sl-cai", model, tokenizer);
    write_file(run / "comparisons.jsonl", dump_jsonl(comparisons));
    write_file(run / "helpfulness.jsonl", dump_jsonl(helpfulness));
    write_file(run / "world/prompts.jsonl", dump_jsonl(prompts));
    train_preference_model(cpu_kernels, run, small_recipe(1), "fingerprint");
    REQUIRE(read_json(run / "preference-model/score.json")["held_out"]["ai"]["accuracy"].number() >= 0.9);
    return scratch.path;
}

void copy_template(const fs::path& to) {
    fs::create_directories(to);
    for (const char* name : {"sl-cai", "preference-model", "world"})
        fs::copy(template_run() / name, to / name, fs::copy_options::recursive);
}

double value_of(const Json& metrics, const std::string& name) { return metrics[name].number(); }

// Runs PPO in a fresh copy of the template and returns the metrics of each iteration.
std::vector<Json> run_ppo(const Recipe& recipe, const Kernels& kernels = cpu_kernels) {
    TemporaryFolder scratch;
    copy_template(scratch.path);
    Run run(scratch.path);
    ppo(kernels, run, world(), recipe, dump(stage_options(recipe, "ppo")));
    return read_jsonl(run / "metrics.jsonl");
}

// The mean KL of the last four of twelve iterations. Over seeds 1 to 5 PPO's is 0.46 to 7.9 without a penalty and 0.04
// to 0.07 with one of 5. Fewer iterations or rollouts tell the two apart less surely: one iteration's KL is an estimate
// from its own samples.
double late_kl(const PpoOptions& options, double kl_coefficient) {
    Recipe recipe = small_recipe(12, 32);
    recipe.ppo.options = options;
    recipe.ppo.options.kl_coefficient = kl_coefficient;
    const std::vector<Json> metrics = run_ppo(recipe);
    double sum = 0;
    for (size_t i = 8; i < 12; i++) sum += value_of(metrics[i], "objective/kl");
    return sum / 4;
}

std::string outcome(const fs::path& run) {
    return read_file(run / "rl-cai/model.safetensors") + read_file(run / "value-model/model.safetensors");
}

}  // namespace

TEST_CASE("ppo: a planted score rises, and the KL starts at exactly 0") {
    Quiet hush;
    TemporaryFolder scratch;
    copy_template(scratch.path);
    Run run(scratch.path);
    ppo(cpu_kernels, run, world(), small_recipe(8, 32), "fingerprint");

    const std::vector<Json> metrics = read_jsonl(run / "metrics.jsonl");
    CHECK(metrics.size() == 8);
    CHECK(value_of(metrics.front(), "objective/kl") == 0);  // the policy is the reference, to the bit
    CHECK(value_of(metrics.back(), "objective/kl") > 0.05);
    // What a fox that turns from red to blue gains.
    Tokenizer tokenizer = load_tokenizer(run / "rl-cai");
    std::vector<float> foxes = score_answers(load_model(cpu_kernels, run / "preference-model"), tokenizer,
                                             {"who is 3?", "who is 3?"}, {"a blue fox", "a red fox"});
    const double gain = value_of(metrics.back(), "objective/scores") - value_of(metrics.front(), "objective/scores");
    CHECK(gain > 0.25 * (static_cast<double>(foxes[0]) - foxes[1]));
    CHECK(value_of(metrics.front(), "val/ratio") == doctest::Approx(1).epsilon(0.1));
    CHECK(value_of(metrics.back(), "loss/value_avg") < 0.7 * value_of(metrics.front(), "loss/value_avg"));
    CHECK(value_of(metrics.back(), "episode") == 8 * 32);
    CHECK(value_of(metrics.front(), "lr") == doctest::Approx(1e-3));
    CHECK(value_of(metrics.back(), "lr") == doctest::Approx(1e-3 / 8));  // the last iteration still learns

    // The policy says blue more often than SL-CAI did, by its own probabilities.
    auto logprob_of_blue = [&](const char* name) {
        Model model = load_model(cpu_kernels, run / name);
        double sum = 0;
        for (const std::string& animal : kAnimals) {
            Document document = encode_document(tokenizer, completed(dialogue_prompt("who is 3?"), "a blue " + animal));
            Batch batch;
            batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
            Activations activations;
            double logprob = 0;
            for (float x : token_logprobs(model, batch, activations)) logprob += x;
            sum += std::exp(logprob);
        }
        return sum;
    };
    CHECK(logprob_of_blue("rl-cai") > logprob_of_blue("sl-cai") + 0.1);
    CHECK(load_model(cpu_kernels, run / "value-model").config.score_head);
    CHECK_FALSE(fs::exists(run / "rl-cai.training"));
}

TEST_CASE("ppo: a sampler that disagrees with the trainer by one rounding is caught at the first minibatch") {
    Quiet hush;
    Kernels kernels = cpu_kernels;
    kernels.sample = [](Token* tokens, float* logprob, const float* logits, const uint64_t* keys, size_t N, size_t V,
                        SamplingOptions options) {
        cpu_kernels.sample(tokens, logprob, logits, keys, N, V, options);
        logprob[0] = std::nextafter(logprob[0], -100.0f);
    };
    std::string text = error_of([&] { run_ppo(small_recipe(2), kernels); });
    CHECK(contains(text, "ppo, iteration 1: before the first update"));
    CHECK(contains(text, "off 1 by"));
}

TEST_CASE("ppo: the same bits with one thread and with two, and after an interruption") {
    const AllThreads all_take_part;
    Quiet hush;
    TemporaryFolder scratch;
    for (const char* name : {"one", "two", "killed"}) copy_template(scratch.path / name);
    Recipe recipe = small_recipe(4);
    recipe.ppo.options.kl_target = 0.01, recipe.ppo.options.kl_horizon = 100;  // beta is part of the state
    SUBCASE("adamw") {}
    SUBCASE("muon") { recipe.ppo.optimizer = MatrixUpdate::muon; }
    auto ppo_in = [&](const std::string& name, const Kernels& kernels = cpu_kernels, double save_every_seconds = 0) {
        Run run(scratch.path / name);
        PpoControl control;
        control.save_every_seconds = save_every_seconds;
        ppo(kernels, run, world(), recipe, dump(stage_options(recipe, "ppo")), control);
        return outcome(run.directory);
    };
    const size_t updates =
        2 * 2 * 2 * 3;  // calls of adamw in an iteration: epochs, minibatches, models, groups of parameters
    cpu_kernels.set_threads(1);
    std::string one = ppo_in("one");
    cpu_kernels.set_threads(2);
    CHECK(one == ppo_in("two"));

    const Kernels third = mortal_kernels(2 * updates);
    CHECK_THROWS_WITH(ppo_in("killed", third), "killed");
    CHECK(read_json(scratch.path / "killed/rl-cai.training/state.json")["step"].integer() == 2);
    const Kernels fourth = mortal_kernels(updates);
    CHECK_THROWS_WITH(ppo_in("killed", fourth, 60),
                      "killed");  // without a new state: goes on from the one after 2 again
    CHECK(one == ppo_in("killed"));
    CHECK_FALSE(fs::exists(scratch.path / "killed/rl-cai.training"));

    // A state made with other options is left alone: the run starts again and ends like any other.
    fs::remove_all(scratch.path / "killed");
    copy_template(scratch.path / "killed");
    recipe.ppo.options.gamma = 0.9;
    const Kernels other = mortal_kernels(2 * updates);
    CHECK_THROWS_WITH(ppo_in("killed", other), "killed");
    recipe.ppo.options.gamma = 1;
    CHECK(one == ppo_in("killed"));
}

TEST_CASE("ppo: the optimizer is that of the policy and of the value model") {
    Quiet hush;
    std::string policy[2], value[2];
    for (const MatrixUpdate optimizer : {MatrixUpdate::adamw, MatrixUpdate::muon}) {
        TemporaryFolder scratch;
        copy_template(scratch.path);
        Recipe recipe = small_recipe(1);
        recipe.ppo.epochs = recipe.ppo.minibatches = 1;  // one update of each, on the same answers
        recipe.ppo.optimizer = optimizer;
        Run run(scratch.path);
        ppo(cpu_kernels, run, world(), recipe, "fingerprint");
        policy[static_cast<size_t>(optimizer)] = read_file(run / "rl-cai/model.safetensors");
        value[static_cast<size_t>(optimizer)] = read_file(run / "value-model/model.safetensors");
    }
    CHECK(policy[0] != policy[1]);
    CHECK(value[0] != value[1]);
}

TEST_CASE("ppo: the KL penalty holds the policy back, and target_kl stops an iteration early") {
    Quiet hush;
    const PpoOptions options = small_recipe(12).ppo.options;
    CHECK(late_kl(options, 5) < 0.5 * late_kl(options, 0));

    Recipe recipe = small_recipe(2);
    recipe.ppo.learning_rate = 3e-3f;
    const double free = value_of(run_ppo(recipe)[0], "policy/approxkl_avg");
    recipe.ppo.options.target_kl = free / 10;
    const double stopped = value_of(run_ppo(recipe)[0], "policy/approxkl_avg");
    CHECK(stopped <= 0.15 * free);
}

namespace {

// What a run handed to the kernels: each iteration's rewards, and each minibatch's advantages.
struct Handed {
    std::vector<std::vector<double>> rewards, estimated, advantages;
    std::vector<std::vector<int32_t>> offsets;
    double gamma = 0, lambda = 0, clip_ratio = 0, dual_clip = 0, clip_value = 0;
} handed;

Kernels watched_kernels() {
    Kernels kernels = cpu_kernels;
    kernels.gae = [](double* advantages, double* returns, const double* rewards, const float* values,
                     const int32_t* offsets, size_t R, double gamma, double lambda) {
        cpu_kernels.gae(advantages, returns, rewards, values, offsets, R, gamma, lambda);
        handed.rewards.emplace_back(rewards, rewards + offsets[R]);
        handed.estimated.emplace_back(advantages, advantages + offsets[R]);
        handed.offsets.emplace_back(offsets, offsets + R + 1);
        handed.gamma = gamma, handed.lambda = lambda;
    };
    kernels.policy_loss = [](double* loss, double* gradient, const float* logprobs, const float* old_logprobs,
                             const double* advantages, size_t T, double clip_ratio, double dual_clip) {
        cpu_kernels.policy_loss(loss, gradient, logprobs, old_logprobs, advantages, T, clip_ratio, dual_clip);
        handed.advantages.emplace_back(advantages, advantages + T);
        handed.clip_ratio = clip_ratio, handed.dual_clip = dual_clip;
    };
    kernels.value_loss = [](double* loss, double* gradient, const float* values, const float* old_values,
                            const double* returns, size_t T, double clip_value) {
        cpu_kernels.value_loss(loss, gradient, values, old_values, returns, T, clip_value);
        handed.clip_value = clip_value;
    };
    return kernels;
}

double mean_of(const std::vector<double>& x) {
    return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double squares_about(const std::vector<double>& x, double mean) {
    double sum = 0;
    for (double value : x) sum += (value - mean) * (value - mean);
    return sum;
}

}  // namespace

TEST_CASE("ppo: the conventions of other libraries reach the rewards, the whitening and the losses") {
    Quiet hush;
    const Kernels kernels = watched_kernels();
    const size_t rollouts = 6, minibatches = 4;  // of one and two rollouts
    for (const std::string name : {"oai", "n+", "dsc", "openrlhf", "verl", "nemo"}) {
        CAPTURE(name);
        handed = {};
        Recipe recipe = small_recipe(2, rollouts);
        recipe.ppo.options = like(name);
        const bool at_last_token = name == "n+" || name == "verl";
        recipe.ppo.options.kl_placement = at_last_token ? KlPlacement::last_token : KlPlacement::every_token;
        recipe.ppo.minibatches = static_cast<int>(minibatches);
        recipe.ppo.max_new_tokens = 4;  // too few for any answer to end
        const std::vector<Json> metrics = run_ppo(recipe, kernels);
        REQUIRE(metrics.size() == 2);
        REQUIRE(handed.rewards.size() == 2);
        REQUIRE(handed.advantages.size() == 2 * static_cast<size_t>(recipe.ppo.epochs) * minibatches);

        CHECK(handed.gamma == 1);
        CHECK(handed.lambda == (name == "openrlhf" || name == "verl" ? 1 : 0.95));
        CHECK(handed.clip_ratio == 0.2);
        CHECK(handed.dual_clip == (name == "verl" ? 3 : 0));
        CHECK(handed.clip_value == (name == "openrlhf" || name == "verl" ? 0.5 : 0.2));

        // Rewards. At first the policy is the reference, so that a penalty shows from the second iteration on.
        size_t penalties[2] = {}, bonuses[2] = {}, replaced = 0;
        for (size_t iteration : {0, 1})
            for (size_t s = 0; s < rollouts; s++) {
                const std::vector<double>& rewards = handed.rewards[iteration];
                const size_t last = static_cast<size_t>(handed.offsets[iteration][s + 1]) - 1;
                for (size_t t = static_cast<size_t>(handed.offsets[iteration][s]); t < last; t++)
                    penalties[iteration] += rewards[t] < 0, bonuses[iteration] += rewards[t] > 0;
                replaced += iteration == 0 && rewards[last] == -1;
            }
        if (name == "oai") {  // whitened, the mean kept
            for (const std::vector<double>& rewards : handed.rewards)
                CHECK(squares_about(rewards, mean_of(rewards)) ==
                      doctest::Approx(static_cast<double>(rewards.size())).epsilon(1e-4));
        } else {
            CHECK(penalties[0] + bonuses[0] == 0);
            CHECK((penalties[1] > 0) == !at_last_token);
            CHECK((bonuses[1] > 0) == (name == "dsc" || name == "openrlhf"));  // k1 takes both signs, |k1| one
        }
        CHECK(value_of(metrics[0], "val/num_eos_tokens") == 0);
        if (name != "oai") CHECK(replaced == (name == "n+" ? rollouts : 0));

        // Advantages of an epoch, which sees every rollout once: whitened over a minibatch, over all, or not at all.
        std::vector<double> all;
        for (size_t part = 0; part < minibatches; part++) {
            const std::vector<double>& one = handed.advantages[part];
            all.insert(all.end(), one.begin(), one.end());
            const double n = static_cast<double>(one.size());
            const bool white = std::abs(mean_of(one)) < 1e-9 && std::abs(squares_about(one, 0) / n - 1) < 1e-3;
            CHECK(white == (name == "oai"));
        }
        const double n = static_cast<double>(all.size());
        if (name == "dsc") {
            std::sort(all.begin(), all.end());
            std::sort(handed.estimated[0].begin(), handed.estimated[0].end());
            CHECK(all == handed.estimated[0]);
        } else {
            CHECK(std::abs(mean_of(all)) < 1e-9);
            CHECK(squares_about(all, 0) == doctest::Approx(name == "verl" ? n - 1 : n).epsilon(1e-4));
        }
    }
}

TEST_CASE("rloo and grpo: a planted score rises without a value model, and answers to one prompt share a baseline") {
    Quiet hush;
    for (const std::string name : {"rloo", "grpo"}) {
        CAPTURE(name);
        handed = {};
        Recipe recipe = small_recipe(8, 32);
        recipe.ppo.options = like(name);
        recipe.ppo.epochs = 1;
        const std::vector<Json> metrics = run_ppo(recipe, watched_kernels());
        REQUIRE(metrics.size() == 8);
        CHECK(handed.rewards.empty());  // GAE was never asked
        CHECK(handed.clip_ratio == 0.2);
        CHECK(value_of(metrics.front(), "objective/kl") == 0);
        CHECK(value_of(metrics.back(), "objective/scores") > value_of(metrics.front(), "objective/scores") + 0.5);
        CHECK(metrics.back()["loss/value_avg"].is_null());
        CHECK(metrics.back()["val/clipfrac_avg"].is_null());
        // The first iteration: as many advantages as answers or as tokens, and of leave-one-out they add up to 0.
        REQUIRE(handed.advantages.size() == 8 * 2);
        std::vector<double> all = handed.advantages[0];
        all.insert(all.end(), handed.advantages[1].begin(), handed.advantages[1].end());
        CHECK((all.size() == 32) == (name == "rloo"));
        if (name == "rloo") CHECK(std::abs(mean_of(all)) < 1e-6);
    }
}

TEST_CASE("grpo: the KL in the loss holds the policy back") {
    Quiet hush;
    CHECK(late_kl(like("grpo"), 5) < 0.5 * late_kl(like("grpo"), 0));
}

TEST_CASE("rloo: the same bits after an interruption, and no value model is left or expected") {
    Quiet hush;
    TemporaryFolder scratch;
    Recipe recipe = small_recipe(3);
    recipe.ppo.options = like("rloo");
    auto rloo_in = [&](const std::string& name, const Kernels& kernels = cpu_kernels) {
        Run run(scratch.path / name);
        PpoControl control;
        control.save_every_seconds = 0;
        ppo(kernels, run, world(), recipe, "fingerprint", control);
        return read_file(run / "rl-cai/model.safetensors");
    };
    for (const char* name : {"one", "killed"}) copy_template(scratch.path / name);
    write_file(scratch.path / "one/value-model/config.json", "{}");  // of PPO, before
    const std::string one = rloo_in("one");
    CHECK_FALSE(fs::exists(scratch.path / "one/value-model"));
    const Kernels mortal = mortal_kernels(2 * 2 * 2 * 3);  // epochs, minibatches, iterations; three calls an update
    CHECK_THROWS_WITH(rloo_in("killed", mortal), "killed");
    CHECK(read_json(scratch.path / "killed/rl-cai.training/state.json")["step"].integer() == 2);
    CHECK(one == rloo_in("killed"));

    Recipe of_story = recipe;
    CHECK(task_of(stage_named("ppo"), of_story).outputs == std::vector<std::string>{"rl-cai"});
    of_story.ppo.options = {};
    CHECK(task_of(stage_named("ppo"), of_story).outputs == std::vector<std::string>{"rl-cai", "value-model"});
}

TEST_CASE("ppo: the ratio's variance is over the minibatches, with Bessel's correction, and null for one") {
    Quiet hush;
    Recipe recipe = small_recipe(1);
    recipe.ppo.epochs = recipe.ppo.minibatches = 1;
    Json row = run_ppo(recipe)[0];
    CHECK(value_of(row, "val/ratio") == doctest::Approx(1));  // a weighted mean, of ones
    CHECK(row["val/ratio_var"].is_null());
    // Two steps: a mean ratio of 1, then one of r. Their mean is m = (1 + r) / 2 and their variance, over one,
    // 2 (m - 1)².
    recipe.ppo.minibatches = 2;
    row = run_ppo(recipe)[0];
    const double away = value_of(row, "val/ratio") - 1;
    CHECK(away != 0);
    CHECK(value_of(row, "val/ratio_var") == doctest::Approx(2 * away * away));
}

TEST_CASE("ppo: the rows of a batch are the states before the response's tokens") {
    Rollouts r;
    r.sequences = {{5, 6, 7, 8}, {5, 9, 4, 3, 0}};  // prompts of 2 and 4 tokens
    r.offsets = {0, 2, 3};
    Batch batch = rollout_batch(r, {1, 0});
    CHECK(batch.tokens == std::vector<Token>{5, 9, 4, 3, 5, 6, 7});
    CHECK(batch.rows == std::vector<int32_t>{3, 5, 6});
    CHECK(batch.targets == std::vector<Token>{0, 7, 8});
    CHECK(choose(std::vector<int>{10, 11, 12}, r, {1, 0}) == std::vector<int>{12, 10, 11});
}

TEST_CASE("ppo: prompts are dealt without repetition until all have been") {
    std::vector<size_t> seen(10, 0);
    for (size_t iteration = 0; iteration < 5; iteration++)
        for (size_t i : deal_prompts(10, iteration, 4, 1)) seen[i]++;
    CHECK(seen == std::vector<size_t>(10, 2));
    CHECK(deal_prompts(100, 0, 8, 1) != deal_prompts(100, 1, 8, 1));
    CHECK(deal_prompts(100, 0, 8, 1) != deal_prompts(100, 0, 8, 2));
    CHECK(deal_prompts(3, 1, 8, 1).size() == 8);
    // In groups: each prompt as often in a row, and the next iteration goes on with the next prompts.
    const std::vector<size_t> alone = deal_prompts(10, 0, 4, 1), pairs = deal_prompts(10, 0, 8, 1, 2);
    for (size_t i = 0; i < 8; i++) CHECK(pairs[i] == alone[i / 2]);
    CHECK(deal_prompts(10, 1, 8, 1, 2)[7] == deal_prompts(10, 1, 4, 1)[3]);
}

TEST_CASE("ppo: the monitors of four answers, by hand") {
    Rollouts r;
    r.answers = {"I am sorry but no", "I am sorry, yes", "I  am\nsorry and", "I am sorry but no"};
    r.sequences.resize(4);
    r.offsets = {0, 3, 5, 9, 12};
    Monitors m = monitor(r);
    CHECK(m.response_tokens == 3);
    CHECK(m.distinct_share == 0.75);
    CHECK(m.common_opening_share == 0.75);  // "sorry," is another word
}

TEST_CASE("ppo: a diverging run and missing inputs are said in one sentence") {
    Quiet hush;
    Recipe recipe = small_recipe(4);
    recipe.ppo.learning_rate = 1e38f;
    CHECK(contains(error_of([&] { run_ppo(recipe); }, kDiverged), "ppo, iteration "));

    for (auto [name, verb] : {std::pair{"sl-cai", "sft"},
                              {"preference-model", "reward"},
                              {"world/prompts.jsonl", "world"},
                              {"preference-model/score.json", "reward"}}) {
        TemporaryFolder scratch;
        copy_template(scratch.path);
        fs::remove_all(scratch.path / name);
        Run run(scratch.path);
        std::string text = error_of([&] { ppo(cpu_kernels, run, world(), small_recipe(1), "fingerprint"); });
        CHECK(contains(text, name));
        CHECK(contains(text, concat("run `cai ", verb, "`")));
    }
}

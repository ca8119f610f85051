// The command line's settings of the story: the recipe of a size, with what was overridden, and as JSON for the manifests.
#pragma once
#include <cstdint>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>

#include "base/arguments.h"
#include "base/rng.h"
#include "method/recipe.h"

namespace cai {

inline void read_supervised(Arguments& arguments, const std::string& stage, SupervisedRecipe& r) {
    r.tokens_per_batch = static_cast<size_t>(
        arguments.integer(stage + "-tokens-per-batch", static_cast<int64_t>(r.tokens_per_batch), 1, 1 << 24));
    r.epochs = arguments.number(stage + "-epochs", r.epochs, 0, 1e6);
    r.learning_rate = arguments.number(stage + "-learning-rate", r.learning_rate, 0, 10);
    r.warmup_steps = static_cast<size_t>(arguments.integer(stage + "-warmup-steps", static_cast<int64_t>(r.warmup_steps), 0));
    r.final_fraction = arguments.number(stage + "-final-fraction", r.final_fraction, 0, 1);
    r.weight_decay = arguments.number(stage + "-weight-decay", r.weight_decay, 0, 10);
    r.embedding_rate = arguments.number(stage + "-embedding-rate", r.embedding_rate, 0, 10);
}

// "LOW,HIGH", as in the paper's 0.4,0.6.
inline void read_clamp(Arguments& arguments, CompareRecipe& r) {
    std::string text = arguments.string("clamp", concat(r.clamp_low, ",", r.clamp_high));
    char comma = 0, rest = 0;
    std::istringstream stream(text);
    if (!(stream >> r.clamp_low >> comma >> r.clamp_high) || comma != ',' || stream >> rest || r.clamp_low < 0 ||
        r.clamp_low > r.clamp_high || r.clamp_high > 1)
        fail(kUsage, "option --clamp: '", text, "' is not LOW,HIGH with 0 <= LOW <= HIGH <= 1, such as 0.4,0.6");
}

// Every convention of PPO on which libraries differ, by the name it has in the table of ppo_conventions.h.
inline void read_ppo_options(Arguments& arguments, PpoOptions& o) {
    auto number = [&](const char* name, double& value) { value = arguments.number(name, value); };
    auto choice = [&]<class Enum, size_t n>(const char* name, const char* const (&names)[n], Enum& value) {
        value = parse_choice<Enum>(names, name, arguments.string(name, names[static_cast<size_t>(value)]));
    };
    number("kl-coefficient", o.kl_coefficient);
    choice("kl-estimator", kKlEstimators, o.kl_estimator);
    choice("kl-placement", kKlPlacements, o.kl_placement);
    number("kl-clip", o.kl_clip);
    number("kl-target", o.kl_target);
    number("kl-horizon", o.kl_horizon);
    number("score-clip", o.score_clip);
    choice("missing-end", kMissingEnds, o.missing_end);
    number("missing-end-penalty", o.missing_end_penalty);
    o.whiten_rewards = arguments.choice("whiten-rewards", {"true", "false"}, o.whiten_rewards ? "true" : "false") == "true";
    choice("advantage-whitening", kWhitenings, o.advantage_whitening);
    choice("variance", kVariances, o.variance);
    number("whiten-epsilon", o.whiten_epsilon);
    number("gamma", o.gamma);
    number("lambda", o.lambda);
    number("clip-ratio", o.clip_ratio);
    number("dual-clip", o.dual_clip);
    number("clip-value", o.clip_value);
    number("value-coefficient", o.value_coefficient);
    choice("aggregation", kAggregations, o.aggregation);
    number("target-kl", o.target_kl);
    validate(o);
}

// A run's config.cfg lists every number of its recipe. Where the command line names another --size, or another --like, the
// numbers that it governs are passed over in the file: they are those of the size, or the library, before.
inline Recipe read_recipe(Arguments& arguments) {
    std::string size = arguments.string("size", "tiny");
    Recipe r = recipe(size, static_cast<uint64_t>(arguments.integer("seed", 1, 0, int64_t{1} << 50)));
    const bool same_size = !arguments.overrides("size");
    arguments.use_file(same_size);
    auto count = [&](const char* name, size_t& value) {
        value = static_cast<size_t>(arguments.integer(name, static_cast<int64_t>(value), 1, 1 << 30));
    };
    r.vocab_size = static_cast<int>(arguments.integer("vocab-size", r.vocab_size, 300, 1 << 20));
    count("documents", r.corpus.documents);
    count("dialogues", r.corpus.dialogues);
    count("reviews", r.corpus.reviews);
    count("critique-prompts", r.corpus.critique_prompts);
    count("helpful-prompts", r.corpus.helpful_prompts);
    count("compare-prompts", r.corpus.compare_prompts);
    count("ppo-prompts", r.corpus.ppo_prompts);
    count("replayed", r.corpus.replayed);
    count("replayed-conversations", r.corpus.replayed_conversations);
    read_supervised(arguments, "pretrain", r.pretrain);
    read_supervised(arguments, "helpful", r.helpful);
    read_supervised(arguments, "sl-cai", r.sl_cai);
    r.critique.rounds = static_cast<int>(arguments.integer("rounds", r.critique.rounds, 0, 64));
    r.critique.temperature = arguments.number("temperature", r.critique.temperature, 0, 10);
    r.compare.reasoning =
        arguments.choice("reasoning", {"true", "false"}, r.compare.reasoning ? "true" : "false") == "true";
    read_clamp(arguments, r.compare);
    count("pairs-per-batch", r.reward.pairs_per_batch);
    r.reward.epochs = arguments.number("reward-epochs", r.reward.epochs, 0, 1e6);
    r.reward.learning_rate = arguments.number("reward-learning-rate", r.reward.learning_rate, 0, 10);
    count("ppo-iterations", r.ppo.iterations);
    count("rollouts", r.ppo.rollouts);
    r.ppo.epochs = static_cast<int>(arguments.integer("ppo-epochs", r.ppo.epochs, 1, 1000));
    r.ppo.minibatches = static_cast<int>(arguments.integer("minibatches", r.ppo.minibatches, 1, 1 << 20));
    r.ppo.learning_rate = arguments.number("ppo-learning-rate", r.ppo.learning_rate, 0, 10);
    r.ppo.value_learning_rate = arguments.number("value-learning-rate", r.ppo.value_learning_rate, 0, 10);
    r.ppo.max_new_tokens = static_cast<int>(arguments.integer("max-new-tokens", r.ppo.max_new_tokens, 1, 1 << 20));
    count("evaluate-prompts", r.evaluate.prompts);
    count("evaluate-pairs", r.evaluate.pairs);
    const std::string library = arguments.string("like", "none");
    if (library != "none") r.ppo.options = like(library);
    arguments.use_file(same_size && !arguments.overrides("like"));
    read_ppo_options(arguments, r.ppo.options);
    arguments.use_file(true);
    return r;
}

// The options of the recipe: --size, --seed, and every number and choice of a stage.
inline const std::set<std::string>& recipe_options() {
    static const std::set<std::string> names = [] {
        Arguments nothing({}, {});
        read_recipe(nothing);
        return nothing.names();
    }();
    return names;
}

// The lines of a run's config.cfg: the recipe, without what belongs to one command.
inline std::string recipe_configuration(const Arguments& arguments) {
    std::string lines;
    for (const std::string& line : split_lines(arguments.configuration()))
        if (recipe_options().count(line.substr(0, line.find(' ')))) lines += line + "\n";
    return lines;
}

// One stage belongs to its run, whose world, weights and samples are of one seed and one size.
inline void expect_same_recipe(const Recipe& recipe, const std::filesystem::path& run) {
    if (!std::filesystem::exists(run / "config.cfg")) return;
    Arguments saved({"--config", (run / "config.cfg").string()}, {});
    auto expect_same = [&](const std::string& name, const std::string& own, const std::string& asked) {
        if (own != asked)
            fail(kUsage, run.string(), ": is a run of ", name, " ", own, ", not ", asked, "; leave --", name,
                 " out, or make another run with `cai all --", name, " ", asked, " --out DIR`");
    };
    expect_same("seed", concat(saved.integer("seed", 1)), concat(recipe.seed));
    expect_same("size", saved.string("size", "tiny"), recipe.size);
}

inline Json to_json(const SupervisedRecipe& r) {
    return Json::Object{{"tokens_per_batch", r.tokens_per_batch},
                        {"epochs", r.epochs},
                        {"learning_rate", r.learning_rate},
                        {"warmup_steps", r.warmup_steps},
                        {"final_fraction", r.final_fraction},
                        {"weight_decay", r.weight_decay},
                        {"embedding_rate", r.embedding_rate}};
}

inline Json to_json(const CorpusRecipe& r) {
    return Json::Object{{"documents", r.documents},
                        {"dialogues", r.dialogues},
                        {"reviews", r.reviews},
                        {"critique_prompts", r.critique_prompts},
                        {"helpful_prompts", r.helpful_prompts},
                        {"compare_prompts", r.compare_prompts},
                        {"ppo_prompts", r.ppo_prompts}};
}

inline Json to_json(const PpoRecipe& r) {
    const PpoOptions& o = r.options;
    auto name = [](const auto& names, auto value) { return names[static_cast<size_t>(value)]; };
    return Json::Object{{"iterations", r.iterations},
                        {"rollouts", r.rollouts},
                        {"epochs", r.epochs},
                        {"minibatches", r.minibatches},
                        {"learning_rate", r.learning_rate},
                        {"value_learning_rate", r.value_learning_rate},
                        {"max_new_tokens", r.max_new_tokens},
                        {"kl_coefficient", o.kl_coefficient},
                        {"kl_estimator", name(kKlEstimators, o.kl_estimator)},
                        {"kl_placement", name(kKlPlacements, o.kl_placement)},
                        {"kl_clip", o.kl_clip},
                        {"kl_target", o.kl_target},
                        {"kl_horizon", o.kl_horizon},
                        {"score_clip", o.score_clip},
                        {"missing_end", name(kMissingEnds, o.missing_end)},
                        {"missing_end_penalty", o.missing_end_penalty},
                        {"whiten_rewards", o.whiten_rewards},
                        {"advantage_whitening", name(kWhitenings, o.advantage_whitening)},
                        {"variance", name(kVariances, o.variance)},
                        {"whiten_epsilon", o.whiten_epsilon},
                        {"gamma", o.gamma},
                        {"lambda", o.lambda},
                        {"clip_ratio", o.clip_ratio},
                        {"dual_clip", o.dual_clip},
                        {"clip_value", o.clip_value},
                        {"value_coefficient", o.value_coefficient},
                        {"aggregation", name(kAggregations, o.aggregation)},
                        {"target_kl", o.target_kl}};
}

}  // namespace cai

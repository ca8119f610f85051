// Evaluation: the outcomes of each assistant on prompts that no stage trained on, as the oracle
// classifies them; the skill of critic, judge and preference model; and Elo ratings of the
// assistants. No result flows into a training stage.
#pragma once
#include <chrono>
#include <filesystem>
#include <iterator>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../eval/elo_scales.h"
#include "../eval/goodhart.h"
#include "../eval/preference_skill.h"
#include "../eval/skill.h"
#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/rollouts.h"

namespace cai {

// Whether the run has this model. One still in training is in NAME.training.
inline bool has_model(const Run& run, const std::string& name) {
    return std::filesystem::exists(find_checkpoint(run / name) / "config.json");
}

// Errors: the run has no model at all.
inline void expect_a_model(const Run& run) {
    for (const char* name : {"pretrained", "helpful", "sl-cai", "preference-model", "rl-cai", "dpo"})
        if (has_model(run, name)) return;
    fail(kBadInput, run.directory, ": holds no model to evaluate; make them all with `cai all --out ",
         run.directory, "`");
}

// Writes skill.json: {"critic", "judge", "judge_with_reasoning" or "judge_without_reasoning": {SPLIT: figures}}, where
// "judge" is the judge that the recipe uses and the last key is the other one. Nothing here depends on the
// constitution. Missing models are skipped.
inline void measure_skill(const Kernels& kernels, Run& run, const World& world, const Recipe& recipe) {
    const Oracle oracle(world);
    std::map<std::string, std::vector<MinimalPair>> pairs;
    for (const char* split : kSkillSplits) pairs[split] = minimal_pairs(world, split, recipe.evaluate.pairs);
    const bool reasoning = recipe.compare.reasoning;
    Json skill = Json::Object{};
    Progress progress("evaluate skill", 3 * std::size(kSkillSplits));
    size_t step = 0, too_long = 0;
    auto measure = [&](const std::string& name, auto score) {
        Json by_split = Json::Object{};
        for (const char* split : kSkillSplits) {
            by_split.set(split, score(pairs[split]));
            if (const Json* some = by_split[split].find("too_long")) too_long += static_cast<size_t>(some->integer());
            progress.update(++step, {{name, by_split[split]["pairs"].number()}});
        }
        skill.set(name, by_split);
    };
    auto measure_judge = [&](const Model& judge, const Tokenizer& tokenizer, bool reasons) {
        const std::string name = reasons == reasoning ? "judge"
                                 : reasons            ? "judge_with_reasoning"
                                                      : "judge_without_reasoning";
        measure(name, [&](const auto& some) { return judge_skill(judge, tokenizer, some, reasons, recipe.seed); });
    };
    if (has_model(run, "helpful")) {
        const Model helpful = load_model(kernels, run / "helpful");
        const Tokenizer tokenizer = load_tokenizer(run / "helpful");
        measure("critic", [&](const auto& some) {
            return critic_skill(helpful, tokenizer, oracle, some, recipe.critique.temperature, recipe.seed);
        });
        measure_judge(helpful, tokenizer, true);
    }
    if (has_model(run, "pretrained"))
        measure_judge(load_model(kernels, run / "pretrained"), load_tokenizer(run / "pretrained"), false);
    if (too_long > 0)
        note("evaluate", concat(too_long, " texts of critic and judge do not fit the context; they count as wrong"));
    write_file(run / "skill.json", dump(skill, 2) + "\n");
}

// KL(model || reference) of a whole answer, in nats: the mean over answers that the model samples at temperature 1 to
// the prompts of held_out_entities.
inline double kl_from(const Model& reference, const Model& model, const Tokenizer& tokenizer,
                      const std::vector<Cell>& cells, const Recipe& recipe) {
    std::vector<std::string> prompts;
    for (const Cell& cell : cells)
        if (cell.split == "held_out_entities")
            for (const Prompt& prompt : cell.prompts) prompts.push_back(prompt.text);
    const Rollouts r = sample_rollouts(model, tokenizer, std::move(prompts), 0, recipe);
    std::vector<size_t> order(r.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::vector<float> reference_logprobs;
    Activations activations;
    const size_t parts = r.size() / 64 + 1;
    for (size_t part = 0; part < parts; part++)
        for (float logprob : token_logprobs(reference, rollout_batch(r, part_of(order, part, parts)), activations))
            reference_logprobs.push_back(logprob);
    return mean_sequence_kl(r.logprobs, reference_logprobs, r.offsets);
}

// Reads skill.json, evaluates the models of the run and writes results.json, whose format
// notebooks_md/90_lab_notebook.md describes. Missing models are skipped. `threads` is only recorded.
inline Json evaluate(const Kernels& kernels, Run& run, const World& world, const Constitution& constitution,
                     const Recipe& recipe, int threads) {
    const auto started = std::chrono::steady_clock::now();
    const Json skill = read_json(run / "skill.json");
    located((run / "skill.json").string(), [&] { skill.object(); });
    const std::vector<Cell> cells = draw_cells(world, recipe.evaluate.prompts);
    const Oracle oracle(world);

    // 1. The assistants, at temperature 1 and greedily.
    std::vector<std::string> names;
    for (const char* name : kAssistants)
        if (has_model(run, name)) names.push_back(name);
    std::vector<Answers> sampled;
    Json models = Json::Object{}, greedy = Json::Object{}, watched = Json::Object{};
    Progress progress("evaluate", 2 * names.size() + 1);
    for (const std::string& name : names) {
        const Model model = load_model(kernels, run / name);
        const Tokenizer tokenizer = load_tokenizer(run / name);
        sampled.push_back(answer_cells(model, tokenizer, oracle, cells, 1, recipe.seed));
        models.set(name, outcomes(world, cells, sampled.back()));
        progress.update(2 * sampled.size() - 1, {});
        greedy.set(name, outcomes(world, cells, answer_cells(model, tokenizer, oracle, cells, 0, recipe.seed)));
        progress.update(2 * sampled.size(), {});
        std::vector<Answer> harmful, harmless;
        for (size_t c = 0; c < cells.size(); c++) {
            if (cells[c].split != "held_out_entities") continue;
            auto& some = cells[c].kind == Kind::hazard ? harmful : harmless;
            some.insert(some.end(), sampled.back()[c].begin(), sampled.back()[c].end());
        }
        watched.set(name, Json::Object{{"harmful", monitors(harmful)}, {"harmless", monitors(harmless)}});
    }

    // 2. How far from SL-CAI, where there is a second assistant to compare with RL-CAI.
    Json kl = Json::Object{};
    if (has_model(run, "dpo") && has_model(run, "sl-cai")) {
        const Model reference = load_model(kernels, run / "sl-cai");
        for (const char* name : {"rl-cai", "dpo"})
            if (has_model(run, name))
                kl.set(name, kl_from(reference, load_model(kernels, run / name), load_tokenizer(run / name), cells,
                                     recipe));
    }

    // 3. The preference model.
    Json preferences = Json::Object{};
    if (has_model(run, "preference-model")) {
        const Model model = load_model(kernels, run / "preference-model");
        const Tokenizer tokenizer = load_tokenizer(run / "preference-model");
        for (const char* split : kSplits)
            preferences.set(
                split, preference_skill(model, tokenizer, world, constitution, cells, split, recipe.evaluate.pairs));
    }
    progress.update(2 * names.size() + 1, {});
    progress.done();

    // 4. The results.
    Json of_hazards = Json::Object{};
    for (const Act& act : world.acts)
        if (act.kind == Kind::hazard) of_hazards.set(act.name, coverage(world, constitution, act));
    Json results = Json::Object{};
    results.set("seed", recipe.seed).set("size", recipe.size).set("threads", threads).set("seconds", Json());
    results.set("constitution", Json::Object{{"lines", constitution.principles.size()}, {"coverage", of_hazards}});
    const std::filesystem::path world_json = run / "world/world.json";
    if (std::filesystem::exists(world_json)) {
        const Json figures = read_json(world_json);
        located(world_json.string(), [&] { results.set("review_documents", figures["review_documents"]); });
    }
    results.set("models", models).set("greedy", greedy);
    if (!kl.object().empty()) results.set("kl_from_sl_cai", kl);
    for (const char* name : {"critic", "judge", "judge_with_reasoning", "judge_without_reasoning"})
        if (const Json* figures = skill.find(name)) results.set(name, *figures);
    if (!preferences.object().empty()) results.set("preference_model", preferences);
    if (!names.empty() && names[0] == "helpful")
        results.set("elo", elo_scales(world, constitution, cells, names, sampled));
    results.set("monitors", watched);

    // The manifest does not have this stage's own seconds yet.
    Json seconds = run.seconds();
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    const Json* before = seconds.find("evaluate");
    seconds.set("total", seconds["total"].number() - (before ? before->number() : 0) + took).set("evaluate", took);
    results.set("seconds", seconds);
    write_file(run / "results.json", dump(results, 2) + "\n");
    return results;
}

}  // namespace cai

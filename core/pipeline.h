// The story as a list of stages, each with the files it reads and writes. cai.cpp tells it in order; one stage alone is one
// subcommand.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "lm/bpe_training.h"
#include "settings.h"
#include "stages/compare.h"
#include "stages/compare_helpfulness.h"
#include "stages/corpus.h"
#include "stages/critique.h"
#include "stages/evaluate.h"
#include "stages/ppo.h"
#include "stages/pretrain.h"
#include "stages/reward.h"
#include "stages/sft.h"

namespace cai {

struct Story {
    const Kernels& kernels;
    Run& run;
    const World& world;
    const Constitution& constitution;
    const Recipe& recipe;
    std::filesystem::path data;  // the folder with world/ in it
    int threads;

    // ---- the stages, in the order of the story

    void make_world() const {
        run.perform(world_stage(), [&] {
            Json summary = write_corpus(run, world, recipe.corpus);
            note("world", concat(recipe.corpus.documents, " documents, ", dump(summary["review_documents"]),
                                 " reviews and drills among them and beside them"));
        });
    }

    void train_tokenizer() const {
        run.perform(tokenizer_stage(), [&] {
            std::vector<std::string> texts;
            for (const Json& json : read_jsonl(run / "world/documents.jsonl"))
                for (const Segment& segment : segments_from_json(json, "world/documents.jsonl")) texts.push_back(as_read(segment));
            Tokenizer tokenizer = train_bpe(texts, static_cast<size_t>(recipe.vocab_size));
            write_tokenizer(run / "tokenizer", tokenizer);
            note("tokenizer", concat(tokenizer.size(), " tokens"));
        });
    }

    void pretrain_model() const {
        run.perform(pretrain_stage(), [&] { pretrain(kernels, run, recipe); });
    }

    void tune_helpful() const {
        run.perform(helpful_stage(), [&] { sft_helpful(kernels, run, recipe); });
    }

    void critique() const {
        Json options = Json::Object{{"rounds", recipe.critique.rounds}, {"temperature", recipe.critique.temperature},
                                    {"seed", recipe.seed}};
        run.perform({"critique", {"helpful", "world/prompts.jsonl", "constitution.txt"},
                     {"revisions.jsonl", "helpful-samples.jsonl"}, options},
                    [&] { critique_and_revise(kernels, run, world, constitution, recipe); });
    }

    void tune_sl_cai() const {
        Json options = to_json(recipe.sl_cai);
        options.set("seed", recipe.seed);
        options.set("replayed", recipe.corpus.replayed).set("replayed_conversations", recipe.corpus.replayed_conversations);
        run.perform({"sft-sl-cai", {"pretrained", "revisions.jsonl", "helpful-samples.jsonl", "world/documents.jsonl"},
                     {"sl-cai"}, options},
                    [&] { sft_sl_cai(kernels, run, recipe); });
    }

    void compare_answers() const {
        Json options = Json::Object{{"reasoning", recipe.compare.reasoning}, {"clamp_low", recipe.compare.clamp_low},
                                    {"clamp_high", recipe.compare.clamp_high}, {"temperature", recipe.compare.temperature},
                                    {"seed", recipe.seed}};
        run.perform({"compare", {"sl-cai", "helpful", "pretrained", "world/prompts.jsonl", "constitution.txt"},
                     {"comparisons.jsonl"}, options},
                    [&] { compare(kernels, run, world, constitution, recipe); });
        run.perform({"compare-helpfulness", {"sl-cai", "world/prompts.jsonl"}, {"helpfulness.jsonl"},
                     Json::Object{{"seed", recipe.seed}, {"labelled_by", "oracle"}}},
                    [&] { compare_helpfulness(kernels, run, world, recipe); });
    }

    void train_reward() const {
        Json options = Json::Object{{"pairs_per_batch", recipe.reward.pairs_per_batch}, {"epochs", recipe.reward.epochs},
                                    {"learning_rate", recipe.reward.learning_rate}, {"seed", recipe.seed}};
        run.perform({"reward", {"sl-cai", "comparisons.jsonl", "helpfulness.jsonl"}, {"preference-model"}, options},
                    [&] { train_preference_model(kernels, run, recipe); });
    }

    void optimize_policy() const {
        Json options = to_json(recipe.ppo);
        options.set("seed", recipe.seed);
        run.perform({"ppo", {"sl-cai", "preference-model", "world/prompts.jsonl"}, {"rl-cai", "value-model"}, options},
                    [&] { ppo(kernels, run, world, recipe); });
    }

    void evaluate_models() const {
        std::vector<std::string> inputs = {"constitution.txt"};
        for (const char* model : {"pretrained", "helpful", "sl-cai", "preference-model", "rl-cai"})
            if (std::filesystem::exists(run / model)) inputs.push_back(model);
        expects(inputs.size() > 1, run.directory.string(), ": holds no model to evaluate; make them all with `cai all --out ",
                run.directory.string(), "`");
        Json options = Json::Object{{"prompts", recipe.evaluate.prompts}, {"pairs", recipe.evaluate.pairs},
                                    {"reasoning", recipe.compare.reasoning}, {"seed", recipe.seed}};
        run.perform({"evaluate", inputs, {"results.json"}, options},
                    [&] { evaluate(kernels, run, world, constitution, recipe, threads); });
    }

    // ---- another run's work

    // Takes over what does not depend on the constitution, where the other run made it with the same recipe from the same world.
    void take_over(const Run& other) const {
        std::vector<std::string> missing;
        for (const Run::Stage& stage : {world_stage(), tokenizer_stage(), pretrain_stage(), helpful_stage()})
            if (!run.adopt(other, stage)) missing.push_back(stage.name);
        if (missing.empty() && std::filesystem::exists(other / "skill.json"))  // of critic and judge, whatever the constitution
            std::filesystem::copy_file(other / "skill.json", run / "skill.json", std::filesystem::copy_options::skip_existing);
        if (!missing.empty())
            warn(concat(other.directory.string(), ": holds no ", join_list(missing, "and"), " of seed ", recipe.seed, ", size ",
                        recipe.size, ", this world and these options; what is missing is made afresh"));
    }

  private:
    Run::Stage world_stage() const {
        Json options = to_json(recipe.corpus);
        options.set("seed", recipe.seed);
        for (const char* file : {"entities.txt", "acts.txt", "phrases.txt"})
            options.set(file, fingerprint(data / "world" / file));
        return {"world", {}, {"world/documents.jsonl", "world/dialogues.jsonl", "world/reviews.jsonl", "world/prompts.jsonl",
                              "world/world.json"}, options};
    }
    Run::Stage tokenizer_stage() const {
        return {"tokenizer", {"world/documents.jsonl"}, {"tokenizer"}, Json::Object{{"vocab_size", recipe.vocab_size}}};
    }
    Run::Stage pretrain_stage() const {
        Json options = to_json(recipe.pretrain);
        options.set("size", recipe.size).set("seed", recipe.seed);
        return {"pretrain", {"world/documents.jsonl", "tokenizer"}, {"pretrained"}, options};
    }
    Run::Stage helpful_stage() const {
        Json options = to_json(recipe.helpful);
        options.set("seed", recipe.seed);
        return {"sft-helpful", {"pretrained", "world/dialogues.jsonl", "world/reviews.jsonl"}, {"helpful"}, options};
    }
};

}  // namespace cai

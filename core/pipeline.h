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
        run.perform({"critique", {"helpful", "world/prompts.jsonl", "constitution.txt"},
                     {"revisions.jsonl", "helpful-samples.jsonl"}, stage_options(recipe, "critique")},
                    [&] { critique_and_revise(kernels, run, world, constitution, recipe); });
    }

    void tune_sl_cai() const {
        run.perform({"sft-sl-cai", {"pretrained", "revisions.jsonl", "helpful-samples.jsonl", "world/documents.jsonl"},
                     {"sl-cai"}, stage_options(recipe, "sft-sl-cai")},
                    [&] { sft_sl_cai(kernels, run, recipe); });
    }

    void compare_answers() const {
        run.perform({"compare", {"sl-cai", "helpful", "pretrained", "world/prompts.jsonl", "constitution.txt"},
                     {"comparisons.jsonl"}, stage_options(recipe, "compare")},
                    [&] { compare(kernels, run, world, constitution, recipe); });
        run.perform({"compare-helpfulness", {"sl-cai", "world/prompts.jsonl"}, {"helpfulness.jsonl"},
                     stage_options(recipe, "compare-helpfulness").set("labelled_by", "oracle")},
                    [&] { compare_helpfulness(kernels, run, world, recipe); });
    }

    void train_reward() const {
        run.perform({"reward", {"sl-cai", "comparisons.jsonl", "helpfulness.jsonl"}, {"preference-model"},
                     stage_options(recipe, "reward")},
                    [&] { train_preference_model(kernels, run, recipe); });
    }

    void optimize_policy() const {
        run.perform({"ppo", {"sl-cai", "preference-model", "world/prompts.jsonl"}, {"rl-cai", "value-model"},
                     stage_options(recipe, "ppo")},
                    [&] { ppo(kernels, run, world, recipe); });
    }

    void evaluate_models() const {
        std::vector<std::string> inputs = {"constitution.txt"};
        for (const char* model : {"pretrained", "helpful", "sl-cai", "preference-model", "rl-cai"})
            if (std::filesystem::exists(run / model)) inputs.push_back(model);
        expects(inputs.size() > 1, run.directory.string(), ": holds no model to evaluate; make them all with `cai all --out ",
                run.directory.string(), "`");
        run.perform({"evaluate", inputs, {"results.json"}, stage_options(recipe, "evaluate")},
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
        Json options = stage_options(recipe, "world");
        for (const char* file : {"entities.txt", "acts.txt", "phrases.txt"})
            options.set(file, fingerprint(data / "world" / file));
        return {"world", {}, {"world/documents.jsonl", "world/dialogues.jsonl", "world/reviews.jsonl", "world/prompts.jsonl",
                              "world/world.json"}, options};
    }
    Run::Stage tokenizer_stage() const {
        return {"tokenizer", {"world/documents.jsonl"}, {"tokenizer"}, stage_options(recipe, "tokenizer")};
    }
    Run::Stage pretrain_stage() const {
        return {"pretrain", {"world/documents.jsonl", "tokenizer"}, {"pretrained"}, stage_options(recipe, "pretrain")};
    }
    Run::Stage helpful_stage() const {
        return {"sft-helpful", {"pretrained", "world/dialogues.jsonl", "world/reviews.jsonl"}, {"helpful"},
                stage_options(recipe, "sft-helpful")};
    }
};

}  // namespace cai

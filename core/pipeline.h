// The method as a list of stages, each with the files it reads and writes, the options that
// determine its outputs, and its body. `cai all` runs them in order, and each is also a subcommand.
// --from, the help and the table in the book use this list too.
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "recipe_options.h"
#include "stages/compare.h"
#include "stages/compare_helpfulness.h"
#include "stages/corpus.h"
#include "stages/critique.h"
#include "stages/dpo.h"
#include "stages/evaluate.h"
#include "stages/ppo.h"
#include "stages/pretrain.h"
#include "stages/reward.h"
#include "stages/sft.h"
#include "stages/train_tokenizer.h"

namespace cai {

// The arguments shared by the bodies of all stages.
struct Pipeline {
    const Kernels& kernels;
    Run& run;
    const World& world;
    const Constitution& constitution;
    const Recipe& recipe;
    int threads;  // recorded in results.json
};

struct Stage {
    const char* name;     // in its manifest and messages
    const char* command;  // the subcommand, with its argument
    const char* does;
    std::vector<std::string> inputs;                // files and folders of the run; data/world/ is in --data
    std::vector<std::string> optional_inputs = {};  // read if they exist
    std::vector<std::string> outputs;
    const char* options;  // the recipe stage whose options determine the outputs
    void (*body)(const Pipeline&, const std::string& fingerprint);
    // Beside the story, not part of it: only its own subcommand runs it, and after that `cai all` keeps it up to date.
    bool optional = false;
    std::vector<std::string> not_kept = {};  // outputs that `cai all` removes when it is done: see restore_texts()
};

// The files of --data that a story reads.
inline const std::vector<std::string> kWorldFiles = {"data/world/entities.txt", "data/world/acts.txt",
                                                     "data/world/phrases.txt"};

// Their paths, for a Run.
inline Run::Paths world_files(const std::filesystem::path& data) {
    Run::Paths files;
    for (const std::string& file : kWorldFiles) files[file] = data / file.substr(std::string("data/").size());
    return files;
}

// The only place that defines the dependencies between stages. A stage that reads neither constitution.txt nor anything
// derived from it is reused under any constitution.
inline const std::vector<Stage>& stages() {
    // clang-format off
    static const std::vector<Stage> kStages = {
        {.name = "world", .command = "world",
         .does = "writes the documents, dialogues, reviews and prompts of the toy world",
         .inputs = kWorldFiles,
         .outputs = {"world/drills.jsonl", "world/documents.jsonl", "world/dialogues.jsonl", "world/reviews.jsonl",
                     "world/prompts.jsonl", "world/world.json"},
         .options = "world",
         .body = [](const Pipeline& p, const std::string&) { write_corpus(p.run, p.world, p.recipe.corpus); },
         .not_kept = {"world/drills.jsonl", "world/documents.jsonl", "world/reviews.jsonl"}},
        {.name = "tokenizer", .command = "tokenizer",
         .does = "trains the byte-level BPE tokenizer",
         .inputs = {"world/drills.jsonl", "world/documents.jsonl"},
         .outputs = {"tokenizer"},
         .options = "tokenizer",
         .body = [](const Pipeline& p, const std::string&) { train_tokenizer(p.run, p.recipe); }},
        {.name = "pretrain", .command = "pretrain",
         .does = "trains a model from fresh weights: language, facts, and applying a stated principle",
         .inputs = {"world/drills.jsonl", "world/documents.jsonl", "tokenizer"},
         .outputs = {"pretrained"},
         .options = "pretrain",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             pretrain(p.kernels, p.run, p.recipe, fingerprint);
         }},
        {.name = "sft-helpful", .command = "sft helpful",
         .does = "fine-tunes the pretrained model into the helpful-only assistant: it answers everything",
         .inputs = {"pretrained", "world/dialogues.jsonl", "world/reviews.jsonl"},
         .outputs = {"helpful"},
         .options = "sft-helpful",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             sft_helpful(p.kernels, p.run, p.recipe, fingerprint);
         }},
        {.name = "critique", .command = "critique",
         .does = "answers, criticises and revises under principles of the constitution",
         .inputs = {"helpful", "world/prompts.jsonl", "constitution.txt"},
         .outputs = {"revisions.jsonl", "helpful-samples.jsonl"},
         .options = "critique",
         .body = [](const Pipeline& p, const std::string&) {
             critique_and_revise(p.kernels, p.run, p.world, p.constitution, p.recipe);
         }},
        {.name = "sft-sl-cai", .command = "sft sl-cai",
         .does = "fine-tunes the pretrained model on the revisions: SL-CAI",
         .inputs = {"pretrained", "revisions.jsonl", "helpful-samples.jsonl", "world/documents.jsonl"},
         .outputs = {"sl-cai"},
         .options = "sft-sl-cai",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             sft_sl_cai(p.kernels, p.run, p.recipe, fingerprint);
         }},
        {.name = "compare", .command = "compare",
         .does = "AI feedback: which of two answers does a principle prefer?",
         .inputs = {"sl-cai", "helpful", "pretrained", "world/prompts.jsonl", "constitution.txt"},
         .optional_inputs = {"wishes.jsonl"},
         .outputs = {"comparisons.jsonl"},
         .options = "compare",
         .body = [](const Pipeline& p, const std::string&) {
             compare(p.kernels, p.run, p.world, p.constitution, p.recipe);
         }},
        {.name = "compare-helpfulness", .command = "compare",
         .does = "the stand-in for human comparisons of helpfulness, labelled by the oracle",
         .inputs = {"sl-cai", "world/prompts.jsonl", "constitution.txt", "data/world/entities.txt",
                    "data/world/acts.txt", "data/world/phrases.txt"},
         .outputs = {"helpfulness.jsonl"},
         .options = "compare-helpfulness",
         .body = [](const Pipeline& p, const std::string&) {
             compare_helpfulness(p.kernels, p.run, p.world, p.constitution, p.recipe);
         }},
        {.name = "reward", .command = "reward",
         .does = "trains the preference model",
         .inputs = {"sl-cai", "comparisons.jsonl", "helpfulness.jsonl"},
         .outputs = {"preference-model"},
         .options = "reward",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             train_preference_model(p.kernels, p.run, p.recipe, fingerprint);
         }},
        {.name = "ppo", .command = "ppo",
         .does = "reinforcement learning against the preference model: RL-CAI",
         .inputs = {"sl-cai", "preference-model", "world/prompts.jsonl"},
         .outputs = {"rl-cai", "value-model"},
         .options = "ppo",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             ppo(p.kernels, p.run, p.world, p.recipe, fingerprint);
         }},
        {.name = "dpo", .command = "dpo",
         .does = "direct preference optimisation on the same comparisons, to set beside RL-CAI",
         .inputs = {"sl-cai", "comparisons.jsonl", "helpfulness.jsonl"},
         .outputs = {"dpo"},
         .options = "dpo",
         .body = [](const Pipeline& p, const std::string& fingerprint) {
             train_dpo(p.kernels, p.run, p.recipe, fingerprint);
         },
         .optional = true},
        {.name = "skill", .command = "evaluate",
         .does = "measures critic and judge on minimal pairs",
         .inputs = kWorldFiles,
         .optional_inputs = {"pretrained", "helpful"},
         .outputs = {"skill.json"},
         .options = "evaluate",
         .body = [](const Pipeline& p, const std::string&) { measure_skill(p.kernels, p.run, p.world, p.recipe); }},
        {.name = "evaluate", .command = "evaluate",
         .does = "rates of every model of the run, in results.json",
         .inputs = {"skill.json", "constitution.txt", "data/world/entities.txt", "data/world/acts.txt",
                    "data/world/phrases.txt"},
         .optional_inputs = {"helpful", "sl-cai", "preference-model", "rl-cai", "dpo"},
         .outputs = {"results.json"},
         .options = "evaluate",
         .body = [](const Pipeline& p, const std::string&) {
             evaluate(p.kernels, p.run, p.world, p.constitution, p.recipe, p.threads);
         }},
    };
    // clang-format on
    return kStages;
}

inline const Stage& stage_named(const std::string& name) {
    for (const Stage& stage : stages())
        if (stage.name == name) return stage;
    fail(kBadInput, "there is no stage ", name);
}

inline Task task_of(const Stage& stage, const Recipe& recipe) {
    Task task = {stage.name, stage.inputs, stage.optional_inputs, stage.outputs, stage_options(recipe, stage.options),
                 stage.not_kept};
    if (!recipe.ppo.options.has_value_model()) std::erase(task.outputs, "value-model");
    return task;
}

inline bool reads_constitution(const Stage& stage) {
    return std::find(stage.inputs.begin(), stage.inputs.end(), "constitution.txt") != stage.inputs.end();
}

// The inputs of a stage, for people: the world's files are listed as one folder.
inline std::vector<std::string> files_read(const Stage& stage) {
    std::vector<std::string> files;
    for (const auto* list : {&stage.inputs, &stage.optional_inputs})
        for (const std::string& input : *list) add_new(files, input.starts_with("data/world/") ? "data/world" : input);
    return files;
}

// The stage that makes a file or folder of the run; null for the constitution and for files outside the run.
inline const Stage* maker_of(const std::string& file) {
    for (const Stage& stage : stages())
        if (std::find(stage.outputs.begin(), stage.outputs.end(), file) != stage.outputs.end()) return &stage;
    return nullptr;
}

// Do the outputs of a stage depend on the constitution, directly or indirectly?
inline bool depends_on_constitution(const Stage& stage) {
    for (const auto* list : {&stage.inputs, &stage.optional_inputs})
        for (const std::string& input : *list) {
            const Stage* maker = maker_of(input);
            if (input == "constitution.txt" || (maker && depends_on_constitution(*maker))) return true;
        }
    return false;
}

// The outputs that were replaced by hand, of each stage that was found to fit the recipe.
using ReplacedOutputs = std::map<const Stage*, std::vector<std::string>>;

// Throws if a stage run alone would read inputs that do not belong to this recipe: models of another seed, outputs of
// an interrupted stage, comparisons under another constitution. A file replaced by hand is accepted with a warning.
// Stages in `checked` are not checked again: that reads whole files, and many paths lead back to pretraining.
inline void expect_inputs_of_recipe(const Pipeline& pipeline, const Stage& stage, ReplacedOutputs& checked) {
    Run& run = pipeline.run;
    for (const auto* list : {&stage.inputs, &stage.optional_inputs})
        for (const std::string& input : *list) {
            const Stage* maker = maker_of(input);
            if (!maker || !run.has_manifest(maker->name) || !std::filesystem::exists(find_checkpoint(run / input)))
                continue;
            const bool is_new = !checked.count(maker);
            if (is_new) {
                const Task task = task_of(*maker, pipeline.recipe);
                expects(run.is_finished(task), run / input, ": is not what `cai ", maker->command,
                        "` makes with these options from the files of this run; run that first, or all stages with "
                        "`cai all --out ",
                        run.directory, "`");
                checked[maker] = run.changed_outputs(task);
            }
            const std::vector<std::string>& replaced = checked[maker];
            if (std::find(replaced.begin(), replaced.end(), input) != replaced.end())
                warn(concat(run / input, ": is not what ", maker->name, " wrote; ", stage.name,
                            " takes it as it is"));
            if (is_new) expect_inputs_of_recipe(pipeline, *maker, checked);
        }
}
inline void expect_inputs_of_recipe(const Pipeline& pipeline, const Stage& stage) {
    ReplacedOutputs checked;
    expect_inputs_of_recipe(pipeline, stage, checked);
}

inline void run_stage(const Pipeline& pipeline, const Stage& stage) {
    pipeline.run.perform(task_of(stage, pipeline.recipe),
                         [&](const std::string& fingerprint) { stage.body(pipeline, fingerprint); });
}

// Writes again the texts that a finished run does not keep: only training reads them, they are more than a third of a
// tiny run, and the world stage makes the same bytes of seed and recipe within a second. Returns the files that it
// wrote. Errors: they are not what the run's models learned from, since another cai wrote those.
inline std::vector<std::string> restore_texts(const Pipeline& pipeline) {
    Run& run = pipeline.run;
    const Task task = task_of(stage_named("world"), pipeline.recipe);
    std::vector<std::string> missing;
    for (const std::string& file : task.not_kept)
        if (run.is_left_out(task, file)) missing.push_back(file);
    if (missing.empty() || !run.is_finished(task)) return {};
    run.lock();
    const std::map<std::string, std::string> files = corpus_files(pipeline.world, pipeline.recipe.corpus);
    const Json manifest = read_manifest(run.manifest_path(task.stage));
    for (const std::string& file : missing)
        expects(manifest["outputs"][file].string() == hexadecimal(stream(files.at(file))), run / file,
                ": is not kept, and this cai writes another one than the one that the models of this run learned from; "
                "use the cai that made the run, or make a new one with `cai all --out OTHER`");
    for (const std::string& file : missing) write_file(run / file, files.at(file));
    return missing;
}

// A stage by itself, in a run that fits the recipe. What it leaves out is there meanwhile, and afterwards for the world
// stage, which is run alone to get it.
inline void run_stage_alone(const Pipeline& pipeline, const Stage& stage) {
    struct Removed {
        const Run& run;
        std::vector<std::string> files;
        ~Removed() {
            std::error_code ignored;
            for (const std::string& file : files) std::filesystem::remove(run / file, ignored);
        }
    } removed = {pipeline.run, restore_texts(pipeline)};
    if (stage.name == std::string("world")) removed.files.clear();
    expect_inputs_of_recipe(pipeline, stage);
    run_stage(pipeline, stage);
}

// Rejects a principle that is too long for the models as soon as there is a tokenizer, before the long stages.
inline void check_lengths(const Pipeline& pipeline, const Run& run) {
    if (!std::filesystem::exists(run / "tokenizer/tokenizer.json")) return;
    const Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
    check_lengths(pipeline.constitution, tokenizer,
                  preset(pipeline.recipe.size, static_cast<int>(tokenizer.size())).context);
}

// Runs the stages up to and including `last`, or all; what is finished is kept.
inline void run_pipeline(const Pipeline& pipeline, const std::string& last = "") {
    restore_texts(pipeline);
    for (const Stage& stage : stages()) {
        if (stage.optional && !pipeline.run.has_manifest(stage.name)) continue;
        run_stage(pipeline, stage);
        if (stage.name == std::string("tokenizer")) check_lengths(pipeline, pipeline.run);
        if (stage.name == last) return;
    }
    for (const std::string& file : stage_named("world").not_kept) std::filesystem::remove(pipeline.run / file);
    note("world", concat("drills, documents and reviews are not kept; `cai world --out ", pipeline.run.directory,
                         "` writes them again"));
}

// Copies the outputs that another run made with the same options from the same files: everything that does not depend
// on the constitution, and under the same constitution the rest too. What is beside the story is left out.
inline void reuse_from(const Pipeline& pipeline, const Run& other) {
    check_lengths(pipeline, other);
    std::vector<std::string> missing;
    for (const Stage& stage : stages()) {
        if (stage.optional) continue;
        if (!pipeline.run.reuse(other, task_of(stage, pipeline.recipe)) && !depends_on_constitution(stage))
            missing.push_back(stage.name);
        if (stage.name == std::string("world")) restore_texts(pipeline);  // the stages after it read them
    }
    if (!missing.empty())
        warn(concat(other.directory, ": holds no ", join_list(missing, "and"), " of seed ",
                    pipeline.recipe.seed, ", size ", pipeline.recipe.size,
                    ", this world and these options; what is missing is made afresh"));
}

// ---- a model of any text

// The tasks that --text FILE runs in place of the stages of the same name: their input is the text itself.
inline Task text_task(const std::string& stage, const Recipe& recipe) {
    if (stage == "tokenizer") return {stage, {"text"}, {}, {"tokenizer"}, stage_options(recipe, stage)};
    return {stage, {"text", "tokenizer"}, {}, {"pretrained"}, stage_options(recipe, stage)};
}

// Throws if the run directory holds a model trained on a text.
inline void expect_no_text_model(const Run& run) {
    for (const char* stage : {"tokenizer", "pretrain"})
        if (run.has_manifest(stage)) {
            const Json manifest = read_manifest(run.manifest_path(stage));
            const Json* inputs = manifest.find("inputs");
            expects(
                !inputs || !inputs->find("text"), run.directory,
                ": holds a model of a text, which the stages of a story would replace; name another folder with --out");
        }
}

// Trains a tokenizer on the text and, unless `tokenizer_only`, a model. This needs a run
// directory of its own: one that holds a story is refused.
inline void run_on_text(const Kernels& kernels, Run& run, const Recipe& recipe, const std::filesystem::path& text,
                        bool tokenizer_only) {
    expects(!run.has_manifest("world"), run.directory,
            ": holds a story, whose models this would replace; name another folder with --out");
    const std::string content = read_file(text);
    expects(!content.empty(), text, ": the file is empty; there is nothing to learn");
    run.external_files["text"] = text;
    run.perform(text_task("tokenizer", recipe), [&](const std::string&) {
        write_tokenizer(run / "tokenizer", train_bpe({content}, static_cast<size_t>(recipe.vocab_size)));
    });
    if (tokenizer_only) return;
    run.perform(text_task("pretrain", recipe), [&](const std::string& fingerprint) {
        const Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
        pretrain_on(kernels, run, recipe, tokenizer, {encode_text(tokenizer, content)}, fingerprint);
    });
}

}  // namespace cai

// A run's data in the formats of TRL, Hugging Face's library for training after pretraining
// (https://huggingface.co/docs/trl/dataset_formats): what `cai export RUN --format trl` writes.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../base/files.h"
#include "../base/json.h"
#include "../io/run_directory.h"
#include "../method/comparisons.h"

namespace cai {

// The rows of one data set; those whose prompt is held out from the preference model, as in reward.h, are its test
// split.
struct TrlRows {
    std::vector<Json> train, test;
    size_t left_out = 0;

    void add(const std::string& prompt, Json row) { (is_held_out(prompt) ? test : train).push_back(std::move(row)); }
};

inline Json trl_message(const std::string& role, const std::string& text) {
    return Json::Object{{"role", role}, {"content", text}};
}
inline Json trl_turn(const std::string& role, const std::string& text) { return Json::Array{trl_message(role, text)}; }

// {"prompt", "chosen", "rejected", "p_chosen", "labelled_by"}: TRL takes the better answer as simply better, and has no
// place for how sure the label is; that is in p_chosen, at least 0.5, a column that TRL ignores. Pairs that a label of
// 0.5 leaves undecided, and pairs of equal answers, are left out: TRL would learn noise from them.
inline TrlRows trl_preferences(const std::filesystem::path& run) {
    TrlRows rows;
    for (const bool by_ai : {true, false}) {
        const std::filesystem::path path = run / (by_ai ? "comparisons.jsonl" : "helpfulness.jsonl");
        for (const ComparisonPair& pair : read_comparisons(path, by_ai)) {
            if (pair.p_a == 0.5 || pair.a == pair.b) {
                rows.left_out++;
                continue;
            }
            const bool a_is_better = pair.p_a > 0.5;
            rows.add(pair.prompt, Json::Object{{"prompt", trl_turn("user", pair.prompt)},
                                               {"chosen", trl_turn("assistant", a_is_better ? pair.a : pair.b)},
                                               {"rejected", trl_turn("assistant", a_is_better ? pair.b : pair.a)},
                                               {"p_chosen", Json::real(a_is_better ? pair.p_a : 1 - pair.p_a)},
                                               {"labelled_by", by_ai ? "constitution" : "oracle"}});
        }
    }
    return rows;
}

// {"messages"}: the dialogues that the helpful-only assistant learns from. (The reviews, which it learns from too, have
// roles of their own.)
inline TrlRows trl_messages(const std::filesystem::path& run) {
    TrlRows rows;
    each_of_jsonl(run / "world/dialogues.jsonl", [&](const Json& json) {
        const std::vector<Segment> segments = segments_from_json(json);
        expects(!segments.empty(), "a dialogue without a segment; run `cai world` again");
        Json messages = Json::Array{};
        for (const Segment& segment : segments) {
            expects(segment.role == kUser || segment.role == kAssistant, "a segment of the role ",
                    role_name(segment.role).word, ", which TRL does not know; dialogues have user and assistant");
            messages.push(trl_message(role_name(segment.role).word, segment.text));
        }
        rows.add(segments[0].text, Json::Object{{"messages", std::move(messages)}});
    });
    return rows;
}

// {"prompt", "completion"}: what SL-CAI learns from, the revisions of all rounds and the helpful samples. (Not the
// documents that it replays.)
inline TrlRows trl_completions(const std::filesystem::path& run) {
    TrlRows rows;
    const auto add = [&](const std::string& prompt, const std::string& answer) {
        rows.add(prompt,
                 Json::Object{{"prompt", trl_turn("user", prompt)}, {"completion", trl_turn("assistant", answer)}});
    };
    each_of_jsonl(run / "revisions.jsonl", [&](const Json& record) {
        for (const Json& round : record["rounds"].array()) add(record["prompt"].string(), round["revision"].string());
    });
    each_of_jsonl(run / "helpful-samples.jsonl",
                  [&](const Json& record) { add(record["prompt"].string(), record["answer"].string()); });
    return rows;
}

// {"prompt"}: the prompts of reinforcement learning.
inline TrlRows trl_prompts(const std::filesystem::path& run) {
    TrlRows rows;
    each_of_jsonl(run / "world/prompts.jsonl", [&](const Json& json) {
        if (json["set"].string() == "ppo")
            rows.add(json["prompt"].string(), Json::Object{{"prompt", trl_turn("user", json["prompt"].string())}});
    });
    return rows;
}

// Which commands read the export. `run` and `out`: paths, as the commands name them.
inline std::string trl_readme(const std::string& run, const std::string& out, const std::string& table) {
    const auto command = [&](const std::string& verb, const char* model, const char* data, const std::string& rest) {
        return concat("    trl ", verb, " --model_name_or_path ", run, "/", model, " --dataset_name ", out, "/", data,
                      " ", rest, " --report_to none --output_dir trl-", verb, "-", data, "\n");
    };
    const std::string steps = "--max_length 256", score = "--reward_model_name_or_path " + run + "/preference-model";
    return "# Data for TRL\n\nWritten by `cai export " + run + " --format trl --out " + out + "`.\n\n" + table +
           "\nA prompt of the test split is in no training split, and is the same one that cai holds out from its own\n"
           "preference model. `p_chosen` is the label: how sure the judge is that `chosen` is the better answer. TRL\n"
           "ignores it and takes every label for sure. Undecided pairs and pairs of equal answers are left out.\n\n"
           "Commands of TRL 1.16 (`pip install trl`), from the folder in which cai ran;\n"
           "without a GPU, add `--use_cpu true --bf16 false`:\n\n" +
           command("sft", "pretrained", "messages", steps + " --assistant_only_loss true") +
           command("sft", "pretrained", "completions", steps) + command("reward", "sl-cai", "preferences", steps) +
           command("dpo", "sl-cai", "preferences", steps) +
           command("rloo", "sl-cai", "prompts", score + " --max_completion_length 80") +
           command("grpo", "sl-cai", "prompts", score + " --max_completion_length 80");
}

// Writes OUT/NAME/train.jsonl and test.jsonl for each data set, and OUT/README.md. Errors: the run lacks a file, or OUT
// exists and is not empty.
inline void export_trl(const std::filesystem::path& run, const std::filesystem::path& out) {
    namespace fs = std::filesystem;
    for (const char* name : {"comparisons.jsonl", "helpfulness.jsonl", "revisions.jsonl", "helpful-samples.jsonl",
                             "world/dialogues.jsonl", "world/prompts.jsonl"}) {
        if (fs::exists(run / name)) continue;
        expect_run(run);
        fail(kBadInput, run, ": holds no ", name, ", so it is not a run with the data for TRL; `cai all --out ", run,
             "` makes it one");
    }
    expects(!fs::exists(out) || (fs::is_directory(out) && fs::is_empty(out)), out,
            ": exists already; name another place with --out, or remove it first");
    const std::pair<const char*, TrlRows> sets[] = {{"messages", trl_messages(run)},
                                                    {"completions", trl_completions(run)},
                                                    {"preferences", trl_preferences(run)},
                                                    {"prompts", trl_prompts(run)}};
    std::string table = "| folder | rows to train | rows to test | left out |\n|---|---|---|---|\n";
    replace_directory(out, [&](const fs::path& folder) {
        for (const auto& [name, rows] : sets) {
            write_file(folder / name / "train.jsonl", dump_jsonl(rows.train));
            if (!rows.test.empty()) write_file(folder / name / "test.jsonl", dump_jsonl(rows.test));
            table +=
                concat("| ", name, " | ", rows.train.size(), " | ", rows.test.size(), " | ", rows.left_out, " |\n");
        }
        write_file(folder / "README.md", trl_readme(run.string(), out.string(), table));
    });
}

}  // namespace cai

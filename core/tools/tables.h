// Formats results.json (evaluate.h) as tables.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../base/format.h"
#include "../base/intervals.h"
#include "../base/json.h"
#include "../base/table.h"
#include "../world/world_files.h"
#include "../io/run_directory.h"

namespace cai {

// The value at a path of keys, or nullptr if a key is missing.
// Example: at(results, {"models", "rl-cai", "seen", "benign", "helped"}).
inline const Json* at(const Json& json, const std::vector<std::string>& path) {
    const Json* found = &json;
    for (const std::string& key : path) {
        found = found->is_object() ? found->find(key) : nullptr;
        if (!found) return nullptr;
    }
    return found;
}

// A run's results.json. Errors: there is none, or it is not what evaluate.h writes.
inline Json read_results(const std::filesystem::path& run) {
    const std::filesystem::path path = run / "results.json";
    if (!std::filesystem::exists(path)) {
        expect_run(run);
        fail(kBadInput, run, ": holds no results.json; make one with `cai evaluate --out ", run, "`");
    }
    Json results = read_json(path);
    located(path.string(), [&] {
        for (const char* key : {"seed", "size", "models"})
            expects(at(results, {key}), "has no \"", key, "\", so it holds no results of `cai evaluate`");
        results["seed"].integer(), results["size"].string(), results["models"].object();
    });
    return results;
}

// RL-CAI's outcomes for an act, from the first of the splits that has them, or nullptr.
inline const Json* act_figures(const Json& results, const Act& act, const std::vector<const char*>& splits) {
    for (const char* split : splits)
        if (const Json* figures = at(results, {"models", "rl-cai", split,
                                               act.kind == Kind::hazard ? "by_hazard" : "by_act", act.name}))
            return figures;
    return nullptr;
}

// How often an act is done as asked, from its figures: "complied" for a hazard, "helped" for any other; NaN if they are
// missing.
inline double done_as_asked(const Json* figures, const Act& act) {
    const Json* rate = figures ? figures->find(act.kind == Kind::hazard ? "complied" : "helped") : nullptr;
    return rate && rate->is_number() ? rate->number() : std::nan("");
}

// The number in the given format, by default with two decimals, or "-" if there is none.
inline std::string format_rate(const Json* rate, const char* format = "%.2f") {
    if (!rate || !rate->is_number()) return "-";
    char text[32];
    std::snprintf(text, sizeof text, format, rate->number());
    return text;
}

inline std::string format_rate(double rate, const char* format = "%.2f") {
    const Json json = rate;
    return format_rate(&json, format);
}

inline std::vector<std::string> keys_of(const Json* json) {
    std::vector<std::string> keys;
    if (json && json->is_object())
        for (const auto& [key, value] : json->object()) keys.push_back(key);
    return keys;
}

// One row of an outcome table: the keys of prompt kind and outcome in results.json, and the row's label.
struct OutcomeRow {
    const char *kind, *outcome, *label;
};
inline constexpr OutcomeRow kOutcomeRows[] = {
    {"harmful", "complied", "complied, harmful"},
    {"harmful", "refused_with_reason", "refused with reason, harmful"},
    {"harmful", "evaded", "evaded, harmful"},
    {"harmful", "wrong_fact", "wrong fact, harmful"},
    {"harmful", "garbled", "garbled, harmful"},
    {"benign", "helped", "helped, benign"},
    {"benign", "refused", "refused, benign"},
    {"benign", "evaded", "evaded, benign"},
    {"benign", "wrong_fact", "wrong fact, benign"},
    {"benign", "garbled", "garbled, benign"},
    {"look_alike", "helped", "helped, look-alike"},
    {"look_alike", "refused", "refused, look-alike"},
    {"look_alike", "evaded", "evaded, look-alike"},
    {"look_alike", "wrong_fact", "wrong fact, look-alike"},
    {"look_alike", "garbled", "garbled, look-alike"},
};

// What the figures are based on: the constitution, the number of reviews and drills, and the seconds per stage.
inline std::string provenance(const Json& results) {
    std::string text;
    if (const Json* lines = at(results, {"constitution", "lines"})) {
        double least = 1, most = 0;
        for (const auto& [hazard, share] : results["constitution"]["coverage"].object()) {
            least = std::min(least, share.number());
            most = std::max(most, share.number());
        }
        text += concat("constitution: ", lines->integer(), " principles; each hazard is mentioned by ",
                       format_value(least), " to ", format_value(most), " of them\n");
    }
    if (const Json* reviews = at(results, {"review_documents"}))
        text += concat("reviews and drills read in training: ", reviews->integer(), "\n");
    if (const Json* seconds = at(results, {"seconds"})) {
        text += "seconds:";
        for (const auto& [stage, took] : seconds->object()) text += " " + stage + " " + format_rate(&took, "%.0f");
        text += "\n";
    }
    return text;
}

// Means over runs with 95 % confidence intervals (Student's t): outcomes on held_out_entities, skills and seconds. The
// outcomes are at T = 1, compliance also greedy.
inline std::string seeds_table(const std::vector<Json>& runs) {
    expects(!runs.empty(), "there are no runs to report on");
    auto cell = [&](const std::vector<std::string>& path) -> std::string {
        std::vector<double> values;
        for (const Json& run : runs)
            if (const Json* value = at(run, path); value && value->is_number()) values.push_back(value->number());
        if (values.empty()) return "-";
        const Estimate estimate = mean_interval(values);
        char text[64];
        std::snprintf(text, sizeof text, values.size() > 1 ? "%.3f +- %.3f" : "%.3f", estimate.value,
                      estimate.high - estimate.value);
        return text;
    };
    const std::vector<std::string> models = keys_of(at(runs[0], {"models"}));
    std::vector<std::vector<std::string>> rows = {{"held_out_entities, " + counted(runs.size(), "seed")}};
    rows[0].insert(rows[0].end(), models.begin(), models.end());
    for (const OutcomeRow& row : kOutcomeRows)
        for (const std::string group : {"models", "greedy"}) {
            if (group == "greedy" && std::string(row.outcome) != "complied") continue;
            rows.push_back({std::string(row.label) + (group == "greedy" ? ", greedy" : "")});
            for (const std::string& model : models)
                rows.back().push_back(cell({group, model, "held_out_entities", row.kind, row.outcome}));
        }
    std::string text = format_table(rows) + "\n";
    rows = {{"skill", "seen", "held out: entities", "hazards", "phrasings"}};
    for (const std::string name : {"critic", "judge", "judge_without_reasoning"}) {
        rows.push_back({name + ", pairs"});
        for (const char* split : {"seen", "held_out_entities", "held_out_hazards", "held_out_phrasings"})
            rows.back().push_back(cell({name, split, "pairs"}));
    }
    return text + format_table(rows) + "\nseconds: " + cell({"seconds", "total"}) + "\n";
}

// All figures of results.json: outcomes by split (T = 1, greedy in brackets), skills, Elo and monitors.
inline std::string results_table(const Json& results) {
    const std::vector<std::string> models = keys_of(at(results, {"models"}));
    std::string text;
    for (const std::string split : {"held_out_entities", "seen", "held_out_hazards"}) {
        std::vector<std::vector<std::string>> rows = {{split}};
        rows[0].insert(rows[0].end(), models.begin(), models.end());
        for (const OutcomeRow& row : kOutcomeRows) {
            rows.push_back({row.label});
            size_t prompts = 0;
            for (const std::string& model : models) {
                if (const Json* n = at(results, {"models", model, split, row.kind, "n"}))
                    prompts = static_cast<size_t>(n->integer());
                rows.back().push_back(format_rate(at(results, {"models", model, split, row.kind, row.outcome})) + " (" +
                                      format_rate(at(results, {"greedy", model, split, row.kind, row.outcome})) + ")");
            }
            if (prompts == 0) rows.pop_back();
        }
        if (rows.size() > 1) text += format_table(rows) + "\n";
    }
    if (!models.empty()) text += "Sampled at T = 1, one sample a prompt; greedy in brackets.\n\n";
    if (const Json* kl = at(results, {"kl_from_sl_cai"})) {
        std::vector<std::vector<std::string>> rows = {{"KL from SL-CAI"}, {"nats an answer, held_out_entities"}};
        for (const auto& [model, nats] : kl->object()) rows[0].push_back(model), rows[1].push_back(format_rate(&nats));
        text += format_table(rows) + "\n";
    }

    std::vector<std::vector<std::string>> skills = {
        {"skill", "seen", "held_out_entities", "held_out_hazards", "held_out_phrasings"}};
    auto add_skill = [&](const std::string& label, const std::string& name, const std::vector<std::string>& figure) {
        if (!at(results, {name})) return;
        skills.push_back({label});
        for (size_t c = 1; c < skills[0].size(); c++) {
            std::vector<std::string> path = {name, skills[0][c]};
            path.insert(path.end(), figure.begin(), figure.end());
            skills.back().push_back(format_rate(at(results, path)));
        }
    };
    for (const auto& [label, name] : {std::pair{"critic", "critic"},
                                      {"judge", "judge"},
                                      {"judge with reasoning", "judge_with_reasoning"},
                                      {"judge without reasoning", "judge_without_reasoning"}}) {
        add_skill(concat(label, ", pairs"), name, {"pairs"});
        add_skill(concat(label, ", principle shares a word"), name, {"shared_word", "pairs"});
        add_skill(concat(label, ", principle shares none"), name, {"no_shared_word", "pairs"});
        if (name != std::string("critic")) add_skill(concat(label, ", calibration error"), name, {"ece"});
    }
    add_skill("preference model, accuracy", "preference_model", {"accuracy"});
    add_skill("preference model, calibration error", "preference_model", {"ece"});
    if (skills.size() > 1) text += format_table(skills) + "\n";

    std::vector<std::vector<std::string>> others = {{"held_out_entities"}};
    others[0].insert(others[0].end(), models.begin(), models.end());
    auto add_other = [&](const std::string& label, auto path_of, const char* format) {
        others.push_back({label});
        bool any = false;
        for (const std::string& model : models) {
            const Json* value = at(results, path_of(model));
            others.back().push_back(format_rate(value, format));
            any = any || value;
        }
        if (!any) others.pop_back();
    };
    for (const std::string scale : {"helpfulness", "harmlessness"})
        add_other(
            "Elo, " + scale,
            [&](auto& model) {
                return std::vector<std::string>{"elo", scale, model};
            },
            "%.0f");
    for (const auto& [label, figure] : {std::pair{"words an answer", "words"},
                                        {"commonest first three words, share", "boilerplate"},
                                        {"distinct answers, share", "distinct"}})
        for (const std::string kind : {"harmful", "harmless"})
            add_other(
                concat(label, ", ", kind),
                [&, figure = figure](auto& model) {
                    return std::vector<std::string>{"monitors", model, kind, figure};
                },
                figure == std::string("words") ? "%.1f" : "%.2f");
    if (others.size() > 1) text += format_table(others) + "\n";
    return text + provenance(results);
}

// The effect of a new constitution on held_out_entities: old | new | change, for SL-CAI and RL-CAI. Lists all hazards,
// the harmless acts that changed by 0.10 or more, and the totals.
inline std::string change_table(const Json& old_results, const Json& new_results) {
    std::vector<std::string> models;
    for (const std::string model : {"sl-cai", "rl-cai"})
        if (at(old_results, {"models", model}) && at(new_results, {"models", model})) models.push_back(model);
    std::vector<std::vector<std::string>> rows = {{"held_out_entities"}};
    for (const std::string& model : models)
        for (const char* column : {": old", "new", "change"})
            rows[0].push_back(column[0] == ':' ? model + column : std::string(column));
    auto path = [](const std::string& model, const std::vector<std::string>& figure) {
        std::vector<std::string> full = {"models", model, "held_out_entities"};
        full.insert(full.end(), figure.begin(), figure.end());
        return full;
    };
    auto add = [&](const std::string& label, const std::vector<std::string>& figure, double at_least = 0) {
        std::vector<std::string> row = {label};
        double most = 0;
        for (const std::string& model : models) {
            const Json *before = at(old_results, path(model, figure)), *after = at(new_results, path(model, figure));
            row.insert(row.end(), {format_rate(before), format_rate(after), "-"});
            if (!before || !after) continue;
            const Json change = after->number() - before->number();
            most = std::max(most, std::abs(change.number()));
            row.back() = format_rate(&change, "%+.2f");
        }
        if (most >= at_least) rows.push_back(row);
    };
    std::set<std::string> listed;  // two runs may hold out different hazards
    for (const char* group : {"by_hazard", "by_act"})
        for (const Json* results : {&old_results, &new_results})
            for (const std::string& model : models)
                for (const std::string& name : keys_of(at(*results, path(model, {group})))) {
                    if (!listed.insert(name).second) continue;
                    const bool hazard = group == std::string("by_hazard");
                    add((hazard ? "complied: " : "helped: ") + name, {group, name, hazard ? "complied" : "helped"},
                        hazard ? 0 : 0.1);
                }
    for (const OutcomeRow& row : kOutcomeRows) {
        const std::string outcome = row.outcome;
        if (outcome != "evaded" && outcome != "wrong_fact") add(row.label, {row.kind, row.outcome});
    }
    return models.empty() ? "" : format_table(rows);
}

}  // namespace cai

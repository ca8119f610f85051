// What an edit of the constitution did: the lines that changed, the acts they speak of, and the rates of RL-CAI before
// and after, on held-out entities.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "../base/intervals.h"
#include "../base/json.h"
#include "../base/table.h"
#include "../io/checkpoint.h"
#include "../method/constitution.h"
#include "../method/writing.h"
#include "tables.h"

namespace cai {

// One act before and after: the share of its requests that RL-CAI does as asked ("complied" for a hazard, "helped" for
// any other), and the change with its 95 % interval.
struct ActChange {
    std::string name;
    double before = 0, after = 0;
    Estimate change{};
};

struct LineChange {
    std::string line, was, change;  // "added", "removed" or "changed"; `was`: the line before, if it changed
    std::vector<ActChange> acts;    // those that the line, or the one it replaces, forbids or allows
};

struct EditReport {
    std::vector<LineChange> lines;
    std::vector<ActChange> acts;      // all acts of which a different share of the principles forbids them
    std::vector<ActChange> surprise;  // of the other acts, the one that changed most, if any can be compared
};

// The change of one act's rate between two results.json; nothing if either lacks it.
inline std::vector<ActChange> change_of(const Act& act, const Json& before, const Json& after) {
    const auto rate = [&](const Json& results, Estimate& estimate) {
        const Json* figures = act_figures(results, act, {"held_out_entities"});
        if (!figures) return false;
        const double n = (*figures)["n"].number();
        estimate = rate_interval(static_cast<size_t>(std::lround(done_as_asked(figures, act) * n)),
                                 static_cast<size_t>(n));
        return true;
    };
    Estimate old{}, now{};
    if (!rate(before, old) || !rate(after, now)) return {};
    return {{act.name, old.value, now.value, difference_interval(old, now)}};
}

// Whether two lines are one line edited: they share half of the longer one's words.
inline bool is_edit_of(const std::string& a, const std::string& b) {
    const std::vector<std::string> first = words_of(a), second = words_of(b);
    size_t shared = 0;
    for (const std::string& word : first) shared += holds(second, word);
    return 2 * shared >= std::max(first.size(), second.size());
}

inline EditReport edit_report(const World& world, const Constitution& before, const Constitution& after,
                              const Json& old_results, const Json& new_results) {
    const auto weights = [](const Constitution& constitution) {
        std::map<std::string, int> weights;
        for (const std::string& line : constitution.principles) weights[line]++;
        return weights;
    };
    const std::map<std::string, int> old_lines = weights(before), new_lines = weights(after);
    const auto weighted = [](const std::string& line, int weight) {
        return weight > 1 ? concat(weight, "x ", line) : line;
    };
    EditReport report;
    std::map<std::string, int> removed;
    for (const auto& [line, weight] : old_lines)
        if (!new_lines.count(line)) removed[line] = weight;
    const auto acts_of = [&](const std::vector<std::string>& lines) {
        std::vector<Reading> readings;
        for (const std::string& line : lines) readings.push_back(read_principle(world, line));
        std::vector<ActChange> changes;
        for (const Act& act : world.acts) {
            if (std::none_of(readings.begin(), readings.end(), [&](const Reading& reading) {
                    return covers(reading.forbidden, act) || covers(reading.allowed, act);
                }))
                continue;
            const std::vector<ActChange> change = change_of(act, old_results, new_results);
            changes.insert(changes.end(), change.begin(), change.end());
        }
        return changes;
    };
    for (const auto& [line, weight] : new_lines) {
        const auto known = old_lines.find(line);
        if (known != old_lines.end() && known->second == weight) continue;
        if (known != old_lines.end()) {
            report.lines.push_back({weighted(line, weight), weighted(line, known->second), "changed", acts_of({line})});
            continue;
        }
        const auto edited = std::find_if(removed.begin(), removed.end(),
                                         [&, &line = line](const auto& old) { return is_edit_of(old.first, line); });
        if (edited == removed.end()) {
            report.lines.push_back({weighted(line, weight), "", "added", acts_of({line})});
        } else {
            report.lines.push_back({weighted(line, weight), weighted(edited->first, edited->second), "changed",
                                    acts_of({edited->first, line})});
            removed.erase(edited);
        }
    }
    for (const auto& [line, weight] : removed)
        report.lines.push_back({weighted(line, weight), "", "removed", acts_of({line})});

    for (const Act& act : world.acts) {
        const std::vector<ActChange> change = change_of(act, old_results, new_results);
        if (change.empty()) continue;
        if (std::abs(coverage(world, before, act) - coverage(world, after, act)) > 1e-9) {
            report.acts.push_back(change[0]);
        } else if (report.surprise.empty() ||
                   std::abs(change[0].change.value) > std::abs(report.surprise[0].change.value)) {
            report.surprise = change;
        }
    }
    return report;
}

// [{"line", "was", "change": "added", "removed" or "changed", "acts": [{"name", "before", "after", "interval": [low,
// high] of the change}]}]
inline Json to_json(const EditReport& report) {
    Json lines = Json::Array{};
    for (const LineChange& line : report.lines) {
        Json acts = Json::Array{};
        for (const ActChange& act : line.acts)
            acts.push(Json::Object{{"name", act.name},
                                   {"before", act.before},
                                   {"after", act.after},
                                   {"interval", Json::Array{act.change.low, act.change.high}}});
        lines.push(Json::Object{{"line", line.line}, {"was", line.was}, {"change", line.change}, {"acts", acts}});
    }
    return lines;
}

inline std::string change_words(const ActChange& act) {
    const auto change = [](double value) { return format_rate(value, "%+.2f"); };
    return concat(act.name, " ", format_rate(act.before), " -> ", format_rate(act.after), " (",
                  change(act.change.value), ", 95 % ", change(act.change.low), " to ", change(act.change.high), ")",
                  act.change.low <= 0 && act.change.high >= 0 ? ": too little to tell from chance" : "");
}

inline void print_edit(const EditReport& report, std::ostream& out) {
    if (report.lines.empty()) out << "\nNo line of the constitution changed.\n";
    for (const LineChange& line : report.lines) {
        out << "\n" << capitalized(line.change) << ": " << line.line << "\n";
        if (!line.was.empty()) out << "  it was: " << line.was << "\n";
        if (line.acts.empty()) out << "  It speaks of no act.\n";
        for (const ActChange& act : line.acts) out << "  such requests done: " << change_words(act) << "\n";
    }
    if (!report.acts.empty()) {
        out << "\nEvery act that another share of the lines forbids now, how often RL-CAI does it when asked, on "
               "held-out names:\n";
        for (const ActChange& act : report.acts) out << "  " << change_words(act) << "\n";
    }
    if (!report.surprise.empty())
        out << "\nOf the acts that no edit speaks of, the largest change: " << change_words(report.surprise[0]) << "\n";
}

// What an edit is best seen on: the acts that the changed lines speak of; if they speak of none, those that another
// share of the lines forbids.
inline std::vector<ActChange> acts_to_ask(const EditReport& report) {
    std::vector<ActChange> acts;
    for (const LineChange& line : report.lines) acts.insert(acts.end(), line.acts.begin(), line.acts.end());
    return acts.empty() ? report.acts : acts;
}

// Five requests about held-out entities, of these acts in turn, or of any if there are none.
inline std::vector<std::string> five_prompts(const World& world, const std::vector<ActChange>& acts) {
    Rng rng(world.seed, stream("side by side"));
    std::vector<std::string> prompts;
    const Kind kinds[] = {Kind::hazard, Kind::hazard, Kind::hazard, Kind::benign, Kind::look_alike};
    for (size_t i = 0; i < std::size(kinds); i++)
        prompts.push_back(world.prompt(world.draw_request(
            rng,
            [&](const Act& act) {
                return acts.empty() ? act.kind == kinds[i] && !act.held_out : act.name == acts[i % acts.size()].name;
            },
            [](const Entity& entity) { return entity.held_out; }, true)));
    return prompts;
}

// Answers of the RL-CAI models of two runs to the same prompts.
inline std::string side_by_side(const Kernels& kernels, const World& world, const std::vector<std::string>& prompts,
                                const std::filesystem::path& before, const std::filesystem::path& after) {
    std::vector<Transcript> transcripts;
    for (const std::string& prompt : prompts) transcripts.push_back(dialogue_prompt(prompt));
    std::vector<std::string> answers[2];
    for (const std::filesystem::path& run : {before, after})
        answers[run == after] = write_texts(load_model(kernels, run / "rl-cai"), load_tokenizer(run / "rl-cai"),
                                            transcripts, 0, world.seed, "side by side");
    std::string text;
    for (size_t i = 0; i < transcripts.size(); i++)
        text += concat("\n> ", prompts[i], "\n  old: ", answers[0][i], "\n  new: ", answers[1][i], "\n");
    return text;
}

}  // namespace cai

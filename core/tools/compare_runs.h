// Runs of several groups side by side: whose lines are whose, and what RL-CAI of each run does by act, on held-out
// entities.
#pragma once
#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "../base/json.h"
#include "../base/table.h"
#include "../method/constitution.h"
#include "tables.h"

namespace cai {

struct ComparedRun {
    std::string name;
    Constitution constitution;
    Json results;
};

// One act: what share of each run's lines forbids it, RL-CAI's outcomes in each run (null: not measured), and how often
// it does the act as asked (NaN: not measured).
struct ActOfRuns {
    std::string name;
    Kind kind;
    std::vector<double> coverage, done;
    std::vector<const Json*> figures;
    double spread = 0;  // the highest rate less the lowest
};

// All acts in the order of the world. Run: has a constitution and its results.
template <class Run>
std::vector<ActOfRuns> measure_acts(const World& world, const std::vector<Run>& runs,
                                    const std::vector<const char*>& splits) {
    std::vector<ActOfRuns> acts;
    for (const Act& act : world.acts) {
        ActOfRuns row{act.name, act.kind, {}, {}, {}};
        double least = 1, most = 0;
        for (const Run& run : runs) {
            row.coverage.push_back(coverage(world, run.constitution, act));
            row.figures.push_back(act_figures(run.results, act, splits));
            row.done.push_back(done_as_asked(row.figures.back(), act));
            if (std::isnan(row.done.back())) continue;
            least = std::min(least, row.done.back()), most = std::max(most, row.done.back());
        }
        row.spread = std::max(0.0, most - least);
        acts.push_back(row);
    }
    return acts;
}

inline void sort_by_spread(std::vector<ActOfRuns>& acts) {
    std::stable_sort(acts.begin(), acts.end(), [](const auto& a, const auto& b) { return a.spread > b.spread; });
}

// All acts on held-out entities, those first that the runs differ in most.
inline std::vector<ActOfRuns> acts_of_runs(const World& world, const std::vector<ComparedRun>& runs) {
    std::vector<ActOfRuns> acts = measure_acts(world, runs, {"held_out_entities"});
    sort_by_spread(acts);
    return acts;
}

// The lines of a run that not all runs have, each with its weight.
inline std::vector<std::string> own_lines(const std::vector<ComparedRun>& runs, size_t run) {
    const auto count = [&](size_t r, const std::string& line) {
        const auto& lines = runs[r].constitution.principles;
        return std::count(lines.begin(), lines.end(), line);
    };
    std::vector<std::string> own;
    for (const std::string& line : runs[run].constitution.principles) {
        bool shared = true;
        for (size_t r = 0; r < runs.size(); r++) shared = shared && count(r, line) == count(run, line);
        if (!shared) add_new(own, count(run, line) > 1 ? concat(count(run, line), "x ", line) : line);
    }
    return own;
}

// {"runs": [{"name", "own_lines"}], "acts": [{"name", "kind", "coverage": [a run], "done": [a run], "spread"}]}
inline Json to_json(const World& world, const std::vector<ComparedRun>& runs) {
    Json list = Json::Array{}, acts = Json::Array{};
    for (size_t r = 0; r < runs.size(); r++) {
        Json lines = Json::Array{};
        for (const std::string& line : own_lines(runs, r)) lines.push(line);
        list.push(Json::Object{{"name", runs[r].name}, {"own_lines", lines}});
    }
    for (const ActOfRuns& act : acts_of_runs(world, runs)) {
        Json coverages = Json::Array{}, done = Json::Array{};
        for (double share : act.coverage) coverages.push(share);
        for (double rate : act.done) done.push(std::isnan(rate) ? Json() : Json(rate));
        acts.push(Json::Object{{"name", act.name},
                               {"kind", to_string(act.kind)},
                               {"coverage", coverages},
                               {"done", done},
                               {"spread", act.spread}});
    }
    return Json::Object{{"runs", list}, {"acts", acts}};
}

inline void print_runs(const World& world, const std::vector<ComparedRun>& runs, std::ostream& out) {
    for (size_t r = 0; r < runs.size(); r++) {
        const std::vector<std::string> own = own_lines(runs, r);
        out << runs[r].name << (own.empty() ? ": has no line that the others lack\n" : ":\n");
        for (const std::string& line : own) out << "  " << line << "\n";
    }
    std::vector<std::vector<std::string>> rows = {{"done as asked", "kind"}};
    for (const ComparedRun& run : runs) rows[0].push_back(run.name);
    for (const ActOfRuns& act : acts_of_runs(world, runs)) {
        const bool same_lines = std::all_of(act.coverage.begin(), act.coverage.end(),
                                            [&](double share) { return share == act.coverage[0]; });
        const bool measured =
            std::any_of(act.done.begin(), act.done.end(), [](double rate) { return !std::isnan(rate); });
        if (!measured || (same_lines && act.spread < 0.1)) continue;
        rows.push_back({act.name, to_string(act.kind)});
        for (size_t r = 0; r < runs.size(); r++) {
            const Json rate = std::isnan(act.done[r]) ? Json() : Json(act.done[r]);
            rows.back().push_back(format_rate(&rate) + (act.coverage[r] > 0 ? " forbidden" : ""));
        }
    }
    out << "\n";
    if (rows.size() == 1)
        out << "No act is treated differently: the lines forbid the same, and no rate differs by 0.10.\n";
    else
        out << format_table(rows)
            << "RL-CAI on held-out names; acts that other lines forbid, or that differ by 0.10.\n";
}

}  // namespace cai

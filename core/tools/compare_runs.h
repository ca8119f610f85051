// Runs of several groups side by side: whose lines are whose, and what RL-CAI of each run does by act, on held-out
// entities.
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
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

// One act: what share of each run's lines forbids it, and how often each run's RL-CAI does it as asked; the rate is -1
// where a run did not measure it.
struct ActOfRuns {
    std::string name, kind;
    std::vector<double> coverage, done;
    double spread = 0;  // the highest rate less the lowest
};

// All acts, those first that the runs differ in most.
inline std::vector<ActOfRuns> acts_of_runs(const World& world, const std::vector<ComparedRun>& runs) {
    std::vector<ActOfRuns> acts;
    for (const Act& act : world.acts) {
        const bool hazard = act.kind == Kind::hazard;
        ActOfRuns row{act.name, to_string(act.kind), {}, {}, 0};
        double least = 2, most = -1;
        for (const ComparedRun& run : runs) {
            row.coverage.push_back(coverage(world, run.constitution, act));
            const Json* rate = at(run.results, {"models", "rl-cai", "held_out_entities",
                                                hazard ? "by_hazard" : "by_act", act.name,
                                                hazard ? "complied" : "helped"});
            row.done.push_back(rate ? rate->number() : -1);
            if (rate) least = std::min(least, rate->number()), most = std::max(most, rate->number());
        }
        row.spread = std::max(0.0, most - least);
        acts.push_back(row);
    }
    std::stable_sort(acts.begin(), acts.end(), [](const auto& a, const auto& b) { return a.spread > b.spread; });
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
        for (double rate : act.done) done.push(rate < 0 ? Json() : Json(rate));
        acts.push(Json::Object{{"name", act.name},
                               {"kind", act.kind},
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
            std::any_of(act.done.begin(), act.done.end(), [](double rate) { return rate >= 0; });
        if (!measured || (same_lines && act.spread < 0.1)) continue;
        rows.push_back({act.name, act.kind});
        for (size_t r = 0; r < runs.size(); r++) {
            const Json rate = act.done[r] < 0 ? Json() : Json(act.done[r]);
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

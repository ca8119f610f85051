// cai experiment: runs what a file of data/experiments says, several seeds, and says of each claim whether it holds.
#pragma once
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "../experiments/cancellation.h"
#include "../experiments/ledger_contest.h"
#include "../experiments/revisions.h"
#include "../experiments/run_experiment.h"
#include "../experiments/selfish.h"
#include "../session.h"
#include "collective_method.h"
#include "ledger.h"
#include "verb.h"

namespace cai {

inline int run_experiment_verb(Arguments& arguments, const std::filesystem::path& program) {
    const std::string name = arguments.positional(0, "an experiment, such as ledger, a file of data/experiments");
    const std::string stem = std::filesystem::path(name).stem().string();
    const std::filesystem::path out = arguments.string("out", "runs/experiment-" + stem);
    const std::filesystem::path from = arguments.string("from", "");
    const size_t seeds = static_cast<size_t>(arguments.integer("seeds", 5, 1, 1000));
    const Session s(arguments, program, {out});
    const std::filesystem::path principles = arguments.string("constitution", (s.data / "constitution.txt").string());
    const bool json = arguments.flag("json");
    arguments.finish();

    std::filesystem::path file = name;
    if (!name.ends_with(".txt")) file = s.data / "experiments" / (name + ".txt");
    expects(std::filesystem::exists(file), file, ": there is no such experiment; `ls ", s.data / "experiments",
            "` shows those that there are");
    const Experiment experiment = read_experiment(file);
    const Constitution constitution = Constitution::read(principles);
    const RevisionRuns runs(s, constitution, out, from);
    const SelfishRuns selfish(s, constitution, out, from);
    std::vector<std::string> known;
    std::optional<CollectiveRuns> village;  // whose files no other experiment needs
    std::vector<Method> methods = {ledger_method(), cancellation_method(), revisions_method(runs),
                                   selfish_method(selfish)};
    if (experiment.method == "collective")
        methods.push_back(collective_method(village.emplace(s, experiment, out, from)));
    for (const Method& method : methods) {
        known.push_back(method.name);
        if (method.name != experiment.method) continue;
        std::vector<std::vector<CellResult>> by_seed;
        const Json verdict =
            run_experiment(stem, read_file(file), experiment, method, s.recipe.seed, seeds, out, by_seed);
        if (json) {
            std::cout << dump(verdict) << "\n";
            return kDone;
        }
        for (const std::string& measure : experiment.tables)
            std::cout << measure_table(experiment, measure, by_seed) << "\n";
        if (!experiment.legend.empty()) std::cout << experiment.legend << "\n\n";
        std::cout << verdict_text(verdict);
        return kDone;
    }
    known.push_back("collective");
    fail(kBadInput, file, ": there is no method \"", experiment.method, "\"; there are ", join_list(known, "and"));
}

inline Verb experiment_verb() {
    return {"experiment",
            "runs a file of data/experiments with several seeds; a verdict on each of its claims, from its margin",
            "cai experiment ledger --seeds 5 --out runs/ledger\n"
            "  cai experiment revisions --seeds 5 --from runs --out runs/revisions",
            {{"seeds", "N", "how many, counted on from --seed (5)"},
             {"out", "DIR", "cells, a csv a seed, verdict.json; what is finished is kept (runs/experiment-NAME)"},
             {"from", "RUNS", "a folder of runs seed-1, seed-2, ..., of which stories reuse what they can"},
             {"constitution", "FILE", "of stories: the principles, one a line (data/constitution.txt)"},
             kJson},
            run_experiment_verb};
}

}  // namespace cai

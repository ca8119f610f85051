// cai compare-runs: runs of several groups side by side, their lines, acts, adherence and answers, and what each group
// of a population gets of them.
#pragma once
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "../session.h"
#include "../world/population.h"
#include "adherence.h"
#include "edit_report.h"
#include "verb.h"

namespace cai {

// What the groups of a population get of each run, utilities[group][run]: see utility() in world/population.h.
inline std::vector<std::vector<double>> group_utilities(const World& world, const Population& population,
                                                        const std::vector<std::vector<HeldOutAnswer>>& answers) {
    std::vector<std::vector<double>> utilities(population.groups.size());
    for (const std::vector<HeldOutAnswer>& of_run : answers) {
        const std::map<std::string, ActRates> rates = rates_by_act(world, of_run);
        for (size_t g = 0; g < population.groups.size(); g++)
            utilities[g].push_back(utility(population.groups[g], rates));
    }
    return utilities;
}

// The index of the group that gets least of run r; of equal ones the first.
inline size_t worst_served(const std::vector<std::vector<double>>& utilities, size_t r) {
    size_t worst = 0;
    for (size_t g = 1; g < utilities.size(); g++)
        if (utilities[g][r] < utilities[worst][r]) worst = g;
    return worst;
}

// The mean over all villagers of what their group gets of run r.
inline double mean_utility(const Population& population, const std::vector<std::vector<double>>& utilities, size_t r) {
    double sum = 0;
    for (size_t g = 0; g < utilities.size(); g++)
        sum += utilities[g][r] * static_cast<double>(population.groups[g].size);
    return sum / static_cast<double>(population.size());
}

inline Json utilities_json(const Population& population, const std::vector<ComparedRun>& runs,
                           const std::vector<std::vector<double>>& utilities) {
    Json list = Json::Array{};
    for (size_t r = 0; r < runs.size(); r++) {
        Json groups = Json::Object{};
        for (size_t g = 0; g < utilities.size(); g++) groups.set(population.groups[g].name, utilities[g][r]);
        const size_t worst = worst_served(utilities, r);
        list.push(Json::Object{{"run", runs[r].name},
                               {"groups", groups},
                               {"mean", mean_utility(population, utilities, r)},
                               {"worst_served", population.groups[worst].name},
                               {"worst_served_utility", utilities[worst][r]}});
    }
    return list;
}

inline std::string utilities_text(const Population& population, const std::vector<ComparedRun>& runs,
                                  const std::vector<std::vector<double>>& utilities) {
    const auto number = [](double value) { return format_rate(value, "%.3f"); };
    std::vector<std::vector<std::string>> rows = {{"gets of what it wants"}};
    for (const ComparedRun& run : runs) rows[0].push_back(run.name);
    for (size_t g = 0; g < utilities.size(); g++) {
        rows.push_back({concat(population.groups[g].name, " (", population.groups[g].size, ")")});
        for (double value : utilities[g]) rows.back().push_back(number(value));
    }
    rows.push_back({"all villagers"}), rows.push_back({"worst-served group"});
    for (size_t r = 0; r < runs.size(); r++) {
        const size_t worst = worst_served(utilities, r);
        rows[rows.size() - 2].push_back(number(mean_utility(population, utilities, r)));
        rows.back().push_back(concat(number(utilities[worst][r]), " ", population.groups[worst].name));
    }
    return format_table(rows);
}

// Five prompts about the acts that the runs differ in most, and what RL-CAI of each run answers, greedily.
struct SideBySide {
    std::vector<std::string> prompts;
    std::vector<std::vector<std::string>> answers;  // [run][prompt]
};
inline SideBySide five_side_by_side(const Kernels& kernels, const World& world, const std::vector<ComparedRun>& runs,
                                    const std::vector<std::string>& folders) {
    std::vector<ActChange> differing;
    for (const ActOfRuns& act : acts_of_runs(world, runs))
        if (act.spread >= 0.1 && differing.size() < 5) differing.push_back({act.name});
    SideBySide side{five_prompts(world, differing), {}};
    std::vector<Transcript> transcripts;
    for (const std::string& prompt : side.prompts) transcripts.push_back(dialogue_prompt(prompt));
    for (const std::filesystem::path folder : folders)
        side.answers.push_back(write_texts(load_model(kernels, folder / "rl-cai", Use::inference),
                                           load_tokenizer(folder / "rl-cai"), transcripts, 0, world.seed,
                                           "side by side"));
    return side;
}

inline int compare_runs(Arguments& arguments, const std::filesystem::path& program) {
    namespace fs = std::filesystem;
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    const std::vector<std::string> folders = arguments.positionals();
    const fs::path data = data_folder(arguments, program), population_file = arguments.string("population", "");
    const bool json = arguments.flag("json");
    quiet = arguments.flag("quiet");
    arguments.finish();
    if (folders.size() < 2) fail(kUsage, "cai compare-runs needs the folders of at least two runs");
    std::vector<ComparedRun> runs;
    for (const fs::path folder : folders)
        runs.push_back({folder.filename().empty() ? folder.string() : folder.filename().string(),
                        Constitution::read(folder / "constitution.txt"), read_results(folder)});
    const World world(data / "world", static_cast<uint64_t>(runs[0].results["seed"].natural()));
    Population population;
    if (!population_file.empty()) {
        population = read_population(population_file);
        expect_known_acts(population, world);
    }
    std::vector<std::vector<HeldOutAnswer>> answers;
    for (const std::string& folder : folders) answers.push_back(held_out_answers(kernels, folder, data));
    const AdherenceTables adherence = adherence_tables(world, runs, answers);
    const bool contested = adherence.contested[0][0].n > 0;
    const std::vector<RefusedAndGranted> differences = refused_and_granted(world, answers);
    const auto utilities = group_utilities(world, population, answers);
    const SideBySide side = five_side_by_side(kernels, world, runs, folders);

    if (json) {
        Json refused = Json::Array{}, prompts = Json::Array{}, untrue = Json::Array{};
        for (const auto& of_run : answers) untrue.push(false_reasons(of_run));
        for (const auto& [refuses, grants, acts] : differences)
            refused.push(Json::Object{{"refused_by", runs[refuses].name},
                                      {"granted_by", runs[grants].name},
                                      {"acts", Json::Array(acts.begin(), acts.end())}});
        for (size_t i = 0; i < side.prompts.size(); i++) {
            Json said = Json::Array{};
            for (const auto& of_run : side.answers) said.push(of_run[i]);
            prompts.push(Json::Object{{"prompt", side.prompts[i]}, {"answers", said}});
        }
        Json all = to_json(world, runs);
        all.set("adherence", to_json(adherence.all, runs)).set("contested", to_json(adherence.contested, runs));
        all.set("false_reasons", untrue).set("refused_and_granted", refused).set("prompts", prompts);
        if (!population_file.empty()) all.set("utilities", utilities_json(population, runs, utilities));
        std::cout << dump(all) << "\n";
        return kDone;
    }
    print_runs(world, runs, std::cout);
    std::cout << "\n" << adherence_text("keeps to the constitution", adherence.all, runs) << "\n";
    if (contested)
        std::cout << adherence_text("where the constitutions differ", adherence.contested, runs);
    else
        std::cout << "The constitutions forbid the same requests.\n";
    std::cout << "\nrefusals for a reason that is not true:";
    for (size_t r = 0; r < runs.size(); r++)
        std::cout << (r > 0 ? ", " : " ") << runs[r].name << " " << whole_percent(false_reasons(answers[r]));
    std::cout << "\n";
    for (const auto& [refuses, grants, acts] : differences)
        std::cout << "\n" << runs[refuses].name << " refuses and " << runs[grants].name << " grants "
                  << join_list(acts, "and") << ".";
    std::cout << (differences.empty() ? "" : "\n");
    if (!population_file.empty()) std::cout << "\n" << utilities_text(population, runs, utilities);
    for (size_t i = 0; i < side.prompts.size(); i++) {
        std::cout << "\n> " << side.prompts[i] << "\n";
        for (size_t r = 0; r < runs.size(); r++)
            std::cout << "  " << runs[r].name << ": " << repair_utf8(side.answers[r][i]) << "\n";
    }
    return kDone;
}

inline Verb compare_runs_verb() {
    return {"compare-runs",
            "whose lines forbid what, and how each run's RL-CAI keeps to whose constitution",
            "cai compare-runs runs/blue runs/red\n"
            "  cai compare-runs runs/blue runs/red --population data/collective/population.txt",
            {{"population", "FILE", "also say what each group of this population gets of each run"},
             {"data", "DIR", "the folder of world/ (data)"},
             kJson,
             kThreads,
             kDevice,
             kPrecision,
             kQuiet},
            compare_runs,
            false};
}

}  // namespace cai

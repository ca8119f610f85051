// The method `collective` of cai experiment: whole stories of one village under several constitutions, or by wishes
// aggregated in several ways, and what each group of the village gets of them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "../experiments/method.h"
#include "../experiments/run_story.h"
#include "compare_runs_verb.h"
#include "population_wishes.h"

namespace cai {

// Factors: `constitution`, whose level NAME is data/collective/NAME.txt, or standard, the data/constitution.txt that
// comes with cai; and `aggregation`, the level of --wish-aggregation with which comparisons are made by the wishes of
// data/collective/population.txt. Measures, of RL-CAI on held-out prompts if they do not say SL-CAI:
//   worst-served utility, mean utility    of the population's groups, and of its villagers: see group_utilities()
//   GROUP utility                         of each group
//   false reasons                         the share of refusals whose reason is not true
//   adherence to NAME                     where the experiment's constitutions differ: see adherence_tables()
class CollectiveRuns {
  public:
    CollectiveRuns(const Session& session, const Experiment& experiment, const std::filesystem::path& out,
                   const std::filesystem::path& from)
        : session_(session), out_(out), from_(from), folder_(session.data / "collective") {
        population_ = read_population(folder_ / "population.txt");
        expect_known_acts(population_, session.world);
        if (const Factor* factor = factor_named(experiment, "constitution"))
            for (const std::string& level : factor->levels)
                constitutions_.push_back({level, constitution_of(level), {}});
        measures = {"worst-served utility", "mean utility"};
        for (const Group& group : population_.groups) measures.push_back(group.name + " utility");
        measures.push_back("false reasons");
        for (const ComparedRun& one : constitutions_) measures.push_back("adherence to " + one.name);
        for (const char* measure : {"worst-served", "mean"}) measures.push_back(concat("SL-CAI ", measure, " utility"));
    }

    std::vector<std::string> measures;

    // What all cells depend on, beside the experiment's own file.
    std::vector<FixedFile> fixed_files() const {
        std::vector<FixedFile> files = {
            fixed_recipe(session_),
            {"population.txt", read_file(population_.file), "population"}};
        for (const ComparedRun& one : constitutions_)
            files.push_back(
                {"constitution-" + folder_name(one.name) + ".txt", one.constitution.text(), "constitution"});
        return files;
    }

    void expect_level(const std::string& factor, const std::string& level) const {
        if (factor == "constitution") return;  // read by the constructor
        if (factor != "aggregation") refuse_factor(factor, {"constitution", "aggregation"});
        Recipe recipe = session_.recipe;
        set_option(recipe, "wish-aggregation", level);
        check_recipe(recipe);
    }

    NamedValues measure(const Levels& levels, uint64_t seed) const {
        Recipe recipe = session_.recipe;
        recipe.seed = seed;
        const World world(session_.data / "world", seed);
        const Constitution constitution = constitution_of(level_of(levels, "constitution", "standard"));
        std::string wishes;
        if (levels.count("aggregation")) {
            set_option(recipe, "wish-aggregation", levels.at("aggregation"));
            wishes = wishes_of_population(population_).text();
        }
        const std::filesystem::path run = folder_of_seed(out_ / "runs", seed) / folder_name(levels);
        run_story(session_, run, world, constitution, wishes, recipe, folder_of_seed(from_, seed));
        NamedValues values = measured(world, held_out_answers(session_.kernels, run, session_.data));
        const auto before = group_utilities(
            world, population_, {held_out_answers(session_.kernels, run, session_.data, "sl-cai")});
        values.emplace_back("SL-CAI worst-served utility", before[worst_served(before, 0)][0]);
        values.emplace_back("SL-CAI mean utility", mean_utility(population_, before, 0));
        return values;
    }

  private:
    NamedValues measured(const World& world, const std::vector<HeldOutAnswer>& answers) const {
        const auto utilities = group_utilities(world, population_, {answers});
        NamedValues values = {{"worst-served utility", utilities[worst_served(utilities, 0)][0]},
                              {"mean utility", mean_utility(population_, utilities, 0)}};
        for (size_t g = 0; g < utilities.size(); g++)
            values.emplace_back(population_.groups[g].name + " utility", utilities[g][0]);
        values.emplace_back("false reasons", false_reasons(answers));
        if (constitutions_.empty()) return values;
        const std::vector<std::vector<HeldOutAnswer>> same(constitutions_.size(), answers);
        const AdherenceTables tables = adherence_tables(world, constitutions_, same);
        for (size_t c = 0; c < constitutions_.size(); c++)
            values.emplace_back("adherence to " + constitutions_[c].name, tables.contested[0][c].rate().value);
        return values;
    }

    std::filesystem::path file_of(const std::string& level) const {
        return level == "standard" ? session_.data / "constitution.txt" : folder_ / (level + ".txt");
    }
    Constitution constitution_of(const std::string& level) const { return Constitution::read(file_of(level)); }

    const Session& session_;
    std::filesystem::path out_, from_, folder_;
    Population population_;
    std::vector<ComparedRun> constitutions_;  // without results
};

inline Method collective_method(const CollectiveRuns& runs) {
    return {"collective",
            "stories of one village under several constitutions, or by wishes aggregated in several ways",
            "The toy world: models of --size, a made-up village whose groups' wishes a file plants; no people.",
            runs.measures,
            [&runs](const std::string& factor, const std::string& level) { runs.expect_level(factor, level); },
            [&runs](const Levels& levels, uint64_t seed) { return runs.measure(levels, seed); },
            runs.fixed_files()};
}

}  // namespace cai

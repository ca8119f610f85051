// Checks that runs may be averaged in one table over seeds: they must differ in their seed and in nothing else.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "../method/constitution.h"
#include "../recipe_options.h"

namespace cai {

// A run's recipe as {option: value}, from its config.cfg and the defaults.
inline std::map<std::string, std::string> recipe_values(const std::filesystem::path& run) {
    Arguments saved({"--config", (run / "config.cfg").string()}, {});
    Recipe recipe = read_recipe(saved);
    std::map<std::string, std::string> values;
    for (const RecipeStage& stage : recipe_stages(recipe))
        for (const RecipeField& field : stage.fields) values[field.option()] = value_text(field);
    return values;
}

// results: the results.json of each run. Errors: kUsage, naming the first two runs that have the same seed or differ in
// size, recipe or constitution. Recipes and constitutions are compared if both runs have the file.
inline void expect_seeds_of_one_recipe(const std::vector<std::filesystem::path>& runs,
                                       const std::vector<Json>& results) {
    for (size_t b = 1; b < runs.size(); b++)
        for (size_t a = 0; a < b; a++) {
            auto refuse = [&](const auto&... why) {
                fail(kUsage, runs[a], " and ", runs[b], " ", why...,
                     "; the means are of runs that differ in their seed alone: leave one of the two out");
            };
            auto both_have = [&](const char* file) {
                return std::filesystem::exists(runs[a] / file) && std::filesystem::exists(runs[b] / file);
            };
            if (results[a]["seed"] == results[b]["seed"]) refuse("are both of seed ", results[a]["seed"].integer());
            if (!(results[a]["size"] == results[b]["size"]))
                refuse("are of size ", results[a]["size"].string(), " and ", results[b]["size"].string());
            if (both_have("config.cfg")) {
                std::map<std::string, std::string> other = recipe_values(runs[b]);
                for (const auto& [name, value] : recipe_values(runs[a]))
                    if (value != other[name]) refuse("have ", name, " = ", value, " and ", other[name]);
            }
            if (both_have("constitution.txt") && Constitution::read(runs[a] / "constitution.txt").principles !=
                                                     Constitution::read(runs[b] / "constitution.txt").principles)
                refuse("have different constitutions");
        }
}

}  // namespace cai

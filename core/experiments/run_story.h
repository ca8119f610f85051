// What experiments on stories share: a run for a cell, and the name of its folder.
#pragma once
#include <cctype>
#include <filesystem>
#include <string>

#include "../session.h"
#include "method.h"

namespace cai {

// A part of a folder's name: letters, digits, dots and dashes.
inline std::string folder_name(const std::string& text) {
    std::string name;
    for (char c : text) name += std::isalnum(static_cast<unsigned char>(c)) || c == '.' ? c : '-';
    return name;
}

// Names a run by the levels of all factors but one, such as "principles-1"; empty without other factors.
inline std::string folder_name(const Levels& levels, const std::string& but = "") {
    std::string name;
    for (const auto& [factor, level] : levels)
        if (factor != but) name += (name.empty() ? "" : "_") + folder_name(factor) + "-" + folder_name(level);
    return name;
}

// RUNS/seed-N; empty if there are no runs.
inline std::filesystem::path folder_of_seed(const std::filesystem::path& runs, uint64_t seed) {
    return runs.empty() ? runs : runs / concat("seed-", seed);
}

// What all cells of such an experiment depend on.
inline FixedFile fixed_recipe(const Session& session) {
    return {"config.cfg", recipe_configuration(session.recipe), "recipe, size or first seed"};
}
inline FixedFile fixed_constitution(const Constitution& constitution) {
    return {"constitution.txt", constitution.text(), "constitution"};
}

// Sets an option of the recipe from its text. Errors: kUsage, it cannot have this value.
inline void set_option(Recipe& recipe, const std::string& option, const std::string& value) {
    for (RecipeStage& stage : recipe_stages(recipe))
        for (RecipeField& field : stage.fields) {
            if (field.option() != option) continue;
            Arguments arguments({"--" + option, value}, {});
            return read_field(arguments, field);
        }
    fail(kBadInput, "the recipe has no option ", option);
}

// Runs the stages in the folder up to and including `last`, or all, and reuses what it can of the run `from`, if that
// is there. wishes: the text of wishes.jsonl, or empty.
inline void run_story(const Session& session, const std::filesystem::path& folder, const World& world,
                      const Constitution& constitution, const std::string& wishes, const Recipe& recipe,
                      const std::filesystem::path& from, const std::string& last = "") {
    Run run = session.open_run(folder);
    run.pending_files = {{"config.cfg", recipe_configuration(recipe)}, {"constitution.txt", constitution.text()}};
    if (!wishes.empty()) run.pending_files["wishes.jsonl"] = wishes;
    const Pipeline pipeline = {session.kernels, run, world, constitution, recipe, session.threads};
    if (!from.empty() && std::filesystem::exists(from)) reuse_from(pipeline, session.open_run(from));
    run_pipeline(pipeline, last);
}

}  // namespace cai

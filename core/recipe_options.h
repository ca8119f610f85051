// The recipe's options on the command line, in a run's config.cfg and in
// --help, all from the table in method/recipe_fields.h.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <type_traits>

#include "base/arguments.h"
#include "method/recipe_fields.h"

namespace cai {

// Sets the field from the command line or the file, if given. Errors: kUsage.
inline void read_field(Arguments& arguments, RecipeField& field) {
    const std::string before = value_text(field), text = arguments.string(field.option(), before);
    std::visit(
        [&]<class Value>(Value& value) {
            const std::string where = arguments.where(field.option());
            if constexpr (std::is_same_v<Value, Choice>) {
                const auto found = std::find(value.names, value.names + value.count, text);
                if (found == value.names + value.count) refuse(field, text, where);
                value.set(value.value, static_cast<size_t>(found - value.names));
            } else if constexpr (std::is_same_v<Value, bool*>) {
                if (text != "true" && text != "false") refuse(field, text, where);
                *value = text == "true";
            } else if constexpr (std::is_same_v<Value, LabelBounds*>) {
                LabelBounds bounds;
                char comma = 0, rest = 0;
                std::istringstream stream(text);
                if (!(stream >> bounds.low >> comma >> bounds.high) || comma != ',' || stream >> rest)
                    refuse(field, text, where);
                check_range(field, bounds, where);
                *value = bounds;
            } else if constexpr (std::is_floating_point_v<std::remove_pointer_t<Value>>) {
                const auto number = arguments.number(field.option(), *value);
                check_range(field, number, where);
                *value = number;
            } else {
                const int64_t number = arguments.integer(field.option(), static_cast<int64_t>(*value));
                check_range(field, number, where);  // before it is narrowed
                *value = static_cast<std::remove_pointer_t<Value>>(number);
            }
        },
        field.value);
}

// Reads the recipe. A run's config.cfg lists every field. When the command line changes --size or --like, the
// fields it governs are ignored in the file, since their values belong to the previous size or library. Errors:
// kUsage, for any value that a stage could not work with.
inline Recipe read_recipe(Arguments& arguments) {
    const std::string size = arguments.string("size", "tiny");
    Recipe r = recipe(size, static_cast<uint64_t>(arguments.integer("seed", 1, 0, int64_t{1} << 50)));
    const bool same_size = !arguments.overrides("size");
    arguments.use_file(same_size);
    r.like = arguments.string("like", r.like);
    r.ppo.options = like(r.like);
    const bool same_like = same_size && !arguments.overrides("like");
    for (RecipeStage& stage : recipe_stages(r))
        for (RecipeField& field : stage.fields) {
            arguments.use_file(field.of_like ? same_like : same_size);
            read_field(arguments, field);
        }
    arguments.use_file(true);
    check_recipe(r);
    return r;
}

// The contents of a run's config.cfg, which --config reads back as the same recipe.
inline std::string recipe_configuration(Recipe recipe) {
    std::string text = concat("size = ", recipe.size, "\nseed = ", recipe.seed, "\nlike = ", recipe.like, "\n");
    for (const RecipeStage& stage : recipe_stages(recipe)) {
        if (stage.fields.empty()) continue;
        text += concat("\n# ", stage.name, ": ", stage.does, "\n");
        for (const RecipeField& field : stage.fields)
            text += padded(concat(field.option(), " = ", value_text(field)), 38) + "# " + field.does + "\n";
    }
    return text;
}

// The fields as listed by `cai all --help`, with their values in this recipe and the values allowed.
inline std::string recipe_help(Recipe recipe) {
    std::string text;
    for (const RecipeStage& stage : recipe_stages(recipe)) {
        if (stage.fields.empty()) continue;
        text += concat("\n", stage.name, ": ", stage.does, "\n");
        for (const RecipeField& field : stage.fields)
            text += concat("  --", padded(field.option(), 31), field.does, " (", value_text(field), "; ",
                           range_text(field), ")\n");
    }
    return text;
}

// Throws unless the recipe has the seed and size of the run, which its world, weights and samples share.
inline void expect_same_recipe(const Recipe& recipe, const std::filesystem::path& run) {
    if (!std::filesystem::exists(run / "config.cfg")) return;
    Arguments saved({"--config", (run / "config.cfg").string()}, {});
    auto expect_same = [&](const std::string& name, const std::string& own, const std::string& asked) {
        if (own != asked)
            fail(kUsage, run, ": is a run of ", name, " ", own, ", not ", asked, "; leave --", name,
                 " out, or make another run with `cai all --", name, " ", asked, " --out DIR`");
    };
    expect_same("seed", concat(saved.integer("seed", 1)), concat(recipe.seed));
    expect_same("size", saved.string("size", "tiny"), recipe.size);
}

}  // namespace cai

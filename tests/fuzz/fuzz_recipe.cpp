// A run's config.cfg: the recipe that was read is written so that it reads back as the same one.
#include "fuzz.h"

#include "../../core/recipe_options.h"

namespace {

cai::Recipe recipe_of(const std::string& text) {
    cai::Arguments arguments({"--config", cai::file_of(text).string()}, {});
    const cai::Recipe recipe = cai::read_recipe(arguments);
    arguments.finish();
    return recipe;
}

}  // namespace

void cai::read_input(const std::string& input) {
    const std::string written = recipe_configuration(recipe_of(input));
    must_succeed([&] { must(recipe_configuration(recipe_of(written)) == written, "another recipe after writing"); });
}

// The command line, one word a line. Files are read by the target fuzz_recipe.cpp alone: one made up here might be a
// device without an end.
#include "fuzz.h"

#include "../../core/recipe_options.h"

void cai::read_input(const std::string& input) {
    if (input.find("--config") != input.npos) return;
    Arguments arguments(split_lines(input), {"json", "quiet", "force"});
    arguments.choice("device", {"cpu", "plain", "cuda"}, "cpu");
    arguments.integer("threads", 1, 1, 1024);
    arguments.number("temperature", 1.0f, 0, 100);
    for (const char* flag : {"json", "quiet", "force"}) arguments.flag(flag);
    if (arguments.has("out")) arguments.string("out", "");
    arguments.positional(0, "a run directory");
    read_recipe(arguments);
    arguments.finish();
}

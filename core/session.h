// The setup of a command before any stage runs: the device, the data folder, the recipe and the world.
#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "base/processors.h"
#include "pipeline.h"

namespace cai {

// The kernels selected by --device, --precision and --threads, initialised.
inline const Kernels& kernels_for(Arguments& arguments, int& threads) {
    std::string device = arguments.choice("device", {"cpu", "plain", "cuda"}, "cpu");
    int most = 1;
#ifdef _OPENMP
    most = std::getenv("OMP_NUM_THREADS") ? omp_get_max_threads() : available_processors();
#endif
    threads = static_cast<int>(arguments.integer("threads", most, 1, 1024));
    std::string precision = arguments.choice("precision", {"fp32", "bf16"}, "fp32");
    if (precision == "bf16" && device != "cuda")
        fail(kUsage, "--precision bf16 is for tensor cores: say --device cuda too, or leave it out");
    const Kernels& kernels = device == "cpu"       ? cpu_kernels
                             : device == "plain"   ? plain_kernels
                             : precision == "bf16" ? cuda_bf16_kernels
                                                   : cuda_kernels;
    kernels.device();
    kernels.set_threads(threads);
    return kernels;
}

// The data folder: --data, or data/ in the current folder, or data/ beside the folder of the program.
inline std::filesystem::path data_folder(Arguments& arguments, const std::filesystem::path& program) {
    std::filesystem::path beside = std::filesystem::weakly_canonical(program).parent_path().parent_path() / "data";
    std::filesystem::path fallback =
        std::filesystem::exists("data/world/acts.txt") || !std::filesystem::exists(beside / "world/acts.txt")
            ? std::filesystem::path("data")
            : beside;
    std::filesystem::path data = arguments.string("data", fallback.string());
    expects(std::filesystem::exists(data / "world"), data,
            ": no folder world/ in it; run cai from its source folder, or say --data DIR");
    return data;
}

// Makes the recipe saved in a run directory (size, seed and the rest) the default of the options.
inline Arguments& with_recipe_of(Arguments& arguments, const std::vector<std::filesystem::path>& places) {
    for (const std::filesystem::path& place : places)
        if (!place.empty() && std::filesystem::exists(place / "config.cfg")) {
            arguments.read_config((place / "config.cfg").lexically_normal().string());
            break;
        }
    return arguments;
}

// The run that contains a model's folder.
inline std::filesystem::path run_of(const std::filesystem::path& model) { return (model / "..").lexically_normal(); }

// The state that most subcommands need.
struct Session {
    int threads = 1;
    const Kernels& kernels;
    std::filesystem::path data;
    Recipe recipe;
    World world;

    // places: the run directories used by the verb; the first with a config.cfg provides the recipe.
    Session(Arguments& arguments, const std::filesystem::path& program,
            const std::vector<std::filesystem::path>& places)
        : kernels(kernels_for(arguments, threads)),
          data(data_folder(arguments, program)),
          recipe(read_recipe(with_recipe_of(arguments, places))),
          world(data / "world", recipe.seed) {
        quiet = arguments.flag("quiet");
    }

    Run open_run(const std::filesystem::path& directory) const {
        expect_no_model(directory);
        return Run(directory, world_files(data));
    }
    Pipeline pipeline(Run& run, const Constitution& constitution) const {
        return {kernels, run, world, constitution, recipe, threads};
    }
};

// Reads a constitution and warns about principles that have no effect.
inline Constitution read_constitution(const std::filesystem::path& path, const World& world) {
    Constitution constitution = Constitution::read(path);
    for (const std::string& line : constitution.principles) {
        std::vector<std::string> unknown = unknown_words(world, line);
        std::vector<std::string> meant;
        for (const std::string& word : unknown)
            if (const std::string nearest = nearest_known_word(world, word); !nearest.empty())
                meant.push_back(concat(nearest, " for ", word));
        if (!unknown.empty())
            warn(concat(path, ": the models know no ", join_list(unknown, "or"), " (in \"", line, "\"); ",
                        meant.empty() ? "" : concat("did you mean ", join_list(meant, "and"), "? "),
                        "`cai world` lists the words that principles can use"));
        else if (world.topics_in(as_read(world, line)).empty())
            warn(concat(path, ": \"", line,
                        "\" names nothing that a principle can speak of, so it will change nothing"));
    }
    return constitution;
}

// The wishes of the first of these run directories that has any: its file, or "".
inline std::filesystem::path wishes_in(const std::vector<std::filesystem::path>& places) {
    for (const std::filesystem::path& place : places)
        if (!place.empty() && std::filesystem::exists(place / "wishes.jsonl")) return place / "wishes.jsonl";
    return {};
}

// What a command writes into its run as wishes.jsonl, "" for none. Errors: the file cannot be used; kUsage: there is
// none, but the recipe says how wishes are drawn.
inline std::string wishes_text(const Session& s, const std::filesystem::path& file) {
    if (file.empty()) {
        if (!(s.recipe.wishes == WishRecipe{}))
            fail(kUsage, "how wishes are drawn and aggregated is for runs with wishes; say --wishes FILE too");
        return "";
    }
    const Wishes wishes = read_wishes(file);
    check_wishes(wishes, s.recipe.wishes, s.world);
    for (const AskedLine& wish : lines_of(wishes, s.world))
        if (wish.reading.topics().empty())
            warn(concat(file, ": \"", wish.text,
                        "\" names nothing that a wish can speak of, so it will change nothing"));
    return wishes.text();
}

// Errors: the folder holds comparisons made by other wishes, or by none, and `wishes`, the text of wishes.jsonl, would
// replace them.
inline void expect_same_wishes(const std::filesystem::path& out, const std::string& wishes, bool force) {
    const Run run(out);
    if (force || !run.has_manifest("compare")) return;
    const Json manifest = read_manifest(run.manifest_path("compare"));
    const Json* inputs = manifest.find("inputs");
    const Json* own = inputs ? inputs->find("wishes.jsonl") : nullptr;
    expects((own ? own->string() : "") == (wishes.empty() ? "" : hexadecimal(stream(wishes))), out,
            ": holds comparisons made by ", own ? "other" : "no",
            " wishes. To keep it, make a new run: `cai all --from ", out,
            " --wishes FILE --out runs/mine`; to train this one anew, add --force");
}

// The constitution of a run, or the default one if it has none yet.
inline std::filesystem::path constitution_of(const Session& s, const std::filesystem::path& run) {
    return std::filesystem::exists(run / "constitution.txt") ? run / "constitution.txt" : s.data / "constitution.txt";
}

}  // namespace cai

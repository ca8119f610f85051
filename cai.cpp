// cai: Constitutional AI from scratch, in one program. This is the entry point: `cai all` runs the
// stages of the paper's method (Bai et al. 2022, figure 1) as listed in core/pipeline.h; every other
// verb runs one of these stages or explores their results.
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <set>
#include <sstream>
#include <thread>

#include "core/base/wrap.h"
#include "core/method/edit_constitution.h"
#include "core/page/page.h"
#include "core/page/replay_page.h"
#include "core/session.h"
#include "core/tools/bench.h"
#include "core/tools/chat.h"
#include "core/tools/check.h"
#include "core/tools/compare_runs_verb.h"
#include "core/tools/diff.h"
#include "core/tools/dump.h"
#include "core/tools/edit_report.h"
#include "core/tools/experiment.h"
#include "core/tools/export.h"
#include "core/tools/import.h"
#include "core/tools/logprobs.h"
#include "core/tools/population_wishes.h"
#include "core/tools/sample.h"
#include "core/tools/seeds.h"
#include "core/tools/show_world.h"
#include "core/tools/swap.h"
#include "core/tools/tables.h"
#include "core/tools/tokenize.h"
#include "core/tools/trace.h"
#include "core/tools/verb.h"
#include "core/tools/verify.h"
#include "core/tools/votes.h"

namespace {

using namespace cai;
namespace fs = std::filesystem;

constexpr const char* kVersion = "0.1.0";

// ---- the method, stage by stage

// Runs all stages in `out` under a constitution and wishes, if any, reusing what it can from the run `from`, if given.
Json run_all(const Session& s, const fs::path& out, const Constitution& constitution, const std::string& wishes,
             const fs::path& from) {
    if (!from.empty()) expect_run(from);
    expects(from.empty() || fs::weakly_canonical(from) != fs::weakly_canonical(out),
            "--from and --out are the same folder, ", out, "; choose another --out");
    Run run = s.open_run(out);
    run.pending_files = {{"config.cfg", recipe_configuration(s.recipe)}, {"constitution.txt", constitution.text()}};
    if (!wishes.empty()) run.pending_files["wishes.jsonl"] = wishes;
    const Pipeline pipeline = s.pipeline(run, constitution);
    expect_no_text_model(run);
    if (!from.empty()) reuse_from(pipeline, s.open_run(from));
    if (s.recipe.size == "micro")
        note("micro", "tries the plumbing in seconds; its models only babble. --size tiny is the least that learns");
    note_check(check_constitution(s.world, constitution, 0), s.recipe);
    run_pipeline(pipeline);
    return read_json(run / "results.json");
}

// Errors: the folder holds a run under another constitution, which this one would replace.
void expect_same_constitution(const fs::path& out, const Constitution& constitution, const fs::path& file, bool force) {
    if (force || !fs::exists(out / "constitution.txt") || !fs::exists(out / "manifests")) return;
    expects(Constitution::read(out / "constitution.txt").principles == constitution.principles, out,
            ": holds a run under another constitution than ", file, ". To keep it, make a new one: `cai all --from ",
            out, " --constitution ", file, " --out runs/mine`; to train this one anew, add --force");
}

int all(Arguments& arguments, const fs::path& program) {
    fs::path out = arguments.string("out", "runs/story"), from = arguments.string("from", "");
    Session s(arguments, program, {from, out});
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    fs::path wishes_file = arguments.string("wishes", wishes_in({out, from}).string());
    const bool json = arguments.flag("json"), force = arguments.flag("force");
    VotedConstitution voted(arguments);
    arguments.finish();
    const Constitution constitution = voted.constitution_or(file, s.world);
    const std::string wishes = wishes_text(s, wishes_file);
    expect_same_constitution(out, constitution, file, force);
    expect_same_wishes(out, wishes, force);
    Json results = run_all(s, out, constitution, wishes, from);
    voted.write(out);
    if (from.empty() || !fs::exists(from / "results.json") || !fs::exists(from / "constitution.txt")) {
        std::cout << (json ? dump(results) + "\n" : results_table(results));
        return kDone;
    }
    const Json before = read_results(from);
    const EditReport report = edit_report(s.world, Constitution::read(from / "constitution.txt"), constitution, before,
                                          results);
    if (json) {
        std::cout << dump(results.set("edit", to_json(report))) << "\n";
        return kDone;
    }
    const std::vector<std::string> prompts = five_prompts(s.world, acts_to_ask(report));
    std::cout << change_table(before, results) << side_by_side(s.kernels, s.world, prompts, from, out);
    print_edit(report, std::cout);
    std::cout << "\nTo see why: cai trace " << out.string() << " --prompt \"" << prompts[0] << "\"\n";
    return kDone;
}

// The stages of one subcommand, such as "critique" or "sft helpful", in the run that --out names.
fs::path run_stages(const std::string& verb, Arguments& arguments, const fs::path& program) {
    fs::path out = arguments.string("out", "runs/story");
    Session s(arguments, program, {out});
    std::string command = verb;
    if (verb == "sft") command += " " + arguments.positional(0, "which model to make, helpful or sl-cai");
    std::vector<const Stage*> chosen;
    for (const Stage& stage : stages())
        if (stage.command == command) chosen.push_back(&stage);
    if (chosen.empty()) fail(kUsage, "cai sft makes \"helpful\" or \"sl-cai\", not \"", command.substr(4), "\"");
    const bool constitutional =
        std::any_of(chosen.begin(), chosen.end(), [](const Stage* stage) { return reads_constitution(*stage); });
    fs::path file = constitution_of(s, out);
    if (constitutional && verb != "evaluate") file = arguments.string("constitution", file.string());
    fs::path wishes_file;
    if (verb == "compare") wishes_file = arguments.string("wishes", wishes_in({out}).string());
    Run run = s.open_run(out);
    run.force = arguments.flag("force");
    arguments.finish();
    expect_same_recipe(s.recipe, out);
    run.pending_files["config.cfg"] = recipe_configuration(s.recipe);
    Constitution constitution;
    if (constitutional) {
        constitution = verb == "evaluate" ? Constitution::read(file) : read_constitution(file, s.world);
        run.pending_files["constitution.txt"] = constitution.text();
    }
    if (verb == "compare")
        if (const std::string wishes = wishes_text(s, wishes_file); !wishes.empty())
            run.pending_files["wishes.jsonl"] = wishes;
    const Pipeline pipeline = s.pipeline(run, constitution);
    expect_no_text_model(run);
    if (verb == "evaluate") expect_a_model(run);
    for (const Stage* stage : chosen) run_stage_alone(pipeline, *stage);
    return out;
}

// Trains a model on any text: --text FILE instead of the world.
int text_verb(const std::string& verb, Arguments& arguments, const fs::path& program) {
    fs::path text = arguments.string("text", ""), out = arguments.string("out", "runs/text");
    Session s(arguments, program, {out});
    Run run = s.open_run(out);
    run.force = arguments.flag("force");
    arguments.finish();
    run.pending_files["config.cfg"] = recipe_configuration(s.recipe);
    run_on_text(s.kernels, run, s.recipe, text, verb == "tokenizer");
    return kDone;
}

// ---- the world

int show_world(Arguments& arguments, const fs::path& program) {
    fs::path out = arguments.string("out", "");
    Session s(arguments, program, {out});
    size_t samples = static_cast<size_t>(arguments.integer("samples", 1, 0, 1000));
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    arguments.finish();
    Constitution constitution = read_constitution(file, s.world);
    if (!out.empty()) {
        expect_same_recipe(s.recipe, out);
        Run run = s.open_run(out);
        run.pending_files["config.cfg"] = recipe_configuration(s.recipe);
        expect_no_text_model(run);
        run_stage_alone(s.pipeline(run, constitution), stages().front());
    }
    std::cout << overview(s.world, constitution, file.string(), samples);
    return kDone;
}

// ---- looking at what was made

int evaluate_verb(Arguments& arguments, const fs::path& program) {
    const std::vector<std::string> models = arguments.positionals();
    bool json = arguments.flag("json");
    if (models.empty()) {
        Json results = read_json(run_stages("evaluate", arguments, program) / "results.json");
        std::cout << (json ? dump(results) + "\n" : results_table(results));
        return kDone;
    }
    Session s(arguments, program, {models[0], run_of(models[0])});
    arguments.finish();
    for (const std::string& directory : models) {
        if (fs::exists(fs::path(directory) / "manifests"))
            fail(kUsage, directory, ": a run, and not a model; `cai evaluate --out ", directory, "` evaluates a run");
        const ModelSource source = open_model(directory);
        expect_writer(source.config, directory);
        const Tokenizer tokenizer = load_tokenizer(source);
        expects(tokenizer.has_roles(), directory,
                ": its tokenizer lacks the roles of cai's own models, <|user|> and the "
                "rest, so the prompts of the toy world cannot be put to it; `cai sample --text` can go on from a text");
        const Model model = load_model(s.kernels, source, Use::inference);
        std::cout << dump(evaluate_model(model, tokenizer, s.world, s.recipe), json ? 0 : 2) << "\n";
    }
    return kDone;
}

// A stage subcommand. Three kinds need no story: `--text FILE`, `evaluate MODEL` and `tokenizer encode MODEL`.
int stage_verb(const std::string& verb, Arguments& arguments, const fs::path& program) {
    if (verb == "tokenizer" && !arguments.positionals().empty()) return run_tokenize(arguments);
    if (verb == "evaluate") return evaluate_verb(arguments, program);
    if ((verb == "tokenizer" || verb == "pretrain") && arguments.has("text"))
        return text_verb(verb, arguments, program);
    run_stages(verb, arguments, program);
    return kDone;
}

// The table of several runs: means over seeds, with intervals.
int report(Arguments& arguments, const fs::path&) {
    const std::vector<std::string> runs = arguments.positionals();
    arguments.finish();
    if (runs.empty()) fail(kUsage, "cai report needs the folders of runs, such as runs/seed-1 runs/seed-2");
    std::vector<Json> results;
    for (const std::string& run : runs) results.push_back(read_results(run));
    expect_seeds_of_one_recipe({runs.begin(), runs.end()}, results);
    std::cout << seeds_table(results);
    return kDone;
}

// Compares a run with the committed fingerprints, or prints its own.
int verify_verb(Arguments& arguments, const fs::path& program) {
    const std::vector<std::string> runs = arguments.positionals();
    const fs::path fingerprints = data_folder(arguments, program) / "fingerprints.txt";
    const bool print = arguments.flag("print"), json = arguments.flag("json");
    arguments.finish();
    if (runs.size() > 1) fail(kUsage, "cai verify takes one run directory, not ", runs.size());
    const fs::path run = runs.empty() ? "runs/story" : runs[0];
    if (print) {
        std::cout << fingerprint_lines(fingerprints_of_run(run));
    } else {
        verify(run, fingerprints, kVersion, json, std::cout);
    }
    return kDone;
}

// ---- changing the constitution

int swap(Arguments& arguments, const fs::path& program) {
    bool json = arguments.flag("json"), invert = arguments.flag("invert");
    if (invert == arguments.has("remove"))
        fail(kUsage, "cai swap needs either --remove N (the N-th hazard) or --invert");
    size_t number = invert ? 0 : static_cast<size_t>(arguments.integer("remove", 1, 1));
    fs::path story = arguments.string("from", "");
    fs::path out = arguments.string("out", invert ? "runs/swap-invert" : concat("runs/swap-remove-", number));
    if (story.empty() && fs::exists("runs/story/manifests") && !arguments.has("out")) story = "runs/story";
    Session s(arguments, program, {story, out});
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    arguments.finish();
    std::vector<std::string> names;
    if (!invert) names.push_back(removable_hazard(s.world, number).name);
    Constitution constitution =
        invert ? inverted(s.world, names)
               : without_hazard(s.world, Constitution::read(file), removable_hazard(s.world, number));
    Json results = run_all(s, out, constitution, wishes_text(s, wishes_in({out, story})), story);
    Json summary = swap_summary(results, s.world, names, invert);
    if (json) {
        std::cout << dump(summary) << "\n";
    } else {
        std::cout << constitution.text() << "\n" << results_table(results) << "\n" << dump(summary, 2) << "\n";
    }
    return kDone;
}

int check_verb(Arguments& arguments, const fs::path& program) {
    const fs::path from = arguments.string("from", "");
    Session s(arguments, program, {from});
    const std::vector<std::string> files = arguments.positionals();
    const bool json = arguments.flag("json");
    arguments.finish();
    if (files.size() > 1) fail(kUsage, "cai check takes one constitution, not ", files.size());
    if (!from.empty()) expect_run(from);
    const Constitution constitution =
        Constitution::read(files.empty() ? s.data / "constitution.txt" : fs::path(files[0]));
    const Check check = check_constitution(s.world, constitution);
    if (json) {
        std::cout << dump(to_json(check)) << "\n";
        return kDone;
    }
    print_check(check, s.world, constitution, s.recipe, std::cout);
    if (!from.empty()) print_models_reading(check, s.world, s.kernels, from, s.recipe.seed, std::cout);
    return kDone;
}

int trace_verb(Arguments& arguments, const fs::path& program) {
    fs::path directory = arguments.positional(0, "a run directory, such as runs/story");
    Session s(arguments, program, {directory});
    std::string prompt = arguments.string("prompt", "");
    fs::path file = arguments.string("constitution", (directory / "constitution.txt").string());
    arguments.finish();
    if (prompt.empty()) fail(kUsage, "cai trace needs --prompt \"a question\"");
    expect_run(directory);
    std::ostringstream text;
    trace(s.kernels, directory, s.world, read_constitution(file, s.world), s.recipe, prompt, text);
    std::cout << wrapped(text.str(), output_width());
    return kDone;
}

int chat_verb(Arguments& arguments, const fs::path& program) {
    fs::path directory = arguments.positional(0, "a run directory, such as runs/story");
    Session s(arguments, program, {directory, run_of(directory)});
    ChatOptions options;
    options.compare = arguments.flag("compare");
    options.temperature = arguments.number("temperature", options.temperature, 0, 100);
    options.max_new_tokens = static_cast<int>(arguments.integer("max-new-tokens", options.max_new_tokens, 1, 1 << 20));
    options.seed = s.recipe.seed;
    options.tokenizer = arguments.string("tokenizer", "");
    options.echo = !isatty(STDIN_FILENO);
    arguments.finish();
    chat(s.kernels, directory, s.world, options, std::cin, std::cout);
    return kDone;
}

int bench(Arguments& arguments, const fs::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    double seconds = arguments.number("seconds", 0.3, 1e-6, 3600);
    bool json = arguments.flag("json");
    quiet = arguments.flag("quiet");
    arguments.finish();
    BenchReport report = run_bench(kernels, threads, seconds);
    if (std::string sentence = drift(report); !sentence.empty()) warn(sentence);
    std::cout << (json ? dump(to_json(report)) + "\n" : to_text(report));
    return kDone;
}

int info(Arguments& arguments, const fs::path& program) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    arguments.finish();
    std::cout << "cai " << kVersion << "\nprogram    " << fs::weakly_canonical(program).string() << "\ncompiler   "
#ifdef __clang__
              << "clang " << __clang_version__
#else
              << "g++ " << __VERSION__
#endif
              << "\ndevice     " << kernels.name << ": " << kernels.device() << "\nthreads    " << threads
#ifdef _OPENMP
              << concat(" (OpenMP; this process may use ", available_processors(), " of ",
                        std::thread::hardware_concurrency(), " processors)")
#else
              << " (built without OpenMP)"
#endif
              << "\nvectors    "
#if defined(__AVX512F__)
              << "64 bytes (AVX-512)"
#elif defined(__AVX__)
              << "32 bytes (AVX)"
#else
              << "16 bytes"
#endif
              << "\ncuda       ";
    try {
        std::cout << cuda_kernels.device() << "\n";
    } catch (const Error& error) {
        std::cout << error.what() << "\n";
    }
    return kDone;
}

// ---- the command line

std::vector<Verb> all_verbs() {
    const Option out = {"out", "RUN", "the run directory (runs/story)"},
                 force = {"force", "", "run the stage although it is finished, as when its files are damaged"},
                 constitution = {"constitution", "FILE", "the principles, one a line (data/constitution.txt)"},
                 its_constitution = {"constitution", "FILE", "the principles, one a line (the run's constitution.txt)"},
                 wishes = {"wishes", "FILE", "wishes to compare answers by (the run's wishes.jsonl, if it has one)"},
                 from = {"from", "RUN", "reuse what another run has made with the same options, and its recipe"},
                 text = {"text", "FILE", "train on this text instead of the world (into runs/text)"},
                 like = {"like", "NAME",
                         "the conventions of cai, hh, oai, n+, trl, dsc, openrlhf, verl, nemo, rloo or grpo (cai)"};
    // The stage subcommands, built from the list of stages.
    auto of_stages = [&] {
        std::vector<Verb> verbs;
        for (const Stage& stage : stages()) {
            const std::string command = stage.command, name = command.substr(0, command.find(' '));
            if (name == "world") continue;
            if (verbs.empty() || verbs.back().name != name) {
                verbs.push_back(
                    {name, stage.does, "", {out, force}, [name](Arguments& arguments, const fs::path& program) {
                         return stage_verb(name, arguments, program);
                     }});
                if (reads_constitution(stage) && name != "evaluate") verbs.back().options.push_back(its_constitution);
                if (name == "compare") verbs.back().options.push_back(wishes);
                if (name == "tokenizer" || name == "pretrain") verbs.back().options.push_back(text);
                if (name == "tokenizer") {
                    verbs.back().options.back().does =
                        "train on this text instead of the world (into runs/text); encode: the text, not a file";
                    verbs.back().example += "cai tokenizer encode runs/story/rl-cai <prompts.txt";
                    verbs.back().options.insert(verbs.back().options.end(), kTokenizeOptions.begin(),
                                                kTokenizeOptions.end());
                }
                if (name == "ppo") verbs.back().options.push_back(like);
                if (name == "evaluate") verbs.back().options.push_back(kJson);
            }
            const std::string example = concat("cai ", command, " --out runs/story");
            if (!verbs.back().example.ends_with(example))
                verbs.back().example += (verbs.back().example.empty() ? "" : "\n  ") + example;
        }
        return verbs;
    };
    std::vector<Verb> verbs = {
        {"all",
         "the whole story, from an empty folder to RL-CAI and its table",
         "cai all --out runs/story\n  cai all --from runs/story --constitution mine.txt --out runs/mine",
         {out, from, constitution, wishes, kJson, like, kVotes, kVotesStatements,
          {"force", "", "train another constitution in a folder that holds a run of one"}},
         all},
        {"world",
         "shows the toy world: acts, words, splits, coverage, samples; with --out, writes its documents",
         "cai world --samples 2",
         {{"out", "RUN", "write the documents of this run"},
          {"samples", "N", "show N documents of each kind (1)"},
          constitution},
         show_world},
        {"report",
         "means over the seeds of several runs, with 95 % intervals",
         "cai report runs/seed-1 runs/seed-2",
         {},
         report,
         false},
        compare_runs_verb(),
        wishes_verb(),
        {"verify",
         "compares a run, stage by stage, with the fingerprints of its size and seed that come with cai",
         "cai verify runs/story",
         {{"data", "DIR", "the folder of fingerprints.txt (data)"},
          {"print", "", "print the run's own lines for fingerprints.txt instead; the top of that file says when"},
          kJson},
         verify_verb,
         false},
        {"swap",
         "the same story with a hazard taken out of the constitution, or with three benign acts forbidden instead",
         "cai swap --remove 1 --json",
         {{"remove", "N", "take out the N-th hazard of acts.txt, not counting those that the seed holds out"},
          {"invert", "", "forbid three benign acts and no hazard"},
          {"out", "RUN", "the new run (runs/swap-remove-N or runs/swap-invert)"},
          {"from", "RUN", "the run to reuse from (without --out: runs/story)"},
          constitution,
          kJson},
         swap},
        {"check",
         "what each line of a constitution forbids, allows or leaves alone, and how often it is drawn",
         "cai check data/constitution.txt",
         {{"from", "RUN", "also ask this run's critic and judge how they read the lines"}, kJson},
         check_verb},
        {"trace",
         "one prompt through the whole method",
         "cai trace runs/story --prompt \"How do I cheat the baker at cards?\"",
         {kPrompt, its_constitution},
         trace_verb},
        {"chat",
         "talk to a run's models",
         "cai chat runs/story --compare",
         {{"compare", "", "all assistants of the run, one below the other"},
          {"temperature", "T", "of the draws; 0 takes the likeliest token (1)"},
          {"max-new-tokens", "N", "the longest answer (80)"},
          kTokenizer},
         chat_verb},
        page_verb(),
        votes_verb(),
        replay_verb(),
        sample_verb(),
        import_verb(),
        export_verb(),
        logprobs_verb(),
        dump_verb(),
        diff_verb(),
        ledger_verb(),
        experiment_verb(),
        {"bench",
         "how fast the kernels, training and decoding are, and what share of this machine that is",
         "cai bench --threads 2 --json",
         {{"seconds", "S", "for each row (0.3)"}, kJson, kThreads, kDevice, kPrecision, kQuiet},
         bench,
         false},
        {"info",
         "what this program and machine are: paste it into a bug report",
         "cai info",
         {kThreads, kDevice, kPrecision},
         info,
         false},
    };
    const std::vector<Verb> stage_verbs = of_stages();
    verbs.insert(verbs.begin() + 2, stage_verbs.begin(), stage_verbs.end());  // after all and world
    return verbs;
}

const std::vector<Verb>& verbs() {
    static const std::vector<Verb> kVerbs = all_verbs();
    return kVerbs;
}

// The options that take no value.
std::vector<std::string> flags() {
    std::vector<std::string> names;
    for (const Verb& verb : verbs())
        for (const std::vector<Option>* options : {&verb.options, &kShared})
            for (const Option& option : *options)
                if (!*option.value) names.push_back(option.name);
    return names;
}

std::string help() {
    std::string text = "cai: Constitutional AI from scratch\n\nusage: cai VERB [options]\n\n";
    for (const Verb& verb : verbs()) text += concat("  ", padded(verb.name, 14), verb.does, "\n");
    return text +
           "\n`cai VERB --help` lists the options of a verb, `cai all --help` also every number of the recipe.\n"
           "Results go to stdout, everything else to stderr. Exit status: 0 done, 1 bad input or output, 2 usage,\n"
           "3 training diverged, 4 no such device, 130 interrupted (Ctrl-C), 143 terminated, 129 the terminal is "
           "gone.\n";
}

std::string help(const Verb& verb) {
    std::string text = concat("cai ", verb.name, ": ", verb.does, "\n\n  ", verb.example, "\n");
    for (const Stage& stage : stages())
        if (std::string(stage.command).starts_with(verb.name))
            text += concat("\n", stage.name, ": ", stage.does, "\n  reads ", join_list(files_read(stage), "and"),
                           "\n  makes ", join_list(stage.outputs, "and"), "\n");
    auto list = [&](const std::vector<Option>& options) {
        for (const Option& option : options)
            text += concat("  --", padded(concat(option.name, " ", option.value), 21), option.does, "\n");
    };
    text += verb.options.empty() ? "" : "\n";
    list(verb.options);
    if (!verb.has_recipe) return text;
    text += "\n";
    list(kShared);
    if (verb.name != std::string("all"))
        return text +
               "\n`cai all --help` lists the recipe's options with their defaults; a run's own are in its "
               "config.cfg.\n";
    return text +
           "\nThe recipe: what --size tiny sets, and the values that there are. In a --config FILE, --critique-rounds "
           "4\n"
           "is the line `critique-rounds = 4`.\n" +
           recipe_help(recipe("tiny", 1));
}

int run(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        (words.empty() ? std::cerr : std::cout) << wrapped(help(), output_width());
        return words.empty() ? kUsage : kDone;
    }
    if (words[0] == "--version") {
        std::cout << "cai " << kVersion << "\n";
        return kDone;
    }
    for (const Verb& verb : verbs()) {
        if (words[0] != verb.name) continue;
        words.erase(words.begin());
        for (const std::string& word : words)
            if (word == "--help" || word == "-h") {
                std::cout << wrapped(help(verb), output_width());
                return kDone;
            }
        Arguments arguments(words, flags());
        return verb.run(arguments, argv[0]);
    }
    std::vector<std::string> names;
    for (const Verb& verb : verbs()) names.push_back(verb.name);
    std::string match = nearest_match(words[0], names);
    fail(kUsage, "unknown verb \"", words[0], "\"; ",
         match.empty() ? "`cai --help` lists the verbs" : "did you mean " + match + "?");
}

}  // namespace

int main(int argc, char** argv) {
    catch_signals();
    try {
        int status = run(argc, argv);
        expects(static_cast<bool>(std::cout.flush()), "the results could not be written to stdout; is the disk full?");
        return status;
    } catch (const Error& error) {
        std::cerr << "cai: " << error.what() << "\n";
        return error.status;
    } catch (const std::exception& error) {
        std::cerr << "cai: " << error.what() << "\n";
        return kBadInput;
    }
}

// cai: Constitutional AI from scratch, in one program. This is the front door: `cai all` tells the story of the paper
// (Bai et al. 2022, figure 1) as a dozen calls; every other verb is one of its stages or a way to play with what it made.
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <set>

#include <unistd.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "core/annex/bench.h"
#include "core/chat.h"
#include "core/results.h"
#include "core/story.h"
#include "core/trace.h"

namespace {

using namespace cai;
namespace fs = std::filesystem;

constexpr const char* kVersion = "0.1.0";

// ---- what every verb needs

const Kernels& kernels_for(Arguments& arguments, int& threads) {
    std::string device = arguments.choice("device", {"cpu", "cuda"}, "cpu");
#ifdef _OPENMP
    int most = omp_get_max_threads();
#else
    int most = 1;
#endif
    threads = static_cast<int>(arguments.integer("threads", most, 1, 1024));
    const Kernels& kernels = device == "cuda" ? cuda_kernels : cpu_kernels;
    kernels.device();
    kernels.set_threads(threads);
    return kernels;
}

// The folder of data files: --data, or data/ here, or beside the folder of the program.
fs::path data_folder(Arguments& arguments, const fs::path& program) {
    fs::path beside = fs::weakly_canonical(program).parent_path().parent_path() / "data";
    fs::path fallback = fs::exists("data/world/acts.txt") || !fs::exists(beside / "world/acts.txt") ? fs::path("data") : beside;
    fs::path data = arguments.string("data", fallback.string());
    expects(fs::exists(data / "world"), data.string(), ": no folder world/ in it; run cai from its source folder, or say --data DIR");
    return data;
}

// A verb's arguments. Size, seed and whatever else the recipe of an earlier command was stand in its run directory, and are the
// default here: the run directory is --out, or --from, or the folder named first, or the one above that.
Arguments read_arguments(std::vector<std::string> words, bool has_recipe) {
    const std::vector<std::string> flags = {"json", "quiet", "compare", "invert", "force"};
    Arguments arguments(words, flags);
    if (arguments.has("config") || !has_recipe) return arguments;
    std::vector<fs::path> places = {arguments.string("out", ""), arguments.string("from", "")};
    for (const std::string& word : arguments.positionals()) places.insert(places.end(), {word, fs::path(word).parent_path()});
    for (const fs::path& place : places) {
        if (place.empty() || !fs::exists(place / "config.cfg")) continue;
        words.push_back("--config=" + (place / "config.cfg").string());
        break;
    }
    return Arguments(words, flags);
}

// The lines of a run's config.cfg: the recipe, without what belongs to one command.
std::string recipe_configuration(const Arguments& arguments) {
    static const std::set<std::string> kOfOneCommand = {"out",  "from",   "constitution", "json",   "quiet",   "force", "device",
                                                        "threads", "remove", "invert",       "data"};
    std::string lines;
    for (const std::string& line : split_lines(arguments.configuration()))
        if (!kOfOneCommand.count(line.substr(0, line.find(' '))) && !line.empty()) lines += line + "\n";
    return lines;
}

struct Setting {
    int threads = 1;
    const Kernels& kernels;
    fs::path data;
    Recipe recipe;
    World world;

    Setting(Arguments& arguments, const fs::path& program)
        : kernels(kernels_for(arguments, threads)),
          data(data_folder(arguments, program)),
          recipe(read_recipe(arguments)),
          world(data / "world", recipe.seed) {
        quiet = arguments.flag("quiet");
    }
};

Constitution read_constitution(const fs::path& path, const World& world) {
    Constitution constitution = Constitution::read(path);
    for (const std::string& line : constitution.lines) {
        std::vector<std::string> unknown = unknown_words(world, line);
        if (!unknown.empty())
            warn(concat(path.string(), ": the models know no ", join_list(unknown, "or"), " (in \"", line,
                        "\"); `cai world` lists the words that rules can use"));
        else if (world.topics_in(line).empty())
            warn(concat(path.string(), ": \"", line, "\" names nothing that a rule can speak of, so it will change nothing"));
    }
    return constitution;
}

// ---- the story

void tell(const Story& story) {
    story.make_world();
    story.train_tokenizer();
    story.pretrain_model();   // language, facts, and the skill of applying a stated rule
    story.tune_helpful();     // the helpful-only assistant: answers everything
    story.critique();         // sample, criticise and revise under lines of the constitution
    story.tune_sl_cai();      // the pretrained model, tuned on the revisions: SL-CAI
    story.compare_answers();  // AI feedback: which of two answers does a line prefer?
    story.train_reward();     // the preference model
    story.optimize_policy();  // PPO against it: RL-CAI
    story.evaluate_models();
}

// Five prompts, answered by RL-CAI of two runs.
std::string side_by_side(const Setting& s, const fs::path& before, const fs::path& after) {
    Rng rng(s.recipe.seed, stream("side by side"));
    std::vector<Transcript> transcripts;
    for (Kind kind : {Kind::hazard, Kind::hazard, Kind::hazard, Kind::benign, Kind::look_alike})
        transcripts.push_back(dialogue_prompt(s.world.prompt(s.world.draw_request(
            rng, [&](const Act& act) { return act.kind == kind && !act.held_out; },
            [](const Entity& entity) { return entity.held_out; }, true))));
    std::vector<std::string> answers[2];
    for (const fs::path& run : {before, after})
        answers[run == after] = write_texts(load_model(s.kernels, run / "rl-cai"), load_tokenizer(run / "rl-cai"), transcripts,
                                            0, s.recipe.seed, "side by side");
    std::string text;
    for (size_t i = 0; i < transcripts.size(); i++)
        text += concat("\n> ", transcripts[i][0].text, "\n  old: ", answers[0][i], "\n  new: ", answers[1][i], "\n");
    return text;
}

// Tells the story in `out` under a constitution; what another run made without needing one is taken over from there.
Json tell_in(const Setting& s, const fs::path& out, const Constitution& constitution, const fs::path& from,
             const std::string& configuration) {
    Run run(out);
    if (!from.empty()) {
        expects(fs::exists(from / "manifests"), from.string(), ": not a run directory; make one with `cai all --out ", from.string(),
                "`");
        Run source(from);
        for (const Run::Stage& stage : Story::shared_stages()) run.adopt(source, stage);
        if (fs::exists(source / "skill.json"))  // of critic and judge, whatever the constitution
            fs::copy_file(source / "skill.json", run / "skill.json", fs::copy_options::overwrite_existing);
    }
    write_file(run / "constitution.txt", constitution.text());
    if (!configuration.empty()) write_file(run / "config.cfg", configuration);
    tell({s.kernels, run, s.world, constitution, s.recipe, s.data, s.threads});
    return read_json(run / "results.json");
}

int all(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    fs::path out = arguments.string("out", "runs/story"), from = arguments.string("from", "");
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    bool json = arguments.flag("json");
    arguments.finish();
    expects(from.empty() || fs::weakly_canonical(from) != fs::weakly_canonical(out), "--from and --out are the same folder, ",
            out.string(), "; choose another --out");
    Json results = tell_in(s, out, read_constitution(file, s.world), from, recipe_configuration(arguments));
    if (json) {
        std::cout << dump(results) << "\n";
    } else if (from.empty() || !fs::exists(from / "results.json")) {
        std::cout << results_table(results);
    } else {
        std::cout << change_table(read_json(from / "results.json"), results) << side_by_side(s, from, out);
    }
    return kDone;
}

// One stage of a run.
int stage(const std::string& verb, Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    fs::path out = arguments.string("out", "runs/story");
    fs::path fallback = fs::exists(out / "constitution.txt") ? out / "constitution.txt" : s.data / "constitution.txt";
    Constitution constitution = read_constitution(arguments.string("constitution", fallback.string()), s.world);
    std::string which = verb == "sft" ? arguments.positional(0, "which model to make, helpful or sl-cai") : "";
    if (verb == "sft" && which != "helpful" && which != "sl-cai")
        fail(kUsage, "cai sft makes \"helpful\" or \"sl-cai\", not \"", which, "\"");
    if (arguments.flag("force")) fs::remove(Run(out).manifest_path(verb == "sft" ? "sft-" + which : verb));
    arguments.finish();
    Run run(out);
    write_file(run / "constitution.txt", constitution.text());
    write_file(run / "config.cfg", recipe_configuration(arguments));
    Story story{s.kernels, run, s.world, constitution, s.recipe, s.data, s.threads};
    if (verb == "tokenizer") story.train_tokenizer();
    if (verb == "pretrain") story.pretrain_model();
    if (which == "helpful") story.tune_helpful();
    if (which == "sl-cai") story.tune_sl_cai();
    if (verb == "critique") story.critique();
    if (verb == "compare") story.compare_answers();
    if (verb == "reward") story.train_reward();
    if (verb == "ppo") story.optimize_policy();
    return kDone;
}

// A model of any text: --text FILE instead of the world.
int pretrain_on_text(const std::string& verb, Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    fs::path text = arguments.string("text", ""), out = arguments.string("out", "runs/text");
    arguments.finish();
    Run run(out);
    write_file(run / "config.cfg", recipe_configuration(arguments));
    std::string content = read_file(text);
    expects(!content.empty(), text.string(), ": the file is empty; there is nothing to learn");
    if (verb == "tokenizer" || !fs::exists(run / "tokenizer"))
        write_tokenizer(run / "tokenizer", Tokenizer::train({content}, static_cast<size_t>(s.recipe.vocab_size)));
    if (verb == "tokenizer") return kDone;
    Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
    Model model(s.kernels, preset(s.recipe.size, static_cast<int>(tokenizer.size())));
    model.initialize(s.recipe.seed);
    train_and_save(model, {encode_text(tokenizer, content)}, tokenizer, run, "pretrain", "pretrained", s.recipe.pretrain,
                   s.recipe.seed);
    return kDone;
}

// ---- the world

int show_world(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    std::string out = arguments.string("out", "");
    size_t samples = static_cast<size_t>(arguments.integer("samples", 1, 0, 1000));
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    arguments.finish();
    const World& world = s.world;
    Constitution constitution = read_constitution(file, world);
    if (!out.empty()) {
        Run run(out);
        Story{s.kernels, run, world, constitution, s.recipe, s.data, s.threads}.make_world();
    }
    auto words = [](const std::vector<std::string>& list) { return join_list(list, "and"); };
    std::cout << "The world of seed " << world.seed << ": " << world.acts.size() << " acts, " << world.entities.size()
              << " entities, " << world.phrases.rules.size() << " phrasings of rules\n\n";
    std::vector<std::vector<std::string>> rows = {{"act", "also", "kind", "done to", "brings", "held out", "coverage"}};
    for (const Act& act : world.acts)
        rows.push_back({act.name, act.also, to_string(act.kind), act.target, act.brings, act.held_out ? "yes" : "",
                        act.kind == Kind::hazard || coverage(world, constitution, act) > 0
                            ? format_value(coverage(world, constitution, act))
                            : ""});
    std::cout << format_table(rows) << "\ncoverage: the share of the " << constitution.lines.size() << " lines of "
              << file.string() << " that speak of the act.\nRules can use these words, and the names of entities.\n";
    for (const EntityClass& entity_class : world.classes) {
        std::vector<std::string> seen, held_out;
        for (size_t member : entity_class.members)
            (world.entities[member].held_out ? held_out : seen).push_back(world.entities[member].name);
        std::cout << "\n" << entity_class.name << ", seen: " << words(seen) << "\n" << entity_class.name << ", held out: "
                  << words(held_out) << "\n";
    }
    DocumentWriter writer(world);
    for (const DocumentShare& mix : kPretrainingMix)
        for (size_t i = 0; i < samples; i++) {
            Rng rng(world.seed, cai::mix(stream(mix.kind), i));
            std::cout << "\n--- " << mix.kind << " (" << static_cast<int>(100 * mix.share + 0.5) << " % of the documents)\n";
            for (const Segment& segment : writer.write(mix.kind, rng))
                std::cout << (segment.role == kEndOfText ? "" : std::string(role_name(segment.role).word) + ": ") << segment.text << "\n";
        }
    return kDone;
}

// ---- looking at what was made

int evaluate_verb(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    bool json = arguments.flag("json");
    const std::vector<std::string>& models = arguments.positionals();
    fs::path out = arguments.string("out", "runs/story");
    arguments.finish();
    if (models.empty()) {
        Run run(out);
        Constitution constitution = Constitution::read(run / "constitution.txt");
        Story{s.kernels, run, s.world, constitution, s.recipe, s.data, s.threads}.evaluate_models();
        Json results = read_json(run / "results.json");
        std::cout << (json ? dump(results) + "\n" : results_table(results));
        return kDone;
    }
    for (const std::string& directory : models) {
        Model model = load_model(s.kernels, directory);
        std::cout << dump(evaluate_model(model, load_tokenizer(directory), s.world, s.recipe), json ? 0 : 2) << "\n";
    }
    return kDone;
}

int sample(Arguments& arguments, const fs::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    std::string directory = arguments.positional(0, "the folder of a model, such as runs/story/rl-cai");
    bool plain = arguments.has("text");
    std::string text = plain ? arguments.string("text", "") : arguments.string("prompt", "");
    GenerateOptions options;
    options.sampling.temperature = arguments.number("temperature", options.sampling.temperature, 0, 100);
    options.sampling.top_k = static_cast<int>(arguments.integer("top-k", 0, 0));
    options.sampling.top_p = arguments.number("top-p", options.sampling.top_p, 0, 1);
    options.max_new_tokens = static_cast<int>(arguments.integer("max-new-tokens", 80, 1, 1 << 20));
    options.seed = static_cast<uint64_t>(arguments.integer("seed", 1, 0));
    size_t count = static_cast<size_t>(arguments.integer("count", 1, 1, 1 << 20));
    arguments.finish();
    if (!plain && text.empty()) fail(kUsage, "cai sample needs --prompt \"a question\" or --text \"a beginning\"");
    Model model = load_model(kernels, directory);
    Tokenizer tokenizer = load_tokenizer(directory);
    Transcript transcript = plain ? Transcript{{kEndOfText, text, true}} : dialogue_prompt(text);
    std::vector<std::vector<Token>> prompts(count, encode_prompt(tokenizer, transcript));
    for (Completion& completion : generate(model, prompts, options)) {
        if (completion.stopped) completion.tokens.pop_back();
        std::cout << (plain ? text : "") << tokenizer.decode(completion.tokens) << "\n";
    }
    return kDone;
}

// The table of several runs: means over seeds, with intervals.
int report(Arguments& arguments, const fs::path&) {
    const std::vector<std::string> runs = arguments.positionals();
    arguments.finish();
    if (runs.empty()) fail(kUsage, "cai report needs the folders of runs, such as runs/seed-1 runs/seed-2");
    std::vector<Json> results;
    for (const fs::path run : runs) {
        expects(fs::exists(run / "results.json"), run.string(), ": holds no results.json; make one with `cai evaluate --out ",
                run.string(), "`");
        results.push_back(read_json(run / "results.json"));
    }
    std::cout << seeds_table(results);
    return kDone;
}

// ---- changing the constitution

// Three benign acts are forbidden, in several phrasings and by both of their names, and no hazard at all.
Constitution inverted(const World& world, std::vector<std::string>& forbidden) {
    std::vector<const Act*> benign;
    for (const Act& act : world.acts)
        if (act.kind == Kind::benign) benign.push_back(&act);
    Rng rng(world.seed, stream("invert"));
    rng.shuffle(benign);
    benign.resize(std::min<size_t>(3, benign.size()));
    Constitution constitution;
    for (const Act* act : benign) forbidden.push_back(act->name);
    for (size_t phrasing = 0; phrasing < world.phrases.rules.size(); phrasing++) {
        if (world.phrases.rule_held_out[phrasing]) continue;
        std::vector<std::string> topics;
        for (const Act* act : benign) topics.push_back(rng.chance(0.5) ? act->name : act->also);
        rng.shuffle(topics);
        constitution.lines.push_back(world.rule_text(topics, phrasing));
    }
    return constitution;
}

// What a swap did to RL-CAI, on held-out entities: the acts named, the other hazards, the other benign acts. Rates are means over
// acts. A hazard that this seed holds out is found in its own split.
Json swap_summary(const Json& results, const World& world, const std::vector<std::string>& names, bool invert) {
    const Json& splits = results["models"]["rl-cai"];
    auto mean = [&](auto wanted, const char* group, const char* rate) {
        double sum = 0, acts = 0;
        for (const Act& act : world.acts) {
            if (!wanted(act)) continue;
            const Json* figures = splits[act.held_out ? "held_out_hazards" : "held_out_entities"][group].find(act.name);
            if (!figures) continue;
            sum += (*figures)[rate].number();
            acts++;
        }
        return acts > 0 ? Json(sum / acts) : Json();
    };
    auto named = [&](const Act& act) { return std::find(names.begin(), names.end(), act.name) != names.end(); };
    auto other_hazard = [&](const Act& act) { return act.kind == Kind::hazard && !act.held_out && !named(act); };
    auto other_benign = [&](const Act& act) { return act.kind != Kind::hazard && !named(act); };
    Json list = Json::Array{};
    for (const std::string& name : names) list.push(name);
    const char* group = invert ? "by_act" : "by_hazard";
    const char* done = invert ? "helped" : "complied";  // a benign act is helped with, a hazard complied with: the same thing
    Json figures = Json::Object{{"names", list},
                                {"complied", mean(named, group, done)},
                                {"helped", mean(named, group, done)},
                                {"refused_with_reason", mean(named, group, "refused_with_reason")}};
    return Json::Object{{invert ? "forbidden" : "removed", figures},
                        {"others", Json(Json::Object{{"complied", mean(other_hazard, "by_hazard", "complied")}})},
                        {"benign", Json(Json::Object{{"helped", mean(other_benign, "by_act", "helped")}})}};
}

int swap(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    bool json = arguments.flag("json"), invert = arguments.flag("invert");
    std::vector<const Act*> hazards;
    for (const Act& act : s.world.acts)
        if (act.kind == Kind::hazard) hazards.push_back(&act);
    if (invert == arguments.has("remove")) fail(kUsage, "cai swap needs either --remove N (the N-th hazard) or --invert");
    size_t index = invert ? 0 : static_cast<size_t>(arguments.integer("remove", 1, 1, static_cast<int64_t>(hazards.size())));
    fs::path file = arguments.string("constitution", (s.data / "constitution.txt").string());
    fs::path story = arguments.string("from", "");
    fs::path out = arguments.string("out", invert ? "runs/swap-invert" : concat("runs/swap-remove-", index));
    if (story.empty() && fs::exists("runs/story/manifests") && !arguments.has("out")) story = "runs/story";
    arguments.finish();
    std::vector<std::string> names;
    Constitution constitution = invert ? inverted(s.world, names)
                                       : without_hazard(s.world, Constitution::read(file), *hazards[index - 1]);
    if (!invert) names.push_back(hazards[index - 1]->name);
    Json results = tell_in(s, out, constitution, story, recipe_configuration(arguments));
    Json summary = swap_summary(results, s.world, names, invert);
    if (json) {
        std::cout << dump(summary) << "\n";
    } else {
        std::cout << constitution.text() << "\n" << results_table(results) << "\n" << dump(summary, 2) << "\n";
    }
    return kDone;
}

int trace_verb(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    fs::path directory = arguments.positional(0, "a run directory, such as runs/story");
    std::string prompt = arguments.string("prompt", "");
    fs::path file = arguments.string("constitution", (directory / "constitution.txt").string());
    arguments.finish();
    if (prompt.empty()) fail(kUsage, "cai trace needs --prompt \"a question\"");
    trace(s.kernels, directory, s.world, read_constitution(file, s.world), s.recipe, prompt, std::cout);
    return kDone;
}

int chat_verb(Arguments& arguments, const fs::path& program) {
    Setting s(arguments, program);
    fs::path directory = arguments.positional(0, "a run directory, such as runs/story");
    ChatOptions options;
    options.compare = arguments.flag("compare");
    options.temperature = arguments.number("chat-temperature", options.temperature, 0, 100);
    options.seed = s.recipe.seed;
    if (!isatty(STDIN_FILENO)) options.prompt_sign.clear();
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
    kernels_for(arguments, threads);
    arguments.finish();
    std::cout << "cai " << kVersion << "\nprogram    " << fs::weakly_canonical(program).string() << "\ncompiler   "
#ifdef __clang__
              << "clang " << __clang_version__
#else
              << "g++ " << __VERSION__
#endif
              << "\nthreads    " << threads
#ifdef _OPENMP
              << " (OpenMP)"
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

struct Verb {
    const char* name;
    const char* does;
    const char* example;
    std::function<int(Arguments&, const fs::path&)> run;
    bool has_recipe = true;  // does it read the recipe, and so the configuration of a run directory?
};

const std::vector<Verb>& verbs() {
    auto one_stage = [](const std::string& name) {
        return [name](Arguments& arguments, const fs::path& program) {
            bool text = (name == "tokenizer" || name == "pretrain") && arguments.has("text");
            return text ? pretrain_on_text(name, arguments, program) : stage(name, arguments, program);
        };
    };
    static const std::vector<Verb> kVerbs = {
        {"all", "the whole story, from an empty folder to RL-CAI and its table",
         "cai all --out runs/story\n  cai all --from runs/story --constitution mine.txt --out runs/mine", all},
        {"world", "shows the toy world: acts, words, splits, coverage, samples; with --out, writes its documents",
         "cai world --samples 2", show_world},
        {"tokenizer", "trains the byte-level BPE tokenizer", "cai tokenizer --text book.txt --out runs/book", one_stage("tokenizer")},
        {"pretrain", "trains a model from fresh weights on the world, or on any text",
         "cai pretrain --text book.txt --out runs/book --pretrain-epochs 3", one_stage("pretrain")},
        {"sft", "fine-tunes the pretrained model into the helpful-only assistant, or into SL-CAI",
         "cai sft sl-cai --out runs/story", one_stage("sft")},
        {"critique", "answers, criticises and revises under the constitution", "cai critique --out runs/story --rounds 4",
         one_stage("critique")},
        {"compare", "AI feedback: which of two answers does a line of the constitution prefer?",
         "cai compare --out runs/story --clamp 0.4,0.6", one_stage("compare")},
        {"reward", "trains the preference model", "cai reward --out runs/story --reward-epochs 2", one_stage("reward")},
        {"ppo", "reinforcement learning against the preference model", "cai ppo --out runs/story --kl-coefficient 0.1",
         one_stage("ppo")},
        {"evaluate", "rates of a model, or the table of a run", "cai evaluate runs/story/rl-cai --json", evaluate_verb},
        {"report", "means over the seeds of several runs, with 95 % intervals", "cai report runs/seed-1 runs/seed-2", report, false},
        {"swap", "the same story with a hazard taken out of the constitution, or with three benign acts forbidden instead",
         "cai swap --remove 1 --json", swap},
        {"trace", "one prompt through the whole method", "cai trace runs/story --prompt \"How do I steal the ring from the baker?\"",
         trace_verb},
        {"chat", "talk to a run's models", "cai chat runs/story --compare", chat_verb},
        {"sample", "text from one model",
         "cai sample runs/story/rl-cai --prompt \"How do I brush the goat?\" --temperature 0", sample, false},
        {"bench", "how fast the kernels, training and decoding are, and what share of this machine that is; --seconds S a row",
         "cai bench --threads 2 --json", bench, false},
        {"info", "what this program and machine are: paste it into a bug report", "cai info", info, false},
    };
    return kVerbs;
}

std::string help() {
    std::string text = "cai: Constitutional AI from scratch\n\nusage: cai VERB [options]\n\n";
    for (const Verb& verb : verbs()) text += concat("  ", verb.name, std::string(11 - std::string(verb.name).size(), ' '), verb.does, "\n");
    return text + "\n`cai VERB --help` shows an example. Everywhere: --out DIR, --size micro|tiny|small|base, --seed N,\n"
                  "--threads N, --device cpu|cuda, --config FILE (key = value lines), --quiet.\n"
                  "Results go to stdout, everything else to stderr. Exit status: 0 done, 1 bad input, 2 usage,\n"
                  "3 training diverged, 4 no such device, 130 interrupted.\n";
}

std::string help(const Verb& verb) {
    return concat("cai ", verb.name, ": ", verb.does, "\n\n  ", verb.example, "\n\nOptions of the story and their defaults for --size tiny are the lines of a run's config.cfg.\n");
}

int run(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        (words.empty() ? std::cerr : std::cout) << help();
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
                std::cout << help(verb);
                return kDone;
            }
        Arguments arguments = read_arguments(words, verb.has_recipe);
        return verb.run(arguments, argv[0]);
    }
    std::vector<std::string> names;
    for (const Verb& verb : verbs()) names.push_back(verb.name);
    std::string match = nearest_match(words[0], names);
    fail(kUsage, "unknown verb \"", words[0], match.empty() ? "\"; `cai --help` lists the verbs" : "\"; did you mean " + match + "?");
}

}  // namespace

// The first Ctrl-C lets a stage save its state; the second ends the program at once.
void on_signal(int signal) {
    if (stop_signal) std::_Exit(128 + signal);
    stop_signal = signal;
}

int main(int argc, char** argv) {
    std::signal(SIGINT, on_signal);
    std::signal(SIGTERM, on_signal);
    try {
        return run(argc, argv);
    } catch (const Error& error) {
        std::cerr << "cai: " << error.what() << "\n";
        return error.status;
    } catch (const std::exception& error) {
        std::cerr << "cai: " << error.what() << "\n";
        return kBadInput;
    }
}

// The command line from end to end, in this process and in a folder of its own.
#include <doctest/doctest.h>

#include <fstream>

#define main cai_main
#include "../cai.cpp"
#include "../core/base/progress.h"
#include "../core/io/tokenizer_json.h"
#include "../core/recipe_options.h"
#include "../cuda/launch.h"
#include "support.h"
#undef main


namespace {

// Runs commands in an empty folder, as if it were the shell's.
struct Shell {
    TemporaryFolder folder;
    fs::path before = fs::current_path();
    std::string out, err;

    Shell() { fs::current_path(folder.path); }
    ~Shell() {
        fs::current_path(before);
        quiet = false;
        std::signal(SIGINT, SIG_DFL);
        std::signal(SIGTERM, SIG_DFL);
        std::signal(SIGHUP, SIG_DFL);
    }

    int operator()(const std::string& line, std::streambuf* results = nullptr) {
        std::string program = CAI_SOURCE_DIR "/build/cai";  // data/ lies beside its folder
        std::vector<std::string> words;
        std::istringstream stream(line);
        for (std::string word; stream >> word;) words.push_back(word);
        std::vector<char*> argv = {program.data()};
        for (std::string& word : words) argv.push_back(word.data());
        std::ostringstream to_stdout, to_stderr;
        std::streambuf* const old_out = std::cout.rdbuf(results ? results : to_stdout.rdbuf());
        std::streambuf* const old_err = std::cerr.rdbuf(to_stderr.rdbuf());
        quiet = false;
        const int status = cai_main(static_cast<int>(argv.size()), argv.data());
        std::cout.rdbuf(old_out);
        std::cerr.rdbuf(old_err);
        std::cout.clear();
        out = to_stdout.str(), err = to_stderr.str();
        return status;
    }

    // The command has to fail with this status and one sentence that contains the words.
    void fails(int status, const std::string& line, const std::string& words) {
        INFO(line);
        CHECK((*this)(line) == status);
        CHECK_MESSAGE(contains(err, words), err);
        CHECK(std::count(err.begin(), err.end(), '\n') == 1);
        CHECK(out.empty());
    }
};

constexpr const char* kSmallStory =
    " --size micro --seed 3 --world-documents 200 --world-dialogues 60 --world-reviews 30"
    " --world-critique-prompts 6 --world-helpful-prompts 6 --world-compare-prompts 6"
    " --world-ppo-prompts 12 --ppo-iterations 1 --critique-rounds 1 --evaluate-prompts 2 --evaluate-pairs 2 --threads "
    "1 --quiet";

// What a run's config.cfg says of an option.
std::string saved(const fs::path& run, const std::string& name) {
    Arguments arguments({"--config", (run / "config.cfg").string()}, {});
    return arguments.string(name, "");
}

}  // namespace

TEST_CASE("a command goes on with the recipe of the run it works in") {
    Shell cai;
    REQUIRE_MESSAGE(cai(std::string("all") + kSmallStory) == 0, cai.err);
    CHECK(saved("runs/story", "seed") == "3");
    cai.fails(1, "verify", "runs/story: its stage world was run with world-documents = 200; there are fingerprints of");
    cai.fails(1, "verify --print", "world-documents = 200");
    cai.fails(2, "verify runs/story runs/mine", "one run directory, not 2");

    // One stage, in the run that is the default.
    REQUIRE_MESSAGE(cai("critique --critique-rounds 2 --threads 1 --quiet") == 0, cai.err);
    CHECK(saved("runs/story", "size") == "micro");
    CHECK(saved("runs/story", "seed") == "3");
    CHECK(saved("runs/story", "critique-rounds") == "2");
    for (const Json& record : read_jsonl("runs/story/revisions.jsonl")) CHECK(record["rounds"].array().size() == 2);
    cai.fails(2, "critique --seed 1", "runs/story: is a run of seed 3, not 1; leave --seed out");
    cai.fails(2, "critique --size tiny", "runs/story: is a run of size micro, not tiny; leave --size out");
    cai.fails(2, "evaluate --seed 1", "seed 3, not 1");
    cai.fails(2, "world --out runs/story --seed 1", "seed 3, not 1");
    cai.fails(2, "swap --remove 99", "seed 3 does not hold out: 1 ");

    // A finished stage is run again where it is told to.
    auto written = fs::last_write_time("runs/story/helpful/model.safetensors");
    cai("sft helpful");
    CHECK(fs::last_write_time("runs/story/helpful/model.safetensors") == written);
    cai("sft helpful --force");
    CHECK(fs::last_write_time("runs/story/helpful/model.safetensors") != written);
    fs::resize_file("runs/story/sl-cai/model.safetensors", 1000);
    cai.fails(1, "sample runs/story/sl-cai --prompt Hello", "with --force");

    // Another constitution on top of it; nothing is written into the run that it starts from.
    fs::remove("runs/story/metrics.jsonl");
    REQUIRE_MESSAGE(cai("all --from runs/story --out runs/mine --threads 1 --quiet --json") == 0, cai.err);
    CHECK_FALSE(fs::exists("runs/story/metrics.jsonl"));
    CHECK(cai.err == "");
    CHECK(saved("runs/mine", "seed") == "3");
    const Json seconds = parse_json(cai.out, "stdout")["seconds"];
    double own = 0;
    for (const auto& [stage, took] : seconds.object())
        if (stage != "total" && stage != "world" && stage != "tokenizer" && stage != "pretrain" &&
            stage != "sft-helpful" && stage != "skill" &&
            stage != "critique")  // which this constitution did not change
            own += took.number();
    CHECK(seconds["total"].number() == doctest::Approx(own));
    CHECK(seconds.find("pretrain") != nullptr);

    // Wishes: in a new run, taken up again without the file, and not exchanged behind its back.
    write_file("wishes.jsonl", "{\"text\": \"No theft.\", \"burn\": 2}\n{\"text\": \"Theft is fine.\", \"burn\": 1}\n");
    write_file("other.jsonl", "{\"text\": \"No theft.\", \"burn\": 2}\n{\"text\": \"Theft is fine.\", \"burn\": 3}\n");
    const std::string wished = " --out runs/wished --threads 1 --quiet ";
    REQUIRE_MESSAGE(cai("all --from runs/story --wishes wishes.jsonl --wishes-per-comparison 2" + wished) == 0,
                    cai.err);
    CHECK(saved("runs/wished", "wishes-per-comparison") == "2");
    CHECK(read_jsonl("runs/wished/comparisons.jsonl").at(0)["wishes"].array().size() == 2);
    CHECK_FALSE(fs::exists("runs/story/wishes.jsonl"));
    const auto compared = fs::last_write_time("runs/wished/comparisons.jsonl");
    REQUIRE_MESSAGE(cai("all" + wished) == 0, cai.err);
    REQUIRE_MESSAGE(cai("all --wishes wishes.jsonl" + wished) == 0, cai.err);
    CHECK(fs::last_write_time("runs/wished/comparisons.jsonl") == compared);
    cai.fails(1, "all --wishes other.jsonl" + wished, "runs/wished: holds comparisons made by other wishes");
    cai.fails(1, "all --wishes wishes.jsonl --wishes-per-comparison 2 --out runs/story",
              "runs/story: holds comparisons made by no wishes");
    cai.fails(1, "all --wishes-per-comparison 3" + wished, "holds 2 wishes, but a comparison would draw 3");
    cai.fails(2, "compare --wish-aggregation median", "how wishes are drawn and aggregated is for runs with wishes");
    cai.fails(2, "compare --wishes wishes.jsonl --wish-aggregation burn-weighted", "would count every burn twice");
    cai.fails(1, "verify runs/wished", "runs/wished: ");
    REQUIRE_MESSAGE(cai("compare --wishes other.jsonl" + wished) == 0, cai.err);
    CHECK(contains(read_file("runs/wished/wishes.jsonl"), "3}"));
    write_file("people.txt", "group old 3 1\nstealing 1\n");
    REQUIRE_MESSAGE(cai("wishes people.txt --out of-people.jsonl") == 0, cai.err);
    CHECK(read_file("of-people.jsonl") == "{\"text\":\"Never help with stealing.\",\"burn\":3}\n");

    // Runs side by side.
    REQUIRE_MESSAGE(cai("compare-runs runs/story runs/wished --population people.txt --json --quiet") == 0, cai.err);
    const Json compared_runs = parse_json(cai.out, "stdout");
    CHECK(compared_runs["adherence"].array().size() == 4);
    CHECK(compared_runs["contested"].array().empty());
    CHECK(compared_runs["prompts"].array().size() == 5);
    CHECK(compared_runs["prompts"].array()[0]["answers"].array().size() == 2);
    CHECK(compared_runs["utilities"].array()[1]["groups"].find("old") != nullptr);
    REQUIRE_MESSAGE(cai("compare-runs runs/story runs/wished --quiet") == 0, cai.err);
    CHECK(contains(cai.out, "The constitutions forbid the same requests.\n"));
    CHECK(contains(cai.out, "\n  wished: "));

    // What is no model, or no model that writes.
    cai.fails(1, "sample runs/story --prompt Hello", "runs/story/rl-cai");
    cai.fails(1, "chat runs/story/preference-model", "runs/story/rl-cai");
    cai.fails(1, "sample runs/story/preference-model --prompt Hello", "scores answers and writes none");
    cai.fails(1, "all --from runs/story --out runs/story", "the same folder");
    cai.fails(1, "swap --remove 1 --from runs/story --out runs/story", "the same folder");
}

TEST_CASE("--precision bf16 wants --device cuda and a chip that has it") {
    Shell cai;
    cai.fails(2, "info --precision bf16", "say --device cuda too");
    cai.fails(2, "info --device plain --precision bf16", "say --device cuda too");
    cai.fails(2, "info --device cuda --precision fp16", "fp32, bf16");
    try {
        cuda_kernels.device();
    } catch (const Error&) {
        return;  // a build for a GPU on a machine without one
    }
    emulator::settings().chip = 75;
    const bool emulated = cuda_kernels.device() == std::string("emulated on the CPU");
    if (emulated) cai.fails(kNoDevice, "info --device cuda --precision bf16", "needs sm_80");
    emulator::settings().chip = 90;
    if (emulated) CHECK(cai("info --device cuda --precision bf16") == 0);
}

TEST_CASE("--device takes cpu, plain and cuda, and info says which") {
    Shell cai;
    REQUIRE(cai("info") == 0);
    CHECK(contains(cai.out, "\ndevice     cpu: "));
    REQUIRE(cai("info --device plain") == 0);
    CHECK(contains(cai.out, "\ndevice     plain: one loop after the other"));
    cai.fails(2, "info --device gpu", "cpu, plain, cuda");
}

TEST_CASE("what cannot be done leaves nothing behind") {
    Shell cai;
    cai.fails(1, "critique --out new", "cai all --out new");
    cai.fails(1, "sft sl-cai --out new", "cai all --out new");
    cai.fails(1, "all --from nope --out new", "nope: there is no such folder");
    cai.fails(1, "swap --invert --from nope --out new", "nope: there is no such folder");
    cai.fails(1, "evaluate --out new", "cai all --out new");
    cai.fails(1, "pretrain --text nothing.txt --out new", "nothing.txt");
    cai.fails(2, "world --out new --bogus 1", "--bogus");
    cai.fails(2, "ppo --constitution rules.txt --out new", "--constitution");
    cai.fails(2, "all --size micro --ppo-minibatches 32 --out new",
              "--ppo-minibatches: '32' is above --ppo-rollouts, 16");
    cai.fails(2, "all --helpful-epochs 0 --out new", "--helpful-epochs: '0'");
    cai.fails(2, "all --rounds 2 --out new", "unknown option --rounds; did you mean --critique-rounds?");
    CHECK(fs::is_empty(cai.folder.path));
    write_file("run/manifests/critique.json", "{}");
    cai.fails(2, "critique --out run --force --bogus 1", "--bogus");
    cai.fails(1, "critique --out run --force", "needs run/helpful");
    CHECK(fs::exists("run/manifests/critique.json"));
    CHECK(std::distance(fs::directory_iterator("run"), fs::directory_iterator()) == 1);
}

TEST_CASE("cai replay: the list, the page, and what is refused") {
    Shell cai;
    REQUIRE(cai("replay") == 0);
    CHECK(contains(cai.out, "attention_forward "));
    REQUIRE(cai("replay attention_forward --shape N=4,D=8") == 0);
    CHECK(cai.out == "attention_forward.html\n");
    const std::string page = read_file("attention_forward.html");
    CHECK(contains(page, "Shown with N=4,H=2,K=1,D=8."));
    CHECK(contains(page, "sum = fmaf(a[d], b[d], sum)"));
    CHECK_FALSE(contains(page, "http://cai"));
    cai.fails(2, "replay atention_forward --out x.html", "did you mean attention_forward?");
    cai.fails(2, "replay nothing --out x.html", "`cai replay` lists them");
    cai.fails(2, "replay adamw gae --out x.html", "one kernel, not 2");
    cai.fails(1, "replay adamw --out none/x.html", "there is no such folder");
    cai.fails(1, "replay adamw --shape n=0 --out x.html", "n is 0; it takes 1 to 1024");
    cai.fails(1, "replay adamw --shape q=1 --out x.html", "adamw has no size q");
    cai.fails(1, "replay attention_forward --shape H=3,K=2 --out x.html", "no multiple of K");
    cai.fails(1, "replay attention_forward --shape N=1000 --out x.html", "choose smaller sizes");
    for (const char* shape : {"n", "n=", "n=x", "n=3x", "=3", "n=1,,n=2", "n=1,n=2"})
        cai.fails(2, std::string("replay adamw --out x.html --shape ") + shape, "--shape");
    CHECK_FALSE(fs::exists("x.html"));
    CHECK_FALSE(fs::exists("none"));
}

TEST_CASE("a newcomer's mistake is answered with what to do instead") {
    Shell cai;
    const Tokenizer tokenizer = train_bpe({"a small text"}, 270);
    Config config = {.vocab_size = static_cast<int>(tokenizer.size()), .width = 8, .layers = 1, .heads = 1};
    config.kv_heads = 1, config.head_dim = 8, config.ff = 8, config.context = 32;
    for (const char* name : {"rl-cai", "preference-model"}) {
        config.score_head = name == std::string("preference-model");
        Model model(cpu_kernels, config);
        model.initialize(1);
        save_model(fs::path("run") / name, model, tokenizer);
    }
    write_file("run/preference-model/score.json", "{}");
    fs::create_directories("run/manifests");
    write_file("foreign/config.json", "{}");
    fs::copy(CAI_SOURCE_DIR "/tests/fuzz/corpus/llama2c/tied", "model.bin");
    const std::string model = " run/rl-cai", scorer = " run/preference-model", text(200, 'x');

    // Words in the wrong place.
    cai.fails(2, "sample" + model + " hello", "unexpected argument 'hello'; did you mean --prompt \"hello\"?");
    cai.fails(2, "sample" + model + " --temp 0", "unknown option --temp; did you mean --temperature?");
    cai.fails(2, "dpo run", "unexpected argument 'run'; did you mean --out \"run\"?");
    cai.fails(2, "chat" + model + " hello", "unexpected argument 'hello'; --help shows what goes where");
    cai.fails(2, "logprobs" + model + " --answer a", "--answer is the answer to a --prompt: give that too");
    cai.fails(2, "tokenizer encode" + model + " hello", "a text is given with --text, or as lines on stdin");
    cai.fails(2, "tokenizer decode" + model + " 5", "'5'; ids are given as lines on stdin");
    cai.fails(2, "tokenizer decode" + model + " --text 5", "--text is for encode; decode reads lines of ids");

    // Too long, and outside of the vocabulary: the option is named.
    for (const char* option : {"--prompt", "--text"}) {
        cai.fails(1, concat("sample", model, " ", option, " ", text), concat(option, " has 20"));
        cai.fails(1, concat("logprobs", model, " ", option, " ", text), concat(option, " has 20"));
    }
    cai.fails(1, "dump" + model + " --prompt a --answer " + text, "--prompt and --answer have 20");
    cai.fails(1, "logprobs" + model + " --ids 1,999", "option --ids: 999 is no token of the model's vocabulary of 26");

    // A model that scores, where one that writes is wanted.
    for (const std::string& line : {"sample" + scorer + " --prompt a", "logprobs" + scorer + " --text a",
                                    "chat" + scorer, "evaluate" + scorer})
        cai.fails(1, line, "run/preference-model: scores answers and writes none; did you mean run/rl-cai?");

    // A tokenizer for a model that brings its own, and of another format.
    for (const std::string& line : {"sample" + model + " --prompt a", std::string("chat run"),
                                    "import" + model + " --out new", "dump" + model + " --text a"})
        cai.fails(2, line + " --tokenizer tok.bin", "run/rl-cai: brings its own tokenizer; leave out --tokenizer");
    for (const char* line : {"sample model.bin --text a", "chat model.bin", "import model.bin --out new"})
        cai.fails(1, concat(line, " --tokenizer run/rl-cai/tokenizer.json"), "JSON, and not llama2.c's tokenizer.bin");

    // A model for a run, and a run for a model.
    cai.fails(2, "evaluate run", "run: a run, and not a model; `cai evaluate --out run` evaluates a run");
    for (const char* verb : {"report", "verify", "dpo --out", "all --from", "evaluate --out"})
        cai.fails(1, verb + model, "run/rl-cai: a model, and not a run; did you mean run/?");
    for (const char* verb : {"report", "verify", "all --out", "trace --prompt a"})
        cai.fails(1, concat(verb, " foreign"), "foreign: a model, and not a run; `cai all --out RUN` makes a run");
    CHECK(std::distance(fs::directory_iterator("foreign"), {}) == 1);
    cai.fails(1, "sample foreign --prompt a", "\"model_type\" is missing, so there is no saying what model this is");

    // What would be lost.
    cai.fails(1, "import" + scorer + " --out run/../run/preference-model", "--out is the model itself");
    CHECK(fs::exists("run/preference-model/score.json"));
    CHECK_FALSE(fs::exists("new"));
}

TEST_CASE("another constitution does not replace a run unless it is told to") {
    Shell cai;
    write_file("mine.txt", "Singing is forbidden.\n");
    write_file("run/constitution.txt", "No theft.\n");
    fs::create_directory("run/manifests");
    cai.fails(1, std::string("all --out run --constitution mine.txt") + kSmallStory,
              "run: holds a run under another constitution than mine.txt. To keep it, make a new one: `cai all --from "
              "run --constitution mine.txt --out runs/mine`; to train this one anew, add --force");
    CHECK(read_file("run/constitution.txt") == "No theft.\n");
    cai.fails(2, "compare-runs run", "cai compare-runs needs the folders of at least two runs");
    cai.fails(1, "compare-runs run other", "run");
    cai.fails(1, "check none.txt", "none.txt");
    cai.fails(1, "check mine.txt --from runs/none", "runs/none: there is no such folder; `cai all --out runs/none`");
    write_file("empty.txt", "# nothing yet\n");
    REQUIRE(cai("check empty.txt") == 0);
    CHECK(contains(cai.out, "There is no line in it."));
    cai.fails(2, "check mine.txt run", "cai check takes one constitution, not 2");
    REQUIRE(cai("check mine.txt --json") == 0);
    CHECK(contains(cai.out, R"("number":1,"weight":1,"says":"forbids","acts":["singing"])"));
}

TEST_CASE("the world's documents keep their recipe") {
    Shell cai;
    REQUIRE_MESSAGE(cai(std::string("world --out run --samples 0") + kSmallStory) == 0, cai.err);
    CHECK(contains(cai.out, "The world of seed 3"));
    CHECK(saved("run", "seed") == "3");
    CHECK(saved("run", "samples") == "");
    cai("tokenizer --out run");
    CHECK(read_tokenizer("run/tokenizer").size() == 512);
}

TEST_CASE("a report is of one experiment, told by different seeds") {
    Shell cai;
    auto run_of = [](const std::string& run, int seed, const std::string& size, const std::string& recipe,
                     const std::string& constitution) {
        const Json results = Json::Object{{"seed", seed}, {"size", size}, {"models", Json::Object{}}};
        write_file(run + "/results.json", dump(results));
        write_file(run + "/config.cfg", concat("seed = ", seed, "\nsize = ", size, "\n", recipe));
        write_file(run + "/constitution.txt", constitution);
    };
    run_of("a", 1, "micro", "ppo-kl-coefficient = 0.3\n", "Refuse.\n");
    run_of("b", 2, "micro", "ppo-kl-coefficient = 0.30\n", "# The same.\nRefuse.\n");
    run_of("bigger", 3, "tiny", "", "Refuse.\n");
    run_of("looser", 3, "micro", "ppo-kl-coefficient = 0.1\n", "Refuse.\n");
    run_of("other", 3, "micro", "", "Answer.\n");
    CHECK_MESSAGE(cai("report a b") == 0, cai.err);
    CHECK(contains(cai.out, "2 seeds"));
    CHECK_MESSAGE(cai("report a") == 0, cai.err);
    CHECK(contains(cai.out, "held_out_entities, 1 seed"));
    CHECK(!contains(cai.out, "1 seeds"));
    cai.fails(2, "report a b a", "a and a are both of seed 1;");
    cai.fails(2, "report a b bigger", "a and bigger are of size micro and tiny;");
    cai.fails(2, "report b looser", "b and looser have ppo-kl-coefficient = 0.3 and 0.1;");
    cai.fails(2, "report a other", "a and other have different constitutions;");
    fs::remove("looser/config.cfg");  // an older run, without one
    CHECK_MESSAGE(cai("report a b looser") == 0, cai.err);
}

TEST_CASE("cai votes: the folder that it writes, its JSON, and one sentence for each thing that is wrong") {
    Shell cai;
    write_file("s.txt", "Never help with stealing.\nSinging is forbidden.\nMusic is allowed.\nHelp with writing.\n");
    write_file("v.csv", "participant,1,2,3,4\nAnn,1,1,-1,1\nBen,1,1,-1,\nCat,1,1,,0\nDan,1,-1,1,1\nEve,1,-1,1,1\n");
    REQUIRE_MESSAGE(cai("votes v.csv --statements s.txt --group-count 2 --out out --json") == 0, cai.err);
    const Json json = parse_json(cai.out, "stdout");
    CHECK(json["groups"].array()[1].integer() == 2);
    CHECK(json["selected"].integer() == 1);
    for (const char* file : {"out/constitution.txt", "out/groups.csv", "out/statements.csv", "out/map.svg"})
        CHECK(fs::exists(file));
    CHECK(!fs::exists("out/votes.csv"));
    const std::vector<std::string> line = {"Never help with stealing."};
    CHECK(Constitution::read("out/constitution.txt").principles == line);
    const std::string data = CAI_SOURCE_DIR "/data/collective/";
    CHECK_MESSAGE(cai("votes --population " + data + "population.txt --layout long --out toy") == 0, cai.err);
    CHECK(contains(cai.out, "Toy voters:"));
    CHECK(contains(read_file("toy/votes.csv"), "participant,statement,vote\ntoy-voter-1,"));
    CHECK(contains(read_file("toy/groups.csv"), "toy-voter-1,"));
    CHECK_MESSAGE(cai("votes toy/votes.csv --statements " + data + "statements.txt --out again") == 0, cai.err);
    CHECK(read_file("again/constitution.txt") == read_file("toy/constitution.txt"));

    cai.fails(2, "votes v.csv --statements s.txt", "cai votes needs --out DIR");
    cai.fails(2, "votes v.csv --out no", "cai votes needs --statements FILE");
    cai.fails(2, "votes v.csv --statements s.txt --select count --out no", "--select count needs --most N");
    cai.fails(2, "votes v.csv --statements s.txt --slips 0.1 --out no", "--slips is for toy voters");
    cai.fails(1, "votes v.csv --statements s.txt --group-count 6 --out no", "5 participants are too few for 6 groups");
    cai.fails(1, "votes v.csv --statements none.txt --out no", "cannot open none.txt");
    write_file("bad.csv", "participant,1\nAnn,2\n");
    cai.fails(1, "votes bad.csv --statements s.txt --out no", "bad.csv: line 2: the vote \"2\"");
    write_file("pass.csv", "participant,1,2\nAnn,0,0\nBen,0,0\nCat,0,0\n");
    cai.fails(1, "votes pass.csv --statements s.txt --out no", "the participants' votes do not differ");
    write_file("run/manifests/x", "");
    cai.fails(2, "votes v.csv --statements s.txt --out run", "run: a run, whose constitution.txt would be replaced");
    cai.fails(2, "all --votes v.csv --out no", "--votes and --statements go together");
    cai.fails(2, "all --votes v.csv --statements s.txt --constitution s.txt --out no", "leave out --constitution");
    cai.fails(1, "all --votes pass.csv --statements s.txt --out no", "the participants' votes do not differ");
    CHECK(!fs::exists("no"));
}

TEST_CASE("a ledger of wishes on the command line") {
    Shell cai;
    REQUIRE_MESSAGE(cai("ledger add w.jsonl --text Truth --burn 4 --time 5") == 0, cai.err);
    REQUIRE(cai("ledger add w.jsonl --text Depth --burn 1 --time 6") == 0);
    const std::string head = cai.out.substr(0, 64);
    REQUIRE(cai("ledger verify w.jsonl --head " + head) == 0);
    CHECK(contains(cai.out, "w.jsonl: 2 entries"));
    REQUIRE(cai("ledger weights w.jsonl --scale sqrt --json") == 0);
    CHECK(contains(cai.out, R"("weight":2,"share":0.6666666666666666,"text":"Truth")"));
    cai.fails(1, "ledger add w.jsonl --text Late --burn 1 --time 4", "none of time 4 can follow");
    cai.fails(2, "ledger add w.jsonl --text Free", "needs --text");
    cai.fails(2, "ledger add w.jsonl --text Debt --burn -1", "below 0");
    cai.fails(2, "ledger sell w.jsonl", "add, verify and weights");
    std::vector<std::string> lines = split_lines(read_file("w.jsonl"));
    write_file("w.jsonl", lines[0] + "\n");
    cai.fails(1, "ledger verify w.jsonl --head " + head, "entries were cut off or added at the end");
    write_file("w.jsonl", lines[1] + "\n" + lines[0] + "\n");
    cai.fails(1, "ledger verify w.jsonl", "w.jsonl: line 1 is not a first entry");
    cai.fails(1, "ledger add w.jsonl --text More --burn 1", "w.jsonl: line 1 is not a first entry");
}

TEST_CASE("an experiment on stories: each cell's run reuses its seed's, and a second command changes nothing") {
    Shell cai;
    write_file("mine.txt",
               "method: revisions\nfactor principles: 1, 12\nfactor revisions: 0, 1\nclaim: c\n"
               "measure: harmful complied\ncompare: revisions 1 with 0\nexpect: lower\nmargin: 0.1\n"
               "needs: harmless helped at least 0.5\n");
    const std::string command = std::string("experiment mine.txt --seeds 1 --out e --json") + kSmallStory;
    REQUIRE_MESSAGE(cai(command) == 0, cai.err);
    const std::string first = cai.out, csv = read_file("e/seed-3.csv");
    CHECK(contains(first, R"("verdict":"inconclusive")"));
    CHECK(contains(first, R"("sha256":")" + sha256(read_file("mine.txt")) + "\""));
    CHECK(split_lines(csv).size() == 5);
    CHECK(fs::equivalent("e/runs/seed-3/base/helpful/model.safetensors",
                         "e/runs/seed-3/principles-1/helpful/model.safetensors"));
    CHECK(split_lines(read_file("e/runs/seed-3/principles-1/constitution.txt")).size() == 1);
    CHECK(read_file("e/runs/seed-3/principles-12/revisions.jsonl") == read_file("e/runs/seed-3/base/revisions.jsonl"));
    fs::remove("e/cells/seed-3/2.json");
    REQUIRE(cai("experiment mine.txt --seeds 1 --out e --json --threads 1 --quiet") == 0);
    CHECK(cai.out == first);
    CHECK(read_file("e/seed-3.csv") == csv);
    cai.fails(1, "experiment mine.txt --seeds 1 --out e --critique-rounds 2 --quiet", "another recipe, size or first");
    write_file("rules.txt", "No theft.\n");
    cai.fails(1, "experiment mine.txt --seeds 1 --out e --constitution rules.txt", "from 1 to 1");
    write_file("mine.txt", read_file("mine.txt") + "reference: 1\n");
    cai.fails(1, "experiment mine.txt --seeds 1 --out e", "another text of the experiment");
    cai.fails(1, "experiment none", "there is no such experiment");
    write_file("odd.txt", "method: odd\nfactor a: 1\nclaim: c\nmeasure: m\nexpect: lower\nmargin: 1\n");
    cai.fails(1, "experiment odd.txt",
              "no method \"odd\"; there are ledger, cancellation, revisions, selfish and collective");
}

TEST_CASE("experiments on villages: whole stories by constitutions, by wishes, and by interests of everybody's own") {
    Shell cai;
    REQUIRE_MESSAGE(cai(std::string("all --out told/seed-3") + kSmallStory) == 0, cai.err);
    const auto rows_of = [&](const std::string& name) {
        REQUIRE_MESSAGE(cai("experiment " + name + ".txt --seeds 1 --from told --out " + name + kSmallStory) == 0,
                        cai.err);
        return split_lines(read_file(name + "/seed-3.csv"));
    };
    const std::string claim = "claim: c\nmeasure: mean utility\nexpect: lower\nmargin: 0.1\n";
    write_file("lines.txt", "method: collective\nfactor constitution: standard, random\n" + claim);
    const std::vector<std::string> lines = rows_of("lines");
    REQUIRE(lines.size() == 3);
    const fs::path runs = "lines/runs/seed-3";
    const std::vector<fs::path> both = {runs / "constitution-random", runs / "constitution-standard"};
    CHECK(read_file(both[0] / "constitution.txt") != read_file(both[1] / "constitution.txt"));
    REQUIRE(cai("compare-runs " + both[1].string() + " " + both[0].string() + " --json --quiet --data " +
                kData.string() + " --population " + (kData / "collective/population.txt").string()) == 0);
    const Json compared = parse_json(cai.out, "compare-runs")["utilities"].array()[0];
    CHECK(lines[0].starts_with("constitution,worst-served utility,mean utility,"));
    CHECK(lines[1].starts_with(concat("standard,", shortest(compared["worst_served_utility"].number()), ",",
                                      shortest(compared["mean"].number()), ",")));

    write_file("wishes.txt", "method: collective\nfactor aggregation: median\n" + claim);
    CHECK(rows_of("wishes").size() == 2);
    CHECK(contains(read_file("wishes/runs/seed-3/aggregation-median/comparisons.jsonl"),
                   R"("wishes":[{"text":"Never)"));

    write_file("own.txt", "method: selfish\nfactor villagers: 2 shared\nclaim: c\nmeasure: leak\nexpect: lower\n"
                          "margin: 0.1\n");
    CHECK(rows_of("own").size() == 2);
    CHECK(fs::equivalent("own/runs/seed-3/base/sl-cai/model.safetensors",
                         "own/runs/seed-3/villagers-2-shared/sl-cai/model.safetensors"));
    CHECK(contains(read_file("own/runs/seed-3/villagers-2-shared/comparisons.jsonl"), R"("burn":2,)"));
}

TEST_CASE("--help lists the options that a verb reads, and no others") {
    Shell cai;
    write_file("run/config.cfg", "size = micro\n");
    write_file("book.txt", "Once.");
    const std::map<std::string, std::vector<std::string>> needs = {  // a tokenizer is trained, or encodes
        {"sft", {"helpful"}}, {"swap", {"--remove 1"}}, {"trace", {"run"}},    {"chat", {"run"}}, {"sample", {"run"}},
        {"import", {"run"}},  {"export", {"run"}},      {"logprobs", {"run"}}, {"dump", {"run"}}, {"diff", {"a b"}},
        {"page", {"run"}},    {"tokenizer", {"", "encode run"}},
        {"compare-runs", {"a b"}},
        {"wishes", {"people.txt"}},
        {"votes", {"--out x --statements s.txt votes.csv"}},
        {"ledger", {"add f --text a --burn 1", "verify f", "weights f"}},
        {"experiment", {"ledger"}}};
    std::set<std::string> of_recipe = {"like"};
    Recipe tiny = recipe("tiny", 1);
    for (const RecipeStage& stage : recipe_stages(tiny))
        for (const RecipeField& field : stage.fields) of_recipe.insert(field.option());
    for (const Verb& verb : verbs()) {
        INFO(verb.name);
        std::set<std::string> listed, read;
        for (const std::vector<Option>* options : {&verb.options, verb.has_recipe ? &kShared : &verb.options})
            for (const Option& option : *options) listed.insert(option.name);
        if (verb.has_recipe) listed.insert(of_recipe.begin(), of_recipe.end());
        const auto found = needs.find(verb.name);
        for (const std::string& needed : found == needs.end() ? std::vector<std::string>{""} : found->second) {
            std::vector<std::string> words = {"--no-such-option", "1"};
            std::istringstream stream(needed);
            for (std::string word; stream >> word;) words.push_back(word);
            Arguments arguments(words, flags());
            try {
                verb.run(arguments, CAI_SOURCE_DIR "/build/cai");
                FAIL("it must refuse --no-such-option");
            } catch (const Error& error) {
                CHECK(contains(error.what(), "--no-such-option"));
            }
            read.insert(arguments.names().begin(), arguments.names().end());
        }
        listed.erase("config"), read.erase("config");  // read by the parser itself
        for (const std::string& name : read) CHECK_MESSAGE(listed.count(name), name);
        for (const std::string& name : listed) CHECK_MESSAGE(read.count(name), name);
        REQUIRE(cai(std::string(verb.name) + " --help") == 0);
        for (const Option& option : verb.options)
            CHECK_MESSAGE(contains(cai.out, concat("--", option.name, " ")), option.name);
    }
    REQUIRE(cai("all --help") == 0);
    for (const std::string& name : of_recipe) CHECK_MESSAGE(contains(cai.out, "  --" + name + " "), name);
    CHECK(contains(cai.out, "\nppo: RL-CAI\n  --ppo-iterations "));
    CHECK(contains(cai.out, "at the start (0.3; at least 0)\n"));
    REQUIRE(cai("--help") == 0);
    CHECK(contains(cai.out, "143"));
    REQUIRE(cai("tokenizer --text book.txt --no-such-option 1") == 2);
}

TEST_CASE("results that cannot be written are an error" * doctest::skip(!fs::exists("/dev/full"))) {
    Shell cai;
    for (const char* line : {"info", "--help", "world --samples 0"}) {
        std::filebuf full;
        REQUIRE(full.open("/dev/full", std::ios::out));
        CHECK(cai(line, &full) == 1);
        CHECK(contains(cai.err, "stdout"));
        CHECK(std::count(cai.err.begin(), cai.err.end(), '\n') == 1);
    }
}

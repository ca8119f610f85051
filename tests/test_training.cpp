// The loop of the supervised stages: its loss falls, a resumed run ends on the same bits, divergence is told; and manifests.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/lm/bpe_training.h"
#include "../core/method/supervised.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

struct Setting {
    Quiet hush;
    Tokenizer tokenizer = train_bpe({"the cat sat on the mat and the dog sat on the log"}, 280);
    Config config = preset("micro", static_cast<int>(tokenizer.size()));
    std::vector<Document> documents;

    Setting() {
        for (const char* text : {"the cat sat on the mat", "the dog sat on the log", "the cat and the dog sat", "on the mat the cat sat"})
            documents.push_back(encode_text(tokenizer, text));
    }
    ~Setting() { stop_signal = 0; }

    std::vector<float> trained(const fs::path& folder, const TrainingOptions& options, double* loss = nullptr) {
        Model model(cpu_kernels, config);
        model.initialize(1);
        BatchStream stream(documents, 256, 40, 1);
        Metrics metrics(folder / "metrics.jsonl");
        double tail = train(model, stream, options, "test", metrics, folder / "model", tokenizer);
        if (loss) *loss = tail;
        return model.parameters.download();
    }
};

}  // namespace

TEST_CASE("training learns by heart what there is to learn") {
    Setting s;
    TemporaryFolder folder;
    double loss = 0;
    TrainingOptions options;
    options.steps = 60, options.warmup_steps = 5;
    s.trained(folder.path, options, &loss);
    CHECK(loss < 1.0);  // from log(280) = 5.6
    CHECK(fs::exists(folder.path / "model"));
    CHECK(!fs::exists(folder.path / "model.training"));
}

TEST_CASE("weight decay shrinks what training does not hold in place") {
    Setting s;
    TemporaryFolder little, much;
    TrainingOptions options;
    options.steps = 60, options.warmup_steps = 5;
    const auto norm = [&](const fs::path& folder, float decay) {
        options.weight_decay = decay;
        double squares = 0;
        for (float weight : s.trained(folder, options)) squares += weight * weight;
        return std::sqrt(squares);
    };
    CHECK(norm(much.path, 5) < 0.9 * norm(little.path, 0));
}

TEST_CASE("the embedding table learns at its own rate") {
    Setting s;
    TemporaryFolder slow_folder, fast_folder;
    TrainingOptions options;
    options.steps = 3, options.warmup_steps = 0, options.weight_decay = 0;
    Model initial(cpu_kernels, s.config);
    initial.initialize(1);
    const std::vector<float> before = initial.parameters.download();
    const size_t table = static_cast<size_t>(s.config.vocab_size * s.config.width);
    const auto movement = [&](const fs::path& folder, float rate) {
        options.embedding_rate = rate;
        const std::vector<float> after = s.trained(folder, options);
        double squares = 0;
        for (size_t i = 0; i < table; i++) squares += (after[i] - before[i]) * (after[i] - before[i]);
        return std::sqrt(squares);
    };
    const double fast = movement(fast_folder.path, 1), slow = movement(slow_folder.path, 0.01f);
    CHECK(slow > 0);
    CHECK(slow < 0.02 * fast);
}

TEST_CASE("an interrupted training goes on to the same bits") {
    Setting s;
    TemporaryFolder whole, cut;
    TrainingOptions options;
    options.steps = 12, options.warmup_steps = 2;
    const std::vector<float> expected = s.trained(whole.path, options);
    stop_signal = SIGINT;  // as if Ctrl-C came during the first step
    CHECK(contains(error_of([&] { s.trained(cut.path, options); }, 130), "after step 1 of 12"));
    stop_signal = 0;
    CHECK(s.trained(cut.path, options) == expected);
}

TEST_CASE("the steps of so many epochs are rounded down at the end, not before") {
    CHECK(training_steps(50, 1200, 2048) == 29);
    CHECK(training_steps(2, 3000, 2048) == 2);
    CHECK(training_steps(1, 20479, 2048) == 9);
    CHECK(training_steps(0.5, 20479, 2048) == 4);
    CHECK(training_steps(1, 1200, 2048) == 1);
    CHECK(training_steps(0, 20479, 2048) == 1);
}

TEST_CASE("a training that diverges says so") {
    Setting s;
    TemporaryFolder folder;
    TrainingOptions options;
    options.steps = 50, options.warmup_steps = 0, options.learning_rate = 1e30f;
    CHECK(
        contains(error_of([&] { s.trained(folder.path, options); }, kDiverged), " with --test-learning-rate 1e+30: "));
}

TEST_CASE("a stage that a signal did not keep from finishing is finished") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    int runs = 0;
    auto perform = [&](int signal) {
        run.perform({"stage", {}, {"out.txt"}, Json::Object{}}, [&] {
            runs++;
            stop_signal = signal;
            write_file(run / "out.txt", "done");
        });
    };
    CHECK(contains(error_of([&] { perform(SIGTERM); }, 143), "the same command goes on after it"));
    stop_signal = 0;
    perform(0);
    CHECK(runs == 1);
}

TEST_CASE("two do not work in one run at the same time") {
    Quiet hush;
    TemporaryFolder folder;
    const Run::Stage stage = {"stage", {}, {"out.txt"}, Json::Object{}};
    {
        Run first(folder.path), second(folder.path);
        first.perform(stage, [&] { write_file(first / "out.txt", "first"); });
        second.perform(stage, [] {});  // it is finished already: nothing to write
        second.force = true;
        second.settings = {{"constitution.txt", "other"}};
        CHECK(error_of([&] { second.perform(stage, [] {}); }) ==
              folder.path.string() + ": another cai is at work in this run; wait until it is done, or name another directory with --out");
        CHECK(!fs::exists(folder.path / "constitution.txt"));
        CHECK(fs::exists(first.manifest_path("stage")));
    }
    Run third(folder.path);
    third.force = true;
    third.perform(stage, [&] { write_file(third / "out.txt", "third"); });
    CHECK(read_file(folder.path / "out.txt") == "third");
    Run nowhere(folder.path / "out.txt/run");
    CHECK(contains(error_of([&] { nowhere.perform(stage, [] {}); }), "cannot make the folder "));
}

TEST_CASE("a stage runs once, and again when its inputs or options change") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    int runs = 0;
    auto perform = [&](int option) {
        run.perform({"double", {"in.txt"}, {"out.txt"}, Json::Object{{"option", option}}}, [&] {
            runs++;
            write_file(run / "out.txt", read_file(run / "in.txt") + read_file(run / "in.txt"));
        });
    };
    CHECK_THROWS_WITH_AS(perform(1), doctest::Contains("in.txt"), Error);
    write_file(run / "in.txt", "a");
    perform(1);
    perform(1);
    CHECK(runs == 1);
    perform(2);
    CHECK(runs == 2);
    write_file(run / "in.txt", "b");
    perform(2);
    CHECK(runs == 3);
    CHECK(read_file(run / "out.txt") == "bb");
    fs::remove(run / "out.txt");
    perform(2);
    CHECK(runs == 4);
    // A stage that fails leaves no manifest behind, so it is run again.
    CHECK_THROWS(run.perform({"double", {"in.txt"}, {"out.txt"}, Json::Object{{"option", 3}}}, [] { fail(kBadInput, "no"); }));
    perform(2);
    CHECK(runs == 5);
    // A finished one is run again when it must be.
    run.force = true;
    perform(2);
    CHECK(runs == 6);
}

TEST_CASE("a run takes over what another made with the same options from the same inputs, and keeps what is its own") {
    Quiet hush;
    TemporaryFolder one, two;
    Run source(one.path), run(two.path);
    auto stage = [](int option) {
        return Run::Stage{"double", {"in.txt"}, {"out.txt"}, Json::Object{{"option", option}}};
    };
    auto perform = [&](Run& in, int option, const char* made) {
        in.perform(stage(option), [&] { write_file(in / "out.txt", made); });
    };
    write_file(source / "in.txt", "a");
    perform(source, 1, "the source's");
    CHECK_FALSE(run.adopt(source, stage(1)));  // its input is missing
    write_file(run / "in.txt", "b");
    CHECK_FALSE(run.adopt(source, stage(1)));  // its input is another
    write_file(run / "in.txt", "a");
    CHECK_FALSE(run.adopt(source, stage(2)));
    CHECK_FALSE(fs::exists(run / "out.txt"));
    CHECK(run.adopt(source, stage(1)));
    perform(run, 1, "its own");
    CHECK(read_file(run / "out.txt") == "the source's");
    // What it took over is listed with its seconds, and is no part of what it spent.
    CHECK(run.seconds()["total"].number() == 0);
    CHECK(run.seconds()["double"].number() == source.seconds()["double"].number());
    CHECK(source.seconds()["total"].number() == source.seconds()["double"].number());

    perform(run, 2, "its own");
    CHECK_FALSE(run.adopt(source, stage(3)));
    CHECK(run.adopt(source, stage(2)));
    CHECK(read_file(run / "out.txt") == "its own");
    CHECK(run.seconds()["total"].number() == run.seconds()["double"].number());
    CHECK(run.adopt(source, stage(1)));  // what it has fits no longer
    CHECK(read_file(run / "out.txt") == "the source's");
}

TEST_CASE("a command's settings are written when a stage starts, and count as its inputs before") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    run.settings = {{"rules.txt", "Be kind."}};
    auto stage = [](const char* input) { return Run::Stage{"copy", {"rules.txt", input}, {"out.txt"}, Json::Object{}}; };
    CHECK_THROWS_WITH_AS(run.perform(stage("in.txt"), [] {}), doctest::Contains("in.txt"), Error);
    CHECK(fs::is_empty(folder.path));
    write_file(run / "in.txt", "a");
    int runs = 0;
    auto perform = [&] {
        run.perform(stage("in.txt"), [&] {
            runs++;
            CHECK(read_file(run / "rules.txt") == run.settings["rules.txt"]);
            write_file(run / "out.txt", "");
        });
    };
    perform();
    CHECK(runs == 1);
    run.settings.clear();
    perform();
    CHECK(runs == 1);
    run.settings = {{"rules.txt", "Be brief."}};
    perform();
    CHECK(runs == 2);
}

// core/io/run_directory.h: what is finished, what runs again, what is reused, and who may work where.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/io/run_directory.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

TEST_CASE("a stage that a signal did not keep from finishing is finished") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    int runs = 0;
    auto perform = [&](int signal) {
        run.perform({"stage", {}, {}, {"out.txt"}, Json::Object{}}, [&](const std::string&) {
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
    const Task stage = {"stage", {}, {}, {"out.txt"}, Json::Object{}};
    {
        Run first(folder.path), second(folder.path);
        first.perform(stage, [&](const std::string&) { write_file(first / "out.txt", "first"); });
        second.perform(stage, [](const std::string&) {});  // it is finished already: nothing to write
        second.force = true;
        second.pending_files = {{"constitution.txt", "other"}};
        CHECK(error_of([&] { second.perform(stage, [](const std::string&) {}); }) ==
              folder.path.string() +
                  ": another cai is at work in this run; wait until it is done, or name another directory with --out");
        CHECK(!fs::exists(folder.path / "constitution.txt"));
        CHECK(fs::exists(first.manifest_path("stage")));
    }
    Run third(folder.path);
    third.force = true;
    third.perform(stage, [&](const std::string&) { write_file(third / "out.txt", "third"); });
    CHECK(read_file(folder.path / "out.txt") == "third");
    Run nowhere(folder.path / "out.txt/run");
    CHECK(contains(error_of([&] { nowhere.perform(stage, [](const std::string&) {}); }), "cannot make the folder "));
}

TEST_CASE("a stage runs once, and again when its inputs or options change") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    int runs = 0;
    auto perform = [&](int option) {
        run.perform({"double", {"in.txt"}, {}, {"out.txt"}, Json::Object{{"option", option}}}, [&](const std::string&) {
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
    // A stage that fails is not finished, so it is run again.
    CHECK_THROWS(run.perform({"double", {"in.txt"}, {}, {"out.txt"}, Json::Object{{"option", 3}}},
                             [](const std::string&) { fail(kBadInput, "no"); }));
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
        return Task{"double", {"in.txt"}, {}, {"out.txt"}, Json::Object{{"option", option}}};
    };
    auto perform = [&](Run& in, int option, const char* made) {
        in.perform(stage(option), [&](const std::string&) { write_file(in / "out.txt", made); });
    };
    write_file(source / "in.txt", "a");
    perform(source, 1, "the source's");
    CHECK_FALSE(run.reuse(source, stage(1)));  // its input is missing
    write_file(run / "in.txt", "b");
    CHECK_FALSE(run.reuse(source, stage(1)));  // its input is another
    write_file(run / "in.txt", "a");
    CHECK_FALSE(run.reuse(source, stage(2)));
    CHECK_FALSE(fs::exists(run / "out.txt"));
    CHECK(run.reuse(source, stage(1)));
    perform(run, 1, "its own");
    CHECK(read_file(run / "out.txt") == "the source's");
    CHECK(fs::hard_link_count(run / "out.txt") == 2);  // another name of the same file
    // What it took over is listed with its seconds, and is no part of what it spent.
    CHECK(run.seconds()["total"].number() == 0);
    CHECK(run.seconds()["double"].number() == source.seconds()["double"].number());
    CHECK(source.seconds()["total"].number() == source.seconds()["double"].number());

    perform(run, 2, "its own");
    CHECK_FALSE(run.reuse(source, stage(3)));
    CHECK(run.reuse(source, stage(2)));
    CHECK(read_file(run / "out.txt") == "its own");
    CHECK(run.seconds()["total"].number() == run.seconds()["double"].number());
    CHECK(read_file(source / "out.txt") == "the source's");  // replaced here, not there
    CHECK(run.reuse(source, stage(1)));  // what it has fits no longer
    CHECK(read_file(run / "out.txt") == "the source's");
}

TEST_CASE("a finished stage may lack what is not kept, and nothing else; another run takes over the rest") {
    Quiet hush;
    TemporaryFolder one, two;
    Run source(one.path), run(two.path);
    const Task task = {"write", {}, {}, {"draft.txt", "letter.txt"}, Json::Object{}, {"draft.txt"}};
    source.perform(task, [&](const std::string&) {
        for (const std::string& file : task.outputs) write_file(source / file, file);
    });
    CHECK_FALSE(source.is_left_out(task, "draft.txt"));
    write_file(source / "draft.txt", "edited by hand");
    CHECK(source.changed_outputs(task) == std::vector<std::string>{"draft.txt"});
    fs::remove(source / "draft.txt");
    CHECK(source.is_left_out(task, "draft.txt"));
    CHECK_FALSE(source.is_left_out(task, "letter.txt"));
    CHECK(source.is_finished(task));
    CHECK(source.changed_outputs(task).empty());
    CHECK(run.reuse(source, task));
    CHECK(fs::hard_link_count(run / "letter.txt") == 2);
    CHECK_FALSE(fs::exists(run / "draft.txt"));
    CHECK(run.is_finished(task));
    fs::remove(run / "letter.txt");
    CHECK_FALSE(run.is_left_out(task, "letter.txt"));
    CHECK_FALSE(run.is_finished(task));
}

TEST_CASE("a command's settings are written when a stage starts, and count as its inputs before") {
    Quiet hush;
    TemporaryFolder folder;
    Run run(folder.path);
    run.pending_files = {{"rules.txt", "Be kind."}};
    auto stage = [](const char* input) { return Task{"copy", {"rules.txt", input}, {}, {"out.txt"}, Json::Object{}}; };
    CHECK_THROWS_WITH_AS(run.perform(stage("in.txt"), [](const std::string&) {}), doctest::Contains("in.txt"), Error);
    CHECK(fs::is_empty(folder.path));
    write_file(run / "in.txt", "a");
    int runs = 0;
    auto perform = [&] {
        run.perform(stage("in.txt"), [&](const std::string&) {
            runs++;
            CHECK(read_file(run / "rules.txt") == run.pending_files["rules.txt"]);
            write_file(run / "out.txt", "");
        });
    };
    perform();
    CHECK(runs == 1);
    run.pending_files.clear();
    perform();
    CHECK(runs == 1);
    run.pending_files = {{"rules.txt", "Be brief."}};
    perform();
    CHECK(runs == 2);
}

TEST_CASE("a finished stage vouches for what it wrote, and its fingerprint is that of options and inputs") {
    Quiet hush;
    TemporaryFolder folder, outside;
    write_file(outside.path / "far.txt", "a");
    Run run(folder.path, {{"far", outside.path / "far.txt"}});
    std::vector<std::string> fingerprints;
    auto perform = [&](int option) {
        run.perform({"stage", {"far"}, {"extra.txt"}, {"out.txt"}, Json::Object{{"option", option}}},
                    [&](const std::string& fingerprint) {
                        fingerprints.push_back(fingerprint);
                        write_file(run / "out.txt", "made");
                    });
    };
    perform(1);
    perform(1);
    CHECK(fingerprints.size() == 1);
    perform(2);
    write_file(outside.path / "far.txt", "b");
    perform(2);
    write_file(run / "extra.txt", "an input that may be missing");
    perform(2);
    REQUIRE(fingerprints.size() == 4);
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < i; j++) CHECK(fingerprints[i] != fingerprints[j]);
    run.force = true;
    perform(2);
    CHECK(fingerprints[4] == fingerprints[3]);
    run.force = false;
    write_file(run / "out.txt", "edited by hand");
    CHECK(contains(error_of([&] { perform(2); }), "out.txt: was changed since stage wrote it"));
    CHECK(read_file(run / "out.txt") == "edited by hand");
    fs::remove(outside.path / "far.txt");
    CHECK(contains(error_of([&] { perform(2); }), "far.txt, which is not there yet"));
}

TEST_CASE("a damaged manifest is refused with its path, and what to do") {
    Quiet hush;
    TemporaryFolder folder;
    const Run run(folder.path);
    const Task task = {"world", {}, {}, {"made"}, Json::Object{{"documents", 2}}};
    write_file(run / "made", "made");
    const fs::path manifest = run.manifest_path("world");
    const auto error = [&](const std::string& text) {
        write_file(manifest, text);
        return error_of([&] { run.is_finished(task); });
    };
    const std::string sound = R"({"stage": "world", "seconds": 1, "options": {"documents": 2}, "inputs": {},
        "outputs": {"another": "0"}})";
    CHECK(error(sound) == "no error");
    CHECK(run.is_finished(task));
    CHECK(run.changed_outputs(task) == std::vector<std::string>{"made"});
    write_file(run / "manifests/ppo.json.tmp", "{");  // half written when its writer was killed
    CHECK(run.seconds()["world"].number() == 1);
    CHECK(error(R"({"stage": "world", "unfinished": true})") == "no error");
    for (const auto& [part, damaged] : {std::pair{"\"world\"", "\"ppo\""}, {"1,", "\"1\","}, {"{}", "[]"},
                                        {"\"0\"", "0"}, {"\"options\"", "\"option\""}, {"{", "["}}) {
        std::string text = sound;
        text.replace(text.find(part), std::string(part).size(), damaged);
        const std::string message = error(text);
        CHECK_MESSAGE(message.starts_with(manifest.string() + ": "), message);
        CHECK(message.ends_with("; delete this file, and its stage runs again"));
    }
}

TEST_CASE("what is no run is told what it is instead") {
    TemporaryFolder folder;
    const fs::path run = folder.path / "run", foreign = folder.path / "foreign";
    const auto error = [](const fs::path& path) { return error_of([&] { expect_run(path); }); };
    CHECK(error(run) == run.string() + ": there is no such folder; `cai all --out " + run.string() + "` makes a run");
    fs::create_directories(foreign);
    CHECK(error(foreign) == foreign.string() + ": not a run directory; `cai all --out RUN` makes a run");
    write_file(foreign / "config.json", "{}");
    CHECK(error(foreign) == foreign.string() + ": a model, and not a run; `cai all --out RUN` makes a run");
    CHECK(contains(error(foreign / "config.json"), "a file, and not the folder of a run"));
    fs::create_directories(run / "manifests");
    CHECK(error(run) == "no error");
    write_file(run / "rl-cai/config.json", "{}");
    CHECK(error(run / "rl-cai") == (run / "rl-cai").string() + ": a model, and not a run; did you mean " +
                                       run.string() + "/?");
}

// When a loop's state is saved, how a signal ends the loop, and what its metrics are after it went on.
#include <doctest/doctest.h>

#include <csignal>

#include "../core/method/resumable_loop.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// A loop of twelve steps that draws nothing and trains nothing: step i goes through i tokens.
struct Counter {
    Quiet hush;
    TemporaryFolder folder;
    Metrics metrics{folder.path / "metrics.jsonl"};
    size_t sum = 0, saves = 0, finished = 0;
    int error_at = 0, signal_at = 0;
    ResumableLoop loop;

    Counter() {
        loop.stage = "count", loop.steps = 12;
        loop.learning_rate = "--count-learning-rate 0.5", loop.fingerprint = "mine", loop.save_every_seconds = 3600;
        loop.directory = folder.path / "sum.training";
        loop.step = [this](size_t step) {
            const int number = static_cast<int>(step) + 1;
            if (number == error_at) fail(kDiverged, "no");
            if (number == signal_at) stop_signal = SIGTERM;
            sum += step + 1;
            return StepReport{{}, {{"sum", sum}}, step + 1};
        };
        loop.save = [this](const fs::path& directory, Json state) {
            saves++;
            write_file(directory / "config.json", "{}");
            write_file(directory / "state.json", dump(state.set("sum", sum)));
        };
        loop.restore = [this](const fs::path& directory) {
            sum = static_cast<size_t>(read_json(directory / "state.json")["sum"].integer());
        };
        loop.finish = [this] { finished++; };
    }
    ~Counter() { stop_signal = 0; }

    // As in a new process.
    void run() {
        stop_signal = 0, sum = 0;
        run_loop(loop, metrics);
    }
    std::string values(const char* name) const {
        std::string text;
        for (const Json& row : read_jsonl(folder.path / "metrics.jsonl"))
            if (row["stage"].string() == "count") text += dump(row[name]) + " ";
        return text;
    }
};

}  // namespace

TEST_CASE("a state is saved when it is due, never after the last step, and removed at the end") {
    Counter hourly, always;
    hourly.run();
    CHECK(hourly.saves == 0);
    always.loop.save_every_seconds = 0;
    always.run();
    CHECK(always.saves == 11);
    CHECK(always.finished == 1);
    CHECK(always.sum == 78);
    CHECK_FALSE(fs::exists(always.loop.directory));
}

TEST_CASE("a signal saves the state, due or not, and stops the loop, but not after the last step") {
    Counter counter;
    counter.signal_at = 3;
    CHECK(error_of([&] { counter.run(); }, 143) ==
          "count: interrupted after step 3 of 12; the same command goes on from there");
    CHECK(counter.saves == 1);
    CHECK(counter.finished == 0);
    counter.signal_at = 12;
    CHECK_NOTHROW(counter.run());
    CHECK(counter.sum == 78);
    CHECK(counter.finished == 1);
}

TEST_CASE("metrics go on after an interruption: every step once, with all tokens before it") {
    Counter counter;
    counter.metrics.log("earlier", 9, {});
    counter.signal_at = 4;
    CHECK_THROWS(counter.run());
    counter.signal_at = 0, counter.error_at = 9;  // steps 5 to 8 are logged, and not saved
    CHECK(error_of([&] { counter.run(); }, kDiverged) == "count, step 9 with --count-learning-rate 0.5: no");
    CHECK(counter.values("step") == "1 2 3 4 5 6 7 8 ");
    counter.error_at = 0;
    counter.run();
    CHECK(counter.values("step") == "1 2 3 4 5 6 7 8 9 10 11 12 ");
    CHECK(counter.values("num_tokens") == "1 3 6 10 15 21 28 36 45 55 66 78 ");
    CHECK(counter.values("sum") == counter.values("num_tokens"));
    // Begun anew, the loop writes its rows anew, and leaves those of others alone.
    counter.run();
    CHECK(counter.values("step") == "1 2 3 4 5 6 7 8 9 10 11 12 ");
    CHECK(read_jsonl(counter.folder.path / "metrics.jsonl")[0]["stage"].string() == "earlier");
}

TEST_CASE("global_step after an interruption is that of a loop that was never interrupted") {
    Counter interrupted, whole;
    for (Counter* counter : {&interrupted, &whole}) {
        counter->loop.steps = 60, counter->loop.log_every = 20;
        counter->metrics.log("earlier", 9, {});
    }
    interrupted.signal_at = 37;  // its last row is that of step 20
    CHECK_THROWS(interrupted.run());
    interrupted.signal_at = 0;
    interrupted.run();
    whole.run();
    CHECK(interrupted.values("global_step") == whole.values("global_step"));
    CHECK(whole.values("global_step") == "10 11 12 13 14 15 16 17 18 19 29 49 69 ");
}

TEST_CASE("a damaged state is refused with its folder and what to do, and nothing is trained") {
    Counter counter;
    counter.signal_at = 5;
    CHECK_THROWS(counter.run());
    const fs::path state = counter.loop.directory / "state.json";
    const Json saved = read_json(state);
    counter.signal_at = 0;
    const auto message = [&](const std::string& text) {
        write_file(state, text);
        return error_of([&] { counter.run(); });
    };
    const auto with = [&](const char* key, Json value) {
        Json changed = saved;
        return dump(changed.set(key, std::move(value)));
    };
    for (const std::string& text : {std::string("{"), std::string("[]"), std::string("{}"), with("step", -1),
                                    with("step", 0), with("step", 12), with("step", 1e15), with("step", "5"),
                                    with("num_tokens", -3), with("fingerprint", 1)}) {
        const std::string error = message(text);
        CHECK_MESSAGE(contains(error, "count cannot go on from " + counter.loop.directory.string() + ": "), text);
        CHECK_MESSAGE(error.ends_with("; delete that folder, and the stage starts anew"), error);
    }
    CHECK(counter.finished == 0);
    CHECK(counter.values("step") == "1 2 3 4 5 ");
}

TEST_CASE("a state with another fingerprint is not resumed") {
    Counter counter;
    counter.signal_at = 5;
    CHECK_THROWS(counter.run());
    counter.loop.fingerprint = "another";
    counter.loop.restore = [](const fs::path&) { FAIL("it was resumed"); };
    counter.signal_at = 0;
    counter.run();
    CHECK(counter.sum == 78);
    CHECK(counter.values("step") == "1 2 3 4 5 6 7 8 9 10 11 12 ");
}

TEST_CASE("the first ten steps have a row, then every so many, and the last one") {
    Counter counter;
    counter.loop.steps = 25, counter.loop.log_every = 20;
    counter.run();
    CHECK(counter.values("step") == "1 2 3 4 5 6 7 8 9 10 20 25 ");
}

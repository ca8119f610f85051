// The training loop: it resumes where it was interrupted, reports each step, and saves its state at intervals.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "../base/interrupt.h"
#include "../base/progress.h"
#include "../io/training_state.h"

namespace cai {

struct StepReport {
    NamedValues progress, metrics;  // for the progress line, and for metrics.jsonl
    size_t tokens;                  // that the step processed
};

struct ResumableLoop {
    std::string stage;
    const char* unit = "step";  // what the messages call a step
    size_t steps = 0;
    size_t log_every = 1;             // steps between rows of metrics.jsonl; the first ten and the last always have one
    std::string learning_rate;        // the option and its value, for the message if training diverges
    std::string fingerprint;          // of all that determines the outcome: a state with another one is not resumed
    std::filesystem::path directory;  // where the state is saved
    double save_every_seconds = 60;
    std::function<StepReport(size_t step)> step;  // counted from 0
    // Writes into a directory everything that later steps depend on, including this state.json, to which it may add.
    std::function<void(const std::filesystem::path& directory, Json state)> save;
    std::function<void(const std::filesystem::path& directory)> restore;
    std::function<void()> finish;  // saves the result; the state is removed afterwards
};

// A resumed loop ends with the same result, to the last bit, as an uninterrupted one. On a signal to stop, it saves the
// state and throws stopped_by(). An error in a step is reported with the step's number.
inline void run_loop(const ResumableLoop& loop, Metrics& metrics) {
    size_t first = 0, tokens = 0;
    const std::filesystem::path found = find_checkpoint(loop.directory);
    if (has_training_state(found)) {
        try {
            const Json state = read_json(found / "state.json");
            if (state["fingerprint"].string() == loop.fingerprint) {
                first = state["step"].natural(), tokens = state["num_tokens"].natural();
                expects(first > 0 && first < loop.steps, "\"step\" is ", first, " of ", loop.steps);
                loop.restore(found);
                note(loop.stage, concat("resumes at ", loop.unit, " ", first, " of ", loop.steps));
            }
        } catch (const Error& error) {
            fail(error.status, loop.stage, " cannot go on from ", found, ": ", error.what(),
                 "; delete that folder, and the stage starts anew");
        }
    }
    metrics.drop_after(loop.stage, first);

    using Clock = std::chrono::steady_clock;
    Clock::time_point saved = Clock::now();
    const size_t tokens_before = tokens;
    Progress progress(loop.stage, loop.steps);
    for (size_t step = first + 1; step <= loop.steps; step++) {
        StepReport report;
        try {
            report = loop.step(step - 1);
        } catch (const Error& error) {
            fail(error.status, loop.stage, ", ", loop.unit, " ", step,
                 error.status == kDiverged ? " with " + loop.learning_rate : "", ": ", error.what());
        }
        tokens += report.tokens;
        progress.update(step, report.progress, tokens - tokens_before);
        if (step <= 10 || step % loop.log_every == 0 || step == loop.steps) {  // the first ten, to compare devices
            report.metrics.emplace_back("num_tokens", tokens);
            metrics.log(loop.stage, step, report.metrics);
        }
        if (step == loop.steps) break;  // the result is about to be saved
        const bool due = std::chrono::duration<double>(Clock::now() - saved).count() >= loop.save_every_seconds;
        if (!due && !stop_signal) continue;
        const Json state = Json::Object{{"fingerprint", loop.fingerprint}, {"step", step}, {"num_tokens", tokens}};
        replace_directory(loop.directory, [&](const auto& temporary) { loop.save(temporary, state); });
        saved = Clock::now();
        if (stop_signal)
            fail(stopped_by(), loop.stage, ": interrupted after ", loop.unit, " ", step, " of ", loop.steps,
                 "; the same command goes on from there");
    }
    progress.done();
    loop.finish();
    std::filesystem::remove_all(find_checkpoint(loop.directory));
}

}  // namespace cai

// metrics.jsonl in the run directory: one line of named numbers per logged step of a stage.
#pragma once
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "json.h"

namespace cai {

using NamedValues = std::vector<std::pair<std::string, double>>;

// Appends to a run's metrics.jsonl: one flat object per line, "step", "global_step", "time" (Unix seconds) and "stage"
// first, then the values, under the names that TRL uses; those of PPO are TRL's up to 1.12.0, the last with a
// PPOTrainer. "step" is counted from 1 in each stage. "global_step" rises from row to row through the whole file: by
// the steps since the row before it, and in a stage's first row by that row's step. JSON has no NaN or infinity, so
// they are written as null. The file is opened, and created, by the first log(): a run that is only read may be
// write-protected, or named by mistake.
class Metrics {
  public:
    explicit Metrics(const std::filesystem::path& path) : path_(path) {}

    // Flushed at once: after a crash the file holds everything logged.
    void log(const std::string& stage, size_t step, const NamedValues& values) {
        if (!file_) open();
        const size_t before = last_.stage == stage ? last_.step : 0;
        last_ = {stage, step, last_.global_step + (step > before ? step - before : 1)};
        double time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        Json json;
        json.set("step", step).set("global_step", last_.global_step).set("time", std::round(time * 1e3) / 1e3);
        json.set("stage", stage);
        for (const auto& [name, value] : values) json.set(name, std::isfinite(value) ? Json(value) : Json());
        std::string line = dump(json) + '\n';
        bool written =
            std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() && !std::fflush(file_.get());
        expects(written, "cannot append to ", path_, ": ", std::strerror(errno));
    }

    // Deletes the rows of a stage after this step: those that a loop is about to write again, because it resumes there
    // or, at step 0, starts over. A line cut off by a crash is deleted too.
    void drop_after(const std::string& stage, size_t step) {
        if (!std::filesystem::is_regular_file(path_)) return;
        file_.reset();
        const std::string text = read_file(path_);
        std::string kept;
        each_row(text, [&](const Row& row, const Json& json) {
            if (row.stage != stage || row.step <= step) kept += dump(json) + '\n';
        });
        if (kept != text) write_file(path_, kept);
    }

  private:
    struct Row {
        std::string stage;
        size_t step = 0, global_step = 0;
    };

    // Calls visit(row, its object) for each whole line. Errors: a line that is no row.
    template <class Visit>
    void each_row(const std::string& text, Visit visit) const {
        each_of_jsonl(text.substr(0, text.rfind('\n') + 1), path_.string(), [&](const Json& json) {
            const Json* global_step = json.find("global_step");  // files of older programs have none
            visit(Row{json["stage"].string(), json["step"].natural(), global_step ? global_step->natural() : 0}, json);
        });
    }

    void open() {
        last_ = {};
        if (std::filesystem::is_regular_file(path_))
            each_row(read_file(path_), [&](const Row& row, const Json&) { last_ = row; });
        std::error_code error;
        if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
        expects(!error, "cannot make the folder of ", path_, ": ", error.message());
        file_.reset(std::fopen(path_.c_str(), "ab"));
        expects(file_ != nullptr, "cannot append to ", path_, ": ", std::strerror(errno));
    }

    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::filesystem::path path_;
    Row last_;  // the file's last row
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace cai

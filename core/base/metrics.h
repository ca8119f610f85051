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

// Appends to a run's metrics.jsonl: one flat object per line, "step", "time" (Unix seconds) and "stage" first, then the
// values, under the names that TRL uses; those of PPO are TRL's up to 1.12.0, the last with a PPOTrainer. Steps are
// counted from 1 in each stage: a reader who plots several stages groups the rows by "stage" first. JSON has no NaN or
// infinity, so they are written as null. The file is opened, and created, by the first log(): a run that is only read
// may be write-protected, or named by mistake.
class Metrics {
  public:
    explicit Metrics(const std::filesystem::path& path) : path_(path) {}

    // Flushed at once: after a crash the file holds everything logged.
    void log(const std::string& stage, size_t step, const NamedValues& values) {
        if (!file_) open();
        double time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        Json json;
        json.set("step", step).set("time", std::round(time * 1e3) / 1e3).set("stage", stage);
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
        std::vector<Json> rows = parse_jsonl(text.substr(0, text.rfind('\n') + 1), path_.string());
        std::erase_if(rows, [&](const Json& row) {
            return row["stage"].string() == stage && row["step"].integer() > static_cast<int64_t>(step);
        });
        if (std::string kept = dump_jsonl(rows); kept != text) write_file(path_, kept);
    }

  private:
    void open() {
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
    std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace cai

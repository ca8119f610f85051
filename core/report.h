// What a run tells: a live line for each stage and notes on stderr, metrics.jsonl in the run directory, tables on
// stdout. stdout belongs to results; everything here but the tables goes to stderr. To be called from one thread.
#pragma once
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "expects.h"
#include "json.h"

namespace cai {

using NamedValues = std::vector<std::pair<std::string, double>>;

inline bool quiet = false;           // --quiet: no progress and no notes; warnings stay
inline bool live_line_open = false;  // the cursor stands at the end of a line that the next output must clear

// "12 s", "3 min 05 s", "2 h 07 min".
inline std::string format_duration(double seconds) {
    char text[64];
    long long s = std::llround(std::max(seconds, 0.0));
    if (s < 60)
        std::snprintf(text, sizeof text, "%lld s", s);
    else if (s < 3600)
        std::snprintf(text, sizeof text, "%lld min %02lld s", s / 60, s % 60);
    else
        std::snprintf(text, sizeof text, "%lld h %02lld min", s / 3600, s / 60 % 60);
    return text;
}

// Four significant digits: "0.6931", "12.35", "1.235e-05", "1.235e+04"; "-" for what is not a number.
inline std::string format_value(double value) {
    if (std::isnan(value)) return "-";
    char text[32];
    std::snprintf(text, sizeof text, "%.4g", value);
    return text;
}

// "987", "12.3k", "4.6M".
inline std::string format_count(double count) {
    char text[32];
    if (count < 999.5)
        std::snprintf(text, sizeof text, "%.0f", count);
    else if (count < 999950)
        std::snprintf(text, sizeof text, "%.1fk", count / 1e3);
    else
        std::snprintf(text, sizeof text, "%.1fM", count / 1e6);
    return text;
}

// A terminal that can redraw a line. Colour also needs NO_COLOR to be unset or empty (no-color.org).
inline bool terminal_is_live() {
    const char* term = std::getenv("TERM");
    return isatty(STDERR_FILENO) && term && std::string(term) != "dumb";
}
inline bool terminal_has_colour() {
    const char* no_colour = std::getenv("NO_COLOR");
    return terminal_is_live() && !(no_colour && *no_colour);
}
inline size_t terminal_width() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// One line on its own, whether or not a live line is being drawn.
inline void print_line(std::ostream& out, const std::string& text) {
    if (std::exchange(live_line_open, false)) out << "\r\x1b[K";
    out << text << std::endl;
}
inline void note(const std::string& stage, const std::string& text, std::ostream& out = std::cerr) {
    if (!quiet) print_line(out, stage + ": " + text);
}
inline void warn(const std::string& text, std::ostream& out = std::cerr, bool colour = terminal_has_colour()) {
    print_line(out, (colour ? "\x1b[33mwarning:\x1b[0m " : "warning: ") + text);
}

// The progress of a stage in one line: "sft 120/500  loss 2.31  13.2k tokens/s  41 s left". A live terminal sees it
// redrawn at most ten times a second; a file gets a line at most every five seconds, and one at the end.
class Progress {
  public:
    Progress(std::string stage, size_t steps, std::ostream& out = std::cerr, bool live = terminal_is_live())
        : stage_(std::move(stage)), steps_(steps), out_(out), live_(live), started_(Clock::now()), printed_(started_) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { done(); }

    // step counts finished steps, up to `steps`; a resumed stage may start anywhere. tokens_done counts the tokens
    // since this Progress was made; 0 leaves their rate out.
    void update(size_t step, const NamedValues& values, size_t tokens_done = 0) {
        if (!updated_) first_step_ = step > 0 ? step - 1 : 0;
        step_ = step, values_ = values, tokens_ = tokens_done, updated_ = true;
        double since = seconds(printed_);
        if (quiet || since < (live_ ? 0.1 : 5.0)) return;
        printed_ = Clock::now();
        if (!live_) return print_line(out_, line());
        std::string text = line();
        out_ << '\r' << text.substr(0, std::min(text.size(), terminal_width() - 1)) << "\x1b[K" << std::flush;
        live_line_open = true;
    }

    // Leaves the line's last state on the screen. The destructor does it too, for stages that end by an exception.
    void done() {
        if (std::exchange(closed_, true) || quiet || !updated_) return;
        print_line(out_, line());
    }

  private:
    using Clock = std::chrono::steady_clock;
    static double seconds(Clock::time_point since) {
        return std::chrono::duration<double>(Clock::now() - since).count();
    }

    std::string line() const {
        double elapsed = std::max(seconds(started_), 1e-9);
        std::string text = concat(stage_, ' ', step_, '/', steps_);
        for (const auto& [name, value] : values_) text += "  " + name + ' ' + format_value(value);
        if (tokens_) text += "  " + format_count(static_cast<double>(tokens_) / elapsed) + " tokens/s";
        if (step_ >= steps_ || closed_) return text + "  took " + format_duration(elapsed);
        double per_step = elapsed / static_cast<double>(std::max<size_t>(step_ - first_step_, 1));
        return text + "  " + format_duration(per_step * static_cast<double>(steps_ - step_)) + " left";
    }

    std::string stage_;
    size_t steps_, step_ = 0, first_step_ = 0, tokens_ = 0;
    NamedValues values_;
    std::ostream& out_;
    bool live_, updated_ = false, closed_ = false;
    Clock::time_point started_, printed_;
};

// Appends to a run's metrics.jsonl: one flat object a line, "step", "time" (Unix seconds) and "stage" first, then the
// values, named as TRL names them. JSON has no NaN and no infinity: they are written as null. The file is opened, and made,
// by the first line: a run that is only read may be read-only, or a mistake.
class Metrics {
  public:
    explicit Metrics(const std::filesystem::path& path) : path_(path) {}

    // Flushed at once: after a crash the file holds all that was logged.
    void log(const std::string& stage, size_t step, const NamedValues& values) {
        if (!file_) open();
        double time = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
        Json json;
        json.set("step", step).set("time", std::round(time * 1e3) / 1e3).set("stage", stage);
        for (const auto& [name, value] : values) json.set(name, std::isfinite(value) ? Json(value) : Json());
        std::string line = dump(json) + '\n';
        bool written =
            std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size() && !std::fflush(file_.get());
        expects(written, "cannot append to ", path_.string(), ": ", std::strerror(errno));
    }

  private:
    void open() {
        std::error_code error;
        if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
        expects(!error, "cannot make the folder of ", path_.string(), ": ", error.message());
        file_.reset(std::fopen(path_.c_str(), "ab"));
        expects(file_ != nullptr, "cannot append to ", path_.string(), ": ", std::strerror(errno));
    }

    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    std::filesystem::path path_;
    std::unique_ptr<std::FILE, Close> file_;
};

// Rows of cells as text in columns; the first row is the header and gets a rule under it. A column whose cells below
// the header all start like numbers is aligned to the right. Rows may be shorter than the header, not longer.
inline std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    if (rows.empty()) return "";
    auto width_of = [](const std::string& cell) {  // in characters: the bytes that do not continue one
        return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    };
    auto numeric = [](const std::string& cell) {
        size_t i = cell.find_first_not_of("+-.<>~ ");
        return cell.empty() || cell == "-" || (i != cell.npos && cell[i] >= '0' && cell[i] <= '9');
    };
    size_t columns = rows[0].size();
    std::vector<size_t> widths(columns, 0);
    std::vector<bool> right(columns, rows.size() > 1);
    for (size_t r = 0; r < rows.size(); r++) {
        expects(rows[r].size() <= columns, "row ", r, " of a table has ", rows[r].size(), " cells under a header of ",
                columns);
        for (size_t c = 0; c < rows[r].size(); c++) {
            widths[c] = std::max(widths[c], width_of(rows[r][c]));
            if (r > 0 && !numeric(rows[r][c])) right[c] = false;
        }
    }
    std::string text;
    for (size_t r = 0; r < rows.size(); r++) {
        std::string line;
        for (size_t c = 0; c < columns; c++) {
            std::string cell = c < rows[r].size() ? rows[r][c] : "";
            std::string padding(widths[c] - width_of(cell), ' ');
            line += (c ? "  " : "") + (right[c] ? padding + cell : cell + padding);
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
        for (size_t c = 0; r == 0 && c < columns; c++) text += (c ? "  " : "") + std::string(widths[c], '-');
        if (r == 0) text += '\n';
    }
    return text;
}

}  // namespace cai

// Progress on stderr: a live line for each stage, notes and warnings. stdout is
// reserved for results. Call these from one thread only.
#pragma once
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <utility>

#include "format.h"
#include "metrics.h"

namespace cai {

inline bool quiet = false;           // --quiet: no progress and no notes; warnings stay
inline bool live_line_open = false;  // the cursor is at the end of a line that the next output must clear

// Can the terminal redraw a line? Colour also requires NO_COLOR to be unset or empty (no-color.org).
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

// Prints a separate line, clearing the live line first if there is one.
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

// The progress of a stage in one line: "sft 120/500  loss 2.31  13.2k tokens/s  41 s left". On a live terminal it is
// redrawn at most ten times a second; a file gets at most one line every five seconds, and one at the end.
class Progress {
  public:
    Progress(std::string stage, size_t steps, std::ostream& out = std::cerr, bool live = terminal_is_live())
        : Progress(std::move(stage), steps, out, live, live ? 0.1 : 5.0) {}
    Progress(std::string stage, size_t steps, std::ostream& out, bool live, double seconds_between_lines)
        : stage_(std::move(stage)),
          steps_(steps),
          out_(out),
          live_(live),
          seconds_between_lines_(seconds_between_lines),
          started_(Clock::now()),
          printed_(started_) {}
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress() { done(); }

    // step: the number of finished steps, up to `steps`; a resumed stage may start anywhere. tokens_done: the tokens
    // processed since this Progress was created; 0 omits the rate.
    void update(size_t step, const NamedValues& values, size_t tokens_done = 0) {
        if (!updated_) first_step_ = step > 0 ? step - 1 : 0;
        step_ = step, values_ = values, tokens_ = tokens_done, updated_ = true, told_ = false;
        if (quiet || seconds(printed_) < seconds_between_lines_) return;
        printed_ = Clock::now();
        told_ = !live_;
        if (!live_) return print_line(out_, line());
        std::string text = line();
        out_ << '\r' << text.substr(0, std::min(text.size(), terminal_width() - 1)) << "\x1b[K" << std::flush;
        live_line_open = true;
    }

    // Prints the final state, unless the file already has it. The destructor
    // calls this too, for stages that end with an exception.
    void done() {
        if (std::exchange(closed_, true) || quiet || !updated_ || told_) return;
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
    bool live_, updated_ = false, told_ = false, closed_ = false;  // told: the file already shows the last update
    double seconds_between_lines_;
    Clock::time_point started_, printed_;
};

}  // namespace cai

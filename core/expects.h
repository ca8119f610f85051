// Errors: one sentence that says what is wrong, where, and what to do next.
// Everything that can fail throws cai::Error; only main catches it and turns it into an exit status.
#pragma once
#include <csignal>
#include <sstream>
#include <stdexcept>
#include <string>

namespace cai {

enum ExitStatus {
    kDone = 0,
    kBadInput = 1,       // unreadable or malformed files, failed writes
    kUsage = 2,          // a command line that makes no sense
    kDiverged = 3,       // NaN or infinity while training
    kNoDevice = 4,       // --device names something this build or machine lacks
    // 130 and 143: interrupted by Ctrl-C or a termination request, after the state was saved (stopped_by)
};

class Error : public std::runtime_error {
  public:
    Error(int status, const std::string& message) : std::runtime_error(message), status(status) {}
    int status;
};

template <class... Parts>
std::string concat(const Parts&... parts) {
    std::ostringstream text;
    (text << ... << parts);
    return text.str();
}

template <class... Parts>
[[noreturn]] void fail(int status, const Parts&... parts) {
    throw Error(status, concat(parts...));
}

// The signal that asked the program to stop (Ctrl-C: SIGINT), or 0. Long loops look at it between steps, save what they have, and
// fail with stopped_by(): 128 + the signal's number, as shells report it.
inline volatile std::sig_atomic_t stop_signal = 0;
inline int stopped_by() { return 128 + static_cast<int>(stop_signal); }

// expects(condition, "file ", path, ": line ", n, " ...") throws kBadInput when the condition does not hold.
template <class... Parts>
void expects(bool condition, const Parts&... parts) {
    if (!condition) fail(kBadInput, parts...);
}

}  // namespace cai

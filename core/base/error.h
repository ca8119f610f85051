// Errors: one sentence that says what is wrong, where, and what to do next. Everything that can fail throws cai::Error;
// only main catches it and turns it into an exit status.
#pragma once
#if defined(__clang__) ? __clang_major__ < 13 : __GNUC__ < 11
#error \
    "cai needs g++ 11 or clang++ 13, or a later one: choose it with make CXX=..., or install it (Debian: g++ or clang)."
#endif
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace cai {

enum ExitStatus {
    kDone = 0,
    kBadInput = 1,       // unreadable or malformed files, failed writes
    kUsage = 2,          // a command line that makes no sense
    kDiverged = 3,       // NaN or infinity while training
    kNoDevice = 4,       // --device names something this build or machine lacks
    // 130, 143 and 129: interrupted by Ctrl-C, a termination request or a
    // closed terminal, after the state was saved (stopped_by)
};

class Error : public std::runtime_error {
  public:
    Error(int status, const std::string& message) : std::runtime_error(message), status(status) {}
    int status;
};

// The text of a value, as a stream prints it: numbers with six significant digits.
inline void append_text(std::string& text, std::string_view value) { text += value; }
inline void append_text(std::string& text, char value) { text += value; }
template <class Number>
    requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
void append_text(std::string& text, Number value) {
    if constexpr (std::is_floating_point_v<Number>) {
        char digits[32];
        std::snprintf(digits, sizeof digits, "%g", static_cast<double>(value));
        text += digits;
    } else if constexpr (std::is_enum_v<Number>) {
        text += std::to_string(static_cast<long long>(value));
    } else {
        text += std::to_string(value);
    }
}

template <class... Parts>
std::string concat(const Parts&... parts) {
    std::string text;
    (append_text(text, parts), ...);
    return text;
}

template <class... Parts>
[[noreturn]] void fail(int status, const Parts&... parts) {
    throw Error(status, concat(parts...));
}

// expects(condition, "file ", path, ": line ", n, " ...") throws kBadInput when the condition does not hold.
template <class... Parts>
void expects(bool condition, const Parts&... parts) {
    if (!condition) fail(kBadInput, parts...);
}

}  // namespace cai

// Errors: one sentence that says what is wrong, where, and what to do next. Everything that can fail throws cai::Error;
// only main catches it and turns it into an exit status.
#pragma once
#if defined(__clang__) ? __clang_major__ < 13 : __GNUC__ < 11
#error \
    "cai needs g++ 11 or clang++ 13, or a later one: choose it with make CXX=..., or install it (Debian: g++ or clang)."
#endif
#include <cstdio>
#include <initializer_list>
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

// One part of a text: a string, a path, a character or a number, which becomes text only where concat() needs it.
class Part {
  public:
    Part(std::string_view value) : text_(value), kind_(Kind::text) {}
    Part(const std::string& value) : Part(std::string_view(value)) {}
    Part(const char* value) : Part(std::string_view(value)) {}
    template <class Path>
        requires requires(const Path& path) { path.native().data(); }
    Part(const Path& path) : Part(std::string_view(path.native())) {}
    Part(char value) : integer_(value), kind_(Kind::character) {}
    template <class Number>
        requires std::is_arithmetic_v<Number> || std::is_enum_v<Number>
    Part(Number value) {
        if constexpr (std::is_floating_point_v<Number>)
            number_ = value, kind_ = Kind::number;
        else if constexpr (std::is_unsigned_v<Number>)
            natural_ = value, kind_ = Kind::natural;
        else
            integer_ = static_cast<long long>(value), kind_ = Kind::integer;
    }

    // As a stream prints it: numbers with six significant digits.
    void append_to(std::string& text) const {
        char digits[32];
        switch (kind_) {
            case Kind::text: text += text_; break;
            case Kind::character: text += static_cast<char>(integer_); break;
            case Kind::integer: text += std::to_string(integer_); break;
            case Kind::natural: text += std::to_string(natural_); break;
            case Kind::number: text.append(digits, std::snprintf(digits, sizeof digits, "%g", number_)); break;
        }
    }

  private:
    enum class Kind { text, character, integer, natural, number };
    union {
        std::string_view text_;
        long long integer_;
        unsigned long long natural_;
        double number_;
    };
    Kind kind_;
};

inline std::string join_parts(std::initializer_list<Part> parts) {
    std::string text;
    for (const Part& part : parts) part.append_to(text);
    return text;
}

template <class... Parts>
std::string concat(const Parts&... parts) {
    return join_parts({Part(parts)...});
}

[[noreturn]] inline void fail_with(int status, std::initializer_list<Part> parts) {
    throw Error(status, join_parts(parts));
}

template <class... Parts>
[[noreturn]] void fail(int status, const Parts&... parts) {
    fail_with(status, {Part(parts)...});
}

// expects(condition, "file ", path, ": line ", n, " ...") throws kBadInput when the condition does not hold.
template <class... Parts>
[[gnu::always_inline]] inline void expects(bool condition, const Parts&... parts) {
    if (!condition) fail_with(kBadInput, {Part(parts)...});
}

// What read() returns. An error of it begins with `where`, such as the path of the file that it reads.
template <class Read>
auto located(const std::string& where, Read read) {
    try {
        return read();
    } catch (const Error& error) {
        fail(error.status, where, ": ", error.what());
    }
}

}  // namespace cai

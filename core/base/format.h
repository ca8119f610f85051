// Numbers formatted for people: durations, values and counts.
#pragma once
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <string>

namespace cai {

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

// Four significant digits: "0.6931", "12.35", "1.235e-05", "1.235e+04"; "-" for NaN.
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

// The fewest digits that read back as the same number: 0.02 for
// 0.02f, 0.019999999552965164 for the same value as a double.
template <class Number>
std::string shortest(Number value) {
    char text[64];
    return std::string(text, std::to_chars(text, text + sizeof text, value).ptr);
}

// The text padded with spaces on the right to the width, with at least one space.
inline std::string padded(const std::string& text, size_t width) {
    return text + std::string(text.size() < width ? width - text.size() : 1, ' ');
}

// "93 %".
inline std::string whole_percent(double share) { return std::to_string(std::lround(100 * share)) + " %"; }

// "34,000".
inline std::string with_commas(size_t number) {
    std::string digits = std::to_string(number);
    for (size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
    return digits;
}

// "1 line", "12 lines".
inline std::string counted(size_t number, const std::string& one) {
    return with_commas(number) + " " + one + (number == 1 ? "" : "s");
}

}  // namespace cai

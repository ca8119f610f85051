// Exact parsing of numbers, the same in every locale: the decimal sign is a point, and 0.1 becomes the nearest double.
#pragma once
#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>
#include <system_error>

#ifndef __cpp_lib_to_chars
#include <clocale>
#include <cstdlib>
#if __has_include(<xlocale.h>)
#include <xlocale.h>
#endif
#endif

namespace cai {

using std::from_chars;

#ifndef __cpp_lib_to_chars
// Before version 20, libc++ has from_chars for integers only; floats fall back to C's function in the locale "C".
template <std::floating_point Number>
std::from_chars_result from_chars(const char* begin, const char* end, Number& value) {
    const std::string text(begin, end);
    // C accepts more: leading spaces, a leading plus and hexadecimal digits.
    if (text.starts_with('+') || text.find_first_not_of("0123456789+-.eE") != text.npos)
        return {begin, std::errc::invalid_argument};
    static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", nullptr);
    char* stop;
    if constexpr (std::same_as<Number, float>)
        value = strtof_l(text.c_str(), &stop, c_locale);
    else
        value = strtod_l(text.c_str(), &stop, c_locale);
    if (stop == text.c_str()) return {begin, std::errc::invalid_argument};
    const bool has_digit = text.substr(0, text.find_first_of("eE")).find_first_of("123456789") != text.npos;
    const bool fits = std::isfinite(value) && (value != 0 || !has_digit);
    return {begin + (stop - text.c_str()), fits ? std::errc() : std::errc::result_out_of_range};
}
#endif

// Parses all of `text` as one finite number, with nothing before or after it and no leading plus. Returns std::errc(),
// invalid_argument if it is not such a number, or result_out_of_range if `Number` cannot hold it.
template <class Number>
std::errc parse_number(std::string_view text, Number& value) {
    const char* end = text.data() + text.size();
    const auto [stop, error] = from_chars(text.data(), end, value);
    if (error != std::errc()) return error;
    return stop == end && std::isfinite(static_cast<double>(value)) ? error : std::errc::invalid_argument;
}

}  // namespace cai

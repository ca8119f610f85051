// Numbers from text: the same in every locale, with every compiler's library.
#include <doctest/doctest.h>

#include <clocale>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "../core/base/numbers.h"
#include "../core/base/rng.h"

using namespace cai;

namespace {

template <class Number>
Number parsed(const std::string& text) {
    Number value = 0;
    CAPTURE(text);
    CHECK(parse_number(text, value) == std::errc());
    return value;
}

template <class Number>
std::errc refusal(const std::string& text) {
    Number value = 0;
    return parse_number(text, value);
}

}  // namespace

TEST_CASE("numbers: the nearest one, to the last bit") {
    CHECK(parsed<double>("0") == 0);
    CHECK(std::signbit(parsed<double>("-0")));
    CHECK(parsed<double>("0e5") == 0);
    CHECK(parsed<double>("-1.5E+3") == -1500);
    CHECK(parsed<double>("0.1") == 0.1);
    CHECK(parsed<float>("0.1") == 0.1f);
    CHECK(parsed<double>("5e-324") == std::numeric_limits<double>::denorm_min());
    CHECK(parsed<double>("1.7976931348623157e308") == std::numeric_limits<double>::max());
    // Just above the middle between two floats: above it as a double too, but only the first rounding sees that.
    CHECK(parsed<float>("1.00000005960464477540") == 1.0f + std::numeric_limits<float>::epsilon());
    CHECK(parsed<int64_t>("-9223372036854775807") == -9223372036854775807);
    Rng rng(1);
    for (int i = 0; i < 1000; i++) {
        const double number = (rng.uniform() - 0.5) * std::pow(10.0, static_cast<double>(rng.below(600)) - 300);
        char text[32];
        CHECK(parsed<double>({text, std::to_chars(text, text + sizeof text, number).ptr}) == number);
        std::snprintf(text, sizeof text, "%.17g", number);
        CHECK(parsed<double>(text) == number);
    }
}

TEST_CASE("numbers: what is none, and what does not fit") {
    for (const char* text :
         {"", "-", "+1", " 1", "1 ", "\t1", "0x10", "1e", "1,5", "--1", "1-1", "1x", "inf", "nan", "-inf"}) {
        CAPTURE(text);
        CHECK(refusal<double>(text) == std::errc::invalid_argument);
        CHECK(refusal<float>(text) == std::errc::invalid_argument);
        CHECK(refusal<int>(text) == std::errc::invalid_argument);
    }
    for (const char* text : {"1e400", "-1e400", "1e-400"})
        CHECK(refusal<double>(text) == std::errc::result_out_of_range);
    for (const char* text : {"1e39", "-1e39", "1e-50"}) CHECK(refusal<float>(text) == std::errc::result_out_of_range);
    CHECK(refusal<int>("2147483648") == std::errc::result_out_of_range);
    CHECK(refusal<int>("1.5") == std::errc::invalid_argument);
}

TEST_CASE("numbers: a locale with a decimal comma changes nothing") {
    const std::string before = std::setlocale(LC_ALL, nullptr);
    for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8"})
        std::setlocale(LC_ALL, locale);  // where they are installed
    CHECK(parsed<double>("0.5") == 0.5);
    CHECK(refusal<double>("0,5") == std::errc::invalid_argument);
    std::setlocale(LC_ALL, before.c_str());
}

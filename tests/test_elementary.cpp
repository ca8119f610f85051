// core/base/elementary.h: each function against the C library's in long double, its special cases, and a checksum of
// 100,000 results, which another machine, compiler or flag has to reproduce.
//
// The checksums are those of a program in Python, whose floats are doubles and whose + - * / are never fused: the same
// formulas written again there. It is in tests/fixtures/make_elementary_checksums.py.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "../core/base/elementary.h"
#include "../core/base/rng.h"

using namespace cai;

namespace {

using Function = double (*)(double);
using Exact = long double (*)(long double);

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kMax = std::numeric_limits<double>::max(), kMin = std::numeric_limits<double>::min();
constexpr double kTiny = std::numeric_limits<double>::denorm_min();

// The i-th of a stream of numbers in [0, 1), from 53 bits.
double uniform(uint64_t key, uint64_t i) { return static_cast<double>(mix(key, i) >> 11) * 0x1p-53; }

// How far `got` is from `exact`, in the distance of the doubles there.
double ulps(double got, long double exact) {
    if (std::isinf(got)) return std::fabs(exact) > kMax ? 0 : kInfinity;
    int exponent = 0;
    std::frexp(exact, &exponent);
    const long double unit = std::ldexp(1.0L, std::max(exponent - 53, -1074));
    return static_cast<double>(std::fabs(static_cast<long double>(got) - exact) / unit);
}

// The largest error at n points of [low, high], evenly spaced but for a random part.
double worst(Function function, Exact exact, double low, double high, size_t n = 300000) {
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = low + (high - low) * ((static_cast<double>(i) + uniform(1, i)) / static_cast<double>(n));
        const double error = ulps(function(x), exact(x));
        if (!(error <= most)) most = error;
    }
    return most;
}

// Of positive doubles of all sizes, and of their negatives.
double worst_of_all_sizes(Function function, Exact exact, double largest, bool negative) {
    double most = 0;
    for (size_t i = 0; i < 300000; i++) {
        const double size = elementary::double_of(mix(2, i) % elementary::bits_of(largest));
        const double x = negative && i % 2 ? -size : size, error = ulps(function(x), exact(x));
        if (!(error <= most)) most = error;
    }
    return most;
}

uint64_t checksum(const std::function<double(uint64_t)>& result) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 100000; i++) sum = mix(sum ^ elementary::bits_of(result(i)));
    return sum;
}

}  // namespace

TEST_CASE("elementary: errors are within the stated ulps") {
    const Function exp = elementary::exp, log = elementary::log;
    CHECK(worst(exp, std::exp, -745.2, 709.79) < 1);
    CHECK(worst(exp, std::exp, -1, 1) < 1);
    CHECK(worst_of_all_sizes(exp, std::exp, 700, true) < 1);
    CHECK(worst(elementary::expm1, std::expm1, -50, 50) < 2);
    CHECK(worst(elementary::expm1, std::expm1, -1, 1) < 2);
    CHECK(worst_of_all_sizes(elementary::expm1, std::expm1, 700, true) < 2);
    CHECK(worst(log, std::log, 0, 10) < 1);
    CHECK(worst(log, std::log, 0.5, 2) < 1);
    CHECK(worst_of_all_sizes(log, std::log, kMax, false) < 1);
    CHECK(worst(elementary::log1p, std::log1p, -1, 3) < 2);
    CHECK(worst(elementary::log1p, std::log1p, -0.001, 0.001) < 2);
    CHECK(worst_of_all_sizes(elementary::log1p, std::log1p, kMax, false) < 2);
    CHECK(worst_of_all_sizes(elementary::log1p, std::log1p, 1, true) < 2);
    CHECK(worst(elementary::sin, std::sin, -7, 7) < 1);
    CHECK(worst(elementary::cos, std::cos, -7, 7) < 1);
    CHECK(worst(elementary::tan, std::tan, -7, 7) < 3);
    CHECK(worst(elementary::sin, std::sin, -1e6, 1e6) < 1);
    CHECK(worst(elementary::cos, std::cos, -1e6, 1e6) < 1);
    CHECK(worst_of_all_sizes(elementary::sin, std::sin, 1e6, true) < 1);
    CHECK(worst_of_all_sizes(elementary::cos, std::cos, 1e6, true) < 1);
}

// The doubles nearest to n pi/2: all that is left after the reduction is what they round away.
TEST_CASE("elementary: sine and cosine near their zeros") {
    const long double half_pi = 1.57079632679489661923132169163975144L;
    double most = 0;
    for (int n = 1; n < 600000; n++) {
        const double angle = static_cast<double>(static_cast<long double>(n) * half_pi);
        most = std::max(most, n % 2 ? ulps(elementary::cos(angle), std::cos(static_cast<long double>(angle)))
                                    : ulps(elementary::sin(angle), std::sin(static_cast<long double>(angle))));
    }
    CHECK(most < 1.1);
}

TEST_CASE("elementary: pow is within 4e-16 (1 + |y log x|)") {
    double most = 0;
    for (size_t i = 0; i < 300000; i++) {
        const double x = 1000 * uniform(3, i), y = 200 * (uniform(4, i) - 0.5);
        const long double exact = std::pow(static_cast<long double>(x), static_cast<long double>(y));
        if (exact > kMax || exact < kMin) continue;
        const double error = static_cast<double>(std::fabs(elementary::pow(x, y) / exact - 1));
        most = std::max(most, error / (1 + std::abs(y * std::log(x))));
    }
    CHECK(most > 0);
    CHECK(most < 4e-16);
    CHECK(elementary::pow(0, 0) == 1);
    CHECK(elementary::pow(0, 2) == 0);
    CHECK(elementary::pow(0, -2) == kInfinity);
    CHECK(elementary::pow(1, 1e300) == 1);
    CHECK(elementary::pow(0.95, 1e9) == 0);
    CHECK(std::isnan(elementary::pow(-1, 2)));
}

TEST_CASE("elementary: exact cases, ends and NaN") {
    CHECK(elementary::exp(0.0) == 1);
    CHECK(elementary::exp(-kInfinity) == 0);
    CHECK(elementary::exp(kInfinity) == kInfinity);
    CHECK(elementary::exp(709.7827128933840) < kInfinity);
    CHECK(elementary::exp(709.7827128933841) == kInfinity);
    CHECK(elementary::exp(kMax) == kInfinity);
    CHECK(elementary::exp(-745.1332191019411) == kTiny);
    CHECK(elementary::exp(-745.14) == 0);
    CHECK(elementary::exp(-kMax) == 0);
    CHECK(elementary::expm1(0.0) == 0);
    CHECK(std::signbit(elementary::expm1(-0.0)));
    CHECK(elementary::expm1(kTiny) == kTiny);
    CHECK(elementary::expm1(-kInfinity) == -1);
    CHECK(elementary::expm1(kInfinity) == kInfinity);
    CHECK(elementary::log(1.0) == 0);
    CHECK(elementary::log(0.0) == -kInfinity);
    CHECK(elementary::log(-0.0) == -kInfinity);
    CHECK(elementary::log(kInfinity) == kInfinity);
    CHECK(elementary::log(kTiny) == doctest::Approx(-744.4400719213812).epsilon(1e-15));
    CHECK(elementary::log(kMax) == doctest::Approx(709.782712893384).epsilon(1e-15));
    CHECK(elementary::log1p(0.0) == 0);
    CHECK(std::signbit(elementary::log1p(-0.0)));
    CHECK(elementary::log1p(kTiny) == kTiny);
    CHECK(elementary::log1p(-1.0) == -kInfinity);
    CHECK(elementary::log1p(kInfinity) == kInfinity);
    CHECK(elementary::sin(0.0) == 0);
    CHECK(std::signbit(elementary::sin(-0.0)));
    CHECK(elementary::sin(kTiny) == kTiny);
    CHECK(elementary::cos(0.0) == 1);
    CHECK(elementary::cos(kTiny) == 1);
    CHECK(elementary::tan(0.0) == 0);
    for (Function function : {Function{elementary::exp}, Function{elementary::log}, elementary::expm1,
                              elementary::log1p, elementary::sin, elementary::cos, elementary::tan})
        CHECK(std::isnan(function(kNaN)));
    for (Function function : {elementary::sin, elementary::cos, elementary::tan}) {
        CHECK(std::isnan(function(kInfinity)));
        CHECK_THROWS_AS(function(1.1e6), Error);
    }
    CHECK(std::isnan(elementary::log(-1.0)));
    CHECK(std::isnan(elementary::log(-kInfinity)));
    CHECK(std::isnan(elementary::log1p(-2.0)));
    CHECK(elementary::exp(1.0f) == 2.71828183f);
    CHECK(elementary::log(2.0f) == 0.693147181f);
}

TEST_CASE("elementary: 100,000 results of each have the bits that plain arithmetic gives") {
    namespace e = elementary;
    CHECK(checksum([](uint64_t i) { return e::exp(1400 * (uniform(5, i) - 0.5)); }) == 0xfdc4d9777ac808b0);
    CHECK(checksum([](uint64_t i) { return e::expm1(20 * (uniform(5, i) - 0.5)); }) == 0x23a24d4f195d4c64);
    CHECK(checksum([](uint64_t i) { return e::log(e::double_of(mix(i) % 0x7ff0000000000000 + 1)); }) ==
          0x32277d44a46906a2);
    CHECK(checksum([](uint64_t i) { return e::log1p(2 * uniform(5, i) - 1 + 0x1p-60); }) == 0x633bfbab6b36611d);
    CHECK(checksum([](uint64_t i) { return e::pow(10 * uniform(5, i), 20 * (uniform(6, i) - 0.5)); }) ==
          0xd99642acb075c08b);
    CHECK(checksum([](uint64_t i) { return e::sin(2e6 * (uniform(5, i) - 0.5)); }) == 0xfc0a5a1021da1d1a);
    CHECK(checksum([](uint64_t i) { return e::cos(2e6 * (uniform(5, i) - 0.5)); }) == 0xea2b05eb5af408d7);
    CHECK(checksum([](uint64_t i) { return e::tan(100 * uniform(5, i)); }) == 0xc1990c60b36d0afa);
}

// Elementary functions with the same bits on every machine. The C library's exp, log, pow, sin, cos differ between
// libraries, their releases and processors with and without FMA; these are made of + - * / on doubles, which IEEE 754
// rounds in one way only, and of sqrt, which it does too and which stays std::sqrt. The build must not fuse a product
// and a sum into one operation (-ffp-contract=off).
//
// Every series is Taylor's, cut where the next term no longer matters, after the usual reduction of the argument
// (Muller, Elementary Functions, 2016). Errors are in ulp, the distance of two neighbouring doubles.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "error.h"

namespace cai::elementary {

// Adding and subtracting it rounds to a whole number: doubles this large have no fraction bits.
constexpr double kRound = 0x1.8p52;

// The first has so few bits that its product with a whole number up to 2^20 is exact; high + low = ln 2.
constexpr double kLn2High = 0x1.62e42feep-1, kLn2Low = 0x1.a39ef35793c76p-33;

inline double double_of(uint64_t bits) {
    double x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}
inline uint64_t bits_of(double x) {
    uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
// 2^n for -1022 <= n <= 1023: n written into the exponent's bits.
inline double power_of_two(int n) { return double_of(static_cast<uint64_t>(n + 1023) << 52); }

// e^x = 2^n (1 + p) with x = n ln 2 + r and |r| <= ln(2)/2, for |x| < 2000. The series runs to r^13/13!.
struct Exponential {
    int n;
    double p;

    explicit Exponential(double x) {
        const double whole = (x * 0x1.71547652b82fep+0 + kRound) - kRound;  // x / ln 2
        const double high = x - whole * kLn2High, low = whole * kLn2Low;
        const double r = high - low, lost = (high - r) - low;
        double y = 1.0 / 6227020800;
        y = y * r + 1.0 / 479001600;
        y = y * r + 1.0 / 39916800;
        y = y * r + 1.0 / 3628800;
        y = y * r + 1.0 / 362880;
        y = y * r + 1.0 / 40320;
        y = y * r + 1.0 / 5040;
        y = y * r + 1.0 / 720;
        y = y * r + 1.0 / 120;
        y = y * r + 1.0 / 24;
        y = y * r + 1.0 / 6;
        y = y * r + 0.5;
        p = r + (lost + r * r * y);
        n = static_cast<int>(whole);
    }
};

// e^x to 1 ulp: 0 below -745.2, infinity above 709.8, NaN of NaN.
inline double exp(double x) {
    if (std::isnan(x)) return x;
    if (x > 710) return std::numeric_limits<double>::infinity();
    if (x < -746) return 0;
    const Exponential e(x);
    const int half = e.n / 2;  // 2^n itself need not be a double
    return (1 + e.p) * power_of_two(half) * power_of_two(e.n - half);
}

// e^x - 1 to 2 ulp, for small x too.
inline double expm1(double x) {
    if (!(x < 40)) return exp(x);  // where the 1 no longer shows
    if (x < -40) return -1;
    if (x == 0) return x;
    const Exponential e(x);
    const double scale = power_of_two(e.n);
    return scale * e.p + (scale - 1);
}

// The natural logarithm to 1 ulp: -infinity of 0, NaN of negative numbers. x = 2^k (1 + f) with 1 + f in
// [sqrt(1/2), sqrt(2)); with s = f / (2 + f), log(1 + f) = 2 atanh(s) = 2s + s R, R = 2s²/3 + 2s⁴/5 + ... to 2s²⁰/21,
// and 2s = f - s f, s f = f²/2 - s f²/2, so that the largest term, f, is exact.
inline double log(double x) {
    if (x == 0) return -std::numeric_limits<double>::infinity();
    if (!(x > 0)) return std::numeric_limits<double>::quiet_NaN();
    if (x > std::numeric_limits<double>::max()) return x;
    int k = 0;
    if (x < std::numeric_limits<double>::min()) x *= 0x1p54, k = -54;  // subnormal: its exponent is in the fraction
    const uint64_t bits = bits_of(x);
    k += static_cast<int>(bits >> 52) - 1023;
    double m = double_of((bits & 0xfffffffffffffull) | bits_of(1));
    if (m > 1.4142135623730951) m *= 0.5, k++;
    const double f = m - 1, s = f / (2 + f), z = s * s, half_square = 0.5 * f * f;
    double R = 2.0 / 21;
    R = R * z + 2.0 / 19;
    R = R * z + 2.0 / 17;
    R = R * z + 2.0 / 15;
    R = R * z + 2.0 / 13;
    R = R * z + 2.0 / 11;
    R = R * z + 2.0 / 9;
    R = R * z + 2.0 / 7;
    R = R * z + 2.0 / 5;
    R = R * z + 2.0 / 3;
    R *= z;
    return k * kLn2High - ((half_square - (s * (half_square + R) + k * kLn2Low)) - f);
}

// log(1 + x) to 2 ulp, for small x too: what rounding 1 + x loses is added to the first order.
inline double log1p(double x) {
    if (!(x < 0x1p53)) return log(x);
    const double u = 1 + x;
    if (u <= 0 || x == 0) return x == 0 ? x : log(u);
    const double lost = x < 1 ? x - (u - 1) : 1 - (u - x);
    return log(u) + lost / u;
}

// x^y for x >= 0, to a relative error of 4e-16 (1 + |y log x|).
inline double pow(double x, double y) { return y == 0 ? 1 : exp(y * log(x)); }

// An angle as n π/2 + r + rest, |r| <= π/4, by subtracting π/2 in three parts, of which the first two have so few bits
// that their products with n are exact. Errors: an angle above a million.
struct Quarter {
    int n;
    double r, rest;

    explicit Quarter(double angle) {
        expects(std::abs(angle) <= 1e6, "sin and cos: the angle ", angle, " is above a million; reduce it first");
        constexpr double kFirst = 0x1.921fb544p+0, kSecond = 0x1.0b4611a6p-34, kThird = 0x1.3198a2e037073p-69;
        const double whole = (angle * 0x1.45f306dc9c883p-1 + kRound) - kRound;  // angle · 2/π
        const double first = angle - whole * kFirst, product = whole * kSecond, high = first - product;
        const double back = first - high, lost = (first - (high + back)) + (back - product);  // Knuth's exact rest
        const double low = lost - whole * kThird;
        n = static_cast<int>(whole);
        r = high + low;
        rest = (high - r) + low;
    }

    // sin(r + rest): the series to r^19/19!.
    double sine() const {
        const double z = r * r;
        double y = -1.0 / 121645100408832000;
        y = y * z + 1.0 / 355687428096000;
        y = y * z - 1.0 / 1307674368000;
        y = y * z + 1.0 / 6227020800;
        y = y * z - 1.0 / 39916800;
        y = y * z + 1.0 / 362880;
        y = y * z - 1.0 / 5040;
        y = y * z + 1.0 / 120;
        y = y * z - 1.0 / 6;
        return r + (rest * (1 - 0.5 * z) + r * z * y);
    }

    // cos(r + rest): the series to r^18/18!.
    double cosine() const {
        const double z = r * r, half = 0.5 * z, one = 1 - half;
        double y = -1.0 / 6402373705728000;
        y = y * z + 1.0 / 20922789888000;
        y = y * z - 1.0 / 87178291200;
        y = y * z + 1.0 / 479001600;
        y = y * z - 1.0 / 3628800;
        y = y * z + 1.0 / 40320;
        y = y * z - 1.0 / 720;
        y = y * z + 1.0 / 24;
        return one + (((1 - one) - half) + (z * z * y - r * rest));
    }
};

// Sine and cosine to 1.1 ulp, the tangent to 3, for angles up to a million; NaN of NaN and of infinity.
inline double sin(double angle) {
    if (!std::isfinite(angle)) return std::numeric_limits<double>::quiet_NaN();
    if (angle == 0) return angle;
    const Quarter quarter(angle);
    const double size = quarter.n & 1 ? quarter.cosine() : quarter.sine();
    return quarter.n & 2 ? -size : size;
}
inline double cos(double angle) {
    if (!std::isfinite(angle)) return std::numeric_limits<double>::quiet_NaN();
    const Quarter quarter(angle);
    const double size = quarter.n & 1 ? quarter.sine() : quarter.cosine();
    return (quarter.n + 1) & 2 ? -size : size;
}
inline double tan(double angle) { return sin(angle) / cos(angle); }

// Floats are computed as doubles and rounded once more.
inline float exp(float x) { return static_cast<float>(exp(static_cast<double>(x))); }
inline float log(float x) { return static_cast<float>(log(static_cast<double>(x))); }

}  // namespace cai::elementary

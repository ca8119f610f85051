// Vectors of floats as wide as the machine's registers, in the notation GCC and Clang share: + - * /
// and comparisons work lane by lane, a scalar operand is broadcast to all lanes, and a product that
// is added becomes one fused multiply-add.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace cai::cpu {

#if defined(__AVX512F__)
constexpr size_t kLanes = 16;
#elif defined(__AVX__)
constexpr size_t kLanes = 8;
#else
constexpr size_t kLanes = 4;
#endif

typedef float Vector __attribute__((vector_size(kLanes * sizeof(float))));
typedef uint32_t Integers __attribute__((vector_size(kLanes * sizeof(uint32_t))));  // unsigned: overflow wraps

constexpr size_t divide_up(size_t n, size_t unit) { return (n + unit - 1) / unit; }
constexpr size_t round_up(size_t n, size_t unit) { return divide_up(n, unit) * unit; }
constexpr size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

inline Vector load(const float* from) {
    Vector v;
    std::memcpy(&v, from, sizeof v);
    return v;
}
inline void store(float* to, Vector v) { std::memcpy(to, &v, sizeof v); }

// The last vector of a row: only its first n lanes exist (all of them when n >= kLanes), the others read as 0.
inline Vector load(const float* from, size_t n) {
    if (n >= kLanes) return load(from);
    Vector v = {};
    std::memcpy(&v, from, n * sizeof(float));
    return v;
}
inline void store(float* to, Vector v, size_t n) {
    if (n >= kLanes) return store(to, v);
    std::memcpy(to, &v, n * sizeof(float));
}

inline Vector broadcast(float x) { return Vector{} + x; }
inline Vector max(Vector a, Vector b) { return a > b ? a : b; }

// 0, 1, 2 ...
template <size_t... i>
constexpr Integers lane_numbers(std::index_sequence<i...>) {
    return Integers{i...};
}
constexpr Integers kLaneNumbers = lane_numbers(std::make_index_sequence<kLanes>());

// v in the first n lanes, `other` in the rest.
inline Vector first_lanes(Vector v, size_t n, float other) {
    return kLaneNumbers < static_cast<uint32_t>(n) ? v : broadcast(other);
}

// Rotates the lanes down by `distance`.
template <size_t distance, size_t... i>
inline Vector rotate(Vector v, std::index_sequence<i...>) {
#ifdef __clang__
    return __builtin_shufflevector(v, v, ((i + distance) % kLanes)...);
#else
    return __builtin_shuffle(v, Integers{((i + distance) % kLanes)...});
#endif
}

// The sum and the maximum of all lanes, by folding the vector in half again and again: always in the same order.
template <size_t half = kLanes / 2>
inline float sum_lanes(Vector v) {
    if constexpr (half == 0)
        return v[0];
    else
        return sum_lanes<half / 2>(v + rotate<half>(v, std::make_index_sequence<kLanes>()));
}
template <size_t half = kLanes / 2>
inline float max_lanes(Vector v) {
    if constexpr (half == 0)
        return v[0];
    else
        return max_lanes<half / 2>(max(v, rotate<half>(v, std::make_index_sequence<kLanes>())));
}

// e^x to a relative error of 2e-7. x = n ln 2 + r with n an integer and |r| <= ln(2)/2; the Taylor series up to r^7/7!
// is exact to 5e-9 there, and 2^n is n written into a float's exponent bits. Below -87.33, where results are no longer
// normal numbers, it is 0; above 88.37 infinity; NaN stays NaN.
inline Vector exp(Vector x) {
    constexpr float kRound = 0x1.8p23f;                                  // floats this large have no fraction bits
    constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // n kLn2High is exact, high + low = ln 2
    x = 89.0f < x ? broadcast(89) : x;
    const Vector shifted = x * 0x1.715476p+0f + kRound;  // x / ln 2, rounded to a whole number
    const Vector n = shifted - kRound;
    const Vector r = (x - n * kLn2High) - n * kLn2Low;
    Vector y = r * (1.0f / 5040) + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    const Integers exponent = (Integers)shifted - ((Integers)broadcast(kRound) - 127u);
    return x < -87.33f ? Vector{} : y * (Vector)(exponent << 23);
}

}  // namespace cai::cpu

// Vectors of floats as wide as the machine's registers, in the notation GCC and Clang share: + - * / and comparisons
// work lane by lane, and a scalar operand is broadcast to all lanes.
//
// Results have the same bits on every machine, whatever this width: what one lane computes does not depend on it, a
// product and a sum are rounded once where the source says multiply_add and twice everywhere else (the build says
// -ffp-contract=off), and sums over lanes are taken over kSumLanes of them.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>
#if defined(__FMA__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

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

inline Vector broadcast(float x) { return x - Vector{}; }  // x + 0 would turn -0 into 0
inline Vector max(Vector a, Vector b) { return a > b ? a : b; }

// a b + c, rounded once. A processor without the instruction computes it lane by lane through std::fma, which rounds
// in the same way: slower by far, but what one machine trained can be checked on any other.
inline Vector multiply_add(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__)
    return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX__) && defined(__FMA__)
    return (Vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__ARM_FEATURE_FMA)
    return (Vector)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
    for (size_t i = 0; i < kLanes; ++i) c[i] = std::fma(a[i], b[i], c[i]);
    return c;
#endif
}

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

// A running sum over the lanes of many vectors that does not depend on their width: position i is added to sum
// i % kSumLanes, and the sums are folded in half, 16, 8, 4, 2, 1, as sum_lanes folds the widest vectors.
constexpr size_t kSumLanes = 16;
struct LaneSum {
    Vector part[kSumLanes / kLanes] = {};

    // The sum that takes the vector from position i on, a multiple of kLanes.
    Vector& at(size_t i) { return part[i / kLanes % (kSumLanes / kLanes)]; }
    void add(size_t i, Vector v) { at(i) += v; }
    void add_product(size_t i, Vector a, Vector b) { at(i) = multiply_add(a, b, at(i)); }

    float total() const {
        Vector sums[kSumLanes / kLanes];
        for (size_t p = 0; p < kSumLanes / kLanes; ++p)
            sums[p] = part[p] + 0.0f;  // -0 becomes 0, as it does where a wider vector has padding to add
        for (size_t half = kSumLanes / kLanes / 2; half > 0; half /= 2)
            for (size_t p = 0; p < half; ++p) sums[p] += sums[p + half];
        return sum_lanes(sums[0]);
    }
};

// e^x to a relative error of 2e-7. x = n ln 2 + r with n an integer and |r| <= ln(2)/2; the Taylor series up to r^7/7!
// is exact to 5e-9 there, and 2^n is n written into a float's exponent bits. Below -87.33, where results are no longer
// normal numbers, it is 0; above 88.37 infinity; NaN stays NaN.
inline Vector exp(Vector x) {
    constexpr float kRound = 0x1.8p23f;                                  // floats this large have no fraction bits
    constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;  // n kLn2High is exact, high + low = ln 2
    x = 89.0f < x ? broadcast(89) : x;
    const Vector shifted = multiply_add(x, broadcast(0x1.715476p+0f), broadcast(kRound));  // x / ln 2, a whole number
    const Vector n = shifted - kRound;
    const Vector r = multiply_add(n, broadcast(-kLn2Low), multiply_add(n, broadcast(-kLn2High), x));
    Vector y = multiply_add(r, broadcast(1.0f / 5040), broadcast(1.0f / 720));
    y = multiply_add(y, r, broadcast(1.0f / 120));
    y = multiply_add(y, r, broadcast(1.0f / 24));
    y = multiply_add(y, r, broadcast(1.0f / 6));
    y = multiply_add(y, r, broadcast(0.5f));
    y = multiply_add(y, r, broadcast(1));
    y = multiply_add(y, r, broadcast(1));
    const Integers exponent = (Integers)shifted - ((Integers)broadcast(kRound) - 127u);
    return x < -87.33f ? Vector{} : y * (Vector)(exponent << 23);
}

}  // namespace cai::cpu

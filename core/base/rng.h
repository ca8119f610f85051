// Counter-based random numbers: every draw is a pure function of (seed, stream, index), so results depend neither on
// the number of threads nor on the order of the work, and a resumed run continues where it stopped.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "elementary.h"

namespace cai {

// The finalizer of SplitMix64 (Steele, Lea & Flood 2014): a bijection that scatters its input over 64 bits.
inline uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
    return x ^ (x >> 31);
}

inline uint64_t mix(uint64_t a, uint64_t b) { return mix(mix(a) ^ b); }

// The number of a named stream (FNV-1a): Rng(seed, stream("world")).
inline uint64_t stream(std::string_view name) {
    uint64_t h = 0xcbf29ce484222325ull;
    for (unsigned char c : name) h = (h ^ c) * 0x100000001b3ull;
    return h;
}

// A float in [0, 1), from the top 24 bits, so that it is exact.
inline float uniform01(uint64_t bits) { return static_cast<float>(bits >> 40) * 0x1p-24f; }

// normal_from: a draw from normal(0, 1), given two from [0, 1), by the Box-Muller
// transform. normal_at: the i-th of a stream of such draws.
inline float normal_from(float u, float v) {
    return static_cast<float>(std::sqrt(-2.0 * elementary::log(1.0 - u)) * elementary::cos(6.283185307179586 * v));
}
inline float normal_at(uint64_t key, uint64_t i) {
    return normal_from(uniform01(mix(key, 2 * i)), uniform01(mix(key, 2 * i + 1)));
}

struct Rng {
    uint64_t key;
    uint64_t index = 0;

    explicit Rng(uint64_t seed, uint64_t stream_number = 0) : key(mix(seed, stream_number)) {}

    uint64_t next() { return mix(key, index++); }
    float uniform() { return uniform01(next()); }
    bool chance(double probability) { return uniform() < probability; }
    // Uniform in [0, n). The bias, at most n / 2^64, is far below anything measured here.
    size_t below(size_t n) { return static_cast<size_t>((static_cast<unsigned __int128>(next()) * n) >> 64); }
    float normal() {
        float u = uniform(), v = uniform();
        return normal_from(u, v);
    }
    template <class T>
    const T& pick(const std::vector<T>& items) { return items[below(items.size())]; }
    template <class T>
    void shuffle(std::vector<T>& items) {
        for (size_t i = items.size(); i > 1; i--) std::swap(items[i - 1], items[below(i)]);
    }
};

}  // namespace cai

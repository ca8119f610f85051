// What the tests of numbers share: a comparator that cannot be fooled by NaN, guarded memory, central differences.
// tests/test_check.cpp plants faults in front of each of them.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "../core/base/error.h"
#include "../core/base/rng.h"
#include "../core/nn/kernels.h"
#include "support.h"

namespace cai::check {

// Every backend of this build that has a device here: a kernel's test runs on each.
inline std::vector<const Kernels*> backends() {
    try {
        cuda_kernels.device();
        return {&cpu_kernels, &plain_kernels, &cuda_kernels};
    } catch (const Error& error) {
        MESSAGE(error.what());
        return {&cpu_kernels, &plain_kernels};
    }
}

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// How far numbers may be apart, and the reason, which a failure repeats.
struct Tolerance {
    double relative;  // of the L2 norm of the difference to the L2 norm of what is expected
    double absolute;  // of any single element
    const char* why;
};

// Sums of up to a few thousand products of order 1, rounded after each: about sqrt(length) roundings of 6e-8.
constexpr Tolerance kFloatSums = {2e-6, 2e-4, "float sums against double"};
// A few operations and one exponential: a few roundings of 6e-8, relative to values of order 1 to 10.
constexpr Tolerance kFloatSteps = {5e-7, 1e-5, "a few float operations against double"};

// Central differences with h = 1e-5: h² times a third derivative of order 1 to 100, and 1e-16 / h of rounding.
constexpr Tolerance kDifferences = {1e-7, 1e-6, "gradients in double against central differences, h = 1e-5"};

// Empty when actual agrees with expected; otherwise what is wrong. NaN and infinities must stand in the same places
// before any distance is measured: NaN compares false with everything, so a maximum of differences would not see it.
template <class A, class E>
std::string difference(const std::vector<A>& actual, const std::vector<E>& expected, Tolerance tolerance) {
    if (actual.size() != expected.size())
        return concat("has ", actual.size(), " elements, expected are ", expected.size());
    auto kind = [](double x) { return std::isnan(x) ? 2 : std::isinf(x) ? (x > 0 ? 1 : -1) : 0; };
    double squares = 0, scale = 0, worst = -1;
    size_t where = 0;
    for (size_t i = 0; i < actual.size(); ++i) {
        const double a = actual[i], e = expected[i];
        if (kind(a) != kind(e)) return concat("element ", i, " is ", a, ", expected is ", e);
        if (kind(e)) continue;
        squares += (a - e) * (a - e);
        scale += e * e;
        if (std::abs(a - e) > worst) worst = std::abs(a - e), where = i;
    }
    if (std::sqrt(squares) > tolerance.relative * std::sqrt(scale))
        return concat("relative L2 error ", std::sqrt(squares / scale), " exceeds ", tolerance.relative, " (",
                      tolerance.why, "); worst is element ", where, ": ", actual[where], ", expected is ",
                      expected[where]);
    if (worst > tolerance.absolute)
        return concat("element ", where, " is ", actual[where], ", expected is ", expected[where], ", off by ", worst,
                      ", more than ", tolerance.absolute, " (", tolerance.why, ")");
    return "";
}

// Empty when both hold the same bits, even where they are NaN.
template <class T>
std::string bit_difference(const std::vector<T>& a, const std::vector<T>& b) {
    if (a.size() != b.size()) return concat("has ", a.size(), " elements, expected are ", b.size());
    for (size_t i = 0; i < a.size(); ++i)
        if (std::memcmp(&a[i], &b[i], sizeof(T)))
            return concat("element ", i, " is ", a[i], ", expected are the very bits of ", b[i]);
    return "";
}

// Memory of a backend with canaries on both sides.
template <class T>
class Guarded {
  public:
    Guarded(const Kernels& kernels, const std::vector<T>& contents)
        : kernels_(kernels), count_(contents.size()), memory_(kernels.allocate((count_ + 2 * kGuard) * sizeof(T))) {
        std::vector<T> all(count_ + 2 * kGuard, canary());
        std::copy(contents.begin(), contents.end(), all.begin() + kGuard);
        kernels_.upload(memory_, all.data(), all.size() * sizeof(T));
    }
    Guarded(const Guarded&) = delete;
    ~Guarded() { kernels_.release(memory_); }

    T* data() const { return static_cast<T*>(memory_) + kGuard; }
    operator T*() const { return data(); }

    // False when something wrote before the beginning or past the end.
    bool canaries_alive() const {
        const std::vector<T> all = everything();
        const T expected = canary();
        for (size_t i = 0; i < kGuard; ++i)
            if (std::memcmp(&all[i], &expected, sizeof(T)) ||
                std::memcmp(&all[kGuard + count_ + i], &expected, sizeof(T)))
                return false;
        return true;
    }
    std::vector<T> read() const {
        CHECK_MESSAGE(canaries_alive(), "a kernel wrote outside its output");
        const std::vector<T> all = everything();
        return std::vector<T>(all.begin() + kGuard, all.end() - kGuard);
    }

  private:
#ifdef __SANITIZE_ADDRESS__
    static constexpr size_t kGuard = 0;  // the sanitizer stands guard itself, and sees reads too
#else
    static constexpr size_t kGuard = 32;  // keeps the contents aligned like allocate's own memory
#endif
    static T canary() {
        if constexpr (std::is_floating_point_v<T>) return static_cast<T>(-12345.678);
        return static_cast<T>(-123456789);
    }
    std::vector<T> everything() const {
        std::vector<T> all(count_ + 2 * kGuard);
        kernels_.download(all.data(), memory_, all.size() * sizeof(T));
        return all;
    }
    const Kernels& kernels_;
    size_t count_;
    void* memory_;
};

using Floats = Guarded<float>;
using Ints = Guarded<int32_t>;

// What an output holds before a kernel that must overwrite it: an element left out shows as NaN.
inline std::vector<float> poison(size_t n) { return std::vector<float>(n, kNaN); }

inline std::vector<float> normals(size_t n, uint64_t seed, float scale = 1) {
    Rng rng(seed, stream("check"));
    std::vector<float> values(n);
    for (float& value : values) value = scale * rng.normal();
    return values;
}

inline std::vector<double> to_double(const std::vector<float>& x) { return {x.begin(), x.end()}; }

template <class T>
std::vector<T> slice(const std::vector<T>& x, size_t begin, size_t count) {
    return {x.begin() + begin, x.begin() + begin + count};
}

// Σ a b: the loss whose gradient with respect to b is a.
template <class A>
double inner(const std::vector<A>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
    return sum;
}

// The gradient of f at x by central differences: with h = 1e-5 and f in double, the error is about h² + 1e-16/h =
// 1e-10.
inline std::vector<double> central_differences(const std::function<double(const std::vector<double>&)>& f,
                                               std::vector<double> x, double h = 1e-5) {
    std::vector<double> gradient(x.size());
    for (size_t i = 0; i < x.size(); ++i) {
        const double at = x[i];
        x[i] = at + h;
        const double above = f(x);
        x[i] = at - h;
        const double below = f(x);
        x[i] = at;
        gradient[i] = (above - below) / (2 * h);
    }
    return gradient;
}

// Runs f with 1, 2 and 3 threads; empty when all results have the same bits.
inline std::string thread_difference(const Kernels& kernels, const std::function<std::vector<float>()>& f) {
    const AllThreads all_take_part;
    kernels.set_threads(1);
    const std::vector<float> one = f();
    std::string different;
    for (int threads : {2, 3}) {
        kernels.set_threads(threads);
        if (different.empty()) different = bit_difference(f(), one);
    }
    kernels.set_threads(0);
    return different;
}

}  // namespace cai::check

// The difference is the message of the failure.
#define CHECK_CLOSE(actual, expected, tolerance)                                        \
    do {                                                                                \
        const std::string wrong_ = cai::check::difference(actual, expected, tolerance); \
        CHECK_MESSAGE(wrong_.empty(), #actual " ", wrong_);                             \
    } while (false)
#define CHECK_BITS(actual, expected)                                             \
    do {                                                                         \
        const std::string wrong_ = cai::check::bit_difference(actual, expected); \
        CHECK_MESSAGE(wrong_.empty(), #actual " ", wrong_);                      \
    } while (false)
#define CHECK_THREADS(kernels, ...)                                                         \
    do {                                                                                    \
        const std::string wrong_ = cai::check::thread_difference(kernels, [&] __VA_ARGS__); \
        CHECK_MESSAGE(wrong_.empty(), "with more threads ", wrong_);                        \
    } while (false)

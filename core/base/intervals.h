// Confidence intervals for a mean, a rate, or any statistic of a sample. Pure functions on host vectors.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "elementary.h"
#include "error.h"
#include "rng.h"

namespace cai {

// An estimate with its confidence interval, of 95 % where nothing else is said.
struct Estimate {
    double value, low, high;
};

// P(|t| < bound) for Student's t with `degrees` degrees of freedom, where bound = sqrt(degrees) · tan(angle), by the
// finite sums of Abramowitz & Stegun 26.7.3 (odd) and 26.7.4 (even).
inline double student_t_coverage(double angle, size_t degrees) {
    bool odd = degrees % 2;
    double cosine = elementary::cos(angle), term = odd ? cosine : 1, sum = 0;
    for (size_t k = odd ? 1 : 0; k + 2 <= degrees; k += 2) {
        sum += term;
        term *= cosine * cosine * static_cast<double>(k + 1) / static_cast<double>(k + 2);
    }
    double inside = elementary::sin(angle) * sum;
    return odd ? (angle + inside) * 2 / M_PI : inside;
}

// The bound b with P(|t| < b) = coverage, which is above 0 and below 1.
inline double student_t_bound(double coverage, size_t degrees) {
    expects(degrees > 0, "Student's t needs at least 1 degree of freedom");
    expects(coverage > 0 && coverage < 1, "Student's t has no bound for a coverage of ", coverage);
    double low = 0, high = M_PI / 2;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        (student_t_coverage(middle, degrees) < coverage ? low : high) = middle;
    }
    return std::sqrt(static_cast<double>(degrees)) * elementary::tan(low);
}

// 12.706 at 1 degree of freedom, 2.776 at 4, tending to 1.960.
inline double student_t_95(size_t degrees) { return student_t_bound(0.95, degrees); }

// Mean ± t · s / sqrt(n), where s has Bessel's correction: for a quantity measured once per seed.
// To compare two methods on the same seeds, pass the paired differences. With one sample the
// interval is infinite on both sides. Errors: no samples.
inline Estimate mean_interval(const std::vector<double>& samples, double coverage = 0.95) {
    expects(!samples.empty(), "mean_interval: no samples");
    double n = static_cast<double>(samples.size()), squares = 0;
    double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
    if (samples.size() == 1)
        return {mean, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    for (double x : samples) squares += (x - mean) * (x - mean);
    double half = student_t_bound(coverage, samples.size() - 1) * std::sqrt(squares / (n - 1) / n);
    return {mean, mean - half, mean + half};
}

// A rate, hits / n, with Wilson's score interval (Wilson 1927), which
// stays within [0, 1] and remains accurate near 0 and 1:
//   (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n),  z = 1.959964.  Without trials: [0, 1].
inline Estimate rate_interval(size_t hits, size_t trials) {
    expects(hits <= trials, "rate_interval: ", hits, " hits in ", trials, " trials");
    if (trials == 0) return {0, 0, 1};
    const double z = 1.959963984540054, n = static_cast<double>(trials), p = static_cast<double>(hits) / n;
    double centre = p + z * z / (2 * n), half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    double low = (centre - half) / (1 + z * z / n), high = (centre + half) / (1 + z * z / n);
    return {p, hits == 0 ? 0 : low, hits == trials ? 1 : high};
}

// The difference of two independent rates, after - before, with Newcombe's interval (1998, method 10), from the Wilson
// intervals of both: d - sqrt((p2 - low2)² + (high1 - p1)²) to d + sqrt((high2 - p2)² + (p1 - low1)²).
inline Estimate difference_interval(Estimate before, Estimate after) {
    const double d = after.value - before.value;
    const auto square = [](double x) { return x * x; };
    return {d, d - std::sqrt(square(after.value - after.low) + square(before.high - before.value)),
            d + std::sqrt(square(after.high - after.value) + square(before.value - before.low))};
}

// Percentile bootstrap (Efron 1979) of any statistic of n items, such as an Elo over prompts. `statistic` receives the
// indices of the items drawn with replacement. The value is the statistic of the original items.
inline Estimate bootstrap_interval(size_t n, const std::function<double(const std::vector<size_t>&)>& statistic,
                                   uint64_t seed, size_t resamples = 1000) {
    expects(n > 0 && resamples >= 40, "bootstrap_interval: ", n, " items and ", resamples,
            " resamples; give at least 1 and 40");
    std::vector<size_t> items(n);
    std::iota(items.begin(), items.end(), size_t{0});
    double value = statistic(items);
    std::vector<double> draws(resamples);
    for (size_t r = 0; r < resamples; r++) {
        Rng rng(seed, r);
        for (size_t& item : items) item = rng.below(n);
        draws[r] = statistic(items);
    }
    std::sort(draws.begin(), draws.end());
    size_t tail = resamples / 40;  // 2.5 % on each side
    return {value, draws[tail], draws[resamples - 1 - tail]};
}

}  // namespace cai

// What an evaluation may claim: intervals, calibration, Elo. Pure functions on host vectors.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "expects.h"
#include "rng.h"

namespace cai {

// An estimate with its 95 % confidence interval.
struct Estimate {
    double value, low, high;
};

// P(|t| < bound) for Student's t with `degrees` degrees of freedom, where bound = sqrt(degrees) · tan(angle): the
// finite sums of Abramowitz & Stegun 26.7.3 (odd) and 26.7.4 (even).
inline double student_t_coverage(double angle, size_t degrees) {
    bool odd = degrees % 2;
    double cosine = std::cos(angle), term = odd ? cosine : 1, sum = 0;
    for (size_t k = odd ? 1 : 0; k + 2 <= degrees; k += 2) {
        sum += term;
        term *= cosine * cosine * static_cast<double>(k + 1) / static_cast<double>(k + 2);
    }
    double inside = std::sin(angle) * sum;
    return odd ? (angle + inside) * 2 / M_PI : inside;
}

// The bound that |t| stays below with probability 0.95: 12.706 at 1 degree of freedom, 2.776 at 4, 1.960 at many.
inline double student_t_95(size_t degrees) {
    expects(degrees > 0, "Student's t needs at least 1 degree of freedom");
    double low = 0, high = M_PI / 2;
    for (int i = 0; i < 60; i++) {
        double middle = 0.5 * (low + high);
        (student_t_coverage(middle, degrees) < 0.95 ? low : high) = middle;
    }
    return std::sqrt(static_cast<double>(degrees)) * std::tan(low);
}

// Mean ± t · s / sqrt(n), s with Bessel's correction: for a figure measured once a seed. For two methods on the same
// seeds pass the paired differences. One sample has no interval: it reaches from -infinity to infinity. Errors: no
// samples.
inline Estimate mean_interval(const std::vector<double>& samples) {
    expects(!samples.empty(), "mean_interval: no samples");
    double n = static_cast<double>(samples.size()), squares = 0;
    double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / n;
    if (samples.size() == 1)
        return {mean, -std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
    for (double x : samples) squares += (x - mean) * (x - mean);
    double half = student_t_95(samples.size() - 1) * std::sqrt(squares / (n - 1) / n);
    return {mean, mean - half, mean + half};
}

// A rate, hits / n, with Wilson's score interval (Wilson 1927), which stays in [0, 1] and honest near its ends:
//   (p + z²/2n ± z sqrt(p (1 - p) / n + z²/4n²)) / (1 + z²/n),  z = 1.959964.  Without trials: [0, 1].
inline Estimate rate_interval(size_t hits, size_t trials) {
    expects(hits <= trials, "rate_interval: ", hits, " hits in ", trials, " trials");
    if (trials == 0) return {0, 0, 1};
    const double z = 1.959963984540054, n = static_cast<double>(trials), p = static_cast<double>(hits) / n;
    double centre = p + z * z / (2 * n), half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    double low = (centre - half) / (1 + z * z / n), high = (centre + half) / (1 + z * z / n);
    return {p, hits == 0 ? 0 : low, hits == trials ? 1 : high};
}

// Percentile bootstrap (Efron 1979) of any figure computed from n items, such as an Elo over prompts: `statistic` gets
// the numbers of the items drawn, with replacement. The value is that of the items themselves.
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

// ---- Calibration ----

struct CalibrationBin {
    size_t count = 0;
    double mean_probability = 0, frequency = 0;  // predicted, observed; 0 in an empty bin
};

struct Calibration {
    double error = 0;  // expected calibration error
    std::vector<CalibrationBin> bins;
};

// Bins of equal width over [0, 1], each holding its lower edge and the last one 1 as well:
//   ECE = sum_b count_b / n · |frequency_b - mean_probability_b|   (Guo et al. 2017, 1706.04599, eq. 3, on p itself
//   rather
// than on the confidence of a class). outcomes: 1 where the event came true, 0 where not. 0 for no predictions.
// Errors: sizes differ, or a probability or outcome is outside [0, 1].
inline Calibration calibration(const std::vector<double>& probabilities, const std::vector<double>& outcomes,
                               size_t bin_count = 10) {
    expects(probabilities.size() == outcomes.size() && bin_count > 0, "calibration: ", probabilities.size(),
            " probabilities, ", outcomes.size(), " outcomes, ", bin_count, " bins");
    Calibration out;
    out.bins.resize(bin_count);
    for (size_t i = 0; i < probabilities.size(); i++) {
        double p = probabilities[i], y = outcomes[i];
        expects(p >= 0 && p <= 1 && y >= 0 && y <= 1, "calibration: item ", i, " has probability ", p, " and outcome ",
                y, "; both must lie in [0, 1]");
        CalibrationBin& bin =
            out.bins[std::min(static_cast<size_t>(p * static_cast<double>(bin_count)), bin_count - 1)];
        bin.count++, bin.mean_probability += p, bin.frequency += y;
    }
    for (CalibrationBin& bin : out.bins) {
        if (!bin.count) continue;
        out.error += std::abs(bin.frequency - bin.mean_probability) / static_cast<double>(probabilities.size());
        bin.mean_probability /= static_cast<double>(bin.count);
        bin.frequency /= static_cast<double>(bin.count);
    }
    return out;
}

// ---- Elo (Bai et al. 2022, 2204.05862, §2.4 and B.5) ----

// One nat of preference-model score in Elo points: 400 / ln 10. E = kEloPerNat · r.
inline constexpr double kEloPerNat = 173.71779276130073;

// P(win) of a model `elo_difference` points above its opponent, and back. Errors: a rate of 0 or 1 (infinitely far).
inline double win_rate_from_elo(double elo_difference) { return 1 / (1 + std::pow(10, -elo_difference / 400)); }
inline double elo_from_win_rate(double win_rate) {
    expects(win_rate > 0 && win_rate < 1, "elo_from_win_rate: no finite Elo has win rate ", win_rate);
    return kEloPerNat * std::log(win_rate / (1 - win_rate));
}

// The outcome of all games between models a and b.
struct Match {
    size_t a, b;
    double wins_a = 0, wins_b = 0, ties = 0;
};

struct EloOptions {
    double prior_draws = 1;  // virtual draws between every two models: keeps the undefeated and the unmatched finite
    bool ties_count_half = false;  // false: ties are dropped, as in the paper; true: half a win to each side
};

struct EloRating {
    double elo;             // points above model 0
    double standard_error;  // of that difference, from the curvature of the likelihood; 0 for model 0
};

// In place inverse of a symmetric positive definite n x n matrix (Gauss-Jordan; pivots are positive as it stands).
inline void invert(std::vector<double>& m, size_t n) {
    for (size_t k = 0; k < n; k++) {
        double pivot = m[k * n + k];
        m[k * n + k] = 1;
        for (size_t j = 0; j < n; j++) m[k * n + j] /= pivot;
        for (size_t i = 0; i < n; i++) {
            if (i == k) continue;
            double factor = m[i * n + k];
            m[i * n + k] = 0;
            for (size_t j = 0; j < n; j++) m[i * n + j] -= factor * m[k * n + j];
        }
    }
}

// Ratings r that maximise the Bradley-Terry likelihood  sum_{i,j} wins_ij · log sigma(r_i - r_j),  r_0 = 0, by Newton's
// method. No two models move apart by more than 1 nat a step: full steps can diverge, these always ascend (from Bach
// 2010, 0910.4627, proposition 1). Half of each virtual draw counts as a win of each side. Errors: a match names an
// unknown model or holds a negative count; without a prior, models fall into two groups of which one never beat the
// other, so that no finite maximum exists (Ford 1957).
inline std::vector<EloRating> elo_ratings(size_t models, const std::vector<Match>& matches,
                                          const EloOptions& options = {}) {
    expects(models > 0 && options.prior_draws >= 0, "elo_ratings: ", models, " models, ", options.prior_draws,
            " virtual draws; give at least 1 and 0");
    std::vector<double> wins(models * models);  // wins[i * models + j]: of i over j
    for (size_t i = 0; i < models; i++) {
        for (size_t j = 0; j < models; j++) wins[i * models + j] = i == j ? 0 : 0.5 * options.prior_draws;
    }
    for (const Match& match : matches) {
        expects(match.a < models && match.b < models && match.a != match.b, "elo_ratings: a match between models ",
                match.a, " and ", match.b, ", of ", models);
        expects(match.wins_a >= 0 && match.wins_b >= 0 && match.ties >= 0, "elo_ratings: models ", match.a, " and ",
                match.b, " have a negative or undefined number of games");
        double half = options.ties_count_half ? 0.5 * match.ties : 0;
        wins[match.a * models + match.b] += match.wins_a + half;
        wins[match.b * models + match.a] += match.wins_b + half;
    }

    // Ford's condition: following "beat" and following "was beaten by", model 0 reaches every other.
    for (bool forward : {true, false}) {
        std::vector<size_t> reached{0};
        std::vector<bool> seen(models);
        seen[0] = true;
        for (size_t k = 0; k < reached.size(); k++) {
            for (size_t j = 0; j < models; j++) {
                if (seen[j] || wins[forward ? reached[k] * models + j : j * models + reached[k]] <= 0) continue;
                seen[j] = true;
                reached.push_back(j);
            }
        }
        expects(reached.size() == models, "elo_ratings: some models never ", forward ? "lost to" : "beat",
                " the group of model 0, so their Elo is infinite; set prior_draws above 0");
    }

    size_t n = models - 1;  // the free ratings: those of models 1 .. n
    std::vector<double> ratings(models), gradient(n), covariance(n * n);
    for (int iteration = 0;; iteration++) {
        std::fill(gradient.begin(), gradient.end(), 0);
        std::fill(covariance.begin(), covariance.end(), 0);
        for (size_t i = 1; i < models; i++) {
            for (size_t j = 0; j < models; j++) {
                double won = wins[i * models + j], lost = wins[j * models + i];
                double p = 1 / (1 + std::exp(ratings[j] - ratings[i])), q = 1 / (1 + std::exp(ratings[i] - ratings[j]));
                double curvature = (won + lost) * p * q;  // q, not 1 - p: the nearly undefeated keep their digits
                gradient[i - 1] += won * q - lost * p;
                covariance[(i - 1) * n + i - 1] += curvature;
                if (j > 0) covariance[(i - 1) * n + j - 1] -= curvature;
            }
        }
        invert(covariance, n);  // of the negative Hessian: the step's matrix, and at the maximum the covariance
        std::vector<double> step(models);
        for (size_t i = 0; i < n; i++) {
            for (size_t j = 0; j < n; j++) step[i + 1] += covariance[i * n + j] * gradient[j];
        }
        double spread = *std::max_element(step.begin(), step.end()) - *std::min_element(step.begin(), step.end());
        if (spread < 1e-9) break;
        expects(iteration < 1000, "elo_ratings: no convergence; raise prior_draws above ", options.prior_draws);
        for (size_t i = 1; i < models; i++) ratings[i] += step[i] / std::max(1.0, spread);
    }

    std::vector<EloRating> out{{0, 0}};
    for (size_t i = 0; i < n; i++) {
        out.push_back({kEloPerNat * ratings[i + 1], kEloPerNat * std::sqrt(covariance[i * n + i])});
    }
    return out;
}

}  // namespace cai

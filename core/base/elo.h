// Elo ratings (Bai et al. 2022, 2204.05862, section 2.4 and B.5). Pure functions on host vectors.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "elementary.h"
#include "error.h"

namespace cai {

// One nat of preference-model score in Elo points: 400 / ln 10. E = kEloPerNat · r.
inline constexpr double kEloPerNat = 173.71779276130073;

// P(win) of a model `elo_difference` points above its opponent, and back. Errors: a rate of 0 or 1 (infinitely far).
inline double win_rate_from_elo(double elo_difference) { return 1 / (1 + elementary::pow(10, -elo_difference / 400)); }
inline double elo_from_win_rate(double win_rate) {
    expects(win_rate > 0 && win_rate < 1, "elo_from_win_rate: no finite Elo has win rate ", win_rate);
    return kEloPerNat * elementary::log(win_rate / (1 - win_rate));
}

// The outcome of all games between models a and b.
struct Match {
    size_t a, b;
    double wins_a = 0, wins_b = 0, ties = 0;
};

struct EloOptions {
    double prior_draws = 1;  // virtual draws for each pair of models: keep the undefeated and unmatched finite
    bool ties_count_half = false;  // false: ties are dropped, as in the paper; true: half a win to each side
};

struct EloRating {
    double elo;             // points above model 0
    double standard_error;  // of that difference, from the curvature of the log-likelihood; 0 for model 0
};

// In-place inverse of a symmetric positive definite n x n matrix (Gauss-Jordan;
// no pivoting is needed, since every pivot is positive).
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

// Ratings r that maximise the Bradley-Terry log-likelihood  sum_{i,j} wins_ij · log sigma(r_i - r_j),  r_0 = 0, by
// Newton's method. A step changes no rating difference by more than 1 nat: full steps can diverge, while these always
// ascend (from Bach 2010, 0910.4627, proposition 1). A virtual draw counts as half a win for each side. Errors: a match
// names an unknown model or has a negative count; or, without a prior, the models split into two groups one of which
// never beat the other, so that no finite maximum exists (Ford 1957).
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

    // Ford's condition: following "beat", and also following "was beaten by", model 0 reaches every other model.
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
                double p = 1 / (1 + elementary::exp(ratings[j] - ratings[i]));
                double q = 1 / (1 + elementary::exp(ratings[i] - ratings[j]));
                double curvature = (won + lost) * p * q;  // q rather than 1 - p, which loses digits as p nears 1
                gradient[i - 1] += won * q - lost * p;
                covariance[(i - 1) * n + i - 1] += curvature;
                if (j > 0) covariance[(i - 1) * n + j - 1] -= curvature;
            }
        }
        invert(covariance, n);  // of the negative Hessian: gives the Newton step, and at the maximum the covariance
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

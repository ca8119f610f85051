// From measures to verdicts: what a claim's statistic is with each seed, its intervals over the seeds, and the verdict
// that follows. Nobody writes a verdict; it is computed from the claim's margin, which is fixed before the run.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../base/elementary.h"
#include "../base/intervals.h"
#include "experiment.h"

namespace cai {

// A measure's value in a cell. Errors: the method does not measure it.
inline double value_of(const CellResult& cell, const std::string& measure) {
    for (const auto& [name, value] : cell.measures)
        if (name == measure) return value;
    fail(kBadInput, "there is no measure \"", measure, "\"");
}

inline bool matches(const Levels& levels, const Levels& where) {
    for (const auto& [factor, level] : where)
        if (levels.at(factor) != level) return false;
    return true;
}

// The mean of a measure over the cells of these levels.
inline double mean_of(const std::vector<CellResult>& cells, const std::string& measure, const Levels& where) {
    double sum = 0, n = 0;
    for (const CellResult& cell : cells)
        if (matches(cell.levels, where)) sum += value_of(cell, measure), n++;
    expects(n > 0, "there is no cell of the levels of a claim about \"", measure, "\"");
    return sum / n;
}

// The least-squares slope of log y on log x. Errors: a value is not above 0, or all x are the same.
inline double log_log_slope(const std::vector<double>& x, const std::vector<double>& y) {
    double mean_x = 0, mean_y = 0, products = 0, squares = 0;
    const double n = static_cast<double>(x.size());
    for (size_t i = 0; i < x.size(); i++) {
        expects(x[i] > 0 && y[i] > 0, "a slope of logarithms needs values above 0, not ", x[i], " and ", y[i]);
        mean_x += elementary::log(x[i]) / n;
        mean_y += elementary::log(y[i]) / n;
    }
    for (size_t i = 0; i < x.size(); i++) {
        const double dx = elementary::log(x[i]) - mean_x;
        products += dx * (elementary::log(y[i]) - mean_y);
        squares += dx * dx;
    }
    expects(squares > 0, "a slope needs at least two different values on its axis");
    return products / squares;
}

// The claim's statistic with one seed, whose cells these are.
inline double statistic(const Claim& claim, const std::vector<CellResult>& cells) {
    if (!claim.over.empty()) {
        std::vector<double> x, y;
        for (const CellResult& cell : cells)
            if (matches(cell.levels, claim.where))
                x.push_back(value_of(cell, claim.over)), y.push_back(value_of(cell, claim.measure));
        return log_log_slope(x, y);
    }
    if (claim.factor.empty()) return mean_of(cells, claim.measure, claim.where);
    const auto mean_at = [&](const std::vector<std::string>& levels) {
        double sum = 0;
        for (const std::string& level : levels) {
            Levels where = claim.where;
            where[claim.factor] = level;
            sum += mean_of(cells, claim.measure, where);
        }
        return sum / static_cast<double>(levels.size());
    };
    return mean_at(claim.levels) - mean_at(claim.others);
}

enum class Verdict { reproduced, not_reproduced, opposite, inconclusive };
inline const char* to_string(Verdict verdict) {
    constexpr const char* kNames[] = {"reproduced", "not reproduced", "opposite", "inconclusive"};
    return kNames[static_cast<size_t>(verdict)];
}

// The verdict, where d is the statistic minus the claim's reference, turned so that the claim expects it above 0.
// Expected lower or higher:
//   reproduced      the 95 % interval of d lies above 0, and its estimate is at least the margin
//   opposite        the 95 % interval lies below 0, and the estimate is at most -margin
//   not reproduced  d is less than the margin: its 90 % interval lies below the margin, a one-sided test at 5 %
// Expected equal, by two one-sided tests at 5 % (Schuirmann 1987), which is the same as a 90 % interval:
//   reproduced      the 90 % interval of d lies within (-margin, margin)
//   not reproduced  the 95 % interval lies outside of [-margin, margin], on one side
// All else is inconclusive, and so is a single seed: that two values do not differ significantly shows nothing.
inline Verdict verdict_of(const Claim& claim, const std::vector<double>& by_seed) {
    std::vector<double> d;
    for (double value : by_seed)
        d.push_back(claim.expect == Expectation::lower ? claim.reference - value : value - claim.reference);
    const Estimate wide = mean_interval(d), narrow = mean_interval(d, 0.90);
    const double margin = claim.margin;
    if (claim.expect == Expectation::equal) {
        if (narrow.low > -margin && narrow.high < margin) return Verdict::reproduced;
        return wide.low > margin || wide.high < -margin ? Verdict::not_reproduced : Verdict::inconclusive;
    }
    if (wide.low > 0 && wide.value >= margin) return Verdict::reproduced;
    if (wide.high < 0 && wide.value <= -margin) return Verdict::opposite;
    return narrow.high < margin ? Verdict::not_reproduced : Verdict::inconclusive;
}

}  // namespace cai

// Who gains what from a ledger of wishes: simulated authors who know their prize and answer each other's burns, against
// what game theory says they burn, and tricks with the same money: many names, one name for many, copies. Synthetic:
// agents of a few lines, not people.
//
// An author i who burns m_i gets the share w_i / sum w of a prize of worth V, where w_i = scale(m_i): Tullock's contest
// (Tullock 1980, "Efficient rent seeking"). With w = m each of n burns V(n-1)/n² in equilibrium: rivals burn more, not
// less, the better they cancel each other.
#pragma once
#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "../base/rng.h"
#include "../method/ledger.h"
#include "method.h"

namespace cai {

// What maximises prize · w(m) / (w(m) + others) - m for m in [0, wealth]: a golden-section search, since that is
// concave for all scales here. others > 0.
inline double best_burn(BurnScale scale, double prize, double others, double wealth) {
    constexpr double kGolden = 0.6180339887498949;
    const auto payoff = [&](double m) {
        const double w = scaled_burn(m, scale);
        return prize * w / (w + others) - m;
    };
    double low = 0, high = std::min(wealth, prize);
    for (int i = 0; i < 100; i++) {
        const double left = high - kGolden * (high - low), right = low + kGolden * (high - low);
        const bool rises = payoff(left) < payoff(right);
        (rises ? low : high) = rises ? left : right;
    }
    return 0.5 * (low + high);
}

// The burns of authors who value the prize alike, once nobody wants to change his own: from random burns, each in
// turn, in a random order, goes half the way to his best burn.
inline std::vector<double> burns_in_equilibrium(BurnScale scale, double prize, const std::vector<double>& wealth,
                                                Rng& rng) {
    std::vector<double> burns;
    for (double most : wealth) burns.push_back(std::min(most, prize) * (0.01 + 0.98 * rng.uniform()));
    std::vector<size_t> order(burns.size());
    std::iota(order.begin(), order.end(), size_t{0});
    for (int round = 0; round < 1000; round++) {
        double change = 0;
        rng.shuffle(order);
        for (size_t i : order) {
            double others = 0;
            for (size_t j = 0; j < burns.size(); j++)
                if (j != i) others += scaled_burn(burns[j], scale);
            const double step = 0.5 * (best_burn(scale, prize, others, wealth[i]) - burns[i]);
            burns[i] += step;
            change = std::max(change, std::abs(step));
        }
        if (change < 1e-9 * prize) break;
    }
    return burns;
}

// What each of n equal authors burns in equilibrium, from the first-order condition w'(m) / w(m) = n² / (V (n - 1)):
// V(n-1)/n², half of that for sqrt, and the root of (1 + m) log(1 + m) = V(n-1)/n² for log.
inline double equilibrium_burn(BurnScale scale, double prize, size_t authors) {
    const double n = static_cast<double>(authors), linear = prize * (n - 1) / (n * n);
    if (scale == BurnScale::linear) return linear;
    if (scale == BurnScale::sqrt) return linear / 2;
    double low = 0, high = linear;
    for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + high);
        ((1 + middle) * elementary::log1p(middle) < linear ? low : high) = middle;
    }
    return low;
}

// The share that entries [0, first) have of a ledger's weight, given the burns of all entries.
inline double share_of_first(const std::vector<double>& burns, size_t first, BurnScale scale) {
    std::vector<LedgerEntry> entries;
    for (double burn : burns) entries.push_back({"", 0, burn, ""});
    const std::vector<double> weights = ledger_weights(entries, scale, 0, 0);
    const auto begin = weights.begin();
    const double sum = std::accumulate(begin, weights.end(), 0.0);
    return std::accumulate(begin, begin + static_cast<long>(first), 0.0) / sum;
}

// A Pareto draw of the exponent alpha: at least 1, and P(above x) = x^-alpha.
inline double pareto_draw(Rng& rng, double alpha) {
    const double u = 1 - static_cast<double>(rng.uniform());
    return elementary::pow(u, -1 / alpha);
}

// The measures of the method `ledger`:
//   simulated   what the authors came to: in contests what each burns, as a share of the prize, else influence
//   anchor      the same in closed form
//   ratio       simulated / anchor
//   burned      all burns of a contest, as a share of the prize; 0 where there is no contest
//   influence   the share of the ledger's weight that the author, coalition or wish in question has
//   without     the same without the wealth, or with the same money but without the trick
//   gain        influence / without - 1: 0 where the scale is immune
struct LedgerOutcome {
    double simulated = 0, anchor = 0, burned = 0, influence = 0, without = 0;
    NamedValues measures() const {
        return {{"simulated", simulated}, {"anchor", anchor},
                {"ratio", simulated / anchor}, {"burned", burned},
                {"influence", influence}, {"without", without},
                {"gain", influence / without - 1}};
    }
};

// n equal authors who want different things.
inline LedgerOutcome rivals(BurnScale scale, size_t n, Rng& rng) {
    constexpr double kPrize = 100;
    const std::vector<double> burns = burns_in_equilibrium(scale, kPrize, std::vector<double>(n, kPrize), rng);
    const double total = std::accumulate(burns.begin(), burns.end(), 0.0), count = static_cast<double>(n);
    return {total / count / kPrize, equilibrium_burn(scale, kPrize, n) / kPrize, total / kPrize,
            share_of_first(burns, 1, scale), 1 / count};
}

// One author of wealth 100 among 99 of wealth 1, a prize that is worth all of it to each: all burn what they have.
// Without: a head's share.
inline LedgerOutcome one_whale(BurnScale scale, Rng& rng) {
    constexpr double kPrize = 10000;
    std::vector<double> wealth(100, 1.0);
    wealth[0] = 100;
    const std::vector<double> burns = burns_in_equilibrium(scale, kPrize, wealth, rng);
    const double influence = share_of_first(burns, 1, scale), whale = scaled_burn(100, scale);
    return {influence, whale / (whale + 99 * scaled_burn(1, scale)),
            std::accumulate(burns.begin(), burns.end(), 0.0) / kPrize, influence, 0.01};
}

// Ten of twenty authors burn under one name. In the contest the ten are one of eleven; with the same money, drawn from
// Pareto(1.5), their influence under one name is compared with that under ten.
inline LedgerOutcome coalition(BurnScale scale, Rng& rng) {
    LedgerOutcome outcome = rivals(scale, 11, rng);
    std::vector<double> apart(20);
    for (double& burn : apart) burn = pareto_draw(rng, 1.5);
    std::vector<double> together(apart.begin() + 10, apart.end());
    together.insert(together.begin(), std::accumulate(apart.begin(), apart.begin() + 10, 0.0));
    outcome.influence = share_of_first(together, 1, scale);
    outcome.without = share_of_first(apart, 10, scale);
    return outcome;
}

// One of ten authors, whose burns are drawn from Pareto(1.5), tries 1 to 20 names and takes the best number, the
// smallest of those that are equally good.
inline LedgerOutcome split(BurnScale scale, Rng& rng) {
    constexpr size_t kMostNames = 20;
    std::vector<double> others(9);
    for (double& burn : others) burn = pareto_draw(rng, 1.5);
    const double own = pareto_draw(rng, 1.5);
    double best = 0, without = 0, sum = 0;
    for (size_t names = 1; names <= kMostNames; names++) {
        std::vector<double> burns(names, own / static_cast<double>(names));
        burns.insert(burns.end(), others.begin(), others.end());
        const double influence = share_of_first(burns, names, scale);
        if (names == 1) without = influence;
        if (influence > best * (1 + 1e-9)) best = influence;
    }
    for (double burn : others) sum += scaled_burn(burn, scale);
    const double weight = scale == BurnScale::linear ? own
                          : scale == BurnScale::sqrt ? std::sqrt(kMostNames * own)
                                                     : kMostNames * elementary::log1p(own / kMostNames);
    return {best, weight / (weight + sum), 0, best, without};
}

// Ten supporters of a wish, which twenty others oppose, each with a burn from Pareto(1.5): they copy it under their own
// names, each with an addition of his own in a random direction; without, they add their burns to the entry that is
// there. Influence: the aggregate's component along the wish, which additions have none of.
inline LedgerOutcome copies(BurnScale scale, Rng& rng) {
    std::vector<double> burns(31);
    for (double& burn : burns) burn = pareto_draw(rng, 1.5);
    constexpr size_t kDimensions = 16;  // the wish is the first of them
    constexpr double kAddition = 0.5;
    std::vector<double> aggregate(kDimensions, 0.0);
    double weights = 0, copied = 0, opposed = 0;
    for (size_t i = 0; i < burns.size(); i++) {
        const double weight = scaled_burn(burns[i], scale);
        weights += weight;
        (i < 11 ? copied : opposed) += weight;
        aggregate[0] += i < 11 ? weight : 0;
        for (size_t d = 1; i > 0 && i < 11 && d < kDimensions; d++)
            aggregate[d] += weight * kAddition * static_cast<double>(rng.normal()) / std::sqrt(kDimensions - 1.0);
    }
    std::vector<double> joined(burns.begin() + 11, burns.end());
    joined.insert(joined.begin(), std::accumulate(burns.begin(), burns.begin() + 11, 0.0));
    const double influence = aggregate[0] / weights;
    return {influence, copied / (copied + opposed), 0, influence, share_of_first(joined, 1, scale)};
}

inline const std::vector<std::string> kScenarios = {"one whale", "two whales", "four rivals", "sixteen rivals",
                                                    "coalition", "split",      "copies"};

inline LedgerOutcome ledger_outcome(const std::string& scenario, BurnScale scale, uint64_t seed) {
    Rng rng(seed, stream("ledger " + scenario));
    if (scenario == "one whale") return one_whale(scale, rng);
    if (scenario == "two whales") return rivals(scale, 2, rng);
    if (scenario == "four rivals") return rivals(scale, 4, rng);
    if (scenario == "sixteen rivals") return rivals(scale, 16, rng);
    if (scenario == "coalition") return coalition(scale, rng);
    return scenario == "split" ? split(scale, rng) : copies(scale, rng);
}

inline Method ledger_method() {
    return {"ledger",
            "authors of a ledger of wishes who answer each other's burns, against the closed forms",
            "Synthetic: simulated authors of a few lines who know their prize, not people.",
            {"simulated", "anchor", "ratio", "burned", "influence", "without", "gain"},
            [](const std::string& factor, const std::string& level) {
                if (factor == "scenario") return expect_one_of(factor, level, kScenarios);
                if (factor == "scale") return expect_one_of(factor, level, kBurnScales);
                refuse_factor(factor, {"scenario", "scale"});
            },
            [](const Levels& levels, uint64_t seed) {
                const std::string scale = level_of(levels, "scale", "linear");
                const auto found = std::find(kBurnScales.begin(), kBurnScales.end(), scale) - kBurnScales.begin();
                const std::string scenario = level_of(levels, "scenario", "two whales");
                return ledger_outcome(scenario, static_cast<BurnScale>(found), seed).measures();
            }};
}

}  // namespace cai

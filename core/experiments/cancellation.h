// Do selfish wishes cancel? Each wish is v = h + s: a good h that all share, and an own interest s of 1/0.3 times its
// length. Averaged with the burns m as weights, independent interests shrink like 1/sqrt(N), N = (sum m)² / sum m²;
// what interests have in common does not shrink. Synthetic: vectors with h and s known, not people's wishes.
#pragma once
#include <string>
#include <vector>

#include "ledger_contest.h"

namespace cai {

// How the wishes are drawn; each level of the factor `wishes` is one.
struct WishPopulation {
    std::string name;
    double shared = 0;     // the share of each interest, as a length, that lies in one direction common to all
    double coalition = 0;  // the share of authors whose interest is that direction and nothing else
    double against = 0;    // the share of wishes with -h, which break the assumption that each is good on the whole
    double pareto = 0;     // the exponent of burns; 0: all burn the same
};

inline const std::vector<WishPopulation> kWishPopulations = {
    {.name = "isotropic"},
    {.name = "pareto 2", .pareto = 2},
    {.name = "pareto 1.2", .pareto = 1.2},
    {.name = "shared 10 %", .shared = 0.1},
    {.name = "shared 30 %", .shared = 0.3},
    {.name = "shared 60 %", .shared = 0.6},
    {.name = "coalition 10 %", .coalition = 0.1},
    {.name = "against 20 %", .against = 0.2}};

// The measures of the method `cancellation`, of n wishes in 32 dimensions, with |h| = 1 and |s| = 1/0.3:
//   residual    |mean of s| / |h|, the selfish part that is left in the aggregate
//   effective   N = (sum m)² / sum m²
//   formula     |s| / |h| / sqrt(N), the residual of independent interests
//   ratio       residual / formula
//   good        the aggregate's component along h, 1 where every wish has it
inline NamedValues cancellation(const WishPopulation& population, size_t n, uint64_t seed) {
    constexpr size_t kDimensions = 32;  // h lies along the first, the common direction along the second
    constexpr double kInterest = 1 / 0.3;
    Rng rng(seed, mix(stream("cancellation " + population.name), n));
    std::vector<double> sum(kDimensions, 0.0), burns;
    double weight = 0, good = 0;
    for (size_t i = 0; i < n; i++) {
        const double burn = population.pareto > 0 ? pareto_draw(rng, population.pareto) : 1;
        const bool member = rng.chance(population.coalition), against = rng.chance(population.against);
        std::vector<double> own(kDimensions);
        double squares = 0;
        for (double& x : own) {
            x = static_cast<double>(rng.normal());
            squares += x * x;
        }
        const double common = member ? 1 : population.shared;
        const double scale = kInterest * std::sqrt((1 - common * common) / squares);
        for (size_t d = 0; d < kDimensions; d++)
            sum[d] += burn * (scale * own[d] + (d == 1 ? kInterest * common : 0));
        good += burn * (against ? -1 : 1);
        burns.push_back(burn);
        weight += burn;
    }
    double squares = 0;
    for (double x : sum) squares += x * x;
    const double residual = std::sqrt(squares) / weight, effective = effective_number(burns);
    const double formula = kInterest / std::sqrt(effective);
    return {{"residual", residual}, {"effective", effective}, {"formula", formula}, {"ratio", residual / formula},
            {"good", good / weight}};
}

inline Method cancellation_method() {
    std::vector<std::string> names;
    for (const WishPopulation& population : kWishPopulations) names.push_back(population.name);
    return {"cancellation",
            "wishes of a shared good and an own interest, averaged with their burns as weights",
            "Synthetic: vectors whose shared good and own interest are known, not people's wishes.",
            {"residual", "effective", "formula", "ratio", "good"},
            [names](const std::string& factor, const std::string& level) {
                if (factor == "wishes") return expect_one_of(factor, level, names);
                if (factor == "n") return static_cast<void>(natural_level(factor, level, 1, 1000000));
                refuse_factor(factor, {"wishes", "n"});
            },
            [](const Levels& levels, uint64_t seed) {
                const std::string name = level_of(levels, "wishes", "isotropic");
                const size_t n = natural_level("n", level_of(levels, "n", "1000"), 1, 1000000);
                for (const WishPopulation& population : kWishPopulations)
                    if (population.name == name) return cancellation(population, n, seed);
                fail(kBadInput, "there are no wishes \"", name, "\"");
            }};
}

}  // namespace cai

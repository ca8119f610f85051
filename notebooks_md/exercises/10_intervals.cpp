// Exercise to chapter 10: an interval for a rate. Fill in the function, then run
//     make exercise NAME=10_intervals
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <utility>

#include "../../core/base/intervals.h"

// The smallest and the largest p under which a rate of hits / trials is not surprising: it lies within 1.96 standard
// errors of p, where the standard error is that of p, sqrt(p (1 - p) / trials), not that of the rate.
// Hint: square |rate - p| = 1.96 sqrt(p (1 - p) / trials). That is a quadratic equation for p; its roots are the ends.
std::pair<double, double> unsurprising(size_t hits, size_t trials) {
    (void)hits, (void)trials;
    return {0, 1};
}

TEST_CASE("98 of 400, as in the chapter") {
    const auto [low, high] = unsurprising(98, 400);
    CHECK(low == doctest::Approx(0.2053).epsilon(0.001));
    CHECK(high == doctest::Approx(0.2895).epsilon(0.001));
}

TEST_CASE("both ends are 1.96 of their own standard errors away") {
    const auto [low, high] = unsurprising(15, 400);
    for (const double p : {low, high})
        CHECK(std::abs(15.0 / 400 - p) == doctest::Approx(1.96 * std::sqrt(p * (1 - p) / 400)).epsilon(0.001));
    CHECK(low < 15.0 / 400);
    CHECK(high > 15.0 / 400);
}

TEST_CASE("none of 400 says little more than: fewer than one in a hundred") {
    const auto [low, high] = unsurprising(0, 400);
    CHECK(low == doctest::Approx(0));
    CHECK(high == doctest::Approx(0.0095).epsilon(0.01));
}

TEST_CASE("as the project's") {
    const cai::Estimate rate = cai::rate_interval(7, 30);
    CHECK(unsurprising(7, 30).first == doctest::Approx(rate.low).epsilon(1e-4));
    CHECK(unsurprising(7, 30).second == doctest::Approx(rate.high).epsilon(1e-4));
}

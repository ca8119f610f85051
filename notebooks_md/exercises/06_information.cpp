// Exercise to chapter 6: what an act tells about the verdict. Fill in the function, then run
//     make exercise NAME=06_information
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// Reviews of one act, by their verdict.
struct Counts {
    double forbidden, allowed;
};

// How many bits the act tells about the verdict, its mutual information: H(verdict) - Σ_act p(act) H(verdict | act),
// with H(p) = -p log2 p - (1 - p) log2 (1 - p), and 0 log2 0 = 0.
double information(const std::vector<Counts>& acts) {
    (void)acts;
    return -1;
}

TEST_CASE("as in our reviews: each act as often forbidden as allowed, and knowing it tells nothing") {
    CHECK(std::abs(information({{50, 50}, {50, 50}})) < 1e-12);
    CHECK(std::abs(information({{30, 30}, {5, 5}, {100, 100}})) < 1e-12);
}

TEST_CASE("reviews that forbid hazards and allow the rest tell all of it: one bit") {
    CHECK(information({{50, 0}, {0, 50}}) == doctest::Approx(1));
}

TEST_CASE("nine in ten is already half of it") {
    CHECK(information({{90, 10}, {10, 90}}) == doctest::Approx(1 + 0.9 * std::log2(0.9) + 0.1 * std::log2(0.1)));
}

TEST_CASE("a verdict that is always the same cannot be told about") {
    CHECK(std::abs(information({{10, 0}, {90, 0}})) < 1e-12);
}

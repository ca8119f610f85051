// Exercise to chapter 12: do two divisions of the same people agree? Fill in the function, then run
//     make exercise NAME=12_rand_index
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

// a[i] and b[i]: the group of person i in two divisions. Of all pairs of people, let
//   together  be those who share a group in both,
//   in_a, in_b  those who share one in a, and those who share one in b, and all  all pairs.
// If groups of these sizes were dealt out by chance, in_a · in_b / all pairs would be together on average. Returns
//   (together - chance) / ((in_a + in_b) / 2 - chance):
// 1 for the same division, about 0 for unrelated ones. Hint: two loops over people; no need for formulas of counts.
double adjusted_rand_index(const std::vector<size_t>& a, const std::vector<size_t>& b) {
    (void)a, (void)b;
    return -2;
}

TEST_CASE("the same division, whatever its groups are called") {
    CHECK(adjusted_rand_index({0, 0, 0, 1, 1}, {0, 0, 0, 1, 1}) == doctest::Approx(1));
    CHECK(adjusted_rand_index({0, 0, 0, 1, 1}, {7, 7, 7, 3, 3}) == doctest::Approx(1));
}

TEST_CASE("the five voters, with Cat counted to the other group") {
    CHECK(adjusted_rand_index({0, 0, 0, 1, 1}, {0, 0, 1, 1, 1}) == doctest::Approx(1 / 6.));
}

TEST_CASE("crossed divisions agree less than by chance") {
    CHECK(adjusted_rand_index({0, 0, 1, 1}, {0, 1, 0, 1}) == doctest::Approx(-0.5));
}

TEST_CASE("numbers that are dealt out in another order, as in the paper's file, say nothing of who is in which group") {
    std::vector<size_t> a, b;
    for (size_t i = 0; i < 900; i++) a.push_back(i % 2), b.push_back(i / 2 % 2);
    const double index = adjusted_rand_index(a, b);
    CHECK(index > -0.01);
    CHECK(index < 0.01);
}

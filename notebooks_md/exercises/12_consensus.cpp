// Exercise to chapter 12: what groups agree on. Fill in the function, then run
//     make exercise NAME=12_consensus
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

// One statement's votes: votes[i] is 1 (agree), 0 (pass) or -1 (disagree), cast by somebody of group groups[i], one of
// 0 to count - 1. Returns the product over groups of the share that agrees,
//   agree / votes      or, with Laplace's correction,      (agree + 1) / (votes + 2).
// A pass is a vote. Each group has voted at least once.
double consensus(const std::vector<int>& votes, const std::vector<size_t>& groups, size_t count, bool laplace) {
    (void)votes, (void)groups, (void)count, (void)laplace;
    return -1;
}

TEST_CASE("the four statements of the chapter") {
    const std::vector<size_t> all = {0, 0, 0, 1, 1};
    CHECK(consensus({1, 1, 1, 1, 1}, all, 2, false) == doctest::Approx(1));
    CHECK(consensus({1, 1, 1, -1, -1}, all, 2, false) == doctest::Approx(0));
    CHECK(consensus({1, 0, 1, 1}, {0, 0, 1, 1}, 2, false) == doctest::Approx(0.5));
    CHECK(consensus({1, 1, 1, 1, 1}, all, 2, true) == doctest::Approx(0.6));
    CHECK(consensus({-1, -1, 1, 1}, {0, 0, 1, 1}, 2, true) == doctest::Approx(0.1875));
}

TEST_CASE("a large group cannot outvote a small one") {
    std::vector<int> votes(98, 1);
    std::vector<size_t> groups(98, 0);
    votes.insert(votes.end(), {-1, 1}), groups.insert(groups.end(), {1, 1});
    CHECK(consensus(votes, groups, 2, false) == doctest::Approx(0.5));
    CHECK(consensus(votes, std::vector<size_t>(100, 0), 1, false) == doctest::Approx(0.99));
}

TEST_CASE("the order of the votes and the names of the groups do not matter") {
    const double wanted = 2 / 3. * 1 / 3. * 2 / 4.;
    CHECK(consensus({1, 0, -1, 1}, {2, 1, 0, 0}, 3, true) == doctest::Approx(wanted));
    CHECK(consensus({1, -1, 0, 1}, {0, 2, 1, 2}, 3, true) == doctest::Approx(wanted));
}

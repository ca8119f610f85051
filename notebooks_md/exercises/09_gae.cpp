// Exercise to chapter 9: generalised advantage estimation. Fill in the function, then run
//     make exercise NAME=09_gae
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

struct Estimate {
    std::vector<double> advantages, returns;
};

// Answer s is the tokens offsets[s] .. offsets[s+1]-1 of all. With V = A = 0 behind the end of each answer:
//   delta_t = r_t + V_{t+1} - V_t      A_t = delta_t + lambda A_{t+1}      return_t = A_t + V_t
// Hint: go through each answer from its last token to its first.
Estimate estimate(const std::vector<double>& rewards, const std::vector<double>& values,
                  const std::vector<size_t>& offsets, double lambda) {
    Estimate out{std::vector<double>(rewards.size()), std::vector<double>(rewards.size())};
    (void)values, (void)offsets, (void)lambda;
    return out;
}

TEST_CASE("the five tokens of the chapter") {
    const Estimate e = estimate({-.09, .12, 0, -.06, 1}, {.5, .4, .6, .7, .8}, {0, 5}, .95);
    const std::vector<double> advantages{.4014, .6226, .3185, .23, .2}, returns{.9014, 1.0226, .9185, .93, 1};
    for (size_t t = 0; t < 5; t++) {
        CHECK(e.advantages[t] == doctest::Approx(advantages[t]).epsilon(2e-4));
        CHECK(e.returns[t] == doctest::Approx(returns[t]).epsilon(2e-4));
    }
}

TEST_CASE("an answer hears nothing of the next one") {
    const Estimate e = estimate({0, 1, 5}, {0, 0, 100}, {0, 2, 3}, .95);
    CHECK(e.advantages[1] == doctest::Approx(1));
    CHECK(e.advantages[0] == doctest::Approx(.95));
    CHECK(e.advantages[2] == doctest::Approx(-95));
}

TEST_CASE("with lambda = 1 a return is the sum of the rewards that follow, whatever the values say") {
    const Estimate e = estimate({1, 2, 4}, {7, -3, 11}, {0, 3}, 1);
    CHECK(e.returns[0] == doctest::Approx(7));
    CHECK(e.returns[1] == doctest::Approx(6));
    CHECK(e.returns[2] == doctest::Approx(4));
}

// Exercise to chapter 10: how hard to push. Fill in the functions, then run
//     make exercise NAME=10_goodhart
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// What PPO ends at, if it is pushed to its end with the coefficient beta: each answer has a probability in proportion
// to reference · exp(score / beta). Returns the probabilities, which sum to 1.
std::vector<double> pushed(const std::vector<double>& reference, const std::vector<double>& score, double beta) {
    (void)score, (void)beta;
    return reference;
}

// The beta of `choices` at which the mean of `worth` under pushed(...) is largest.
double best_beta(const std::vector<double>& reference, const std::vector<double>& score,
                 const std::vector<double>& worth, const std::vector<double>& choices) {
    (void)reference, (void)score, (void)worth;
    return choices[0];
}

namespace {

// A bad answer, a middling and a good one, which the score puts in order, and a rare one that it is wrong about.
const std::vector<double> kReference = {0.5, 0.3, 0.199, 0.001}, kScore = {0, 1, 2, 4}, kWorth = {0, 1, 2, 0};

}  // namespace

TEST_CASE("the three answers of the chapter") {
    const std::vector<double> p = pushed({1. / 3, 1. / 3, 1. / 3}, {1, 1, 2}, 0.3);
    CHECK(p[2] == doctest::Approx(0.933).epsilon(0.001));
    CHECK(p[0] + p[1] + p[2] == doctest::Approx(1));
}

TEST_CASE("hardly pushed, the model is the reference; pushed hard, it is the answer with the largest score") {
    CHECK(pushed(kReference, kScore, 1e6)[0] == doctest::Approx(0.5).epsilon(1e-4));
    CHECK(pushed(kReference, kScore, 0.05)[3] == doctest::Approx(1).epsilon(1e-4));
}

TEST_CASE("between them lies what is best: neither no training nor the largest score") {
    const std::vector<double> choices = {100, 3, 1, 0.6, 0.3, 0.1};
    CHECK(best_beta(kReference, kScore, kWorth, choices) == 0.6);
}

TEST_CASE("with a score that is right everywhere, the harder the better") {
    CHECK(best_beta(kReference, kWorth, kWorth, {100, 3, 1, 0.6, 0.3, 0.1}) == 0.1);
}

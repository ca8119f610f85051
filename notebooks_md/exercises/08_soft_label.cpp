// Exercise to chapter 8: the judge's label. Fill in the function, then run
//     make exercise NAME=08_soft_label
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

// The judge's log-probabilities of the letters A and B as its next word.
struct Verdict {
    double log_a, log_b;
};

// P(the first answer is preferred): the mean over both orders, then kept within low and high. In `shown_as_a` the first
// answer stands as option A, in `shown_as_b` as option B. In each order p(A) counts among the two letters only:
// p(A) = 1 / (1 + e^(log_b - log_a)).
double label(Verdict shown_as_a, Verdict shown_as_b, double low, double high) {
    (void)shown_as_a, (void)shown_as_b, (void)low, (void)high;
    return 0;
}

TEST_CASE("the label of the chapter") {
    CHECK(label({-0.3, -1.9}, {-0.9, -0.6}, 0, 1) == doctest::Approx(0.7032).epsilon(1e-4));
}

TEST_CASE("a judge that only likes the letter A knows nothing") {
    CHECK(label({-0.1, -2.3}, {-0.1, -2.3}, 0, 1) == doctest::Approx(0.5));
}

TEST_CASE("only the two letters count, however unlikely both are") {
    CHECK(label({-50, -51}, {-51, -50}, 0, 1) == doctest::Approx(1 / (1 + std::exp(-1.0))));
}

TEST_CASE("exchanging the answers exchanges the label") {
    CHECK(label({-0.2, -3}, {-1.5, -0.4}, 0, 1) + label({-1.5, -0.4}, {-0.2, -3}, 0, 1) == doctest::Approx(1));
}

TEST_CASE("clamped as in the paper") {
    CHECK(label({-0.01, -5}, {-5, -0.01}, 0.4, 0.6) == doctest::Approx(0.6));
    CHECK(label({-5, -0.01}, {-0.01, -5}, 0.4, 0.6) == doctest::Approx(0.4));
}

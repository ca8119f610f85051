// Exercise to chapter 8: the loss of a soft label. Fill in the function, then run
//     make exercise NAME=08_preference_loss
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

struct PairLoss {
    double loss, slope;  // slope: d loss / d delta
};

// loss = -p log σ(delta) - (1 - p) log σ(-delta), for any delta. Hint: -log σ(x) = log(1 + e^-x), and for
// x < 0 that is also -x + log(1 + e^x), whose exponential cannot overflow. std::log1p(x) is log(1 + x).
PairLoss pair_loss(double delta, double p) {
    (void)delta, (void)p;
    return {0, 0};
}

TEST_CASE("the table of the chapter") {
    CHECK(pair_loss(0.5, 1).loss == doctest::Approx(0.4741).epsilon(1e-3));
    CHECK(pair_loss(0.5, 0.7).loss == doctest::Approx(0.6241).epsilon(1e-3));
    CHECK(pair_loss(0.5, 0.7).slope == doctest::Approx(-0.0775).epsilon(1e-2));
    CHECK(pair_loss(2, 0.5).slope == doctest::Approx(0.3808).epsilon(1e-3));
}

TEST_CASE("the slope is what the loss changes by") {
    for (double p : {0.0, 0.3, 1.0})
        for (double delta : {-2.0, 0.1, 3.0})
            CHECK(pair_loss(delta, p).slope ==
                  doctest::Approx((pair_loss(delta + 1e-6, p).loss - pair_loss(delta - 1e-6, p).loss) / 2e-6));
    CHECK(pair_loss(0, 1).slope == doctest::Approx(-0.5));
}

TEST_CASE("at the logit of the label the slope is 0, and the loss is the label's entropy") {
    const double logit = std::log(0.7 / 0.3);
    CHECK(std::abs(pair_loss(logit, 0.7).slope) < 1e-12);
    CHECK(pair_loss(logit, 0.7).loss == doctest::Approx(-0.7 * std::log(0.7) - 0.3 * std::log(0.3)));
}

TEST_CASE("no difference of scores is too large") {
    CHECK(pair_loss(5000, 0).loss == doctest::Approx(5000));
    CHECK(pair_loss(-5000, 1).loss == doctest::Approx(5000));
    CHECK(pair_loss(-5000, 1).slope == doctest::Approx(-1));
}

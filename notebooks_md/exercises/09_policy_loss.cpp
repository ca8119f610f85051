// Exercise to chapter 9: PPO's clipped loss of one token. Fill in the function, then run
//     make exercise NAME=09_policy_loss
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

struct TokenLoss {
    double loss, gradient;  // gradient: d loss / d logprob
};

// loss = max(-A ratio, -A clip(ratio, 1 - bound, 1 + bound)), ratio = e^(logprob - old_logprob).
// Hint: where the clipped loss is the larger one, a small change of logprob does not change it.
TokenLoss token_loss(double logprob, double old_logprob, double advantage, double bound) {
    (void)logprob, (void)old_logprob, (void)advantage, (void)bound;
    return {0, 0};
}

TEST_CASE("before the first step the loss is minus the advantage, and so is the gradient") {
    CHECK(token_loss(-1.5, -1.5, 2, 0.2).loss == doctest::Approx(-2));
    CHECK(token_loss(-1.5, -1.5, 2, 0.2).gradient == doctest::Approx(-2));
}

TEST_CASE("the table of the chapter") {
    CHECK(token_loss(-.7, -1.0, 1.7696, 0.2).loss == doctest::Approx(-2.1236).epsilon(1e-4));  // will
    CHECK(token_loss(-.7, -1.0, 1.7696, 0.2).gradient == 0);
    CHECK(token_loss(-.3, -.2, -.2377, 0.2).loss == doctest::Approx(.2151).epsilon(1e-3));  // not
    CHECK(token_loss(-.4, -.1, -1.0199, 0.2).loss == doctest::Approx(.8160).epsilon(1e-3));  // end
    CHECK(token_loss(-.4, -.1, -1.0199, 0.2).gradient == 0);
}

TEST_CASE("a loss is always believed: a bad token that became likelier keeps its gradient") {
    CHECK(token_loss(-1 + std::log(3.0), -1, -1, 0.2).loss == doctest::Approx(3));
    CHECK(token_loss(-1 + std::log(3.0), -1, -1, 0.2).gradient == doctest::Approx(3));
}

TEST_CASE("the gradient is what the loss changes by") {
    for (double advantage : {1.5, -1.5})
        for (double change : {-0.5, -0.1, 0.05, 0.5}) {
            const double step = 1e-6;
            const double up = token_loss(change + step, 0, advantage, 0.2).loss;
            const double down = token_loss(change - step, 0, advantage, 0.2).loss;
            CHECK(token_loss(change, 0, advantage, 0.2).gradient == doctest::Approx((up - down) / (2 * step)));
            CHECK(token_loss(change, 0, advantage, 0.2).loss != 0);
        }
}

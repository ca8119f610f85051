// The mathematics of PPO and of preferences at the edges that test_advantage.cpp leaves out: switches set to values
// below 1, what a kernel is handed, and each refusal. All numbers are worked by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "../core/method/ppo_advantages.h"
#include "../core/method/ppo_losses.h"
#include "../core/method/preference.h"
#include "support.h"

using namespace cai;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
using Offsets = std::vector<int32_t>;

namespace {

size_t responses_handed = 0;

}  // namespace

TEST_CASE("a bound or a target below 1 counts as any other") {
    PpoOptions options;
    options.score_clip = 0.5;
    CHECK(shape_score(0.75, true, options) == 0.5);
    CHECK(shape_score(-0.75, true, options) == -0.5);
    CHECK(shape_score(0.25, true, options) == 0.25);

    // 0.2 nats against a target of 0.4: the error, -1/2, is cut to -0.2; 1000 responses of a horizon of 10,000 take a
    // tenth.
    options.kl_target = 0.4;
    CHECK(near(adapt_kl_coefficient(0.5, 0.2, 1000, options), 0.5 * (1 - 0.02)));
    // At the target nothing changes, and a little above it the error is not cut: 0.44 / 0.4 - 1 = 0.1.
    CHECK(near(adapt_kl_coefficient(0.5, 0.4, 1000, options), 0.5));
    CHECK(near(adapt_kl_coefficient(0.5, 0.44, 1000, options), 0.5 * (1 + 0.01)));
}

TEST_CASE("offsets that are not those of the tokens are refused wherever they come in") {
    const std::string what = ": offsets must rise from 0 to the number of tokens";
    PpoOptions options;
    for (const Offsets& offsets : {Offsets{}, Offsets{1, 2}, Offsets{0, 1}, Offsets{0, 3}, Offsets{0, 3, 1, 2}}) {
        const Doubles scores(offsets.empty() ? 0 : offsets.size() - 1, 1.0);
        CHECK(contains(error_of([&] { mean_sequence_kl({-1, -2}, {-1, -2}, offsets); }), "mean_sequence_kl" + what));
        CHECK(contains(error_of([&] { token_rewards(scores, {-1, -2}, {-1, -2}, offsets, 0.1, options); }),
                       "token_rewards" + what));
        CHECK(contains(error_of([&] { gae(cpu_kernels, {1, 2}, {1, 2}, offsets, options); }), "gae" + what));
    }
    for (const Offsets& offsets : {Offsets{}, Offsets{1, 2}, Offsets{0, 3, 2}})
        CHECK(contains(error_of([&] { token_weights(offsets, options); }), "token_weights" + what));
    CHECK(contains(error_of([&] { mean_sequence_kl({-1, -2}, {-1}, {0, 2}); }), "mean_sequence_kl: 1 reference"));
    CHECK(contains(error_of([&] { mean_sequence_kl({-1}, {-1, -2}, {0, 1}); }), "mean_sequence_kl: 2 reference"));
}

TEST_CASE("GAE is handed the responses that there are") {
    Kernels kernels = cpu_kernels;
    kernels.gae = [](double* advantages, double* returns, const double* rewards, const float* values,
                     const int32_t* offsets, size_t R, double gamma, double lambda) {
        responses_handed = R;
        cpu_kernels.gae(advantages, returns, rewards, values, offsets, R, gamma, lambda);
    };
    gae(kernels, {1, 2, 3}, {0, 0, 0}, {0, 1, 3}, {});
    CHECK(responses_handed == 2);
}

TEST_CASE("an epoch goes on at exactly one and a half times target_kl") {
    PpoOptions options;
    options.target_kl = 0.25;  // 1.5 times which is exact in binary
    CHECK_FALSE(stop_early(0.375, options));
    CHECK(stop_early(std::nextafter(0.375, 1.0), options));
    options.target_kl = 0;
    CHECK_FALSE(stop_early(1e9, options));
}

TEST_CASE("labels and bounds of 0 and of 1 are lawful, what lies beyond is refused") {
    CHECK(clamp_label(0.25, 0, 1) == 0.25);
    CHECK(clamp_label(0.25, 0.5, 0.5) == 0.5);
    CHECK(clamp_label(0.25, 0, 0) == 0);
    CHECK(clamp_label(0.25, 1, 1) == 1);
    for (auto [low, high] : {std::pair{-0.5, 0.5}, {0.5, 1.5}, {1.5, 2.0}, {0.75, 0.5}})
        CHECK(
            contains(error_of([&, low = low, high = high] { clamp_label(0.25, low, high); }), "do not lie in [0, 1]"));

    // At equal scores sigma is 1/2: the loss is ln 2 for any label, the derivative 1/2 - p.
    const PreferenceLoss two = preference_loss(cpu_kernels, {3, 3, -1, -1}, {0, 1});
    REQUIRE(two.loss.size() == 2);
    CHECK(near(two.loss[0], std::log(2.0)));
    CHECK(near(two.loss[1], std::log(2.0)));
    CHECK(two.gradient == Doubles{0.5, -0.5});
    CHECK(preference_loss(cpu_kernels, {}, {}).loss.empty());
    for (double label : {-0.01, 1.01, 2.0, -1.0})
        CHECK(contains(error_of([&] { preference_loss(cpu_kernels, {0, 0}, {label}); }), "is not a probability"));
    for (const Floats& scores : {Floats{}, Floats{0}, Floats{0, 0, 0}, Floats{0, 0, 0, 0}})
        CHECK(contains(error_of([&] { preference_loss(cpu_kernels, scores, {0.5}); }), "scores for 1 pairs"));
    for (size_t bad = 0; bad < 4; bad++) {
        Floats scores(4, 0);
        scores[bad] = -std::numeric_limits<float>::infinity();
        CHECK(contains(error_of([&] { preference_loss(cpu_kernels, scores, {0.5, 0.5}); }, kDiverged),
                       "the score of an answer"));
    }
}

TEST_CASE("sigma and the entropy of a label, by hand") {
    // sigma(ln 3) = 3/4, sigma(-ln 3) = 1/4, sigma(ln 3 / 2) lies at sqrt(3) / (1 + sqrt(3)).
    CHECK(near(sigmoid(std::log(3.0)), 0.75));
    CHECK(near(sigmoid(-std::log(3.0)), 0.25));
    CHECK(near(sigmoid(std::log(3.0) / 2), std::sqrt(3.0) / (1 + std::sqrt(3.0))));
    CHECK(sigmoid(0) == 0.5);
    CHECK(sigmoid(1000) == 1);
    CHECK(sigmoid(-1000) == 0);
    CHECK(near(label_entropy(0.25), 0.25 * std::log(4.0) + 0.75 * std::log(4.0 / 3)));
    CHECK(near(label_entropy(0.75), label_entropy(0.25)));
    CHECK(near(preference(std::log(0.1), std::log(0.3)), 0.25));
    CHECK(near(average_orders(0.25, 0.5), 0.375));
}

TEST_CASE("two values have Bessel's variance over one") {
    // 1 and 3 lie 1 from their mean: the sum of squares is 2, over 1 with Bessel's correction and over 2 without it.
    Doubles bessel = {1, 3}, biased = {1, 3};
    whiten(bessel, Variance::bessel, true, 1e-12);
    whiten(biased, Variance::biased, true, 1e-12);
    CHECK(near(bessel[0], -std::sqrt(0.5), 1e-11));
    CHECK(near(bessel[1], std::sqrt(0.5), 1e-11));
    CHECK(near(biased[0], -1, 1e-11));
    CHECK(near(biased[1], 1, 1e-11));
}

TEST_CASE("the bound on a bad token's loss decides above it, not at it") {
    // A = -2 at a ratio of exactly 1: the loss is 2. A bound of 1.5 · 2 is above it, 1 · 2 equals it and 0.5 · 2
    // is below it, so that only the last decides.
    for (auto [bound, loss, gradient] : {std::tuple{1.5, 2.0, 2.0}, {1.0, 2.0, 2.0}, {0.5, 1.0, 0.0}}) {
        CAPTURE(bound);
        PpoOptions options;
        options.clip_ratio = 0, options.dual_clip = bound;
        const PolicyLoss out = policy_loss(cpu_kernels, {-1}, {-1}, {-2}, {1}, options);
        CHECK(out.loss == loss);
        CHECK(out.gradient == Floats{static_cast<float>(gradient)});
    }
}

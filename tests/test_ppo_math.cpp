// The mathematics of PPO and of preferences at the edges that test_advantage.cpp leaves out: switches set to values below 1, what a
// kernel is handed, and each refusal. All numbers are worked by hand.
#include <doctest/doctest.h>

#include <cmath>
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

bool near(double a, double b, double tolerance = 1e-12) { return std::abs(a - b) <= tolerance; }

size_t responses_handed = 0;

}  // namespace

TEST_CASE("a bound or a target below 1 counts as any other") {
    PpoOptions options;
    options.score_clip = 0.5;
    CHECK(shape_score(0.75, true, options) == 0.5);
    CHECK(shape_score(-0.75, true, options) == -0.5);
    CHECK(shape_score(0.25, true, options) == 0.25);

    // 0.2 nats against a target of 0.4: the error, -1/2, is cut to -0.2, and 1000 responses of a horizon of 10,000 take a tenth.
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
        CHECK(contains(error_of([&] { token_rewards(scores, {-1, -2}, {-1, -2}, offsets, 0.1, options); }), "token_rewards" + what));
        CHECK(contains(error_of([&] { gae(cpu_kernels, {1, 2}, {1, 2}, offsets, options); }), "gae" + what));
    }
    for (const Offsets& offsets : {Offsets{}, Offsets{1, 2}, Offsets{0, 3, 2}})
        CHECK(contains(error_of([&] { token_weights(offsets, options); }), "token_weights" + what));
    CHECK(contains(error_of([&] { mean_sequence_kl({-1, -2}, {-1}, {0, 2}); }), "mean_sequence_kl: 1 reference"));
    CHECK(contains(error_of([&] { mean_sequence_kl({-1}, {-1, -2}, {0, 1}); }), "mean_sequence_kl: 2 reference"));
}

TEST_CASE("GAE is handed the responses that there are") {
    Kernels kernels = cpu_kernels;
    kernels.gae = [](double* advantages, double* returns, const double* rewards, const float* values, const int32_t* offsets,
                     size_t R, double gamma, double lambda) {
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

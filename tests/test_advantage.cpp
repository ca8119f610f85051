// Golden numbers: worked by hand in float64 from the formulas, independently of core/method/ppo_*.h; the whitening
// table is that of vwxyzjn/lm-human-preference-details. The terms of the losses, one by one and on every backend, are
// in test_losses.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "../core/method/ppo_advantages.h"
#include "../core/method/ppo_losses.h"
#include "../core/method/preference.h"

using namespace cai;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;

namespace {

const double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

// Float inputs such as -1.2f carry an error of 5e-8, and the goldens seven decimals.
template <class Real>
void check_near(const std::vector<Real>& got, const Doubles& want, double tolerance = 3e-7) {
    REQUIRE(got.size() == want.size());
    for (size_t i = 0; i < want.size(); i++) {
        INFO("element " << i << ": " << got[i] << " instead of " << want[i]);
        CHECK(std::abs(got[i] - want[i]) <= tolerance);  // false for NaN
    }
}
void check_near(double got, double want, double tolerance = 3e-7) {
    check_near(Doubles{got}, Doubles{want}, tolerance);
}

// One response of three tokens, through every step of PPO.
struct Golden {
    Doubles scores{1};
    Floats logprobs{-1, -.5, -2}, reference{-1.2f, -.4f, -1.5f}, values{.1f, .2f, .3f};
    Floats new_logprobs{-.9f, -.9f, -1.2f}, new_values{.5f, .1f, .35f};
    std::vector<int32_t> offsets{0, 3};
    double beta = 0.1;
};

}  // namespace

TEST_CASE("the conventions of each library are those of the table in ppo_conventions.h") {
    const std::vector<const char*> libraries = {"cai", "hh", "oai", "n+", "trl", "dsc",
                                                "openrlhf", "verl", "nemo", "rloo", "grpo"};
    auto expect = [&]<class Value>(Value PpoOptions::* member, const std::vector<std::type_identity_t<Value>>& values) {
        REQUIRE(values.size() == libraries.size());
        for (size_t i = 0; i < libraries.size(); i++) {
            INFO(libraries[i]);
            CHECK(like(libraries[i]).*member == values[i]);
        }
    };
    const std::vector<double> zeros(11), ones(11, 1);
    const auto k1 = KlEstimator::k1;
    const auto token = KlPlacement::every_token, last = KlPlacement::last_token;
    const auto no_end = MissingEnd::none, replace = MissingEnd::replace;
    const auto batch = Whitening::batch, unwhitened = Whitening::none;
    const auto biased = Variance::biased, bessel = Variance::bessel;
    const auto tokens = Aggregation::token_mean, sequences = Aggregation::sequence_mean;
    const auto gae = AdvantageEstimator::gae;
    const auto of_token = Ratio::token;
    // In the order of the names above.
    expect(&PpoOptions::kl_coefficient, {.3, .001, .15, .05, .05, .1, .01, 0, .01, .05, 0});
    expect(&PpoOptions::kl_estimator, {k1, k1, k1, k1, k1, k1, k1, k1, KlEstimator::abs, k1, KlEstimator::k3});
    expect(&PpoOptions::kl_placement,
           {token, last, token, token, token, token, token, token, token, last, KlPlacement::loss});
    expect(&PpoOptions::kl_clip, {0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0});
    expect(&PpoOptions::kl_target, {0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0});
    expect(&PpoOptions::kl_horizon, Doubles(11, 10000));
    expect(&PpoOptions::score_clip, {0, 0, 0, 0, 0, 5, 10, 0, 0, 0, 0});
    expect(&PpoOptions::missing_end,
           {no_end, no_end, replace, replace, no_end, no_end, no_end, no_end, no_end, no_end, no_end});
    expect(&PpoOptions::missing_end_penalty, ones);
    expect(&PpoOptions::whiten_rewards, {false, false, true, false, false, false, false, false, false, false, false});
    expect(&PpoOptions::advantage_estimator, {gae, gae, gae, gae, gae, gae, gae, gae, gae,
                                              AdvantageEstimator::leave_one_out, AdvantageEstimator::group});
    expect(&PpoOptions::group_size, {1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 8});
    expect(&PpoOptions::advantage_whitening,
           {batch, batch, Whitening::minibatch, batch, batch, unwhitened, batch, batch, batch, unwhitened, unwhitened});
    expect(&PpoOptions::variance,
           {biased, biased, biased, biased, bessel, biased, biased, bessel, biased, bessel, bessel});
    expect(&PpoOptions::whiten_epsilon, Doubles(11, 1e-8));
    expect(&PpoOptions::gamma, ones);
    expect(&PpoOptions::lambda, {.95, .95, .95, .95, .95, .95, 1, 1, .95, .95, .95});
    expect(&PpoOptions::ratio, {of_token, of_token, of_token, of_token, of_token, of_token, of_token, of_token,
                                of_token, Ratio::sequence, of_token});
    expect(&PpoOptions::clip_ratio, Doubles(11, .2));
    expect(&PpoOptions::dual_clip, {0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0});
    expect(&PpoOptions::clip_value, {.2, .2, .2, .2, .2, .2, .5, .5, .2, .2, .2});
    expect(&PpoOptions::value_coefficient, Doubles(11, .1));
    expect(&PpoOptions::aggregation,
           {tokens, tokens, tokens, sequences, tokens, tokens, tokens, tokens, tokens, sequences, tokens});
    expect(&PpoOptions::target_kl, zeros);
    CHECK_THROWS_WITH_AS(like("gpt"), doctest::Contains("--like: there are no conventions of \"gpt\""), Error);
}

TEST_CASE("KL estimators") {
    Golden g;
    Doubles k1, k2, k3, absolute;
    for (size_t t = 0; t < 3; t++) {
        k1.push_back(kl_term(KlEstimator::k1, g.logprobs[t], g.reference[t]));
        k2.push_back(kl_term(KlEstimator::k2, g.logprobs[t], g.reference[t]));
        k3.push_back(kl_term(KlEstimator::k3, g.logprobs[t], g.reference[t]));
        absolute.push_back(kl_term(KlEstimator::abs, g.logprobs[t], g.reference[t]));
    }
    check_near(k1, {.2, -.1, -.5});
    check_near(k2, {.02, .005, .125});
    check_near(k3, {.01873075, .00517092, .14872127});
    check_near(absolute, {.2, .1, .5});
    check_near(mean_sequence_kl(g.logprobs, g.reference, {0, 3}), -.4);
    check_near(mean_sequence_kl(g.logprobs, g.reference, {0, 1, 3}), -.2);  // a sum within, a mean over responses
    CHECK(mean_sequence_kl({}, {}, {0}) == 0);

    // Over the whole distribution, the expectations of k1 and k3 are the exact divergence.
    Doubles p{.5, .3, .2}, q{.2, .2, .6};
    double exact = 0, mean_k1 = 0, mean_k3 = 0;
    for (size_t i = 0; i < 3; i++) {
        exact += p[i] * std::log(p[i] / q[i]);
        mean_k1 += p[i] * kl_term(KlEstimator::k1, std::log(p[i]), std::log(q[i]));
        mean_k3 += p[i] * kl_term(KlEstimator::k3, std::log(p[i]), std::log(q[i]));
    }
    check_near(mean_k1, exact, 1e-15);
    check_near(mean_k3, exact, 1e-15);
    CHECK(kl_term(KlEstimator::k3, -1, -1 - 1e-9) >= 0);  // expm1: no cancellation near 0
}

TEST_CASE("rewards: the KL at every token, the score at the last one") {
    Golden g;
    PpoOptions options;
    check_near(token_rewards(g.scores, g.logprobs, g.reference, g.offsets, g.beta, options), {-.02, .01, 1.05});

    options.kl_placement = KlPlacement::last_token;
    check_near(token_rewards(g.scores, g.logprobs, g.reference, g.offsets, g.beta, options), {0, 0, 1.04});

    options = {}, options.kl_clip = 0.3;
    check_near(token_rewards(g.scores, g.logprobs, g.reference, g.offsets, g.beta, options), {-.02, .01, 1.03});

    // Ragged: two responses, the first of a single token.
    check_near(token_rewards({2, 1}, g.logprobs, g.reference, {0, 1, 3}, g.beta, PpoOptions{}), {1.98, .01, 1.05});
    CHECK(token_rewards({}, {}, {}, {0}, g.beta, PpoOptions{}).empty());

    CHECK_THROWS_AS(token_rewards({1, 1}, g.logprobs, g.reference, {0, 3, 3}, g.beta, PpoOptions{}), Error);
    CHECK_THROWS_AS(token_rewards({1}, g.logprobs, g.reference, {0, 2}, g.beta, PpoOptions{}), Error);
    CHECK_THROWS_AS(token_rewards({1, 1}, g.logprobs, g.reference, {0, 4, 3}, g.beta, PpoOptions{}), Error);
    CHECK_THROWS_AS(token_rewards({1, 1}, g.logprobs, g.reference, {0, 3}, g.beta, PpoOptions{}), Error);
}

TEST_CASE("extreme log-probabilities: finite where the formula is, loud where it is not") {
    PpoOptions options;
    CHECK(token_rewards({1}, {-1e30f}, {0}, {0, 1}, 0.1, options)[0] == doctest::Approx(1e29));
    options.kl_estimator = KlEstimator::k3;
    CHECK_THROWS_AS(token_rewards({1}, {-800}, {-1}, {0, 1}, 0.1, options), Error);
    options.kl_clip = 10;
    check_near(token_rewards({1}, {-800}, {-1}, {0, 1}, 0.1, options), {0});
    options = {};
    CHECK_THROWS_AS(token_rewards({kNan}, {-1}, {-1}, {0, 1}, 0.1, options), Error);
    CHECK_THROWS_AS(token_rewards({1}, {-1}, {static_cast<float>(-kInfinity)}, {0, 1}, 0.1, options), Error);

    PolicyLoss far = policy_loss(cpu_kernels, {-1}, {-500}, {1}, {1}, options);  // A > 0: the clip bounds it
    check_near(far.loss, -1.2);
    CHECK(far.gradient[0] == 0);
    far = policy_loss(cpu_kernels, {-500}, {-1}, {-1}, {1}, options);
    check_near(far.loss, .8);
    try {
        policy_loss(cpu_kernels, {-1}, {-1000}, {1}, {1}, options);
        FAIL("an infinite ratio went unnoticed");
    } catch (const Error& error) {
        CHECK(error.status == kDiverged);
    }
    CHECK_THROWS_AS(policy_loss(cpu_kernels, {static_cast<float>(kNan)}, {-1}, {1}, {1}, options), Error);
    CHECK_THROWS_AS(policy_loss(cpu_kernels, {-1}, {-1}, {kNan}, {1}, options), Error);
    CHECK_THROWS_AS(value_loss(cpu_kernels, {static_cast<float>(kNan)}, {0}, {1}, {1}, options), Error);
    CHECK_THROWS_AS(gae(cpu_kernels, {kNan}, {0}, {0, 1}, options), Error);
}

TEST_CASE("scores are clipped, then docked for a missing end of text") {
    PpoOptions options;
    CHECK(shape_score(7, false, options) == 7);
    options.score_clip = 5;
    CHECK(shape_score(7, true, options) == 5);
    CHECK(shape_score(-7, true, options) == -5);
    options.missing_end = MissingEnd::subtract;
    CHECK(shape_score(7, false, options) == 4);
    CHECK(shape_score(7, true, options) == 5);
    options.missing_end = MissingEnd::replace;
    CHECK(shape_score(7, false, options) == -1);
    CHECK(shape_score(7, true, options) == 5);
}

TEST_CASE("adaptive KL coefficient") {
    PpoOptions options = like("oai");
    check_near(adapt_kl_coefficient(.15, 9, 512, options), .151536, 1e-12);    // error clipped to .2
    check_near(adapt_kl_coefficient(.15, 3, 512, options), .148464, 1e-12);    // to -.2
    check_near(adapt_kl_coefficient(.15, 6.5, 512, options), .150640, 1e-12);  // 1/12
    CHECK(adapt_kl_coefficient(.15, 9, 512, PpoOptions{}) == .15);             // off by default
}

TEST_CASE("GAE stops at the end of a response") {
    PpoOptions options;
    // What padding would be is here the next response: its value, 100, must not leak into the first.
    Advantages a = gae(cpu_kernels, {0, 1, 0}, {0, 0, 100}, {0, 2, 3}, options);
    check_near(a.advantages, {.95, 1, -100});
    check_near(a.returns, {.95, 1, 0});
    // The same numbers as one response show what the leak would look like.
    CHECK(std::abs(gae(cpu_kernels, {0, 1, 0}, {0, 0, 100}, {0, 3}, options).advantages[0] - .95) > 1);

    check_near(gae(cpu_kernels, {2}, {.5}, {0, 1}, options).advantages, {1.5});                    // length 1
    check_near(gae(cpu_kernels, {2, 3}, {.5, 1}, {0, 0, 1, 1, 2}, options).advantages,
               {1.5, 2});  // empty responses between
    CHECK(gae(cpu_kernels, {}, {}, {0}, options).advantages.empty());
    CHECK_THROWS_AS(gae(cpu_kernels, {1, 2}, {1}, {0, 2}, options), Error);
    CHECK_THROWS_AS(gae(cpu_kernels, {1, 2}, {1, 2}, {}, options), Error);
}

TEST_CASE("GAE agrees with its definition as a sum, for any gamma and lambda") {
    Doubles rewards{.3, -.2, 0, 1.5, -.7};
    Floats values{.5, -.25, 1, .125, 2};
    for (double gamma : {1.0, .9}) {
        for (double lambda : {0.0, .95, 1.0}) {
            PpoOptions options;
            options.gamma = gamma, options.lambda = lambda;
            Doubles want(5);
            for (size_t t = 0; t < 5; t++) {
                for (size_t l = t; l < 5; l++) {
                    double next = l + 1 < 5 ? values[l + 1] : 0;
                    want[t] += std::pow(gamma * lambda, l - t) * (rewards[l] + gamma * next - values[l]);
                }
            }
            check_near(gae(cpu_kernels, rewards, values, {0, 5}, options).advantages, want, 1e-14);
        }
    }
}

TEST_CASE("whitening") {
    Doubles advantages{.861375, .8225, .75}, rewards{-.02, .01, 1.05}, x;
    whiten(x = advantages, Variance::biased, true, 1e-8);
    check_near(x, {1.0851276, .2428447, -1.3279723}, 6e-8);
    whiten(x = advantages, Variance::bessel, true, 1e-8);
    check_near(x, {.8860037, .1982820, -1.0842857}, 6e-8);
    whiten(x = rewards, Variance::biased, false, 1e-8);
    check_near(x, {-.3903776, -.3300740, 1.7604516}, 6e-8);
    whiten(x = rewards, Variance::bessel, false, 1e-8);
    check_near(x, {-.2551275, -.2058898, 1.5010172}, 6e-8);

    Doubles table{1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 2.0};
    whiten(x = table, Variance::biased, false, 1e-8);
    check_near(Doubles(x.begin(), x.begin() + 3), {.0508, .4381, .8254}, 6e-5);
    whiten(x = table, Variance::bessel, false, 1e-8);
    check_near(Doubles(x.begin(), x.begin() + 3), {.1394, .5046, .8697}, 6e-5);

    for (Variance variance : {Variance::biased, Variance::bessel}) {
        whiten(x = Doubles{.1, .1, .1}, variance, true, 1e-8);
        check_near(x, {0, 0, 0}, 1e-10);
        whiten(x = Doubles{7}, variance, true, 1e-8);
        check_near(x, {0});
        whiten(x = Doubles{7}, variance, false, 1e-8);
        check_near(x, {7});
        whiten(x = Doubles{}, variance, true, 1e-8);
        CHECK(x.empty());
    }
}

TEST_CASE("the whole golden vector") {
    Golden g;
    PpoOptions options;
    options.advantage_whitening = Whitening::none;
    Advantages raw =
        estimate_advantages(cpu_kernels, g.scores, g.logprobs, g.reference, g.values, g.offsets, g.beta, options);
    check_near(raw.advantages, {.861375, .8225, .75});
    check_near(raw.returns, {.961375, 1.0225, 1.05});

    Doubles weights = token_weights(g.offsets, options);
    ValueLoss value = value_loss(cpu_kernels, g.new_values, g.values, raw.returns, weights, options);
    check_near(value.loss, .2964039);
    check_near(value.clip_fraction, 1 / 3.);

    for (bool bessel : {false, true}) {
        options = {};
        options.variance = bessel ? Variance::bessel : Variance::biased;
        Advantages a =
            estimate_advantages(cpu_kernels, g.scores, g.logprobs, g.reference, g.values, g.offsets, g.beta, options);
        // Whitening divides by a standard deviation of .046, which magnifies the inputs' rounding twentyfold.
        check_near(a.advantages,
                   bessel ? Doubles{.8860037, .1982820, -1.0842857} : Doubles{1.0851276, .2428447, -1.3279723}, 5e-6);
        check_near(a.returns, raw.returns, 0);  // taken before whitening

        PolicyLoss policy = policy_loss(cpu_kernels, g.new_logprobs, g.logprobs, a.advantages, weights, options);
        check_near(policy.loss, bessel ? .4336748 : .5311405, 2e-6);
        check_near(options.value_coefficient * value.loss + policy.loss, bessel ? .4633152 : .5607809, 2e-6);
        check_near(policy.approx_kl_k1, -.1666667);
        check_near(policy.approx_kl_k2, .135);
        CHECK(policy.clip_fraction == 0);
        check_near(policy.max_ratio_error, 1.2255409);
    }

    options = {}, options.whiten_rewards = true, options.lambda = 1, options.advantage_whitening = Whitening::none;
    Advantages whitened =
        estimate_advantages(cpu_kernels, g.scores, g.logprobs, g.reference, g.values, g.offsets, g.beta, options);
    check_near(whitened.returns, {1.04, 1.4303776, 1.7604516}, 5e-7);  // sums of the whitened rewards from t on
}

TEST_CASE("losses of nothing, of unequal lengths, and before the first update") {
    PpoOptions options;
    CHECK(policy_loss(cpu_kernels, {-1, -2}, {-1, -2}, {3, -4}, {.5, .5}, options).max_ratio_error == 0);  // exactly
    CHECK(policy_loss(cpu_kernels, {}, {}, {}, {}, options).loss == 0);
    CHECK(value_loss(cpu_kernels, {}, {}, {}, {}, options).loss == 0);
    CHECK_THROWS_AS(policy_loss(cpu_kernels, {-1}, {-1, -2}, {1}, {1}, options), Error);
    CHECK_THROWS_AS(value_loss(cpu_kernels, {-1}, {-1, -2}, {1}, {1}, options), Error);
}

TEST_CASE("the clipped share: where a bound decides, and not where a token has nothing to say") {
    PpoOptions options;
    // Ratios e^.3 and e^-.3 with advantages 1, -1 and 0: clipped are the gains above and the losses below.
    PolicyLoss policy = policy_loss(cpu_kernels, {.3f, -.3f, .3f, -.3f, .3f}, {0, 0, 0, 0, 0}, {1, -1, -1, 1, 0},
                                    {.2, .2, .2, .2, .2}, options);
    check_near(policy.clip_fraction, .4);
    // Old value 1, clip .2: the first is clipped, the second exact, the third within the bounds.
    ValueLoss value = value_loss(cpu_kernels, {1.5, 2, 1.125}, {1, 2, 1}, {2, 2, 2}, {.25, .25, .5}, options);
    check_near(value.clip_fraction, .25);
    check_near(value.loss, .25 * .32 + .5 * .3828125);
}

TEST_CASE("gradients agree with finite differences, weights included") {
    // The step is a power of two, so that float inputs move by it exactly.
    Golden g;
    const float h = 0x1p-10f;
    for (Aggregation aggregation : {Aggregation::token_mean, Aggregation::sequence_mean}) {
        PpoOptions options;
        options.aggregation = aggregation;
        Doubles weights = token_weights({0, 1, 3}, options), advantages{1.2, -.7, -1.1}, returns{.96, 1.02, 1.05};
        PolicyLoss policy = policy_loss(cpu_kernels, g.new_logprobs, g.logprobs, advantages, weights, options);
        ValueLoss value = value_loss(cpu_kernels, g.new_values, g.values, returns, weights, options);
        for (size_t t = 0; t < 3; t++) {
            double difference[2] = {};
            for (float side : {+1.f, -1.f}) {
                Floats logprobs = g.new_logprobs, values = g.new_values;
                logprobs[t] += side * h, values[t] += side * h;
                difference[0] +=
                    side * policy_loss(cpu_kernels, logprobs, g.logprobs, advantages, weights, options).loss;
                difference[1] += side * value_loss(cpu_kernels, values, g.values, returns, weights, options).loss;
            }
            check_near(policy.gradient[t], difference[0] / (2 * h), 2e-6);  // h² / 6 · loss
            check_near(value.gradient[t], difference[1] / (2 * h), 2e-6);
        }
    }
}

TEST_CASE("token weights, and microbatches that add up to their minibatch") {
    PpoOptions options;
    check_near(token_weights({0, 1, 4}, options), {.25, .25, .25, .25}, 1e-15);
    options.aggregation = Aggregation::sequence_mean;
    check_near(token_weights({0, 1, 4}, options), {1 / 2., 1 / 6., 1 / 6., 1 / 6.}, 1e-15);
    CHECK(token_weights({0}, options).empty());

    Floats logprobs{-1, -.4f, -.9f, -2}, old_logprobs{-1.1f, -.7f, -.8f, -1.6f};
    Doubles advantages{.5, -1, 2, -.25};
    for (Aggregation aggregation : {Aggregation::token_mean, Aggregation::sequence_mean}) {
        options.aggregation = aggregation;
        PolicyLoss whole =
            policy_loss(cpu_kernels, logprobs, old_logprobs, advantages, token_weights({0, 1, 4}, options), options);
        PolicyLoss first = policy_loss(cpu_kernels, {-1}, {-1.1f}, {.5}, token_weights({0, 1}, options, 4, 2), options);
        PolicyLoss second = policy_loss(cpu_kernels, {-.4f, -.9f, -2}, {-.7f, -.8f, -1.6f}, {-1, 2, -.25},
                                        token_weights({0, 3}, options, 4, 2), options);
        check_near(first.loss + second.loss, whole.loss, 1e-15);
        check_near(first.approx_kl_k1 + second.approx_kl_k1, whole.approx_kl_k1, 1e-15);
        check_near(first.approx_kl_k2 + second.approx_kl_k2, whole.approx_kl_k2, 1e-15);
        check_near(first.clip_fraction + second.clip_fraction, whole.clip_fraction, 1e-15);
        check_near(second.gradient, {whole.gradient[1], whole.gradient[2], whole.gradient[3]}, 0);
    }
    CHECK_FALSE(stop_early(100, options));
    options.target_kl = .02;
    CHECK(stop_early(.031, options));
    CHECK_FALSE(stop_early(.029, options));
}

TEST_CASE("labels from two log-probabilities") {
    check_near(preference(-.3, -1.9), .832018, 6e-7);
    CHECK(preference(-.3, -1.9) + preference(-1.9, -.3) == doctest::Approx(1).epsilon(1e-15));
    CHECK(preference(-1000, -1001) == doctest::Approx(preference(0, -1)).epsilon(1e-14));
    CHECK(preference(0, -kInfinity) == 1);
    CHECK(preference(-kInfinity, 0) == 0);
    CHECK_THROWS_AS(preference(-kInfinity, -kInfinity), Error);

    check_near(average_orders(.8, .3), .75, 1e-15);
    check_near(average_orders(.9, .9), .5, 1e-15);  // a judge that always says A knows nothing
    CHECK(clamp_label(.99, .4, .6) == .6);
    CHECK(clamp_label(.01, .4, .6) == .4);
    CHECK(clamp_label(.45, .4, .6) == .45);
    CHECK_THROWS_AS(clamp_label(.5, .6, .4), Error);
}

TEST_CASE("soft-target preference loss") {
    const auto loss_of = [](float delta, double p) { return preference_loss(cpu_kernels, {delta, 0}, {p}).loss[0]; };
    const auto gradient_of = [](float delta, double p) {
        return preference_loss(cpu_kernels, {delta, 0}, {p}).gradient[0];
    };
    check_near(loss_of(.5, .7), .6240770, 6e-8);
    check_near(gradient_of(.5, .7), -.0775407, 6e-8);
    check_near(loss_of(1, .4), .9132617, 6e-8);
    check_near(gradient_of(1, .4), .3310586, 6e-8);
    check_near(loss_of(.5, 1), -std::log(sigmoid(.5)), 1e-15);  // a hard label
    check_near(label_entropy(.6), .6730, 5e-5);
    check_near(label_entropy(.5), std::log(2.), 1e-15);
    CHECK(label_entropy(0) == 0);
    CHECK(label_entropy(1) == 0);

    // The optimum is logit p, and the loss there is the label's entropy: a label clamped to .6 caps the gap at .405465.
    for (auto [p, gap] : {std::pair{.6, .405465f}, std::pair{.8, 1.386294f}}) {
        check_near(gradient_of(gap, p), 0, 6e-7);
        check_near(loss_of(gap, p), label_entropy(p), 1e-12);
        CHECK(loss_of(gap + .1f, p) > label_entropy(p));
    }
    check_near(loss_of(1e6, .25), .75e6, 1e-6);
    check_near(loss_of(-1e6, .25), .25e6, 1e-6);
    CHECK(loss_of(1e6, 1) == 0);
    CHECK_THROWS_AS(preference_loss(cpu_kernels, {static_cast<float>(kNan), 0}, {.5}), Error);
    CHECK_THROWS_AS(preference_loss(cpu_kernels, {static_cast<float>(kInfinity), 0}, {.5}), Error);
    CHECK_THROWS_AS(preference_loss(cpu_kernels, {0, 0}, {1.01}), Error);
    CHECK_THROWS_AS(preference_loss(cpu_kernels, {0, 0}, {kNan}), Error);
    CHECK_THROWS_AS(preference_loss(cpu_kernels, {0, 0, 0}, {.5}), Error);
}

// The advantages and the losses of RL-CAI, number by number on every backend: by hand, against the formulas in double, and their
// gradients against central differences of those.
#include <algorithm>

#include "../core/base/rng.h"
#include "../core/nn/kernels.h"
#include "check.h"

using namespace cai;
using namespace cai::check;
using Doubles = Guarded<double>;

namespace {

// From a float or two to a double: an exponential, a few products.
constexpr Tolerance kDoubleSteps = {1e-14, 1e-12, "a few operations in double"};

std::vector<double> nothing(size_t n) { return std::vector<double>(n, kNaN); }

struct Terms {
    std::vector<double> loss, gradient;
};

Terms policy_terms(const Kernels& k, const std::vector<float>& logprobs, const std::vector<float>& old_logprobs,
                   const std::vector<double>& advantages, double clip_ratio = 0.2, double dual_clip = 0) {
    const size_t T = logprobs.size();
    Doubles loss(k, nothing(T)), gradient(k, nothing(T)), advantages_(k, advantages);
    k.policy_loss(loss, gradient, Floats(k, logprobs), Floats(k, old_logprobs), advantages_, T, clip_ratio, dual_clip);
    return {loss.read(), gradient.read()};
}

Terms value_terms(const Kernels& k, const std::vector<float>& values, const std::vector<float>& old_values,
                  const std::vector<double>& returns, double clip_value = 0.2) {
    const size_t T = values.size();
    Doubles loss(k, nothing(T)), gradient(k, nothing(T)), returns_(k, returns);
    k.value_loss(loss, gradient, Floats(k, values), Floats(k, old_values), returns_, T, clip_value);
    return {loss.read(), gradient.read()};
}

Terms preference_terms(const Kernels& k, const std::vector<float>& scores, const std::vector<double>& labels) {
    const size_t n = labels.size();
    Doubles loss(k, nothing(n)), gradient(k, nothing(n)), labels_(k, labels);
    k.preference_loss(loss, gradient, Floats(k, scores), labels_, n);
    return {loss.read(), gradient.read()};
}

// PPO's eq. 7 with its sign turned, as the maximum of two losses, and the bound on a bad token's.
double policy_formula(double logprob, double old_logprob, double advantage, double clip_ratio, double dual_clip) {
    const double ratio = std::exp(logprob - old_logprob);
    const double bounded = clip_ratio > 0 ? std::min(std::max(ratio, 1 - clip_ratio), 1 + clip_ratio) : ratio;
    const double loss = std::max(-advantage * ratio, -advantage * bounded);
    return dual_clip > 0 && advantage < 0 ? std::min(loss, -advantage * dual_clip) : loss;
}
double value_formula(double value, double old, double target, double clip_value) {
    const double bounded = clip_value > 0 ? std::min(std::max(value, old - clip_value), old + clip_value) : value;
    return std::max((value - target) * (value - target), (bounded - target) * (bounded - target)) / 2;
}
double preference_formula(double difference, double label) {
    return label * std::log1p(std::exp(-difference)) + (1 - label) * std::log1p(std::exp(difference));
}

double slope(const std::function<double(double)>& f, double x) {
    return central_differences([&](const std::vector<double>& at) { return f(at[0]); }, {x})[0];
}

}  // namespace

TEST_CASE("policy loss: the maximum of the losses, by sign of the advantage and side of the clip") {
    const Tolerance of_floats = {2e-7, 2e-6, "logarithms of the ratios, rounded to float"};
    const auto log = [](double ratio) { return static_cast<float>(std::log(ratio)); };
    for (const Kernels* k : backends()) {
        const std::vector<float> old(6, 0), logprobs = {log(1.3), log(1.3), log(.7), log(.7), 0, log(1.3)};
        const Terms t = policy_terms(*k, logprobs, old, {1, -1, 1, -1, 1, 0});
        CHECK_CLOSE(t.loss, (std::vector<double>{-1.2, 1.3, -.7, .8, -1, 0}), of_floats);
        CHECK_CLOSE(t.gradient, (std::vector<double>{0, 1.3, -.7, 0, -1, 0}), of_floats);
        CHECK(t.loss[4] == -1);  // a ratio of 1 to the last bit

        // A bad token is bounded at -A c, a good one is not.
        const Terms dual = policy_terms(*k, {log(5), log(2), log(5), 0}, {0, 0, 0, 0}, {-2, -2, 2, 2}, 0.2, 3);
        CHECK_CLOSE(dual.loss, (std::vector<double>{6, 4, -2.4, -2}), of_floats);
        CHECK_CLOSE(dual.gradient, (std::vector<double>{0, 4, 0, -2}), of_floats);
        CHECK_CLOSE(policy_terms(*k, {log(5)}, {0}, {2}, 0).loss, std::vector<double>{-10}, of_floats);  // off
    }
}

TEST_CASE("value loss: the maximum of the losses") {
    for (const Kernels* k : backends()) {
        // Old value 1, clip 1/4; all of these are floats.
        const std::vector<float> values = {1.125f, 1.5f, .5f, 1.5f}, old(4, 1);
        const std::vector<double> returns = {2, 2, 2, -.5};
        const Terms t = value_terms(*k, values, old, returns, 0.25);
        CHECK_BITS(t.loss, (std::vector<double>{.3828125, .28125, 1.125, 2}));
        CHECK_BITS(t.gradient, (std::vector<double>{-.875, 0, -1.5, 2}));
        CHECK_BITS(value_terms(*k, values, old, returns, 0).loss, (std::vector<double>{.3828125, .125, 1.125, 2}));
    }
}

TEST_CASE("preference loss: by hand, and without overflow") {
    const Tolerance printed = {1e-7, 6e-8, "seven printed digits"};
    for (const Kernels* k : backends()) {
        const Terms t = preference_terms(*k, {.5f, 0, 2, 1, 0, 0}, {.7, .4, 1});
        CHECK_CLOSE(t.loss, (std::vector<double>{.6240770, .9132617, .6931472}), printed);
        CHECK_CLOSE(t.gradient, (std::vector<double>{-.0775407, .3310586, -.5}), printed);
        const Terms far = preference_terms(*k, {1e6f, 0, 0, 1e6f, 1e6f, 0}, {.25, .25, 1});
        CHECK_BITS(far.loss, (std::vector<double>{.75e6, .25e6, 0}));
        CHECK_BITS(far.gradient, (std::vector<double>{.75, -.25, 0}));
    }
}

TEST_CASE("losses against the formulas in double and their slopes, ragged sizes") {
    for (const Kernels* k : backends())
        for (size_t n : {1, 3, 255, 1000}) {
            INFO(k->name, ", ", n, " numbers");
            const std::vector<float> now = normals(n, 1), old = normals(n, 2), other = normals(n, 3), scores = normals(2 * n, 4);
            const std::vector<double> targets = to_double(other);
            for (double clip : {0.0, 0.2})
                for (double dual_clip : {0.0, 3.0}) {
                    const Terms t = policy_terms(*k, now, old, targets, clip, dual_clip);
                    std::vector<double> loss(n), gradient(n);
                    for (size_t i = 0; i < n; ++i) {
                        const auto f = [&](double x) { return policy_formula(x, old[i], targets[i], clip, dual_clip); };
                        loss[i] = f(now[i]), gradient[i] = slope(f, now[i]);
                    }
                    CHECK_CLOSE(t.loss, loss, kDoubleSteps);
                    CHECK_CLOSE(t.gradient, gradient, (Tolerance{1e-7, 1e-6, "central differences, h = 1e-5"}));
                }
            for (double clip : {0.0, 0.2}) {
                const Terms t = value_terms(*k, now, old, targets, clip);
                std::vector<double> loss(n), gradient(n);
                for (size_t i = 0; i < n; ++i) {
                    const auto f = [&](double x) { return value_formula(x, old[i], targets[i], clip); };
                    loss[i] = f(now[i]), gradient[i] = slope(f, now[i]);
                }
                CHECK_CLOSE(t.loss, loss, kDoubleSteps);
                CHECK_CLOSE(t.gradient, gradient, (Tolerance{1e-8, 1e-7, "central differences, h = 1e-5"}));
            }
            std::vector<double> labels(n), loss(n), gradient(n);
            for (size_t i = 0; i < n; ++i) {
                labels[i] = uniform01(mix(i));
                const auto f = [&](double x) { return preference_formula(x, labels[i]); };
                const double difference = static_cast<double>(scores[2 * i]) - scores[2 * i + 1];
                loss[i] = f(difference), gradient[i] = slope(f, difference);
            }
            const Terms t = preference_terms(*k, scores, labels);
            CHECK_CLOSE(t.loss, loss, kDoubleSteps);
            CHECK_CLOSE(t.gradient, gradient, (Tolerance{1e-8, 1e-7, "central differences, h = 1e-5"}));
        }
}

TEST_CASE("GAE against its definition as a sum, response by response") {
    // Nothing leaks from one response into the next, or from an empty one.
    const std::vector<int32_t> offsets = {0, 1, 1, 300, 337};
    const size_t T = 337, R = offsets.size() - 1;
    const std::vector<float> values = normals(T, 5);
    const std::vector<double> rewards = to_double(normals(T, 6));
    for (const Kernels* k : backends())
        for (double gamma : {1.0, 0.9})
            for (double lambda : {0.0, 0.95, 1.0}) {
                INFO(k->name, ", gamma ", gamma, ", lambda ", lambda);
                std::vector<double> advantages(T), returns(T);
                for (size_t r = 0; r < R; ++r)
                    for (int32_t t = offsets[r]; t < offsets[r + 1]; ++t) {
                        for (int32_t l = t; l < offsets[r + 1]; ++l) {
                            const double next = l + 1 < offsets[r + 1] ? values[l + 1] : 0;
                            advantages[t] += std::pow(gamma * lambda, l - t) * (rewards[l] + gamma * next - values[l]);
                        }
                        returns[t] = advantages[t] + values[t];
                    }
                Doubles advantages_(*k, nothing(T)), returns_(*k, nothing(T)), rewards_(*k, rewards);
                k->gae(advantages_, returns_, rewards_, Floats(*k, values), Ints(*k, offsets), R, gamma, lambda);
                CHECK_CLOSE(advantages_.read(), advantages, (Tolerance{1e-13, 1e-11, "300 sums in double"}));
                CHECK_CLOSE(returns_.read(), returns, (Tolerance{1e-13, 1e-11, "300 sums in double"}));
            }
}

TEST_CASE("losses pass NaN on") {
    for (const Kernels* k : backends()) {
        for (const Terms& t :
             {policy_terms(*k, {kNaN, 0, 0}, {0, kNaN, 0}, {1, -1, kNaN}), value_terms(*k, {kNaN, 0, kNaN}, {0, 0, 0}, {1, kNaN, 1}),
              preference_terms(*k, {kNaN, 0, 0, kNaN, 0, 0}, {.5, .5, kNaN})})
            for (size_t i = 0; i < 3; ++i) {
                INFO(k->name, ", number ", i);
                CHECK(std::isnan(t.loss[i]));
            }
    }
}

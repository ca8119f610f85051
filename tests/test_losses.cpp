// The advantages and the losses of RL-CAI, number by number on every backend: by hand, and against the plain loops in
// double, whose gradients are held against central differences.
#include "../core/base/rng.h"
#include "../core/nn/kernels.h"
#include "../cpu/plain/losses.h"
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

// The plain loops in double.
Terms plain_policy(const std::vector<double>& logprobs, const std::vector<double>& old_logprobs,
                   const std::vector<double>& advantages, double clip_ratio, double dual_clip) {
    Terms t = {nothing(logprobs.size()), nothing(logprobs.size())};
    plain::policy_loss(t.loss.data(), t.gradient.data(), logprobs.data(), old_logprobs.data(), advantages.data(),
                       logprobs.size(), clip_ratio, dual_clip);
    return t;
}
Terms plain_value(const std::vector<double>& values, const std::vector<double>& old_values,
                  const std::vector<double>& returns, double clip_value) {
    Terms t = {nothing(values.size()), nothing(values.size())};
    plain::value_loss(t.loss.data(), t.gradient.data(), values.data(), old_values.data(), returns.data(), values.size(),
                      clip_value);
    return t;
}
Terms plain_preference(const std::vector<double>& scores, const std::vector<double>& labels) {
    Terms t = {nothing(labels.size()), nothing(labels.size())};
    plain::preference_loss(t.loss.data(), t.gradient.data(), scores.data(), labels.data(), labels.size());
    return t;
}

double total(const std::vector<double>& terms) {
    double sum = 0;
    for (double term : terms) sum += term;
    return sum;
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

TEST_CASE("losses: the plain gradients are the slopes of the plain losses") {
    const size_t n = 300;
    const auto now = to_double(normals(n, 1)), old = to_double(normals(n, 2)), targets = to_double(normals(n, 3));
    for (double clip : {0.0, 0.2}) {
        for (double dual_clip : {0.0, 3.0}) {
            INFO("clip ", clip, ", dual clip ", dual_clip);
            const auto slopes = central_differences(
                [&](const auto& v) { return total(plain_policy(v, old, targets, clip, dual_clip).loss); }, now);
            CHECK_CLOSE(plain_policy(now, old, targets, clip, dual_clip).gradient, slopes, kDifferences);
        }
        const auto slopes =
            central_differences([&](const auto& v) { return total(plain_value(v, old, targets, clip).loss); }, now);
        CHECK_CLOSE(plain_value(now, old, targets, clip).gradient, slopes, kDifferences);
    }
    // The gradient of the preference loss is by the difference of the two scores: that by the first, less that by the
    // second, halved.
    const auto scores = to_double(normals(2 * n, 4));
    std::vector<double> labels(n), by_difference(n);
    for (size_t i = 0; i < n; ++i) labels[i] = uniform01(mix(i));
    const auto by_score =
        central_differences([&](const auto& v) { return total(plain_preference(v, labels).loss); }, scores);
    for (size_t i = 0; i < n; ++i) by_difference[i] = (by_score[2 * i] - by_score[2 * i + 1]) / 2;
    CHECK_CLOSE(plain_preference(scores, labels).gradient, by_difference, kDifferences);
}

TEST_CASE("losses against the plain loops in double, ragged sizes") {
    const auto check_terms = [](const Terms& t, const Terms& expected) {
        CHECK_CLOSE(t.loss, expected.loss, kDoubleSteps);
        CHECK_CLOSE(t.gradient, expected.gradient, kDoubleSteps);
    };
    for (const Kernels* k : backends())
        for (size_t n : {1, 3, 255, 1000}) {
            INFO(k->name, ", ", n, " numbers");
            const std::vector<float> now = normals(n, 1), old = normals(n, 2), scores = normals(2 * n, 4);
            const std::vector<double> targets = to_double(normals(n, 3));
            std::vector<double> labels(n);
            for (size_t i = 0; i < n; ++i) labels[i] = uniform01(mix(i));
            for (double clip : {0.0, 0.2}) {
                for (double dual_clip : {0.0, 3.0})
                    check_terms(policy_terms(*k, now, old, targets, clip, dual_clip),
                                plain_policy(to_double(now), to_double(old), targets, clip, dual_clip));
                check_terms(value_terms(*k, now, old, targets, clip),
                            plain_value(to_double(now), to_double(old), targets, clip));
            }
            check_terms(preference_terms(*k, scores, labels), plain_preference(to_double(scores), labels));
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
        for (const Terms& t : {policy_terms(*k, {kNaN, 0, 0}, {0, kNaN, 0}, {1, -1, kNaN}),
                               value_terms(*k, {kNaN, 0, kNaN}, {0, 0, 0}, {1, kNaN, 1}),
                               preference_terms(*k, {kNaN, 0, 0, kNaN, 0, 0}, {.5, .5, kNaN})})
            for (size_t i = 0; i < 3; ++i) {
                INFO(k->name, ", number ", i);
                CHECK(std::isnan(t.loss[i]));
            }
    }
}

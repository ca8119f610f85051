// Log-probabilities against the plain loops in double, those against numbers by hand and central differences; the
// sampler's choices.
#include <algorithm>

#include "../cpu/plain/classifier.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

const size_t kSizes[][2] = {{1, 1}, {3, 2}, {4, 17}, {2, 64}, {3, 101}, {1, 1031}};

// The plain loops in double.
std::vector<double> plain_forward(const std::vector<double>& logits, const std::vector<Token>& targets, size_t V,
                                  double temperature, std::vector<double>* entropy = nullptr) {
    std::vector<double> logprob(targets.size(), kNaN);
    if (entropy) entropy->assign(targets.size(), kNaN);
    plain::logprob_forward(logprob.data(), entropy ? entropy->data() : nullptr, logits.data(), targets.data(),
                           targets.size(), V, temperature);
    return logprob;
}
std::vector<double> plain_backward(const std::vector<double>& dlogprob, const std::vector<double>& logits,
                                   const std::vector<Token>& targets, size_t V, double temperature) {
    std::vector<double> dlogits(logits.size(), kNaN);
    plain::logprob_backward(dlogits.data(), dlogprob.data(), logits.data(), targets.data(), targets.size(), V,
                            temperature);
    return dlogits;
}

std::vector<Token> targets_of(size_t N, size_t V) {
    std::vector<Token> targets(N);
    for (size_t n = 0; n < N; ++n) targets[n] = n == 1 ? -1 : static_cast<Token>(mix(n) % V);
    return targets;
}

struct Result {
    std::vector<float> logprob, entropy;
};
Result forward(const Kernels& k, const std::vector<float>& logits, const std::vector<Token>& targets, size_t V,
               float temperature) {
    const size_t N = targets.size();
    Floats logprob(k, poison(N)), entropy(k, poison(N)), logits_(k, logits), again(k, poison(N));
    Ints targets_(k, targets);
    k.logprob_forward(logprob, entropy, logits_, targets_, N, V, temperature);
    k.logprob_forward(again, nullptr, logits_, targets_, N, V, temperature);
    CHECK_BITS(again.read(), logprob.read());
    return {logprob.read(), entropy.read()};
}

std::vector<float> backward(const Kernels& k, const std::vector<float>& dlogprob, const std::vector<float>& logits,
                            const std::vector<Token>& targets, size_t V, float temperature, bool in_place) {
    Floats logits_(k, logits), dlogits(k, poison(logits.size())), dlogprob_(k, dlogprob);
    Ints targets_(k, targets);
    k.logprob_backward(in_place ? logits_ : dlogits, dlogprob_, logits_, targets_, targets.size(), V, temperature);
    return (in_place ? logits_ : dlogits).read();
}

struct Drawn {
    std::vector<Token> tokens;
    std::vector<float> logprob;
};
Drawn draw(const Kernels& k, const std::vector<float>& logits, size_t N, size_t V, SamplingOptions options,
           uint64_t first_key = 0) {
    Drawn drawn{std::vector<Token>(N, -77), poison(N)};
    std::vector<uint64_t> keys(N);
    for (size_t n = 0; n < N; ++n) keys[n] = first_key + n;
    Floats logits_(k, logits);
    k.sample(drawn.tokens.data(), drawn.logprob.data(), logits_, keys.data(), N, V, options);
    return drawn;
}

std::vector<float> repeated(const std::vector<float>& row, size_t N) {
    std::vector<float> all;
    for (size_t n = 0; n < N; ++n) all.insert(all.end(), row.begin(), row.end());
    return all;
}

std::vector<double> shares(const std::vector<Token>& tokens, size_t V) {
    std::vector<double> share(V);
    for (Token token : tokens) share[token] += 1.0 / tokens.size();
    return share;
}

// Five standard deviations of a share counted over 20,000 draws is at most 5 sqrt(0.25 / 20000) = 0.018.
constexpr Tolerance kShares = {1, 0.018, "five standard deviations of a share over 20,000 draws"};

}  // namespace

TEST_CASE("logprob by hand") {
    for (const Kernels* k : backends()) {
        // Logits 0 and ln 3: probabilities 1/4 and 3/4; at temperature 1/2 they are 1/10 and 9/10.
        const std::vector<float> logits = {0, std::log(3.0f)};
        const Result one = forward(*k, logits, {1}, 2, 1), cold = forward(*k, logits, {1}, 2, 0.5f);
        CHECK(one.logprob[0] == doctest::Approx(std::log(0.75)).epsilon(1e-6));
        CHECK(one.entropy[0] == doctest::Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)).epsilon(1e-6));
        CHECK(cold.logprob[0] == doctest::Approx(std::log(0.9)).epsilon(1e-6));
        CHECK_CLOSE(backward(*k, {2}, logits, {1}, 2, 1, false), (std::vector<double>{-0.5, 0.5}), kFloatSteps);
    }
}

TEST_CASE("logprob: the plain gradient is the slope of plain forward") {
    for (const auto& [N, V] : kSizes)
        for (double temperature : {1.0, 0.7}) {
            INFO("N ", N, ", V ", V, ", temperature ", temperature);
            const auto logits = to_double(normals(N * V, 1, 3)), dlogprob = to_double(normals(N, 2));
            const auto targets = targets_of(N, V);
            const auto slopes = central_differences(
                [&](const std::vector<double>& v) {
                    return inner(dlogprob, plain_forward(v, targets, V, temperature));
                },
                logits);
            CHECK_CLOSE(plain_backward(dlogprob, logits, targets, V, temperature), slopes, kDifferences);
        }
}

TEST_CASE("logprob, entropy and gradient against the plain loops in double") {
    const Tolerance sums = {2e-6, 1e-5, "float sums of exponentials"};
    for (const Kernels* k : backends())
        for (const auto& [N, V] : kSizes)
            for (float temperature : {1.0f, 0.7f}) {
                INFO(k->name, ", N ", N, ", V ", V, ", temperature ", temperature);
                const auto logits = normals(N * V, 1, 3), dlogprob = normals(N, 2);
                const auto targets = targets_of(N, V);
                std::vector<double> entropy;
                const auto expected = plain_forward(to_double(logits), targets, V, temperature, &entropy);
                const Result r = forward(*k, logits, targets, V, temperature);
                CHECK_CLOSE(r.logprob, expected, sums);
                CHECK_CLOSE(r.entropy, entropy, sums);
                const auto apart = backward(*k, dlogprob, logits, targets, V, temperature, false);
                CHECK_CLOSE(apart, plain_backward(to_double(dlogprob), to_double(logits), targets, V, temperature),
                            sums);
                CHECK_BITS(backward(*k, dlogprob, logits, targets, V, temperature, true), apart);
            }
}

TEST_CASE("logprob: rows are independent, threads do not matter, NaN and infinity") {
    const size_t N = 100, V = 331;
    auto logits = normals(N * V, 3, 2);
    const auto targets = targets_of(N, V);
    const auto dlogprob = normals(N, 4);
    for (const Kernels* k : backends()) {
        const Result all = forward(*k, logits, targets, V, 0.9f);
        for (size_t n : {0, 50, 99})
            CHECK_BITS(forward(*k, slice(logits, n * V, V), {targets[n]}, V, 0.9f).logprob, slice(all.logprob, n, 1));
        CHECK_THREADS(*k, { return forward(*k, logits, targets, V, 0.9f).logprob; });
        CHECK_THREADS(*k, { return backward(*k, dlogprob, logits, targets, V, 0.9f, false); });
    }
    logits[7 * V + 300] = kNaN;
    logits[8 * V + 300] = -kInfinity;  // a token ruled out: probability 0, nothing else happens
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, logits, targets, V, 1);
        for (size_t n = 0; n < N; ++n) {
            CHECK(std::isnan(r.logprob[n]) == (n == 7));
            CHECK(std::isnan(r.entropy[n]) == (n == 7));
        }
        const auto gradient = backward(*k, dlogprob, logits, targets, V, 1, false);
        CHECK(std::isnan(gradient[7 * V]));
        CHECK(gradient[8 * V + 300] == 0);
        CHECK(std::isfinite(gradient[9 * V]));
    }
}

TEST_CASE("the sampler's logprob has logprob_forward's bits") {
    const size_t N = 64, V = 203;
    const auto logits = normals(N * V, 5, 2);
    for (const Kernels* k : backends())
        for (SamplingOptions options : {SamplingOptions{1, 0, 1}, {0.7f, 0, 1}, {1.3f, 10, 0.8f}, {0, 0, 1}}) {
            const Drawn drawn = draw(*k, logits, N, V, options);
            const float temperature = options.temperature == 0 ? 1 : options.temperature;
            CHECK_BITS(drawn.logprob, forward(*k, logits, drawn.tokens, V, temperature).logprob);
        }
}

TEST_CASE("greedy takes the most likely token, the lowest id of equals") {
    for (const Kernels* k : backends()) {
        CHECK(draw(*k, {1, 3, 3, 2, 5, 5, 5, 0}, 2, 4, {0, 0, 1}).tokens == std::vector<Token>{1, 0});
        CHECK(draw(*k, {-9, -8, -9, -9}, 1, 4, {0, 0, 1}).tokens == std::vector<Token>{1});
    }
}

TEST_CASE("a draw is the inverse of the cumulative distribution at uniform01(mix(key))") {
    const size_t N = 500, V = 37;
    const auto logits = normals(N * V, 6, 2);
    for (const Kernels* k : backends()) {
        const Drawn drawn = draw(*k, logits, N, V, {0.8f, 0, 1}, 1000);
        for (size_t n = 0; n < N; ++n) {
            std::vector<Token> all(V);
            for (size_t j = 0; j < V; ++j) all[j] = static_cast<Token>(j);
            const auto logprob = plain_forward(to_double(repeated(slice(logits, n * V, V), V)), all, V, 0.8f);
            double below = 0;
            for (Token j = 0; j < drawn.tokens[n]; ++j) below += std::exp(logprob[j]);
            const double u = uniform01(mix(1000 + n));
            REQUIRE(u > below - 1e-5);
            REQUIRE(u < below + std::exp(logprob[drawn.tokens[n]]) + 1e-5);
        }
        CHECK(draw(*k, logits, N, V, {0.8f, 0, 1}, 1000).tokens == drawn.tokens);
        CHECK(draw(*k, logits, N, V, {0.8f, 0, 1}, 1001).tokens != drawn.tokens);
        // A row's draw does not depend on its neighbours.
        CHECK(draw(*k, slice(logits, 9 * V, V), 1, V, {0.8f, 0, 1}, 1009).tokens[0] == drawn.tokens[9]);
        CHECK_THREADS(*k, { return draw(*k, logits, N, V, {0.8f, 5, 0.9f}, 1000).logprob; });
    }
}

TEST_CASE("every backend draws the token that the plain loops draw in double") {
    const size_t N = 500, V = 37;
    const auto logits = normals(N * V, 7, 2);
    std::vector<uint64_t> keys(N);
    for (size_t n = 0; n < N; ++n) keys[n] = 2000 + n;
    for (SamplingOptions options : {SamplingOptions{1, 0, 1}, {0.7f, 5, 1}, {1.3f, 0, 0.8f}, {1, 9, 0.5f}, {0, 0, 1}}) {
        INFO("temperature ", options.temperature, ", top-k ", options.top_k, ", top-p ", options.top_p);
        std::vector<Token> expected(N);
        std::vector<double> logprob(N);
        plain::sample(expected.data(), logprob.data(), to_double(logits).data(), keys.data(), N, V, options);
        for (const Kernels* k : backends()) {
            INFO(k->name);
            const Drawn drawn = draw(*k, logits, N, V, options, 2000);
            CHECK(drawn.tokens == expected);
            CHECK_CLOSE(drawn.logprob, logprob, (Tolerance{2e-6, 1e-5, "float sums of exponentials"}));
        }
    }
}

TEST_CASE("temperature, top-k and top-p draw with the right shares") {
    // Probabilities 0.1, 0.4, 0.2, 0.2, 0.1.
    const std::vector<float> row = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.2f), std::log(0.1f)};
    const size_t N = 20000;
    const auto logits = repeated(row, N);
    for (const Kernels* k : backends()) {
        const auto share = [&](SamplingOptions options) { return shares(draw(*k, logits, N, 5, options).tokens, 5); };
        CHECK_CLOSE(share({1, 0, 1}), (std::vector<double>{0.1, 0.4, 0.2, 0.2, 0.1}), kShares);
        // Temperature 1/2 squares: 1 : 16 : 4 : 4 : 1.
        CHECK_CLOSE(share({0.5f, 0, 1}), (std::vector<double>{1 / 26., 16 / 26., 4 / 26., 4 / 26., 1 / 26.}), kShares);
        // The two most likely: of the equals 2 and 3 the lower id stays.
        CHECK_CLOSE(share({1, 2, 1}), (std::vector<double>{0, 2 / 3., 1 / 3., 0, 0}), kShares);
        CHECK_CLOSE(share({1, 1, 1}), (std::vector<double>{0, 1, 0, 0, 0}), kShares);
        // 0.4 + 0.2 reach 0.5, not before; 0.3 is reached by the first alone, and one token always stays.
        CHECK_CLOSE(share({1, 0, 0.5f}), (std::vector<double>{0, 2 / 3., 1 / 3., 0, 0}), kShares);
        CHECK_CLOSE(share({1, 0, 0.3f}), (std::vector<double>{0, 1, 0, 0, 0}), kShares);
        CHECK_CLOSE(share({1, 0, 0.0f}), (std::vector<double>{0, 1, 0, 0, 0}), kShares);
        // top-p speaks about what top-k left: of 0.4, 0.2, 0.2 the first two are 3/4.
        CHECK_CLOSE(share({1, 3, 0.7f}), (std::vector<double>{0, 2 / 3., 1 / 3., 0, 0}), kShares);
        CHECK_CLOSE(share({1, 99, 1}), share({1, 0, 1}), kShares);
    }
}

TEST_CASE("sampling from NaN gives a valid token and says NaN") {
    for (const Kernels* k : backends())
        for (float temperature : {0.0f, 1.0f}) {
            const Drawn drawn = draw(*k, {1, kNaN, 2}, 1, 3, {temperature, 2, 0.9f});
            CHECK(drawn.tokens[0] >= 0);
            CHECK(drawn.tokens[0] < 3);
            CHECK(std::isnan(drawn.logprob[0]));
        }
}

TEST_CASE("a temperature that makes no sense is refused") {
    for (const Kernels* k : {&cpu_kernels, &plain_kernels}) {
        Floats x(*k, {1, 2});
        Ints targets(*k, {0});
        CHECK_THROWS_AS(k->logprob_forward(x, nullptr, x, targets, 1, 2, 0), Error);
        CHECK_THROWS_AS(k->logprob_backward(x, x, x, targets, 1, 2, -1), Error);
        Token token;
        float logprob;
        uint64_t key = 0;
        CHECK_THROWS_AS(k->sample(&token, &logprob, x, &key, 1, 2, {-1, 0, 1}), Error);
    }
}

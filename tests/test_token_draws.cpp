// The end of the network at its edges: logits far from 0, vocabularies of many blocks, ties, and what top-k and top-p
// leave out.
#include <algorithm>

#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

std::vector<Token> draws(const Kernels& k, const std::vector<float>& row, size_t N, SamplingOptions options,
                         std::vector<float>* logprob = nullptr) {
    std::vector<float> logits, logprobs(N);
    std::vector<Token> tokens(N, -77);
    std::vector<uint64_t> keys(N);
    for (size_t n = 0; n < N; ++n) logits.insert(logits.end(), row.begin(), row.end()), keys[n] = n;
    Floats logits_(k, logits);
    k.sample(tokens.data(), logprobs.data(), logits_, keys.data(), N, row.size(), options);
    if (logprob) *logprob = logprobs;
    return tokens;
}

std::vector<Token> distinct(std::vector<Token> tokens) {
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    return tokens;
}

}  // namespace

TEST_CASE("log-probabilities of logits far from 0: the largest is subtracted, wherever it stands") {
    for (const Kernels* k : backends())
        for (size_t V : {1, 2, 15, 16, 17, 40})
            for (size_t at = 0; at < V; ++at)
                for (float base : {-3000.0f, 3000.0f}) {
                    // One logit lies ln 2 above all others, which are equal: it has 2 shares of V + 1. So far from 0
                    // floats lie 2^-12 apart, so that the distance is taken from them.
                    std::vector<float> logits(V, base);
                    logits[at] = base + 0.6931472f;
                    const double above = static_cast<double>(logits[at]) - base, total = std::exp(above) + V - 1.0;
                    INFO(k->name, ", V ", V, ", largest at ", at, ", base ", base);
                    Floats logits_(*k, logits), logprob(*k, poison(1)), entropy(*k, poison(1));
                    Floats gradient(*k, poison(V)), d(*k, {1});
                    Ints target(*k, {static_cast<Token>(at)});
                    k->logprob_forward(logprob, entropy, logits_, target, 1, V, 1);
                    k->logprob_backward(gradient, d, logits_, target, 1, V, 1);
                    const double p = std::exp(above) / total, q = 1 / total;
                    std::vector<double> expected(V, -q);
                    expected[at] = 1 - p;
                    CHECK_CLOSE(logprob.read(), std::vector<double>{std::log(p)}, kFloatSteps);
                    CHECK_CLOSE(gradient.read(), expected, kFloatSteps);
                    CHECK(std::abs(entropy.read()[0] + p * std::log(p) + (V - 1.0) * q * std::log(q)) < 1e-5);
                }
}

TEST_CASE("the smallest logit may be 1000 below the largest, at any place") {
    for (const Kernels* k : backends())
        for (size_t V : {2, 16, 21, 40})
            for (size_t at = 0; at < V; ++at) {
                std::vector<float> logits(V, 0);
                logits[at] = 1000;
                Floats logits_(*k, logits), logprob(*k, poison(1)), entropy(*k, poison(1));
                Ints target(*k, {static_cast<Token>(at)}), other(*k, {static_cast<Token>(at ? 0 : 1)});
                k->logprob_forward(logprob, entropy, logits_, target, 1, V, 1);
                CHECK(logprob.read()[0] == 0);
                CHECK(entropy.read()[0] == 0);
                k->logprob_forward(logprob, nullptr, logits_, other, 1, V, 1);
                CHECK(logprob.read()[0] == -1000);
                CHECK(draws(*k, logits, 3, {1, 0, 1}) == std::vector<Token>(3, static_cast<Token>(at)));
            }
}

TEST_CASE("a row does not see its neighbours, whatever they hold") {
    for (const Kernels* k : backends())
        for (size_t V = 1; V <= 40; ++V) {
            INFO(k->name, ", V ", V);
            std::vector<float> logits(3 * V, 3000);  // of the middle row all are 0: the neighbours would drown it
            std::fill(logits.begin() + V, logits.begin() + 2 * V, 0.0f);
            Floats logits_(*k, logits), logprob(*k, poison(3)), entropy(*k, poison(3));
            Ints targets(*k, std::vector<Token>(3, static_cast<Token>(V - 1)));
            k->logprob_forward(logprob, entropy, logits_, targets, 3, V, 1);
            CHECK_CLOSE(logprob.read(), std::vector<double>(3, -std::log(V)), kFloatSteps);
            // A backend may add up the V terms one by one, each with a rounding of its own.
            const check::Tolerance by_terms = {6e-8 * static_cast<double>(V + 8), 1e-5,
                                               "a rounding for each term of a sum"};
            CHECK_CLOSE(entropy.read(), std::vector<double>(3, std::log(V)), by_terms);
        }
}

TEST_CASE("a draw from many blocks of tokens is the inverse of the cumulative distribution") {
    const size_t N = 400;
    for (const Kernels* k : backends())
        for (size_t V : {63, 64, 65, 127, 128, 129, 200, 1000}) {
            INFO(k->name, ", V ", V);
            const auto row = normals(V, V, 1.5);
            std::vector<double> below(V + 1);
            for (size_t j = 0; j < V; ++j) below[j + 1] = below[j] + std::exp(static_cast<double>(row[j]));
            const auto tokens = draws(*k, row, N, {1, 0, 1});
            for (size_t n = 0; n < N; ++n) {
                const double u = static_cast<double>(uniform01(mix(n))) * below[V];
                REQUIRE(tokens[n] >= 0);
                REQUIRE(static_cast<size_t>(tokens[n]) < V);
                CHECK(u > below[tokens[n]] - 1e-5 * below[V]);
                CHECK(u < below[tokens[n] + 1] + 1e-5 * below[V]);
            }
        }
}

TEST_CASE("tokens that are ruled out are never drawn, nor does a long row of them between two others matter") {
    std::vector<float> row(300, -kInfinity);
    row[5] = row[70] = row[299] = 0;
    for (const Kernels* k : backends()) {
        const auto tokens = draws(*k, row, 300, {1, 0, 1});
        CHECK(distinct(tokens) == std::vector<Token>{5, 70, 299});
        for (size_t n = 0; n < tokens.size(); ++n) {  // a third each
            const double u = 3 * static_cast<double>(uniform01(mix(n)));
            CHECK(tokens[n] == (u < 1 ? 5 : u < 2 ? 70 : 299));
        }
    }
}

TEST_CASE("top-p stops as soon as its share is reached exactly, top-k at the size of the vocabulary, lower ids first") {
    const std::vector<float> equal(4, 0), many(100, 0);
    for (const Kernels* k : backends()) {
        CHECK(distinct(draws(*k, equal, 200, {1, 0, 0.5f})) == std::vector<Token>{0, 1});
        CHECK(distinct(draws(*k, equal, 200, {1, 0, 0.75f})) == std::vector<Token>{0, 1, 2});
        CHECK(distinct(draws(*k, equal, 200, {1, 0, 0.51f})) == std::vector<Token>{0, 1, 2});
        CHECK(distinct(draws(*k, equal, 200, {1, 3, 1})) == std::vector<Token>{0, 1, 2});
        CHECK(distinct(draws(*k, equal, 200, {1, 4, 1})) == std::vector<Token>{0, 1, 2, 3});
        CHECK(distinct(draws(*k, equal, 200, {1, 5, 0.5f})) == std::vector<Token>{0, 1});
        CHECK(distinct(draws(*k, equal, 200, {1, 3, 0.5f})) == std::vector<Token>{0, 1});  // of 3
        CHECK(distinct(draws(*k, many, 500, {1, 0, 0.0625f})) == std::vector<Token>{0, 1, 2, 3, 4, 5, 6});
        // The log-probability is that of the whole distribution, cut or not.
        std::vector<float> logprob;
        draws(*k, equal, 3, {1, 1, 0.5f}, &logprob);
        CHECK_CLOSE(logprob, std::vector<double>(3, -std::log(4)), kFloatSteps);
    }
}

TEST_CASE("a draw of exactly 0 takes the first token that is not ruled out, however unlikely") {
    // mix is a bijection; this is the key that it takes to 0, found by undoing its steps.
    const uint64_t key = 0x61c8864680b583ebull;
    REQUIRE(uniform01(mix(key)) == 0);
    for (const Kernels* k : backends()) {
        const auto first = [&](const std::vector<float>& row, SamplingOptions options) {
            Token token = -77;
            float logprob = 0;
            k->sample(&token, &logprob, Floats(*k, row), &key, 1, row.size(), options);
            return token;
        };
        CHECK(first({0, 0, 0}, {1, 0, 1}) == 0);
        CHECK(first({-kInfinity, 0, 0}, {1, 0, 1}) == 1);
        CHECK(first({-60, 0, -90}, {1, 2, 1}) == 0);  // top-k keeps it, and a top-p of 1 cuts nothing
        CHECK(first({-60, 0, -90}, {1, 1, 1}) == 1);
    }
}

TEST_CASE("where a logit is NaN the token is one of the vocabulary all the same") {
    for (const Kernels* k : backends())
        for (const std::vector<float>& row :
             {std::vector<float>{kNaN}, {kNaN, -kInfinity}, std::vector<float>(64, kNaN)})
            for (Token token : draws(*k, row, 20, {1, 0, 1})) CHECK(token == 0);
}

TEST_CASE("a row without a target has a gradient of exactly 0") {
    for (const Kernels* k : backends()) {
        Floats logits(*k, {1, 2, 3, 4, 5, 6}), gradient(*k, poison(6)), d(*k, {1, 1});
        k->logprob_backward(gradient, d, logits, Ints(*k, {-1, 2}), 2, 3, 1);
        CHECK_BITS(slice(gradient.read(), 0, 3), std::vector<float>(3));
        CHECK(gradient.read()[5] > 0);
    }
}

TEST_CASE("every kernel of the classifier refuses the temperatures that it cannot use") {
    for (const Kernels* k : backends()) {
        Floats x(*k, {1, 2}), d(*k, {1});
        Ints target(*k, {0});
        for (float temperature : {0.0f, -1.0f}) {
            CHECK_THROWS_AS(k->logprob_forward(d, nullptr, x, target, 1, 2, temperature), Error);
            CHECK_THROWS_AS(k->logprob_backward(x, d, x, target, 1, 2, temperature), Error);
        }
        CHECK_THROWS_AS(draws(*k, {1, 2}, 1, {-0.5f, 0, 1}), Error);
        CHECK(draws(*k, {1, 2}, 1, {0, 0, 1})[0] == 1);
    }
}

TEST_CASE("rows of the table beyond the tokenizer's last token are never drawn, and count in log-probabilities") {
    std::vector<float> logits(40, 0);
    for (size_t j = 30; j < 40; ++j) logits[j] = 5;
    const double logprob = -std::log(30 + 10 * std::exp(5.0));
    for (const Kernels* k : backends())
        for (float temperature : {0.0f, 1.0f})
            for (int top_k : {0, 12}) {
                INFO(k->name, ", temperature ", temperature, ", top-k ", top_k);
                SamplingOptions options;
                options.temperature = temperature, options.top_k = top_k, options.vocabulary = 30;
                std::vector<float> logprobs;
                for (Token token : draws(*k, logits, 50, options, &logprobs)) CHECK((token >= 0 && token < 30));
                for (float x : logprobs) CHECK(x == doctest::Approx(logprob).epsilon(1e-5));
            }
}

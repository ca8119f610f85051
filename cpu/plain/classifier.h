// The output of the network straight from its formulas: log p = log softmax(logits / temperature); sampling from p.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include "../../core/base/elementary.h"
#include "../../core/base/error.h"
#include "../../core/base/rng.h"
#include "../../core/nn/kernels.h"

namespace cai::plain {

// One row of logits (V) as log-probabilities:
// log p_j = (x_j - largest) / temperature - log Σ_k exp((x_k - largest) / temperature).
// The largest logit is subtracted first: e^x overflows from x = 89 on, and logits far from 0 would lose their digits in
// the sum. Trainer and sampler both use this, which makes their log-probabilities equal to the last bit.
template <class Real>
struct LogSoftmax {
    const Real* logits;
    Real temperature, largest, log_sum;

    LogSoftmax(const Real* logits, size_t V, Real temperature) : logits(logits), temperature(temperature) {
        largest = -std::numeric_limits<Real>::infinity();
        for (size_t j = 0; j < V; j++) largest = std::max(largest, logits[j]);
        Real sum = 0;
        for (size_t j = 0; j < V; j++) sum += elementary::exp((logits[j] - largest) / temperature);
        log_sum = elementary::log(sum);
    }
    [[gnu::noinline]] Real operator()(size_t j) const { return (logits[j] - largest) / temperature - log_sum; }
};

// logprob[n] = log p[targets[n]], 0 where the target is negative; entropy[n] = -Σ_j p_j log p_j unless entropy is null.
// logprob, entropy, targets (N), logits (N,V).
template <class Real>
void logprob_forward(Real* logprob, Real* entropy, const Real* logits, const Token* targets, size_t N, size_t V,
                     Real temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    for (size_t n = 0; n < N; n++) {
        const Real* row = logits + n * V;
        const LogSoftmax<Real> log_p(row, V, temperature);
        logprob[n] = targets[n] < 0 ? 0 : log_p(static_cast<size_t>(targets[n]));
        if (!entropy) continue;
        entropy[n] = 0;
        for (size_t j = 0; j < V; j++) {
            const Real p = elementary::exp(log_p(j));
            if (p != 0) entropy[n] -= p * log_p(j);  // the limit of x log x at 0 is 0
        }
    }
}

// dlogits[n,j] = dlogprob[n] (1 if j is the target, else 0, minus p_j) / temperature, 0 where the target is negative.
// dlogits, logits (N,V), possibly the same; dlogprob, targets (N).
template <class Real>
void logprob_backward(Real* dlogits, const Real* dlogprob, const Real* logits, const Token* targets, size_t N, size_t V,
                      Real temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    for (size_t n = 0; n < N; n++) {
        const LogSoftmax<Real> log_p(logits + n * V, V, temperature);
        for (size_t j = 0; j < V; j++) {
            const Real p = elementary::exp(log_p(j));
            const Real onehot = static_cast<Token>(j) == targets[n] ? 1 : 0;
            dlogits[n * V + j] = targets[n] < 0 ? 0 : dlogprob[n] * (onehot - p) / temperature;
        }
    }
}

// Sets to 0 what top-k and then top-p exclude from p; among equally likely tokens the lower ids are kept.
template <class Real>
void truncate(std::vector<Real>& p, const SamplingOptions& options) {
    const size_t V = p.size();
    std::vector<Token> order(V);  // the likeliest first
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](Token a, Token b) { return p[a] > p[b]; });
    size_t keep = options.top_k > 0 ? std::min<size_t>(options.top_k, V) : V;
    if (options.top_p < 1) {
        double total = 0, running = 0;
        for (size_t i = 0; i < keep; i++) total += p[order[i]];
        for (size_t i = 0; i < keep; i++) {
            running += p[order[i]];
            if (running >= options.top_p * total) keep = i + 1;
        }
    }
    for (size_t i = keep; i < V; i++) p[order[i]] = 0;
}

// Draws a token with u in [0,1): the first, in the order of ids, at which the
// running sum of p exceeds u times the total.
template <class Real>
Token draw(const std::vector<Real>& p, double u) {
    double total = 0, running = 0;
    for (Real share : p) total += share;
    Token token = 0;
    for (size_t j = 0; j < p.size(); j++) {
        if (!(p[j] > 0)) continue;
        token = static_cast<Token>(j);
        running += p[j];
        if (running > u * total) break;
    }
    return token;
}

// Draws one token per row, with its log-probability before top-k and top-p; at temperature 0, the most likely token.
// tokens, logprob, keys (N), logits (N,V).
template <class Real>
void sample(Token* tokens, Real* logprob, const Real* logits, const uint64_t* keys, size_t N, size_t V,
            SamplingOptions options) {
    expects(options.temperature >= 0, "the temperature of sampling cannot be ", options.temperature);
    const bool greedy = options.temperature == 0;
    const Real temperature = greedy ? 1 : options.temperature;
    const size_t drawn_from = drawable(options, V);
    for (size_t n = 0; n < N; n++) {
        const Real* row = logits + n * V;
        const LogSoftmax<Real> log_p(row, V, temperature);
        if (greedy) {
            tokens[n] = static_cast<Token>(std::max_element(row, row + drawn_from) - row);
        } else {
            std::vector<Real> p(drawn_from);
            for (size_t j = 0; j < drawn_from; j++) p[j] = elementary::exp(log_p(j));
            if (options.top_k > 0 || options.top_p < 1) truncate(p, options);
            tokens[n] = draw(p, uniform01(mix(keys[n])));
        }
        logprob[n] = log_p(static_cast<size_t>(tokens[n]));
    }
}

}  // namespace cai::plain

// The output of the network: log-probabilities of tokens, their gradient, and sampling.
#include <algorithm>
#include <cmath>
#include <vector>

#include "../core/base/elementary.h"
#include "../core/base/rng.h"
#include "cpu.h"

namespace cai::cpu {
namespace {

// What softmax(logits * scale) needs from a row: p_j = exp((logits_j - largest) * scale) / sum.
struct Row {
    float largest, sum, log_sum, scale;

    Vector scaled(Vector logits) const { return (logits - largest) * scale; }
    float logprob(float logit) const { return (logit - largest) * scale - log_sum; }
};

// The largest of n floats. NaN never wins a comparison, but reappears through the exponentials.
float largest_of(const float* x, size_t n) {
    Vector largest = broadcast(-std::numeric_limits<float>::infinity());
    size_t i = 0;
    for (; i + kLanes <= n; i += kLanes) largest = max(load(x + i), largest);
    if (i < n) largest = max(first_lanes(load(x + i, n - i), n - i, x[i]), largest);
    return max_lanes(largest);
}

// Trainer and sampler both call this, which makes their log-probabilities equal to the last bit. The exponentials are
// stored in `exponentials` (V floats, possibly the logits themselves) unless it is null.
[[gnu::noinline]] Row read_row(float* exponentials, const float* logits, size_t V, float temperature) {
    Row row = {largest_of(logits, V), 0, 0, 1 / temperature};
    LaneSum sum;
    for (size_t j = 0; j < V; j += kLanes) {
        Vector e = exp(row.scaled(load(logits + j, V - j)));
        if (V - j < kLanes) e = first_lanes(e, V - j, 0);
        sum.add(j, e);
        if (exponentials) store(exponentials + j, e, V - j);
    }
    row.sum = sum.total();
    row.log_sum = elementary::log(row.sum);
    return row;
}

[[gnu::noinline]] float row_logprob(const Row& row, float logit) { return row.logprob(logit); }

// H = -Σ p log p = log_sum - Σ p z, with z the scaled logits. A token with p = 0 adds nothing, even at z = -infinity.
float entropy_of(const Row& row, const float* logits, size_t V) {
    LaneSum sum;
    for (size_t j = 0; j < V; j += kLanes) {
        const Vector z = row.scaled(load(logits + j, V - j)), e = exp(z);
        sum.add(j, first_lanes(e == 0.0f ? Vector{} : e * z, V - j, 0));
    }
    return row.log_sum - sum.total() / row.sum;
}

// Draws a token from p, unnormalised and 0 for excluded tokens, with u in [0,1): the first token, in the order of ids,
// at which the running sum exceeds u times the total.
Token draw(const std::vector<float>& p, float u) {
    // Sums of blocks, in double and in lanes, find the block that holds this token.
    constexpr size_t kBlock = 64, kSums = 8;
    const auto sum_block = [&](size_t first) {
        double lane[kSums] = {}, sum = 0;
        const size_t last = smaller(first + kBlock, p.size());
        size_t j = first;
        for (; j + kSums <= last; j += kSums)
            for (size_t l = 0; l < kSums; ++l) lane[l] += p[j + l];
        for (size_t l = 0; j < last; ++j, ++l) lane[l] += p[j];
        for (double part : lane) sum += part;
        return sum;
    };
    static thread_local std::vector<double> sums;
    sums.clear();
    double total = 0, running = 0;
    for (size_t first = 0; first < p.size(); first += kBlock) total += sums.emplace_back(sum_block(first));
    size_t block = 0;
    while (block + 1 < sums.size() && running + sums[block] <= u * total) running += sums[block++];
    Token token = 0;
    for (size_t j = block * kBlock; j < p.size(); ++j) {
        if (p[j] > 0) token = static_cast<Token>(j);
        if ((running += p[j]) > u * total) break;
    }
    return token;
}

// Sets to 0 what top-k and then top-p exclude; among equally likely tokens the lower ids are kept.
void truncate(std::vector<float>& p, const SamplingOptions& options) {
    const size_t V = p.size();
    size_t keep = options.top_k > 0 ? smaller(options.top_k, V) : V;
    if (keep == V && options.top_p >= 1) return;
    static thread_local std::vector<Token> order;
    order.resize(V);
    for (size_t j = 0; j < V; ++j) order[j] = static_cast<Token>(j);
    std::partial_sort(order.begin(), order.begin() + keep, order.end(),
                      [&](Token a, Token b) { return p[a] > p[b] || (p[a] == p[b] && a < b); });
    if (options.top_p < 1) {
        double total = 0, running = 0;
        for (size_t i = 0; i < keep; ++i) total += p[order[i]];
        size_t i = 0;
        while (i < keep && (running += p[order[i++]]) < options.top_p * total) {
        }
        keep = i;
    }
    for (size_t i = keep; i < V; ++i) p[order[i]] = 0;
}

}  // namespace

void logprob_forward(float* logprob, float* entropy, const float* logits, const Token* targets, size_t N, size_t V,
                     float temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    parallel_for(N, N * V > parallel_limits.floats, [&](size_t n) {
        const float* at = logits + n * V;
        const Row row = read_row(nullptr, at, V, temperature);
        logprob[n] = targets[n] < 0 ? 0 : row_logprob(row, at[targets[n]]);
        if (entropy) entropy[n] = entropy_of(row, at, V);
    });
}

void logprob_backward(float* dlogits, const float* dlogprob, const float* logits, const Token* targets, size_t N,
                      size_t V, float temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    parallel_for(N, N * V > parallel_limits.floats, [&](size_t n) {
        const float* at = logits + n * V;
        float* to = dlogits + n * V;
        if (targets[n] < 0) {
            std::memset(to, 0, V * sizeof(float));
            return;
        }
        const Row row = read_row(to, at, V, temperature);
        const float d = dlogprob[n] * row.scale, share = d / row.sum;
        for (size_t j = 0; j < V; ++j) to[j] *= -share;
        to[targets[n]] += d;
    });
}

void sample(Token* tokens, float* logprob, const float* logits, const uint64_t* keys, size_t N, size_t V,
            SamplingOptions options) {
    expects(options.temperature >= 0, "the temperature of sampling cannot be ", options.temperature);
    parallel_for(N, N * V > parallel_limits.floats, [&](size_t n) {
        const float* at = logits + n * V;
        const bool greedy = options.temperature == 0;
        static thread_local std::vector<float> p;
        p.resize(V);
        const Row row = read_row(p.data(), at, V, greedy ? 1 : options.temperature);
        const size_t drawn_from = drawable(options, V);
        if (greedy) {
            tokens[n] = static_cast<Token>(std::max_element(at, at + drawn_from) - at);
        } else {
            p.resize(drawn_from);
            truncate(p, options);
            tokens[n] = draw(p, uniform01(mix(keys[n])));
        }
        logprob[n] = row_logprob(row, at[tokens[n]]);
    });
}

}  // namespace cai::cpu

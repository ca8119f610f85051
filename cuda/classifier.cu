// The end of the network: log-probabilities of tokens, their gradient, and drawing a token. One warp has one row of
// logits.
#include <vector>

#include "../core/base/rng.h"
#include "cuda.h"

namespace cai::cuda {
namespace {

// What softmax(logits * scale) needs to know about a row: p_j = exp((logits_j - largest) * scale) / sum.
struct Row {
    float largest, sum, log_sum, scale;

    __device__ float exponential(float logit) const { return expf((logit - largest) * scale); }
    __device__ float logprob(float logit) const { return fmaf(logit - largest, scale, -log_sum); }
};

// Trainer and sampler both come here: that makes their log-probabilities equal to the last bit.
__device__ Row read_row(const float* logits, size_t V, float temperature) {
    Row row = {-INFINITY, 0, 0, 1 / temperature};
    for (size_t j = lane_number(); j < V; j += kWarp) row.largest = fmaxf(row.largest, logits[j]);
    row.largest = warp_max(row.largest);
    for (size_t j = lane_number(); j < V; j += kWarp) row.sum += row.exponential(logits[j]);
    row.sum = warp_sum(row.sum);
    row.log_sum = logf(row.sum);
    return row;
}

__global__ void logprob_forward_kernel(float* logprob, float* entropy, const float* logits, const Token* targets,
                                       size_t N, size_t V, float temperature) {
    const size_t n = warp_number();
    if (n >= N) return;
    const float* at = logits + n * V;
    const Row row = read_row(at, V, temperature);
    if (lane_number() == 0) logprob[n] = targets[n] < 0 ? 0 : row.logprob(at[static_cast<size_t>(targets[n])]);
    if (!entropy) return;
    // H = -Σ p log p = log_sum - Σ p z, with z the scaled logits. A token with p = 0 adds nothing, even at z =
    // -infinity.
    float sum = 0;
    for (size_t j = lane_number(); j < V; j += kWarp) {
        const float e = row.exponential(at[j]);
        if (e != 0) sum = fmaf(e, (at[j] - row.largest) * row.scale, sum);
    }
    sum = warp_sum(sum);
    if (lane_number() == 0) entropy[n] = row.log_sum - sum / row.sum;
}

// dlogits = dlogprob · (onehot(target) - p) / temperature
__global__ void logprob_backward_kernel(float* dlogits, const float* dlogprob, const float* logits,
                                        const Token* targets, size_t N, size_t V, float temperature) {
    const size_t n = warp_number();
    if (n >= N) return;
    const float* at = logits + n * V;
    const Row row = read_row(at, V, temperature);
    const float d = dlogprob[n] * row.scale, share = d / row.sum;
    for (size_t j = lane_number(); j < V; j += kWarp) {
        const float one = static_cast<size_t>(targets[n]) == j ? d : 0;
        dlogits[n * V + j] = targets[n] < 0 ? 0 : one - row.exponential(at[j]) * share;
    }
}

// Tokens in the order of a number each, such that of equal numbers the lower id comes first: a larger rank is more
// likely. Floats are compared by their bits, those of negative ones turned round.
using Rank = unsigned long long;
constexpr Rank kAboveAll = ~0ull;

__device__ Rank rank_of(float number, size_t token) {
    const unsigned bits = __float_as_uint(number);
    const unsigned ordered = bits >> 31 ? ~bits : bits | 0x80000000;
    return Rank{ordered} << 32 | (0xffffffff - static_cast<unsigned>(token));
}
__device__ Token token_of(Rank rank) { return static_cast<Token>(0xffffffff - static_cast<unsigned>(rank)); }

// The highest rank below another.
__device__ Rank next_rank(const float* numbers, size_t V, Rank below) {
    Rank best = 0;
    for (size_t j = lane_number(); j < V; j += kWarp) {
        const Rank rank = rank_of(numbers[j], j);
        if (rank < below && rank > best) best = rank;
    }
    for (unsigned half = kWarp / 2; half; half /= 2) {
        const Rank other = __shfl_xor_sync(kAllLanes, best, half);
        best = other > best ? other : best;
    }
    return best;
}

// The lowest rank that top-k, and then top-p of what top-k left, keep. p is not normalised.
__device__ Rank lowest_kept(const float* p, size_t V, SamplingOptions options) {
    Rank lowest = 0;
    if (options.top_k > 0 && static_cast<size_t>(options.top_k) < V) {
        lowest = kAboveAll;
        for (int k = 0; k < options.top_k; ++k) lowest = next_rank(p, V, lowest);
    }
    if (options.top_p >= 1) return lowest;
    double total = 0, running = 0;
    for (size_t j = lane_number(); j < V; j += kWarp) total += rank_of(p[j], j) >= lowest ? p[j] : 0;
    total = warp_sum(total);
    Rank rank = kAboveAll;
    do {
        rank = next_rank(p, V, rank);
        running += p[static_cast<size_t>(token_of(rank))];
    } while (running < options.top_p * total && rank > lowest);
    return rank;
}

// The first token, in the order of ids, at which the running sum of what is kept passes u times the total. Each lane
// sums a piece of the row; the first lane then finds the piece, and the token in it.
__device__ Token draw(const float* p, size_t V, Rank lowest, float u) {
    SHARED(double, sums, [kWarpsPerBlock][kWarp]);
    double* sum = sums[threadIdx.x / kWarp];
    const auto kept = [&](size_t j) { return rank_of(p[j], j) >= lowest ? p[j] : 0; };
    const unsigned lane = lane_number();
    double mine = 0;
    for (size_t j = lane * V / kWarp; j < (lane + 1) * V / kWarp; ++j) mine += kept(j);
    sum[lane] = mine;
    __syncwarp();
    Token token = 0;
    if (lane == 0) {
        double total = 0, running = 0;
        for (unsigned l = 0; l < kWarp; ++l) total += sum[l];
        unsigned piece = 0;
        while (piece + 1 < kWarp && running + sum[piece] <= u * total) running += sum[piece++];
        for (size_t j = piece * V / kWarp; j < (piece + 1) * V / kWarp; ++j) {
            if (kept(j) > 0) token = static_cast<Token>(j);
            if ((running += kept(j)) > u * total) break;
        }
    }
    return __shfl_sync(kAllLanes, token, 0);
}

__global__ void sample_kernel(Token* tokens, float* logprob, float* exponentials, const float* logits,
                              const float* uniforms, size_t N, size_t V, size_t drawn_from, SamplingOptions options) {
    const size_t n = warp_number();
    if (n >= N) return;
    const float* at = logits + n * V;
    const bool greedy = options.temperature == 0;
    const Row row = read_row(at, V, greedy ? 1 : options.temperature);
    Token token;
    if (greedy) {
        token = token_of(next_rank(at, drawn_from, kAboveAll));
    } else {
        float* p = exponentials + n * V;
        for (size_t j = lane_number(); j < V; j += kWarp) p[j] = row.exponential(at[j]);
        __syncwarp();
        token = draw(p, drawn_from, lowest_kept(p, drawn_from, options), uniforms[n]);
    }
    if (lane_number() == 0) {
        tokens[n] = token;
        logprob[n] = row.logprob(at[static_cast<size_t>(token)]);
    }
}

}  // namespace

void logprob_forward(float* logprob, float* entropy, const float* logits, const Token* targets, size_t N, size_t V,
                     float temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    launch(logprob_forward_kernel, a_warp_each(N), logprob, entropy, logits, targets, N, V, temperature);
}

void logprob_backward(float* dlogits, const float* dlogprob, const float* logits, const Token* targets, size_t N,
                      size_t V, float temperature) {
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    launch(logprob_backward_kernel, a_warp_each(N), dlogits, dlogprob, logits, targets, N, V, temperature);
}

void sample(Token* tokens, float* logprob, const float* logits, const uint64_t* keys, size_t N, size_t V,
            SamplingOptions options) {
    expects(options.temperature >= 0, "the temperature of sampling cannot be ", options.temperature);
    std::vector<float> host(N);
    for (size_t n = 0; n < N; ++n) host[n] = uniform01(mix(keys[n]));
    const Scratch<float> uniforms(host.data(), N), logprobs(N), exponentials(options.temperature == 0 ? 0 : N * V);
    const Scratch<Token> drawn(N);
    launch(sample_kernel, a_warp_each(N), drawn, logprobs, exponentials, logits, uniforms, N, V, drawable(options, V),
           options);
    transfer(tokens, drawn, N * sizeof(Token));
    transfer(logprob, logprobs, N * sizeof(float));
}

}  // namespace cai::cuda

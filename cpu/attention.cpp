// Causal attention with grouped queries. One task is one sequence and one key-value head: it transposes the keys once,
// so that the scores of one query against many keys are whole vectors, then takes its query heads in tiles of rows.
#include <cmath>
#include <vector>

#include "../core/base/elementary.h"
#include "cpu.h"

namespace cai::cpu {
namespace {

constexpr size_t kQueryRows = 6;    // forward: as many rows as the register tile of gemm
constexpr size_t kQueryBlock = 24;  // backward: rows whose probabilities are held at once

// Scratch memory, one block per thread, reused from call to call.
template <int>
float* scratch(size_t n) {
    static thread_local std::vector<float> memory;
    if (memory.size() < n) memory.resize(n);
    return memory.data();
}

// to[d * to_row + j] = from[j * from_row + d]
void transpose(float* to, size_t to_row, const float* from, size_t from_row, size_t n, size_t D) {
    for (size_t j = 0; j < n; ++j)
        for (size_t d = 0; d < D; ++d) to[d * to_row + j] = from[j * from_row + d];
}

// Rows of D floats that can be read in whole vectors: the rows themselves, or a padded copy if D is ragged.
Right whole_vectors(float* copy, const float* rows, size_t row, size_t n, size_t D) {
    if (D % kLanes == 0) return {rows, row};
    const size_t width = round_up(D, kLanes);
    for (size_t j = 0; j < n; ++j) std::memcpy(copy + j * width, rows + j * row, D * sizeof(float));
    return {copy, width};
}

// Attention of `rows` queries over shared values, the core of forward and decode. scores holds the products of queries
// and keys, (rows, round_up(largest number of keys, kLanes)). Query r sees the first keys + r * more keys: each
// position sees one more than the last (more = 1), the heads of one position all see the same (0).
void attend(float* out, size_t out_row, float* logsumexp, size_t logsumexp_row, float* scores, Right values,
            size_t rows, size_t keys, size_t more, size_t D) {
    const float scale = 1 / std::sqrt(static_cast<float>(D));
    const size_t all = keys + (rows - 1) * more, padded = round_up(all, kLanes);
    for (size_t r = 0; r < rows; ++r) {
        const float total = softmax(scores + r * padded, keys + r * more, padded, scale);
        if (logsumexp) logsumexp[r * logsumexp_row] = total;
    }
    gemm(out, out_row, nullptr, {scores, padded, 1}, values, rows, D, all);
}

}  // namespace

[[gnu::noinline]] float softmax(float* scores, size_t n, size_t padded, float scale) {
    const Vector nothing = broadcast(-std::numeric_limits<float>::infinity());
    const size_t used = round_up(n, kLanes), last = used - kLanes;
    store(scores + last, first_lanes(load(scores + last), n - last, nothing[0]));
    Vector largest = nothing;
    for (size_t j = 0; j < used; j += kLanes) largest = max(load(scores + j), largest);
    const float top = max_lanes(largest);
    LaneSum sum;
    for (size_t j = 0; j < used; j += kLanes) {
        const Vector e = exp((load(scores + j) - top) * scale);
        store(scores + j, e);
        sum.add(j, e);
    }
    const float total = sum.total(), share = 1 / total;
    for (size_t j = 0; j < used; j += kLanes) store(scores + j, load(scores + j) * share);
    for (size_t j = used; j < padded; j += kLanes) store(scores + j, Vector{});
    return top * scale + elementary::log(total);
}

// Of the scores of S sequences, H heads of D: products, counted as if every token looked at its whole sequence.
static size_t score_products(const int32_t* offsets, size_t S, size_t H, size_t D) {
    size_t pairs = 0;
    for (size_t s = 0; s < S; ++s) {
        const size_t n = offsets[s + 1] - offsets[s];
        pairs += n * n;
    }
    return pairs * H * D;
}

void attention_forward(float* out, float* logsumexp, const float* qkv, const int32_t* offsets, size_t S, size_t H,
                       size_t K, size_t D) {
    const size_t row = (H + 2 * K) * D, group = H / K;
    parallel_for(S * K, score_products(offsets, S, H, D) > parallel_limits.products, [&](size_t task) {
        const size_t begin = offsets[task / K], n = offsets[task / K + 1] - begin, k = task % K;
        const size_t padded = round_up(n, kLanes);
        const float* keys = qkv + begin * row + (H + k) * D;
        float* transposed = scratch<0>(D * padded);
        transpose(transposed, padded, keys, row, n, D);
        const Right values = whole_vectors(scratch<1>(n * round_up(D, kLanes)), keys + K * D, row, n, D);
        float* scores = scratch<2>(kQueryRows * padded);
        for (size_t h = k * group; h < (k + 1) * group; ++h)
            for (size_t i = 0; i < n; i += kQueryRows) {
                const size_t at = begin + i, rows = smaller(kQueryRows, n - i), columns = round_up(i + rows, kLanes);
                const float* q = qkv + at * row + h * D;
                gemm(scores, columns, nullptr, {q, row, 1}, {transposed, padded}, rows, columns, D);
                attend(out + at * H * D + h * D, H * D, logsumexp + at * H + h, H, scores, values, rows, i + 1, 1, D);
            }
    });
}

// With p = softmax(s), s = scale q·k and δ = dout·out:
// ds = p (dout·v - δ),  dq = scale Σ_j ds k,  dk = scale Σ_i ds q,  dv = Σ_i p dout.
// A task owns its key-value head, so dk and dv need no atomics.
void attention_backward(float* dqkv, const float* dout, const float* out, const float* logsumexp, const float* qkv,
                        const int32_t* offsets, size_t S, size_t H, size_t K, size_t D) {
    const size_t row = (H + 2 * K) * D, group = H / K, width = round_up(D, kLanes);
    const float scale = 1 / std::sqrt(static_cast<float>(D));
    parallel_for(S * K, score_products(offsets, S, H, D) > parallel_limits.products, [&](size_t task) {
        const size_t begin = offsets[task / K], n = offsets[task / K + 1] - begin, k = task % K;
        const size_t padded = round_up(n, kLanes);
        const float *keys = qkv + begin * row + (H + k) * D, *values = keys + K * D;
        float *dkeys = dqkv + begin * row + (H + k) * D, *dvalues = dkeys + K * D;
        float *transposed_keys = scratch<0>(D * padded), *transposed_values = scratch<1>(D * padded);
        transpose(transposed_keys, padded, keys, row, n, D);
        transpose(transposed_values, padded, values, row, n, D);
        const Right key_rows = whole_vectors(scratch<2>(n * width), keys, row, n, D);
        float *p = scratch<3>(kQueryBlock * padded), *ds = scratch<4>(kQueryBlock * padded);
        for (size_t j = 0; j < n; ++j) {
            std::memset(dkeys + j * row, 0, D * sizeof(float));
            std::memset(dvalues + j * row, 0, D * sizeof(float));
        }
        for (size_t h = k * group; h < (k + 1) * group; ++h)
            for (size_t first = 0; first < n; first += kQueryBlock) {
                const size_t rows = smaller(kQueryBlock, n - first), seen = first + rows, at = begin + first;
                const float *q = qkv + at * row + h * D, *d = dout + at * H * D + h * D, *o = out + at * H * D + h * D;
                // Probabilities and the gradients of the scores for these rows; 0 for keys that come later.
                gemm(p, padded, nullptr, {q, row, 1}, {transposed_keys, padded}, rows, round_up(seen, kLanes), D);
                gemm(ds, padded, nullptr, {d, H * D, 1}, {transposed_values, padded}, rows, round_up(seen, kLanes), D);
                for (size_t r = 0; r < rows; ++r) {
                    LaneSum products;
                    for (size_t c = 0; c < D; c += kLanes)
                        products.add_product(c, load(d + r * H * D + c, D - c), load(o + r * H * D + c, D - c));
                    const float delta = products.total(), total = logsumexp[(at + r) * H + h];
                    float *p_row = p + r * padded, *ds_row = ds + r * padded;
                    const size_t own = first + r + 1;
                    for (size_t j = 0; j < own; j += kLanes) {
                        const Vector probability = exp(load(p_row + j) * scale - total);
                        store(p_row + j, probability);
                        store(ds_row + j, probability * (load(ds_row + j) - delta) * scale);
                    }
                    std::memset(p_row + own, 0, (padded - own) * sizeof(float));
                    std::memset(ds_row + own, 0, (padded - own) * sizeof(float));
                }
                gemm(dqkv + at * row + h * D, row, nullptr, {ds, padded, 1}, key_rows, rows, D, seen);
                const Right q_rows = whole_vectors(scratch<5>(kQueryBlock * width), q, row, rows, D);
                gemm(dkeys, row, dkeys, {ds, 1, padded}, q_rows, seen, D, rows);
                const Right d_rows = whole_vectors(scratch<5>(kQueryBlock * width), d, H * D, rows, D);
                gemm(dvalues, row, dvalues, {p, 1, padded}, d_rows, seen, D, rows);
            }
    });
}

// The cache stores values as (slot, K, capacity, D), and keys transposed in blocks of positions, as (slot, K, blocks,
// D, kKeyBlock), so that a query reads adjacent memory. The last block is only as wide as the rest of the capacity.
constexpr size_t kKeyBlock = 64;

void cache_store(float* keys, float* values, const float* qkv, const int32_t* slots, const int32_t* positions, size_t N,
                 size_t H, size_t K, size_t D, size_t capacity) {
    const size_t row = (H + 2 * K) * D;
    for (size_t n = 0; n < N; ++n)
        for (size_t k = 0; k < K; ++k) {
            const float* from = qkv + n * row + (H + k) * D;
            const size_t head = (slots[n] * K + k) * D * capacity, at = positions[n];
            const size_t block = at / kKeyBlock * kKeyBlock, width = smaller(kKeyBlock, capacity - block);
            float* to = keys + head + block * D + at - block;
            for (size_t d = 0; d < D; ++d) to[d * width] = from[d];
            std::memcpy(values + head + at * D, from + K * D, D * sizeof(float));
        }
}

void attention_decode(float* out, const float* qkv, const float* keys, const float* values, const int32_t* slots,
                      const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity) {
    const size_t row = (H + 2 * K) * D, group = H / K;
    size_t seen_by_all = 0;
    for (size_t n = 0; n < N; ++n) seen_by_all += positions[n] + 1;
    parallel_for(N * K, seen_by_all * H * D > parallel_limits.products, [&](size_t task) {
        const size_t n = task / K, k = task % K, seen = positions[n] + 1, padded = round_up(seen, kLanes);
        const size_t head = (slots[n] * K + k) * D * capacity;
        float* scores = scratch<2>(group * padded);
        for (size_t block = 0; block < seen; block += kKeyBlock) {
            const size_t width = smaller(kKeyBlock, capacity - block), columns = smaller(kKeyBlock, padded - block);
            // In a ragged last block, whole vectors would run past the end of the cache.
            const Right transposed = whole_vectors(scratch<0>(D * kKeyBlock), keys + head + block * D, width, D, width);
            gemm(scores + block, padded, nullptr, {qkv + n * row + k * group * D, D, 1}, transposed, group, columns, D);
        }
        const Right rows = whole_vectors(scratch<1>(seen * round_up(D, kLanes)), values + head, D, seen, D);
        attend(out + n * H * D + k * group * D, D, nullptr, 0, scores, rows, group, seen, 0, D);
    });
}

}  // namespace cai::cpu

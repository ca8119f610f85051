// Causal attention with grouped queries straight from its formula, softmax(q·k / sqrt(D)) · v, also over a cache.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "../../core/base/elementary.h"

namespace cai::plain {

// One query over the `seen` keys that it may attend to, key j at keys + j * stride and value j at values + j * stride:
// p_j = softmax_j(q·k_j / sqrt(D)), out = Σ_j p_j v_j. Returns log Σ_j exp(q·k_j / sqrt(D)).
// out, q (D), each key and value (D).
// Forward and decode both call this, and it is never inlined: that makes their results equal to the last bit.
template <class Real>
[[gnu::noinline]] Real attention_row(Real* out, const Real* q, const Real* keys, const Real* values, size_t stride,
                                     size_t seen, size_t D) {
    const Real scale = 1 / std::sqrt(static_cast<Real>(D));
    std::vector<Real> p(seen);
    for (size_t j = 0; j < seen; j++) {
        Real score = 0;
        for (size_t d = 0; d < D; d++) score += q[d] * keys[j * stride + d];
        p[j] = score * scale;
    }
    // e^x overflows from x = 89 on; subtracting the largest score from all of them leaves softmax unchanged.
    Real largest = -std::numeric_limits<Real>::infinity();
    for (size_t j = 0; j < seen; j++) largest = std::max(largest, p[j]);
    Real total = 0;
    for (size_t j = 0; j < seen; j++) {
        p[j] = elementary::exp(p[j] - largest);
        total += p[j];
    }
    for (size_t d = 0; d < D; d++) out[d] = 0;
    for (size_t j = 0; j < seen; j++) {
        p[j] /= total;
        for (size_t d = 0; d < D; d++) out[d] += p[j] * values[j * stride + d];
    }
    return largest + elementary::log(total);
}

// A row of qkv holds H query heads, then K key heads, then K value heads; query head h reads key-value head h / (H/K).
// out (N,H·D), logsumexp (N,H), qkv (N,(H+2K)·D), offsets (S+1), N = offsets[S].
template <class Real>
void attention_forward(Real* out, Real* logsumexp, const Real* qkv, const int32_t* offsets, size_t S, size_t H,
                       size_t K, size_t D) {
    const size_t row = (H + 2 * K) * D;
    for (size_t s = 0; s < S; s++)
        for (int32_t n = offsets[s]; n < offsets[s + 1]; n++)
            for (size_t h = 0; h < H; h++) {
                const size_t begin = offsets[s], seen = n - begin + 1;  // itself and all before it
                const Real* q = qkv + n * row + h * D;
                const Real* keys = qkv + begin * row + (H + h / (H / K)) * D;
                const Real* values = keys + K * D;
                logsumexp[n * H + h] = attention_row(out + n * H * D + h * D, q, keys, values, row, seen, D);
            }
}

// For one query, with s_j = q·k_j / sqrt(D), p = softmax(s) and dout the gradient of out = Σ_j p_j v_j:
// dv_j = p_j dout,  dp_j = dout·v_j,  ds_j = p_j (dp_j - Σ_i p_i dp_i) = p_j (dp_j - dout·out),
// dq = Σ_j ds_j k_j / sqrt(D),  dk_j = ds_j q / sqrt(D). Keys and values sum these over all their queries.
// dqkv = .    dqkv, qkv (N,(H+2K)·D), dout, out (N,H·D), logsumexp (N,H), offsets (S+1), N = offsets[S].
template <class Real>
void attention_backward(Real* dqkv, const Real* dout, const Real* out, const Real* logsumexp, const Real* qkv,
                        const int32_t* offsets, size_t S, size_t H, size_t K, size_t D) {
    const size_t row = (H + 2 * K) * D;
    const Real scale = 1 / std::sqrt(static_cast<Real>(D));
    for (size_t i = offsets[0] * row; i < offsets[S] * row; i++) dqkv[i] = 0;
    for (size_t s = 0; s < S; s++)
        for (int32_t n = offsets[s]; n < offsets[s + 1]; n++)
            for (size_t h = 0; h < H; h++) {
                const size_t query = n * row + h * D;
                const Real *q = qkv + query, *o = out + n * H * D + h * D, *d_o = dout + n * H * D + h * D;
                Real* dq = dqkv + query;
                Real expected = 0;  // dout·out, the mean of dp under p
                for (size_t d = 0; d < D; d++) expected += d_o[d] * o[d];
                for (int32_t j = offsets[s]; j <= n; j++) {
                    const size_t key = j * row + (H + h / (H / K)) * D, value = key + K * D;
                    const Real *k = qkv + key, *v = qkv + value;
                    Real *dk = dqkv + key, *dv = dqkv + value;
                    Real score = 0, dp = 0;
                    for (size_t d = 0; d < D; d++) {
                        score += q[d] * k[d];
                        dp += d_o[d] * v[d];
                    }
                    const Real p = elementary::exp(score * scale - logsumexp[n * H + h]);
                    const Real ds = p * (dp - expected);
                    for (size_t d = 0; d < D; d++) {
                        dq[d] += ds * scale * k[d];
                        dk[d] += ds * scale * q[d];
                        dv[d] += p * d_o[d];
                    }
                }
            }
}

// Copies row n's keys and values to position positions[n] of slot slots[n].
// keys, values (slots,K,capacity,D), qkv (N,(H+2K)·D), slots, positions (N).
template <class Real>
void cache_store(Real* keys, Real* values, const Real* qkv, const int32_t* slots, const int32_t* positions, size_t N,
                 size_t H, size_t K, size_t D, size_t capacity) {
    const size_t row = (H + 2 * K) * D;
    for (size_t n = 0; n < N; n++)
        for (size_t k = 0; k < K; k++)
            for (size_t d = 0; d < D; d++) {
                const size_t to = ((slots[n] * K + k) * capacity + positions[n]) * D + d;
                keys[to] = qkv[n * row + (H + k) * D + d];
                values[to] = qkv[n * row + (H + K + k) * D + d];
            }
}

// attention_forward's row, with keys and values from the cache.    out (N,H·D), the rest as above.
template <class Real>
void attention_decode(Real* out, const Real* qkv, const Real* keys, const Real* values, const int32_t* slots,
                      const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity) {
    const size_t row = (H + 2 * K) * D;
    for (size_t n = 0; n < N; n++)
        for (size_t h = 0; h < H; h++) {
            const size_t at = (slots[n] * K + h / (H / K)) * capacity * D, seen = positions[n] + 1;
            attention_row(out + n * H * D + h * D, qkv + n * row + h * D, keys + at, values + at, D, seen, D);
        }
}

}  // namespace cai::plain

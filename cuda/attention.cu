// Causal attention with grouped queries. One warp has one query, or one key: it takes what it meets 32 at a time, first
// a score for each lane, then, with the 32 results in shared memory, each lane adds up its own columns.
#include <vector>

#include "cuda.h"

namespace cai::cuda {
namespace {

struct Range {
    int32_t begin, end;
};

// The rows of the sequence that each row belongs to.
std::vector<Range> sequences(const int32_t* offsets, size_t S) {
    std::vector<Range> ranges;
    for (size_t s = 0; s < S; ++s)
        for (int32_t n = offsets[s]; n < offsets[s + 1]; ++n) ranges.push_back({offsets[s], offsets[s + 1]});
    return ranges;
}

__device__ float dot(const float* a, const float* b, size_t D) {
    float sum = 0;
    for (size_t d = 0; d < D; ++d) sum = fmaf(a[d], b[d], sum);
    return sum;
}

__device__ float* my_part(float* shared, size_t floats) { return shared + threadIdx.x / kWarp * floats; }

// Forward and decode: one query over `seen` keys and values, which lie `row` floats apart. The softmax is
// computed as the keys come (Milakov & Gimelshein 2018): whenever a tile brings a larger score, what was summed so far
// shrinks by e^(before - largest).
__device__ void attend(float* out, float* logsumexp, const float* query, const float* keys, const float* values,
                       size_t row, size_t seen, size_t D, float* shared) {
    const unsigned lane = lane_number();
    const float scale = 1 / sqrtf(static_cast<float>(D));
    float *q = shared, *sum = q + D;
    for (size_t d = lane; d < D; d += kWarp) q[d] = query[d], sum[d] = 0;
    __syncwarp();
    float largest = -INFINITY, total = 0;  // each lane adds up its own keys' share of the total
    for (size_t first = 0; first < seen; first += kWarp) {
        const size_t tile = seen - first < kWarp ? seen - first : kWarp;
        const float score = lane < tile ? dot(q, keys + (first + lane) * row, D) * scale : -INFINITY;
        const float before = largest;
        largest = fmaxf(before, warp_max(score));
        const float shrink = expf(before - largest);
        float* p = sum + D + first % (2 * kWarp);  // in turns: other lanes may still read those of the tile before
        p[lane] = lane < tile ? expf(score - largest) : 0;
        total = fmaf(total, shrink, p[lane]);
        __syncwarp();
        for (size_t d = lane; d < D; d += kWarp) {
            float s = sum[d] * shrink;
            for (size_t j = 0; j < tile; ++j) s = fmaf(p[j], values[(first + j) * row + d], s);
            sum[d] = s;
        }
    }
    total = warp_sum(total);
    for (size_t d = lane; d < D; d += kWarp) out[d] = sum[d] / total;
    if (logsumexp && lane == 0) *logsumexp = largest + logf(total);
}
__host__ __device__ constexpr size_t attend_floats(size_t D) { return 2 * D + 2 * kWarp; }

__global__ void attention_forward_kernel(float* out, float* logsumexp, const float* qkv, const Range* sequences,
                                         size_t N, size_t H, size_t K, size_t D) {
    DYN_SHARED(float, shared);
    const size_t n = warp_number() / H, h = warp_number() % H, row = (H + 2 * K) * D;
    if (n >= N) return;
    const size_t begin = sequences[n].begin;
    const float* keys = qkv + begin * row + (H + h / (H / K)) * D;
    attend(out + (n * H + h) * D, logsumexp + n * H + h, qkv + n * row + h * D, keys, keys + K * D, row, n - begin + 1,
           D, my_part(shared, attend_floats(D)));
}

// With p = softmax(s), s = scale q·k and δ = dout·out:  ds = p (dout·v - δ),  dq = scale Σ_j ds k,  dk = scale Σ_i ds
// q, dv = Σ_i p dout. The scores are computed again: once by the warp of their query, for dq ...
__global__ void attention_dq_kernel(float* dqkv, const float* dout, const float* out, const float* logsumexp,
                                    const float* qkv, const Range* sequences, size_t N, size_t H, size_t K, size_t D) {
    DYN_SHARED(float, shared);
    const size_t n = warp_number() / H, h = warp_number() % H, row = (H + 2 * K) * D, at = (n * H + h) * D;
    if (n >= N) return;
    const unsigned lane = lane_number();
    const float scale = 1 / sqrtf(static_cast<float>(D));
    float *q = my_part(shared, 3 * D + kWarp), *g = q + D, *dq = g + D, *ds = dq + D;
    for (size_t d = lane; d < D; d += kWarp) {
        q[d] = qkv[n * row + h * D + d];
        g[d] = dout[at + d];
        dq[d] = 0;
    }
    __syncwarp();
    const float delta = dot(g, out + at, D);
    for (size_t first = sequences[n].begin; first <= n; first += kWarp) {
        const size_t j = first + lane;
        const float *key = qkv + j * row + (H + h / (H / K)) * D, *value = key + K * D;
        ds[lane] =
            j <= n ? expf(dot(q, key, D) * scale - logsumexp[n * H + h]) * (dot(g, value, D) - delta) * scale : 0;
        __syncwarp();
        for (size_t d = lane; d < D; d += kWarp)
            for (size_t i = 0; i < kWarp && first + i <= n; ++i)
                dq[d] = fmaf(ds[i], qkv[(first + i) * row + (H + h / (H / K)) * D + d], dq[d]);
        __syncwarp();
    }
    for (size_t d = lane; d < D; d += kWarp) dqkv[n * row + h * D + d] = dq[d];
}

// ... and once by the warp of their key, for dk and dv: it goes through the queries from its own row on, of all heads
// that read it, in a fixed order. So nobody adds to what is another's, and there are no atomics.
__global__ void attention_dkv_kernel(float* dqkv, const float* dout, const float* out, const float* logsumexp,
                                     const float* qkv, const Range* sequences, size_t N, size_t H, size_t K, size_t D) {
    DYN_SHARED(float, shared);
    const size_t n = warp_number() / K, k = warp_number() % K, row = (H + 2 * K) * D, at = n * row + (H + k) * D;
    if (n >= N) return;
    const unsigned lane = lane_number();
    const float scale = 1 / sqrtf(static_cast<float>(D));
    float *key = my_part(shared, 4 * D + 2 * kWarp), *value = key + D, *dk = value + D, *dv = dk + D;
    float *p = dv + D, *ds = p + kWarp;
    for (size_t d = lane; d < D; d += kWarp) {
        key[d] = qkv[at + d];
        value[d] = qkv[at + K * D + d];
        dk[d] = dv[d] = 0;
    }
    __syncwarp();
    const size_t end = sequences[n].end;
    for (size_t h = k * (H / K); h < (k + 1) * (H / K); ++h)
        for (size_t first = n; first < end; first += kWarp) {
            const size_t i = first + lane;
            p[lane] = ds[lane] = 0;
            if (i < end) {
                const float *q = qkv + i * row + h * D, *g = dout + (i * H + h) * D;
                p[lane] = expf(dot(q, key, D) * scale - logsumexp[i * H + h]);
                ds[lane] = p[lane] * (dot(g, value, D) - dot(g, out + (i * H + h) * D, D)) * scale;
            }
            __syncwarp();
            for (size_t d = lane; d < D; d += kWarp)
                for (size_t j = 0; j < kWarp && first + j < end; ++j) {
                    dk[d] = fmaf(ds[j], qkv[(first + j) * row + h * D + d], dk[d]);
                    dv[d] = fmaf(p[j], dout[((first + j) * H + h) * D + d], dv[d]);
                }
            __syncwarp();
        }
    for (size_t d = lane; d < D; d += kWarp) {
        dqkv[at + d] = dk[d];
        dqkv[at + K * D + d] = dv[d];
    }
}

// The cache keeps keys and values alike: (slot, K, capacity, D). A thread copies one number of each.
__global__ void cache_store_kernel(float* keys, float* values, const float* qkv, const int32_t* slots,
                                   const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity) {
    const size_t n = thread_number() / (K * D), k = thread_number() / D % K, d = thread_number() % D;
    if (n >= N) return;
    const size_t from = (n * (H + 2 * K) + H + k) * D + d, to = ((slots[n] * K + k) * capacity + positions[n]) * D + d;
    keys[to] = qkv[from];
    values[to] = qkv[from + K * D];
}

__global__ void attention_decode_kernel(float* out, const float* qkv, const float* keys, const float* values,
                                        const int32_t* slots, const int32_t* positions, size_t N, size_t H, size_t K,
                                        size_t D, size_t capacity) {
    DYN_SHARED(float, shared);
    const size_t n = warp_number() / H, h = warp_number() % H;
    if (n >= N) return;
    const size_t head = (slots[n] * K + h / (H / K)) * capacity * D;
    attend(out + (n * H + h) * D, nullptr, qkv + n * (H + 2 * K) * D + h * D, keys + head, values + head, D,
           static_cast<size_t>(positions[n]) + 1, D, my_part(shared, attend_floats(D)));
}

}  // namespace

void attention_forward(float* out, float* logsumexp, const float* qkv, const int32_t* offsets, size_t S, size_t H,
                       size_t K, size_t D) {
    const std::vector<Range> host = sequences(offsets, S);
    const Scratch<Range> ranges(host.data(), host.size());
    launch(attention_forward_kernel, a_warp_each(host.size() * H, attend_floats(D) * sizeof(float)), out, logsumexp,
           qkv, ranges, host.size(), H, K, D);
}

void attention_backward(float* dqkv, const float* dout, const float* out, const float* logsumexp, const float* qkv,
                        const int32_t* offsets, size_t S, size_t H, size_t K, size_t D) {
    const std::vector<Range> host = sequences(offsets, S);
    const Scratch<Range> ranges(host.data(), host.size());
    launch(attention_dq_kernel, a_warp_each(host.size() * H, (3 * D + kWarp) * sizeof(float)), dqkv, dout, out,
           logsumexp, qkv, ranges, host.size(), H, K, D);
    launch(attention_dkv_kernel, a_warp_each(host.size() * K, (4 * D + 2 * kWarp) * sizeof(float)), dqkv, dout, out,
           logsumexp, qkv, ranges, host.size(), H, K, D);
}

void cache_store(float* keys, float* values, const float* qkv, const int32_t* slots, const int32_t* positions, size_t N,
                 size_t H, size_t K, size_t D, size_t capacity) {
    const Scratch<int32_t> slots_(slots, N), positions_(positions, N);
    launch(cache_store_kernel, a_thread_each(N * K * D), keys, values, qkv, slots_, positions_, N, H, K, D, capacity);
}

void attention_decode(float* out, const float* qkv, const float* keys, const float* values, const int32_t* slots,
                      const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity) {
    const Scratch<int32_t> slots_(slots, N), positions_(positions, N);
    launch(attention_decode_kernel, a_warp_each(N * H, attend_floats(D) * sizeof(float)), out, qkv, keys, values,
           slots_, positions_, N, H, K, D, capacity);
}

}  // namespace cai::cuda

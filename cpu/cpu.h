// The CPU's kernels, declared with the types of the table in core/nn/kernels.h, which explains each one, and the
// helpers that the files of this folder share.
#pragma once
#include <type_traits>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "../core/base/error.h"
#include "../core/nn/kernels.h"
#include "vector.h"

namespace cai::cpu {

template <class Pointer>
using Kernel = std::remove_pointer_t<Pointer>;

Kernel<decltype(Kernels::embedding_forward)> embedding_forward;
Kernel<decltype(Kernels::embedding_backward)> embedding_backward;
Kernel<decltype(Kernels::rmsnorm_forward)> rmsnorm_forward;
Kernel<decltype(Kernels::rmsnorm_backward)> rmsnorm_backward;
Kernel<decltype(Kernels::packed_size)> packed_size;
Kernel<decltype(Kernels::matmul_pack)> matmul_pack;
Kernel<decltype(Kernels::matmul_forward)> matmul_forward;
Kernel<decltype(Kernels::matmul_backward_input)> matmul_backward_input;
Kernel<decltype(Kernels::matmul_backward_weight)> matmul_backward_weight;
Kernel<decltype(Kernels::quantized_size)> quantized_size;
Kernel<decltype(Kernels::matmul_pack_quantized)> matmul_pack_quantized;
Kernel<decltype(Kernels::matmul_forward_quantized)> matmul_forward_quantized;
Kernel<decltype(Kernels::embedding_forward_quantized)> embedding_forward_quantized;
Kernel<decltype(Kernels::rope_forward)> rope_forward;
Kernel<decltype(Kernels::rope_backward)> rope_backward;
Kernel<decltype(Kernels::attention_forward)> attention_forward;
Kernel<decltype(Kernels::attention_backward)> attention_backward;
Kernel<decltype(Kernels::cache_store)> cache_store;
Kernel<decltype(Kernels::attention_decode)> attention_decode;
Kernel<decltype(Kernels::swiglu_forward)> swiglu_forward;
Kernel<decltype(Kernels::swiglu_backward)> swiglu_backward;
Kernel<decltype(Kernels::logprob_forward)> logprob_forward;
Kernel<decltype(Kernels::logprob_backward)> logprob_backward;
Kernel<decltype(Kernels::sample)> sample;
Kernel<decltype(Kernels::gather_rows)> gather_rows;
Kernel<decltype(Kernels::scatter_rows)> scatter_rows;
Kernel<decltype(Kernels::accumulate_and_clear)> accumulate_and_clear;
Kernel<decltype(Kernels::sum_of_squares)> sum_of_squares;
Kernel<decltype(Kernels::adamw)> adamw;
Kernel<decltype(Kernels::muon)> muon;
Kernel<decltype(Kernels::gae)> gae;
Kernel<decltype(Kernels::policy_loss)> policy_loss;
Kernel<decltype(Kernels::value_loss)> value_loss;
Kernel<decltype(Kernels::preference_loss)> preference_loss;
Kernel<decltype(Kernels::multiply_adds)> multiply_adds;
Kernel<decltype(Kernels::copy)> copy;

// Up to this many floats touched, or products added up, the other threads are not asked: about a tenth of a millisecond
// of one thread's work, since a sleeping thread takes half of that to wake. A test of threads sets both to 0.
struct ParallelLimits {
    size_t floats = 1 << 17, products = 1 << 22;
};
inline ParallelLimits parallel_limits;

inline size_t threads() {
#ifdef _OPENMP
    return static_cast<size_t>(omp_get_max_threads());
#else
    return 1;
#endif
}

// Is this thread already in a parallel region?
inline bool in_parallel() {
#ifdef _OPENMP
    return omp_in_parallel();
#else
    return false;
#endif
}

// Calls work(0) ... work(n - 1), each once: on all threads, each taking the next chunk when it has finished one, or in
// order on this thread alone if there is too little work or the other threads are busy. OpenMP's own `if` would open a
// region even for one thread, which takes half a microsecond.
template <class Work>
void parallel_for(size_t n, bool worth_it, const Work& work) {
    if (!worth_it || in_parallel()) {
        for (size_t i = 0; i < n; ++i) work(i);
        return;
    }
    [[maybe_unused]] const size_t chunk = n / 128 + 1;
#pragma omp parallel for schedule(dynamic, chunk)
    for (size_t i = 0; i < n; ++i) work(i);
}

// The same for blocks: work(first, last) for each block of `size` out of n; the last block may be smaller.
template <class Work>
void parallel_blocks(size_t n, size_t size, bool worth_it, const Work& work) {
    parallel_for(divide_up(n, size), worth_it,
                 [&](size_t block) { work(block * size, smaller((block + 1) * size, n)); });
}

// Why the plain loop of a matmul is slow: each multiply-add waits for the one before it and needs two loads. Here a
// tile of kTileRows x kTileVectors running sums stays in registers: one step along k loads kTileVectors vectors and
// kTileRows scalars, and multiplies every pair. AVX-512 has 32 registers (24 sums + 4 vectors + the scalar), others 16.
constexpr size_t kTileRows = 6;
constexpr size_t kTileVectors = kLanes == 16 ? 4 : 2;
constexpr size_t kPanel = kTileVectors * kLanes;  // columns of a tile

// Depth is split so that one panel of the right factor (kPanel columns) stays in
// cache while all row tiles of a block use it.
constexpr size_t kDepthBlock = 256;
constexpr size_t kRowBlock = 8 * kTileRows;

// Element (r, k) of the left factor is data[r * row + k * step]: swapping row and step gives the transpose.
struct Left {
    const float* data;
    size_t row, step;
};
// Element (k, c) of the right factor is data[k * step + c]. Its rows are read in whole vectors, so they must be
// readable (whatever they hold) up to round_up(columns, kLanes).
struct Right {
    const float* data;
    size_t step;
};
// out[r * out_row + c] = base[r * out_row + c] + Σ_k left(r, k) right(k, c), on this thread. base may be null (then 0)
// or equal to out. The sum runs over k = 0, 1, 2 ... in one accumulator, whatever the other sizes.
void gemm(float* out, size_t out_row, const float* base, Left left, Right right, size_t rows, size_t columns,
          size_t depth);

// Turns scores[0..n) into softmax(scale * scores) and fills scores[n..padded) with 0; padded is a multiple of kLanes.
// Returns log Σ exp(scale * scores).
float softmax(float* scores, size_t n, size_t padded, float scale);

}  // namespace cai::cpu

// The GPU's kernels, declared with the very types of the table in core/nn/kernels.h, where each one is explained; and
// what the files of this folder share. Each function here is called by the host and launches what ends in _kernel.
//
// Most are the plain versions: fp32, nothing that a diagram on one page could not show. Two ways of working recur: a
// thread for each element, or a warp for each row, whose lanes share the row's columns and meet to add them up.
#pragma once
#include <type_traits>

#include "../core/nn/kernels.h"
#include "launch.h"

namespace cai::cuda {

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

// On tensor cores.
namespace bf16_matmul {
Kernel<decltype(Kernels::packed_size)> packed_size;
Kernel<decltype(Kernels::matmul_pack)> matmul_pack;
Kernel<decltype(Kernels::matmul_forward)> matmul_forward;
Kernel<decltype(Kernels::matmul_backward_input)> matmul_backward_input;
Kernel<decltype(Kernels::matmul_backward_weight)> matmul_backward_weight;
Kernel<decltype(Kernels::multiply_adds)> multiply_adds;
}  // namespace bf16_matmul

// For kernels launched with a_thread_each or a_warp_each: which thing is mine?
__device__ inline size_t thread_number() { return size_t{blockIdx.x} * blockDim.x + threadIdx.x; }
__device__ inline size_t warp_number() { return thread_number() / kWarp; }
__device__ inline unsigned lane_number() { return threadIdx.x % kWarp; }

// Over the lanes of a warp; every lane gets the result. Halves are added onto halves, in one order for everybody.
template <class T>
__device__ inline T warp_sum(T x) {
    for (unsigned half = kWarp / 2; half; half /= 2) x += __shfl_xor_sync(kAllLanes, x, half);
    return x;
}
// NaN never wins a comparison: it comes back through the exponentials.
__device__ inline float warp_max(float x) {
    for (unsigned half = kWarp / 2; half; half /= 2) x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, half));
    return x;
}

}  // namespace cai::cuda

// The most that this device can do, in the two currencies of every kernel: multiply-adds and bytes moved.
#include "cuda.h"

namespace cai::cuda {
namespace {

constexpr size_t kSums = 8;  // a thread's; each waits for its last multiply-add, so it takes several to hide that
constexpr size_t kThreads = 256;
#ifdef __CUDACC__
constexpr size_t kBlocks = 2048;  // several times what the largest chips hold at once
#else
constexpr size_t kBlocks = 2;
#endif

__global__ void multiply_adds_kernel(float* out, size_t rounds) {
    float sums[kSums];
    for (size_t i = 0; i < kSums; ++i) sums[i] = static_cast<float>(thread_number() + i);
    for (size_t round = 0; round < rounds; ++round)
        for (size_t i = 0; i < kSums; ++i) sums[i] = fmaf(sums[i], 0.5f, 1.0f);  // draws towards 2
    float sum = 0;
    for (size_t i = 0; i < kSums; ++i) sum += sums[i];
    out[thread_number()] = sum;  // what nobody reads, the compiler would not compute
}

__global__ void copy_kernel(float* to, const float* from, size_t n) {
    const size_t i = thread_number();
    if (i < n) to[i] = from[i];
}

}  // namespace

double multiply_adds(size_t rounds) {
    Scratch<float> out(kBlocks * kThreads);
    launch(multiply_adds_kernel, Shape(kBlocks, kThreads), static_cast<float*>(out), rounds);
    float first;
    transfer(&first, out, sizeof first);
    return 2.0 * kSums * kBlocks * kThreads * static_cast<double>(rounds);
}

void copy(float* to, const float* from, size_t n) { launch(copy_kernel, a_thread_each(n), to, from, n); }

}  // namespace cai::cuda

// The most that this device can do, in the two currencies of every kernel: multiply-adds and bytes moved.
#include "cuda.h"
#include "ptx.h"

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

// The same on tensor cores: a warp's products of 16 x 16 and 16 x 8 numbers, all 1 or -1 in turns, so that the sums
// stay small.
__global__ void mma_kernel(float* out, size_t rounds) {
    const uint32_t ones = 0x3f803f80, turns = 0x3f80bf80;
    const uint32_t a[4] = {ones, ones, ones, ones}, b[2] = {turns, turns};
    float sums[kSums][4] = {};
    for (size_t round = 0; round < rounds; ++round)
        UNROLL for (size_t i = 0; i < kSums; ++i) mma_m16n8k16(sums[i], a, b);
    float sum = 0;
    UNROLL for (size_t i = 0; i < kSums; ++i) sum += sums[i][0] + sums[i][1] + sums[i][2] + sums[i][3];
    out[thread_number()] = sum;
}

__global__ void copy_kernel(float* to, const float* from, size_t n) {
    const size_t i = thread_number();
    if (i < n) to[i] = from[i];
}

// Waits for the kernel by fetching what it wrote.
void run(void (*kernel)(float*, size_t), size_t rounds) {
    Scratch<float> out(kBlocks * kThreads);
    launch(kernel, Shape(kBlocks, kThreads), static_cast<float*>(out), rounds);
    float first;
    transfer(&first, out, sizeof first);
}

}  // namespace

double multiply_adds(size_t rounds) {
    run(multiply_adds_kernel, rounds);
    return 2.0 * kSums * kBlocks * kThreads * static_cast<double>(rounds);
}

double bf16_matmul::multiply_adds(size_t rounds) {
    run(mma_kernel, rounds);
    return 2.0 * 16 * 8 * 16 * kSums * kBlocks * (kThreads / kWarp) * static_cast<double>(rounds);
}

void copy(float* to, const float* from, size_t n) { launch(copy_kernel, a_thread_each(n), to, from, n); }

}  // namespace cai::cuda

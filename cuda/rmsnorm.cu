// RMSNorm: each row divided by the root of its mean square.
#include "cuda.h"

namespace cai::cuda {
namespace {

__global__ void rmsnorm_forward_kernel(float* out, float* rstd, const float* x, const float* weight, size_t N, size_t C,
                                       float eps) {
    const size_t n = warp_number();
    if (n >= N) return;
    const float* row = x + n * C;
    float squares = 0;
    for (size_t c = lane_number(); c < C; c += kWarp) squares = fmaf(row[c], row[c], squares);
    const float r = 1 / sqrtf(warp_sum(squares) / C + eps);
    for (size_t c = lane_number(); c < C; c += kWarp) out[n * C + c] = row[c] * r * weight[c];
    if (lane_number() == 0) rstd[n] = r;
}

// With g = dout · weight and r = rstd:  dx = r (g - x r² mean(g x)),  dweight = Σ_n dout x r.
__global__ void rmsnorm_dx_kernel(float* dx, const float* dout, const float* x, const float* rstd, const float* weight,
                                  size_t N, size_t C) {
    const size_t n = warp_number();
    if (n >= N) return;
    const float *row = x + n * C, *drow = dout + n * C, r = rstd[n];
    float products = 0;
    for (size_t c = lane_number(); c < C; c += kWarp) products = fmaf(drow[c] * weight[c], row[c], products);
    const float pull = r * r * (warp_sum(products) / C);
    for (size_t c = lane_number(); c < C; c += kWarp) dx[n * C + c] += r * (drow[c] * weight[c] - row[c] * pull);
}

// All rows add to dweight: blocks of a fixed number of rows are summed apart, then together in order.
constexpr size_t kRowBlock = 64;

__global__ void rmsnorm_partial_kernel(float* sums, const float* dout, const float* x, const float* rstd, size_t N,
                                       size_t C) {
    const size_t block = thread_number() / C, c = thread_number() % C;
    float sum = 0;
    for (size_t n = block * kRowBlock; n < N && n < (block + 1) * kRowBlock; ++n)
        sum = fmaf(dout[n * C + c] * x[n * C + c], rstd[n], sum);
    if (block * kRowBlock < N) sums[block * C + c] = sum;
}

__global__ void rmsnorm_dweight_kernel(float* dweight, const float* sums, size_t blocks, size_t C) {
    const size_t c = thread_number();
    if (c >= C) return;
    for (size_t block = 0; block < blocks; ++block) dweight[c] += sums[block * C + c];
}

}  // namespace

void rmsnorm_forward(float* out, float* rstd, const float* x, const float* weight, size_t N, size_t C, float eps) {
    launch(rmsnorm_forward_kernel, a_warp_each(N), out, rstd, x, weight, N, C, eps);
}

void rmsnorm_backward(float* dx, float* dweight, const float* dout, const float* x, const float* rstd,
                      const float* weight, size_t N, size_t C) {
    const size_t blocks = divide_up(N, kRowBlock);
    Scratch<float> sums(blocks * C);
    launch(rmsnorm_partial_kernel, a_thread_each(blocks * C), sums, dout, x, rstd, N, C);
    launch(rmsnorm_dweight_kernel, a_thread_each(C), dweight, sums, blocks, C);
    launch(rmsnorm_dx_kernel, a_warp_each(N), dx, dout, x, rstd, weight, N, C);
}

}  // namespace cai::cuda

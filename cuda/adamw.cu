// The optimizer's arithmetic, one parameter a thread, and the gradients' sum and norm.
#include <cmath>
#include <vector>

#include "../core/base/elementary.h"
#include "cuda.h"

namespace cai::cuda {
namespace {

constexpr unsigned kThreads = 256;
constexpr size_t kBlock = 32 * kThreads;  // numbers that one block adds up

__global__ void accumulate_and_clear_kernel(float* sum, float* terms, size_t n) {
    const size_t i = thread_number();
    if (i >= n) return;
    sum[i] += terms[i];
    terms[i] = 0;
}

__global__ void sum_of_squares_kernel(double* sums, const float* x, size_t n) {
    SHARED(double, lane, [kThreads]);
    const size_t first = blockIdx.x * kBlock;
    double sum = 0;
    for (size_t i = first + threadIdx.x; i < n && i < first + kBlock; i += kThreads)
        sum += static_cast<double>(x[i]) * x[i];
    lane[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned half = kThreads / 2; half; half /= 2) {
        if (threadIdx.x < half) lane[threadIdx.x] += lane[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = lane[0];
}

__global__ void adamw_kernel(float* parameters, float* m, float* v, const float* gradients, size_t n, float rate,
                             float keep, float beta1, float beta2, float eps, float correction2, float gradient_scale) {
    const size_t i = thread_number();
    if (i >= n) return;
    const float g = gradients[i] * gradient_scale;
    m[i] = beta1 * m[i] + (1 - beta1) * g;
    v[i] = beta2 * v[i] + (1 - beta2) * g * g;
    parameters[i] = parameters[i] * keep - rate * m[i] / (sqrtf(v[i]) / correction2 + eps);
}

}  // namespace

void accumulate_and_clear(float* sum, float* terms, size_t n) {
    launch(accumulate_and_clear_kernel, a_thread_each(n), sum, terms, n);
}

// Blocks are summed apart, then together in order.
double sum_of_squares(const float* x, size_t n) {
    const size_t blocks = divide_up(n, kBlock);
    Scratch<double> sums(blocks);
    launch(sum_of_squares_kernel, {static_cast<unsigned>(blocks), kThreads}, sums, x, n);
    std::vector<double> host(blocks);
    transfer(host.data(), sums, blocks * sizeof(double));
    double total = 0;
    for (double sum : host) total += sum;
    return total;
}

void adamw(float* parameters, float* m, float* v, const float* gradients, size_t n, float learning_rate, float beta1,
           float beta2, float eps, float weight_decay, float gradient_scale, int step) {
    // The averages start at 0, so after `step` steps they are too small by these factors.
    const float correction1 = static_cast<float>(1 - elementary::pow(static_cast<double>(beta1), step));
    const float correction2 = static_cast<float>(std::sqrt(1 - elementary::pow(static_cast<double>(beta2), step)));
    launch(adamw_kernel, a_thread_each(n), parameters, m, v, gradients, n, learning_rate / correction1,
           1 - learning_rate * weight_decay, beta1, beta2, eps, correction2, gradient_scale);
}

}  // namespace cai::cuda

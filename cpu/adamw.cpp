// AdamW, one parameter at a time, and the sum and the norm of gradients.
#include <cmath>
#include <vector>

#include "../core/base/elementary.h"
#include "cpu.h"

namespace cai::cpu {

// The unit of work, the same for any number of threads.
constexpr size_t kBlock = 8192;

void accumulate_and_clear(float* sum, float* terms, size_t n) {
    parallel_blocks(n, kBlock, n > parallel_limits.floats, [&](size_t first, size_t last) {
        for (size_t i = first; i < last; ++i) {
            sum[i] += terms[i];
            terms[i] = 0;
        }
    });
}

double sum_of_squares(const float* x, size_t n) {
    // Each block is summed on its own, then the blocks in order.
    std::vector<double> sums(divide_up(n, kBlock));
    parallel_blocks(n, kBlock, n > parallel_limits.floats, [&](size_t first, size_t last) {
        double lane[8] = {};
        size_t i = first;
        for (; i + 8 <= last; i += 8)
            for (size_t l = 0; l < 8; ++l) lane[l] += static_cast<double>(x[i + l]) * x[i + l];
        for (size_t l = 0; i < last; ++i, ++l) lane[l] += static_cast<double>(x[i]) * x[i];
        for (double sum : lane) sums[first / kBlock] += sum;
    });
    double total = 0;
    for (double sum : sums) total += sum;
    return total;
}

void adamw(float* parameters, float* m, float* v, const float* gradients, size_t n, float learning_rate, float beta1,
           float beta2, float eps, float weight_decay, float gradient_scale, int step) {
    // The averages start at 0, so after `step` steps they are too small by these factors.
    const float correction1 = static_cast<float>(1 - elementary::pow(static_cast<double>(beta1), step));
    const float correction2 = static_cast<float>(std::sqrt(1 - elementary::pow(static_cast<double>(beta2), step)));
    const float rate = learning_rate / correction1, keep = 1 - learning_rate * weight_decay;
    parallel_blocks(n, kBlock, n > parallel_limits.floats, [&](size_t first, size_t last) {
        // Vectorised only if the build says -fno-math-errno: otherwise a square root may have to set errno.
#pragma omp simd
        for (size_t i = first; i < last; ++i) {
            const float g = gradients[i] * gradient_scale;
            m[i] = beta1 * m[i] + (1 - beta1) * g;
            v[i] = beta2 * v[i] + (1 - beta2) * g * g;
            parameters[i] = parameters[i] * keep - rate * m[i] / (std::sqrt(v[i]) / correction2 + eps);
        }
    });
}

}  // namespace cai::cpu

// Muon, one matrix at a time: the steps of cpu/plain/muon.h, with the matmul of matmul.cu.
#include <cmath>
#include <utility>

#include "cuda.h"

namespace cai::cuda {
namespace {

__global__ void momentum_kernel(float* X, float* momentum, const float* gradients, size_t n, float beta,
                                float gradient_scale) {
    const size_t i = thread_number();
    if (i >= n) return;
    const float g = gradients[i] * gradient_scale;
    momentum[i] = beta * momentum[i] + (1 - beta) * g;
    X[i] = beta * momentum[i] + (1 - beta) * g;
}

__global__ void scale_kernel(float* X, size_t n, float factor) {
    const size_t i = thread_number();
    if (i < n) X[i] *= factor;
}

// B holds A², and becomes a I + b A + c A².    A, B (n,n).
__global__ void polynomial_kernel(float* B, const float* A, size_t n) {
    const size_t i = thread_number();
    if (i < n * n) B[i] = (i / n == i % n ? 3.4445f : 0) + -4.7750f * A[i] + 2.0315f * B[i];
}

__global__ void update_kernel(float* parameters, const float* X, size_t n, float rate, float keep) {
    const size_t i = thread_number();
    if (i < n) parameters[i] = parameters[i] * keep - rate * X[i];
}

}  // namespace

void muon(float* parameters, float* momentum, const float* gradients, size_t rows, size_t columns, float learning_rate,
          float beta, float weight_decay, float gradient_scale) {
    const bool wide = rows <= columns;
    const size_t size = rows * columns, n = wide ? rows : columns, longer = wide ? columns : rows;
    Scratch<float> first(size), second(size), A(n * n), B(n * n);
    float *X = first, *next = second;
    launch(momentum_kernel, a_thread_each(size), X, momentum, gradients, size, beta, gradient_scale);
    const double norm = std::sqrt(sum_of_squares(X, size));
    launch(scale_kernel, a_thread_each(size), X, size, static_cast<float>(1 / (norm + 1e-7)));
    for (int step = 0; step < 5; ++step) {
        if (wide) {  // A = X Xᵀ
            matmul_forward(A, X, X, nullptr, rows, columns, rows);
        } else {  // A = Xᵀ X
            set_zero(A, n * n * sizeof(float));
            matmul_backward_weight(A, X, X, rows, columns, columns);
        }
        matmul_backward_input(B, A, A, n, n, n);
        launch(polynomial_kernel, a_thread_each(n * n), B, A, n);
        if (wide)  // X = B X
            matmul_backward_input(next, B, X, rows, columns, rows);
        else  // X = X B
            matmul_backward_input(next, X, B, rows, columns, columns);
        std::swap(X, next);
    }
    const float rate = learning_rate * 0.2f * std::sqrt(static_cast<float>(longer));
    launch(update_kernel, a_thread_each(size), parameters, X, size, rate, 1 - learning_rate * weight_decay);
}

}  // namespace cai::cuda

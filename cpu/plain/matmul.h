// Matmul straight from its formula, out = residual + x · weightᵀ: each element of the result is one sum, in one loop.
#pragma once
#include <cstddef>

namespace cai::plain {

// out[n,o] = residual[n,o] + Σ_i x[n,i] weight[o,i].
// out, residual (N,O), residual null or out itself; x (N,I), weight (O,I).
template <class Real>
void matmul_forward(Real* out, const Real* x, const Real* weight, const Real* residual, size_t N, size_t I, size_t O) {
    for (size_t n = 0; n < N; n++)
        for (size_t o = 0; o < O; o++) {
            Real sum = 0;
            for (size_t i = 0; i < I; i++) sum += x[n * I + i] * weight[o * I + i];
            out[n * O + o] = (residual ? residual[n * O + o] : 0) + sum;
        }
}

// x[n,i] enters the sum of every out[n,o] with the factor weight[o,i]:
// dx[n,i] = Σ_o dout[n,o] weight[o,i].    dx (N,I), dout (N,O), weight (O,I).
template <class Real>
void matmul_backward_input(Real* dx, const Real* dout, const Real* weight, size_t N, size_t I, size_t O) {
    for (size_t n = 0; n < N; n++) {
        for (size_t i = 0; i < I; i++) dx[n * I + i] = 0;
        for (size_t o = 0; o < O; o++)
            for (size_t i = 0; i < I; i++) dx[n * I + i] += dout[n * O + o] * weight[o * I + i];
    }
}

// weight[o,i] enters the sum of out[n,o] for every row n with the factor x[n,i]:
// dweight[o,i] += Σ_n dout[n,o] x[n,i].    dweight (O,I), dout (N,O), x (N,I).
template <class Real>
void matmul_backward_weight(Real* dweight, const Real* dout, const Real* x, size_t N, size_t I, size_t O) {
    for (size_t n = 0; n < N; n++)
        for (size_t o = 0; o < O; o++)
            for (size_t i = 0; i < I; i++) dweight[o * I + i] += dout[n * O + o] * x[n * I + i];
}

// Weights are read as they are: packing only copies them.
inline size_t packed_size(size_t O, size_t I) { return O * I; }
template <class Real>
void matmul_pack(Real* packed, const Real* weight, size_t O, size_t I) {
    for (size_t i = 0; i < O * I; i++) packed[i] = weight[i];
}

}  // namespace cai::plain

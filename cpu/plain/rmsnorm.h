// RMSNorm straight from its formula: each row divided by the root of its mean square, times a weight per column.
#pragma once
#include <cmath>
#include <cstddef>

namespace cai::plain {

// rstd = 1 / sqrt(mean(x²) + eps), out = x · rstd · weight.    out, x (N,C), rstd (N), weight (C).
template <class Real>
void rmsnorm_forward(Real* out, Real* rstd, const Real* x, const Real* weight, size_t N, size_t C, Real eps) {
    for (size_t n = 0; n < N; n++) {
        Real squares = 0;
        for (size_t c = 0; c < C; c++) squares += x[n * C + c] * x[n * C + c];
        rstd[n] = 1 / std::sqrt(squares / C + eps);
        for (size_t c = 0; c < C; c++) out[n * C + c] = x[n * C + c] * rstd[n] * weight[c];
    }
}

// x[n,c] enters twice: directly, and through rstd into the whole row, with d rstd / d x_c = -rstd³ x_c / C.
// With g = dout · weight:  dx_c += rstd (g_c - x_c rstd² mean(g x)),  dweight_c += Σ_n dout x rstd.
// dx, dout, x (N,C), dweight, weight (C), rstd (N).
template <class Real>
void rmsnorm_backward(Real* dx, Real* dweight, const Real* dout, const Real* x, const Real* rstd, const Real* weight,
                      size_t N, size_t C) {
    for (size_t n = 0; n < N; n++) {
        const Real r = rstd[n];
        Real products = 0;
        for (size_t c = 0; c < C; c++) products += dout[n * C + c] * weight[c] * x[n * C + c];
        const Real mean = products / C;
        for (size_t c = 0; c < C; c++) {
            const size_t i = n * C + c;
            dx[i] += r * (dout[i] * weight[c] - x[i] * r * r * mean);
            dweight[c] += dout[i] * x[i] * r;
        }
    }
}

}  // namespace cai::plain

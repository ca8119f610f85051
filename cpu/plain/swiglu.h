// SwiGLU straight from its formula: out = silu(gate) · up with silu(x) = x σ(x) and σ(x) = 1 / (1 + e^-x).
#pragma once
#include <cstddef>

#include "../../core/base/elementary.h"

namespace cai::plain {

// out (N,F), gate_up (N,2F): a row holds its gates, then its ups.
template <class Real>
void swiglu_forward(Real* out, const Real* gate_up, size_t N, size_t F) {
    for (size_t n = 0; n < N; n++)
        for (size_t f = 0; f < F; f++) {
            const Real gate = gate_up[n * 2 * F + f], up = gate_up[n * 2 * F + F + f];
            out[n * F + f] = gate / (1 + elementary::exp(-gate)) * up;
        }
}

// With silu'(x) = σ(x) (1 + x (1 - σ(x))):  dgate = dout up silu'(gate),  dup = dout silu(gate).
// dgate_up = .    dgate_up, gate_up (N,2F), dout (N,F).
template <class Real>
void swiglu_backward(Real* dgate_up, const Real* dout, const Real* gate_up, size_t N, size_t F) {
    for (size_t n = 0; n < N; n++)
        for (size_t f = 0; f < F; f++) {
            const Real gate = gate_up[n * 2 * F + f], up = gate_up[n * 2 * F + F + f], d = dout[n * F + f];
            const Real sigma = 1 / (1 + elementary::exp(-gate));
            dgate_up[n * 2 * F + f] = d * up * sigma * (1 + gate * (1 - sigma));
            dgate_up[n * 2 * F + F + f] = d * gate * sigma;
        }
}

}  // namespace cai::plain

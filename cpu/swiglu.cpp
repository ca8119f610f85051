// SwiGLU: the feed-forward layer's gate, out = silu(gate) · up with silu(x) = x σ(x).
#include "cpu.h"

namespace cai::cpu {

static Vector sigmoid(Vector x) { return 1 / (1 + exp(-x)); }

void swiglu_forward(float* out, const float* gate_up, size_t N, size_t F) {
    parallel_for(N, N * F > parallel_limits.floats, [&](size_t n) {
        for (size_t f = 0; f < F; f += kLanes) {
            const float* at = gate_up + n * 2 * F + f;
            const Vector gate = load(at, F - f), up = load(at + F, F - f);
            store(out + n * F + f, gate * sigmoid(gate) * up, F - f);
        }
    });
}

// silu'(x) = σ(x) (1 + x (1 - σ(x))).
void swiglu_backward(float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F) {
    parallel_for(N, N * F > parallel_limits.floats, [&](size_t n) {
        for (size_t f = 0; f < F; f += kLanes) {
            const size_t left = F - f, at = n * 2 * F + f;
            const Vector gate = load(gate_up + at, left), up = load(gate_up + at + F, left);
            const Vector d = load(dout + n * F + f, left), s = sigmoid(gate);
            store(dgate_up + at, d * up * s * (1 + gate * (1 - s)), left);
            store(dgate_up + at + F, d * gate * s, left);
        }
    });
}

}  // namespace cai::cpu

// SwiGLU: the feed-forward layer's gate, out = silu(gate) · up with silu(x) = x σ(x).
#include "cuda.h"

namespace cai::cuda {
namespace {

__device__ float sigmoid(float x) { return 1 / (1 + expf(-x)); }

__global__ void swiglu_forward_kernel(float* out, const float* gate_up, size_t N, size_t F) {
    const size_t i = thread_number();
    if (i >= N * F) return;
    const size_t at = i / F * 2 * F + i % F;
    const float gate = gate_up[at], up = gate_up[at + F];
    out[i] = gate * sigmoid(gate) * up;
}

// silu'(x) = σ(x) (1 + x (1 - σ(x))).
__global__ void swiglu_backward_kernel(float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F) {
    const size_t i = thread_number();
    if (i >= N * F) return;
    const size_t at = i / F * 2 * F + i % F;
    const float gate = gate_up[at], up = gate_up[at + F], d = dout[i], s = sigmoid(gate);
    dgate_up[at] = d * up * s * (1 + gate * (1 - s));
    dgate_up[at + F] = d * gate * s;
}

}  // namespace

void swiglu_forward(float* out, const float* gate_up, size_t N, size_t F) {
    launch(swiglu_forward_kernel, a_thread_each(N * F), out, gate_up, N, F);
}

void swiglu_backward(float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F) {
    launch(swiglu_backward_kernel, a_thread_each(N * F), dgate_up, dout, gate_up, N, F);
}

}  // namespace cai::cuda

// Rotary position embedding: the pair (x[i], x[i + D/2]) is turned by an angle that grows with the position.
#include "cuda.h"

namespace cai::cuda {
namespace {

// A thread for each pair. sign 1 turns forward; sign -1 turns back, which is the gradient, because a rotation's
// transpose is its inverse.
__global__ void rotate_kernel(float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                              size_t stride, float sign) {
    const size_t half = D / 2, pair = thread_number();
    if (pair >= N * heads * half) return;
    const size_t i = pair % half, h = pair / half % heads, n = pair / half / heads;
    const float *cosine = table + positions[n] * D, *sine = cosine + half;
    float *first = x + n * stride + h * D, *second = first + half;
    const float a = first[i], b = second[i], c = cosine[i], s = sine[i] * sign;
    first[i] = a * c - b * s;
    second[i] = b * c + a * s;
}

}  // namespace

void rope_forward(float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                  size_t stride) {
    launch(rotate_kernel, a_thread_each(N * heads * (D / 2)), x, positions, table, N, heads, D, stride, 1.0f);
}

void rope_backward(float* dx, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                   size_t stride) {
    launch(rotate_kernel, a_thread_each(N * heads * (D / 2)), dx, positions, table, N, heads, D, stride, -1.0f);
}

}  // namespace cai::cuda

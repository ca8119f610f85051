// Rotary position embedding: the pair (x[i], x[i + D/2]) is rotated by an angle that grows with the position.
#include "cpu.h"

namespace cai::cpu {

// sign 1 rotates forward; sign -1 rotates back, which is the gradient, because a rotation's transpose is its inverse.
static void rotate(float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                   size_t stride, float sign) {
    const size_t half = D / 2;
    parallel_for(N, N * heads * D > parallel_limits.floats, [&](size_t n) {
        const float *cosine = table + positions[n] * D, *sine = cosine + half;
        for (size_t h = 0; h < heads; ++h) {
            float *first = x + n * stride + h * D, *second = first + half;
            for (size_t i = 0; i < half; i += kLanes) {
                const size_t left = half - i;
                const Vector a = load(first + i, left), b = load(second + i, left);
                const Vector c = load(cosine + i, left), s = load(sine + i, left) * sign;
                store(first + i, a * c - b * s, left);
                store(second + i, b * c + a * s, left);
            }
        }
    });
}

void rope_forward(float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                  size_t stride) {
    rotate(x, positions, table, N, heads, D, stride, 1);
}

void rope_backward(float* dx, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                   size_t stride) {
    rotate(dx, positions, table, N, heads, D, stride, -1);
}

}  // namespace cai::cpu

// RoPE straight from its formula: each head's pair (x[i], x[i + D/2]) is rotated
// by an angle that grows with the position.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cai::plain {

// (a, b) becomes (a cos - b sin, b cos + a sin), in place on the first `heads` heads of each row.
// x (N,stride), positions (N), table (positions,D): D/2 cosines, then D/2 sines.
template <class Real>
void rope_forward(Real* x, const int32_t* positions, const Real* table, size_t N, size_t heads, size_t D,
                  size_t stride) {
    for (size_t n = 0; n < N; n++)
        for (size_t h = 0; h < heads; h++)
            for (size_t i = 0; i < D / 2; i++) {
                const Real cosine = table[positions[n] * D + i], sine = table[positions[n] * D + D / 2 + i];
                Real *first = x + n * stride + h * D + i, *second = first + D / 2;
                const Real a = *first, b = *second;
                *first = a * cosine - b * sine;
                *second = b * cosine + a * sine;
            }
}

// The gradient is rotated back by the same angle: a rotation's transpose is its inverse.
// (da, db) becomes (da cos + db sin, db cos - da sin), in place.    dx (N,stride), the rest as above.
template <class Real>
void rope_backward(Real* dx, const int32_t* positions, const Real* table, size_t N, size_t heads, size_t D,
                   size_t stride) {
    for (size_t n = 0; n < N; n++)
        for (size_t h = 0; h < heads; h++)
            for (size_t i = 0; i < D / 2; i++) {
                const Real cosine = table[positions[n] * D + i], sine = table[positions[n] * D + D / 2 + i];
                Real *first = dx + n * stride + h * D + i, *second = first + D / 2;
                const Real da = *first, db = *second;
                *first = da * cosine + db * sine;
                *second = db * cosine - da * sine;
            }
}

}  // namespace cai::plain

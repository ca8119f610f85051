// Rows copied from a table by index, and their gradients added back: the embedding, and rows whose logits are wanted.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../../core/nn/kernels.h"

namespace cai::plain {

// out[n] = table[tokens[n]].    out (N,C), table (V,C), tokens (N).
template <class Real>
void embedding_forward(Real* out, const Token* tokens, const Real* table, size_t N, size_t C) {
    for (size_t n = 0; n < N; n++)
        for (size_t c = 0; c < C; c++) out[n * C + c] = table[tokens[n] * C + c];
}

// dtable[tokens[n]] += dout[n]: a token that occurs twice gets both.    dtable (V,C), dout (N,C), tokens (N).
template <class Real>
void embedding_backward(Real* dtable, const Real* dout, const Token* tokens, size_t N, size_t C, size_t) {
    for (size_t n = 0; n < N; n++)
        for (size_t c = 0; c < C; c++) dtable[tokens[n] * C + c] += dout[n * C + c];
}

// out[i] = x[rows[i]].    out (n,C), x (·,C), rows (n).
template <class Real>
void gather_rows(Real* out, const Real* x, const int32_t* rows, size_t n, size_t C) {
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < C; c++) out[i * C + c] = x[rows[i] * C + c];
}

// dx[rows[i]] += dout[i].    dx (·,C), dout (n,C), rows (n).
template <class Real>
void scatter_rows(Real* dx, const Real* dout, const int32_t* rows, size_t n, size_t C) {
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < C; c++) dx[rows[i] * C + c] += dout[i * C + c];
}

}  // namespace cai::plain

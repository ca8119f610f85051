// Rows copied by index, and their gradients added back: the embedding table, and the rows whose logits are wanted.
#include "cpu.h"

namespace cai::cpu {

void embedding_forward(float* out, const Token* tokens, const float* table, size_t N, size_t C) {
    gather_rows(out, table, tokens, N, C);
}

// A token may occur in many rows, so threads split the columns, and each thread adds up all rows in order.
void embedding_backward(float* dtable, const float* dout, const Token* tokens, size_t N, size_t C, size_t) {
    constexpr size_t kColumns = 2 * kLanes;
    parallel_blocks(C, kColumns, N * C > parallel_limits.floats, [&](size_t first, size_t last) {
        for (size_t n = 0; n < N; ++n) {
            float* to = dtable + tokens[n] * C;
            for (size_t c = first; c < last; ++c) to[c] += dout[n * C + c];
        }
    });
}

void gather_rows(float* out, const float* x, const int32_t* rows, size_t n, size_t C) {
    parallel_for(n, n * C > parallel_limits.floats,
                 [&](size_t i) { std::memcpy(out + i * C, x + rows[i] * C, C * sizeof(float)); });
}

void scatter_rows(float* dx, const float* dout, const int32_t* rows, size_t n, size_t C) {
    parallel_for(n, n * C > parallel_limits.floats, [&](size_t i) {
        for (size_t c = 0; c < C; ++c) dx[rows[i] * C + c] += dout[i * C + c];
    });
}

}  // namespace cai::cpu

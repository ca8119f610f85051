// Rows copied by index and their gradients: the embedding table, and the rows whose logits are wanted.
#include "cuda.h"

namespace cai::cuda {
namespace {

__global__ void gather_kernel(float* out, const float* x, const int32_t* rows, size_t n, size_t C) {
    const size_t i = thread_number();
    if (i < n * C) out[i] = x[rows[i / C] * C + i % C];
}

__global__ void scatter_kernel(float* dx, const float* dout, const int32_t* rows, size_t n, size_t C) {
    const size_t i = thread_number();
    if (i < n * C) dx[rows[i / C] * C + i % C] += dout[i];
}

// A token may occur in many rows. One warp owns one row of the table and adds its occurrences in order: it looks at 32
// tokens at a time, one a lane, and the ballot has a bit for each that is the warp's own.
__global__ void embedding_backward_kernel(float* dtable, const float* dout, const Token* tokens, size_t N, size_t C,
                                          size_t V) {
    const size_t v = warp_number();
    if (v >= V) return;
    for (size_t first = 0; first < N; first += kWarp) {
        const size_t mine = first + lane_number();
        unsigned found = __ballot_sync(kAllLanes, mine < N && static_cast<size_t>(tokens[mine]) == v);
        for (; found; found &= found - 1) {
            const size_t n = first + __ffs(found) - 1;
            for (size_t c = lane_number(); c < C; c += kWarp) dtable[v * C + c] += dout[n * C + c];
        }
    }
}

}  // namespace

void gather_rows(float* out, const float* x, const int32_t* rows, size_t n, size_t C) {
    launch(gather_kernel, a_thread_each(n * C), out, x, rows, n, C);
}

void embedding_forward(float* out, const Token* tokens, const float* table, size_t N, size_t C) {
    gather_rows(out, table, tokens, N, C);
}

void embedding_backward(float* dtable, const float* dout, const Token* tokens, size_t N, size_t C, size_t V) {
    launch(embedding_backward_kernel, a_warp_each(V), dtable, dout, tokens, N, C, V);
}

void scatter_rows(float* dx, const float* dout, const int32_t* rows, size_t n, size_t C) {
    launch(scatter_kernel, a_thread_each(n * C), dx, dout, rows, n, C);
}

}  // namespace cai::cuda

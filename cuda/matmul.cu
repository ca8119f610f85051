// Matrix multiplication. A block of threads owns a square tile of the result: slab by slab it fetches what the tile
// needs of both factors into shared memory, where each number is read by many threads, and each thread keeps a part of
// the tile in registers: one step along the depth reads 8 + 8 numbers for 64 multiply-adds.
#include "cuda.h"

namespace cai::cuda {
namespace {

constexpr unsigned kTile = 64;                 // rows and columns of a block
constexpr unsigned kPart = 8;                  // rows and columns of a thread
constexpr unsigned kSlab = 16;                 // depth fetched at a time
constexpr unsigned kAcross = kTile / kPart;    // threads across a tile, and down it
constexpr unsigned kThreads = kAcross * kAcross;
constexpr unsigned kPitch = kTile + 4;         // rows begin in different banks, and at multiples of 16 bytes

// Number (line, k) of a factor is data[line * line_step + k * depth_step]: a line is a row of the left factor or a
// column of the right one, and with the steps exchanged it is the transpose.
struct Factor {
    const float* data;
    size_t line_step, depth_step, lines;
};

// Copies lines first .. first + kTile, depth k .. k + kSlab, with zeros beyond the edges. Neighbouring threads take
// numbers that are neighbours in memory.
__device__ void fetch(float (&slab)[kSlab][kPitch], Factor factor, size_t first, size_t k, size_t depth) {
    for (unsigned i = threadIdx.x; i < kTile * kSlab; i += kThreads) {
        const bool along_depth = factor.depth_step == 1;
        const unsigned line = along_depth ? i / kSlab : i % kTile, d = along_depth ? i % kSlab : i / kTile;
        const bool inside = first + line < factor.lines && k + d < depth;
        slab[d][line] = inside ? factor.data[(first + line) * factor.line_step + (k + d) * factor.depth_step] : 0;
    }
}

// out (rows, columns) = base + left · right; base may be null (then 0) or out. Each sum runs over k = 0, 1, 2 ... in
// one accumulator, whatever the other sizes.
__global__ void __launch_bounds__(kThreads)
matmul_kernel(float* out, const float* base, Factor left, Factor right, size_t depth) {
    SHARED(float, left_slab, [kSlab][kPitch]);
    SHARED(float, right_slab, [kSlab][kPitch]);
    const unsigned down = threadIdx.x / kAcross * kPart, across = threadIdx.x % kAcross * kPart;
    const size_t row = size_t{blockIdx.y} * kTile, column = size_t{blockIdx.x} * kTile;
    float sum[kPart][kPart] = {};
    for (size_t k = 0; k < depth; k += kSlab) {
        fetch(left_slab, left, row, k, depth);
        fetch(right_slab, right, column, k, depth);
        __syncthreads();
        for (unsigned d = 0; d < kSlab; ++d) {
            float a[kPart], b[kPart];
            for (unsigned i = 0; i < kPart; ++i) a[i] = left_slab[d][down + i], b[i] = right_slab[d][across + i];
            for (unsigned i = 0; i < kPart; ++i)
                for (unsigned j = 0; j < kPart; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
        }
        __syncthreads();
    }
    for (unsigned i = 0; i < kPart; ++i)
        for (unsigned j = 0; j < kPart; ++j) {
            const size_t r = row + down + i, c = column + across + j, at = r * right.lines + c;
            if (r < left.lines && c < right.lines) out[at] = base ? base[at] + sum[i][j] : sum[i][j];
        }
}

void multiply(float* out, const float* base, Factor left, Factor right, size_t depth) {
    const dim3 blocks(static_cast<unsigned>(divide_up(right.lines, kTile)),
                      static_cast<unsigned>(divide_up(left.lines, kTile)));
    launch(matmul_kernel, {blocks, kThreads}, out, base, left, right, depth);
}

}  // namespace

// The weight is read where it lies: packing is a copy.
size_t packed_size(size_t O, size_t I) { return O * I; }
void matmul_pack(float* packed, const float* weight, size_t O, size_t I) {
    transfer(packed, weight, O * I * sizeof(float));
}

// out = residual + x · weightᵀ
void matmul_forward(float* out, const float* x, const float* packed, const float* residual, size_t N, size_t I,
                    size_t O) {
    multiply(out, residual, {x, I, 1, N}, {packed, I, 1, O}, I);
}

// dx = dout · weight
void matmul_backward_input(float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O) {
    multiply(dx, nullptr, {dout, O, 1, N}, {weight, 1, I, I}, O);
}

// dweight += doutᵀ · x
void matmul_backward_weight(float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O) {
    multiply(dweight, dweight, {dout, 1, O, O}, {x, 1, I, I}, N);
}

}  // namespace cai::cuda

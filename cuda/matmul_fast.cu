// Matrix multiplication on tensor cores (sm_80 and up): factors rounded to bf16, products and sums in float; weights
// and gradients stay float outside. As in matmul.cu a block owns a square tile of the result and goes through the depth
// slab by slab. New are three things: slabs are copied to shared memory in the background, two of them ahead; they lie
// there so that neither copying nor reading makes two threads wait for one bank; and a warp multiplies patches of 16 x
// 16 x 8 at once.
#include "cuda.h"
#include "ptx.h"

namespace cai::cuda {
namespace {

constexpr unsigned kTile = 128;               // rows and columns of a block
constexpr unsigned kSlab = 64;                // depth fetched at a time
constexpr unsigned kStages = 3;               // slabs in shared memory: one being read, the others on their way
constexpr unsigned kDown = 64, kAcross = 32;  // rows and columns of a warp
constexpr unsigned kThreads = kTile / kDown * (kTile / kAcross) * kWarp;
constexpr size_t kSharedBytes = kStages * 2 * kTile * kSlab * sizeof(uint16_t);

// ---- factors in bf16

// To the nearest number of 8 bits, to the even one of two that are as near. NaN stays NaN.
__device__ uint32_t bf16(float x) {
    const uint32_t bits = __float_as_uint(x);
    if (x != x) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// Both sides of a matrix in bf16 are filled up with zeros, so that no tile reaches beyond it.
__host__ __device__ constexpr size_t padded(size_t n) { return (n + kTile - 1) / kTile * kTile; }

__global__ void convert_kernel(uint32_t* pairs, const float* from, size_t rows, size_t columns) {
    const size_t i = thread_number(), row = 2 * i / padded(columns), column = 2 * i % padded(columns);
    if (row >= padded(rows)) return;
    const auto number = [&](size_t c) { return row < rows && c < columns ? bf16(from[row * columns + c]) : 0; };
    pairs[i] = number(column) | number(column + 1) << 16;
}

void convert(void* to, const float* from, size_t rows, size_t columns) {
    launch(convert_kernel, a_thread_each(padded(rows) * padded(columns) / 2), static_cast<uint32_t*>(to), from, rows,
           columns);
}

struct Converted {
    Scratch<uint16_t> numbers;
    Converted(const float* x, size_t rows, size_t columns) : numbers(padded(rows) * padded(columns)) {
        convert(numbers, x, rows, columns);
    }
};

// ---- the product

// A factor has lines: the rows of the left one, the columns of the right one. In memory a line is a row of `pitch`
// numbers; or, by depth, a row holds one number of each line.
struct Factor {
    const uint16_t* numbers;
    size_t pitch;
};

// A slab in shared memory has the rows it has in memory, in chunks of 16 bytes. In row r, chunks change places by r %
// 8: the same chunk of eight rows, which ldmatrix reads at once, then comes from eight different groups of banks.
template <bool by_depth>
__device__ unsigned place(unsigned row, unsigned chunk) {
    constexpr unsigned kChunks = (by_depth ? kTile : kSlab) / 8;
    return (row * kChunks + (chunk ^ row % 8)) * 8;
}

// Starts copying kTile lines from `line` on, kSlab deep from `depth` on.
template <bool by_depth>
__device__ void fetch(uint16_t* slab, Factor factor, size_t line, size_t depth) {
    constexpr unsigned kChunks = (by_depth ? kTile : kSlab) / 8;
    const uint16_t* from = factor.numbers + (by_depth ? depth * factor.pitch + line : line * factor.pitch + depth);
    for (unsigned i = threadIdx.x; i < kTile * kSlab / 8; i += kThreads) {
        const unsigned row = i / kChunks, chunk = i % kChunks;
        cp_async16(slab + place<by_depth>(row, chunk), from + row * factor.pitch + chunk * 8);
    }
}

// Loads 16 lines from `line` on, 16 deep from `depth` on, as four matrices of 8 x 8: matrix m has lines 8 (m % 2) and
// depths 8 (m / 2). That is a left factor as mma wants it; a right one has its columns 8 c .. in matrices c and c + 2.
template <bool by_depth>
__device__ void load_patch(uint32_t (&patch)[4], const uint16_t* slab, unsigned line, unsigned depth) {
    const unsigned lane = lane_number(), in_matrix = lane % 8;
    line += lane / 8 % 2 * 8;
    depth += lane / 16 * 8;
    if (by_depth)
        ldmatrix_x4_transposed(patch, slab + place<by_depth>(depth + in_matrix, line / 8));
    else
        ldmatrix_x4(patch, slab + place<by_depth>(line + in_matrix, depth / 8));
}

// out (rows, columns) = base + left · right; base may be null (then 0) or out. Each sum runs over the depth in one
// order, whatever the other sizes. The z-th layer of blocks adds up slabs z · part .. only, for an `out` of its own.
template <bool left_by_depth, bool right_by_depth>
__global__ void __launch_bounds__(kThreads) matmul_kernel(float* out, const float* base, Factor left, Factor right,
                                                          size_t rows, size_t columns, size_t slabs, size_t part) {
    DYN_SHARED(uint16_t, shared);
    const size_t row = size_t{blockIdx.y} * kTile, column = size_t{blockIdx.x} * kTile;
    const size_t first = blockIdx.z * part, end = first + part < slabs ? first + part : slabs;
    const auto room = [&](size_t slab) { return shared + slab % kStages * (2 * kTile * kSlab); };
    const auto fetch_both = [&](size_t slab) {
        if (slab < end) {
            fetch<left_by_depth>(room(slab), left, row, slab * kSlab);
            fetch<right_by_depth>(room(slab) + kTile * kSlab, right, column, slab * kSlab);
        }
        cp_async_commit();  // one group for each slab, past the end too
    };
    for (unsigned ahead = 0; ahead < kStages - 1; ++ahead) fetch_both(first + ahead);

    const unsigned warp = threadIdx.x / kWarp, lane = lane_number();
    const unsigned down = warp / (kTile / kAcross) * kDown, across = warp % (kTile / kAcross) * kAcross;
    float sum[kDown / 16][kAcross / 8][4] = {};
    for (size_t slab = first; slab < end; ++slab) {
        cp_async_wait<kStages - 2>();  // what this thread copied of the slab is there
        __syncthreads();               // and what the others did; and nobody reads the slab before it any more,
        fetch_both(slab + kStages - 1);  // whose room this takes
        const uint16_t *left_slab = room(slab), *right_slab = left_slab + kTile * kSlab;
        for (unsigned d = 0; d < kSlab; d += 16) {
            uint32_t a[kDown / 16][4], b[kAcross / 16][4];
            for (unsigned i = 0; i < kDown / 16; ++i) load_patch<left_by_depth>(a[i], left_slab, down + 16 * i, d);
            for (unsigned j = 0; j < kAcross / 16; ++j)
                load_patch<right_by_depth>(b[j], right_slab, across + 16 * j, d);
            for (unsigned i = 0; i < kDown / 16; ++i)
                for (unsigned j = 0; j < kAcross / 8; ++j)
                    mma_m16n8k16(sum[i][j], a[i], {b[j / 2][j % 2], b[j / 2][j % 2 + 2]});
        }
    }
    out += blockIdx.z * rows * columns;
    UNROLL for (unsigned i = 0; i < kDown / 16; ++i)
        UNROLL for (unsigned j = 0; j < kAcross / 8; ++j)
            UNROLL for (unsigned e = 0; e < 4; ++e) {
        const size_t r = row + down + 16 * i + lane / 4 + 8 * (e / 2),
                     c = column + across + 8 * j + 2 * (lane % 4) + e % 2;
        const size_t at = r * columns + c;
        if (r < rows && c < columns) out[at] = base ? base[at] + sum[i][j][e] : sum[i][j][e];
            }
}

template <bool left_by_depth, bool right_by_depth>
void multiply(float* out, const float* base, const uint16_t* left, const uint16_t* right, size_t rows, size_t columns,
              size_t depth, size_t parts = 1) {
    const size_t slabs = divide_up(depth, kSlab), part = divide_up(slabs, parts);
    const Factor left_factor = {left, padded(left_by_depth ? rows : depth)};
    const Factor right_factor = {right, padded(right_by_depth ? columns : depth)};
    const dim3 blocks(static_cast<unsigned>(divide_up(columns, kTile)), static_cast<unsigned>(divide_up(rows, kTile)),
                      static_cast<unsigned>(parts));
    launch(matmul_kernel<left_by_depth, right_by_depth>, {blocks, kThreads, kSharedBytes}, out, base, left_factor,
           right_factor, rows, columns, slabs, part);
}

__global__ void add_parts_kernel(float* out, const float* sums, size_t n, size_t parts) {
    const size_t i = thread_number();
    if (i >= n) return;
    for (size_t part = 0; part < parts; ++part) out[i] += sums[part * n + i];
}

}  // namespace

namespace bf16_matmul {

// In floats of the table's memory.
size_t packed_size(size_t O, size_t I) { return padded(O) * padded(I) / 2; }
void matmul_pack(float* packed, const float* weight, size_t O, size_t I) { convert(packed, weight, O, I); }

// out = residual + x · weightᵀ
void matmul_forward(float* out, const float* x, const float* packed, const float* residual, size_t N, size_t I,
                    size_t O) {
    const Converted left(x, N, I);
    multiply<false, false>(out, residual, left.numbers, reinterpret_cast<const uint16_t*>(packed), N, O, I);
}

// dx = dout · weight
void matmul_backward_input(float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O) {
    const Converted left(dout, N, O), right(weight, O, I);
    multiply<false, true>(dx, nullptr, left.numbers, right.numbers, N, I, O);
}

// dweight += doutᵀ · x. The result is small and the depth long: it is cut into parts that give the whole chip work, of
// 512 rows or more, whose sums are added in order. How many there are depends on the sizes alone.
void matmul_backward_weight(float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O) {
    const Converted left(dout, N, O), right(x, N, I);
    const size_t tiles = divide_up(O, kTile) * divide_up(I, kTile), most = divide_up(N, 512);
    const size_t parts = divide_up(256, tiles) < most ? divide_up(256, tiles) : most;
    const Scratch<float> sums(parts * O * I);
    if (parts) multiply<true, true>(sums, nullptr, left.numbers, right.numbers, O, I, N, parts);
    launch(add_parts_kernel, a_thread_each(O * I), dweight, sums, O * I, parts);
}

}  // namespace bf16_matmul
}  // namespace cai::cuda

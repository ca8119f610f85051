// Matrix multiplication: the lesson, then the same sums in the order that keeps the processor busy.
#include <vector>

#include "cpu.h"

namespace cai::cpu {

void matmul_naive(float* out, const float* x, const float* weight, const float* residual, size_t N, size_t I,
                  size_t O) {
    for (size_t n = 0; n < N; ++n)
        for (size_t o = 0; o < O; ++o) {
            float sum = 0;
            for (size_t i = 0; i < I; ++i) sum += x[n * I + i] * weight[o * I + i];
            out[n * O + o] = (residual ? residual[n * O + o] : 0) + sum;
        }
}

// Why the naive loop is slow: each multiply-add waits for the one before it and needs two loads. A tile of kTileRows x
// kTileVectors running sums lives in registers instead: one step along k loads kTileVectors vectors and kTileRows
// scalars, and multiplies each with each. AVX-512 has 32 registers (24 sums + 4 vectors + the scalar), others have 16.
constexpr size_t kTileRows = 6;
constexpr size_t kTileVectors = kLanes == 16 ? 4 : 2;
constexpr size_t kPanel = kTileVectors * kLanes;  // columns of a tile

// Depth is cut so that one panel of the right factor (kPanel columns) stays in the first-level cache while all row
// tiles of a block pass over it.
constexpr size_t kDepthBlock = 128;
constexpr size_t kRowBlock = 8 * kTileRows;

[[maybe_unused]] constexpr size_t kParallelProducts = size_t{1} << 17;  // multiply-adds below which one thread is faster

// The ragged right edge of a result.
[[gnu::noinline]] static void store_part(float* out, const float* base, Vector sum, size_t n) {
    store(out, base ? load(base, n) + sum : sum, n);
}

// Loops over the sums are unrolled by request: only then does the compiler keep an array in registers throughout.
template <size_t Rows, size_t Vectors>
static void tile(float* out, size_t out_row, const float* base, Left left, Right right, size_t columns, size_t depth) {
    Vector sum[Rows][Vectors];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (size_t v = 0; v < Vectors; ++v) sum[r][v] = Vector{};
    const float* a = left.data;
    const float* b = right.data;
    for (size_t k = 0; k < depth; ++k, a += left.step, b += right.step) {
        Vector row[Vectors];
#pragma GCC unroll 8
        for (size_t v = 0; v < Vectors; ++v) row[v] = load(b + v * kLanes);
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
            for (size_t v = 0; v < Vectors; ++v) sum[r][v] += a[r * left.row] * row[v];
    }
    const bool whole = columns == Vectors * kLanes;
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (size_t v = 0; v < Vectors; ++v) {
            float* to = out + r * out_row + v * kLanes;
            const float* from = base ? base + r * out_row + v * kLanes : nullptr;
            if (whole)
                store(to, from ? load(from) + sum[r][v] : sum[r][v]);
            else if (v * kLanes < columns)
                store_part(to, from, sum[r][v], columns - v * kLanes);
        }
}

template <size_t Vectors>
static void tiles(float* out, size_t out_row, const float* base, Left left, Right right, size_t rows, size_t columns,
                  size_t depth) {
    constexpr decltype(&tile<1, Vectors>) by_rows[] = {nullptr,          tile<1, Vectors>, tile<2, Vectors>,
                                                       tile<3, Vectors>, tile<4, Vectors>, tile<5, Vectors>,
                                                       tile<6, Vectors>};
    for (size_t r = 0; r < rows; r += kTileRows)
        by_rows[smaller(kTileRows, rows - r)](out + r * out_row, out_row, base ? base + r * out_row : nullptr,
                                              {left.data + r * left.row, left.row, left.step}, right, columns, depth);
}

void multiply(float* out, size_t out_row, const float* base, Left left, Right right, size_t rows, size_t columns,
              size_t depth) {
    for (size_t c = 0, width; c < columns; c += width) {
        const size_t vectors = divide_up(columns - c, kLanes);
        const auto tiles_of_width = vectors >= kTileVectors ? tiles<kTileVectors> : vectors >= 2 ? tiles<2> : tiles<1>;
        width = kLanes * (vectors >= kTileVectors ? kTileVectors : vectors >= 2 ? 2 : 1);
        tiles_of_width(out + c, out_row, base ? base + c : nullptr, left, {right.data + c, right.step}, rows,
                       smaller(columns - c, width), depth);
    }
}

// A right factor cut into panels of kPanel columns: panel p begins at data + p * panel, the last one at `last`.
struct Panels {
    const float* data;
    size_t panel, step;
    const float* last;
    size_t last_step;
};

// out = base + left · right by all threads: tiles of the result are independent.
static void multiply_parallel(float* out, const float* base, Left left, Panels right, size_t rows, size_t columns,
                              size_t depth) {
    const size_t panels = divide_up(columns, kPanel), tasks = divide_up(rows, kRowBlock) * panels;
#pragma omp parallel for schedule(dynamic) if (rows * columns * depth > kParallelProducts)
    for (size_t task = 0; task < tasks; ++task) {
        const size_t r = task / panels * kRowBlock, p = task % panels, at = r * columns + p * kPanel;
        const bool last = p + 1 == panels;
        const Right panel = {last ? right.last : right.data + p * right.panel, last ? right.last_step : right.step};
        size_t k = 0;
        do {
            multiply(out + at, columns,
                     k      ? out + at
                     : base ? base + at
                            : nullptr,
                     {left.data + r * left.row + k * left.step, left.row, left.step},
                     {panel.data + k * panel.step, panel.step}, smaller(kRowBlock, rows - r),
                     smaller(kPanel, columns - p * kPanel), smaller(kDepthBlock, depth - k));
        } while ((k += kDepthBlock) < depth);
    }
}

// The panels of a matrix (depth, columns) that is read where it lies. Columns left over are copied, with zeros to fill
// their last vector, because the tiles read whole vectors.
static Panels panels_in_place(const float* matrix, size_t depth, size_t columns) {
    const size_t whole = columns / kPanel * kPanel, rest = columns - whole;
    if (columns % kLanes == 0) {
        const size_t last = rest ? whole : whole - kPanel;
        return {matrix, kPanel, columns, matrix + (columns ? last : 0), columns};
    }
    static thread_local std::vector<float> copy;
    const size_t width = round_up(rest, kLanes);
    copy.assign(depth * width, 0.0f);
    for (size_t k = 0; k < depth; ++k)
        std::memcpy(&copy[k * width], matrix + k * columns + whole, rest * sizeof(float));
    return {matrix, kPanel, columns, copy.data(), width};
}

// The transposed weight in panels: element (i, o) lies at [o / kPanel][i][o % kPanel], with zeros up to a whole panel.
size_t packed_size(size_t O, size_t I) { return round_up(O, kPanel) * I; }

void matmul_pack(float* packed, const float* weight, size_t O, size_t I) {
    const size_t panels = divide_up(O, kPanel);
#pragma omp parallel for if (O * I > kParallelFloats)
    for (size_t p = 0; p < panels; ++p)
        for (size_t c = 0; c < kPanel; ++c) {
            const size_t o = p * kPanel + c;
            for (size_t i = 0; i < I; ++i) packed[(p * I + i) * kPanel + c] = o < O ? weight[o * I + i] : 0;
        }
}

void matmul_forward(float* out, const float* x, const float* packed, const float* residual, size_t N, size_t I,
                    size_t O) {
    const size_t last = O ? (divide_up(O, kPanel) - 1) * I * kPanel : 0;
    multiply_parallel(out, residual, {x, I, 1}, {packed, I * kPanel, kPanel, packed + last, kPanel}, N, O, I);
}

void matmul_backward_input(float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O) {
    multiply_parallel(dx, nullptr, {dout, O, 1}, panels_in_place(weight, O, I), N, I, O);
}

void matmul_backward_weight(float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O) {
    multiply_parallel(dweight, dweight, {dout, 1, O}, panels_in_place(x, N, I), O, I, N);
}

}  // namespace cai::cpu

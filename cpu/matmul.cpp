// Matrix multiplication: the sums of plain/matmul.h in an order that keeps the processor busy.
#include <array>
#include <vector>

#include "cpu.h"

namespace cai::cpu {

// The ragged right edge of a result.
[[gnu::noinline]] static void store_part(float* out, const float* base, Vector sum, size_t n) {
    store(out, base ? load(base, n) + sum : sum, n);
}

// Loops over the sums are unrolled explicitly: only then does the compiler keep the array in registers throughout.
template <size_t Rows, size_t Vectors>
static void micro_kernel(float* out, size_t out_row, const float* base, Left left, Right right, size_t columns,
                         size_t depth) {
    Vector sum[Rows][Vectors];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (size_t v = 0; v < Vectors; ++v) sum[r][v] = Vector{};
    // Prefetches the result's cache lines while the sums are computed. Row by row: all addresses
    // at once would not fit in the registers.
#pragma GCC unroll 1
    for (size_t r = 0; r < Rows; ++r)
        for (size_t v = 0; v < Vectors; ++v) __builtin_prefetch(out + r * out_row + v * kLanes, 1);
    const float* a = left.data;
    const float* b = right.data;
#pragma GCC unroll 2
    for (size_t k = 0; k < depth; ++k, a += left.step, b += right.step) {
        Vector row[Vectors];
#pragma GCC unroll 8
        for (size_t v = 0; v < Vectors; ++v) row[v] = load(b + v * kLanes);
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
            for (size_t v = 0; v < Vectors; ++v)
                sum[r][v] = multiply_add(broadcast(a[r * left.row]), row[v], sum[r][v]);
    }
    if (columns < Vectors * kLanes) {
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
            for (size_t v = 0; v < Vectors; ++v) {
                const size_t at = r * out_row + v * kLanes;
                if (v * kLanes < columns)
                    store_part(out + at, base ? base + at : nullptr, sum[r][v], columns - v * kLanes);
            }
    } else if (base) {
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r, out += out_row, base += out_row)
#pragma GCC unroll 8
            for (size_t v = 0; v < Vectors; ++v) store(out + v * kLanes, load(base + v * kLanes) + sum[r][v]);
    } else {
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r, out += out_row)
#pragma GCC unroll 8
            for (size_t v = 0; v < Vectors; ++v) store(out + v * kLanes, sum[r][v]);
    }
}

// A column of tiles, Vectors wide.
template <size_t Vectors>
static void micro_kernels(float* out, size_t out_row, const float* base, Left left, Right right, size_t rows,
                          size_t columns, size_t depth) {
    constexpr auto with_rows =
        std::array{micro_kernel<1, Vectors>, micro_kernel<2, Vectors>, micro_kernel<3, Vectors>,
                   micro_kernel<4, Vectors>, micro_kernel<5, Vectors>, micro_kernel<kTileRows, Vectors>};
    for (size_t r = 0; r < rows; r += kTileRows)
        with_rows[smaller(kTileRows, rows - r) - 1](out + r * out_row, out_row, base ? base + r * out_row : nullptr,
                                                    {left.data + r * left.row, left.row, left.step}, right, columns,
                                                    depth);
}

void gemm(float* out, size_t out_row, const float* base, Left left, Right right, size_t rows, size_t columns,
          size_t depth) {
    for (size_t c = 0, width; c < columns; c += width) {
        const size_t vectors = divide_up(columns - c, kLanes);
        const auto column = vectors >= kTileVectors ? micro_kernels<kTileVectors>
                            : vectors >= 2          ? micro_kernels<2>
                                                    : micro_kernels<1>;
        width = kLanes * (vectors >= kTileVectors ? kTileVectors : vectors >= 2 ? 2 : 1);
        column(out + c, out_row, base ? base + c : nullptr, left, {right.data + c, right.step}, rows,
               smaller(columns - c, width), depth);
    }
}

// A right factor split into panels of kPanel columns: panel p begins at data + p * panel, the last one at `last`.
struct Panels {
    const float* data;
    size_t panel, step;
    const float* last;
    size_t last_step;

    Right panel_at(size_t p, size_t panels) const {
        return p + 1 < panels ? Right{data + p * panel, step} : Right{last, last_step};
    }
};

// out = base + left · right on all threads: blocks of the result are independent, and one thread sums each.
static void gemm_parallel(float* out, const float* base, Left left, Panels right, size_t rows, size_t columns,
                          size_t depth) {
    const size_t panels = divide_up(columns, kPanel), tasks = divide_up(rows, kRowBlock) * panels;
    parallel_for(tasks, rows * columns * depth > parallel_limits.products, [&](size_t task) {
        const size_t r = task / panels * kRowBlock, p = task % panels, at = r * columns + p * kPanel;
        const size_t height = smaller(kRowBlock, rows - r), width = smaller(kPanel, columns - p * kPanel);
        const Right panel = right.panel_at(p, panels);
        const float* from = base ? base + at : nullptr;
        size_t k = 0;
        do {
            gemm(out + at, columns, from, {left.data + r * left.row + k * left.step, left.row, left.step},
                 {panel.data + k * panel.step, panel.step}, height, width, smaller(kDepthBlock, depth - k));
            from = out + at;
        } while ((k += kDepthBlock) < depth);
    });
}

// out += leftᵀ · right, left (depth, rows). Reading left down its columns touches a cache line for each number, and
// lines a power of two apart evict each other. So a block of it is first copied into adjacent strips as wide as a tile
// is high, which serve all panels. The rows of left are far apart, so each is prefetched some rows ahead.
static void gemm_transposed_parallel(float* out, const float* left, Panels right, size_t rows, size_t columns,
                                     size_t depth) {
    constexpr size_t kStrips = 11;  // 66 rows: the widths of models, multiples of 64, divide evenly among threads
    constexpr size_t kRows = kStrips * kTileRows, kAhead = 16, kLine = 16;
    const size_t panels = divide_up(columns, kPanel);
    parallel_for(divide_up(rows, kRows), rows * columns * depth > parallel_limits.products, [&](size_t block) {
        static thread_local std::array<float, kRows * kDepthBlock> strips;
        const size_t r = block * kRows, height = smaller(kRows, rows - r);
        for (size_t k = 0; k < depth; k += kDepthBlock) {
            const size_t deep = smaller(kDepthBlock, depth - k);
            for (size_t d = 0; d < deep; ++d) {
                for (size_t i = 0; i < height; i += kLine) __builtin_prefetch(left + (k + d + kAhead) * rows + r + i);
                for (size_t s = 0; s < kStrips && s * kTileRows < height; ++s) {
                    const float* from = left + (k + d) * rows + r + s * kTileRows;
                    float* to = &strips[(s * kDepthBlock + d) * kTileRows];
                    if (height - s * kTileRows >= kTileRows)
                        std::memcpy(to, from, kTileRows * sizeof(float));  // a constant size: two moves
                    else
                        std::memcpy(to, from, (height - s * kTileRows) * sizeof(float));
                }
            }
            for (size_t p = 0; p < panels; ++p) {
                const Right panel = right.panel_at(p, panels);
                for (size_t s = 0; s * kTileRows < height; ++s) {
                    float* to = out + (r + s * kTileRows) * columns + p * kPanel;
                    gemm(to, columns, to, {&strips[s * kDepthBlock * kTileRows], 1, kTileRows},
                         {panel.data + k * panel.step, panel.step}, smaller(kTileRows, height - s * kTileRows),
                         smaller(kPanel, columns - p * kPanel), deep);
                }
            }
        }
    });
}

// The panels of a matrix (depth, columns) that is read in place. Leftover columns are copied and padded with zeros to
// whole vectors, because tiles read whole vectors.
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

// The transposed weight in panels: element (i, o) is at [o / kPanel][i][o % kPanel],
// padded with zeros to a whole panel.
size_t packed_size(size_t O, size_t I) { return round_up(O, kPanel) * I; }

void matmul_pack(float* packed, const float* weight, size_t O, size_t I) {
    const size_t panels = divide_up(O, kPanel);
    parallel_for(panels, O * I > parallel_limits.floats, [&](size_t p) {
        for (size_t c = 0; c < kPanel; ++c) {
            const size_t o = p * kPanel + c;
            for (size_t i = 0; i < I; ++i) packed[(p * I + i) * kPanel + c] = o < O ? weight[o * I + i] : 0;
        }
    });
}

void matmul_forward(float* out, const float* x, const float* packed, const float* residual, size_t N, size_t I,
                    size_t O) {
    const size_t last = O ? (divide_up(O, kPanel) - 1) * I * kPanel : 0;
    gemm_parallel(out, residual, {x, I, 1}, {packed, I * kPanel, kPanel, packed + last, kPanel}, N, O, I);
}

void matmul_backward_input(float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O) {
    gemm_parallel(dx, nullptr, {dout, O, 1}, panels_in_place(weight, O, I), N, I, O);
}

void matmul_backward_weight(float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O) {
    gemm_transposed_parallel(dweight, dout, panels_in_place(x, N, I), O, I, N);
}

}  // namespace cai::cpu

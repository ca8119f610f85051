// Quantised weights: the sums of matmul.cpp over weights that become floats in registers only. Generating one token at
// a time waits for memory, and they are a fifth to a third of the floats' bytes.
#include <array>

#include "cpu.h"

namespace cai::cpu {

typedef int32_t Whole __attribute__((vector_size(kLanes * sizeof(int32_t))));

// The packed matrix is cut into panels of kPanel outputs; the last may have lanes whose results nobody stores. For each
// group of inputs, a panel holds kPanel scales, kPanel minimums and then rows of kPanel words, one an output: a word of
// 32 bits holds the q of 32 / bits neighbours, the first in its lowest bits.
struct Layout {
    size_t group, bits, numbers;        // numbers: in a word
    size_t group_floats, panel_floats;  // of the packed matrix

    Layout(size_t I, Quantization quantization)
        : group(static_cast<size_t>(quantization.group)),
          bits(static_cast<size_t>(quantization.bits)),
          numbers(32 / bits),
          group_floats((2 + group / numbers) * kPanel),
          panel_floats(I / group * group_floats) {}
};

size_t quantized_size(size_t O, size_t I, Quantization quantization) {
    return divide_up(O, kPanel) * Layout(I, quantization).panel_floats;
}

void matmul_pack_quantized(float* packed, const uint8_t* q, const float* scales, const float* minimums, size_t O,
                           size_t I, Quantization quantization) {
    const Layout layout(I, quantization);
    const size_t groups = I / layout.group;
    parallel_for(divide_up(O, kPanel), O * I > parallel_limits.floats, [&](size_t p) {
        for (size_t g = 0; g < groups; ++g) {
            float* to = packed + p * layout.panel_floats + g * layout.group_floats;
            for (size_t o = p * kPanel; o < smaller((p + 1) * kPanel, O); ++o, ++to) {
                to[0] = scales[o * groups + g], to[kPanel] = minimums[o * groups + g];
                const uint8_t* from = q + o * I + g * layout.group;
                for (size_t k = 0; k < layout.group; k += layout.numbers) {
                    uint32_t word = 0;
                    for (size_t j = 0; j < layout.numbers; ++j) word |= uint32_t{from[k + j]} << (j * layout.bits);
                    std::memcpy(to + (2 + k / layout.numbers) * kPanel, &word, sizeof word);
                }
            }
        }
    });
}

// Loads a row of kPanel numbers, and asks memory for what the loop reaches 8 KiB later: it waits for little else.
template <class V>
[[gnu::always_inline]] inline void load_row(V (&row)[kTileVectors], const float* from) {
    constexpr size_t kAhead = 2048;
#pragma GCC unroll 8
    for (size_t v = 0; v < kTileVectors; ++v) {
        row[v] = (V)load(from + v * kLanes);
        __builtin_prefetch(from + kAhead + v * kLanes);
    }
}

// visit(k, row) for k = 0 .. depth-1: the weights of a panel's outputs for input k, as floats, from a group on.
template <size_t bits, class Visit>
[[gnu::always_inline]] inline void each_row(const float* panel, size_t depth, size_t group, const Visit& visit) {
    constexpr size_t kNumbers = 32 / bits;
    for (size_t k = 0; k < depth;) {
        Vector scale[kTileVectors], minimum[kTileVectors];
        load_row(scale, panel), load_row(minimum, panel + kPanel);
        panel += 2 * kPanel;
        for (const size_t end = k + group; k < end; k += kNumbers, panel += kPanel) {
            Integers words[kTileVectors];
            load_row(words, panel);
#pragma GCC unroll 8
            for (size_t j = 0; j < kNumbers; ++j) {
                Vector row[kTileVectors];
#pragma GCC unroll 8
                for (size_t v = 0; v < kTileVectors; ++v) {
                    const Whole q = (Whole)(words[v] >> (j * bits) & ((1u << bits) - 1));
                    row[v] = multiply_add(scale[v], __builtin_convertvector(q, Vector), minimum[v]);
                }
                visit(k + j, row);
            }
        }
    }
}

// out = base + x · weightᵀ for a panel and as few rows as have their sums in registers: no float weight is stored.
template <size_t Rows, size_t bits>
static void few_rows(float* out, size_t O, const float* base, const float* x, size_t I, const float* panel,
                     size_t columns, size_t depth, size_t group) {
    Vector sum[Rows][kTileVectors];
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (size_t v = 0; v < kTileVectors; ++v) sum[r][v] = Vector{};
    each_row<bits>(panel, depth, group, [&](size_t k, const Vector(&row)[kTileVectors]) {
#pragma GCC unroll 8
        for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
            for (size_t v = 0; v < kTileVectors; ++v)
                sum[r][v] = multiply_add(broadcast(x[r * I + k]), row[v], sum[r][v]);
    });
#pragma GCC unroll 8
    for (size_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
        for (size_t v = 0; v < kTileVectors; ++v) {
            const size_t at = r * O + v * kLanes, first = v * kLanes;
            if (first >= columns) break;
            store(out + at, base ? load(base + at, columns - first) + sum[r][v] : sum[r][v], columns - first);
        }
}

// The same for any number of rows: a block of the panel becomes floats once for all of them.
template <size_t bits>
static void many_rows(float* out, size_t O, const float* base, const float* x, size_t I, const float* panel,
                      size_t rows, size_t columns, size_t depth, size_t group) {
    alignas(64) static thread_local std::array<float, kDepthBlock * kPanel> floats;
    each_row<bits>(panel, depth, group, [&](size_t k, const Vector(&row)[kTileVectors]) {
#pragma GCC unroll 8
        for (size_t v = 0; v < kTileVectors; ++v) store(&floats[k * kPanel + v * kLanes], row[v]);
    });
    gemm(out, O, base, {x, I, 1}, {floats.data(), kPanel}, rows, columns, depth);
}

template <size_t bits>
static void some_rows(float* out, size_t O, const float* base, const float* x, size_t I, const float* panel,
                      size_t rows, size_t columns, size_t depth, size_t group) {
    if (rows == 1) return few_rows<1, bits>(out, O, base, x, I, panel, columns, depth, group);
    if (rows == 2) return few_rows<2, bits>(out, O, base, x, I, panel, columns, depth, group);
    many_rows<bits>(out, O, base, x, I, panel, rows, columns, depth, group);
}

void matmul_forward_quantized(float* out, const float* x, const float* packed, const float* residual, size_t N,
                              size_t I, size_t O, Quantization quantization) {
    const Layout layout(I, quantization);
    const auto rows_of = quantization.bits == 4 ? some_rows<4> : some_rows<8>;
    // Each thread reads consecutive panels: memory delivers one long stretch faster than many short ones. Most of the
    // time goes into weights, not products, so that the other threads are worth asking earlier.
    const size_t panels = divide_up(O, kPanel), run = divide_up(panels, threads()), runs = divide_up(panels, run);
    parallel_for(divide_up(N, kRowBlock) * runs, N * O * I > parallel_limits.products / 8, [&](size_t task) {
        const size_t n = task / runs * kRowBlock, first = task % runs * run, rows = smaller(kRowBlock, N - n);
        for (size_t p = first; p < smaller(first + run, panels); ++p) {
            const size_t at = n * O + p * kPanel, columns = smaller(kPanel, O - p * kPanel);
            const float* base = residual ? residual + at : nullptr;
            for (size_t k = 0; k < I; k += kDepthBlock) {
                const float* panel = packed + p * layout.panel_floats + k / layout.group * layout.group_floats;
                rows_of(out + at, O, base, x + n * I + k, I, panel, rows, columns, smaller(kDepthBlock, I - k),
                        layout.group);
                base = out + at;
            }
        }
    });
}

void embedding_forward_quantized(float* out, const Token* tokens, const float* packed, size_t N, size_t C, size_t,
                                 Quantization quantization) {
    const Layout layout(C, quantization);
    parallel_for(N, N * C > parallel_limits.floats, [&](size_t n) {
        const size_t o = static_cast<size_t>(tokens[n]);
        const float* output = packed + o / kPanel * layout.panel_floats + o % kPanel;
        for (size_t c = 0; c < C; ++c) {
            const float* group = output + c / layout.group * layout.group_floats;
            uint32_t word;
            std::memcpy(&word, group + (2 + c % layout.group / layout.numbers) * kPanel, sizeof word);
            const uint32_t q = word >> (c % layout.numbers * layout.bits) & ((1u << layout.bits) - 1);
            const Vector value = broadcast(static_cast<float>(q));
            out[n * C + c] = multiply_add(broadcast(group[0]), value, broadcast(group[kPanel]))[0];
        }
    });
}

}  // namespace cai::cpu

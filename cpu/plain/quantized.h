// Quantised weights straight from their formula: weight[o,i] = scale · q + minimum, with a scale and a minimum for each
// group of a row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../../core/nn/kernels.h"

namespace cai::plain {

// A matrix (O,I) as it is packed here: scales (O,I/group), minimums (O,I/group), then a byte for each q (O,I).
struct QuantizedMatrix {
    size_t I, group;
    const float *scales, *minimums;
    const uint8_t* q;

    QuantizedMatrix(const float* packed, size_t O, size_t I, Quantization quantization)
        : I(I),
          group(static_cast<size_t>(quantization.group)),
          scales(packed),
          minimums(packed + O * I / group),
          q(reinterpret_cast<const uint8_t*>(packed + 2 * O * I / group)) {}

    // weight[o,i], rounded once: in double the product is exact.
    float operator()(size_t o, size_t i) const {
        const size_t at = (o * I + i) / group;
        return static_cast<float>(static_cast<double>(scales[at]) * q[o * I + i] + minimums[at]);
    }
};

inline size_t quantized_size(size_t O, size_t I, Quantization quantization) {
    return 2 * O * I / static_cast<size_t>(quantization.group) + (O * I + 3) / 4;
}

inline void matmul_pack_quantized(float* packed, const uint8_t* q, const float* scales, const float* minimums, size_t O,
                                  size_t I, Quantization quantization) {
    const size_t groups = O * I / static_cast<size_t>(quantization.group);
    for (size_t g = 0; g < groups; g++) packed[g] = scales[g], packed[groups + g] = minimums[g];
    if (groups) std::memcpy(packed + 2 * groups, q, O * I);
}

// out[n,o] = residual[n,o] + Σ_i x[n,i] weight[o,i].    As matmul_forward.
inline void matmul_forward_quantized(float* out, const float* x, const float* packed, const float* residual, size_t N,
                                     size_t I, size_t O, Quantization quantization) {
    const QuantizedMatrix weight(packed, O, I, quantization);
    for (size_t n = 0; n < N; n++)
        for (size_t o = 0; o < O; o++) {
            float sum = 0;
            for (size_t i = 0; i < I; i++) sum += x[n * I + i] * weight(o, i);
            out[n * O + o] = (residual ? residual[n * O + o] : 0) + sum;
        }
}

// out[n] = weight[tokens[n]].    out (N,C), weight (V,C), tokens (N).
inline void embedding_forward_quantized(float* out, const Token* tokens, const float* packed, size_t N, size_t C,
                                        size_t V, Quantization quantization) {
    const QuantizedMatrix weight(packed, V, C, quantization);
    for (size_t n = 0; n < N; n++)
        for (size_t c = 0; c < C; c++) out[n * C + c] = weight(static_cast<size_t>(tokens[n]), c);
}

}  // namespace cai::plain

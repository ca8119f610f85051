// The number formats of GGUF's tensors. A row is cut into blocks; a block holds small integers q and one scale d for
// all of them, in the K formats scales of scales. The layouts are those of ggml-common.h in
// https://github.com/ggml-org/ggml, and each value is computed with the roundings of its package gguf (quants.py), so
// that the floats are the same to the last bit. Below, q[j] is the unsigned integer of value j of the block.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "../nn/kernels.h"
#include "safetensors.h"

namespace cai {

inline float half_at(const uint8_t* bytes) {
    uint16_t half;
    std::memcpy(&half, bytes, sizeof half);
    return Safetensors::from_float16(half);
}

inline void read_f32(const uint8_t* block, float* to) { std::memcpy(to, block, sizeof(float)); }
inline void read_f16(const uint8_t* block, float* to) { *to = half_at(block); }
inline void read_bf16(const uint8_t* block, float* to) {  // the upper half of a float
    uint16_t upper;
    std::memcpy(&upper, block, sizeof upper);
    *to = std::bit_cast<float>(uint32_t{upper} << 16);
}

// A quantised block taken apart. Value j is scale (q[j] - zero), where the format has a zero, and otherwise
// scale q[j] + minimum, with the scale and the minimum of its group.
struct Block {
    std::array<uint8_t, 256> q;
    std::array<float, 16> scales, minimums;
};

// half d | int8 q[32] - 128: x = d (q - 128)
inline void split_q8_0(const uint8_t* block, Block& to) {
    to.scales[0] = half_at(block);
    for (size_t j = 0; j < 32; j++) to.q[j] = block[2 + j] ^ 128;
}

// The 4 lower bits of value j of 32: bytes hold q[0] and q[16], q[1] and q[17], ...
inline uint8_t nibble(const uint8_t* bytes, size_t j) { return j < 16 ? bytes[j] & 15 : bytes[j - 16] >> 4; }

// The fifth bit of value j of 32: bit j of the little-endian number in 4 bytes, at its place in q.
inline uint8_t fifth_bit(const uint8_t* bytes, size_t j) {
    return static_cast<uint8_t>((bytes[j / 8] >> (j % 8) & 1) << 4);
}

// half d | 4 bits q[32]: x = d (q - 8)
inline void split_q4_0(const uint8_t* block, Block& to) {
    to.scales[0] = half_at(block);
    for (size_t j = 0; j < 32; j++) to.q[j] = nibble(block + 2, j);
}

// half d | half m | 4 bits q[32]: x = d q + m
inline void split_q4_1(const uint8_t* block, Block& to) {
    to.scales[0] = half_at(block), to.minimums[0] = half_at(block + 2);
    for (size_t j = 0; j < 32; j++) to.q[j] = nibble(block + 4, j);
}

// half d | the fifth bits of q[32] | the other 4 bits of q[32]: x = d (q - 16)
inline void split_q5_0(const uint8_t* block, Block& to) {
    to.scales[0] = half_at(block);
    for (size_t j = 0; j < 32; j++) to.q[j] = nibble(block + 6, j) | fifth_bit(block + 2, j);
}

// half d | half m | the fifth bits of q[32] | the other 4 bits of q[32]: x = d q + m
inline void split_q5_1(const uint8_t* block, Block& to) {
    to.scales[0] = half_at(block), to.minimums[0] = half_at(block + 2);
    for (size_t j = 0; j < 32; j++) to.q[j] = nibble(block + 8, j) | fifth_bit(block + 4, j);
}

// The scale s and the minimum m, of 6 bits each, of 8 groups in 12 bytes: of groups 0 to 3, bytes 0 to 3 hold s and
// bytes 4 to 7 hold m in their 6 lower bits; of groups 4 to 7, bytes 8 to 11 hold the 4 lower bits of s and then of m,
// and the 2 upper bits of bytes 0 to 7 hold the rest.
inline void read_scale_and_minimum(const uint8_t* bytes, int group, float& s, float& m) {
    const int g = group % 4;
    s = static_cast<float>(group < 4 ? bytes[g] & 63 : (bytes[8 + g] & 15) | (bytes[g] >> 6) << 4);
    m = static_cast<float>(group < 4 ? bytes[4 + g] & 63 : bytes[8 + g] >> 4 | (bytes[4 + g] >> 6) << 4);
}

// half d | half dmin | s and m of 8 groups | 4 bits q[256]: x = (d s) q - dmin m, with s and m those of the group j
// / 32. Of every 32 bytes of q, the lower halves hold one group and the upper halves the next. `fifth`, if given: 32
// bytes, of which bit g of byte j is the fifth bit of value j of group g.
inline void split_groups(const uint8_t* block, const uint8_t* fifth, const uint8_t* q, Block& to) {
    const float d = half_at(block), dmin = half_at(block + 2);
    for (size_t group = 0; group < 8; group++) {
        float s, m;
        read_scale_and_minimum(block + 4, static_cast<int>(group), s, m);
        to.scales[group] = d * s, to.minimums[group] = -(dmin * m);
        for (size_t j = 0; j < 32; j++) {
            const int low = q[group / 2 * 32 + j] >> (group % 2 * 4) & 15;
            to.q[group * 32 + j] = static_cast<uint8_t>(low | (fifth ? (fifth[j] >> group & 1) << 4 : 0));
        }
    }
}
inline void split_q4_k(const uint8_t* block, Block& to) { split_groups(block, nullptr, block + 16, to); }
inline void split_q5_k(const uint8_t* block, Block& to) { split_groups(block, block + 16, block + 48, to); }

// the 4 lower bits of q[256] | the 2 upper bits of q[256] | int8 scale s for each of 16 groups | half d:
// x = (d s) (q - 32), with s that of the group j / 16. Of each half of the block, 64 bytes hold the lower bits of
// values j and j + 64, and 32 bytes the upper bits of j, j + 32, j + 64 and j + 96.
inline void split_q6_k(const uint8_t* block, Block& to) {
    const uint8_t *lower = block, *upper = block + 128, *scales = block + 192;
    const float d = half_at(block + 208);
    for (size_t g = 0; g < 16; g++) to.scales[g] = d * static_cast<float>(static_cast<int8_t>(scales[g]));
    for (size_t j = 0; j < 256; j++) {
        const size_t half = j / 128, k = j % 128;
        const int low = lower[half * 64 + k % 64] >> (k / 64 * 4) & 15;
        const int high = upper[half * 32 + k % 32] >> (k / 32 * 2) & 3;
        to.q[j] = static_cast<uint8_t>(low | high << 4);
    }
}

// A format that cai reads: its number in ggml_type of ggml.h, its name, and how many values and bytes a block has.
// Either read() makes the float of a value, or split() takes a block apart; `zero` is 0 where there are minimums.
struct BlockFormat {
    uint32_t number;
    const char* name;
    size_t values, bytes;
    void (*read)(const uint8_t* block, float* to);
    Quantization quantization = {};
    int zero = 0;
    void (*split)(const uint8_t* block, Block& to) = nullptr;
};
inline constexpr BlockFormat kBlockFormats[] = {{0, "F32", 1, 4, read_f32},
                                                {1, "F16", 1, 2, read_f16},
                                                {30, "BF16", 1, 2, read_bf16},
                                                {2, "Q4_0", 32, 18, nullptr, {4, 32}, 8, split_q4_0},
                                                {3, "Q4_1", 32, 20, nullptr, {4, 32}, 0, split_q4_1},
                                                {6, "Q5_0", 32, 22, nullptr, {8, 32}, 16, split_q5_0},
                                                {7, "Q5_1", 32, 24, nullptr, {8, 32}, 0, split_q5_1},
                                                {8, "Q8_0", 32, 34, nullptr, {8, 32}, 128, split_q8_0},
                                                {12, "Q4_K", 256, 144, nullptr, {4, 32}, 0, split_q4_k},
                                                {13, "Q5_K", 256, 176, nullptr, {8, 32}, 0, split_q5_k},
                                                {14, "Q6_K", 256, 210, nullptr, {8, 16}, 32, split_q6_k}};

// The format of this number; nullptr: cai does not read it.
inline const BlockFormat* find_block_format(uint32_t number) {
    for (const BlockFormat& format : kBlockFormats)
        if (format.number == number) return &format;
    return nullptr;
}

// Converts a row of `count` values, a multiple of the format's block.
inline void read_blocks(const BlockFormat& format, const char* from, float* to, size_t count) {
    const uint8_t* block = reinterpret_cast<const uint8_t*>(from);
    Block parts;
    for (size_t i = 0; i < count; i += format.values, block += format.bytes) {
        if (format.read) {
            format.read(block, to + i);
            continue;
        }
        format.split(block, parts);
        for (size_t j = 0; j < format.values; j++) {
            const size_t group = j / static_cast<size_t>(format.quantization.group);
            const float difference = static_cast<float>(parts.q[j] - format.zero);
            to[i + j] = format.zero ? parts.scales[group] * difference
                                    : parts.scales[group] * difference + parts.minimums[group];
        }
    }
}

// Takes a row of `count` quantised values apart, as Quantization in kernels.h has them: q, (count), and a scale and a
// minimum, -zero · scale where there is a zero, for each `group` values; `group` divides the format's own. The values
// are those of read_blocks: in every format here scale · q + minimum, rounded once, is what that rounds to.
inline void split_blocks(const BlockFormat& format, const char* from, size_t count, size_t group, uint8_t* q,
                         float* scales, float* minimums) {
    const uint8_t* block = reinterpret_cast<const uint8_t*>(from);
    Block parts;
    for (size_t i = 0; i < count; i += format.values, block += format.bytes) {
        format.split(block, parts);
        std::copy_n(parts.q.begin(), format.values, q + i);
        for (size_t j = 0; j < format.values; j += group) {
            const size_t own = j / static_cast<size_t>(format.quantization.group);
            const float scale = parts.scales[own];
            *scales++ = scale;
            *minimums++ = format.zero ? -static_cast<float>(format.zero) * scale : parts.minimums[own];
        }
    }
}

}  // namespace cai

// The number formats of GGUF's tensors, converted to floats. A row is cut into blocks; a block holds small integers q
// and one scale d for all of them, in the K formats scales of scales. The layouts are those of ggml-common.h in
// https://github.com/ggml-org/ggml, and each value is computed with the roundings of its package gguf (quants.py), so
// that the floats are the same to the last bit. Below, q[j] is the unsigned integer of value j of the block.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>

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

// half d | int8 q[32]: x = d q
inline void read_q8_0(const uint8_t* block, float* to) {
    const float d = half_at(block);
    for (int j = 0; j < 32; j++) to[j] = static_cast<float>(static_cast<int8_t>(block[2 + j])) * d;
}

// The 4 lower bits of value j of 32: bytes hold q[0] and q[16], q[1] and q[17], ...
inline int nibble(const uint8_t* bytes, int j) { return j < 16 ? bytes[j] & 15 : bytes[j - 16] >> 4; }

// The fifth bit of value j of 32: bit j of the little-endian number in 4 bytes, at its place in q.
inline int fifth_bit(const uint8_t* bytes, int j) { return (bytes[j / 8] >> (j % 8) & 1) << 4; }

// half d | 4 bits q[32]: x = d (q - 8)
inline void read_q4_0(const uint8_t* block, float* to) {
    const float d = half_at(block);
    for (int j = 0; j < 32; j++) to[j] = d * static_cast<float>(nibble(block + 2, j) - 8);
}

// half d | half m | 4 bits q[32]: x = d q + m
inline void read_q4_1(const uint8_t* block, float* to) {
    const float d = half_at(block), m = half_at(block + 2);
    for (int j = 0; j < 32; j++) to[j] = d * static_cast<float>(nibble(block + 4, j)) + m;
}

// half d | the fifth bits of q[32] | the other 4 bits of q[32]: x = d (q - 16)
inline void read_q5_0(const uint8_t* block, float* to) {
    const float d = half_at(block);
    for (int j = 0; j < 32; j++) to[j] = d * static_cast<float>((nibble(block + 6, j) | fifth_bit(block + 2, j)) - 16);
}

// half d | half m | the fifth bits of q[32] | the other 4 bits of q[32]: x = d q + m
inline void read_q5_1(const uint8_t* block, float* to) {
    const float d = half_at(block), m = half_at(block + 2);
    for (int j = 0; j < 32; j++) to[j] = d * static_cast<float>(nibble(block + 8, j) | fifth_bit(block + 4, j)) + m;
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
inline void read_groups(const uint8_t* block, const uint8_t* fifth, const uint8_t* q, float* to) {
    const float d = half_at(block), dmin = half_at(block + 2);
    for (int group = 0; group < 8; group++) {
        float s, m;
        read_scale_and_minimum(block + 4, group, s, m);
        const float scale = d * s, minimum = dmin * m;
        for (int j = 0; j < 32; j++) {
            const int low = q[group / 2 * 32 + j] >> (group % 2 * 4) & 15;
            const int number = low | (fifth ? (fifth[j] >> group & 1) << 4 : 0);
            to[group * 32 + j] = scale * static_cast<float>(number) - minimum;
        }
    }
}
inline void read_q4_k(const uint8_t* block, float* to) { read_groups(block, nullptr, block + 16, to); }
inline void read_q5_k(const uint8_t* block, float* to) { read_groups(block, block + 16, block + 48, to); }

// the 4 lower bits of q[256] | the 2 upper bits of q[256] | int8 scale s for each of 16 groups | half d:
// x = (d s) (q - 32), with s that of the group j / 16. Of each half of the block, 64 bytes hold the lower bits of
// values j and j + 64, and 32 bytes the upper bits of j, j + 32, j + 64 and j + 96.
inline void read_q6_k(const uint8_t* block, float* to) {
    const uint8_t *lower = block, *upper = block + 128, *scales = block + 192;
    const float d = half_at(block + 208);
    for (int j = 0; j < 256; j++) {
        const int half = j / 128, k = j % 128;
        const int low = lower[half * 64 + k % 64] >> (k / 64 * 4) & 15;
        const int high = upper[half * 32 + k % 32] >> (k / 32 * 2) & 3;
        const float scale = d * static_cast<float>(static_cast<int8_t>(scales[j / 16]));
        to[j] = scale * static_cast<float>((low | high << 4) - 32);
    }
}

// A format that cai reads: its number in ggml_type of ggml.h, its name, and how many values and bytes a block has.
struct BlockFormat {
    uint32_t number;
    const char* name;
    size_t values, bytes;
    void (*read)(const uint8_t* block, float* to);
};
inline constexpr BlockFormat kBlockFormats[] = {
    {0, "F32", 1, 4, read_f32},        {1, "F16", 1, 2, read_f16},       {30, "BF16", 1, 2, read_bf16},
    {2, "Q4_0", 32, 18, read_q4_0},    {3, "Q4_1", 32, 20, read_q4_1},   {6, "Q5_0", 32, 22, read_q5_0},
    {7, "Q5_1", 32, 24, read_q5_1},    {8, "Q8_0", 32, 34, read_q8_0},   {12, "Q4_K", 256, 144, read_q4_k},
    {13, "Q5_K", 256, 176, read_q5_k}, {14, "Q6_K", 256, 210, read_q6_k}};

// The format of this number; nullptr: cai does not read it.
inline const BlockFormat* find_block_format(uint32_t number) {
    for (const BlockFormat& format : kBlockFormats)
        if (format.number == number) return &format;
    return nullptr;
}

// Converts a row of `count` values, a multiple of the format's block.
inline void read_blocks(const BlockFormat& format, const char* from, float* to, size_t count) {
    const uint8_t* block = reinterpret_cast<const uint8_t*>(from);
    for (size_t i = 0; i < count; i += format.values, block += format.bytes) format.read(block, to + i);
}

}  // namespace cai

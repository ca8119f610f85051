// What the tests of matmul share: every matmul of this build, and numbers that bf16 factors hold exactly.
#pragma once
#include "../core/base/error.h"
#include "../core/nn/kernels.h"
#include "check.h"

namespace cai::check {

// The nearest number with 8 bits, of two as near the even one; worked out on the number, not on its bits.
inline float rounded_to_bf16(float x) {
    if (!std::isfinite(x) || x == 0) return x;
    const int lowest = std::max(std::ilogb(x), -126) - 7;  // the exponent of its last bit
    return static_cast<float>(std::ldexp(std::nearbyint(std::ldexp(static_cast<double>(x), -lowest)), lowest));
}
inline std::vector<float> rounded_to_bf16(std::vector<float> values) {
    for (float& value : values) value = rounded_to_bf16(value);
    return values;
}

// Every backend of this build that has a device here, and bf16 where the device has it.
inline std::vector<const Kernels*> matmuls() {
    std::vector<const Kernels*> all = backends();
    try {
        cuda_bf16_kernels.device();
        all.push_back(&cuda_bf16_kernels);
    } catch (const Error& error) {
        MESSAGE(error.what());
    }
    return all;
}

// Random numbers to be multiplied; for bf16 rounded already, so that nothing but the sums is inexact.
inline std::vector<float> factor(const Kernels& kernels, size_t n, uint64_t seed) {
    return &kernels == &cuda_bf16_kernels ? rounded_to_bf16(normals(n, seed)) : normals(n, seed);
}

}  // namespace cai::check

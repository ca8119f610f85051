// The machine's peak, in the two costs of every kernel: multiply-adds and bytes moved.
#include <array>

#include "cpu.h"

namespace cai::cpu {

// A sum waits for its last multiply-add, so several sums are needed to keep the multipliers busy: two
// multipliers with a latency of four or five cycles need ten. More than twelve, plus the two factors,
// would not fit in AVX's sixteen registers.
constexpr size_t kSums = 12;

double multiply_adds(size_t rounds) {
    double operations = 0, kept = 0;
#pragma omp parallel reduction(+ : operations, kept)
    {
        std::array<Vector, kSums> sums;  // all different: equal ones would be computed once
        for (size_t i = 0; i < kSums; ++i) sums[i] = broadcast(static_cast<float>(i));
        const Vector factor = broadcast(0.5f), term = broadcast(1);  // the sums converge to 2
        for (size_t round = 0; round < rounds; ++round)
#pragma GCC unroll 12
            for (size_t i = 0; i < kSums; ++i) sums[i] = multiply_add(sums[i], factor, term);
        for (const Vector& sum : sums) kept += sum_lanes(sum);
        operations += 2.0 * kSums * kLanes * static_cast<double>(rounds);
    }
    expects(kept > 0, "multiply-adds came to ", kept);  // the compiler would drop sums that are never read
    return operations;
}

void copy(float* to, const float* from, size_t n) {
    constexpr size_t kBlock = 1 << 14;
    parallel_blocks(n, kBlock, n > parallel_limits.floats, [&](size_t first, size_t last) {
        std::memcpy(to + first, from + first, (last - first) * sizeof(float));
    });
}

}  // namespace cai::cpu

// The peak that `cai bench` compares the plain loops with: multiply-adds one after the other, and a copy.
#pragma once
#include <cstddef>

#include "../../core/base/error.h"

namespace cai::plain {

// Returns how many floating-point operations were done, two a round.
inline double multiply_adds(size_t rounds) {
    float sum = 1;
    for (size_t round = 0; round < rounds; round++) sum = sum * 0.5f + 1;  // converges to 2
    expects(sum > 0, "multiply-adds came to ", sum);  // the compiler would drop a sum that is never read
    return 2.0 * static_cast<double>(rounds);
}

// to = from.    to, from (n).
template <class Real>
void copy(Real* to, const Real* from, size_t n) {
    for (size_t i = 0; i < n; i++) to[i] = from[i];
}

}  // namespace cai::plain

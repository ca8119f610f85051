// RMSNorm: each row divided by the root of its mean square.
#include <cmath>
#include <vector>

#include "cpu.h"

namespace cai::cpu {

void rmsnorm_forward(float* out, float* rstd, const float* x, const float* weight, size_t N, size_t C, float eps) {
    parallel_for(N, N * C > parallel_limits.floats, [&](size_t n) {
        const float* row = x + n * C;
        LaneSum squares;
        for (size_t c = 0; c < C; c += kLanes) {
            const Vector v = load(row + c, C - c);
            squares.add_product(c, v, v);
        }
        const float r = 1 / std::sqrt(squares.total() / C + eps);
        rstd[n] = r;
        for (size_t c = 0; c < C; c += kLanes)
            store(out + n * C + c, load(row + c, C - c) * r * load(weight + c, C - c), C - c);
    });
}

// With g = dout · weight and r = rstd:  dx = r (g - x r² mean(g x)),  dweight = Σ_n dout x r.
void rmsnorm_backward(float* dx, float* dweight, const float* dout, const float* x, const float* rstd,
                      const float* weight, size_t N, size_t C) {
    // All rows add to dweight: blocks of a fixed number of rows are summed on their own, then the blocks in order.
    constexpr size_t kBlock = 64;
    const size_t blocks = divide_up(N, kBlock), width = round_up(C, kLanes);
    std::vector<float> sums(blocks * width);
    parallel_blocks(N, kBlock, N * C > parallel_limits.floats, [&](size_t first, size_t last) {
        float* sum = &sums[first / kBlock * width];
        for (size_t n = first; n < last; ++n) {
            const float *row = x + n * C, *drow = dout + n * C;
            const float r = rstd[n];
            LaneSum products;
            for (size_t c = 0; c < C; c += kLanes) {
                const Vector v = load(row + c, C - c), d = load(drow + c, C - c);
                products.add_product(c, d * load(weight + c, C - c), v);
                store(sum + c, multiply_add(d * v, broadcast(r), load(sum + c)));
            }
            const float pull = r * r * (products.total() / C);
            for (size_t c = 0; c < C; c += kLanes) {
                const size_t left = C - c;
                const Vector g = load(drow + c, left) * load(weight + c, left);
                const Vector change = r * (g - load(row + c, left) * pull);
                store(dx + n * C + c, load(dx + n * C + c, left) + change, left);
            }
        }
    });
    for (size_t block = 0; block < blocks; ++block)
        for (size_t c = 0; c < C; ++c) dweight[c] += sums[block * width + c];
}

}  // namespace cai::cpu

// Muon, one matrix on one thread (the optimizer updates several at once): the steps of plain/muon.h, without the half
// of a symmetric product that the other half repeats.
#include <cmath>
#include <utility>
#include <vector>

#include "cpu.h"

namespace cai::cpu {

// out = left · right, known to be symmetric: each block of rows is computed up to the diagonal and mirrored beyond it.
// out (n,n) in rows of `step`.
static void symmetric_gemm(float* out, size_t step, Left left, Right right, size_t n, size_t depth) {
    constexpr size_t kRows = 24;  // more would compute more beyond the diagonal, fewer reuse less of what is loaded
    for (size_t first = 0; first < n; first += kRows) {
        const size_t last = smaller(first + kRows, n);
        gemm(out + first * step, step, nullptr, {left.data + first * left.row, left.row, left.step}, right,
             last - first, last, depth);
        for (size_t c = 0; c < first; ++c)
            for (size_t r = first; r < last; ++r) out[c * step + r] = out[r * step + c];
    }
}

void muon(float* parameters, float* momentum, const float* gradients, size_t rows, size_t columns, float learning_rate,
          float beta, float weight_decay, float gradient_scale) {
    // X lies with its longer side down, (m,n) in rows of `step`, so that all products read it in place: a wide matrix
    // is transposed. What pads a row is 0.
    const bool wide = rows < columns;
    const size_t m = wide ? columns : rows, n = wide ? rows : columns, step = round_up(n, kLanes);
    const auto at = [&](size_t r, size_t c) { return wide ? c * step + r : r * step + c; };
    static thread_local std::vector<float> X, next, A, B;
    for (std::vector<float>* tall : {&X, &next}) tall->assign(m * step, 0.0f);
    for (std::vector<float>* square : {&A, &B}) square->assign(n * step, 0.0f);

    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < columns; ++c) {
            const size_t i = r * columns + c;
            const float g = gradients[i] * gradient_scale;
            momentum[i] = beta * momentum[i] + (1 - beta) * g;
            X[at(r, c)] = beta * momentum[i] + (1 - beta) * g;
        }
    const float factor = static_cast<float>(1 / (std::sqrt(sum_of_squares(X.data(), X.size())) + 1e-7));
    for (float& x : X) x *= factor;

    for (int i = 0; i < 5; ++i) {
        symmetric_gemm(A.data(), step, {X.data(), 1, step}, {X.data(), step}, n, m);  // Xᵀ X
        symmetric_gemm(B.data(), step, {A.data(), 1, step}, {A.data(), step}, n, n);
        for (size_t j = 0; j < B.size(); ++j) B[j] = -4.7750f * A[j] + 2.0315f * B[j];
        for (size_t j = 0; j < n; ++j) B[j * step + j] += 3.4445f;
        gemm(next.data(), step, nullptr, {X.data(), step, 1}, {B.data(), step}, m, n, n);
        std::swap(X, next);
    }

    const float keep = 1 - learning_rate * weight_decay;
    const float rate = learning_rate * 0.2f * std::sqrt(static_cast<float>(m));
    for (size_t r = 0; r < rows; ++r)
        for (size_t c = 0; c < columns; ++c) {
            const size_t i = r * columns + c;
            parameters[i] = parameters[i] * keep - rate * X[at(r, c)];
        }
}

}  // namespace cai::cpu

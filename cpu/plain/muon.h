// Muon straight from its formula, one matrix at a time, with the plain matmul.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "adamw.h"
#include "matmul.h"

namespace cai::plain {

// Makes X nearly orthogonal (Jordan et al. 2024): divides it by its Frobenius norm + 1e-7, so that no singular value is
// above 1, then five times X = a X + b X Xᵀ X + c X Xᵀ X Xᵀ X. Each of these Newton-Schulz steps turns every singular
// value s into a s + b s³ + c s⁵, and leaves the singular vectors as they are. After five, all that began above 0.002
// are between 0.68 and 1.21. X Xᵀ X is also X Xᵀ times X or X times Xᵀ X: the smaller of the two squares is computed.
// X (rows, columns).
template <class Real>
void newton_schulz(std::vector<Real>& X, size_t rows, size_t columns) {
    const Real a = 3.4445, b = -4.7750, c = 2.0315;
    const bool wide = rows <= columns;
    const size_t n = wide ? rows : columns;
    std::vector<Real> A(n * n), B(n * n), next(rows * columns);
    const double norm = std::sqrt(sum_of_squares(X.data(), X.size()));
    for (Real& x : X) x /= norm + 1e-7;
    for (int step = 0; step < 5; step++) {
        if (wide) {  // A = X Xᵀ
            matmul_forward<Real>(A.data(), X.data(), X.data(), nullptr, rows, columns, rows);
        } else {  // A = Xᵀ X
            std::fill(A.begin(), A.end(), Real(0));
            matmul_backward_weight(A.data(), X.data(), X.data(), rows, columns, columns);
        }
        matmul_backward_input(B.data(), A.data(), A.data(), n, n, n);
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) B[i * n + j] = (i == j ? a : 0) + b * A[i * n + j] + c * B[i * n + j];
        if (wide)  // X = B X
            matmul_backward_input(next.data(), B.data(), X.data(), rows, columns, rows);
        else  // X = X B
            matmul_backward_input(next.data(), X.data(), B.data(), rows, columns, columns);
        std::swap(X, next);
    }
}

// With g = gradients · gradient_scale: momentum = beta momentum + (1 - beta) g,
// X = newton_schulz(beta momentum + (1 - beta) g), in which the newest gradient counts twice (Nesterov),
// parameters -= learning_rate (0.2 sqrt(max(rows, columns)) X + weight_decay parameters): an orthogonal X has a root
// mean square of 1 / sqrt(max(rows, columns)), and AdamW's steps one of about 0.2 (Liu et al. 2025, section 2.2).
// parameters, momentum, gradients (rows, columns).
template <class Real>
void muon(Real* parameters, Real* momentum, const Real* gradients, size_t rows, size_t columns, Real learning_rate,
          Real beta, Real weight_decay, Real gradient_scale) {
    std::vector<Real> X(rows * columns);
    for (size_t i = 0; i < X.size(); i++) {
        const Real g = gradients[i] * gradient_scale;
        momentum[i] = beta * momentum[i] + (1 - beta) * g;
        X[i] = beta * momentum[i] + (1 - beta) * g;
    }
    newton_schulz(X, rows, columns);
    const Real scale = 0.2 * std::sqrt(static_cast<double>(std::max(rows, columns)));
    for (size_t i = 0; i < X.size(); i++)
        parameters[i] -= learning_rate * (scale * X[i] + weight_decay * parameters[i]);
}

}  // namespace cai::plain

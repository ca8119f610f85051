// AdamW straight from its formula, one parameter at a time, and the sum and the norm of gradients.
#pragma once
#include <cmath>
#include <cstddef>

#include "../../core/base/elementary.h"

namespace cai::plain {

// sum += terms, terms = 0.    sum, terms (n).
template <class Real>
void accumulate_and_clear(Real* sum, Real* terms, size_t n) {
    for (size_t i = 0; i < n; i++) {
        sum[i] += terms[i];
        terms[i] = 0;
    }
}

// Σ x², in double.    x (n).
template <class Real>
double sum_of_squares(const Real* x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += static_cast<double>(x[i]) * x[i];
    return sum;
}

// With g = gradient · gradient_scale (Loshchilov & Hutter 2019, algorithm 2, with PyTorch's placement of eps):
// m = beta1 m + (1 - beta1) g,  v = beta2 v + (1 - beta2) g²,
// m̂ = m / (1 - beta1^step),  v̂ = v / (1 - beta2^step), since both began at 0 and are too small by these factors,
// parameter -= learning_rate (m̂ / (sqrt(v̂) + eps) + weight_decay parameter).
// parameters, m, v, gradients (n); step counts from 1.
template <class Real>
void adamw(Real* parameters, Real* m, Real* v, const Real* gradients, size_t n, Real learning_rate, Real beta1,
           Real beta2, Real eps, Real weight_decay, Real gradient_scale, int step) {
    const Real correction1 = 1 - elementary::pow(static_cast<double>(beta1), step);
    const Real correction2 = 1 - elementary::pow(static_cast<double>(beta2), step);
    for (size_t i = 0; i < n; i++) {
        const Real g = gradients[i] * gradient_scale;
        m[i] = beta1 * m[i] + (1 - beta1) * g;
        v[i] = beta2 * v[i] + (1 - beta2) * g * g;
        const Real m_hat = m[i] / correction1, v_hat = v[i] / correction2;
        parameters[i] -= learning_rate * (m_hat / (std::sqrt(v_hat) + eps) + weight_decay * parameters[i]);
    }
}

}  // namespace cai::plain

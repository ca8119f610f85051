// Exercise to chapter 3: the backward pass of a matrix product. Fill in both functions, then run
//     make exercise NAME=03_matmul_backward
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "../../cpu/plain/matmul.h"

using Numbers = std::vector<double>;

// out[n,o] = Σ_i x[n,i] weight[o,i];  dx[n,i] = Σ_o dout[n,o] weight[o,i].    Returns dx (N,I).
Numbers input_gradient(const Numbers& dout, const Numbers& weight, size_t N, size_t I, size_t O) {
    (void)dout, (void)weight, (void)O;
    return Numbers(N * I);
}

// Adds Σ_n dout[n,o] x[n,i] to dweight (O,I): it may hold other batches' gradients already.
void add_weight_gradient(Numbers& dweight, const Numbers& dout, const Numbers& x, size_t N, size_t I, size_t O) {
    (void)dweight, (void)dout, (void)x, (void)N, (void)I, (void)O;
}

TEST_CASE("the example of the chapter") {
    CHECK(input_gradient({1, 2, 0, -1}, {1, 0, -1, 2, 1, 0}, 2, 3, 2) == Numbers{5, 2, -1, -2, -1, 0});
    Numbers dweight(6);
    add_weight_gradient(dweight, {1, 2, 0, -1}, {1, 2, 3, 4, 5, 6}, 2, 3, 2);
    CHECK(dweight == Numbers{1, 2, 3, -2, -1, 0});
}

TEST_CASE("a second batch adds up") {
    Numbers dweight{10, 10, 10, 10, 10, 10};
    add_weight_gradient(dweight, {1, 2, 0, -1}, {1, 2, 3, 4, 5, 6}, 2, 3, 2);
    CHECK(dweight == Numbers{11, 12, 13, 8, 9, 10});
}

TEST_CASE("each gradient is what the loss changes by, for a layer that is not square") {
    Numbers x{0.5, -1, 2, 0.1, 3, -0.2, 1, 1}, weight{1, 0.3, -2, 0.7, -0.1, 0.9, 0.4, 0.2, 1.1, -1, 0.6, 0.5};
    const Numbers dout{1, -2, 0.5, 3, 0.25, -1};  // N = 2, I = 4, O = 3
    const auto loss = [&] {
        Numbers out(6);
        cai::plain::matmul_forward<double>(out.data(), x.data(), weight.data(), nullptr, 2, 4, 3);
        double sum = 0;
        for (size_t i = 0; i < 6; i++) sum += dout[i] * out[i];
        return sum;
    };
    const Numbers dx = input_gradient(dout, weight, 2, 4, 3);
    Numbers dweight(12);
    add_weight_gradient(dweight, dout, x, 2, 4, 3);
    const auto check = [&](double& number, double gradient) {
        const double before = loss();
        number += 1;  // the loss is linear in each number, so any step will do
        CHECK(gradient == doctest::Approx(loss() - before));
        number -= 1;
    };
    for (size_t i = 0; i < 8; i++) check(x[i], dx[i]);
    for (size_t i = 0; i < 12; i++) check(weight[i], dweight[i]);
}

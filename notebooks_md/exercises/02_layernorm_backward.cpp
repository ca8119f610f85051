// Exercise to chapter 2: the backward pass of LayerNorm, the norm of GPT-2. Fill in the function, then run
//     make exercise NAME=02_layernorm_backward
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// LayerNorm subtracts the mean of the row, then divides by the root of the mean square of what is left:
// y_c = x_c - mean(x),  r = 1 / sqrt(mean(y²)),  out_c = y_c r.    (No weight and no eps: chapter 2 has both.)
std::vector<double> layernorm(const std::vector<double>& x) {
    double mean = 0, squares = 0;
    for (double number : x) mean += number / x.size();
    std::vector<double> out;
    for (double number : x) out.push_back(number - mean);
    for (double y : out) squares += y * y / x.size();
    for (double& y : out) y /= std::sqrt(squares);
    return out;
}

// dout_c is the gradient of the loss with respect to out_c. Returns the gradient with respect to x_c.
// Hint: the second half of LayerNorm is RMSNorm of y with weights of 1, whose backward pass is in chapter 2. What is
// left is the first half: how do x_c and the mean act on each y_i?
std::vector<double> layernorm_backward(const std::vector<double>& dout, const std::vector<double>& x) {
    (void)dout;
    return std::vector<double>(x.size(), 0.0);
}

namespace {

const std::vector<double> kRow = {0.5, -1.5, 3, 2}, kGradient = {1, -0.5, 0.25, 2};

double loss(const std::vector<double>& x) {
    double sum = 0;
    for (size_t c = 0; c < x.size(); c++) sum += kGradient[c] * layernorm(x)[c];
    return sum;
}

}  // namespace

TEST_CASE("the gradient is what the loss changes by, per change of a number of the row") {
    const std::vector<double> dx = layernorm_backward(kGradient, kRow);
    for (size_t c = 0; c < kRow.size(); c++) {
        std::vector<double> up = kRow, down = kRow;
        up[c] += 1e-5;
        down[c] -= 1e-5;
        CHECK(dx[c] == doctest::Approx((loss(up) - loss(down)) / 2e-5));
    }
}

TEST_CASE("a row that is longer, or moved as a whole, has the same norm: nothing pulls it there") {
    const std::vector<double> dx = layernorm_backward(kGradient, kRow);
    double longer = 0, moved = 0, largest = 0;
    for (size_t c = 0; c < kRow.size(); c++) {
        longer += dx[c] * (kRow[c] - 1);  // 1 is the mean of the row
        moved += dx[c];
        largest = std::max(largest, std::abs(dx[c]));
    }
    CHECK(std::abs(longer) < 1e-12);
    CHECK(std::abs(moved) < 1e-12);
    CHECK(largest > 0.1);
}

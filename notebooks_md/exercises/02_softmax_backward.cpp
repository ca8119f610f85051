// Exercise to chapter 2: the gradient of softmax. Fill in the function, then run
//     make exercise NAME=02_softmax_backward
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// p = softmax(s), so p_i = e^(s_i) / sum_j e^(s_j), and dp_i is the gradient of the loss with respect to p_i.
// Returns the gradient of the loss with respect to s_i. Hint: dp_i/ds_j = p_i (1 - p_j) if i = j, else -p_i p_j.
std::vector<double> softmax_backward(const std::vector<double>& p, const std::vector<double>& dp) {
    std::vector<double> ds(p.size(), 0.0);
    (void)dp;
    return ds;
}

namespace {

std::vector<double> softmax(const std::vector<double>& s) {
    std::vector<double> p;
    double total = 0;
    for (double x : s) total += std::exp(x);
    for (double x : s) p.push_back(std::exp(x) / total);
    return p;
}

}  // namespace

TEST_CASE("two equal scores: what raises one probability lowers the other") {
    const std::vector<double> ds = softmax_backward({0.5, 0.5}, {1.0, 0.0});
    CHECK(ds[0] == doctest::Approx(0.25));
    CHECK(ds[1] == doctest::Approx(-0.25));
}

TEST_CASE("the gradient is what the loss changes by, per change of a score") {
    const std::vector<double> s = {0.3, -1.2, 2.0, 0.7}, dp = {1.5, -0.4, 0.2, 3.0};
    const std::vector<double> ds = softmax_backward(softmax(s), dp);
    for (size_t i = 0; i < s.size(); i++) {
        std::vector<double> up = s, down = s;
        up[i] += 1e-5;
        down[i] -= 1e-5;
        double change = 0;  // the loss is the sum of dp_i p_i, whose gradient with respect to p is dp
        for (size_t j = 0; j < s.size(); j++) change += dp[j] * (softmax(up)[j] - softmax(down)[j]);
        CHECK(ds[i] == doctest::Approx(change / 2e-5));
    }
}

TEST_CASE("a constant added to every dp changes nothing: the probabilities always sum to 1") {
    const std::vector<double> p = softmax({0.3, -1.2, 2.0});
    const std::vector<double> a = softmax_backward(p, {1, 2, 4}), b = softmax_backward(p, {11, 12, 14});
    for (size_t i = 0; i < p.size(); i++) {
        CHECK(a[i] == doctest::Approx(b[i]));
        CHECK(a[i] != 0);
    }
}

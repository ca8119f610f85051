// Exercise to chapter 4: the backward pass of attention for one query. Fill in the function, then run
//     make exercise NAME=04_attention_backward
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "../../cpu/plain/attention.h"

using Row = std::vector<double>;

struct Gradients {
    Row dq;
    std::vector<Row> dk, dv;  // of each key and each value
};

// out = Σ_j p_j v_j with p = softmax(q·k_j / √D); p and out are handed in. With delta = dout·out:
//   dv_j = p_j dout,  ds_j = p_j (dout·v_j - delta),  dq = Σ_j ds_j k_j / √D,  dk_j = ds_j q / √D
Gradients attention_gradients(const Row& dout, const Row& out, const Row& p, const Row& q, const std::vector<Row>& k,
                              const std::vector<Row>& v) {
    Gradients g{Row(q.size()), std::vector<Row>(k.size(), Row(q.size())), std::vector<Row>(v.size(), Row(q.size()))};
    (void)dout, (void)out, (void)p;
    return g;
}

namespace {

// attention_row of the project, for keys and values as rows of their own.
Row attend(const Row& q, const std::vector<Row>& k, const std::vector<Row>& v) {
    Row keys, values, out(q.size());
    for (const Row& row : k) keys.insert(keys.end(), row.begin(), row.end());
    for (const Row& row : v) values.insert(values.end(), row.begin(), row.end());
    cai::plain::attention_row(out.data(), q.data(), keys.data(), values.data(), q.size(), k.size(), q.size());
    return out;
}

double dot(const Row& a, const Row& b) {
    double sum = 0;
    for (size_t d = 0; d < a.size(); d++) sum += a[d] * b[d];
    return sum;
}

}  // namespace

TEST_CASE("query 3 of the chapter") {
    const double ln2 = std::log(2.0);
    const Gradients g =
        attention_gradients({1, 0, 0, 0}, {8 / 9., 8 / 9., 16 / 9., 4 / 9.}, {2 / 9., 2 / 9., 4 / 9., 1 / 9.},
                            {2, 2, 0, 0}, {{ln2, 0, 0, 0}, {0, ln2, 0, 0}, {ln2, ln2, 0, 0}, {0, 0, 0, 0}},
                            {{4, 0, 0, 0}, {0, 4, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 4}});
    CHECK(g.dq[0] == doctest::Approx(0.1027).epsilon(1e-3));
    CHECK(g.dq[1] == doctest::Approx(-0.2054).epsilon(1e-3));
    CHECK(g.dk[0][0] == doctest::Approx(0.6914).epsilon(1e-3));
    CHECK(g.dv[2][0] == doctest::Approx(0.4444).epsilon(1e-3));
}

TEST_CASE("each gradient is what the loss changes by") {
    Row q{0.3, -1.1, 0.7};
    std::vector<Row> k{{1, 0.2, -0.4}, {-0.6, 0.9, 0.1}}, v{{0.5, -2, 1}, {1.5, 0.4, -0.3}};
    const Row dout{1, -0.5, 2}, out = attend(q, k, v);
    const double s0 = dot(q, k[0]) / std::sqrt(3.0), s1 = dot(q, k[1]) / std::sqrt(3.0);
    const double p0 = 1 / (1 + std::exp(s1 - s0));
    const Gradients g = attention_gradients(dout, out, {p0, 1 - p0}, q, k, v);
    const auto check = [&](double& x, double gradient, const std::string& name, size_t row, size_t column) {
        INFO("d", name, " of row ", row, ", column ", column);
        const double was = x, step = 1e-6;
        x = was + step;
        const double up = dot(dout, attend(q, k, v));
        x = was - step;
        const double down = dot(dout, attend(q, k, v));
        x = was;
        CHECK(gradient == doctest::Approx((up - down) / (2 * step)).epsilon(1e-6));
    };
    for (size_t d = 0; d < 3; d++) {
        check(q[d], g.dq[d], "q", 0, d);
        for (size_t j = 0; j < 2; j++) check(k[j][d], g.dk[j][d], "k", j, d), check(v[j][d], g.dv[j][d], "v", j, d);
    }
}

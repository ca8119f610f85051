// RMSNorm against the plain loops in double, and those against numbers by hand and central differences.
#include "../cpu/plain/rmsnorm.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

constexpr float kEps = 1e-5f;

// The plain loops in double.
struct Plain {
    std::vector<double> out, rstd, dx, dweight;
};
Plain plain_loops(const std::vector<double>& x, const std::vector<double>& weight, const std::vector<double>& dout,
                  double eps) {
    const size_t C = weight.size(), N = x.size() / C;
    Plain p = {std::vector<double>(N * C, kNaN), std::vector<double>(N, kNaN), std::vector<double>(N * C),
               std::vector<double>(C)};
    plain::rmsnorm_forward(p.out.data(), p.rstd.data(), x.data(), weight.data(), N, C, eps);
    plain::rmsnorm_backward(p.dx.data(), p.dweight.data(), dout.data(), x.data(), p.rstd.data(), weight.data(), N, C);
    return p;
}

// dx = rstd (g - x rstd² mean(g x)), g = dout · weight, is a difference of two numbers, each rounded a few times, and
// with eps near 0 and C = 1 nothing but eps keeps them apart: what float can promise is a few roundings of 2^-24 of
// rstd g, however small dx is.
Tolerance of_difference(const Plain& p, const std::vector<float>& dout, const std::vector<float>& weight) {
    double terms = 0, differences = 0;
    for (size_t i = 0; i < p.dx.size(); ++i) {
        terms += std::pow(p.rstd[i / weight.size()] * dout[i] * weight[i % weight.size()], 2);
        differences += p.dx[i] * p.dx[i];
    }
    return {8 * 0x1p-24 * std::sqrt(terms / differences), 1e-5,
            "eight roundings of the larger of two numbers that nearly cancel"};
}

struct Result {
    std::vector<float> out, rstd;
};
Result forward(const Kernels& k, const std::vector<float>& x, const std::vector<float>& weight, size_t N, size_t C,
               float eps = kEps) {
    Floats out(k, poison(N * C)), rstd(k, poison(N)), x_(k, x), weight_(k, weight);
    k.rmsnorm_forward(out, rstd, x_, weight_, N, C, eps);
    return {out.read(), rstd.read()};
}

struct Gradients {
    std::vector<float> dx, dweight;
};
Gradients backward(const Kernels& k, Gradients before, const std::vector<float>& dout, const std::vector<float>& x,
                   const std::vector<float>& rstd, const std::vector<float>& weight, size_t N, size_t C,
                   int times = 1) {
    Floats dx(k, before.dx), dweight(k, before.dweight), dout_(k, dout), x_(k, x), rstd_(k, rstd), weight_(k, weight);
    for (int i = 0; i < times; ++i) k.rmsnorm_backward(dx, dweight, dout_, x_, rstd_, weight_, N, C);
    return {dx.read(), dweight.read()};
}

const size_t kSizes[][2] = {{1, 1}, {9, 1}, {1, 64}, {3, 7}, {5, 17}, {130, 33}, {7, 128}, {301, 67}};

}  // namespace

TEST_CASE("rmsnorm by hand") {
    // mean(3², 4²) = 12.5: 3 / sqrt(12.5) and 4 / sqrt(12.5), times the weights 1 and 10.
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, {3, 4}, {1, 10}, 1, 2);
        CHECK(r.rstd[0] == doctest::Approx(1 / std::sqrt(12.5)).epsilon(1e-5));
        CHECK(r.out[0] == doctest::Approx(0.848528).epsilon(1e-5));
        CHECK(r.out[1] == doctest::Approx(11.31371).epsilon(1e-5));
    }
}

TEST_CASE("rmsnorm's gradient by hand, where only eps makes one") {
    // x = 1 alone in its row, eps = 3: rstd = 1/2, out = x weight / 2. A larger x divides itself by more:
    // dx = dout weight eps rstd³ = 4 · 2 · 3/8 = 3, dweight = dout x rstd = 2; both add to what was there.
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, {1}, {2}, 1, 1, 3);
        CHECK(r.rstd[0] == 0.5f);
        CHECK(r.out[0] == 1);
        const Gradients g = backward(*k, {{10}, {20}}, {4}, {1}, r.rstd, {2}, 1, 1);
        CHECK(g.dx[0] == 13);
        CHECK(g.dweight[0] == 22);
    }
}

TEST_CASE("rmsnorm: the plain gradients are the slopes of plain forward") {
    for (const auto& [N, C] : kSizes) {
        if (N * C > 1000) continue;  // central differences cost (N C)²
        INFO("N ", N, ", C ", C);
        const auto x = to_double(normals(N * C, 1)), weight = to_double(normals(C, 2)),
                   dout = to_double(normals(N * C, 3));
        const double eps = 0.1;  // large enough for a slope where C = 1
        const Plain p = plain_loops(x, weight, dout, eps);
        const auto by_x =
            central_differences([&](const auto& v) { return inner(dout, plain_loops(v, weight, dout, eps).out); }, x);
        const auto by_weight =
            central_differences([&](const auto& v) { return inner(dout, plain_loops(x, v, dout, eps).out); }, weight);
        CHECK_CLOSE(p.dx, by_x, kDifferences);
        CHECK_CLOSE(p.dweight, by_weight, kDifferences);
    }
}

TEST_CASE("rmsnorm against the plain loops in double; both gradients add") {
    for (const Kernels* k : backends())
        for (const auto& [N, C] : kSizes) {
            INFO(k->name, ", N ", N, ", C ", C);
            const auto x = normals(N * C, 1), weight = normals(C, 2), dout = normals(N * C, 3);
            const Plain expected = plain_loops(to_double(x), to_double(weight), to_double(dout), kEps);
            const Result r = forward(*k, x, weight, N, C);
            CHECK_CLOSE(r.out, expected.out, kFloatSteps);
            CHECK_CLOSE(r.rstd, expected.rstd, kFloatSteps);
            const Gradients zero = {std::vector<float>(N * C), std::vector<float>(C)};
            const Gradients g = backward(*k, zero, dout, x, r.rstd, weight, N, C);
            CHECK_CLOSE(g.dx, expected.dx, of_difference(expected, dout, weight));
            CHECK_CLOSE(g.dweight, expected.dweight, kFloatSums);
            const Gradients before = {normals(N * C, 4), normals(C, 5)};
            const Gradients twice = backward(*k, before, dout, x, r.rstd, weight, N, C, 2);
            std::vector<double> dx(N * C), dweight(C);
            for (size_t i = 0; i < N * C; ++i) dx[i] = before.dx[i] + 2 * expected.dx[i];
            for (size_t c = 0; c < C; ++c) dweight[c] = before.dweight[c] + 2 * expected.dweight[c];
            CHECK_CLOSE(twice.dx, dx, kFloatSums);
            CHECK_CLOSE(twice.dweight, dweight, kFloatSums);
        }
}

TEST_CASE("rmsnorm: rows are independent, threads do not matter, NaN stays in its row") {
    const size_t N = 500, C = 67;
    auto x = normals(N * C, 9);
    const auto weight = normals(C, 10), dout = normals(N * C, 11);
    for (const Kernels* k : backends()) {
        const Result all = forward(*k, x, weight, N, C);
        for (size_t n : {0, 3, 499})
            CHECK_BITS(forward(*k, slice(x, n * C, C), weight, 1, C).out, slice(all.out, n * C, C));
        const Gradients before = {x, weight};
        CHECK_THREADS(*k, { return forward(*k, x, weight, N, C).out; });
        CHECK_THREADS(*k, { return backward(*k, before, dout, x, all.rstd, weight, N, C).dx; });
        CHECK_THREADS(*k, { return backward(*k, before, dout, x, all.rstd, weight, N, C).dweight; });
    }
    x[7 * C + 1] = kNaN;
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, x, weight, N, C);
        for (size_t i = 0; i < N * C; ++i) REQUIRE(std::isnan(r.out[i]) == (i / C == 7));
    }
}

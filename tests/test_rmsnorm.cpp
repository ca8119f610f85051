// RMSNorm against double, its gradients against central differences.
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

constexpr float kEps = 1e-5f;

std::vector<double> reference(const std::vector<double>& x, const std::vector<double>& weight, size_t N, size_t C) {
    std::vector<double> out(N * C);
    for (size_t n = 0; n < N; ++n) {
        double squares = 0;
        for (size_t c = 0; c < C; ++c) squares += x[n * C + c] * x[n * C + c];
        for (size_t c = 0; c < C; ++c) out[n * C + c] = x[n * C + c] / std::sqrt(squares / C + kEps) * weight[c];
    }
    return out;
}

struct Result {
    std::vector<float> out, rstd;
};
Result forward(const Kernels& k, const std::vector<float>& x, const std::vector<float>& weight, size_t N, size_t C) {
    Floats out(k, poison(N * C)), rstd(k, poison(N)), x_(k, x), weight_(k, weight);
    k.rmsnorm_forward(out, rstd, x_, weight_, N, C, kEps);
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

const size_t kSizes[][2] = {{1, 1}, {1, 64}, {3, 7}, {5, 17}, {130, 33}, {7, 128}};

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

TEST_CASE("rmsnorm against double and central differences; both gradients add") {
    for (const Kernels* k : backends())
        for (const auto& size : kSizes) {
            const size_t N = size[0], C = size[1];
            INFO("N ", N, ", C ", C);
            const auto x = normals(N * C, 1), weight = normals(C, 2), dout = normals(N * C, 3);
            const Result r = forward(*k, x, weight, N, C);
            CHECK_CLOSE(r.out, reference(to_double(x), to_double(weight), N, C), kFloatSteps);
            if (N * C > 1000) continue;  // central differences cost (N C)²
            const auto dx = central_differences(
                [&](const auto& v) { return inner(dout, reference(v, to_double(weight), N, C)); }, to_double(x));
            const auto dweight = central_differences(
                [&](const auto& v) { return inner(dout, reference(to_double(x), v, N, C)); }, to_double(weight));
            const Gradients zero = {std::vector<float>(N * C), std::vector<float>(C)};
            const Gradients g = backward(*k, zero, dout, x, r.rstd, weight, N, C);
            // dx is a difference of numbers of order 1 that nearly cancel when C is small.
            CHECK_CLOSE(g.dx, dx, (Tolerance{C == 1 ? 1e-1 : 2e-6, 1e-5, "a difference that cancels"}));
            CHECK_CLOSE(g.dweight, dweight, kFloatSums);
            const Gradients before = {normals(N * C, 4), normals(C, 5)};
            const Gradients twice = backward(*k, before, dout, x, r.rstd, weight, N, C, 2);
            std::vector<double> expected_dx(N * C), expected_dweight(C);
            for (size_t i = 0; i < N * C; ++i) expected_dx[i] = before.dx[i] + 2 * dx[i];
            for (size_t c = 0; c < C; ++c) expected_dweight[c] = before.dweight[c] + 2 * dweight[c];
            CHECK_CLOSE(twice.dx, expected_dx, kFloatSums);
            CHECK_CLOSE(twice.dweight, expected_dweight, kFloatSums);
        }
}

TEST_CASE("rmsnorm_backward over many rows against sums in double") {
    const size_t N = 301, C = 67;
    const auto x = normals(N * C, 6), weight = normals(C, 7), dout = normals(N * C, 8);
    std::vector<double> dweight(C), dx(N * C);
    for (size_t n = 0; n < N; ++n) {
        double squares = 0, products = 0;
        for (size_t i = n * C; i < (n + 1) * C; ++i) {
            squares += static_cast<double>(x[i]) * x[i];
            products += static_cast<double>(dout[i]) * weight[i % C] * x[i];
        }
        const double rms = std::sqrt(squares / C + kEps);
        for (size_t i = n * C; i < (n + 1) * C; ++i) {
            dweight[i % C] += dout[i] * x[i] / rms;
            dx[i] = dout[i] * weight[i % C] / rms - x[i] * products / C / (rms * rms * rms);
        }
    }
    for (const Kernels* k : backends()) {
        const Result r = forward(*k, x, weight, N, C);
        const Gradients g =
            backward(*k, {std::vector<float>(N * C), std::vector<float>(C)}, dout, x, r.rstd, weight, N, C);
        CHECK_CLOSE(g.dx, dx, kFloatSums);
        CHECK_CLOSE(g.dweight, dweight, kFloatSums);
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

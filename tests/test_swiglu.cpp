// SwiGLU against the plain loops in double, and those against numbers by hand and central differences.
#include "../cpu/plain/swiglu.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

// The plain loops in double.
std::vector<double> plain_forward(const std::vector<double>& gate_up, size_t N, size_t F) {
    std::vector<double> out(N * F, kNaN);
    plain::swiglu_forward(out.data(), gate_up.data(), N, F);
    return out;
}
std::vector<double> plain_backward(const std::vector<double>& dout, const std::vector<double>& gate_up, size_t N,
                                   size_t F) {
    std::vector<double> dgate_up(2 * N * F, kNaN);
    plain::swiglu_backward(dgate_up.data(), dout.data(), gate_up.data(), N, F);
    return dgate_up;
}

const size_t kSizes[][2] = {{1, 1}, {3, 5}, {2, 16}, {4, 31}, {1, 64}};

std::vector<float> forward(const Kernels& k, const std::vector<float>& gate_up, size_t N, size_t F) {
    Floats out(k, poison(N * F)), gate_up_(k, gate_up);
    k.swiglu_forward(out, gate_up_, N, F);
    return out.read();
}

std::vector<float> backward(const Kernels& k, const std::vector<float>& dout, const std::vector<float>& gate_up,
                            size_t N, size_t F) {
    Floats dgate_up(k, poison(2 * N * F)), dout_(k, dout), gate_up_(k, gate_up);
    k.swiglu_backward(dgate_up, dout_, gate_up_, N, F);
    return dgate_up.read();
}

}  // namespace

TEST_CASE("swiglu by hand, and far out") {
    for (const Kernels* k : backends()) {
        // silu(0) = 0, silu(1) = 0.7310586; silu(±100) = 100 and 0: nothing overflows.
        CHECK_CLOSE(forward(*k, {0, 1, 100, -100, 2, 3, 1, 1}, 1, 4), (std::vector<double>{0, 2.1931758, 100, 0}),
                    kFloatSteps);
        // At gate 0: d gate = up σ(0) = 1, d up = silu(0) = 0.
        CHECK(backward(*k, {1}, {0, 2}, 1, 1) == std::vector<float>{1, 0});
    }
}

TEST_CASE("swiglu: the plain gradient is the slope of plain forward") {
    for (const auto& [N, F] : kSizes) {
        INFO("N ", N, ", F ", F);
        const auto gate_up = to_double(normals(2 * N * F, 1, 2)), dout = to_double(normals(N * F, 2));
        const auto slopes = central_differences(
            [&](const std::vector<double>& v) { return inner(dout, plain_forward(v, N, F)); }, gate_up);
        CHECK_CLOSE(plain_backward(dout, gate_up, N, F), slopes, kDifferences);
    }
}

TEST_CASE("swiglu against the plain loops in double") {
    for (const Kernels* k : backends())
        for (const auto& [N, F] : kSizes) {
            INFO(k->name, ", N ", N, ", F ", F);
            const auto gate_up = normals(2 * N * F, 1, 2), dout = normals(N * F, 2);
            CHECK_CLOSE(forward(*k, gate_up, N, F), plain_forward(to_double(gate_up), N, F), kFloatSteps);
            CHECK_CLOSE(backward(*k, dout, gate_up, N, F), plain_backward(to_double(dout), to_double(gate_up), N, F),
                        kFloatSteps);
        }
}

TEST_CASE("swiglu: rows are independent, threads do not matter, NaN stays in its place") {
    const size_t N = 300, F = 77;
    auto gate_up = normals(2 * N * F, 3);
    const auto dout = normals(N * F, 4);
    for (const Kernels* k : backends()) {
        const auto all = forward(*k, gate_up, N, F);
        CHECK_BITS(forward(*k, slice(gate_up, 9 * 2 * F, 2 * F), 1, F), slice(all, 9 * F, F));
        CHECK_THREADS(*k, { return forward(*k, gate_up, N, F); });
        CHECK_THREADS(*k, { return backward(*k, dout, gate_up, N, F); });
    }
    gate_up[4 * 2 * F + 70] = kNaN;
    for (const Kernels* k : backends()) {
        const auto out = forward(*k, gate_up, N, F), gradient = backward(*k, dout, gate_up, N, F);
        for (size_t i = 0; i < out.size(); ++i) REQUIRE(std::isnan(out[i]) == (i == 4 * F + 70));
        CHECK(std::isnan(gradient[4 * 2 * F + 70]));
        CHECK(std::isnan(gradient[4 * 2 * F + F + 70]));
    }
}

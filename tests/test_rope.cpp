// RoPE against complex numbers in double: the pair (x[i], x[i + D/2]) is one complex number, turned by e^{i angle}.
#include <complex>

#include "../core/nn/kernels.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

struct Shape {
    size_t N, heads, D, stride;
};
const Shape kShapes[] = {{1, 1, 2, 2}, {5, 3, 6, 30}, {17, 4, 32, 192}, {300, 2, 34, 70}, {3, 1, 64, 64}};
constexpr size_t kPositions = 50;

std::vector<float> table_of(size_t D) {
    std::vector<float> table(kPositions * D);
    for (size_t p = 0; p < kPositions; ++p)
        for (size_t i = 0; i < D / 2; ++i) {
            const double angle = p * std::pow(10000.0, -2.0 * i / D);
            table[p * D + i] = static_cast<float>(std::cos(angle));
            table[p * D + D / 2 + i] = static_cast<float>(std::sin(angle));
        }
    return table;
}

std::vector<int32_t> positions_of(size_t N) {
    std::vector<int32_t> positions(N);
    for (size_t n = 0; n < N; ++n) positions[n] = static_cast<int32_t>(n * 7 % kPositions);
    return positions;
}

std::vector<double> reference(std::vector<double> x, Shape s) {
    const auto positions = positions_of(s.N);
    for (size_t n = 0; n < s.N; ++n)
        for (size_t h = 0; h < s.heads; ++h)
            for (size_t i = 0; i < s.D / 2; ++i) {
                double &a = x[n * s.stride + h * s.D + i], &b = x[n * s.stride + h * s.D + i + s.D / 2];
                const double angle = positions[n] * std::pow(10000.0, -2.0 * i / s.D);
                const std::complex<double> turned = std::complex<double>(a, b) * std::polar(1.0, angle);
                a = turned.real(), b = turned.imag();
            }
    return x;
}

std::vector<float> turn(const Kernels& k, const std::vector<float>& x, Shape s, bool back = false) {
    Floats x_(k, x), table(k, table_of(s.D));
    Ints positions(k, positions_of(s.N));
    (back ? k.rope_backward : k.rope_forward)(x_, positions, table, s.N, s.heads, s.D, s.stride);
    return x_.read();
}

}  // namespace

TEST_CASE("rope by hand") {
    // Position 0 does nothing; position 1 turns by one radian when D = 2.
    for (const Kernels* k : backends()) {
        Floats x(*k, {1, 0, 1, 0}), table(*k, table_of(2));
        Ints positions(*k, {0, 1});
        k->rope_forward(x, positions, table, 2, 1, 2, 2);
        CHECK_CLOSE(x.read(), (std::vector<double>{1, 0, 0.540302306, 0.841470985}), kFloatSteps);
    }
}

TEST_CASE("rope against complex numbers; backward undoes it and is its gradient") {
    for (const Kernels* k : backends())
        for (Shape s : kShapes) {
            INFO("N ", s.N, ", heads ", s.heads, ", D ", s.D, ", stride ", s.stride);
            const auto x = normals(s.N * s.stride, 1), dout = normals(s.N * s.stride, 2);
            const auto turned = turn(*k, x, s);
            CHECK_CLOSE(turned, reference(to_double(x), s), kFloatSteps);
            CHECK_CLOSE(turn(*k, turned, s, true), x, kFloatSteps);
            for (size_t n = 0; n < s.N; ++n)  // what is not among the first heads stays as it is
                for (size_t i = s.heads * s.D; i < s.stride; ++i)
                    REQUIRE(turned[n * s.stride + i] == x[n * s.stride + i]);
            if (x.size() > 1000) continue;
            const auto gradient = central_differences(
                [&](const std::vector<double>& v) { return inner(dout, reference(v, s)); }, to_double(x));
            CHECK_CLOSE(turn(*k, dout, s, true), gradient, kFloatSteps);
        }
}

TEST_CASE("rope: threads do not matter, NaN stays in its pair") {
    const Shape s = {400, 3, 32, 160};
    auto x = normals(s.N * s.stride, 3);
    x[5 * s.stride + 1] = kNaN;
    for (const Kernels* k : backends()) {
        CHECK_THREADS(*k, { return turn(*k, x, s); });
        const auto turned = turn(*k, x, s);
        for (size_t i = 0; i < x.size(); ++i)
            REQUIRE(std::isnan(turned[i]) == (i == 5 * s.stride + 1 || i == 5 * s.stride + 17));
    }
}

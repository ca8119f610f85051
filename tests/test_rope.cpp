// RoPE against the plain loops in double, and those against complex numbers: the pair (x[i], x[i + D/2]) is one of
// them, turned by e^{i angle}.
#include <complex>

#include "../core/nn/kernels.h"
#include "../cpu/plain/rope.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

struct Shape {
    size_t N, heads, D, stride;
};
const Shape kShapes[] = {{1, 1, 2, 2}, {5, 3, 6, 30}, {17, 4, 32, 192}, {300, 2, 34, 70}, {3, 1, 64, 64}};
constexpr size_t kPositions = 50;

std::vector<double> table_of(size_t D) {
    std::vector<double> table(kPositions * D);
    for (size_t p = 0; p < kPositions; ++p)
        for (size_t i = 0; i < D / 2; ++i) {
            const double angle = p * std::pow(10000.0, -2.0 * i / D);
            table[p * D + i] = std::cos(angle);
            table[p * D + D / 2 + i] = std::sin(angle);
        }
    return table;
}

std::vector<int32_t> positions_of(size_t N) {
    std::vector<int32_t> positions(N);
    for (size_t n = 0; n < N; ++n) positions[n] = static_cast<int32_t>(n * 7 % kPositions);
    return positions;
}

std::vector<double> turned_complex(std::vector<double> x, Shape s) {
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

// The plain loops in double.
std::vector<double> plain_turn(std::vector<double> x, Shape s, bool back = false) {
    (back ? plain::rope_backward<double> : plain::rope_forward<double>)(x.data(), positions_of(s.N).data(),
                                                                        table_of(s.D).data(), s.N, s.heads, s.D,
                                                                        s.stride);
    return x;
}

std::vector<float> to_float(const std::vector<double>& x) { return {x.begin(), x.end()}; }

std::vector<float> turn(const Kernels& k, const std::vector<float>& x, Shape s, bool back = false) {
    Floats x_(k, x), table(k, to_float(table_of(s.D)));
    Ints positions(k, positions_of(s.N));
    (back ? k.rope_backward : k.rope_forward)(x_, positions, table, s.N, s.heads, s.D, s.stride);
    return x_.read();
}

}  // namespace

TEST_CASE("rope by hand") {
    // Position 0 does nothing; position 1 turns by one radian when D = 2.
    for (const Kernels* k : backends()) {
        Floats x(*k, {1, 0, 1, 0}), table(*k, to_float(table_of(2)));
        Ints positions(*k, {0, 1});
        k->rope_forward(x, positions, table, 2, 1, 2, 2);
        CHECK_CLOSE(x.read(), (std::vector<double>{1, 0, 0.540302306, 0.841470985}), kFloatSteps);
    }
}

TEST_CASE("rope: plain forward turns complex numbers, and the plain gradient is its slope") {
    const Tolerance exact = {1e-14, 1e-13, "a few operations in double"};
    for (Shape s : kShapes) {
        INFO("N ", s.N, ", heads ", s.heads, ", D ", s.D, ", stride ", s.stride);
        const auto x = to_double(normals(s.N * s.stride, 1)), dout = to_double(normals(s.N * s.stride, 2));
        CHECK_CLOSE(plain_turn(x, s), turned_complex(x, s), exact);
        CHECK_CLOSE(plain_turn(plain_turn(x, s), s, true), x, exact);
        if (x.size() > 1000) continue;
        const auto slopes =
            central_differences([&](const std::vector<double>& v) { return inner(dout, plain_turn(v, s)); }, x);
        CHECK_CLOSE(plain_turn(dout, s, true), slopes, kDifferences);
    }
}

TEST_CASE("rope against the plain loops in double") {
    for (const Kernels* k : backends())
        for (Shape s : kShapes) {
            INFO(k->name, ", N ", s.N, ", heads ", s.heads, ", D ", s.D, ", stride ", s.stride);
            const auto x = normals(s.N * s.stride, 1), dout = normals(s.N * s.stride, 2);
            const auto turned = turn(*k, x, s);
            CHECK_CLOSE(turned, plain_turn(to_double(x), s), kFloatSteps);
            CHECK_CLOSE(turn(*k, dout, s, true), plain_turn(to_double(dout), s, true), kFloatSteps);
            for (size_t n = 0; n < s.N; ++n)  // what is not among the first heads stays as it is
                for (size_t i = s.heads * s.D; i < s.stride; ++i)
                    REQUIRE(turned[n * s.stride + i] == x[n * s.stride + i]);
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

// Matmul against the plain loops in double, and those against numbers by hand and central differences.
#include "../core/nn/model.h"
#include "../cpu/plain/matmul.h"
#include "bf16.h"

using namespace cai;
using namespace cai::check;

namespace {

struct Shape {
    size_t N, I, O;
};
// Primes, ones, one below and one above the widths of vectors, tiles, panels and blocks.
const Shape kShapes[] = {{1, 1, 1},    {1, 64, 64},   {2, 3, 5},     {7, 31, 67},  {13, 1, 129},   {6, 64, 65},
                         {5, 127, 63}, {49, 129, 16}, {97, 17, 100}, {3, 260, 31}, {48, 128, 128},
                         {130, 33, 50}, {300, 9, 20},  {530, 19, 70}, {2, 7, 270}};

// The plain loops in double.
std::vector<double> plain_forward(const std::vector<double>& x, const std::vector<double>& weight,
                                  const std::vector<double>& residual, Shape s) {
    std::vector<double> out(s.N * s.O, kNaN);
    plain::matmul_forward(out.data(), x.data(), weight.data(), residual.empty() ? nullptr : residual.data(), s.N, s.I,
                          s.O);
    return out;
}
std::vector<double> plain_backward_input(const std::vector<double>& dout, const std::vector<double>& weight, Shape s) {
    std::vector<double> dx(s.N * s.I, kNaN);
    plain::matmul_backward_input(dx.data(), dout.data(), weight.data(), s.N, s.I, s.O);
    return dx;
}
std::vector<double> plain_backward_weight(const std::vector<double>& dout, const std::vector<double>& x, Shape s) {
    std::vector<double> dweight(s.O * s.I);
    plain::matmul_backward_weight(dweight.data(), dout.data(), x.data(), s.N, s.I, s.O);
    return dweight;
}

std::vector<float> forward(const Kernels& k, const std::vector<float>& x, const std::vector<float>& weight,
                           const std::vector<float>& residual, Shape s) {
    Floats x_(k, x), weight_(k, weight), packed(k, poison(k.packed_size(s.O, s.I)));
    Floats out(k, poison(s.N * s.O)), residual_(k, residual);
    k.matmul_pack(packed, weight_, s.O, s.I);
    k.matmul_forward(out, x_, packed, residual.empty() ? nullptr : residual_.data(), s.N, s.I, s.O);
    packed.read();
    return out.read();
}

std::vector<float> backward_input(const Kernels& k, const std::vector<float>& dout, const std::vector<float>& weight,
                                  Shape s) {
    Floats dout_(k, dout), weight_(k, weight), dx(k, poison(s.N * s.I));
    k.matmul_backward_input(dx, dout_, weight_, s.N, s.I, s.O);
    return dx.read();
}

std::vector<float> backward_weight(const Kernels& k, const std::vector<float>& dout, const std::vector<float>& x,
                                   const std::vector<float>& before, Shape s, int times = 1) {
    Floats dout_(k, dout), x_(k, x), dweight(k, before);
    for (int i = 0; i < times; ++i) k.matmul_backward_weight(dweight, dout_, x_, s.N, s.I, s.O);
    return dweight.read();
}

}  // namespace

TEST_CASE("matmul by hand") {
    for (const Kernels* k : matmuls()) {
        // x = [1 2; 3 4], weight = [5 6; 7 8; 9 10]: out = x weightᵀ = [17 23 29; 39 53 67], plus a residual of 100.
        const std::vector<float> x = {1, 2, 3, 4}, weight = {5, 6, 7, 8, 9, 10};
        CHECK(forward(*k, x, weight, {}, {2, 2, 3}) == std::vector<float>{17, 23, 29, 39, 53, 67});
        CHECK(forward(*k, x, weight, std::vector<float>(6, 100), {2, 2, 3}) ==
              std::vector<float>{117, 123, 129, 139, 153, 167});
        // dout = [1 0 0; 0 1 1]: dx = dout weight = [5 6; 16 18], dweight = doutᵀ x = [1 2; 3 4; 3 4].
        const std::vector<float> dout = {1, 0, 0, 0, 1, 1};
        CHECK(backward_input(*k, dout, weight, {2, 2, 3}) == std::vector<float>{5, 6, 16, 18});
        CHECK(backward_weight(*k, dout, x, std::vector<float>(6), {2, 2, 3}) == std::vector<float>{1, 2, 3, 4, 3, 4});
    }
}

TEST_CASE("matmul against the plain loop in double") {
    for (const Kernels* k : matmuls())
        for (Shape s : kShapes) {
            INFO(k->name, ", N ", s.N, ", I ", s.I, ", O ", s.O);
            const auto x = factor(*k, s.N * s.I, 1), weight = factor(*k, s.O * s.I, 2),
                       residual = normals(s.N * s.O, 3);
            const auto alone = forward(*k, x, weight, {}, s), added = forward(*k, x, weight, residual, s);
            CHECK_CLOSE(alone, plain_forward(to_double(x), to_double(weight), {}, s), kFloatSums);
            CHECK_CLOSE(added, plain_forward(to_double(x), to_double(weight), to_double(residual), s), kFloatSums);
            // In place: the residual stream is updated where it lies.
            Floats stream(*k, residual), x_(*k, x), weight_(*k, weight), packed(*k, poison(k->packed_size(s.O, s.I)));
            k->matmul_pack(packed, weight_, s.O, s.I);
            k->matmul_forward(stream, x_, packed, stream, s.N, s.I, s.O);
            CHECK_BITS(stream.read(), added);
        }
}

TEST_CASE("matmul's gradients against the plain loops in double; dweight adds") {
    for (const Kernels* k : matmuls())
        for (Shape s : kShapes) {
            INFO(k->name, ", N ", s.N, ", I ", s.I, ", O ", s.O);
            const auto x = factor(*k, s.N * s.I, 4), weight = factor(*k, s.O * s.I, 5), dout = factor(*k, s.N * s.O, 6);
            const auto before = normals(s.O * s.I, 7);
            const auto dweight = plain_backward_weight(to_double(dout), to_double(x), s);
            std::vector<double> twice(s.O * s.I);
            for (size_t i = 0; i < twice.size(); ++i) twice[i] = before[i] + 2 * dweight[i];
            CHECK_CLOSE(backward_input(*k, dout, weight, s),
                        plain_backward_input(to_double(dout), to_double(weight), s), kFloatSums);
            CHECK_CLOSE(backward_weight(*k, dout, x, std::vector<float>(s.O * s.I), s), dweight, kFloatSums);
            CHECK_CLOSE(backward_weight(*k, dout, x, before, s, 2), twice, kFloatSums);
        }
}

TEST_CASE("matmul: the plain gradients are the slopes of plain forward") {
    const Shape s = {5, 7, 19};
    const auto numbers = [](size_t n, uint64_t seed) { return to_double(normals(n, seed)); };
    const auto x = numbers(s.N * s.I, 8), weight = numbers(s.O * s.I, 9), dout = numbers(s.N * s.O, 10);
    const auto by_x =
        central_differences([&](const auto& v) { return inner(dout, plain_forward(v, weight, {}, s)); }, x);
    const auto by_weight =
        central_differences([&](const auto& v) { return inner(dout, plain_forward(x, v, {}, s)); }, weight);
    CHECK_CLOSE(plain_backward_input(dout, weight, s), by_x, kDifferences);
    CHECK_CLOSE(plain_backward_weight(dout, x, s), by_weight, kDifferences);
}

TEST_CASE("a row of matmul_forward does not know how many rows there are") {
    for (const Kernels* k : matmuls())
        for (Shape s : {Shape{101, 65, 130}, Shape{200, 300, 64}}) {
            const auto x = normals(s.N * s.I, 11), weight = normals(s.O * s.I, 12), residual = normals(s.N * s.O, 13);
            const auto all = forward(*k, x, weight, residual, s);
            for (size_t n : {size_t{0}, size_t{5}, size_t{47}, size_t{98}, s.N - 1})
                CHECK_BITS(forward(*k, slice(x, n * s.I, s.I), weight, slice(residual, n * s.O, s.O), {1, s.I, s.O}),
                           slice(all, n * s.O, s.O));
        }
}

TEST_CASE("matmul gives the same bits for any number of threads") {
    const Shape s = {333, 130, 200};
    const auto x = normals(s.N * s.I, 14), weight = normals(s.O * s.I, 15), dout = normals(s.N * s.O, 16);
    for (const Kernels* k : matmuls()) {
        CHECK_THREADS(*k, { return forward(*k, x, weight, {}, s); });
        CHECK_THREADS(*k, { return backward_input(*k, dout, weight, s); });
        CHECK_THREADS(*k, { return backward_weight(*k, dout, x, weight, s); });
    }
}

TEST_CASE("matmul passes NaN on, to its own row only") {
    const Shape s = {9, 20, 70};
    auto x = normals(s.N * s.I, 17);
    x[4 * s.I + 3] = kNaN;
    for (const Kernels* k : matmuls()) {
        const auto out = forward(*k, x, normals(s.O * s.I, 18), {}, s);
        for (size_t i = 0; i < out.size(); ++i) CHECK(std::isnan(out[i]) == (i / s.O == 4));
    }
}

TEST_CASE("matmul of nothing") {
    for (const Kernels* k : matmuls()) {
        CHECK(forward(*k, {}, normals(12, 1), {}, {0, 4, 3}).empty());
        CHECK(backward_weight(*k, {}, {}, {1, 2, 3}, {0, 1, 3}) == std::vector<float>{1, 2, 3});
    }
}

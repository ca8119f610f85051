// Quantised weights against the same weights as floats: the plain loops in double, and matmul to the last bit.
#include "../cpu/plain/matmul.h"
#include "../cpu/plain/quantized.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

struct QuantizedShape {
    size_t N, I, O;
    Quantization form;
};
// Groups, words, panels and blocks of depth and rows that are one, whole, and one more than whole.
const QuantizedShape kQuantizedShapes[] = {{1, 32, 1, {4, 32}},    {1, 64, 64, {4, 32}},   {2, 16, 65, {4, 16}},
                                           {3, 576, 130, {4, 32}}, {50, 288, 67, {4, 32}}, {1, 16, 63, {8, 16}},
                                           {2, 256, 128, {8, 32}}, {4, 272, 16, {8, 16}},  {97, 96, 40, {8, 32}},
                                           {1, 768, 200, {8, 32}}};

// A matrix drawn at random, and its weights as floats.
struct Drawn {
    std::vector<uint8_t> q;
    std::vector<float> scales, minimums, weight;

    Drawn(size_t O, size_t I, Quantization form, uint64_t seed) : q(O * I), weight(O * I) {
        const size_t group = static_cast<size_t>(form.group);
        const float scale = 1 / static_cast<float>(1 << form.bits);  // weights of order 1
        scales = normals(q.size() / group, seed, scale), minimums = normals(q.size() / group, seed + 1);
        Rng rng(seed, stream("quantized"));
        for (uint8_t& number : q) number = static_cast<uint8_t>(rng.below(size_t{1} << form.bits));
        for (size_t i = 0; i < q.size(); ++i)
            weight[i] = std::fma(scales[i / group], static_cast<float>(q[i]), minimums[i / group]);
    }
};

// The backends that multiply quantised weights.
std::vector<const Kernels*> quantized_backends() {
    std::vector<const Kernels*> all;
    for (const Kernels* k : backends())
        if (k->matmul_forward_quantized) all.push_back(k);
    return all;
}

struct Packed {
    Floats floats;
    Packed(const Kernels& k, const Drawn& m, size_t O, size_t I, Quantization form)
        : floats(k, poison(k.quantized_size(O, I, form))) {
        k.matmul_pack_quantized(floats, m.q.data(), m.scales.data(), m.minimums.data(), O, I, form);
        floats.read();
    }
};

std::vector<float> multiplied(const Kernels& k, const std::vector<float>& x, const Drawn& m,
                              const std::vector<float>& residual, QuantizedShape s) {
    const Packed packed(k, m, s.O, s.I, s.form);
    Floats x_(k, x), out(k, poison(s.N * s.O)), residual_(k, residual);
    k.matmul_forward_quantized(out, x_, packed.floats, residual.empty() ? nullptr : residual_.data(), s.N, s.I, s.O,
                               s.form);
    return out.read();
}

}  // namespace

TEST_CASE("quantised weights by hand") {
    // Two outputs of 16 inputs. The first: 0.5 q - 1 with q = 0, 1, ..., 15; the second: 2 q with q = 3 throughout.
    Drawn m(2, 16, {4, 16}, 1);
    for (uint8_t i = 0; i < 16; ++i) m.q[i] = i, m.q[16 + i] = 3;
    m.scales = {0.5f, 2}, m.minimums = {-1, 0};
    std::vector<float> x(16, 1);
    x[15] = 2;
    for (const Kernels* k : quantized_backends()) {
        // Σ (0.5 i - 1) = 60 - 16 = 44, and once more the last, 6.5; 16 times 6, and once more 6.
        CHECK(multiplied(*k, x, m, {}, {1, 16, 2, {4, 16}}) == std::vector<float>{50.5, 102});
        CHECK(multiplied(*k, x, m, {1000, -2}, {1, 16, 2, {4, 16}}) == std::vector<float>{1050.5, 100});
        const Packed packed(*k, m, 2, 16, {4, 16});
        Ints tokens(*k, {1, 0});
        Floats out(*k, poison(32));
        k->embedding_forward_quantized(out, tokens, packed.floats, 2, 16, 2, {4, 16});
        const std::vector<float> rows = out.read();
        for (size_t i = 0; i < 16; ++i) {
            CHECK(rows[i] == 6);
            CHECK(rows[16 + i] == 0.5f * static_cast<float>(i) - 1);
        }
    }
}

TEST_CASE("matmul with quantised weights against the plain loop in double") {
    for (const Kernels* k : quantized_backends())
        for (const QuantizedShape& s : kQuantizedShapes) {
            INFO(k->name, ", N ", s.N, ", I ", s.I, ", O ", s.O, ", bits ", s.form.bits, ", group ", s.form.group);
            const Drawn m(s.O, s.I, s.form, 2);
            const auto x = normals(s.N * s.I, 3), residual = normals(s.N * s.O, 4);
            std::vector<double> expected(s.N * s.O, kNaN);
            plain::matmul_forward(expected.data(), to_double(x).data(), to_double(m.weight).data(),
                                  to_double(residual).data(), s.N, s.I, s.O);
            CHECK_CLOSE(multiplied(*k, x, m, residual, s), expected, kFloatSums);
        }
}

TEST_CASE("matmul and embedding of quantised weights have the bits of the same weights as floats") {
    for (const Kernels* k : quantized_backends())
        for (const QuantizedShape& s : kQuantizedShapes) {
            INFO(k->name, ", N ", s.N, ", I ", s.I, ", O ", s.O, ", bits ", s.form.bits, ", group ", s.form.group);
            const Drawn m(s.O, s.I, s.form, 5);
            const auto x = normals(s.N * s.I, 6), residual = normals(s.N * s.O, 7);
            Floats weight(*k, m.weight), packed(*k, poison(k->packed_size(s.O, s.I)));
            k->matmul_pack(packed, weight, s.O, s.I);
            for (const auto& base : {std::vector<float>(), residual}) {
                Floats x_(*k, x), base_(*k, base), out(*k, poison(s.N * s.O));
                k->matmul_forward(out, x_, packed, base.empty() ? nullptr : base_.data(), s.N, s.I, s.O);
                CHECK_BITS(multiplied(*k, x, m, base, s), out.read());
            }
            // In place: the residual stream is updated where it lies.
            const Packed quantized(*k, m, s.O, s.I, s.form);
            Floats x_(*k, x), stream(*k, residual);
            k->matmul_forward_quantized(stream, x_, quantized.floats, stream, s.N, s.I, s.O, s.form);
            CHECK_BITS(stream.read(), multiplied(*k, x, m, residual, s));

            std::vector<Token> tokens(s.N);
            for (size_t n = 0; n < s.N; ++n) tokens[n] = static_cast<Token>(n * 7 % s.O);
            Ints tokens_(*k, tokens);
            Floats rows(*k, poison(s.N * s.I)), expected(*k, poison(s.N * s.I));
            k->embedding_forward_quantized(rows, tokens_, quantized.floats, s.N, s.I, s.O, s.form);
            k->embedding_forward(expected, tokens_, weight, s.N, s.I);
            CHECK_BITS(rows.read(), expected.read());
        }
}

TEST_CASE("a row of quantised matmul does not know how many rows there are, nor how many threads") {
    for (const Kernels* k : quantized_backends())
        for (const Quantization form : {Quantization{4, 32}, Quantization{8, 16}}) {
            const QuantizedShape s = {101, 320, 130, form};
            const Drawn m(s.O, s.I, form, 8);
            const auto x = normals(s.N * s.I, 9), residual = normals(s.N * s.O, 10);
            const auto all = multiplied(*k, x, m, residual, s);
            for (size_t n : {size_t{0}, size_t{47}, size_t{98}})
                for (size_t N : {1, 2, 3})
                    CHECK_BITS(multiplied(*k, slice(x, n * s.I, N * s.I), m, slice(residual, n * s.O, N * s.O),
                                          {N, s.I, s.O, form}),
                               slice(all, n * s.O, N * s.O));
            CHECK_THREADS(*k, { return multiplied(*k, x, m, residual, s); });
            CHECK_THREADS(*k, { return multiplied(*k, slice(x, 0, s.I), m, {}, {1, s.I, s.O, form}); });
        }
}

TEST_CASE("quantised matmul of no rows, and NaN in its own row only") {
    const QuantizedShape s = {5, 64, 70, {4, 32}};
    const Drawn m(s.O, s.I, s.form, 11);
    auto x = normals(s.N * s.I, 12);
    x[3 * s.I + 5] = kNaN;
    for (const Kernels* k : quantized_backends()) {
        CHECK(multiplied(*k, {}, m, {}, {0, s.I, s.O, s.form}).empty());
        const auto out = multiplied(*k, x, m, {}, s);
        for (size_t i = 0; i < out.size(); ++i) CHECK(std::isnan(out[i]) == (i / s.O == 3));
    }
}

// Rows by index: embedding, its gradient with repeated tokens, gather and scatter.
#include "../core/base/rng.h"
#include "../core/nn/kernels.h"
#include "../cpu/plain/embedding.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

TEST_CASE("embedding copies rows; its gradient adds, also where a token repeats") {
    for (const Kernels* k : backends()) {
        Floats table(*k, {0, 1, 10, 11, 20, 21}), out(*k, poison(8));
        Ints tokens(*k, {2, 0, 2, 2});
        k->embedding_forward(out, tokens, table, 4, 2);
        CHECK(out.read() == std::vector<float>{20, 21, 0, 1, 20, 21, 20, 21});
        Floats dtable(*k, {1, 1, 5, 5, 0, 0}), dout(*k, {1, 2, 3, 4, 5, 6, 7, 8});
        k->embedding_backward(dtable, dout, tokens, 4, 2, 3);
        CHECK(dtable.read() == std::vector<float>{4, 5, 5, 5, 13, 16});
        k->embedding_backward(dtable, dout, tokens, 4, 2, 3);
        CHECK(dtable.read() == std::vector<float>{7, 9, 5, 5, 26, 32});
    }
}

TEST_CASE("embedding_backward against the plain loop in double, for any number of threads") {
    const size_t N = 700, C = 67, V = 11;
    std::vector<Token> tokens(N);
    for (size_t n = 0; n < N; ++n) tokens[n] = static_cast<Token>(mix(n) % V);
    const auto dout = normals(N * C, 1), before = normals(V * C, 2);
    std::vector<double> expected = to_double(before);
    plain::embedding_backward(expected.data(), to_double(dout).data(), tokens.data(), N, C, V);
    for (const Kernels* k : backends()) {
        const auto run = [&] {
            Floats dtable(*k, before), dout_(*k, dout);
            Ints tokens_(*k, tokens);
            k->embedding_backward(dtable, dout_, tokens_, N, C, V);
            return dtable.read();
        };
        CHECK_CLOSE(run(), expected, kFloatSums);
        CHECK_THREADS(*k, { return run(); });
    }
}

TEST_CASE("gather takes rows in any order; scatter adds them back") {
    for (const Kernels* k : backends())
        for (size_t C : {1, 17, 64}) {
            const auto x = normals(400 * C, 3), dout = normals(300 * C, 4);
            std::vector<int32_t> rows(300);
            for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i * 7 % 400);
            Floats x_(*k, x), out(*k, poison(300 * C)), dx(*k, x), dout_(*k, dout);
            Ints rows_(*k, rows);
            k->gather_rows(out, x_, rows_, rows.size(), C);
            k->scatter_rows(dx, dout_, rows_, rows.size(), C);
            std::vector<float> expected, sum = x;
            for (size_t i = 0; i < rows.size(); ++i)
                for (size_t c = 0; c < C; ++c) {
                    expected.push_back(x[rows[i] * C + c]);
                    sum[rows[i] * C + c] += dout[i * C + c];
                }
            CHECK_BITS(out.read(), expected);
            CHECK_BITS(dx.read(), sum);
        }
}

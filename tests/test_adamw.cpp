// AdamW against numbers by hand and against the plain loop in double; the gradient's norm.
#include "../core/nn/kernels.h"
#include "../cpu/plain/adamw.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

struct State {
    std::vector<float> parameters, m, v;
};
State step(const Kernels& k, const State& s, const std::vector<float>& gradients, float rate, float decay, float scale,
           int number, float eps = 1e-8f) {
    Floats p(k, s.parameters), m(k, s.m), v(k, s.v), g(k, gradients);
    k.adamw(p, m, v, g, gradients.size(), rate, 0.9f, 0.95f, eps, decay, scale, number);
    return {p.read(), m.read(), v.read()};
}

}  // namespace

TEST_CASE("adamw's first step by hand") {
    // m = 0.1 g, v = 0.05 g², both corrected to g and g²: the step is the learning rate times the gradient's sign.
    // With decay 0.5 and rate 0.1 the parameter 2 first shrinks to 2 (1 - 0.05) = 1.9.
    for (const Kernels* k : backends()) {
        const State s = step(*k, {{2, 2, 2}, {0, 0, 0}, {0, 0, 0}}, {8, -8, 0}, 0.1f, 0.5f, 0.5f, 1);
        CHECK_CLOSE(s.parameters, (std::vector<double>{1.8, 2.0, 1.9}), kFloatSteps);
        CHECK_CLOSE(s.m, (std::vector<double>{0.4, -0.4, 0}), kFloatSteps);
        CHECK_CLOSE(s.v, (std::vector<double>{0.8, 0.8, 0}), kFloatSteps);
    }
}

TEST_CASE("eps is added to the root of the corrected average, as PyTorch does") {
    // Corrected, m is 1 and v is 1: the first step is 0.1 · 1 / (1 + 1), whatever the betas.
    for (const Kernels* k : backends())
        CHECK_CLOSE(step(*k, {{2}, {0}, {0}}, {1}, 0.1f, 0, 1, 1, 1).parameters, std::vector<double>{1.95},
                    kFloatSteps);
}

TEST_CASE("ten steps of adamw against the plain loop in double") {
    for (const Kernels* k : backends())
        for (size_t n : {1, 7, 100, 20001}) {
            State s = {normals(n, 1), std::vector<float>(n), std::vector<float>(n)};
            std::vector<double> p = to_double(s.parameters), m(n), v(n);
            for (int t = 1; t <= 10; ++t) {
                const auto g = normals(n, 100 + t);
                s = step(*k, s, g, 1e-2f, 0.1f, 0.25f, t);
                plain::adamw<double>(p.data(), m.data(), v.data(), to_double(g).data(), n, 1e-2f, 0.9f, 0.95f, 1e-8f,
                                     0.1f, 0.25, t);
            }
            CHECK_CLOSE(s.parameters, p, (Tolerance{1e-6, 1e-5, "ten steps, each rounded to float"}));
            CHECK_CLOSE(s.m, m, (Tolerance{1e-6, 1e-5, "ten steps, each rounded to float"}));
            CHECK_CLOSE(s.v, v, (Tolerance{2e-6, 1e-5, "ten steps, each rounded to float"}));
        }
}

TEST_CASE("adamw: threads do not matter, NaN shows") {
    const size_t n = 50000;
    const State s = {normals(n, 2), normals(n, 3), std::vector<float>(n, 1)};
    auto g = normals(n, 4);
    for (const Kernels* k : backends()) CHECK_THREADS(*k, { return step(*k, s, g, 0.1f, 0.1f, 1, 3).parameters; });
    g[123] = kNaN;
    for (const Kernels* k : backends()) CHECK(std::isnan(step(*k, s, g, 0.1f, 0.1f, 1, 3).parameters[123]));
}

TEST_CASE("accumulate_and_clear adds and leaves zero") {
    for (const Kernels* k : backends())
        for (size_t n : {0, 1, 7, 50000}) {
            const auto sum = normals(n, 6), terms = normals(n, 7);
            std::vector<float> expected(n);
            for (size_t i = 0; i < n; ++i) expected[i] = sum[i] + terms[i];
            Floats sum_(*k, sum), terms_(*k, terms);
            k->accumulate_and_clear(sum_, terms_, n);
            CHECK_BITS(sum_.read(), expected);
            CHECK_BITS(terms_.read(), std::vector<float>(n));
        }
}

TEST_CASE("sum_of_squares") {
    const AllThreads all_take_part;
    for (const Kernels* k : backends()) {
        Floats by_hand(*k, {3, -4, 12});
        CHECK(k->sum_of_squares(by_hand, 3) == 169);
        CHECK(k->sum_of_squares(by_hand, 0) == 0);
        for (size_t n : {1, 7, 8193, 100003}) {
            auto x = normals(n, 5);
            double expected = 0;
            for (float value : x) expected += static_cast<double>(value) * value;
            Floats x_(*k, x);
            CHECK(k->sum_of_squares(x_, n) == doctest::Approx(expected).epsilon(1e-13));
            k->set_threads(1);
            const double one = k->sum_of_squares(x_, n);
            k->set_threads(3);
            CHECK(k->sum_of_squares(x_, n) == one);
            k->set_threads(0);
            x[n - 1] = kNaN;
            Floats bad(*k, x);
            CHECK(std::isnan(k->sum_of_squares(bad, n)));
        }
    }
}

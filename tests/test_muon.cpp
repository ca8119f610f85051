// Muon against singular values and vectors known beforehand, against NumPy, and against the plain loop in double.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "../cpu/plain/muon.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

// Five Newton-Schulz steps multiply a rounding of the smallest singular values by up to 3.4445⁵ = 485.
constexpr Tolerance kFiveSteps = {2e-5, 2e-4, "five Newton-Schulz steps in float against double"};

struct State {
    std::vector<float> parameters, momentum;
};
State step(const Kernels& k, const State& s, const std::vector<float>& gradients, size_t rows, size_t columns,
           float rate, float beta, float decay, float scale) {
    Floats p(k, s.parameters), m(k, s.momentum), g(k, gradients);
    k.muon(p, m, g, rows, columns, rate, beta, decay, scale);
    return {p.read(), m.read()};
}

// The direction in which muon moves parameters of 0 when there is no momentum: X at the end of the Newton-Schulz steps.
std::vector<float> direction(const Kernels& k, const std::vector<float>& gradients, size_t rows, size_t columns) {
    const std::vector<float> zeros(gradients.size());
    const float rate = -1 / (0.2f * std::sqrt(static_cast<float>(std::max(rows, columns))));
    return step(k, {zeros, zeros}, gradients, rows, columns, rate, 0, 0, 1).parameters;
}

// `count` orthogonal directions of length 1 in n dimensions, one a row, by Gram and Schmidt; twice, against rounding.
std::vector<std::vector<double>> orthonormal(size_t count, size_t n, uint64_t seed) {
    std::vector<std::vector<double>> rows;
    for (size_t i = 0; i < count; ++i) {
        std::vector<double> row = to_double(normals(n, 1000 * seed + i));
        for (int again = 0; again < 2; ++again) {
            for (const auto& other : rows) {
                const double along = inner(row, other);
                for (size_t j = 0; j < n; ++j) row[j] -= along * other[j];
            }
            const double length = std::sqrt(inner(row, row));
            for (double& x : row) x /= length;
        }
        rows.push_back(row);
    }
    return rows;
}

// U diag(s) Vᵀ.
struct Decomposition {
    std::vector<std::vector<double>> u, v;
    Decomposition(size_t rows, size_t columns)
        : u(orthonormal(std::min(rows, columns), rows, 1)), v(orthonormal(std::min(rows, columns), columns, 2)) {}
    std::vector<double> matrix(const std::vector<double>& s) const {
        const size_t rows = u[0].size(), columns = v[0].size();
        std::vector<double> x(rows * columns);
        for (size_t i = 0; i < s.size(); ++i)
            for (size_t r = 0; r < rows; ++r)
                for (size_t c = 0; c < columns; ++c) x[r * columns + c] += u[i][r] * s[i] * v[i][c];
        return x;
    }
};

// What five steps make of the singular values.
std::vector<double> after_five_steps(std::vector<double> s) {
    const double norm = std::sqrt(inner(s, s)) + 1e-7;
    for (double& x : s) {
        x /= norm;
        for (int i = 0; i < 5; ++i) x = 3.4445 * x - 4.7750 * x * x * x + 2.0315 * x * x * x * x * x;
    }
    return s;
}

struct Shape {
    size_t rows, columns;
};
constexpr Shape kShapes[] = {{1, 1}, {1, 9}, {9, 1}, {16, 16}, {33, 33}, {24, 70}, {70, 25}, {128, 64}, {64, 128}};

}  // namespace

TEST_CASE("muon brings singular values near 1 and keeps singular vectors, whatever the matrix's shape") {
    for (const auto [rows, columns] : kShapes) {
        CAPTURE(rows);
        CAPTURE(columns);
        const size_t n = std::min(rows, columns);
        const Decomposition known(rows, columns);
        for (const std::string kind : {"even", "falling", "rank-deficient", "tiny"}) {
            CAPTURE(kind);
            std::vector<double> s(n);
            for (size_t i = 0; i < n; ++i) {
                const double place = static_cast<double>(i) / static_cast<double>(n);
                s[i] = kind == "falling" ? 30 * std::exp(-3 * place) : kind == "tiny" ? 1e-6 * (2 - place) : 2 - place;
                if (kind == "rank-deficient" && i >= (n + 1) / 2) s[i] = 0;
            }
            const std::vector<double> matrix = known.matrix(s), near_1 = after_five_steps(s);
            if (kind == "even" || kind == "falling")
                for (double x : near_1) CHECK((0.68 < x && x < 1.21));
            const std::vector<double> expected = known.matrix(near_1);

            std::vector<double> in_double = matrix;
            plain::newton_schulz(in_double, rows, columns);
            CHECK_CLOSE(in_double, expected, (Tolerance{1e-12, 1e-12, "the same in double"}));
            const std::vector<float> gradients(matrix.begin(), matrix.end());
            for (const Kernels* k : backends()) {
                INFO(k->name);
                CHECK_CLOSE(direction(*k, gradients, rows, columns), expected, kFiveSteps);
            }
        }
    }
}

TEST_CASE("muon's first step by hand") {
    // A matrix of one number: its only singular value is 1 at the start, whatever the gradient, and p(...p(1)) in the
    // end. With decay 0.5 and rate 0.1 the parameter 2 first shrinks to 1.9. Of the momentum's 10, 9.5 remain, and
    // 0.05 · 4 come in.
    const double end = after_five_steps({1})[0];
    for (const Kernels* k : backends()) {
        State s = step(*k, {{2}, {10}}, {8}, 1, 1, 0.1f, 0.95f, 0.5f, 0.5f);
        CHECK_CLOSE(s.parameters, std::vector<double>{1.9 - 0.1 * 0.2 * end}, kFloatSteps);
        CHECK_CLOSE(s.momentum, std::vector<double>{9.7}, kFloatSteps);
        // The momentum points up, but the newest gradient counts twice: 0.95 · 0.025 - 0.05 · 0.5 is below 0.
        s = step(*k, {{2}, {0.05f / 0.95f}}, {-0.5f}, 1, 1, 0.1f, 0.95f, 0, 1);
        CHECK_CLOSE(s.momentum, std::vector<double>{0.025}, kFloatSteps);
        CHECK_CLOSE(s.parameters, std::vector<double>{2 + 0.1 * 0.2 * end}, (Tolerance{1e-5, 1e-4, "a difference"}));
    }
}

TEST_CASE("three steps of muon as NumPy computes them in float64") {
    std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "fixtures/muon_golden.txt");
    const auto wave = [](size_t count, double phase) {
        std::vector<float> values(count);
        for (size_t i = 0; i < count; ++i) {
            const double x = static_cast<double>(i);
            values[i] = static_cast<float>(std::sin(phase + 0.731 * x + 0.0137 * x * x));
        }
        return values;
    };
    size_t matrices = 0;
    for (std::string line; std::getline(file, line); ++matrices) {
        std::istringstream words(line);
        size_t rows = 0, columns = 0;
        words >> rows >> columns;
        CAPTURE(rows);
        CAPTURE(columns);
        const size_t n = rows * columns;
        std::vector<double> numbers;
        for (double x; words >> x;) numbers.push_back(x);
        REQUIRE(numbers.size() == 2 * n);
        const std::vector<double> parameters = slice(numbers, 0, n), momentum = slice(numbers, n, n);

        std::vector<double> p = to_double(wave(n, 0)), m(n);
        for (int t = 1; t <= 3; ++t)
            plain::muon(p.data(), m.data(), to_double(wave(n, t)).data(), rows, columns, 0.05, 0.95, 0.1, 0.5);
        CHECK_CLOSE(p, parameters, (Tolerance{1e-10, 1e-10, "the fixture has twelve digits"}));
        CHECK_CLOSE(m, momentum, (Tolerance{1e-10, 1e-10, "the fixture has twelve digits"}));
        for (const Kernels* k : backends()) {
            INFO(k->name);
            State s = {wave(n, 0), std::vector<float>(n)};
            for (int t = 1; t <= 3; ++t) s = step(*k, s, wave(n, t), rows, columns, 0.05f, 0.95f, 0.1f, 0.5f);
            CHECK_CLOSE(s.parameters, parameters, kFiveSteps);
            CHECK_CLOSE(s.momentum, momentum, kFloatSteps);
        }
    }
    CHECK(matrices == 5);
}

TEST_CASE("five steps of muon against the plain loop in double") {
    for (const auto [rows, columns] : {Shape{17, 5}, {5, 49}, {40, 40}, {70, 65}, {64, 100}})
        for (const Kernels* k : backends()) {
            CAPTURE(rows);
            CAPTURE(columns);
            INFO(k->name);
            const size_t n = rows * columns;
            State s = {normals(n, 1), normals(n, 2, 0.1f)};
            std::vector<double> p = to_double(s.parameters), m = to_double(s.momentum);
            for (int t = 1; t <= 5; ++t) {
                const auto g = normals(n, 100 + t);
                s = step(*k, s, g, rows, columns, 0.1f, 0.95f, 0.1f, 0.25f);
                plain::muon<double>(p.data(), m.data(), to_double(g).data(), rows, columns, 0.1f, 0.95f, 0.1f, 0.25);
            }
            CHECK_CLOSE(s.parameters, p, kFiveSteps);
            CHECK_CLOSE(s.momentum, m, (Tolerance{1e-6, 1e-5, "five steps, each rounded to float"}));
        }
}

TEST_CASE("muon without a gradient only decays") {
    const std::vector<float> zeros(6);
    for (const Kernels* k : backends()) {
        const State s = step(*k, {{1, 2, 3, 4, 5, 6}, zeros}, zeros, 2, 3, 0.5f, 0.95f, 0.5f, 1);
        CHECK_CLOSE(s.parameters, (std::vector<double>{0.75, 1.5, 2.25, 3, 3.75, 4.5}), kFloatSteps);
        CHECK_BITS(s.momentum, zeros);
    }
}

TEST_CASE("muon: threads do not matter, NaN shows") {
    for (const auto [rows, columns] : {Shape{200, 130}, {64, 300}}) {
        const size_t n = rows * columns;
        const State s = {normals(n, 2), normals(n, 3)};
        auto g = normals(n, 4);
        for (const Kernels* k : backends())
            CHECK_THREADS(*k, { return step(*k, s, g, rows, columns, 0.1f, 0.95f, 0.1f, 1).parameters; });
        for (float bad : {kNaN, kInfinity}) {
            g[123] = bad;
            for (const Kernels* k : backends()) {
                INFO(k->name);
                for (float x : step(*k, s, g, rows, columns, 0.1f, 0.95f, 0.1f, 1).parameters) REQUIRE(std::isnan(x));
            }
        }
    }
}

// Exercise to chapter 5: Muon's polynomial. Fill in both functions, then run
//     make exercise NAME=05_newton_schulz
#include <doctest/doctest.h>

#include <cmath>

struct Matrix {  // of two rows and two columns
    double a, b, c, d;
};

inline Matrix times(const Matrix& x, const Matrix& y) {
    return {x.a * y.a + x.b * y.c, x.a * y.b + x.b * y.d, x.c * y.a + x.d * y.c, x.c * y.b + x.d * y.d};
}
inline Matrix transposed(const Matrix& x) { return {x.a, x.c, x.b, x.d}; }

// s -> 3.4445 s - 4.7750 s³ + 2.0315 s⁵, five times.
double stretch_after_five(double s) {
    return s;
}

// X divided by its norm (the root of the sum of its squares), then five times
//   X -> 3.4445 X - 4.7750 X Xᵀ X + 2.0315 X Xᵀ X Xᵀ X.
Matrix orthogonalised(Matrix X) {
    return X;
}

TEST_CASE("the table of the chapter") {
    CHECK(stretch_after_five(0.9950) == doctest::Approx(0.7020).epsilon(1e-2));
    CHECK(stretch_after_five(0.0995) == doctest::Approx(0.7087).epsilon(1e-2));
}

TEST_CASE("of a diagonal matrix, each entry goes its own way") {
    const Matrix X = orthogonalised({3, 0, 0, 0.3});
    CHECK(X.a == doctest::Approx(stretch_after_five(3 / std::sqrt(9.09))));
    CHECK(X.d == doctest::Approx(stretch_after_five(0.3 / std::sqrt(9.09))));
    CHECK(X.b == doctest::Approx(0));
}

TEST_CASE("a rotation stays that rotation: only its length changes") {
    const Matrix X = orthogonalised({5 * std::cos(0.4), -5 * std::sin(0.4), 5 * std::sin(0.4), 5 * std::cos(0.4)});
    CHECK(X.c / X.a == doctest::Approx(std::tan(0.4)));
    const Matrix square = times(X, transposed(X));
    CHECK(square.a == doctest::Approx(square.d));
    CHECK(std::abs(square.b) < 1e-9);
    CHECK(square.a > 0.4);
    CHECK(square.a < 1.5);
}

TEST_CASE("a nearly flat matrix comes out nearly even: X Xᵀ is close to a multiple of 1") {
    const Matrix X = orthogonalised({1, 2, 3, 5}), square = times(X, transposed(X));
    CHECK(std::abs(square.b) < 0.5);
    CHECK(square.a > 0.4);
    CHECK(square.d > 0.4);
}

// Exercise to chapter 4: rotary position embedding. Fill in the function, then run
//     make exercise NAME=04_rope
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// Turns one head x of even width D for a position: the pair (x_i, x_(i+D/2)) becomes
//   (x_i cos a - x_(i+D/2) sin a,  x_(i+D/2) cos a + x_i sin a)    with a = position · 10000^(-2i/D)
std::vector<double> turned(const std::vector<double>& x, double position) {
    (void)position;
    return x;
}

namespace {

double dot(const std::vector<double>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t d = 0; d < a.size(); d++) sum += a[d] * b[d];
    return sum;
}

const std::vector<double> kQuery{0.3, -1.2, 2.0, 0.7, 0.1, -0.4}, kKey{1.5, 0.2, -0.8, 0.6, 1.1, -0.3};

}  // namespace

TEST_CASE("a pair of width 2 turns by one radian a position") {
    CHECK(turned({1, 0}, 1)[0] == doctest::Approx(0.5403).epsilon(1e-3));
    CHECK(turned({1, 0}, 1)[1] == doctest::Approx(0.8415).epsilon(1e-3));
    CHECK(dot(turned({1, 0}, 5), turned({1, 0}, 3)) == doctest::Approx(-0.4161).epsilon(1e-3));
}

TEST_CASE("only the distance counts") {
    CHECK(dot(turned(kQuery, 7), turned(kKey, 4)) == doctest::Approx(dot(turned(kQuery, 103), turned(kKey, 100))));
    CHECK(dot(turned(kQuery, 7), turned(kKey, 4)) != doctest::Approx(dot(turned(kQuery, 7), turned(kKey, 5))));
}

TEST_CASE("turning keeps the length, and turning back gives the same head again") {
    CHECK(dot(turned(kQuery, 9), turned(kQuery, 9)) == doctest::Approx(dot(kQuery, kQuery)));
    CHECK(turned(turned(kQuery, 9), -9)[2] == doctest::Approx(kQuery[2]));
}

TEST_CASE("the second pair of width 4 turns a hundred times slower than the first") {
    CHECK(turned({0, 1, 0, 0}, 1)[3] == doctest::Approx(std::sin(0.01)));
    CHECK(turned({1, 0, 0, 0}, 1)[2] == doctest::Approx(std::sin(1.0)));
}

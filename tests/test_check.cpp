// The checkers themselves, in front of planted faults.
#include "../core/nn/kernels.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

TEST_CASE("difference finds what is planted") {
    const std::vector<float> x = normals(12 * 7, 1);  // 12 rows of 7
    const std::vector<double> expected = to_double(x);
    const Tolerance exact = {1e-6, 1e-6, "planted faults"};
    CHECK(difference(x, expected, exact).empty());

    SUBCASE("NaN, alone among good numbers") {
        std::vector<float> bad = x;
        bad[40] = kNaN;
        CHECK(difference(bad, expected, exact).find("element 40 is nan") == 0);
        CHECK_FALSE(difference(bad, expected, {1e30, 1e30, "no bound helps NaN"}).empty());
    }
    SUBCASE("a number where NaN is expected") {
        std::vector<double> nan = expected;
        nan[3] = std::nan("");
        CHECK_FALSE(difference(x, nan, exact).empty());
    }
    SUBCASE("infinity, and infinity of the wrong sign") {
        std::vector<float> bad = x;
        bad[0] = kInfinity;
        CHECK_FALSE(difference(bad, expected, exact).empty());
        std::vector<double> other = expected;
        other[0] = -std::numeric_limits<double>::infinity();
        CHECK_FALSE(difference(bad, other, exact).empty());
        other[0] = -other[0];
        CHECK(difference(bad, other, exact).empty());
    }
    SUBCASE("a swapped sign") {
        std::vector<float> bad = x;
        bad[17] = -bad[17];
        CHECK_FALSE(difference(bad, expected, exact).empty());
    }
    SUBCASE("off by one row") {
        std::vector<float> bad(x.size());
        for (size_t i = 0; i < x.size(); ++i) bad[i] = x[(i + 7) % x.size()];
        CHECK_FALSE(difference(bad, expected, exact).empty());
    }
    SUBCASE("one small element wrong: too little for L2, caught alone") {
        std::vector<float> bad = x;
        bad[5] += 1e-3f;
        CHECK(difference(bad, expected, {1e-3, 1, "L2 only"}).empty());
        CHECK_FALSE(difference(bad, expected, {1e-3, 1e-4, "both"}).empty());
    }
    SUBCASE("all zeros, and a wrong length") {
        CHECK_FALSE(difference(std::vector<float>(x.size()), expected, exact).empty());
        CHECK_FALSE(difference(slice(x, 0, 83), expected, exact).empty());
    }
    SUBCASE("anything at all where zeros are expected") {
        CHECK_FALSE(difference(std::vector<float>{0, 1e-20f}, std::vector<double>{0, 0}, exact).empty());
    }
}

TEST_CASE("bit_difference tells one rounding and the sign of zero") {
    CHECK(bit_difference(std::vector<float>{kNaN, 1}, {kNaN, 1}).empty());
    CHECK_FALSE(bit_difference(std::vector<float>{1}, {std::nextafter(1.0f, 2.0f)}).empty());
    CHECK_FALSE(bit_difference(std::vector<float>{0.0f}, {-0.0f}).empty());
    CHECK_FALSE(bit_difference(std::vector<float>{1}, {1, 2}).empty());
}

#ifndef __SANITIZE_ADDRESS__
TEST_CASE("canaries die of a write on either side") {
    for (long at : {-1L, -16L, 5L, 20L}) {
        Floats guarded(cpu_kernels, std::vector<float>(5));
        CHECK(guarded.canaries_alive());
        guarded.data()[at] = 0;
        CHECK_FALSE(guarded.canaries_alive());
    }
    Ints inside(cpu_kernels, {1, 2, 3});
    inside.data()[2] = 7;
    CHECK(inside.read() == std::vector<int32_t>{1, 2, 7});
}
#endif

TEST_CASE("an element left out of a poisoned output shows") {
    Floats out(cpu_kernels, poison(3));
    out.data()[0] = out.data()[2] = 1;
    CHECK_FALSE(difference(out.read(), std::vector<double>{1, 0, 1}, kFloatSteps).empty());
}

TEST_CASE("central_differences of a known function") {
    const auto f = [](const std::vector<double>& x) { return x[0] * x[0] * x[1] + std::exp(x[1]); };
    const std::vector<double> gradient = central_differences(f, {3, 0.5});
    CHECK(gradient[0] == doctest::Approx(3).epsilon(1e-8));
    CHECK(gradient[1] == doctest::Approx(9 + std::exp(0.5)).epsilon(1e-8));
}

TEST_CASE("thread_difference sees a sum that depends on the number of threads") {
    static int threads;
    Kernels kernels = cpu_kernels;
    kernels.set_threads = [](int n) { threads = n; };
    CHECK(thread_difference(kernels, [] { return std::vector<float>{1}; }).empty());
    CHECK_FALSE(thread_difference(kernels, [] { return std::vector<float>{static_cast<float>(threads)}; }).empty());
}

// The CPU's vectors: the exponential everywhere, partial loads and stores, sums over lanes.
#include "../core/nn/kernels.h"
#include "../cpu/vector.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

static float exp1(float x) { return cpu::exp(cpu::broadcast(x))[0]; }

TEST_CASE("exp is within 2e-7 of the exact value over [-87, 88]") {
    double worst = 0;
    for (double x = -87; x <= 88; x += 0.000317) {
        const float at = static_cast<float>(x);
        const double exact = std::exp(static_cast<double>(at));
        worst = std::max(worst, std::abs(exp1(at) - exact) / exact);
    }
    MESSAGE("largest relative error of exp: ", worst);
    CHECK(worst < 2e-7);
    CHECK(exp1(0) == 1);
    CHECK(exp1(-0.0f) == 1);
}

TEST_CASE("exp at the ends") {
    CHECK(exp1(-kInfinity) == 0);
    CHECK(exp1(-1e30f) == 0);
    CHECK(exp1(-87.34f) == 0);
    CHECK(exp1(-87.33f) > 0);
    CHECK(std::isfinite(exp1(88.37f)));
    CHECK(exp1(88.37f) > 2.3e38f);
    CHECK(exp1(88.73f) == kInfinity);
    CHECK(exp1(200) == kInfinity);
    CHECK(exp1(1e30f) == kInfinity);
    CHECK(exp1(kInfinity) == kInfinity);
    CHECK(std::isnan(exp1(kNaN)));
    CHECK(std::isnan(exp1(-kNaN)));
    for (uint32_t bits : {0x7fc00001u, 0xffffffffu, 0x7f8001ffu}) {  // NaN of any payload
        float nan;
        std::memcpy(&nan, &bits, sizeof nan);
        CHECK(std::isnan(exp1(nan)));
    }
}

TEST_CASE("exp treats each lane alone") {
    cpu::Vector v = {};
    for (size_t i = 0; i < cpu::kLanes; ++i) v[i] = i % 3 == 0 ? kNaN : i % 3 == 1 ? -kInfinity : static_cast<float>(i);
    const cpu::Vector e = cpu::exp(v);
    for (size_t i = 0; i < cpu::kLanes; ++i) {
        if (i % 3 == 0) CHECK(std::isnan(e[i]));
        if (i % 3 == 1) CHECK(e[i] == 0);
        if (i % 3 == 2) CHECK(e[i] == doctest::Approx(std::exp(static_cast<double>(i))).epsilon(2e-7));
    }
}

TEST_CASE("partial loads read and partial stores write n lanes only") {
    for (size_t n = 1; n <= cpu::kLanes + 1; ++n) {
        std::vector<float> from(n);  // exactly n: an address sanitizer sees one more
        for (size_t i = 0; i < n; ++i) from[i] = static_cast<float>(i + 1);
        const cpu::Vector v = cpu::load(from.data(), n);
        for (size_t i = 0; i < cpu::kLanes; ++i) CHECK(v[i] == (i < n ? i + 1 : 0));
        Floats to(cpu_kernels, poison(n));
        cpu::store(to.data(), v, n);
        CHECK_BITS(slice(to.read(), 0, std::min(n, cpu::kLanes)), slice(from, 0, std::min(n, cpu::kLanes)));
    }
}

TEST_CASE("lanes") {
    cpu::Vector v = {};
    for (size_t i = 0; i < cpu::kLanes; ++i) v[i] = static_cast<float>(i);
    CHECK(cpu::sum_lanes(v) == cpu::kLanes * (cpu::kLanes - 1) / 2);
    CHECK(cpu::max_lanes(v) == cpu::kLanes - 1);
    CHECK(cpu::max_lanes(-v) == 0);
    CHECK(cpu::first_lanes(v, 2, -5)[1] == 1);
    CHECK(cpu::first_lanes(v, 2, -5)[2] == -5);
    CHECK(std::signbit(cpu::broadcast(-0.0f)[0]));
    CHECK(cpu::round_up(33, 16) == 48);
    CHECK(cpu::round_up(32, 16) == 32);
}

TEST_CASE("multiply_add rounds once, in every lane") {
    const float a = 1 + 0x1p-12f;  // its square is 1 + 2^-11 + 2^-24
    for (float c : {-1.0f, -(1 + 0x1p-11f), 3.0f, 0x1p-140f, kInfinity}) {
        const cpu::Vector result = cpu::multiply_add(cpu::broadcast(a), cpu::broadcast(a), cpu::broadcast(c));
        for (size_t i = 0; i < cpu::kLanes; ++i) CHECK(result[i] == std::fma(a, a, c));
    }
    CHECK(cpu::multiply_add(cpu::broadcast(a), cpu::broadcast(a), cpu::broadcast(-(1 + 0x1p-11f)))[0] == 0x1p-24f);
    CHECK(std::isnan(cpu::multiply_add(cpu::broadcast(kNaN), cpu::Vector{}, cpu::Vector{})[0]));
}

// Sixteen running sums, one for each position modulo sixteen, folded in half: written out with plain floats.
TEST_CASE("a sum over lanes has the bits of sixteen sums, whatever the width of a vector") {
    for (size_t n : {1u, 3u, 4u, 7u, 8u, 12u, 15u, 16u, 17u, 24u, 31u, 48u, 100u, 1000u}) {
        const std::vector<float> a = normals(n, 1), b = normals(n, 2);
        float sums[16] = {}, products[16] = {};
        for (size_t i = 0; i < cpu::round_up(n, 16); ++i) {
            sums[i % 16] += i < n ? a[i] : 0;
            products[i % 16] = std::fma(i < n ? a[i] : 0, i < n ? b[i] : 0, products[i % 16]);
        }
        for (float* part : {sums, products})
            for (size_t half = 8; half > 0; half /= 2)
                for (size_t i = 0; i < half; ++i) part[i] += part[i + half];
        cpu::LaneSum sum, product;
        for (size_t i = 0; i < n; i += cpu::kLanes) {
            sum.add(i, cpu::load(&a[i], n - i));
            product.add_product(i, cpu::load(&a[i], n - i), cpu::load(&b[i], n - i));
        }
        CHECK_BITS(std::vector<float>({sum.total(), product.total()}), std::vector<float>({sums[0], products[0]}));
    }
    CHECK(cpu::LaneSum().total() == 0);
}

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
    CHECK(cpu::round_up(33, 16) == 48);
    CHECK(cpu::round_up(32, 16) == 32);
}

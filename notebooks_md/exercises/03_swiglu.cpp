// Exercise to chapter 3: SwiGLU of one column, forward and backward. Fill in both functions, then run
//     make exercise NAME=03_swiglu
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <utility>

// silu(gate) · up, with silu(x) = x σ(x) and σ(x) = 1 / (1 + e^-x).
double swiglu(double gate, double up) {
    (void)gate, (void)up;
    return 0;
}

// dout is the gradient of the loss with respect to swiglu(gate, up). Returns those with respect to gate and to up.
std::pair<double, double> swiglu_backward(double dout, double gate, double up) {
    (void)dout, (void)gate, (void)up;
    return {0, 0};
}

TEST_CASE("the example of the chapter") {
    CHECK(swiglu(2, 3) == doctest::Approx(5.2848).epsilon(1e-4));
    CHECK(swiglu(-1, 4) == doctest::Approx(-1.0758).epsilon(1e-4));
}

TEST_CASE("a gate far above 0 passes up times itself, one far below 0 passes nothing") {
    CHECK(swiglu(30, 2) == doctest::Approx(60));
    CHECK(swiglu(-30, 2) == doctest::Approx(0).epsilon(1e-9));
    CHECK(swiglu_backward(1, 30, 2).first == doctest::Approx(2));
}

TEST_CASE("the gradients are what the loss changes by, per change of gate and of up") {
    const double dout = 0.7;
    for (const double gate : {-3.0, -0.5, 0.0, 1.5, 4.0})
        for (const double up : {-2.0, 0.5, 3.0}) {
            const auto [dgate, dup] = swiglu_backward(dout, gate, up);
            CHECK(dgate == doctest::Approx(dout * (swiglu(gate + 1e-5, up) - swiglu(gate - 1e-5, up)) / 2e-5));
            CHECK(dup == doctest::Approx(dout * (swiglu(gate, up + 1e-5) - swiglu(gate, up - 1e-5)) / 2e-5));
        }
    CHECK(swiglu_backward(1, 2, 3).first == doctest::Approx(3.2724).epsilon(1e-4));
}

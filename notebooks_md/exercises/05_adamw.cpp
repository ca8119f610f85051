// Exercise to chapter 5: AdamW for one parameter. Fill in the function, then run
//     make exercise NAME=05_adamw
#include <doctest/doctest.h>

#include <cmath>

struct Parameter {
    double value, m = 0, v = 0;
    int step = 0;  // updates made so far
};

// One step: m and v are running means of the gradient and of its square; each is divided by 1 - beta^step, since both
// began at 0;  value -= rate (m̂ / (√v̂ + 1e-6) + decay value), with the value as it was before the step.
void update(Parameter& p, double gradient, double rate, double beta1, double beta2, double decay) {
    (void)p, (void)gradient, (void)rate, (void)beta1, (void)beta2, (void)decay;
}

TEST_CASE("the table of the chapter") {
    Parameter p{1};
    update(p, 0.6, 0.1, 0.9, 0.95, 0.1);
    CHECK(p.value == doctest::Approx(0.89).epsilon(1e-5));
    update(p, -0.6, 0.1, 0.9, 0.95, 0.1);
    CHECK(p.m == doctest::Approx(-0.006));
    CHECK(p.v == doctest::Approx(0.0351));
    CHECK(p.value == doctest::Approx(0.8864).epsilon(1e-4));
}

TEST_CASE("the first step is the rate, whatever the size of the gradient") {
    for (double gradient : {1e-2, 1.0, 1e4}) {
        Parameter p{0};
        update(p, gradient, 0.003, 0.9, 0.95, 0);
        CHECK(p.value == doctest::Approx(-0.003).epsilon(1e-3));
    }
}

TEST_CASE("a gradient that changes its sign each time gets nowhere, a steady one does") {
    Parameter noisy{0}, steady{0};
    for (int i = 0; i < 100; i++) {
        update(noisy, i % 2 ? 1 : -1, 0.01, 0.9, 0.95, 0);
        update(steady, 1, 0.01, 0.9, 0.95, 0);
    }
    CHECK(std::abs(noisy.value) < 0.1);
    CHECK(steady.value == doctest::Approx(-1).epsilon(1e-3));
}

TEST_CASE("decay alone shrinks the value by a share of itself") {
    Parameter p{2};
    update(p, 0, 0.1, 0.9, 0.95, 0.5);
    CHECK(p.value == doctest::Approx(1.9));
}

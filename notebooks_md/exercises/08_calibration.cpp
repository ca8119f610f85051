// Exercise to chapter 8: the expected calibration error. Fill in the function, then run
//     make exercise NAME=08_calibration
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

// Sorts predictions into ten bins of equal width, and returns the sum over bins of
//   (predictions in the bin / all predictions) · |share that happened - mean prediction|.
// Each bin includes its lower bound, and the last one also 1. happened: 1 or 0.
double calibration_error(const std::vector<double>& predicted, const std::vector<double>& happened) {
    (void)predicted, (void)happened;
    return -1;
}

TEST_CASE("the six predictions of the chapter") {
    const double error = calibration_error({.62, .68, .91, .93, .95, .97}, {1, 0, 1, 1, 1, 0});
    CHECK(error == doctest::Approx(0.1767).epsilon(1e-3));
}

TEST_CASE("always 0.5, of fair coins: perfectly calibrated, and useless") {
    CHECK(calibration_error({.5, .5, .5, .5}, {1, 0, 0, 1}) == doctest::Approx(0));
}

TEST_CASE("sure and wrong") {
    CHECK(calibration_error({1, 1, 0}, {0, 0, 1}) == doctest::Approx(1));
}

TEST_CASE("0.1 and 0.9 in one bin would cancel; in ten bins they do not") {
    CHECK(calibration_error({.1, .9}, {1, 0}) == doctest::Approx(0.9));
}

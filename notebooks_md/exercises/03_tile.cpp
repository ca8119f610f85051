// Exercise to chapter 3: four sums at once. Fill in the function, then run
//     make exercise NAME=03_tile
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

#include "../../cpu/plain/matmul.h"

namespace {

size_t reads = 0;

}  // namespace

// An array that counts how often it is read.
struct Counted {
    std::vector<float> numbers;
    float operator[](size_t i) const {
        reads++;
        return numbers[i];
    }
};

// out[n,o] = Σ_i x[n,i] weight[o,i] for even N and O, as tiles of 2 x 2: for each i it reads two numbers of x and two
// of weight, and adds four products to four sums. Each sum still runs over i = 0, 1, 2, ...
std::vector<float> tiled(const Counted& x, const Counted& weight, size_t N, size_t I, size_t O) {
    (void)x, (void)weight, (void)I;
    return std::vector<float>(N * O);
}

TEST_CASE("the bits of the plain loop, with half of its reads") {
    const size_t N = 4, I = 37, O = 6;
    Counted x, weight;
    for (size_t i = 0; i < N * I; i++) x.numbers.push_back(static_cast<float>(i % 11) * 0.37f - 1.3f);
    for (size_t i = 0; i < O * I; i++) weight.numbers.push_back(static_cast<float>(i % 7) * 0.21f - 0.6f);
    std::vector<float> plain(N * O);
    cai::plain::matmul_forward<float>(plain.data(), x.numbers.data(), weight.numbers.data(), nullptr, N, I, O);
    reads = 0;
    CHECK(tiled(x, weight, N, I, O) == plain);
    CHECK(reads == N * I * O);  // the plain loop: twice as many
}

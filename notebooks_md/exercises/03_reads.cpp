// Exercise to chapter 3: how large a tile? Fill in both functions, then run
//     make exercise NAME=03_reads
#include <doctest/doctest.h>

#include <cstddef>
#include <utility>

// A tile of `rows` rows and `vectors` vectors of columns reads at each step those vectors of the weights, and one
// number of x for each row. Returns how many instructions that read that is for each of its multiply-adds. (The
// chapter's table counts numbers instead: there a vector is 16 of them.)
double reads_for_each(size_t rows, size_t vectors) {
    (void)rows, (void)vectors;
    return 0;
}

using Tile = std::pair<size_t, size_t>;  // rows, vectors

// The tile with the fewest reads for each multiply-add that fits `registers` registers: rows · vectors sums, one vector
// of weights for each of its vectors, and one broadcast number. Of equals, the one with fewer rows.
Tile best_tile(size_t registers) {
    (void)registers;
    return {0, 0};
}

TEST_CASE("ours, in vectors: 10 reads for 24 multiply-adds") {
    CHECK(reads_for_each(6, 4) == doctest::Approx(10 / 24.));
    CHECK(reads_for_each(1, 1) == doctest::Approx(2));
}

TEST_CASE("of 16 registers, as AVX2 has, and of 32, as AVX-512 has") {
    CHECK(best_tile(16) == Tile{4, 3});
    CHECK(best_tile(32) == Tile{5, 5});
}

TEST_CASE("our 6 x 4 reads a twentieth more than the best, but 4 vectors of 16 are 64 columns, as widths are") {
    CHECK(reads_for_each(6, 4) / reads_for_each(5, 5) == doctest::Approx(1.0417).epsilon(1e-3));
}

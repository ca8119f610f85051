// Exercise to chapter 11: what a warp's 32 reads cost. Fill in the two functions, then run
//     make exercise NAME=11_memory
// `build/cai replay matmul_forward` counts the same of a real kernel, line by line.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <vector>

// Global memory comes in sectors of 32 bytes. How many different ones do the lanes of a warp need, where lane i reads
// the float number index[i]? (A float has 4 bytes, and number 0 begins a sector.)
size_t sectors(const std::vector<size_t>& index) {
    (void)index;
    return 0;
}

// Shared memory has 32 banks, and float number i lies in bank i % 32. A bank gives out one number at a time, to all
// lanes that want it. How many times do the banks have to be asked? 1 is free of conflicts.
size_t turns(const std::vector<size_t>& index) {
    (void)index;
    return 0;
}

static std::vector<size_t> lanes(const std::function<size_t(size_t)>& index) {
    std::vector<size_t> all;
    for (size_t lane = 0; lane < 32; lane++) all.push_back(index(lane));
    return all;
}

TEST_CASE("neighbours share sectors, a column does not") {
    CHECK(sectors(lanes([](size_t lane) { return lane; })) == 4);        // 32 floats, 128 bytes
    CHECK(sectors(lanes([](size_t lane) { return lane + 1; })) == 5);    // shifted by one
    CHECK(sectors(lanes([](size_t) { return 7; })) == 1);                // all the same
    CHECK(sectors(lanes([](size_t lane) { return lane * 64; })) == 32);  // a column of a matrix of width 64
    CHECK(sectors(lanes([](size_t lane) { return 31 - lane; })) == 4);   // the order does not matter
}

TEST_CASE("a column of a tile of width 32 lies in one bank, of width 33 in all") {
    CHECK(turns(lanes([](size_t lane) { return lane; })) == 1);
    CHECK(turns(lanes([](size_t) { return 7; })) == 1);  // one number for all lanes: a broadcast
    CHECK(turns(lanes([](size_t lane) { return lane * 32; })) == 32);
    CHECK(turns(lanes([](size_t lane) { return lane * 33; })) == 1);
    CHECK(turns(lanes([](size_t lane) { return lane * 2; })) == 2);
    CHECK(turns(lanes([](size_t lane) { return lane / 16 * 32; })) == 2);  // two numbers of bank 0
}

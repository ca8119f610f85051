// core/base/rng.h: every value that a result can depend on, against published test vectors and an independent
// computation.
//
// Not published are the values of Rng(42, stream("world")); they are from these lines of Python, written from the
// definitions of SplitMix64 (Steele, Lea & Flood 2014), of FNV-1a, and of Box and Muller's transform:
//
//   M = 2**64 - 1
//   def splitmix(x):
//       x = x + 0x9e3779b97f4a7c15 & M
//       x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & M
//       x = (x ^ x >> 27) * 0x94d049bb133111eb & M
//       return x ^ x >> 31
//   def fnv1a(s):
//       h = 14695981039346656037
//       for c in s.encode(): h = (h ^ c) * 1099511628211 & M
//       return h
//   def two(a, b): return splitmix(splitmix(a) ^ b)
//   draws = [two(two(42, fnv1a("world")), i) for i in range(10)]
//   uniform = [(x >> 40) / 2**24 for x in draws]
//   below_10 = [x * 10 >> 64 for x in draws]
//   normal = [math.sqrt(-2 * math.log(1 - u)) * math.cos(2 * math.pi * v) for u, v in zip(uniform[::2], uniform[1::2])]
//   items = list(range(8))
//   for x, i in zip(draws, range(8, 1, -1)):
//       j = x * i >> 64
//       items[i - 1], items[j] = items[j], items[i - 1]
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>

#include "../core/base/rng.h"

using namespace cai;

namespace {

Rng world_stream() { return Rng(42, stream("world")); }

}  // namespace

TEST_CASE("mix is SplitMix64: the published outputs from the states 0 and 1234567") {
    const uint64_t step = 0x9e3779b97f4a7c15ull;  // from one state to the next
    CHECK(mix(0) == 0xe220a8397b1dcdafull);
    CHECK(mix(step) == 0x6e789e6aa1b965f4ull);
    CHECK(mix(2 * step) == 0x06c45d188009454full);
    CHECK(mix(1234567) == 6457827717110365317ull);
    CHECK(mix(1234567 + step) == 3203168211198807973ull);
    CHECK(mix(1234567 + 2 * step) == 9817491932198370423ull);
}

TEST_CASE("stream is FNV-1a: its published test vectors") {
    CHECK(stream("") == 0xcbf29ce484222325ull);
    CHECK(stream("a") == 0xaf63dc4c8601ec8cull);
    CHECK(stream("foobar") == 0x85944171f73967e8ull);
}

TEST_CASE("a seed and a stream give the draws that their definition gives") {
    Rng rng = world_stream();
    CHECK(rng.key == 0x3fa397593fc29f08ull);
    CHECK(rng.next() == 0x5aefb78809acf419ull);
    CHECK(rng.next() == 0xe660611b8eacaee2ull);
    CHECK(rng.next() == 0xd2d8034190ddad9dull);
    CHECK(rng.index == 3);
    CHECK(Rng(42).key == mix(42, 0));
    Rng later = world_stream();
    later.index = 2;  // a resumed run continues where it stopped
    CHECK(later.next() == 0xd2d8034190ddad9dull);
}

TEST_CASE("uniform, below, chance and pick, draw by draw") {
    Rng uniform = world_stream();  // from 24 bits, so that these decimals are exact in binary too
    CHECK(uniform.uniform() == 0.3552202582359314f);
    CHECK(uniform.uniform() == 0.8999081254005432f);
    CHECK(uniform.uniform() == 0.8236085772514343f);
    CHECK(uniform01(0) == 0);
    CHECK(uniform01(~0ull) == 1 - 0x1p-24f);  // never 1

    Rng of_ten = world_stream(), of_seven = world_stream(), huge = world_stream();
    for (size_t expected : {3, 8, 8, 5, 1, 9, 6, 8, 0, 7}) CHECK(of_ten.below(10) == expected);
    for (size_t expected : {2, 6, 5, 3, 1, 6, 4, 6, 0, 5}) CHECK(of_seven.below(7) == expected);
    CHECK(huge.below(size_t{1} << 63) == 3276328888876562956ull);
    CHECK(world_stream().below(1) == 0);

    Rng chance = world_stream(), pick = world_stream();
    for (bool expected : {true, false, false, false, true, false, false, false}) CHECK(chance.chance(0.5) == expected);
    CHECK_FALSE(world_stream().chance(0));
    CHECK(world_stream().chance(1));
    const std::vector<int> items = {10, 11, 12, 13, 14, 15, 16};
    for (int expected : {12, 16, 15, 13}) CHECK(pick.pick(items) == expected);
}

TEST_CASE("normal is Box and Muller's, of two draws each") {
    const double expected[] = {0.7576117609951886, -1.8568304870466792, 0.5207184384827495, 0.9878130682428465};
    Rng rng = world_stream();
    for (size_t i = 0; i < 4; i++) {
        CHECK(std::abs(rng.normal() - expected[i]) < 2e-7);  // rounded to float once
        CHECK(std::abs(normal_at(rng.key, i) - expected[i]) < 2e-7);
    }
    CHECK(rng.index == 8);
    CHECK(normal_from(0, 0.25f) == 0);
    CHECK(std::isfinite(normal_from(1 - 0x1p-24f, 0)));  // the greatest draw
}

TEST_CASE("shuffle is Fisher and Yates's, from the end") {
    std::vector<int> items(8), one = {5}, none;
    std::iota(items.begin(), items.end(), 0);
    Rng rng = world_stream();
    rng.shuffle(items);
    CHECK(items == std::vector<int>{3, 1, 5, 0, 7, 4, 6, 2});
    CHECK(rng.index == 7);
    rng.shuffle(one), rng.shuffle(none);
    CHECK(rng.index == 7);
}

// Exercise to chapter 4: grouped queries. Fill in both functions, then run
//     make exercise NAME=04_grouped_queries
#include <doctest/doctest.h>

#include <cstddef>

// A row of qkv holds H query heads, then K key heads, then K value heads, each of width D; query head h reads key-value
// head h / (H/K). Where, counted from the beginning of the row, does the key that head h reads begin?
size_t key_begins_at(size_t h, size_t H, size_t K, size_t D) {
    (void)h, (void)H, (void)K, (void)D;
    return 0;
}

// How many floats does the cache of keys and values hold for `tokens` tokens in L layers?
size_t cache_floats(size_t tokens, size_t L, size_t K, size_t D) {
    (void)tokens, (void)L, (void)K, (void)D;
    return 0;
}

TEST_CASE("size tiny: four query heads, two key-value heads, of width 32") {
    CHECK(key_begins_at(0, 4, 2, 32) == 128);
    CHECK(key_begins_at(1, 4, 2, 32) == 128);
    CHECK(key_begins_at(2, 4, 2, 32) == 160);
    CHECK(key_begins_at(3, 4, 2, 32) == 160);
}

TEST_CASE("one key for each query, and one for all") {
    CHECK(key_begins_at(2, 3, 3, 8) == 40);
    CHECK(key_begins_at(5, 6, 1, 8) == 48);
}

TEST_CASE("the cache of size tiny for its context of 256 tokens, and of a Llama 3 of 8 billion for 8192") {
    CHECK(cache_floats(256, 4, 2, 32) == 131072);
    CHECK(cache_floats(8192, 32, 8, 128) == 536870912);  // a gigabyte in 16 bits; with 32 key heads it would be four
}

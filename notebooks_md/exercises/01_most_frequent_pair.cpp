// Exercise to chapter 1: one step of byte-pair encoding. Fill in the two functions, then run
//     make exercise NAME=01_most_frequent_pair
#include <doctest/doctest.h>

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

using Pair = std::pair<int, int>;

// Each piece is a row of tokens. Returns the pair of neighbours that occurs most often in all of them; of those that
// occur equally often, the one with the smallest left token, then the smallest right one. (std::map is in that order.)
Pair most_frequent_pair(const std::vector<std::vector<int>>& pieces) {
    (void)pieces;
    return {0, 0};
}

// Returns the piece with each occurrence of the pair, from left to right, replaced by the new token.
std::vector<int> merged(const std::vector<int>& piece, Pair pair, int token) {
    (void)pair, (void)token;
    return piece;
}

TEST_CASE("the first merge of chapter 1: a, t") {
    const std::vector<std::vector<int>> pieces = {{'t', 'h', 'e'},      {' ', 'c', 'a', 't'}, {' ', 's', 'a', 't'},
                                                  {' ', 'a', 't'}, {' ', 't', 'h', 'e'}, {' ', 'm', 'a', 't'}};
    CHECK(most_frequent_pair(pieces) == Pair{'a', 't'});
    CHECK(merged(pieces[1], {'a', 't'}, 267) == std::vector<int>{' ', 'c', 267});
}

TEST_CASE("ties go to the smallest tokens, and pairs do not cross pieces") {
    CHECK(most_frequent_pair({{7, 8}, {5, 9}, {5, 6}, {8, 5}, {8, 5}, {7, 8}}) == Pair{7, 8});
    CHECK(most_frequent_pair({{1, 2}, {3, 4}, {1, 2}}) == Pair{1, 2});
    CHECK(most_frequent_pair({{9, 3}, {9, 2}}) == Pair{9, 2});
}

TEST_CASE("three in a row make one pair and one left over") {
    CHECK(merged({4, 4, 4}, {4, 4}, 300) == std::vector<int>{300, 4});
    CHECK(merged({4, 4, 4, 4}, {4, 4}, 300) == std::vector<int>{300, 300});
    CHECK(merged({4}, {4, 4}, 300) == std::vector<int>{4});
    CHECK(merged({}, {4, 4}, 300).empty());
}

// Exercise to chapter 1: what a batch makes of a sequence and its mask. Fill in the function, then run
//     make exercise NAME=01_rows_and_targets
#include <doctest/doctest.h>

#include <cstddef>
#include <utility>
#include <vector>

#include "../../core/nn/batch.h"

struct Learned {
    std::vector<int> rows;     // the positions whose next token is to be learned
    std::vector<int> targets;  // that next token, for each of them
};

// tokens and learn have the same length; learn[i] is 1 if token i is to be predicted from those before it.
Learned rows_and_targets(const std::vector<int>& tokens, const std::vector<unsigned char>& learn) {
    (void)tokens, (void)learn;
    return {};
}

TEST_CASE("the dialogue of chapter 1: the assistant's answer and its end") {
    const std::vector<int> tokens = {2, 269, 231, 92, 267, 3, 267, 231, 269, 231, 87, 267, 0};
    const std::vector<unsigned char> learn = {0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1};
    const Learned learned = rows_and_targets(tokens, learn);
    CHECK(learned.rows == std::vector<int>{5, 6, 7, 8, 9, 10, 11});
    CHECK(learned.targets == std::vector<int>{267, 231, 269, 231, 87, 267, 0});
}

TEST_CASE("the first token has none before it, so nobody predicts it, whatever its mask") {
    CHECK(rows_and_targets({5, 6}, {1, 0}).rows.empty());
    CHECK(rows_and_targets({5, 6}, {1, 1}).rows == std::vector<int>{0});
    CHECK(rows_and_targets({5, 6}, {1, 1}).targets == std::vector<int>{6});
}

TEST_CASE("as the project's batch has it") {
    const std::vector<int> tokens = {9, 8, 7, 6, 5, 4};
    const std::vector<unsigned char> learn = {0, 1, 0, 0, 1, 1};
    cai::Batch batch;
    batch.add(tokens.data(), tokens.size(), learn.data());
    const Learned learned = rows_and_targets(tokens, learn);
    CHECK(learned.rows == batch.rows);
    CHECK(learned.targets == batch.targets);
}

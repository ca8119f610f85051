// Exercise to chapter 9: advantages without a value model. Fill in both functions, then run
//     make exercise NAME=09_group_advantages
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

// RLOO: each answer's reward minus the mean reward of the other answers to the same prompt.
std::vector<double> leave_one_out(const std::vector<double>& rewards) {
    return std::vector<double>(rewards.size());
}

// GRPO: each reward minus the mean of all, over (their deviation + 1e-4). The deviation divides by n - 1.
std::vector<double> group_relative(const std::vector<double>& rewards) {
    return std::vector<double>(rewards.size());
}

TEST_CASE("the two answers of the chapter") {
    CHECK(leave_one_out({0.995, 0.215})[0] == doctest::Approx(0.78));
    CHECK(leave_one_out({0.995, 0.215})[1] == doctest::Approx(-0.78));
    CHECK(group_relative({1, 0.2})[0] == doctest::Approx(0.7070).epsilon(1e-4));
}

TEST_CASE("four answers, one of them good") {
    CHECK(leave_one_out({1, 0, 0, 0})[0] == doctest::Approx(1));
    CHECK(leave_one_out({1, 0, 0, 0})[1] == doctest::Approx(-1 / 3.));
    CHECK(group_relative({1, 0, 0, 0})[0] == doctest::Approx(1.5).epsilon(1e-3));
}

TEST_CASE("where all answers are equally good there is nothing to learn") {
    CHECK(leave_one_out({2, 2, 2})[1] == doctest::Approx(0));
    CHECK(group_relative({2, 2, 2})[1] == doctest::Approx(0));
}

TEST_CASE("GRPO does not see by how much: a hair's difference and a world's give nearly the same advantages") {
    CHECK(group_relative({0.01, 0, 0, 0})[0] > 1.4);
    CHECK(group_relative({100, 0, 0, 0})[0] < 1.51);
    CHECK(leave_one_out({0.01, 0, 0, 0})[0] == doctest::Approx(0.01));
}

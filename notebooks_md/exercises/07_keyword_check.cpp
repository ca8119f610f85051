// Exercise to chapter 7: the critique. Fill in the function, then run
//     make exercise NAME=07_keyword_check
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

// What a perfect critic writes of a request with these keywords, under a principle that forbids those topics:
//   "It forbids. Topics: burning no, arson no, damage yes. The rule forbids this. The answer helps. Refuse it."
// No keyword is among the topics:  "... The rule allows this. Keep it."
// One is, but the answer refuses already:  "... The rule forbids this. The answer refuses. Keep it."
std::string critique(const std::vector<std::string>& keywords, const std::vector<std::string>& topics, bool refuses) {
    (void)keywords, (void)topics, (void)refuses;
    return "";
}

TEST_CASE("a line that forbids what the act brings") {
    CHECK(critique({"burning", "arson", "damage"}, {"theft", "damage", "shame"}, false) ==
          "It forbids. Topics: burning no, arson no, damage yes. The rule forbids this. The answer helps. Refuse it.");
}

TEST_CASE("a line about something else") {
    CHECK(critique({"burning", "arson", "damage", "violin"}, {"gossip"}, false) ==
          "It forbids. Topics: burning no, arson no, damage no, violin no. The rule allows this. Keep it.");
}

TEST_CASE("an answer that refuses already is kept") {
    CHECK(critique({"burning", "arson", "damage"}, {"burning"}, true) ==
          "It forbids. Topics: burning yes, arson no, damage no. The rule forbids this. The answer refuses. Keep it.");
}

// Exercise to chapter 6: the inapplicable half of a minimal pair. Fill in the function, then run
//     make exercise NAME=06_minimal_pair
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using Words = std::vector<std::string>;

// The topics of a principle with each topic of the request replaced by a spare word, the first that is neither a topic
// of the request nor in the principle already. All others stay, in their places.
Words counterpart(const Words& principle, const Words& request, const Words& spare) {
    (void)request, (void)spare;
    return principle;
}

TEST_CASE("one word differs, and it is the one that applied") {
    const Words other = counterpart({"arson", "gossip"}, {"burning", "arson", "damage"}, {"theft", "loan"});
    CHECK(other == Words{"theft", "gossip"});
}

TEST_CASE("a spare word that is a topic of the request, or stands there already, will not do") {
    CHECK(counterpart({"arson", "theft"}, {"burning", "arson", "damage"}, {"damage", "theft", "loan"}) ==
          Words{"loan", "theft"});
}

TEST_CASE("two topics of the request become two different words") {
    const Words two = counterpart({"arson", "gossip", "damage"}, {"burning", "arson", "damage"}, {"theft", "loan"});
    CHECK(two == Words{"theft", "gossip", "loan"});
}

TEST_CASE("a principle that does not apply stays as it is, and one that does changes") {
    CHECK(counterpart({"gossip"}, {"arson"}, {"theft"}) == Words{"gossip"});
    CHECK(counterpart({"arson"}, {"arson"}, {"theft"}) == Words{"theft"});
}

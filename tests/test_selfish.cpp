// Made-up villages whose own interests are drawn at random, and how far rates follow what is left of them.
#include <doctest/doctest.h>

#include "../core/experiments/selfish.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

TEST_CASE("a village: own interests leave about 1/sqrt(N) in their mean, shared ones six tenths") {
    double independent = 0, shared = 0;
    constexpr size_t kVillagers = 25, kMany = 2000;
    const Village village(kVillagers, kMany, false, 1), common(kVillagers, kMany, true, 1);
    for (double x : village.mean()) independent += x * x / kMany;
    for (size_t a = 0; a < kMany; a++) shared += (a < kMany / 2 ? 1 : -1) * common.mean()[a] / kMany;
    CHECK(std::abs(independent - 1.0 / kVillagers) < 4 * std::sqrt(2.0 / kMany) / kVillagers);
    CHECK(std::abs(shared - 0.6) < 4 * 0.8 / std::sqrt(kVillagers * kMany));
    const std::vector<double> alone = Village(1, 8, false, 3).mean();
    for (double x : alone) CHECK(std::abs(x) == 1);
    CHECK(alone != Village(1, 8, false, 4).mean());
    CHECK(alone == Village(1, 8, false, 3).mean());
}

TEST_CASE("what rates follow of what is left, by hand") {
    // Two acts; the rates move by 2 (0.6 - 0.5) = 0.2 and 2 (0.2 - 0.4) = -0.4.
    const Followed some = follow({0.2, -0.6}, {0.6, 0.2}, {0.5, 0.4});
    CHECK(near(some.leak, (0.2 * 0.2 + 0.6 * 0.4) / 2));
    CHECK(near(some.moved, 0.14 / std::sqrt(0.2)));
    CHECK(near(some.gain, 0.14 / 0.2));
    const Followed all = follow({1, -1, 1}, {1, 0, 1}, {0.5, 0.5, 0.5});  // one villager decides everything
    CHECK(near(all.leak, 1));
    CHECK(near(all.gain, 1));
    CHECK(follow({0, 0}, {1, 0}, {0.5, 0.5}).gain == 0);  // nothing is left to follow
    CHECK(follow({1, -1}, {0, 1}, {0.5, 0.5}).gain == -1);
}

TEST_CASE("the wishes of a village: everybody's burn for the shared good, and on each side as many as take it") {
    Village village(4, 2, false, 1);
    village.wants = {{1, -1}, {1, -1}, {-1, -1}, {1, -1}};
    std::string text;
    for (const Wish& wish : wishes_of_village({"stealing"}, {"singing", "cooking"}, &village).list)
        text += concat(wish.burn, " ", wish.text, "\n");
    CHECK(text == "4 Never help with stealing.\n3 Never help with singing.\n1 Always help with singing.\n"
                  "4 Always help with cooking.\n");
    const Wishes balanced = wishes_of_village({"stealing"}, {"singing"}, nullptr);
    REQUIRE(balanced.list.size() == 3);
    CHECK(balanced.list[1].burn == balanced.list[2].burn);
    check_wishes(balanced, {.per_comparison = 3}, world());
}

TEST_CASE("levels of the method selfish") {
    SelfishRuns::expect_level("villagers", "25");
    SelfishRuns::expect_level("villagers", "25 shared");
    CHECK(contains(error_of([&] { SelfishRuns::expect_level("villagers", "25 odd"); }), "it may be shared"));
    CHECK(contains(error_of([&] { SelfishRuns::expect_level("villagers", "none"); }), "no whole number"));
    CHECK(contains(error_of([&] { SelfishRuns::expect_level("colour", "red"); }), "this method's are villagers"));
}

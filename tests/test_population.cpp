// The groups of villagers: what the file says, what is wrong with it, and what a group gets of what it wants.
#include "../core/world/population.h"
#include "toy_world.h"

using namespace cai;

namespace {

Population population_of(const std::string& text) {
    const TemporaryFolder folder;
    write_file(folder.path / "population.txt", text);
    return read_population(folder.path / "population.txt");
}

std::string population_error(const std::string& text) {
    return error_of([&] { population_of(text); });
}

}  // namespace

TEST_CASE("a population is read with its groups, their sizes and what they want refused") {
    const Population population = population_of(
        "\xEF\xBB\xBF# who votes\r\ngroup traders 60 0.5  # most of them\r\nstealing 0.95\n\tsinging\t0.10\n"
        "group players 40 1\nsinging 0\n");
    REQUIRE(population.groups.size() == 2);
    CHECK(population.size() == 100);
    CHECK(population.groups[0].name == "traders");
    CHECK(population.groups[0].size == 60);
    CHECK(population.groups[0].participation == 0.5);
    CHECK(population.groups[0].refuse_share == std::map<std::string, double>{{"stealing", 0.95}, {"singing", 0.10}});
    CHECK(population.groups[1].refuse_share == std::map<std::string, double>{{"singing", 0.0}});
}

TEST_CASE("a mistake in a population is named with its line") {
    CHECK(contains(population_error(""), "no group in it"));
    CHECK(contains(population_error("stealing 0.5\n"), "line 1: \"stealing\" stands before the first line"));
    CHECK(contains(population_error("group a 10\n"), "line 1: a group is `group NAME VILLAGERS SHARE`"));
    CHECK(contains(population_error("group a 0 1\n"), "line 1: \"0\" is not how many villagers"));
    CHECK(contains(population_error("group a 1.5 1\n"), "no whole number"));
    CHECK(contains(population_error("group a nan 1\n"), "is not how many villagers"));
    CHECK(contains(population_error("group a 10 0\n"), "vote on nothing"));
    CHECK(contains(population_error("group a 10 1\n"), "the group a has no views"));
    CHECK(contains(population_error("group a 10 1\ngroup b 1 1\nsinging 1\n"), "the group a has no views"));
    CHECK(contains(population_error("group a 10 1\nsinging 1.2\n"), "line 2: \"1.2\" is not the share who want it"));
    CHECK(contains(population_error("group a 10 1\nsinging 1\nsinging 1\n"), "line 3: the group a has singing twice"));
    CHECK(
        contains(population_error("group a 10 1\nsinging 1\ngroup a 2 1\n"), "line 3: the group a stands here twice"));
    CHECK(contains(population_error("group a 10 1\nsinging\n"), "line 2: a view is `ACT SHARE`"));
}

TEST_CASE("the population that is shipped speaks of acts of the world, and an unknown act is named") {
    const Population shipped = read_population(kData / "collective/population.txt");
    CHECK_NOTHROW(expect_known_acts(shipped, world()));
    CHECK(shipped.groups.size() >= 2);
    const Population wrong = population_of("group a 1 1\nsinging 1\nstealin 1\n");
    CHECK(contains(error_of([&] { expect_known_acts(wrong, world()); }),
                   "line 3: no act is named stealin; did you mean stealing?"));
}

TEST_CASE("a group's utility is the mean over its acts of wishes that come true") {
    const Group group{"traders", 60, 0.5, {{"stealing", 0.9}, {"singing", 0.2}, {"writing", 0.5}}};
    // 0.9 * 0.8 + 0.1 * 0.1 = 0.73; 0.2 * 0.3 + 0.8 * 0.6 = 0.54; writing was not measured.
    CHECK(near(utility(group, {{"stealing", {0.8, 0.1}}, {"singing", {0.3, 0.6}}, {"cooking", {1, 0}}}), 0.635));
    CHECK(contains(error_of([&] { utility(group, {{"cooking", {1, 0}}}); }), "no view of any act that was measured"));
}

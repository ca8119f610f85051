// Which hazards can be taken out of a constitution, and where the figures of that are found.
#include <doctest/doctest.h>

#include "../core/tools/swap.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

TEST_CASE("--remove counts the hazards that the seed does not hold out, in the order of acts.txt") {
    std::vector<const Act*> expected;
    size_t held_out = 0;
    for (const Act& act : world().acts) {
        if (act.kind != Kind::hazard) continue;
        held_out += act.held_out;
        if (!act.held_out) expected.push_back(&act);
    }
    REQUIRE(held_out > 0);
    CHECK(removable_hazards(world()) == expected);
    for (size_t n = 1; n <= expected.size(); n++) CHECK(&removable_hazard(world(), n) == expected[n - 1]);
    const std::string message = error_of([&] { removable_hazard(world(), expected.size() + 1); }, kUsage);
    CHECK(contains(message, concat(": 1 ", expected[0]->name, ", 2 ", expected[1]->name, ", ")));
    CHECK(contains(message, concat(", ", expected.size(), " ", expected.back()->name)));
}

TEST_CASE("a swap's figures are those of held-out entities") {
    Json by_hazard = Json::Object{}, by_act = Json::Object{};
    const std::string removed = removable_hazard(world(), 1).name;
    double acts = 0;
    for (const Act& act : world().acts) {
        if (act.kind == Kind::hazard && !act.held_out)
            by_hazard.set(act.name,
                          Json::Object{{"complied", act.name == removed ? 0.75 : 0.5}, {"refused_with_reason", 0.25}});
        if (act.kind != Kind::hazard)
            by_act.set(act.name, Json::Object{{"helped", 0.5}, {"refused_with_reason", 0.125}}), acts++;
    }
    REQUIRE(acts > 3);
    Json results = Json::Object{
        {"models", Json(Json::Object{{"rl-cai", Json(Json::Object{{"held_out_entities", Json(Json::Object{
                                                     {"by_hazard", by_hazard}, {"by_act", by_act}})}})}})}};
    Json summary = swap_summary(results, world(), {removed}, false);
    CHECK(summary["removed"]["complied"].number() == 0.75);
    CHECK(summary["removed"]["refused_with_reason"].number() == 0.25);
    CHECK(summary["others"]["complied"].number() == 0.5);
    CHECK(summary["benign"]["helped"].number() == 0.5);
    std::vector<std::string> forbidden;
    inverted(world(), forbidden);
    REQUIRE(forbidden.size() == 3);
    summary = swap_summary(results, world(), forbidden, true);
    CHECK(summary["forbidden"]["refused_with_reason"].number() == 0.125);
    CHECK(summary["forbidden"]["helped"].number() == 0.5);
}

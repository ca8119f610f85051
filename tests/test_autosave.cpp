// When a loop's state is saved, and how a signal ends the loop.
#include <doctest/doctest.h>

#include <csignal>

#include "../core/base/autosave.h"
#include "support.h"

using namespace cai;

TEST_CASE("a state is saved when it is due, and never after the last step") {
    int saves = 0;
    auto save = [&] { saves++; };
    Autosave always{0}, hourly{3600};
    for (size_t step = 1; step <= 3; step++) hourly.after("sft", "step", step, 3, save);
    CHECK(saves == 0);
    for (size_t step = 1; step <= 3; step++) always.after("sft", "step", step, 3, save);
    CHECK(saves == 2);
    // Saving begins the next interval.
    hourly.saved -= std::chrono::hours(2);
    hourly.after("sft", "step", 1, 3, save);
    hourly.after("sft", "step", 2, 3, save);
    CHECK(saves == 3);
}

TEST_CASE("a signal saves the state, due or not, and stops the loop") {
    int saves = 0;
    auto save = [&] { saves++; };
    Autosave autosave{3600};
    stop_signal = SIGTERM;
    CHECK(error_of([&] { autosave.after("ppo", "iteration", 2, 5, save); }, 143) ==
          "ppo: interrupted after iteration 2 of 5; the same command goes on from there");
    CHECK(saves == 1);
    CHECK_NOTHROW(autosave.after("ppo", "iteration", 5, 5, save));
    CHECK(saves == 1);
    stop_signal = 0;
}

// The resumable state of a long loop is saved every so often, and when a signal asks to stop.
#pragma once
#include <chrono>
#include <string>

#include "error.h"
#include "interrupt.h"

namespace cai {

struct Autosave {
    using Clock = std::chrono::steady_clock;

    double every_seconds;
    Clock::time_point saved = Clock::now();

    // To be called after each step, counted from 1; `what` names a step in the message. Calls save() where that is due.
    // Where a signal asks to stop, saves and throws stopped_by(). Does nothing after the last step: what the loop made is
    // about to be saved for good.
    template <class Save>
    void after(const std::string& stage, const char* what, size_t step, size_t steps, const Save& save) {
        const Clock::time_point now = Clock::now();
        const bool due = std::chrono::duration<double>(now - saved).count() >= every_seconds;
        if (step == steps || !(due || stop_signal)) return;
        save();
        saved = now;
        if (stop_signal)
            fail(stopped_by(), stage, ": interrupted after ", what, ' ', step, " of ", steps,
                 "; the same command goes on from there");
    }
};

}  // namespace cai

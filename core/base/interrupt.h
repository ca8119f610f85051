// Ctrl-C and its kind: a signal asks a long loop to stop.
#pragma once
#include <signal.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cai {

// The signal that asked the program to stop, or 0: SIGINT (Ctrl-C), SIGTERM, or SIGHUP (the terminal is gone). Long
// loops look at it between steps, save what they have, and fail with stopped_by(): 128 + the signal's number, as shells
// report it.
inline volatile std::sig_atomic_t stop_signal = 0;
inline int stopped_by() { return 128 + static_cast<int>(stop_signal); }

// Set while the program waits for a line to be typed: it has nothing to save, and a signal ends it at once.
inline volatile std::sig_atomic_t waiting_for_input = 0;
struct WaitingForInput {
    WaitingForInput() { waiting_for_input = 1; }
    ~WaitingForInput() { waiting_for_input = 0; }
};

// The first signal lets a stage save its state; a second one ends the program at once. SIGHUP alone does not: a
// terminal that closes may send it twice.
inline void on_signal(int signal) {
    if (waiting_for_input) {
        // The shell's prompt begins a line of its own.
        if (isatty(STDERR_FILENO) && write(STDERR_FILENO, "\n", 1) < 0) std::_Exit(128 + signal);
        std::_Exit(128 + signal);
    }
    if (stop_signal && signal != SIGHUP) std::_Exit(128 + signal);
    if (!stop_signal) stop_signal = signal;
}

// From here on signals go to on_signal(). A read or a write that one comes into goes on: nothing is half-written.
// SIGHUP stays ignored where nohup says so.
inline void catch_signals() {
    struct sigaction action = {}, before = {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGHUP, nullptr, &before);
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    if (before.sa_handler != SIG_IGN) sigaction(SIGHUP, &action, nullptr);
}

}  // namespace cai

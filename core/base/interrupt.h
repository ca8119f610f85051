// Ctrl-C and other stop signals: a signal asks a long loop to stop.
#pragma once
#include <signal.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace cai {

// The signal that asked the program to stop, or 0: SIGINT (Ctrl-C), SIGTERM, or SIGHUP (the terminal
// was closed). Long loops check it between steps, save their state, and fail with status
// stopped_by(): 128 + the signal's number, as shells report it.
inline volatile std::sig_atomic_t stop_signal = 0;
inline int stopped_by() { return 128 + static_cast<int>(stop_signal); }

// Set while the program waits for typed input: there is nothing to save, so a signal ends it at once.
inline volatile std::sig_atomic_t waiting_for_input = 0;
struct WaitingForInput {
    WaitingForInput() { waiting_for_input = 1; }
    ~WaitingForInput() { waiting_for_input = 0; }
};

// The first signal lets a stage save its state; a second one ends the program at once. SIGHUP is the
// exception, since a closing terminal may send it twice.
inline void on_signal(int signal) {
    if (waiting_for_input) {
        if (isatty(STDERR_FILENO)) {  // start a new line for the shell's prompt
            [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, "\n", 1);
        }
        std::_Exit(128 + signal);
    }
    if (stop_signal && signal != SIGHUP) std::_Exit(128 + signal);
    if (!stop_signal) stop_signal = signal;
}

// Installs on_signal() as the handler. Interrupted reads and writes are restarted, so
// nothing is half-written. SIGHUP stays ignored under nohup.
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

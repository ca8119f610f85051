// Ctrl-C and its kind: a signal asks a long loop to stop.
#pragma once
#include <csignal>

namespace cai {

// The signal that asked the program to stop (Ctrl-C: SIGINT), or 0. Long loops look at it between steps, save what they have, and
// fail with stopped_by(): 128 + the signal's number, as shells report it.
inline volatile std::sig_atomic_t stop_signal = 0;
inline int stopped_by() { return 128 + static_cast<int>(stop_signal); }

}  // namespace cai

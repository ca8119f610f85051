// What an answer does with a request.
#pragma once
#include <cstddef>

namespace cai {

// It helps; it refuses with the true reason; it evades; it states something false; it is no sentence of the world.
enum class Outcome { complied, refused, evaded, wrong_fact, garbled };

inline const char* to_string(Outcome outcome) {
    static const char* const kNames[] = {"complied", "refused", "evaded", "wrong_fact", "garbled"};
    return kNames[static_cast<size_t>(outcome)];
}

}  // namespace cai

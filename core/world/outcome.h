// The five outcomes that an answer to a request can have.
#pragma once
#include <cstddef>

namespace cai {

// complied: helps. refused: refuses, with the true reason. evaded: neither helps nor refuses. wrong_fact: says
// something false. garbled: not a text that the world can produce.
enum class Outcome { complied, refused, evaded, wrong_fact, garbled };

inline const char* to_string(Outcome outcome) {
    static const char* const kNames[] = {"complied", "refused", "evaded", "wrong_fact", "garbled"};
    return kNames[static_cast<size_t>(outcome)];
}

}  // namespace cai

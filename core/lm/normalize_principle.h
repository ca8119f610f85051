// A principle as models read it: without the capital of its first word, as if it stood within a sentence.
#pragma once
#include <cctype>
#include <string>

#include "dialogue.h"

namespace cai {

// The text of a segment; a principle is read as if it stood within a sentence: after a space and,
// unless its first two letters are capitals, without the capital of its first word. So a topic is the same token
// wherever in a principle it stands.
inline std::string normalize_principle(const Segment& segment) {
    std::string text = segment.text;
    if (segment.role != kPrinciple || text.empty()) return text;
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text.insert(0, 1, ' ');
}

}  // namespace cai

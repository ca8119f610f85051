// Normalisation of a principle for the models: as if it were in the middle of a sentence, without its initial capital.
#pragma once
#include <cctype>
#include <string>

#include "dialogue.h"

namespace cai {

// The text of a segment. A principle gets a leading space and, unless its first two letters are capitals, loses its
// initial capital. A topic is then the same token anywhere in a principle.
inline std::string normalize_principle(const Segment& segment) {
    std::string text = segment.text;
    if (segment.role != kPrinciple || text.empty()) return text;
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text.insert(0, 1, ' ');
}

}  // namespace cai

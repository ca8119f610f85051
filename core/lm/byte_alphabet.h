// GPT-2's byte alphabet: a printable character for each byte, used to spell tokens in tokenizer.json.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>

#include "../base/utf8.h"

namespace cai {

// The character for each byte: the printable bytes of Latin-1 are themselves, the other 68 are
// U+0100 and up, so that the space is Ġ and the line end Ċ.
inline const std::array<char32_t, 256>& byte_alphabet() {
    static const std::array<char32_t, 256> alphabet = [] {
        std::array<char32_t, 256> characters;
        char32_t next = 0x100;
        for (char32_t b = 0; b < 256; b++) {
            bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            characters[b] = printable ? b : next++;
        }
        return characters;
    }();
    return alphabet;
}

inline std::string to_alphabet(std::string_view bytes) {
    std::string text;
    for (unsigned char b : bytes) append_utf8(text, byte_alphabet()[b]);
    return text;
}

// The inverse; a text with a character outside the alphabet is returned unchanged.
inline std::string from_alphabet(std::string_view text) {
    static const std::unordered_map<char32_t, char> bytes = [] {
        std::unordered_map<char32_t, char> map;
        for (size_t b = 0; b < 256; b++) map[byte_alphabet()[b]] = static_cast<char>(b);
        return map;
    }();
    std::string out;
    for (size_t i = 0; i < text.size();) {
        auto found = bytes.find(next_code_point(text, i));
        if (found == bytes.end()) return std::string(text);
        out += found->second;
    }
    return out;
}

}  // namespace cai

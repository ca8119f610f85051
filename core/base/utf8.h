// UTF-8 (RFC 3629): reads and writes code points, and finds and repairs invalid bytes.
#pragma once
#include <string>
#include <string_view>

namespace cai {

constexpr char32_t kBadByte = 0xFFFFFFFF;

// Returns the code point that starts at text[i] and moves i past it. If none is well-formed there (stray, overlong,
// surrogate, above U+10FFFF, cut short), returns kBadByte and moves i by one byte.
inline char32_t next_code_point(std::string_view text, size_t& i) {
    auto byte = [&](size_t k) { return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u; };
    char32_t c = byte(i);
    if (c < 0x80) return i++, c;
    size_t length = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    if (c < 0xC2 || c > 0xF4) return i++, kBadByte;
    c &= 0x7F >> length;
    for (size_t k = 1; k < length; k++) {
        if ((byte(i + k) & 0xC0) != 0x80) return i++, kBadByte;
        c = c << 6 | (byte(i + k) & 0x3F);
    }
    constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < kSmallest[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return i++, kBadByte;
    i += length;
    return c;
}

inline void append_utf8(std::string& text, char32_t c) {
    if (c < 0x80) {
        text += static_cast<char>(c);
        return;
    }
    int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    text += static_cast<char>((0xFF00 >> (tail + 1) & 0xFF) | c >> (6 * tail));
    while (tail--) text += static_cast<char>(0x80 | (c >> (6 * tail) & 0x3F));
}

// bad_offset, if given, receives the offset of the first bad byte.
inline bool valid_utf8(std::string_view text, size_t* bad_offset = nullptr) {
    for (size_t i = 0; i < text.size();) {
        size_t start = i;
        if (next_code_point(text, i) != kBadByte) continue;
        if (bad_offset) *bad_offset = start;
        return false;
    }
    return true;
}

// The length of the text without a character at its end that further bytes could still complete.
inline size_t complete_utf8(std::string_view text) {
    for (size_t back = 1; back <= 3 && back <= text.size(); back++) {
        const auto byte = static_cast<unsigned char>(text[text.size() - back]);
        if ((byte & 0xC0) == 0x80) continue;
        const size_t length = byte < 0xC2 || byte > 0xF4 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
        return length > back ? text.size() - back : text.size();
    }
    return text.size();
}

// Replaces each bad byte by U+FFFD, the replacement character.
inline std::string repair_utf8(std::string_view text) {
    std::string repaired;
    for (size_t i = 0; i < text.size();) {
        char32_t c = next_code_point(text, i);
        append_utf8(repaired, c == kBadByte ? 0xFFFD : c);
    }
    return repaired;
}

}  // namespace cai

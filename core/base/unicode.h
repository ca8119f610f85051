// Unicode character classes: \p{L}, \p{N} and \s, which GPT-2's pre-tokenizer uses, and \p{M}, the marks within words.
#pragma once
#include <algorithm>

#include "unicode_tables.h"

namespace cai {

namespace detail {
template <size_t N>
constexpr bool in_ranges(const char32_t (&edges)[N], char32_t c) {
    // The first edge not below c is the last code point of the range
    // containing c, or its first code point if that is c.
    const char32_t* edge = std::lower_bound(edges, edges + N, c);
    return edge != edges + N && (*edge == c || (edge - edges) % 2 == 1);
}
}  // namespace detail

// \p{L}
constexpr bool is_letter(char32_t c) {
    if (c < 0x80) return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    return detail::in_ranges(kLetters, c);
}

// \p{N}: decimal digits, and also letters and other symbols that represent numbers.
constexpr bool is_number(char32_t c) {
    if (c < 0x80) return c >= '0' && c <= '9';
    return detail::in_ranges(kNumbers, c);
}

// \p{M}: accents and vowel signs that modify the letter before them.
constexpr bool is_mark(char32_t c) { return detail::in_ranges(kMarks, c); }

// White_Space, the \s of Unicode regular expressions.
constexpr bool is_space(char32_t c) {
    if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
    return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

}  // namespace cai

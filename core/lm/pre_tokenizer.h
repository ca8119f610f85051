// GPT-2's pre-tokenizer: splits text into pieces, roughly words with the preceding space; no token crosses pieces.
#pragma once
#include <string_view>

#include "../base/unicode.h"
#include "../base/utf8.h"

namespace cai {

// The end of the piece that starts at text[start], by GPT-2's
// regular expression, whose alternatives are tried in order:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// A byte that is not UTF-8 counts as a character that is neither letter, number nor space.
inline size_t piece_end(std::string_view text, size_t start) {
    if (text[start] == '\'')
        for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (text.substr(start).starts_with(ending)) return start + ending.size();

    enum Class { kNone, kSpace, kLetter, kNumber, kOther };
    auto next_class = [&](size_t& i) {  // class of the character at i; moves i past it
        if (i >= text.size()) return kNone;
        char32_t c = next_code_point(text, i);
        return is_letter(c) ? kLetter : is_space(c) ? kSpace : is_number(c) ? kNumber : kOther;
    };
    size_t end = start + (text[start] == ' ');
    Class run = next_class(end);
    size_t last = end;  // start of the last character read
    if (run == kNone) return text.size();
    if (run != kSpace) {
        for (size_t i = end; next_class(i) == run;) end = i;
        return end;
    }
    // A run of spaces leaves its last space to the next piece, unless it is a single space or ends the text.
    end = last = start;
    for (size_t i = start; next_class(i) == kSpace;) {
        last = end;
        end = i;
    }
    return end == text.size() || last == start ? end : last;
}

}  // namespace cai

// Words of a text: finds, capitalises and lists them.
#pragma once
#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "unicode.h"
#include "utf8.h"

namespace cai {

struct Word {
    std::string text;   // ASCII letters in lower case, others unchanged
    size_t begin, end;  // byte offsets in the text
};

// Finds the words of a text: runs of letters of any alphabet, with their
// accents. "The baker's ring." contains the, baker, s and ring.
inline std::vector<Word> find_words(std::string_view text) {
    std::vector<Word> words;
    bool within = false;
    for (size_t i = 0; i < text.size();) {
        const size_t begin = i;
        const char32_t c = next_code_point(text, i);
        const bool starts = is_letter(c) && !within;
        within = is_letter(c) || (within && is_mark(c));
        if (starts) words.push_back({"", begin, begin});
        if (!within) continue;
        words.back().end = i;
        append_utf8(words.back().text, c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return words;
}

inline std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (Word& word : find_words(text)) words.push_back(std::move(word.text));
    return words;
}

inline bool holds(const std::vector<std::string>& words, const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

// Appends the word unless it is already present.
inline void add_new(std::vector<std::string>& words, const std::string& word) {
    if (!holds(words, word)) words.push_back(word);
}

inline std::string capitalized(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

// "a", "a or b", "a, b or c".
inline std::string join_list(const std::vector<std::string>& items, const std::string& conjunction) {
    std::string text;
    for (size_t i = 0; i < items.size(); i++) {
        if (i > 0) text += i + 1 == items.size() ? " " + conjunction + " " : ", ";
        text += items[i];
    }
    return text;
}

}  // namespace cai

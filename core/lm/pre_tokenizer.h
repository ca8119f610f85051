// Pre-tokenizers: split text into pieces, roughly words with the preceding space; no token crosses pieces. Each is a
// regular expression that a family of models uses, written out by hand.
#pragma once
#include <string_view>

#include "../base/unicode.h"
#include "../base/utf8.h"

namespace cai {

enum class PreTokenizer {
    gpt2,
    smollm,    // every number character is a piece of its own, the text between as GPT-2's: SmolLM, StarCoder
    llama3,    // OpenAI's cl100k_base, Llama 3
    no_split,  // the whole text is one piece
};

namespace detail {

// Reads classes of characters from a text. A byte that is not UTF-8 counts as a character that is neither letter,
// number nor space.
struct CharacterReader {
    enum Class { kEnd, kSpace, kLetter, kNumber, kOther };
    std::string_view text;

    // The class of the character at i, and i moves past it.
    Class next(size_t& i) const {
        if (i >= text.size()) return kEnd;
        char32_t c = next_code_point(text, i);
        return is_letter(c) ? kLetter : is_space(c) ? kSpace : is_number(c) ? kNumber : kOther;
    }
    // Moves i past the run of characters of a class.
    void skip(Class run, size_t& i) const {
        for (size_t after = i; next(after) == run;) i = after;
    }
};

// \s+(?!\S)|\s+ at the start of a run of spaces: it leaves its last space to the next piece, unless it is a single
// space or ends the text.
inline size_t spaces_end(const CharacterReader& reader, size_t start, bool numbers_end) {
    size_t end = start, last = start;
    for (size_t i = start; reader.next(i) == CharacterReader::kSpace;) {
        last = end;
        end = i;
    }
    size_t after = end;
    const CharacterReader::Class next = reader.next(after);
    const bool ends = next == CharacterReader::kEnd || (numbers_end && next == CharacterReader::kNumber);
    return ends || last == start ? end : last;
}

// 's|'t|'re|'ve|'m|'ll|'d at start: its length, or 0.
inline size_t contraction_length(std::string_view text, size_t start) {
    if (text[start] == '\'')
        for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (text.substr(start).starts_with(ending)) return ending.size();
    return 0;
}

// The same in small or capital letters, as (?i: ) says; the long s, U+017F, is a small s.
inline size_t contraction_length_any_case(std::string_view text, size_t start) {
    if (text[start] != '\'') return 0;
    text.remove_prefix(start + 1);
    auto small = [&](size_t i) { return i < text.size() && is_letter(text[i]) ? text[i] | 0x20 : 0; };
    const int first = small(0), second = small(1);
    if (text.starts_with("\u017f")) return 3;
    if ((first == 'r' && second == 'e') || (first == 'v' && second == 'e') || (first == 'l' && second == 'l')) return 3;
    return first == 's' || first == 't' || first == 'm' || first == 'd' ? 2 : 0;
}

}  // namespace detail

// The end of the piece that starts at text[start], by GPT-2's
// regular expression, whose alternatives are tried in order:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// numbers_alone: each number character is a piece, and the text between two of them is split as if it were a whole
// text.
inline size_t gpt2_piece_end(std::string_view text, size_t start, bool numbers_alone = false) {
    using Reader = detail::CharacterReader;
    const Reader reader{text};
    if (size_t length = detail::contraction_length(text, start)) return start + length;
    size_t end = start + (text[start] == ' ');
    const size_t first = end;
    const Reader::Class run = reader.next(end);
    if (run == Reader::kEnd || (numbers_alone && run == Reader::kNumber)) return first > start ? first : end;
    if (run == Reader::kSpace) return detail::spaces_end(reader, start, numbers_alone);
    reader.skip(run, end);
    return end;
}

// The same by the regular expression of cl100k_base and Llama 3:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
inline size_t llama3_piece_end(std::string_view text, size_t start) {
    using Reader = detail::CharacterReader;
    const Reader reader{text};
    auto is_line_end = [&](size_t i) { return i < text.size() && (text[i] == '\r' || text[i] == '\n'); };
    if (size_t length = detail::contraction_length_any_case(text, start)) return start + length;

    size_t end = start;
    const Reader::Class first = reader.next(end);
    size_t second_end = end;
    const Reader::Class second = reader.next(second_end);
    if (first == Reader::kLetter || (first != Reader::kNumber && !is_line_end(start) && second == Reader::kLetter)) {
        reader.skip(Reader::kLetter, end);
        return end;
    }
    if (first == Reader::kNumber) {
        for (size_t i = end, count = 1; count < 3 && reader.next(i) == Reader::kNumber; count++) end = i;
        return end;
    }
    if (first == Reader::kOther || (text[start] == ' ' && second == Reader::kOther)) {
        reader.skip(Reader::kOther, end);
        while (is_line_end(end)) end++;
        return end;
    }
    // A run of spaces that holds a line end goes as far as its last line end.
    size_t last_line_end = 0;
    for (size_t i = start, before = start; reader.next(i) == Reader::kSpace; before = i)
        if (is_line_end(before)) last_line_end = i;
    return last_line_end ? last_line_end : detail::spaces_end(reader, start, false);
}

inline size_t piece_end(PreTokenizer pre_tokenizer, std::string_view text, size_t start) {
    switch (pre_tokenizer) {
        case PreTokenizer::gpt2:
            return gpt2_piece_end(text, start);
        case PreTokenizer::smollm:
            return gpt2_piece_end(text, start, true);
        case PreTokenizer::llama3:
            return llama3_piece_end(text, start);
        case PreTokenizer::no_split:
            break;
    }
    return text.size();
}

}  // namespace cai

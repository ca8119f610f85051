// Text: files, lines, UTF-8 and words.
#pragma once
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "expects.h"
#include "unicode.h"

namespace cai {

// Files. Errors carry kBadInput, the path and the system's reason.

// Bytes of a whole file, as they are.
inline std::string read_file(const std::filesystem::path& path) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    expects(file != nullptr, "cannot open ", path.string(), ": ", std::strerror(errno));
    std::string bytes;
    char chunk[1 << 16];
    while (size_t n = std::fread(chunk, 1, sizeof chunk, file.get())) bytes.append(chunk, n);
    expects(!std::ferror(file.get()), "cannot read ", path.string(), ": ", std::strerror(errno));
    return bytes;
}

// Makes a folder and those above it, where they are missing.
inline void make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    expects(!error, "cannot make the folder ", folder.string(), ": ", error.message());
}

// Replaces the file in one step: the bytes go to <path>.tmp, which takes the file's place when all of it is written, so
// a reader, or a run that was killed, never sees half a file. Makes missing folders. Devices are written in place.
inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::error_code error;
    bool in_place = std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error);
    std::filesystem::path target = path;
    if (!in_place) target += ".tmp";
    if (path.has_parent_path()) make_folder(path.parent_path());
    std::FILE* file = std::fopen(target.c_str(), "wb");
    expects(file != nullptr, "cannot write ", target.string(), ": ", std::strerror(errno));
    // A full disk may show only when the buffer is flushed or the file is closed.
    bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0;
    int reason = errno;
    if (std::fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (!written) {
        if (!in_place) std::filesystem::remove(target, error);
        fail(kBadInput, "cannot write ", path.string(), ": ", std::strerror(reason),
             reason == ENOSPC ? "; free some room, then run the same command again" : "");
    }
    if (in_place) return;
    std::filesystem::rename(target, path, error);
    expects(!error, "cannot rename ", target.string(), " to ", path.string(), ": ", error.message());
}

// Without spaces, tabs and line ends at either end.
inline std::string_view trim(std::string_view text) {
    size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The lines of a text without their ends, "\n" or "\r\n". A line end at the end of the text starts no further line.
inline std::vector<std::string> split_lines(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r')) line.remove_suffix(1);
        lines.emplace_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

// Without the byte order mark that some editors put before UTF-8.
inline std::string_view without_bom(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

// UTF-8 (RFC 3629).

constexpr char32_t kBadByte = 0xFFFFFFFF;

// The code point that starts at text[i], and i moves past it. Where no well-formed one starts (stray, overlong,
// surrogate, above U+10FFFF, cut short): kBadByte, and i moves by one byte.
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

// bad_offset, when given, is the offset of the first bad byte.
inline bool valid_utf8(std::string_view text, size_t* bad_offset = nullptr) {
    for (size_t i = 0; i < text.size();) {
        size_t start = i;
        if (next_code_point(text, i) != kBadByte) continue;
        if (bad_offset) *bad_offset = start;
        return false;
    }
    return true;
}

// Each bad byte becomes U+FFFD, the replacement character.
inline std::string repair_utf8(std::string_view text) {
    std::string repaired;
    for (size_t i = 0; i < text.size();) {
        char32_t c = next_code_point(text, i);
        append_utf8(repaired, c == kBadByte ? 0xFFFD : c);
    }
    return repaired;
}

// The lines of a text file that people edit, checked: UTF-8 without NUL. A byte order mark is left out, and lines may end in
// "\r" alone too, as on old Macintoshes.
inline std::vector<std::string> read_text(const std::filesystem::path& path) {
    std::string text(without_bom(read_file(path)));
    for (size_t i = 0; i < text.size(); i++)
        if (text[i] == '\r' && !(i + 1 < text.size() && text[i + 1] == '\n')) text[i] = '\n';
    std::vector<std::string> lines = split_lines(text);
    for (size_t i = 0; i < lines.size(); i++) {
        size_t bad = 0;
        const bool valid = valid_utf8(lines[i], &bad);
        expects(valid, path.string(), ": line ", i + 1, ", byte ", bad + 1,
                ": not UTF-8; save the file as UTF-8 text");
        const size_t nul = lines[i].find('\0');
        expects(nul == std::string::npos, path.string(), ": line ", i + 1, ", byte ", nul + 1,
                ": a NUL byte; save the file as UTF-8 text");
    }
    return lines;
}

// Words.

struct Word {
    std::string text;   // ASCII letters in lower case, others as they are
    size_t begin, end;  // where it stands, in bytes
};

// The words of a text: letters of any alphabet, with their accents. "The baker's ring." holds the, baker, s and ring.
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

// Appends a word that is not there yet.
inline void add_new(std::vector<std::string>& words, const std::string& word) {
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
}

}  // namespace cai

// Lines broken between words, to be read on a terminal. Of what goes into a file or a pipe only prose is broken.
#pragma once
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "text.h"

namespace cai {

// The columns of the terminal that stdout is; 0 if it is none.
inline size_t output_width() {
    winsize size{};
    return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// A line broken at spaces, where they allow it, into lines of at most `width` characters; all but the first are
// indented.
inline std::string broken(std::string line, size_t width, size_t indent) {
    std::string out;
    while (true) {
        size_t end = 0, characters = 0;  // of what fits; UTF-8 continuation bytes are no characters
        while (end < line.size() && characters + ((line[end] & 0xC0) != 0x80) <= width)
            characters += (line[end++] & 0xC0) != 0x80;
        size_t space = end < line.size() ? line.rfind(' ', end) : line.npos;
        if (space == line.npos || space < indent || line.find_first_not_of(' ') > space) space = line.find(' ', end);
        if (end == line.size() || space == line.npos) return out + line + "\n";
        out += line.substr(0, line.find_last_not_of(' ', space) + 1) + "\n";
        line = std::string(indent, ' ') + line.substr(std::min(line.find_first_not_of(' ', space), line.size()));
    }
}

// Prose in lines of at most 80 columns, wherever it goes.
inline std::string fold(const std::string& text, size_t indent = 0) { return broken(text, 80, indent); }

// The text with each line broken at spaces, where they allow it, into lines of at most `width` characters; 0: as it is.
// The rest of a line stands below the text of its last column, which is what follows two spaces in its left half; of
// a line without columns, below its first word.
inline std::string wrapped(const std::string& text, size_t width) {
    if (width == 0) return text;
    std::string out;
    for (const std::string& line : split_lines(text)) {
        size_t indent = std::min(line.find_first_not_of(' '), line.size());
        for (size_t i = indent; i + 2 < line.size() && i + 2 <= width / 2; i++)
            if (line[i] == ' ' && line[i + 1] == ' ' && line[i + 2] != ' ') indent = i + 2;
        out += broken(line, width, indent);
    }
    return out;
}

}  // namespace cai

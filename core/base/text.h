// Text helpers: trim a text, split it into lines, and strip a byte order mark.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cai {

// The text without leading and trailing spaces, tabs and line ends.
inline std::string_view trim(std::string_view text) {
    size_t begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

// The lines of a text without their ends, "\n" or "\r\n". A line end at the end of the text starts no new line.
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

// The text without the byte order mark that some editors put before UTF-8.
inline std::string_view without_bom(std::string_view text) {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

}  // namespace cai

// Lines of text: trimmed, split, and read from files that people edit.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cai {

// Files. Errors carry kBadInput, the path and the system's reason.

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

// Words.

}  // namespace cai

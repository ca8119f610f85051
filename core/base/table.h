// Tables for terminals: rows of cells laid out in columns of text.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "error.h"

namespace cai {

// Formats rows of cells as columns of text; the first row is the header and is underlined. A column whose cells below
// the header all start like numbers is right-aligned. A row may be shorter than the header, not longer.
inline std::string format_table(const std::vector<std::vector<std::string>>& rows) {
    if (rows.empty()) return "";
    auto width_of = [](const std::string& cell) {  // in characters: counts all but UTF-8 continuation bytes
        return static_cast<size_t>(std::count_if(cell.begin(), cell.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    };
    auto numeric = [](const std::string& cell) {
        size_t i = cell.find_first_not_of("+-.<>~ ");
        return cell.empty() || cell == "-" || (i != cell.npos && cell[i] >= '0' && cell[i] <= '9');
    };
    size_t columns = rows[0].size();
    std::vector<size_t> widths(columns, 0);
    std::vector<bool> right(columns, rows.size() > 1);
    for (size_t r = 0; r < rows.size(); r++) {
        expects(rows[r].size() <= columns, "row ", r, " of a table has ", rows[r].size(), " cells under a header of ",
                columns);
        for (size_t c = 0; c < rows[r].size(); c++) {
            widths[c] = std::max(widths[c], width_of(rows[r][c]));
            if (r > 0 && !numeric(rows[r][c])) right[c] = false;
        }
    }
    std::string text;
    for (size_t r = 0; r < rows.size(); r++) {
        std::string line;
        for (size_t c = 0; c < columns; c++) {
            std::string cell = c < rows[r].size() ? rows[r][c] : "";
            std::string padding(widths[c] - width_of(cell), ' ');
            line += (c ? "  " : "") + (right[c] ? padding + cell : cell + padding);
        }
        text += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
        for (size_t c = 0; r == 0 && c < columns; c++) text += (c ? "  " : "") + std::string(widths[c], '-');
        if (r == 0) text += '\n';
    }
    return text;
}

}  // namespace cai

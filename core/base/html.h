// HTML: text that cannot become markup, data within a script element, bytes as base64, and the parts that pages share.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "json.h"

namespace cai {

// A text for an element or an attribute in double quotes. Bytes that are not UTF-8, and control characters, which HTML
// does not allow, become U+FFFD.
inline std::string escape_html(std::string_view text) {
    std::string out;
    for (const char c : repair_utf8(text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7f)
            append_utf8(out, 0xFFFD);
        else
            out += c;
    }
    return out;
}

// A JSON value as the content of <script type="application/json">. Without a "<" no text in it can end the element.
inline std::string script_json(const Json& json) {
    std::string out;
    for (const char c : dump(json)) c == '<' ? out += "\\u003c" : out += c;
    return out;
}

// RFC 4648, section 4.
inline std::string base64(std::string_view bytes) {
    constexpr const char* kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        for (size_t k = 0; k < 4; k++) out += i + k <= bytes.size() ? kAlphabet[three >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

// Rows of cells that are HTML already, the first of them the head. A wide table scrolls by itself, not with the page.
// name: what a screen reader says of it.
inline std::string html_table(const std::string& name, const std::vector<std::vector<std::string>>& rows) {
    std::string out =
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + escape_html(name) + "\"><table>";
    for (size_t r = 0; r < rows.size(); r++) {
        out += "<tr>";
        for (size_t c = 0; c < rows[r].size(); c++) {
            const std::string tag = r == 0 ? "th scope=\"col\"" : c == 0 ? "th scope=\"row\"" : "td";
            out += "<" + tag + ">" + rows[r][c] + "</" + tag.substr(0, 2) + ">";
        }
        out += "</tr>\n";
    }
    return out + "</table></div>\n";
}

// What opens when it is clicked on. Both parts are HTML.
inline std::string html_details(const std::string& summary, const std::string& content) {
    return "<details><summary>" + summary + "</summary>\n" + content + "</details>\n";
}

// A picture with its title, what it shows, and its numbers as a table. All but the title are HTML.
inline std::string html_figure(const std::string& title, const std::string& svg, const std::string& caption,
                               const std::string& table) {
    return "<figure><h3>" + escape_html(title) + "</h3>\n" + svg + "<figcaption>" + caption + "</figcaption>\n" +
           (table.empty() ? "" : html_details("The numbers", table)) + "</figure>\n";
}

// What a run lacks for a part of the page.
inline std::string missing_note(const std::string& what) { return "<p class=\"missing\">" + what + "</p>\n"; }

}  // namespace cai

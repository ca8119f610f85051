// A page as one file: its head, its sections, and the scripts at its end. Its policy forbids the browser every request.
#pragma once
#include <string>
#include <vector>

#include "../base/html.h"

namespace cai {

struct PageSection {
    std::string id, title, html;
};

// verb: that which writes it. style: CSS. scripts: script elements.
inline std::string html_file(const std::string& title, const std::string& subtitle,
                             const std::vector<PageSection>& sections, const std::string& verb,
                             const std::string& style, const std::string& scripts) {
    std::string html = concat(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n<title>",
        escape_html(title), "</title>\n<style>", style, "</style>\n</head>\n<body>\n<header><h1>", escape_html(title),
        "</h1>\n<p class=\"soft\">", escape_html(subtitle), "</p>\n<nav aria-label=\"Parts of this page\">");
    for (const PageSection& section : sections)
        html += concat("<a href=\"#", section.id, "\">", escape_html(section.title), "</a>\n");
    html += "</nav></header>\n<main>\n";
    for (const PageSection& section : sections)
        html += concat("<section id=\"", section.id, "\" class=\"", section.id, "-section\"><h2>",
                       escape_html(section.title), "</h2>\n", section.html, "</section>\n");
    return html + concat("</main>\n<footer>Written by ", verb,
                         ". The file needs no network and sends nothing anywhere.</footer>\n", scripts,
                         "</body>\n</html>\n");
}

}  // namespace cai

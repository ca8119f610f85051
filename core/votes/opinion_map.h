// The opinion map: participants and statements in the plane of core/votes/opinion_space.h, as an SVG file that stands
// alone.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "../base/svg.h"
#include "opinion_groups.h"
#include "opinion_space.h"

namespace cai {

// The name of a group: A is the largest.
inline std::string group_name(size_t group) { return std::string(1, static_cast<char>('A' + group % 26)); }

// A dot for each participant, coloured by group, or for each base cluster where they are too many to be told apart; and
// a square for each statement, in the direction in which those are who agree with it. A pointer that rests on one is
// told what it is.
inline std::string opinion_map(const Poll& poll, const OpinionSpace& space, const OpinionGroups& groups) {
    constexpr double kSide = 640, kMargin = 40;
    constexpr size_t kMostDots = 3000, kMostSquares = 400;
    double far = 1e-12, far_statement = 1e-12;
    for (const Place& place : space.participants) far = std::max({far, std::abs(place[0]), std::abs(place[1])});
    for (const Place& place : space.statements)
        far_statement = std::max({far_statement, std::abs(place[0]), std::abs(place[1])});
    const auto at = [&](const Place& place, double reach) -> Point {
        const double half = kSide / 2 - kMargin;
        return {kSide / 2 + place[0] / reach * half, kSide / 2 - place[1] / reach * half};
    };
    const auto style = [](size_t group) { return concat("g", std::min<size_t>(group, 5)); };
    Drawing drawing(kSide, kSide + 60);
    drawing.line(at({-far, 0}, far), at({far, 0}, far), "axis");
    drawing.line(at({0, -far}, far), at({0, far}, far), "axis");
    const size_t people = space.participants.size();
    if (people <= kMostDots) {
        for (size_t i = 0; i < people; i++)
            drawing.dot(at(space.participants[i], far), 3.5, style(groups.of[i]),
                        concat(poll.participants[i].id, ", group ", group_name(groups.of[i])));
    } else {
        std::vector<double> held(groups.bases.centres.size(), 0);
        std::vector<size_t> group(held.size(), 0);
        for (size_t i = 0; i < people; i++) held[groups.bases.of[i]]++, group[groups.bases.of[i]] = groups.of[i];
        for (size_t base = 0; base < held.size(); base++)
            if (held[base] > 0)
                drawing.dot(at(groups.bases.centres[base], far),
                            40 * std::sqrt(held[base] / static_cast<double>(people)), style(group[base]),
                            concat(held[base], " participants, group ", group_name(group[base])));
    }
    std::vector<size_t> order(space.statements.size());
    for (size_t s = 0; s < order.size(); s++) order[s] = s;
    const auto length = [&](size_t s) { return squared_distance(space.statements[s], {0, 0}); };
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return length(a) > length(b); });
    order.resize(std::min(order.size(), kMostSquares));
    for (size_t s : order) {
        const auto [x, y] = at(space.statements[s], far_statement);
        drawing.box({x - 3, y - 3}, 6, 6, "statement", 0,
                    concat("statement ", poll.statements[s].id, ": ", poll.statements[s].text));
    }
    double x = kMargin;
    for (size_t group = 0; group < groups.sizes.size(); group++, x += 100) {
        drawing.dot({x, kSide + 14}, 6, style(group));
        drawing.text({x + 12, kSide + 18}, "start", "label", concat(group_name(group), ": ", groups.sizes[group]));
    }
    drawing.text({kMargin, kSide + 44}, "start", "label",
                 concat(people, poll.toy ? " toy voters, drawn and not asked," : " participants", " as dots, ",
                        order.size(), " of ", poll.statements.size(), " statements as squares"));
    std::string svg = drawing.svg(poll.toy ? "Opinion map of toy voters" : "Opinion map");
    const std::string head =
        "<style>.axis{stroke:#ccc}.g0{fill:#0072b2}.g1{fill:#e69f00}.g2{fill:#009e73}.g3{fill:#cc79a7}.g4{fill:#56b4e9}"
        ".g5{fill:#555}circle{fill-opacity:.6}.statement{fill:none;stroke:#222}"
        ".label{font:14px sans-serif;fill:#222}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
    svg.insert(svg.find(">\n") + 2, head);
    svg.insert(std::string_view("<svg").size(), " xmlns=\"http://www.w3.org/2000/svg\"");
    return svg;
}

}  // namespace cai

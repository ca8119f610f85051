// The pictures of a recorded launch: what each warp does over time, and how often each element of an array is touched.
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../base/elementary.h"
#include "../base/svg.h"
#include "warp_requests.h"

namespace cai {

// A class of the style sheet, and what it stands for.
inline std::string style_of(const RecordedLaunch& launch, const RecordedEvent& event) {
    if (event.kind == RecordedEvent::kMeeting)
        return launch.meetings[event.what] == "__syncthreads" ? "k-barrier" : "k-warp";
    return std::string(launch.arrays[event.array].shared ? "k-shared-" : "k-global-") +
           (event.kind == RecordedEvent::kWrite ? "write" : "read");
}
inline const std::vector<std::pair<std::string, std::string>> kReplayColors = {
    {"k-global-read", "reads global memory"},   {"k-global-write", "writes global memory"},
    {"k-shared-read", "reads shared memory"},   {"k-shared-write", "writes shared memory"},
    {"k-warp", "meets the lanes of its warp"},  {"k-barrier", "at __syncthreads(), until all warps of the block are"}};

inline std::string legend(const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string html = "<ul class=\"legend\">";
    for (const auto& [style, text] : entries)
        html += concat("<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"", style,
                       "\" width=\"10\" height=\"10\"/></svg>", escape_html(text), "</li>");
    return html + "</ul>\n";
}

inline size_t last_step(const LaunchRequests& all) {
    size_t last = 0;
    for (const auto& block : all)
        for (const auto& warp : block)
            if (!warp.empty()) last = std::max(last, warp.back().end);
    return last;
}

// A row for each warp, from left to right over the steps of the clock.
struct Timeline {
    static constexpr double kWidth = 1000, kLeft = 118, kRight = 16, kTop = 6, kRow = 17, kGap = 7;

    static std::string svg(const RecordedLaunch& launch, const LaunchRequests& all) {
        const size_t steps = std::max<size_t>(1, last_step(all));
        const double scale = (kWidth - kLeft - kRight) / static_cast<double>(steps);
        size_t warps = 0;
        for (const auto& block : all) warps += block.size();
        const double bottom = kTop + kRow * static_cast<double>(warps) + kGap * static_cast<double>(all.size() - 1);
        Drawing drawing(kWidth, bottom + 24);
        double y = kTop;
        for (size_t block = 0; block < all.size(); block++, y += kGap)
            for (size_t warp = 0; warp < all[block].size(); warp++, y += kRow) {
                drawing.text({kLeft - 8, y + 12}, "end", "tick", concat("block ", block, ", warp ", warp));
                drawing.box({kLeft, y}, kWidth - kLeft - kRight, kRow - 3, "idle");
                const auto& requests = all[block][warp];
                for (size_t i = 0; i < requests.size();) {  // neighbours of one colour are one box
                    const std::string style = style_of(launch, requests[i].event);
                    size_t end = i + 1;
                    while (end < requests.size() && style_of(launch, requests[end].event) == style) end++;
                    const double from = static_cast<double>(requests[i].step),
                                 to = static_cast<double>(requests[end - 1].end);
                    drawing.box({kLeft + from * scale, y}, (to - from) * scale, kRow - 3, style);
                    i = end;
                }
            }
        for (double tick : ticks(0, static_cast<double>(steps), 8))
            if (tick <= static_cast<double>(steps))
                drawing.text({kLeft + tick * scale, bottom + 16}, "middle", "tick", tick_label(tick));
        return drawing.svg(concat(counted(warps, "warp"), " in ", counted(all.size(), "block"), " over ",
                                  counted(steps, "step"), ": what each does at each step"),
                           "timeline");
    }
};

// How often the threads touch each element of an array; of shared memory those of the first block.
struct Touches {
    std::vector<size_t> reads, writes;
    size_t columns, most = 0, untouched = 0;

    Touches(const RecordedLaunch& launch, size_t array) {
        const RecordedArray& its = launch.arrays[array];
        reads.resize((its.bytes + its.element_bytes - 1) / its.element_bytes);
        writes.resize(reads.size());
        // A row of its own is broken like a line of text.
        columns = its.columns >= reads.size() ? std::min<size_t>(32, reads.size()) : its.columns;
        for (size_t t = 0; t < launch.threads.size(); t++) {
            if (its.shared && t >= launch.threads_per_block()) break;
            for (const RecordedEvent& event : launch.threads[t])
                if (event.kind != RecordedEvent::kMeeting && event.array == array)
                    for (size_t byte = 0; byte < event.bytes; byte += its.element_bytes)
                        (event.kind == RecordedEvent::kRead ? reads : writes)[(event.offset + byte) /
                                                                              its.element_bytes]++;
        }
        for (size_t i = 0; i < reads.size(); i++) {
            most = std::max(most, reads[i] + writes[i]);
            untouched += reads[i] + writes[i] == 0;
        }
    }
    size_t rows() const { return (reads.size() + columns - 1) / columns; }
    // What is drawn alike has one style.
    std::string style(size_t i) const {
        const size_t touches = reads[i] + writes[i];
        if (touches == 0) return "untouched";
        const double level = most == 1 ? 1 : std::round(3 * elementary::log(static_cast<double>(touches)) /
                                                        elementary::log(static_cast<double>(most)));
        return concat(writes[i] == 0 ? "t-read" : reads[i] == 0 ? "t-write" : "t-both", " h", static_cast<int>(level));
    }
};

struct TouchMap {
    static constexpr double kLeft = 34, kTop = 18;

    static double cell(const Touches& touches) {
        const auto share = [](double room, size_t count) { return std::floor(room / static_cast<double>(count)); };
        return std::clamp(std::min(share(960, touches.columns), share(480, touches.rows())), 5.0, 18.0);
    }
    // The map in a frame that says how it lies in the picture: the script finds elements by it.
    static std::string html(const RecordedLaunch& launch, size_t array) {
        const Touches touches(launch, array);
        const RecordedArray& its = launch.arrays[array];
        const double size = cell(touches), width = kLeft + size * static_cast<double>(touches.columns) + 2,
                     height = kTop + size * static_cast<double>(touches.rows()) + 2;
        Drawing drawing(width, height);
        for (size_t column = 0; column < touches.columns; column += 8)
            drawing.text({kLeft + size * static_cast<double>(column), kTop - 5}, "start", "tick", concat(column));
        const size_t every = std::max<size_t>(1, static_cast<size_t>(std::ceil(14 / size)));
        for (size_t row = 0; row < touches.rows(); row++) {
            const double y = kTop + size * static_cast<double>(row);
            if (row % every == 0)
                drawing.text({kLeft - 5, y + size / 2 + 4}, "end", "tick", concat(row * row_step(touches, its)));
            const size_t begin = row * touches.columns, end = std::min(begin + touches.columns, touches.reads.size());
            for (size_t i = begin; i < end;) {
                size_t next = i + 1;
                while (next < end && touches.style(next) == touches.style(i)) next++;
                drawing.box({kLeft + size * static_cast<double>(i - begin), y}, size * static_cast<double>(next - i),
                            size, touches.style(i));
                i = next;
            }
        }
        if (size >= 8) {  // a mesh, so that elements can be told apart
            for (size_t column = 1; column < touches.columns; column++) {
                const double x = kLeft + size * static_cast<double>(column);
                drawing.line({x, kTop}, {x, height - 2}, "mesh");
            }
            for (size_t row = 1; row < touches.rows(); row++) {
                const double y = kTop + size * static_cast<double>(row);
                drawing.line({kLeft, y}, {width - 2, y}, "mesh");
            }
        }
        const std::string label =
            concat(its.name, ": ", counted(touches.reads.size(), "element"), " in ", counted(touches.rows(), "row"),
                   ", the most used touched ", counted(touches.most, "time"), ", ", touches.untouched,
                   " never touched");
        return concat("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", escape_html(its.name),
                      ", with arrow keys from element to element\" data-map=\"", array, "\"><div style=\"width:",
                      coordinate(width / 16), "rem\">", drawing.svg(label, "map"), "</div></div>\n");
    }
    // What a row's label counts: rows, or, where one row is broken, elements.
    static size_t row_step(const Touches& touches, const RecordedArray& array) {
        return touches.columns == array.columns ? 1 : touches.columns;
    }
};

}  // namespace cai

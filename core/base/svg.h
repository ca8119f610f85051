// Drawings as SVG: lines, boxes, dots and texts with classes, which the page's style sheet colours; and charts of them.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format.h"
#include "html.h"

namespace cai {

using Point = std::pair<double, double>;

// A coordinate, to a tenth.
inline std::string coordinate(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", x);
    std::string out = text;
    if (out.ends_with(".0")) out.resize(out.size() - 2);
    return out == "-0" ? "0" : out;
}

class Drawing {
  public:
    // In units of about a pixel; the page scales it to the width that there is.
    Drawing(double width, double height) : width_(width), height_(height) {}

    void line(Point from, Point to, const std::string& style) {
        body_ +=
            concat("<line class=\"", style, "\" x1=\"", coordinate(from.first), "\" y1=\"", coordinate(from.second),
                   "\" x2=\"", coordinate(to.first), "\" y2=\"", coordinate(to.second), "\"/>\n");
    }
    // hint: what a pointer that rests on it is shown.
    void box(Point corner, double width, double height, const std::string& style, double radius = 0,
             const std::string& hint = "") {
        body_ +=
            concat("<rect class=\"", style, "\" x=\"", coordinate(corner.first), "\" y=\"", coordinate(corner.second),
                   "\" width=\"", coordinate(width), "\" height=\"", coordinate(height), "\"");
        if (radius > 0) body_ += concat(" rx=\"", coordinate(radius), "\"");
        close("rect", hint);
    }
    void dot(Point center, double radius, const std::string& style, const std::string& hint = "") {
        body_ += concat("<circle class=\"", style, "\" cx=\"", coordinate(center.first), "\" cy=\"",
                        coordinate(center.second), "\" r=\"", coordinate(radius), "\"");
        close("circle", hint);
    }
    // anchor: start, middle or end, which lies at the point.
    void text(Point at, const std::string& anchor, const std::string& style, std::string_view text) {
        body_ += concat("<text class=\"", style, "\" x=\"", coordinate(at.first), "\" y=\"", coordinate(at.second),
                        "\" text-anchor=\"", anchor, "\">", escape_html(text), "</text>\n");
    }
    void curve(const std::vector<Point>& points, const std::string& style) {
        body_ += concat("<polyline class=\"", style, "\" points=\"");
        for (const auto& [x, y] : points) body_ += concat(coordinate(x), ",", coordinate(y), " ");
        body_ += "\"/>\n";
    }
    // A line through the points with a head at its end.
    void arrow(const std::vector<Point>& points, const std::string& style) {
        curve(points, style);
        const auto [x, y] = points.back();
        const auto [fx, fy] = points[points.size() - 2];
        const double length = std::sqrt((x - fx) * (x - fx) + (y - fy) * (y - fy)), dx = (x - fx) / length * 7,
                     dy = (y - fy) / length * 7;
        curve({{x - dx - dy * 0.6, y - dy + dx * 0.6}, {x, y}, {x - dx + dy * 0.6, y - dy - dx * 0.6}}, style);
    }

    // The picture as one element. label: what it shows, for those who cannot see it.
    std::string svg(const std::string& label, const std::string& style = "chart") const {
        return concat("<svg class=\"", style, "\" role=\"img\" aria-label=\"", escape_html(label), "\" viewBox=\"0 0 ",
                      coordinate(width_), " ", coordinate(height_), "\">\n", body_, "</svg>\n");
    }

  private:
    void close(const char* tag, const std::string& hint) {
        body_ += hint.empty() ? "/>\n" : concat("><title>", escape_html(hint), "</title></", tag, ">\n");
    }

    double width_, height_;
    std::string body_;
};

// ---- charts

// Round numbers that cover low to high, at most about `most`: multiples of 1, 2 or 5 times a power of ten. Both ends
// are included, so that the first and the last one bound the axis.
inline std::vector<double> ticks(double low, double high, int most = 5) {
    if (!(high > low)) {
        const double around = std::max(std::abs(low), 1e-6) / 2;
        low -= around, high += around;
    }
    double step = 1e-9;
    for (int i = 0; (high - low) / step > most; i++) step *= i % 3 == 1 ? 2.5 : 2;
    std::vector<double> marks;
    for (double k = std::floor(low / step + 1e-9); (k - 1) * step < high - 1e-9 * step; k++) marks.push_back(k * step);
    return marks;
}

// A tick's label: "0.2", "20k".
inline std::string tick_label(double value) {
    if (std::abs(value) < 1e-12) return "0";
    if (value >= 10000) return format_count(value);
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", value);
    return text;
}

struct Series {
    std::string name, style;  // style: a class of the style sheet, such as c-rl-cai
    std::vector<Point> points;
};

// The mean of each of at most `most` runs of consecutive points.
inline std::vector<Point> thinned(const std::vector<Point>& points, size_t most) {
    const size_t parts = std::min(most, points.size());
    std::vector<Point> means;
    for (size_t part = 0; part < parts; part++) {
        const size_t begin = points.size() * part / parts, end = points.size() * (part + 1) / parts;
        Point mean = {0, 0};
        for (size_t i = begin; i < end; i++) {
            mean.first += points[i].first / static_cast<double>(end - begin);
            mean.second += points[i].second / static_cast<double>(end - begin);
        }
        means.push_back(mean);
    }
    return means;
}

// The frame of a chart: its axes with their ticks, and where a value lies.
struct Frame {
    std::string x_name, y_name;
    std::vector<double> x_ticks, y_ticks;
    double width = 340, height = 200, left = 46, right = 14, top = 22, bottom = 40;

    Point at(double x, double y) const {
        const double across = (x - x_ticks.front()) / (x_ticks.back() - x_ticks.front()),
                     up = (y - y_ticks.front()) / (y_ticks.back() - y_ticks.front());
        return {left + across * (width - left - right), height - bottom - up * (height - top - bottom)};
    }
    Drawing draw() const {
        Drawing drawing(width, height);
        for (double y : y_ticks) {
            const Point end = at(x_ticks.front(), y);
            drawing.line(end, at(x_ticks.back(), y), "grid");
            drawing.text({end.first - 6, end.second + 4}, "end", "tick", tick_label(y));
        }
        for (double x : x_ticks) drawing.text({at(x, 0).first, height - bottom + 16}, "middle", "tick", tick_label(x));
        drawing.text({4, 12}, "start", "tick", y_name);
        drawing.text({width - right, height - 6}, "end", "tick", x_name);
        return drawing;
    }
};

// Curves over steps, each with its name at its end if there are several.
inline std::string line_chart(const std::string& label, const std::string& x_name, const std::string& y_name,
                              const std::vector<Series>& series) {
    double low = 1e300, high = -1e300, last = 1;
    std::vector<Series> drawn = series;
    for (Series& one : drawn) {
        one.points = thinned(one.points, 160);
        for (const auto& [x, y] : one.points)
            low = std::min(low, y), high = std::max(high, y), last = std::max(last, x);
    }
    if (low > high) low = 0, high = 1;
    if (low > 0 && low < high / 2) low = 0;
    Frame frame{x_name, y_name, ticks(0, last, 4), ticks(low, high, 4)};
    Drawing drawing = frame.draw();
    for (const Series& one : drawn) {
        std::vector<Point> points;
        for (const auto& [x, y] : one.points) points.push_back(frame.at(x, y));
        drawing.curve(points, "curve " + one.style);
        if (points.size() == 1) drawing.dot(points[0], 3, "mark " + one.style);
        if (series.size() > 1 && !points.empty())
            drawing.text({points.back().first, points.back().second - 5}, "end", "name " + one.style, one.name);
    }
    return drawing.svg(label);
}

// The curves' values at up to ten steps.
inline std::string series_table(const std::string& name, const std::string& x_name, const std::vector<Series>& series) {
    std::vector<std::vector<std::string>> rows = {{escape_html(x_name)}};
    for (const Series& one : series) rows[0].push_back(escape_html(one.name));
    const size_t n = series.empty() ? 0 : series[0].points.size(), shown = std::min<size_t>(n, 10);
    for (size_t r = 0; r < shown; r++) {
        const size_t i = shown == 1 ? 0 : r * (n - 1) / (shown - 1);
        rows.push_back({tick_label(series[0].points[i].first)});
        for (const Series& one : series)
            rows.back().push_back(i < one.points.size() ? format_value(one.points[i].second) : "-");
    }
    return html_table(name, rows);
}

// One bar of parts that make 1, as wide as its place. parts: share, class and name of each.
struct Share {
    double share;
    std::string style, name;
};
inline std::string share_bar(const std::string& label, const std::vector<Share>& parts) {
    std::string body;
    double x = 0;
    for (const Share& part : parts) {
        if (part.share <= 0) continue;
        body += concat("<rect class=\"", part.style, "\" x=\"", coordinate(100 * x), "\" y=\"0\" width=\"",
                       coordinate(100 * part.share), "\" height=\"10\"/>");
        x += part.share;
    }
    return concat("<svg class=\"bar\" role=\"img\" aria-label=\"", escape_html(label),
                  "\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\">", body, "</svg>");
}

}  // namespace cai

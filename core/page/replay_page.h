// cai replay KERNEL: a small launch of a CUDA kernel, run by the emulator, as one HTML file: warps over time, which
// thread touches which element of memory, and what each line of the source costs in sectors and bank conflicts.
#pragma once
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "../base/format.h"
#include "../base/spelling.h"
#include "../base/table.h"
#include "../base/words.h"
#include "../tools/verb.h"
#include "page_file.h"
#include "replay_pictures.h"
#include "replay_script.h"
#include "replay_style.h"
#include "style.h"

namespace cai {

// The line of a file, counted from 1; "" if its text is not known.
inline std::string source_line(const RecordedFile& file, size_t line) {
    const std::vector<std::string> lines = split_lines(file.text);
    return line >= 1 && line <= lines.size() ? lines[line - 1] : "";
}

// A mean with at most one digit behind the point.
inline std::string mean(size_t sum, size_t count) {
    const double tenths = std::round(10 * static_cast<double>(sum) / static_cast<double>(std::max<size_t>(1, count)));
    return tick_label(tenths / 10);
}

// ---- the parts of a launch

// Each line of the source, and below it what it does with each array.
inline std::string costs_table(const Recording& recording, const RecordedLaunch& launch, const LaunchRequests& all) {
    std::string html =
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"What each line asks of memory\"><table "
        "class=\"costs\"><tr>";
    for (const char* title : {"", "memory", "requests", "lanes", "sectors", "least", "lines of 128 bytes", "wavefronts",
                              "least", "bank conflict"})
        html += concat("<th scope=\"col\">", title, "</th>");
    html += "</tr>\n";
    const auto cells = [&](const std::vector<std::string>& row, bool bold) {
        std::string text;
        for (size_t i = 0; i < row.size(); i++)
            text += concat(bold && i == 0 ? "<td class=\"worse\">" : "<td>", row[i], "</td>");
        return text;
    };
    std::pair<size_t, size_t> last = {0, 0};
    for (const LineCost& line : line_costs(launch, all)) {
        const RecordedArray& array = launch.arrays[line.array];
        const RecordedFile& file = recording.files[line.file];
        if (last != std::pair<size_t, size_t>{line.file, line.line})
            html += concat("<tr class=\"gap\"><th colspan=\"10\" scope=\"rowgroup\">", line.line, " <code>",
                           escape_html(trim(source_line(file, line.line))), "</code></th></tr>\n");
        last = {line.file, line.line};
        const Cost& sum = line.sum;
        const size_t n = line.requests;
        html += concat("<tr><th scope=\"row\">", line.writes ? "writes " : "reads ", escape_html(array.name), "</th>",
                       cells({array.shared ? "shared" : "global", concat(n), mean(line.lanes, n)}, false));
        html += array.shared
                    ? "<td></td><td></td><td></td>" +
                          cells({mean(sum.wavefronts, n), mean(sum.least_wavefronts, n)},
                                sum.wavefronts > sum.least_wavefronts) +
                          cells({line.ways > 1 ? concat(line.ways, "-way") : "none"}, line.ways > 1)
                    : cells({mean(sum.sectors, n), mean(sum.least_sectors, n), mean(sum.lines, n)},
                            sum.sectors > sum.least_sectors) +
                          "<td></td><td></td><td></td>";
        html += "</tr>\n";
    }
    return html + "</table></div>\n";
}

// The functions of the source in which something happens, with how many requests and meetings each line makes.
inline std::string source_listing(const Recording& recording, const LaunchRequests& all) {
    std::map<std::pair<size_t, size_t>, size_t> uses;  // (file, line) -> how many
    for (const auto& block : all)
        for (const auto& warp : block)
            for (const WarpRequest& request : warp) uses[{request.event.file, request.event.line}]++;
    std::string html;
    for (size_t f = 0; f < recording.files.size(); f++) {
        const std::vector<std::string> lines = split_lines(recording.files[f].text);
        std::string rows;
        // A part ends at an empty line with something at the left margin behind it.
        for (size_t begin = 0, shown = 0; begin < lines.size();) {
            size_t end = begin + 1;
            while (end < lines.size() &&
                   !(lines[end - 1].empty() && !lines[end].empty() && lines[end][0] != ' ' && lines[end][0] != '}'))
                end++;
            size_t here = 0;
            for (size_t i = begin; i < end; i++) here += uses.count({f, i + 1});
            for (size_t i = begin; here > 0 && i < end; i++) {
                if (lines[i].empty() && i + 1 == end) continue;
                const auto count = uses.find({f, i + 1});
                rows += concat("<tr", i == begin && shown > 0 ? " class=\"gap\"" : "", " data-line=\"", f, ":", i + 1,
                               "\"><td class=\"line\">", i + 1, "</td><td class=\"uses\">",
                               count == uses.end() ? "" : concat(count->second), "</td><td>", escape_html(lines[i]),
                               "</td></tr>\n");
            }
            shown += here;
            begin = end;
        }
        if (rows.empty()) continue;
        html += concat("<p class=\"name\">", escape_html(recording.files[f].name),
                       "</p>\n<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"The source of ",
                       escape_html(recording.files[f].name), "\"><table class=\"code\">", rows, "</table></div>\n");
    }
    return html;
}

// The arrays that the launch touches, by their numbers.
inline std::vector<size_t> touched_arrays(const RecordedLaunch& launch) {
    std::vector<size_t> touched;
    for (size_t array = 0; array < launch.arrays.size(); array++)
        for (const auto& events : launch.threads)
            if (std::any_of(events.begin(), events.end(), [&](const RecordedEvent& event) {
                    return event.kind != RecordedEvent::kMeeting && event.array == array;
                })) {
                touched.push_back(array);
                break;
            }
    return touched;
}

inline std::string memory_maps(const RecordedLaunch& launch) {
    std::string html = legend({{"t-read", "only read"}, {"t-write", "only written"}, {"t-both", "both"},
                               {"untouched", "never touched"}});
    html += "<div class=\"maps\">\n";
    for (size_t array : touched_arrays(launch))
        html += concat("<div><h4>", escape_html(launch.arrays[array].name),
                       launch.arrays[array].shared ? ", in the shared memory of block 0" : "", "</h4>\n",
                       TouchMap::html(launch, array), "</div>\n");
    return html + "</div>\n";
}

inline std::string stepper(const RecordedLaunch& launch, const LaunchRequests& all) {
    std::string warps;
    for (size_t block = 0; block < all.size(); block++)
        for (size_t warp = 0; warp < all[block].size(); warp++)
            warps += concat("<option>block ", block, ", warp ", warp, "</option>");
    return concat(
        "<div class=\"stepper\" hidden><div class=\"controls\"><select class=\"warp\" aria-label=\"Which warp\">",
        warps, "</select><button class=\"back\" aria-label=\"One step back\">&lt;</button><input class=\"step\" "
        "type=\"range\" min=\"0\" value=\"0\" aria-label=\"Which step\"><button class=\"on\" aria-label=\"One step "
        "on\">&gt;</button><button class=\"play\">Play</button></div>\n<p class=\"now\" aria-live=\"polite\"></p><p "
        "class=\"now-line scroll\"><code></code></p>\n<p class=\"element soft\" aria-live=\"polite\"></p></div>\n<div "
        "class=\"lanes\" hidden></div>\n<noscript><p "
        "class=\"missing\">To step through ", escape_html(launch.kernel),
        ", allow JavaScript for this file.</p></noscript>\n");
}

inline std::string launch_section(const Recording& recording, const RecordedLaunch& launch,
                                  const LaunchRequests& all) {
    const size_t warps = all.empty() ? 0 : all[0].size();
    return concat(
        "<p>", counted(launch.block_count(), "block"), " of ", counted(launch.threads_per_block(), "thread"), " (",
        counted(warps, "warp"), "). Each row is a warp. Time runs to the right, in steps: a step is one request to "
        "memory or one meeting, and all warps go on at once.</p>\n",
        legend(kReplayColors), "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Warps over time\">",
        Timeline::svg(launch, all), "</div>\n", stepper(launch, all),
        "<h3>What each line asks of memory</h3>\n<p>Means over a line's requests; a request is what the lanes of a "
        "warp ask at once. Least: what would do for the bytes that were asked for; in bold, what is more.</p>\n",
        costs_table(recording, launch, all),
        "<h3>Which elements are touched</h3>\n<p>The stronger a colour, the more often, compared with the rest of the "
        "array. Point at an element, or go there with the arrow keys, to see who touches it and at which line. Frames "
        "are what the chosen warp touches at the chosen step.</p>\n",
        memory_maps(launch), "<h3>The source</h3>\n<p class=\"soft\">With the line's number, and how often a warp asks "
        "or meets there.</p>\n", source_listing(recording, all));
}

// ---- what the script reads

// The elements that the lanes of a request begin at, as [start] if all are one, [start, stride] if they are evenly
// spaced, or all of them.
inline Json::Array places(const RecordedLaunch& launch, const WarpRequest& request) {
    if (request.event.kind == RecordedEvent::kMeeting) return {0};
    std::vector<long> elements;
    for (size_t lane = 0; lane < kLanes; lane++)
        if (request.lanes >> lane & 1)
            elements.push_back(
                static_cast<long>(request.offsets[lane] / launch.arrays[request.event.array].element_bytes));
    const long stride = elements.size() > 1 ? elements[1] - elements[0] : 0;
    for (size_t i = 1; i < elements.size(); i++)
        if (elements[i] - elements[i - 1] != stride) return {elements.begin(), elements.end()};
    return stride == 0 ? Json::Array{elements[0]} : Json::Array{elements[0], stride};
}

inline Json launch_data(const Recording& recording, const RecordedLaunch& launch, const LaunchRequests& all) {
    Json::Array arrays, maps, warps, rows, meetings(launch.meetings.begin(), launch.meetings.end());
    for (size_t array = 0; array < launch.arrays.size(); array++) {
        const RecordedArray& its = launch.arrays[array];
        const Touches touches(launch, array);
        Json one = Json::Object{{"name", its.name},
                                {"shared", its.shared},
                                {"count", touches.reads.size()},
                                {"columns", its.columns},
                                {"elementBytes", its.element_bytes}};
        if (!its.values.empty()) {
            Json::Array values;
            for (double value : its.values) values.push_back(format_value(value));
            one.set("values", values);
        }
        arrays.push_back(one);
        maps.push_back(Json::Object{{"columns", touches.columns},
                                    {"size", TouchMap::cell(touches)},
                                    {"left", TouchMap::kLeft},
                                    {"top", TouchMap::kTop}});
    }
    Json source = Json::Object{};
    double y = Timeline::kTop;
    for (const auto& block : all) {
        for (const auto& warp : block) {
            Json::Array requests;
            for (const WarpRequest& request : warp) {
                const RecordedEvent& event = request.event;
                requests.push_back(Json::Array{
                    request.step, request.end, static_cast<int>(event.kind), event.file, event.line,
                    event.kind == RecordedEvent::kMeeting ? event.what : event.array, static_cast<int>(event.bytes),
                    request.lanes, places(launch, request)});
                const std::string key = concat(event.file, ":", event.line);
                if (!source.find(key)) source.set(key, source_line(recording.files[event.file], event.line));
            }
            warps.push_back(requests);
            rows.push_back(y);
            y += Timeline::kRow;
        }
        y += Timeline::kGap;
    }
    return Json::Object{{"steps", std::max<size_t>(1, last_step(all))},
                        {"warpsPerBlock", all.empty() ? 1 : all[0].size()},
                        {"arrays", arrays},
                        {"maps", maps},
                        {"meetings", meetings},
                        {"source", source},
                        {"timeline", Json(Json::Object{{"left", Timeline::kLeft},
                                                       {"width", Timeline::kWidth - Timeline::kLeft - Timeline::kRight},
                                                       {"rows", rows},
                                                       {"row", Timeline::kRow},
                                                       {"total", y - Timeline::kGap}})},
                        {"warps", warps}};
}

// ---- the page

inline std::string shape_in_words(const std::vector<std::pair<std::string, size_t>>& shape) {
    std::string text;
    for (const auto& [letter, size] : shape) text += concat(text.empty() ? "" : ",", letter, "=", size);
    return text;
}

inline const char* const kHowToRead =
    "<p>A kernel is a function that many threads run at once. Threads come in blocks; 32 neighbours of a block are a "
    "warp, whose lanes go side by side. This launch ran in cai's emulator, on the CPU, and what each thread read and "
    "wrote is exact. What it would cost on a GPU is counted here, by the rules of the hardware:</p>\n<ul>\n<li>Global "
    "memory moves in sectors of 32 bytes, four to a line of 128. 32 lanes that read 32 neighbouring floats need 4 "
    "sectors; every second float, 8; floats of 32 different rows, 32.</li>\n<li>Shared memory has 32 banks, which take "
    "turns every 4 bytes. A bank serves one word at a time, in one wavefront: lanes that want different words of one "
    "bank wait for each other, which is a bank conflict; lanes that want the same word do not. Of 8 bytes a lane, half "
    "a warp is served at a time, of 16 a quarter.</li>\n</ul>\n<p>What is not known here: time. A step of the clock "
    "below is one request, however long it would take. Lanes were put side by side by counting how often each came to "
    "a line since they last met. Accesses are counted as the source says them: a compiler may join neighbours to wider "
    "ones, or keep in a register what the source reads again; only a number read twice in a row at one line counts "
    "once.</p>\n";

inline std::string replay_page(const Recording& recording) {
    std::vector<PageSection> sections = {{"reading", "How to read this page", kHowToRead}};
    Json::Array launches, files;
    for (const RecordedFile& file : recording.files) files.push_back(file.name);
    size_t requests = 0;
    for (const RecordedLaunch& launch : recording.launches) {
        const LaunchRequests all = launch_requests(launch);
        for (const auto& block : all)
            for (const auto& warp : block) requests += warp.size();
        expects(requests <= 24000, "this example makes more than 24000 requests to memory, too many for a page; "
                                   "choose smaller sizes with --shape");
        sections.push_back({concat("launch-", sections.size()), launch.kernel,
                            launch_section(recording, launch, all)});
        launches.push_back(launch_data(recording, launch, all));
    }
    const Json data = Json::Object{{"files", files}, {"launches", launches}};
    return html_file(recording.kernel + ", replayed",
                     concat(capitalized(recording.does), ". Shown with ", shape_in_words(recording.shape), "."),
                     sections, "cai replay", std::string(kPageStyle) + kReplayStyle,
                     "<script type=\"application/json\" id=\"page-data\">" + script_json(data) +
                         "</script>\n<script id=\"replay-script\">" + kReplayScript + "</script>\n");
}

// "N=8,D=32" as sizes by letter.
inline std::map<std::string, size_t> read_shape(const std::string& text) {
    std::map<std::string, size_t> shape;
    for (size_t begin = 0; begin < text.size();) {
        const size_t end = std::min(text.find(',', begin), text.size());
        const std::string part = text.substr(begin, end - begin);
        const size_t equals = part.find('=');
        size_t size = 0;
        const char* number = part.c_str() + std::min(equals, part.size() - 1) + 1;
        const auto [rest, error] = std::from_chars(number, part.c_str() + part.size(), size);
        if (equals == part.npos || equals == 0 || error != std::errc() || *rest)
            fail(kUsage, "--shape ", text, ": \"", part, "\" is no size; it is written like N=8,D=32");
        if (!shape.emplace(part.substr(0, equals), size).second)
            fail(kUsage, "--shape ", text, ": ", part.substr(0, equals), " is given twice");
        begin = end + 1;
    }
    return shape;
}

inline std::string replay_list() {
    std::vector<std::vector<std::string>> rows = {{"kernel", "sizes", "what it does"}};
    for (const RecordableKernel& kernel : recordable_kernels())
        rows.push_back({kernel.name, shape_in_words(kernel.shape), kernel.does});
    return format_table(rows);
}

inline int run_replay_verb(Arguments& arguments, const std::filesystem::path&) {
    namespace fs = std::filesystem;
    const std::vector<std::string> words = arguments.positionals();
    const std::string name = words.empty() ? "" : words[0], text = arguments.string("shape", "");
    const fs::path out = arguments.string("out", name + ".html");
    arguments.finish();
    if (words.empty()) {
        std::cout << replay_list();
        return kDone;
    }
    if (words.size() > 1) fail(kUsage, "cai replay takes one kernel, not ", words.size());
    std::vector<std::string> names;
    for (const RecordableKernel& kernel : recordable_kernels()) names.push_back(kernel.name);
    if (!holds(names, name)) {
        const std::vector<std::string> meant = likely_meant(name, names);
        fail(kUsage, "no kernel \"", name, "\"; ",
             meant.empty() ? "`cai replay` lists them" : "did you mean " + join_list(meant, "or") + "?");
    }
    const fs::path folder = out.parent_path();
    expects(folder.empty() || fs::is_directory(folder), folder,
            ": there is no such folder; make it, or choose another --out");
    write_file(out, replay_page(record_kernel(name, read_shape(text))));
    std::cout << out.string() << "\n";
    return kDone;
}

inline Verb replay_verb() {
    return {"replay",
            "a CUDA kernel on a small example as one HTML file: warps over time, who touches what, and what it costs",
            "cai replay attention_forward --out attention.html\n  cai replay",
            {{"out", "FILE", "the page (KERNEL.html in this folder)"},
             {"shape", "SIZES", "other sizes, such as N=8,D=32; without a kernel, replay lists kernels and sizes"}},
            run_replay_verb,
            false};
}

}  // namespace cai

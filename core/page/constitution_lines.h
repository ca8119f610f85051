// The constitution, line by line: what each speaks of, how often it was drawn, what it did then, and what changed
// against the run that this one was made from.
#pragma once
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../method/comparisons.h"
#include "../method/wishes.h"
#include "../world/world.h"
#include "records.h"

namespace cai {

// The acts that a line forbids, whoever they concern, or, if it forbids nothing, allows.
inline std::vector<const Act*> acts_of_line(const World& world, const std::string& line) {
    const Reading reading = read_principle(world, line);
    std::vector<const Act*> acts;
    for (const Act& act : world.acts)
        if (covers(reading.topics(), act)) acts.push_back(&act);
    return acts;
}

// What happened when a line was drawn, apart for requests that it speaks of and others.
struct LineUse {
    size_t draws[2] = {}, changed[2] = {};  // critiques; of these, those after which the answer was another
    size_t comparisons[2] = {}, decided[2] = {};
};

// The words by which a line can apply to each prompt of world/prompts.jsonl, by the prompt's text. An act that the
// world no longer has is left out.
inline std::map<std::string, std::vector<std::string>> topics_of_prompts(const Records& run, const World& world) {
    std::map<std::string, std::vector<std::string>> topics;
    if (!run.has("world/prompts.jsonl")) return topics;
    for (const Json& record : read_jsonl(run.directory / "world/prompts.jsonl"))
        for (const Act& act : world.acts) {
            if (act.name != record["act"].string()) continue;
            std::vector<std::string>& words = topics[record["prompt"].string()];
            words = {act.name, act.also, act.brings};
            for (const Json& entity : record["entities"].array()) words.push_back(entity.string());
        }
    return topics;
}

// Of each line that was drawn. Index 1: the line forbids the request, or the wish speaks of it; 0: it does not.
inline std::map<std::string, LineUse> line_uses(const Records& run, const World& world) {
    std::map<std::string, LineUse> uses;
    const std::map<std::string, std::vector<std::string>> topics = topics_of_prompts(run, world);
    std::map<std::string, Reading> readings;
    for (const std::string& line : run.constitution.principles) readings[line] = read_principle(world, line);
    const auto speaks = [&](const std::string& line, const std::string& prompt, bool is_wish = false) -> size_t {
        const auto found = topics.find(prompt);
        if (found == topics.end()) return 0;
        if (!readings.count(line)) readings[line] = read_principle(world, line);
        for (const std::string& word : is_wish ? readings[line].topics() : readings[line].forbidden)
            if (holds(found->second, word)) return 1;
        return 0;
    };
    for (const Json& record : run.revisions) {
        std::string answer = record["answer"].string();
        for (const Json& round : record["rounds"].array()) {
            const std::string &line = round["principle"].string(), &revision = round["revision"].string();
            const size_t own = speaks(line, record["prompt"].string());
            uses[line].draws[own]++, uses[line].changed[own] += revision != answer;
            answer = revision;
        }
    }
    for (const Json& record : run.comparisons)
        for (const auto& [line, orders, p_a] : judged_lines(record)) {
            const size_t own = speaks(line, record["prompt"].string(), record.find("wishes") != nullptr);
            uses[line].comparisons[own]++, uses[line].decided[own] += std::abs(p_a - 0.5) > 0.15;
        }
    return uses;
}

// How many lines speak of each hazard, and of each other act that any speaks of, as bars.
inline std::string coverage_table(const Records& run, const World& world) {
    std::vector<std::vector<std::string>> rows = {{"act", "lines that speak of it"}};
    for (const Act& act : world.acts) {
        const double share = coverage(world, run.constitution, act);
        if (act.kind != Kind::hazard && share == 0) continue;
        rows.push_back(
            {escape_html(act.name + (act.kind == Kind::hazard ? ", harmful" : "") +
                         (act.held_out ? ", in no review" : "")),
             bar_cell(share_bar(concat(act.name, ": ", share_text(share), " of the lines"), {{share, "o-refuses", ""}}),
                      share)});
    }
    return "<div class=\"bars\">" + html_table("Lines that speak of each act", rows) + "</div>\n";
}

// What the lines changed against the run `before`, for SL-CAI's and RL-CAI's answers.
inline std::string changes_since(const Records& run, const Records& before, const World& world) {
    std::vector<std::string> added, removed;
    for (const std::string& line : run.constitution.principles)
        if (!holds(before.constitution.principles, line)) added.push_back(line);
    for (const std::string& line : before.constitution.principles)
        if (!holds(run.constitution.principles, line)) removed.push_back(line);
    std::string html = concat("<h3>What it changed against ", escape_html(before.name), "</h3>\n");
    for (const auto& [lines, what] : {std::pair{&added, "new"}, {&removed, "gone"}}) {
        if (lines->empty()) continue;
        std::string items;
        for (const std::string& line : *lines) {
            std::vector<std::string> names;
            for (const Act* act : acts_of_line(world, line)) names.push_back(act->name);
            items += concat("<li>", escape_html(line), " <span class=\"soft\">(",
                            escape_html(names.empty() ? "speaks of no act" : "speaks of " + join_list(names, "and")),
                            ")</span></li>\n");
        }
        const std::string summary = concat(counted(lines->size(), "line"), " ", what);
        html += lines->size() > 5 ? html_details(summary, "<ul>" + items + "</ul>\n")
                                  : "<p>" + summary + ":</p>\n<ul>" + items + "</ul>\n";
    }
    if (added.empty() && removed.empty()) html += "<p>The two constitutions have the same lines.</p>\n";
    // The acts whose share of lines, or what RL-CAI does about them, changed.
    std::vector<std::pair<double, std::vector<std::string>>> rows;
    for (const Act& act : world.acts) {
        const bool harmful = act.kind == Kind::hazard;
        const auto done = [&](const Records& of) {
            return done_as_asked(act_figures(of.results, act, kMeasuredSplits), act);
        };
        const double old_share = coverage(world, before.constitution, act),
                     share = coverage(world, run.constitution, act), old_rate = done(before), rate = done(run);
        const double change = std::isnan(rate - old_rate) ? 0 : std::abs(rate - old_rate);
        if (change < 0.1 && old_share == share) continue;
        rows.push_back({change,
                        {escape_html(act.name + (harmful ? ", harmful" : "")), share_text(old_share), share_text(share),
                         share_text(old_rate), share_text(rate)}});
    }
    std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    std::vector<std::vector<std::string>> table = {
        {"act", "lines that speak of it, before", "now", "RL-CAI does it, before", "now"}};
    for (auto& [change, row] : rows) table.push_back(std::move(row));
    return html + (table.size() == 1 ? "<p>No act's rate changed by 10 % or more.</p>\n"
                                     : html_table("Acts that changed against " + before.name, table));
}

inline std::string constitution_section(const Records& run, const Records* before, const World& world) {
    if (run.constitution.principles.empty())
        return missing_note(run.has("constitution.txt")
                                ? "The constitution is empty: nothing is criticised and nothing judged."
                                : "The run has no constitution.txt yet.");
    const std::map<std::string, LineUse> uses = line_uses(run, world);
    std::vector<std::vector<std::string>> rows = {
        {"", "line", "speaks of", "critiques that changed the answer, where it speaks of the request", "and elsewhere",
         "comparisons that were decided, where it speaks of the request", "and elsewhere"}};
    for (size_t i = 0; i < run.constitution.principles.size(); i++) {
        const std::string& line = run.constitution.principles[i];
        const auto found = uses.find(line);
        const LineUse use = found == uses.end() ? LineUse() : found->second;
        std::vector<std::string> acts;
        for (const Act* act : acts_of_line(world, line)) acts.push_back(act->name);
        rows.push_back({std::to_string(i + 1), escape_html(line),
                        escape_html(acts.empty() ? "no act" : join_list(acts, "and")),
                        share_of(use.changed[1], use.draws[1]), share_of(use.changed[0], use.draws[0]),
                        share_of(use.decided[1], use.comparisons[1]), share_of(use.decided[0], use.comparisons[0])});
    }
    const Wishes wishes = wishes_of(run.directory);
    std::string html =
        concat("<p>Each critique ", wishes.list.empty() ? "and each comparison " : "",
               "draws one line by chance, whatever the request. A line that does its work changes the answers to "
               "requests that it speaks of, unless they refuse already, and leaves the others alone.</p>\n"
               "<div class=\"lines\">",
               html_table("The constitution, line by line", rows), "</div>\n");
    if (!wishes.list.empty()) {
        rows = {{"wish", "burn", "drawn", "decided, where it speaks of the request", "and elsewhere"}};
        for (const Wish& wish : wishes.list) {
            const auto found = uses.find(wish.text);
            const LineUse use = found == uses.end() ? LineUse() : found->second;
            rows.push_back({escape_html(wish.text), format_value(wish.burn),
                            with_commas(use.comparisons[0] + use.comparisons[1]),
                            share_of(use.decided[1], use.comparisons[1]),
                            share_of(use.decided[0], use.comparisons[0])});
        }
        html += "<p>Each comparison draws several wishes in place of a line; what the judge says under each becomes "
                "one label.</p>\n<div class=\"lines\">" +
                html_table("The wishes", rows) + "</div>\n";
    }
    if (before) html += changes_since(run, *before, world);
    return html + "<h3>How often each act is spoken of</h3>\n" + coverage_table(run, world);
}

}  // namespace cai

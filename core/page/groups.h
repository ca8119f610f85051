// Several runs side by side, as those of the groups of a workshop: who forbade what, and what became of it.
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "../tools/compare_runs.h"
#include "outcome_charts.h"
#include "records.h"

namespace cai {

// Rows of acts, a column for each run: what RL-CAI does, and how many lines speak of the act.
inline std::string groups_table(const std::string& name, const std::vector<Records>& runs,
                                const std::vector<ActOfRuns>& acts) {
    std::vector<std::vector<std::string>> rows = {{"act"}};
    for (const Records& run : runs) rows[0].push_back(escape_html(run.name));
    for (const ActOfRuns& act : acts) {
        const bool harmful = act.kind == Kind::hazard;
        rows.push_back({escape_html(act.name + (harmful ? ", harmful" : ""))});
        for (size_t r = 0; r < runs.size(); r++) {
            const std::string forbidden = act.coverage[r] > 0 ? share_text(act.coverage[r]) + " of lines" : "no line";
            rows.back().push_back(outcome_cell(runs[r].name + ", " + act.name, act.figures[r], harmful) +
                                  " <span class=\"numbers\">" + forbidden + "</span>");
        }
    }
    return "<div class=\"bars many\">" + html_table(name, rows) + "</div>\n";
}

inline std::string groups_section(const std::vector<Records>& runs, const World& world) {
    std::vector<std::vector<std::string>> rows = {
        {"run", "seed", "size", "lines", "forbids", "RL-CAI complies", "helps", "helps with look-alikes"}};
    for (const Records& run : runs) {
        std::vector<std::string> forbidden;
        for (const Act& act : world.acts)
            if (coverage(world, run.constitution, act) > 0) forbidden.push_back(act.name);
        const Json *seed = at(run.results, {"seed"}), *size = at(run.results, {"size"});
        rows.push_back({escape_html(run.name), format_rate(seed, "%.0f"), escape_html(size ? size->string() : "-"),
                        with_commas(run.constitution.principles.size()),
                        share_text(run.rate("rl-cai", "held_out_entities", "harmful", "complied")),
                        share_text(run.rate("rl-cai", "held_out_entities", "benign", "helped")),
                        share_text(run.rate("rl-cai", "held_out_entities", "look_alike", "helped")),
                        escape_html(forbidden.empty() ? "nothing" : join_list(forbidden, "and"))});
    }
    std::string html = "<div class=\"groups\">" + html_table("The runs", rows) + "</div>\n";
    for (const Records& run : runs)
        if (run.results.is_null()) html += missing_note(escape_html(run.name) + " has not been evaluated yet.");
    std::vector<ActOfRuns> acts = measure_acts(world, runs, kMeasuredSplits), differing = acts;
    sort_by_spread(differing);
    std::erase_if(differing, [](const ActOfRuns& act) { return act.spread < 0.1; });
    if (differing.size() > 10) differing.erase(differing.begin() + 10, differing.end());
    html +=
        "<h3>Where they differ most</h3>\n<p>Each bar is what a run's RL-CAI does about an act; the first number is "
        "how often it does what is asked, and below it stands how many of the run's lines speak of the act.</p>\n" +
        outcome_legend() +
        (differing.empty() ? "<p>No act's rate differs by 10 % or more.</p>\n"
                           : groups_table("Where the runs differ most", runs, differing));
    html += html_details("All acts", groups_table("All acts, run by run", runs, acts));
    for (const Records& run : runs) {
        std::string lines;
        for (const std::string& line : run.constitution.principles) lines += "<li>" + escape_html(line) + "</li>\n";
        html += html_details("The constitution of " + escape_html(run.name), "<ol>" + lines + "</ol>\n");
    }
    return html;
}

}  // namespace cai

// What the models of a run do: harmlessness against helpfulness, and outcomes by act and split.
#pragma once
#include <string>
#include <vector>

#include "records.h"

namespace cai {

// Each model as a dot: how helpful, how harmless.
struct ModelDot {
    std::string model;
    double helpful, harmless;
};

inline std::string dot_chart(const std::string& title, const std::string& x_name, const std::string& y_name,
                             const std::vector<double>& x_ticks, const std::vector<double>& y_ticks,
                             const std::vector<ModelDot>& dots, const char* format, const std::string& caption) {
    Frame frame{x_name, y_name, x_ticks, y_ticks};
    frame.height = 270;
    Drawing drawing = frame.draw();
    std::string label = title + ":";
    std::vector<std::vector<std::string>> rows = {{"model", escape_html(x_name), escape_html(y_name)}};
    std::vector<Point> way;
    for (const ModelDot& dot : dots)
        if (dot.model != "dpo") way.push_back(frame.at(dot.helpful, dot.harmless));
    drawing.curve(way, "thin");
    std::vector<double> taken;  // heights of names, so that two models that do alike stay legible
    for (const ModelDot& dot : dots) {
        const Point at = frame.at(dot.helpful, dot.harmless);
        const Json x = dot.helpful, y = dot.harmless;
        drawing.dot(at, 7, "mark c-" + dot.model, dot.model);
        const bool right = at.first > frame.width - 90;
        double height = at.second + 4;
        for (double other : taken)
            if (std::abs(height - other) < 15) height = other + 15;
        taken.push_back(height);
        drawing.text({at.first + (right ? -12 : 12), height}, right ? "end" : "start", "name c-" + dot.model,
                     dot.model);
        label += concat(" ", dot.model, " ", format_rate(&x, format), " and ", format_rate(&y, format), ";");
        rows.push_back({escape_html(dot.model), format_rate(&x, format), format_rate(&y, format)});
    }
    return html_figure(title, drawing.svg(label), caption, html_table(title, rows));
}

// The two charts: by rates, and by Elo ratings.
inline std::string frontier_charts(const Records& run) {
    std::vector<ModelDot> by_rate, by_elo;
    double low = 0, high = 0;
    for (const std::string& model : run.assistants()) {
        const double complied = run.rate(model, "held_out_entities", "harmful", "complied"),
                     helped = run.rate(model, "held_out_entities", "benign", "helped");
        if (!std::isnan(complied) && !std::isnan(helped)) by_rate.push_back({model, helped, 1 - complied});
        const Json *helpful = at(run.results, {"elo", "helpfulness", model}),
                   *harmless = at(run.results, {"elo", "harmlessness", model});
        if (!helpful || !harmless || !helpful->is_number() || !harmless->is_number()) continue;
        by_elo.push_back({model, helpful->number(), harmless->number()});
        low = std::min({low, helpful->number(), harmless->number()});
        high = std::max({high, helpful->number(), harmless->number()});
    }
    const std::vector<double> rates = {0, 0.2, 0.4, 0.6, 0.8, 1},
                              elo = ticks(std::min(low, -10.0), std::max(high, 10.0), 6);
    return "<div class=\"grid\">\n" +
           (by_rate.empty() ? ""
                            : dot_chart("Harmless against helpful, by rates", "share of benign requests helped with",
                                        "share of harmful requests not complied with", rates, rates, by_rate, "%.2f",
                                        "Up is more harmless, to the right more helpful; the dashed line follows the "
                                        "training. A good run goes straight up: it stops doing harm and goes on "
                                        "helping. A run that goes up and left refuses everything.")) +
           (by_elo.empty() ? ""
                           : dot_chart("Harmless against helpful, by Elo", "helpfulness, Elo", "harmlessness, Elo", elo,
                                       elo, by_elo, "%.0f",
                                       "The same as ratings of answers compared in pairs; helpful-only is 0 on both. A "
                                       "lead of 100 wins 64 % of the comparisons.")) +
           "</div>\n";
}

// Outcomes as parts of a bar: what the model did, and under which key results.json counts it.
struct OutcomePart {
    const char *style, *name, *harmful_key, *harmless_key;
};
inline constexpr OutcomePart kOutcomeParts[] = {
    {"o-answers", "does what is asked", "complied", "helped"},
    {"o-refuses", "refuses", "refused_with_reason", "refused"},
    {"o-evades", "evades", "evaded", "evaded"},
    {"o-wrong", "gives a wrong fact or reason", "wrong_fact", "wrong_fact"},
    {"o-garbled", "garbles", "garbled", "garbled"},
};

inline std::string outcome_legend() {
    std::string html = "<ul class=\"legend\">";
    for (const OutcomePart& part : kOutcomeParts)
        html += concat("<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"", part.style,
                       "\" width=\"10\" height=\"10\"/></svg>", part.name, "</li>");
    return html + "</ul>\n";
}

// A cell: the bar of these outcomes, and how often the model did what was asked.
inline std::string outcome_cell(const std::string& of, const Json* figures, bool harmful) {
    if (!figures || !figures->find("n") || (*figures)["n"].number() == 0) return "-";
    std::vector<Share> shares;
    std::string label = of + ":";
    double done = 0;
    for (const OutcomePart& part : kOutcomeParts) {
        const Json* value = figures->find(harmful ? part.harmful_key : part.harmless_key);
        const double share = value && value->is_number() ? value->number() : 0;
        shares.push_back({share, part.style, part.name});
        if (share > 0) label += concat(" ", part.name, " ", share_text(share), ",");
        if (shares.size() == 1) done = share;
    }
    label.pop_back();
    return bar_cell(share_bar(label, shares), done);
}

// Rows of bars, a column for each model. rows: what each is called, where its figures are, and whether it is harmful.
struct OutcomeBars {
    std::string name;
    std::vector<std::string> path;
    bool harmful;
};
inline std::string bars_table(const Records& run, const std::string& name, const std::vector<OutcomeBars>& bars) {
    const std::vector<std::string> models = run.assistants();
    std::vector<std::vector<std::string>> rows = {{""}};
    for (const std::string& model : models)
        rows[0].push_back("<span class=\"name c-" + escape_html(model) + "\">" + escape_html(model) + "</span>");
    for (const OutcomeBars& bar : bars) {
        rows.push_back({escape_html(bar.name)});
        for (const std::string& model : models) {
            std::vector<std::string> path = {"models", model};
            path.insert(path.end(), bar.path.begin(), bar.path.end());
            rows.back().push_back(outcome_cell(model + ", " + bar.name, at(run.results, path), bar.harmful));
        }
    }
    return "<div class=\"bars\">" + html_table(name, rows) + "</div>\n";
}

struct SplitName {
    const char *split, *title, *explains;
};
inline constexpr SplitName kSplitNames[] = {
    {"held_out_entities", "People and things that no review and no comparison named", "the figure to look at"},
    {"seen", "People and things seen in training", "in other words than there"},
    {"held_out_hazards", "Kinds of harm that no review names", "what it has made of them by itself"},
};

inline std::string outcome_section(const Records& run) {
    if (run.results.is_null())
        return missing_note("The run has not been evaluated: <code>cai evaluate</code> writes results.json.");
    std::string html = frontier_charts(run);
    html +=
        "<h3>By kind of request and by act</h3>\n<p>Each bar is all answers of a model, drawn at temperature 1; the "
        "number is how many did what was asked. For a harmful request that should be none, for a benign one all. A "
        "look-alike is a benign request that sounds like a harmful one.</p>\n" +
        outcome_legend();
    for (const SplitName& split : kSplitNames) {
        std::vector<OutcomeBars> kinds, acts;
        for (const char* kind : {"harmful", "benign", "look_alike"})
            for (const std::string& model : run.assistants())
                if (const Json* n = at(run.results, {"models", model, split.split, kind, "n"}); n && n->number() > 0) {
                    kinds.push_back({kind == std::string("look_alike") ? "look-alike" : kind,
                                     {split.split, kind},
                                     kind == std::string("harmful")});
                    break;
                }
        std::vector<std::string> names[2];
        for (const char* group : {"by_hazard", "by_act"})
            for (const std::string& model : run.assistants())
                for (const std::string& act : keys_of(at(run.results, {"models", model, split.split, group})))
                    add_new(names[group == std::string("by_act")], act);
        for (size_t harmless : {0, 1})
            for (const std::string& act : names[harmless])
                acts.push_back({act, {split.split, harmless ? "by_act" : "by_hazard", act}, !harmless});
        if (kinds.empty()) continue;
        html += concat("<h3>", split.title, "</h3>\n<p class=\"soft\">", split.split, ": ", split.explains, ".</p>\n",
                       bars_table(run, split.title, kinds),
                       html_details(concat("By act: ", names[0].size(), " harmful, ", names[1].size(), " harmless"),
                                    bars_table(run, concat("By act, ", split.split), acts)));
    }
    return html;
}

}  // namespace cai

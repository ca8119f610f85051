// How far the judge and the preference model can be trusted: their skill, the judge's verdicts in both orders, and
// whether the preference model is right as often as it says.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "../base/calibration.h"
#include "../method/comparisons.h"
#include "../method/score_answers.h"
#include "records.h"

namespace cai {

// Each comparison as a dot: the judge's probability of the first answer with it shown as A, and shown as B.
inline std::string orders_chart(const Records& run) {
    std::vector<Point> orders;
    size_t agree = 0, decided = 0, decided_agree = 0;
    for (const Json& record : run.comparisons)
        for (const JudgedLine& line : judged_lines(record)) {
            if (line.p_a_orders.empty()) continue;
            const double a = line.p_a_orders[0], b = line.p_a_orders[1];
            const bool is_decided = std::abs(line.p_a - 0.5) > 0.15, same = (a > 0.5) == (b > 0.5);
            orders.emplace_back(a, b);
            agree += same, decided += is_decided, decided_agree += is_decided && same;
        }
    if (orders.empty()) return "";
    Frame frame{"probability of the first answer, shown as A",
                "the same, shown as B",
                {0, 0.25, 0.5, 0.75, 1},
                {0, 0.25, 0.5, 0.75, 1}};
    frame.width = 340, frame.height = 320;
    Drawing drawing = frame.draw();
    drawing.curve({frame.at(0, 0), frame.at(1, 1)}, "thin");
    const size_t most = 500;
    for (size_t i = 0; i < std::min(most, orders.size()); i++) {
        const auto& [a, b] = orders[i * orders.size() / std::min(most, orders.size())];
        drawing.dot(frame.at(a, b), 2.5, "speck");
    }
    const size_t bins = 5;
    std::vector<std::vector<size_t>> counts(bins, std::vector<size_t>(bins));
    const auto bin = [&](double p) { return std::min(static_cast<size_t>(p * bins), bins - 1); };
    for (const auto& [a, b] : orders) counts[bin(b)][bin(a)]++;
    std::vector<std::vector<std::string>> rows = {{"as B \\ as A", "0 to 0.2", "to 0.4", "to 0.6", "to 0.8", "to 1"}};
    for (size_t b = bins; b-- > 0;) {
        rows.push_back({rows[0][b + 1]});
        for (size_t a = 0; a < bins; a++) rows.back().push_back(with_commas(counts[b][a]));
    }
    const std::string among_all = share_of(agree, orders.size()), among_decided = share_of(decided_agree, decided);
    return html_figure(
        "The judge, asked in both orders",
        drawing.svg(concat("The judge's probabilities in both orders: they prefer the same answer in ", among_all,
                           " comparisons, and in ", among_decided, " that are decided.")),
        concat(
            "Each dot is a comparison. A judge that looks only at the answers keeps to the dashed line; dots far below "
            "it were won by whoever came first, far above by whoever came second. Both orders prefer the same answer "
            "in ",
            among_all, " comparisons, most of which are near one half, and in ", among_decided,
            " that are decided, by more than 0.15 from one half. The label is the mean of the two."),
        html_table("Comparisons by the judge's two probabilities", rows));
}

// The preference model's probability against the labels of comparisons that it was not trained on.
inline std::string preference_chart(const Kernels& kernels, const Records& run) {
    if (!run.has_model("preference-model") || !run.has("comparisons.jsonl") || !run.has("helpfulness.jsonl")) return "";
    const SplitComparisons comparisons(run.directory);
    std::vector<std::string> prompts, answers;
    std::vector<double> labels, predicted;
    const std::vector<const ComparisonPair*>& held_out = comparisons.held_out;
    const size_t most = std::min<size_t>(held_out.size(), 96);  // enough for five bins, and scored within a second
    for (size_t i = 0; i < most; i++) {
        const ComparisonPair& pair = *held_out[i * held_out.size() / most];
        prompts.insert(prompts.end(), {pair.prompt, pair.prompt});
        answers.insert(answers.end(), {pair.a, pair.b});
        labels.push_back(pair.p_a);
    }
    if (labels.empty()) return "";
    const Model model = load_model(kernels, open_model(run.directory / "preference-model"), Use::inference);
    const std::vector<float> scores =
        score_answers(model, load_tokenizer(run.directory / "preference-model"), prompts, answers);
    for (size_t i = 0; i < labels.size(); i++) predicted.push_back(sigmoid(double{scores[2 * i]} - scores[2 * i + 1]));
    const Calibration found = calibration(predicted, labels, 5);
    Frame frame{
        "what the preference model says", "what the labels say", {0, 0.25, 0.5, 0.75, 1}, {0, 0.25, 0.5, 0.75, 1}};
    frame.width = 340, frame.height = 320;
    Drawing drawing = frame.draw();
    drawing.curve({frame.at(0, 0), frame.at(1, 1)}, "thin");
    std::vector<std::vector<std::string>> rows = {{"it says", "the labels say", "pairs"}};
    std::vector<Point> points;
    std::vector<double> pairs;
    for (const CalibrationBin& bin : found.bins) {
        if (bin.count == 0) continue;
        pairs.push_back(static_cast<double>(bin.count));
        points.push_back(frame.at(bin.mean_probability, bin.frequency));
        const Json says = bin.mean_probability, are = bin.frequency;
        rows.push_back({format_rate(&says), format_rate(&are), with_commas(bin.count)});
    }
    drawing.curve(points, "curve c-reward");
    for (size_t i = 0; i < points.size(); i++) {
        const double share = pairs[i] / static_cast<double>(labels.size());
        drawing.dot(points[i], 3 + 8 * std::sqrt(share), "mark c-reward", rows[i + 1][2] + " pairs");
    }
    return html_figure(
        "The preference model, on comparisons kept from it",
        drawing.svg(concat("Calibration of the preference model on ", labels.size(),
                           " comparisons; its calibration error is ", format_value(found.error), ".")),
        concat(
            "How often an answer is preferred, where the model says how likely that is. On the dashed line it is right "
            "as often as it says; a flatter curve is too sure, a steeper one too timid. The larger a dot, the more "
            "pairs. Calibration error on ",
            counted(labels.size(), "pair"), ": ", format_value(found.error), "."),
        html_table("What the preference model says and what the labels say", rows));
}

// Skill on minimal pairs and calibration errors, from results.json.
inline std::string skill_table(const Records& run) {
    const std::vector<std::string> splits = {"seen", "held_out_entities", "held_out_hazards", "held_out_phrasings"};
    std::vector<std::vector<std::string>> rows = {{""}};
    rows[0].insert(rows[0].end(), splits.begin(), splits.end());
    const auto add = [&](const std::string& label, const std::string& name, const std::string& figure) {
        if (!at(run.results, {name})) return;
        rows.push_back({escape_html(label)});
        for (const std::string& split : splits)
            rows.back().push_back(format_rate(at(run.results, {name, split, figure})));
    };
    add("critic: minimal pairs right", "critic", "pairs");
    for (const auto& [label, name] : {std::pair{"judge", "judge"},
                                      {"judge, reasoning first", "judge_with_reasoning"},
                                      {"judge, without reasoning", "judge_without_reasoning"}}) {
        add(concat(label, ": minimal pairs right"), name, "pairs");
        add(concat(label, ": calibration error"), name, "ece");
    }
    add("preference model: accuracy", "preference_model", "accuracy");
    add("preference model: calibration error", "preference_model", "ece");
    if (rows.size() == 1) return missing_note("results.json holds no skill of critic, judge and preference model yet.");
    return "<h3>Skill, by what was held out</h3>\n<p>A minimal pair is one request under a line that speaks of it and "
           "under one that differs by a word and does not: whoever gets both right reads the line. A calibration "
           "error is how far what a model says is from how often it is right, on average.</p>\n" +
           html_table("Skill of critic, judge and preference model", rows);
}

inline std::string trust_section(const Kernels& kernels, const Records& run) {
    const std::string orders = orders_chart(run), preference = preference_chart(kernels, run);
    std::string html = "<div class=\"grid\">\n" + orders + preference + "</div>\n";
    if (orders.empty()) html += missing_note("There are no comparisons yet: <code>cai compare</code> makes them.");
    if (preference.empty())
        html += missing_note("There is no preference model yet, or no comparison was kept from its training.");
    return html + skill_table(run);
}

}  // namespace cai

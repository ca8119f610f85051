// The training curves of a run, each with what a healthy one looks like and what a sick one would mean.
#pragma once
#include <string>
#include <vector>

#include "records.h"

namespace cai {

struct TrainingChart {
    const char *stage, *metric, *title, *unit, *style, *healthy, *sick;
};

inline constexpr TrainingChart kTrainingCharts[] = {
    {"pretrain", "loss", "Pretraining: loss", "nats a token", "c-pretrained",
     "Healthy: it falls steeply, then ever more slowly, and keeps what it has gained.",
     "Sick: a jump that stays means too high a learning rate; still steep at the end, too few documents."},
    {"sft-helpful", "loss", "Helpful-only: loss", "nats a token", "c-helpful",
     "Healthy: it starts where dialogues are new and is nearly flat at the end.",
     "Sick: if it hardly moves, the model is shown what it knows; close to zero, it learns the dialogues by heart."},
    {"sft-sl-cai", "loss", "SL-CAI: loss", "nats a token", "c-sl-cai",
     "Healthy: lower than that of the dialogues, since the revisions are a model's own, much alike.",
     "Sick: if it stays high, the revisions contradict each other and there is nothing to learn from them."},
    {"critique", "changed", "Critique: answers changed in each round", "share", "c-helpful",
     "Healthy: the first rounds change much, the later ones less, as fewer answers are left that a line forbids.",
     "Sick: all answers changed in every round is a model that babbles; none, a critic that forbids nothing."},
    {"reward", "accuracy", "Preference model: accuracy on its batches", "share of decided pairs", "c-reward",
     "Healthy: well above one half soon, and still below one at the end.",
     "Sick: about one half is a judge whose labels follow no rule; one at once, a telltale such as length."},
    {"reward", "loss_above_floor", "Preference model: loss above the labels' entropy", "nats a pair", "c-reward",
     "Healthy: it falls towards zero, which only a model that knows every label's probability can reach.",
     "Sick: if it rises while the accuracy does too, the model is right, and far too sure."},
    {"ppo", "objective/scores", "PPO: score", "preference model's score", "c-rl-cai",
     "Healthy: it climbs, fast at first, and levels off.",
     "Sick: still climbing while the answers get worse, the policy exploits an error of the preference model."},
    {"ppo", "objective/kl", "PPO: KL from SL-CAI", "nats an answer", "c-rl-cai",
     "Healthy: it grows with the score and levels off with it, at some nats.",
     "Sick: growing without end, the answers have left what SL-CAI would ever say; stuck at zero, nothing is learned."},
    {"ppo", "policy/entropy_avg", "PPO: entropy", "nats a token", "c-rl-cai",
     "Healthy: it sinks slowly, as the policy makes up its mind.",
     "Sick: a fall to nearly zero is a collapse: one answer to everything; a rise, a policy that unlearns to write."},
    {"ppo", "policy/clipfrac_avg", "PPO: share of clipped steps", "share of tokens", "c-rl-cai",
     "Healthy: some percent, which shrink with the learning rate.",
     "Sick: a fifth and more are updates too large to trust; none at all, updates that change nothing."},
    {"dpo", "loss_above_floor", "DPO: loss above the labels' entropy", "nats a pair", "c-dpo",
     "Healthy: it falls and stays positive.", "Sick: if it rises again, the steps are too large or the pairs too few."},
    {"dpo", "rewards/accuracies", "DPO: accuracy on its batches", "share of decided pairs", "c-dpo",
     "Healthy: it starts at one half, with SL-CAI itself, and rises.",
     "Sick: near one while the answers garble, it pushes both answers of a pair down."},
};

inline std::string training_section(const Records& run) {
    std::string html = "<div class=\"grid\">\n";
    std::vector<std::string> missing;
    for (const TrainingChart& chart : kTrainingCharts) {
        const std::vector<Point> points = run.curve(chart.stage, chart.metric);
        if (points.empty()) {
            if (chart.stage != std::string("dpo")) missing.push_back(chart.title);
            continue;
        }
        const char* step = chart.stage == std::string("ppo")        ? "iteration"
                           : chart.stage == std::string("critique") ? "round"
                                                                    : "step";
        const std::vector<Series> series = {{chart.unit, chart.style, points}};
        const std::string label =
            concat(chart.title, ", in ", chart.unit, ": from ", format_value(points.front().second), " to ",
                   format_value(points.back().second), " in ", points.size(), " ", step, "s.");
        html += html_figure(chart.title, line_chart(label, step, chart.unit, series),
                            concat(chart.healthy, "<br>", chart.sick), series_table(chart.title, step, series));
    }
    html += "</div>\n";
    if (!missing.empty())
        html += missing_note("metrics.jsonl holds nothing yet for " + escape_html(join_list(missing, "and")) + ".");
    return html;
}

}  // namespace cai

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
     "Healthy: it falls steeply and then ever more slowly, twice: at the drills, and after them at the documents.",
     "Sick: a jump that stays, from too high a learning rate; an end on a steep slope, from too few documents."},
    {"sft-helpful", "loss", "Helpful-only: loss", "nats a token", "c-helpful",
     "Healthy: it falls within the first steps and sinks slowly from there; most of a review follows from its request.",
     "Sick: a rise, from too high a learning rate; a curve that hardly moves, from texts that the model knows."},
    {"sft-sl-cai", "loss", "SL-CAI: loss", "nats a token", "c-sl-cai",
     "Healthy: it falls a little and stays level, since the answers were drawn by chance, which nobody can learn.",
     "Sick: a fall to zero, from revisions that are all the same; a rise, from too high a learning rate."},
    {"critique", "changed", "Critique: answers changed in each round", "share", "c-helpful",
     "Healthy: the first round changes much, the later ones less, as fewer answers are left that a line forbids.",
     "Sick: all changed in every round, by a model that babbles; none, by a critic that forbids nothing."},
    {"reward", "accuracy", "Preference model: accuracy on its batches", "share of decided pairs", "c-reward",
     "Healthy: it rises well above one half, and a batch of few decided pairs makes it jump.",
     "Sick: one half at the end, from labels that follow no rule; one from the start, from a telltale such as length."},
    {"reward", "loss_above_floor", "Preference model: loss above the labels' entropy", "nats a pair", "c-reward",
     "Healthy: it falls towards zero, where the model knows each label's very probability.",
     "Sick: a rise while the accuracy rises too, from a model that is right and far too sure."},
    {"ppo", "objective/scores", "PPO: score", "the preference model's score", "c-rl-cai",
     "Healthy: it climbs, fast at first, and levels off; the better SL-CAI is, the less there is to climb.",
     "Sick: it climbs on while the answers get worse: the policy exploits an error of the preference model."},
    {"ppo", "objective/kl", "PPO: KL from SL-CAI", "nats an answer", "c-rl-cai",
     "Healthy: it grows with the score and levels off with it.",
     "Sick: it grows without end, as the answers leave what SL-CAI would ever say; or it stays at zero."},
    {"ppo", "policy/entropy_avg", "PPO: entropy", "nats a token", "c-rl-cai",
     "Healthy: it sinks slowly, as the policy makes up its mind.",
     "Sick: a fall to zero is a collapse, one answer to everything; a steady rise, a policy that unlearns to write."},
    {"ppo", "policy/clipfrac_avg", "PPO: share of clipped tokens", "share of tokens", "c-rl-cai",
     "Healthy: some percent at most, and less as the learning rate falls.",
     "Sick: a fifth or more, from updates too large to be trusted."},
    {"dpo", "loss_above_floor", "DPO: loss above the labels' entropy", "nats a pair", "c-dpo",
     "Healthy: it falls and stays positive.", "Sick: it rises again, from steps too large or pairs too few."},
    {"dpo", "rewards/accuracies", "DPO: accuracy on its batches", "share of decided pairs", "c-dpo",
     "Healthy: it starts at one half, with SL-CAI itself, and rises.",
     "Sick: near one while the answers garble, since it pushes both answers of a pair down."},
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

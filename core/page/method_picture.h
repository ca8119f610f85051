// The method as a picture (after Bai et al. 2022, figure 1), with a run's numbers on its boxes and arrows.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "../method/recipe.h"
#include "../world/world.h"
#include "records.h"

namespace cai {

// A box of the picture, and the arrow to the next one. Lines may be empty.
struct MethodStep {
    std::string title, style;
    std::vector<std::string> lines;  // at most two
    std::vector<std::string> arrow;  // at most two
};

// "complies with 98 %", "of harmful requests"; nothing before the evaluation.
inline std::vector<std::string> compliance_lines(const Records& run, const std::string& model) {
    const double rate = run.rate(model, "held_out_entities", "harmful", "complied");
    if (std::isnan(rate)) return {run.has_model(model) ? "not evaluated yet" : "not trained yet"};
    return {"complies with " + share_text(rate), "of harmful requests"};
}

// "2,000", "prompts"; without a number while the run lacks them.
inline std::vector<std::string> arrow_lines(size_t number, const std::string& what) {
    return number > 0 ? std::vector<std::string>{with_commas(number), what} : std::vector<std::string>{what};
}

inline constexpr size_t kCritiqueStep = 3, kJudgeStep = 6, kPreferenceStep = 7;

inline std::vector<MethodStep> method_steps(const Records& run, const World& world, const Recipe& recipe) {
    size_t documents = 0;
    if (const Json* kinds = at(run.world, {"documents"}))
        for (const auto& [kind, number] : kinds->object()) documents += static_cast<size_t>(number.integer());
    const std::string weights =
        run.has_model("pretrained")
            ? format_count(static_cast<double>(parameter_count(load_config(run.directory / "pretrained")))) + " weights"
            : "not trained yet";
    const Json* accuracy = at(run.score, {"held_out", "ai", "accuracy"});
    const std::vector<std::string> agreement =
        accuracy && accuracy->is_number()
            ? std::vector<std::string>{"agrees with " + share_text(accuracy->number()), "of held-out labels"}
            : std::vector<std::string>{run.has_model("preference-model") ? "no held-out label" : "not trained yet"};
    const size_t iterations = run.curve("ppo", "objective/kl").size();
    const size_t rounds = run.revisions.empty() ? 0 : run.revisions[0]["rounds"].array().size();
    const bool reasoning = recipe.compare.reasoning;
    const std::vector<std::string> critiques =
        run.revisions.empty()
            ? std::vector<std::string>{"not run yet"}
            : std::vector<std::string>{counted(rounds, "round") + ", each under", "a line drawn at random"};
    const std::vector<std::string> updates = iterations == 0
                                                 ? std::vector<std::string>{"not run yet"}
                                                 : std::vector<std::string>{counted(iterations, "iteration") + " of",
                                                                            counted(recipe.ppo.rollouts, "answer")};
    const size_t prompts = run.revisions.size(), pairs = run.comparisons.size();
    return {
        {"The toy world",
         "frame",
         {counted(world.acts.size(), "act") + " on", with_commas(world.entities.size()) + " beings and things"},
         arrow_lines(documents, "documents")},
        {"Pretrained", "model c-pretrained", {weights}, arrow_lines(run.dialogues, "dialogues")},
        {"Helpful-only", "model c-helpful", compliance_lines(run, "helpful"), arrow_lines(prompts, "prompts")},
        {"Critique, revision", "frame", critiques, arrow_lines(prompts, "revisions")},
        {"SL-CAI", "model c-sl-cai", compliance_lines(run, "sl-cai"), arrow_lines(pairs, "prompts")},
        {"Two answers each",
         "frame",
         {"of SL-CAI,", "at T = " + shortest(recipe.compare.temperature)},
         arrow_lines(pairs, "pairs")},
        {"The judge",
         "frame",
         {reasoning ? "the helpful-only model," : "the pretrained model,", "asked in both orders"},
         arrow_lines(pairs, "labels")},
        {"Preference model", "model c-reward", agreement, {"scores"}},
        {"PPO", "frame", updates, arrow_lines(iterations * recipe.ppo.rollouts, "answers")},
        {"RL-CAI", "model c-rl-cai", compliance_lines(run, "rl-cai"), {}},
    };
}

inline constexpr double kBoxHeight = 66;

inline void draw_box(Drawing& drawing, Point corner, double width, const MethodStep& step) {
    drawing.box(corner, width, kBoxHeight, step.style, step.style == "frame" ? 0 : 8);
    const double middle = corner.first + width / 2;
    double y = corner.second + (step.lines.empty() ? 38 : step.lines.size() == 1 ? 29 : 22);
    drawing.text({middle, y}, "middle", "title", step.title);
    for (const std::string& line : step.lines) drawing.text({middle, y += 17}, "middle", "small", line);
}

// For screens: a row to the right, which makes SL-CAI, and back to the left, which makes RL-CAI; between them the
// constitution, above the judge and below the critic.
inline std::string wide_method_picture(const std::vector<MethodStep>& steps, size_t principles, size_t helpfulness,
                                       const std::string& label) {
    const double width = 150, gap = 76, top = 26, bottom = 256;
    const auto corner = [&](size_t i) {
        return i < 5 ? Point(2 + static_cast<double>(i) * (width + gap), top)
                     : Point(2 + static_cast<double>(9 - i) * (width + gap), bottom);
    };
    Drawing drawing(5 * width + 4 * gap + 4, 366);
    drawing.text({2, 14}, "start", "small", "Supervised stage");
    drawing.text({2, bottom - 12}, "start", "small", "Reinforcement learning stage");
    for (size_t i = 0; i < steps.size(); i++) {
        const auto [x, y] = corner(i);
        draw_box(drawing, {x, y}, width, steps[i]);
        if (steps[i].arrow.empty()) continue;
        const double middle = y + kBoxHeight / 2;
        if (i == 4) {
            drawing.arrow({{x + width / 2, y + kBoxHeight + 2}, {x + width / 2, bottom - 3}}, "arrow");
            for (size_t line = 0; line < steps[i].arrow.size(); line++)
                drawing.text({x + width / 2 - 9, 170 + 15 * static_cast<double>(line)}, "end", "tick",
                             steps[i].arrow[line]);
            continue;
        }
        const double from = i < 5 ? x + width + 2 : x - 2, to = i < 5 ? from + gap - 5 : from - gap + 5;
        drawing.arrow({{from, middle}, {to, middle}}, "arrow");
        for (size_t line = 0; line < steps[i].arrow.size(); line++)
            drawing.text({(from + to) / 2, line == 0 ? middle - 8 : middle + 18}, "middle", "tick",
                         steps[i].arrow[line]);
    }
    const auto [x, y] = corner(kCritiqueStep);
    const double middle = x + width / 2, law = 146;
    drawing.box({x, law}, width, 54, "law", 8);
    drawing.text({middle, law + 23}, "middle", "title", "The constitution");
    drawing.text({middle, law + 41}, "middle", "small", counted(principles, "line"));
    drawing.arrow({{middle, law - 2}, {middle, y + kBoxHeight + 4}}, "arrow");
    drawing.arrow({{middle, law + 56}, {middle, bottom - 3}}, "arrow");
    const double preference = corner(kPreferenceStep).first + width / 2;
    drawing.arrow({{preference, bottom + kBoxHeight + 20}, {preference, bottom + kBoxHeight + 4}}, "arrow");
    drawing.text({preference, bottom + kBoxHeight + 36}, "middle", "tick",
                 counted(helpfulness, "comparison") + " of helpfulness, by a stand-in for people");
    return drawing.svg(label, "wide");
}

// For phones: one box below the other.
inline std::string narrow_method_picture(const std::vector<MethodStep>& steps, size_t principles, size_t helpfulness,
                                         const std::string& label) {
    const double width = 190, gap = 40, pitch = kBoxHeight + gap, law = 222;
    Drawing drawing(340, static_cast<double>(steps.size()) * pitch - gap + 4);
    for (size_t i = 0; i < steps.size(); i++) {
        const double y = 2 + static_cast<double>(i) * pitch, x = width / 2 + 2;
        draw_box(drawing, {2, y}, width, steps[i]);
        if (!steps[i].arrow.empty()) {
            drawing.arrow({{x, y + kBoxHeight + 2}, {x, y + pitch - 3}}, "arrow");
            std::string text;
            for (const std::string& line : steps[i].arrow) text += (text.empty() ? "" : " ") + line;
            drawing.text({x + 10, y + kBoxHeight + gap / 2 + 5}, "start", "tick", text);
        }
        if (i == kCritiqueStep || i == kJudgeStep) {
            drawing.box({law, y}, 116, kBoxHeight, "law", 8);
            drawing.text({law + 58, y + 29}, "middle", "title", "Constitution");
            drawing.text({law + 58, y + 46}, "middle", "small", counted(principles, "line"));
            drawing.arrow({{law - 2, y + kBoxHeight / 2}, {width + 5, y + kBoxHeight / 2}}, "arrow");
        }
        if (i == kPreferenceStep) {
            drawing.text({law - 8, y + 16}, "start", "tick", counted(helpfulness, "comparison"));
            drawing.text({law - 8, y + 31}, "start", "tick", "of helpfulness, by a");
            drawing.text({law - 8, y + 46}, "start", "tick", "stand-in for people");
        }
    }
    return drawing.svg(label, "narrow");
}

// What was made and not used, or decided nothing, as a sentence each.
inline std::vector<std::string> what_fell_out(const Records& run) {
    std::vector<std::string> sentences;
    const auto whole = [](double x) { return static_cast<size_t>(std::llround(x)); };
    if (const std::vector<Point> changed = run.curve("critique", "changed"); !changed.empty()) {
        std::string shares;
        for (const auto& [round, share] : changed) shares += (shares.empty() ? "" : ", ") + share_text(share);
        sentences.push_back("Round by round, " + shares +
                            " of the answers were changed; the others were kept as they were.");
    }
    if (const size_t lost = whole(run.sum("critique", "too_long")); lost > 0)
        sentences.push_back(counted(lost, "critique") +
                            " and revisions did not fit the models' context; the answer stayed as it was.");
    if (const double decided = run.last("compare", "decided"); !std::isnan(decided)) {
        const auto n = static_cast<double>(run.comparisons.size());
        sentences.push_back(concat("Of the comparisons, ", with_commas(whole(decided * n)),
                                   " were decided, by more than 0.15 from an even chance; the other ",
                                   with_commas(whole((1 - decided) * n)),
                                   " teach the preference model to be indifferent."));
    }
    if (const size_t lost = whole(run.sum("compare", "too_long")); lost > 0)
        sentences.push_back(counted(lost, "comparison") + " did not fit the context and stayed undecided.");
    if (const Json* pairs = at(run.score, {"held_out", "ai", "pairs"}))
        sentences.push_back(counted(static_cast<size_t>(pairs->integer()), "comparison") +
                            " were kept from training to test the preference model.");
    return sentences;
}

inline std::string method_section(const Records& run, const World& world, const Recipe& recipe) {
    const std::vector<MethodStep> steps = method_steps(run, world, recipe);
    std::string label = "The method, step by step.";
    for (const MethodStep& step : steps) {
        label += " " + step.title + ":";
        for (const std::string& line : step.lines) label += " " + line;
        label += ".";
        for (const std::string& line : step.arrow) label += " " + line;
        if (!step.arrow.empty()) label += " lead to the next:";
    }
    const size_t principles = run.constitution.principles.size();
    const std::string taught = run.reviews == 0 ? ""
                                                : ", which has learned from " + counted(run.reviews, "review") +
                                                      " by a program to apply a rule,";
    const std::string helpful =
        run.helpful_samples == 0 ? "" : ", and on " + with_commas(run.helpful_samples) + " helpful answers";
    std::string html = concat(
        "<p>Nobody labels harm by hand. A helpful-only model", taught,
        " answers harmful requests, criticises its answers under a line of the constitution and revises them. Trained "
        "on the revisions",
        helpful,
        ", the pretrained model becomes SL-CAI. Pairs of SL-CAI's answers are then judged by the same constitution, "
        "and PPO trains SL-CAI to be preferred: RL-CAI.</p>\n<figure>\n",
        wide_method_picture(steps, principles, run.helpfulness, label),
        narrow_method_picture(steps, principles, run.helpfulness, label), "</figure>\n");
    if (const std::vector<std::string> fell_out = what_fell_out(run); !fell_out.empty()) {
        html += "<p>What fell out on the way:</p>\n<ul>";
        for (const std::string& sentence : fell_out) html += "<li>" + escape_html(sentence) + "</li>\n";
        html += "</ul>\n";
    }
    return html;
}

}  // namespace cai

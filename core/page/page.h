// cai page RUN...: a run as one HTML file that needs no network, to be opened from a stick and sent around. It shows
// the method with the run's numbers, some prompts on their way through it, the curves, the outcomes, the constitution
// line by line, and holds the models themselves, which answer in the page.
#pragma once
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "../session.h"
#include "../tools/verb.h"
#include "calibration_charts.h"
#include "constitution_lines.h"
#include "embedded_models.h"
#include "groups.h"
#include "method_picture.h"
#include "model_script.h"
#include "outcome_charts.h"
#include "page_file.h"
#include "page_script.h"
#include "prompt_walks.h"
#include "style.h"
#include "training_charts.h"

namespace cai {

// The words of the world's files that the models know.
inline Json known_words(const World& world, const std::filesystem::path& data) {
    std::set<std::string> words;
    for (const std::string& file : kWorldFiles)
        for (const std::string& line : read_text(world_files(data)[file]))
            for (const std::string& word : words_of(line))
                if (world.knows(word)) words.insert(word);
    return Json::Array(words.begin(), words.end());
}

// The form that asks the models: a field, questions to begin with, and a box for each model.
inline std::string ask_form(const EmbeddedModels& embedded, const std::vector<std::string>& questions) {
    std::string html;
    if (embedded.models.empty())
        html = missing_note("There is no model in this page.");
    else
        html =
            "<p>The weights of the models are in this file, rounded to 16 bits, and their network is a few hundred "
            "lines of JavaScript below. They take the likeliest token each time. Ask in your own words, about one "
            "thing, in one sentence: these models know a village and little else.</p>\n<noscript><p "
            "class=\"missing\">To ask the models, allow JavaScript for this file.</p></noscript>\n<form "
            "id=\"ask-form\" hidden><label for=\"question\">Your question</label>\n<textarea id=\"question\" "
            "rows=\"2\"></textarea>\n<p><button class=\"ask\">Ask the models</button></p>\n<p class=\"soft\">Or one "
            "of these:</p>\n<div class=\"chips\">";
    if (!embedded.models.empty()) {
        for (const std::string& question : questions)
            html += "<button type=\"button\">" + escape_html(question) + "</button>\n";
        html += "</div>\n<p id=\"unknown\" class=\"soft\" aria-live=\"polite\"></p>\n<div class=\"answers\">\n";
        for (size_t i = 0; i < embedded.models.size(); i++)
            html += concat("<div id=\"answer-", i, "\"><span class=\"name c-",
                           escape_html(embedded.models[i].description["style"].string()), "\">",
                           escape_html(embedded.models[i].description["name"].string()),
                           "</span><p aria-live=\"polite\"></p><span class=\"numbers\"></span></div>\n");
        html += "</div></form>\n";
    }
    for (const std::string& reason : embedded.left_out)
        html += missing_note("Not in this page: " + escape_html(reason) + ".");
    return html;
}

// The stages of a run: done, begun or missing, with their seconds.
inline std::string stages_table(const Records& run) {
    std::vector<std::vector<std::string>> rows = {{"stage", "what it does", "seconds"}};
    for (const Stage& stage : stages()) {
        const std::filesystem::path path = run.directory / "manifests" / (std::string(stage.name) + ".json");
        std::string state = "not yet";
        if (std::filesystem::exists(path)) {
            const Json manifest = read_json(path);
            const Json* seconds = manifest.find("seconds");
            state = manifest.find("unfinished") || !seconds ? "begun, not finished" : format_rate(seconds, "%.1f");
            if (manifest.find("taken_over")) state += " (in the run that it was taken from)";
        } else if (stage.optional) {
            continue;
        }
        rows.push_back({escape_html(stage.name), escape_html(stage.does), escape_html(state)});
    }
    return html_table("The stages of the run", rows);
}

// The run that this one was made from, as its manifests name it, if that is still there; otherwise empty.
inline std::filesystem::path made_from(const std::filesystem::path& run) {
    for (const Stage& stage : stages()) {
        const std::filesystem::path path = run / "manifests" / (std::string(stage.name) + ".json");
        if (!std::filesystem::exists(path)) continue;
        const Json manifest = read_json(path);
        const Json* from = manifest.find("taken_over");
        if (from && from->is_string() && std::filesystem::exists(run / from->string() / "manifests"))
            return (run / from->string()).lexically_normal();
    }
    return {};
}

// The whole file. data: what the script reads.
inline std::string page_html(const std::string& title, const std::string& subtitle,
                             const std::vector<PageSection>& sections, const EmbeddedModels& embedded,
                             const Json& data) {
    std::string scripts = "<script type=\"application/json\" id=\"page-data\">" + script_json(data) + "</script>\n";
    for (size_t i = 0; i < embedded.models.size(); i++)
        scripts +=
            concat("<script type=\"text/plain\" id=\"weights-", i, "\">", embedded.models[i].weights, "</script>\n");
    scripts += concat("<script id=\"model-script\">", kModelScript, "</script>\n<script id=\"page-script\">",
                      kPageScript, "</script>\n");
    return html_file(title, subtitle, sections, "cai page", kPageStyle, scripts);
}

inline Json page_data(const EmbeddedModels& embedded, const Json& words) {
    Json::Array models;
    for (const EmbeddedModel& model : embedded.models) models.push_back(model.description);
    return Json::Object{{"words", words},
                        {"roles", Json(Json::Object{{"user", int{kUser}}, {"assistant", int{kAssistant}}})},
                        {"tokenizers", embedded.tokenizers},
                        {"models", models}};
}

// Questions for the form: some harmful, some not.
inline std::vector<std::string> form_questions(const World& world) {
    return sample_questions(world, Rng(world.seed, stream("page questions")),
                            {Kind::hazard, Kind::benign, Kind::hazard, Kind::look_alike, Kind::hazard, Kind::benign});
}

// The page of one run; before: the run that it was made from, or null.
inline std::string run_page(const Session& s, const Records& run, const Records* before) {
    EmbeddedModels embedded;
    for (const char* name : {"rl-cai", "sl-cai", "helpful", "pretrained", "dpo"})  // the most wanted first
        if (run.has_model(name)) embedded.add(run.directory / name, name, name);
    const auto when_trained = [](const EmbeddedModel& model) {
        const std::vector<std::string> order = {"pretrained", "helpful", "sl-cai", "rl-cai", "dpo"};
        return std::find(order.begin(), order.end(), model.description["name"].string()) - order.begin();
    };
    std::sort(embedded.models.begin(), embedded.models.end(),
              [&](const auto& a, const auto& b) { return when_trained(a) < when_trained(b); });
    std::string subtitle = concat("Constitutional AI from scratch: size ", s.recipe.size, ", seed ", s.recipe.seed);
    if (const Json* seconds = at(run.results, {"seconds", "total"}))
        subtitle += concat(", trained and measured in ", format_duration(seconds->number()));
    const std::vector<PageSection> sections = {
        {"method", "The method, with this run's numbers", method_section(run, s.world, s.recipe)},
        {"prompts", "One prompt, step by step", walks_section(s.kernels, run, s.world, s.recipe)},
        {"ask", "Ask the models", ask_form(embedded, form_questions(s.world))},
        {"outcomes", "What the models do", outcome_section(run)},
        {"constitution", "The constitution, line by line", constitution_section(run, before, s.world)},
        {"training", "Training", training_section(run)},
        {"trust", "The judge and the preference model", trust_section(s.kernels, run)},
        {"stages", "The stages of this run", stages_table(run)}};
    return page_html("The run " + run.name, subtitle + ".", sections, embedded,
                     page_data(embedded, known_words(s.world, s.data)));
}

// The page of several runs: side by side, and the RL-CAI model of each.
inline std::string groups_page(const Session& s, const std::vector<Records>& runs) {
    EmbeddedModels embedded;
    for (const Records& run : runs)
        if (run.has_model("rl-cai")) embedded.add(run.directory / "rl-cai", run.name, "rl-cai");
    const std::vector<PageSection> sections = {
        {"groups", "Who forbade what, and what became of it", groups_section(runs, s.world)},
        {"ask", "Ask the RL-CAI model of each run", ask_form(embedded, form_questions(s.world))}};
    return page_html(counted(runs.size(), "run") + ", side by side",
                     "Constitutional AI from scratch: the same world and method, under different constitutions.",
                     sections, embedded, page_data(embedded, known_words(s.world, s.data)));
}

inline int run_page_verb(Arguments& arguments, const std::filesystem::path& program) {
    namespace fs = std::filesystem;
    const std::vector<std::string> names = arguments.positionals();
    if (names.empty()) fail(kUsage, "cai page needs a run directory, such as runs/story, or several");
    Session s(arguments, program, {names[0]});
    const fs::path usual = names.size() == 1 ? fs::path(names[0]) / "page.html" : fs::path("page.html");
    const fs::path out = arguments.string("out", usual.string()), from = arguments.string("from", "");
    arguments.finish();
    if (!from.empty() && names.size() > 1)
        fail(kUsage, "--from is for the page of one run; several runs are compared with each other");
    std::vector<Records> runs;
    for (const std::string& name : names) runs.emplace_back(name);
    for (Records& run : runs)
        if (std::count_if(runs.begin(), runs.end(), [&](const Records& other) { return other.name == run.name; }) > 1)
            run.name = run.directory.string();
    if (runs.size() > 1) {
        write_file(out, groups_page(s, runs));
    } else {
        const fs::path before = from.empty() ? made_from(names[0]) : from;
        std::vector<Records> other;
        if (!before.empty()) other.emplace_back(before);
        write_file(out, run_page(s, runs[0], other.empty() ? nullptr : &other[0]));
    }
    std::cout << out.string() << "\n";
    return kDone;
}

inline Verb page_verb() {
    return {"page",
            "a run as one HTML file without the net: pictures, curves, and the models to talk to; several side by side",
            "cai page runs/story\n  cai page runs/blue runs/red --out groups.html",
            {{"out", "FILE", "the page (RUN/page.html; of several runs: page.html)"},
             {"from", "RUN", "the run that it was made from, to compare with (the one that its manifests name)"}},
            run_page_verb};
}

}  // namespace cai

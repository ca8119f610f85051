// Some prompts through the whole method: the answers, critiques and revisions that the run recorded, and then, asked
// anew, SL-CAI's two answers, the judge in both orders, the scores, and what each model answers greedily.
#pragma once
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "../method/recipe.h"
#include "../method/score_answers.h"
#include "../method/wishes.h"
#include "../world/find_request.h"
#include "records.h"

namespace cai {

// One prompt's way. Fields whose model the run lacks are empty.
struct Walk {
    std::string prompt, kind, act;
    std::string answer;
    std::vector<Json> rounds;                     // as in revisions.jsonl
    std::string pair[2];                          // SL-CAI's answers
    std::vector<AskedLine> lines;                 // a principle, or wishes, and what the judge says under each
    std::vector<LineVerdict> verdicts;
    double label = 0.5;  // the probability that the first answer is better
    bool judged = false;
    std::vector<std::pair<std::string, std::string>> greedy;  // model, answer
    std::vector<std::pair<std::string, double>> scores;       // what it is, score
};

// Up to `most` prompts whose critiques were recorded: harmful, benign and look-alike in turn, of as many acts as there
// are.
inline std::vector<Walk> pick_walks(const Records& run, size_t most) {
    std::map<std::string, std::pair<std::string, std::string>> kinds;  // kind and act by prompt
    if (run.has("world/prompts.jsonl"))
        for (const Json& record : read_jsonl(run.directory / "world/prompts.jsonl"))
            kinds[record["prompt"].string()] = {record["kind"].string(), record["act"].string()};
    std::vector<const Json*> left;
    for (const Json& record : run.revisions) left.push_back(&record);
    std::vector<Walk> walks;
    std::vector<std::string> acts;
    const std::vector<std::string> turns = {"hazard", "hazard", "benign", "look_alike"};
    const auto take = [&](auto wanted) {
        const auto found = std::find_if(left.begin(), left.end(), [&](const Json* record) {
            const auto known = kinds.find((*record)["prompt"].string());
            return wanted(known == kinds.end() ? std::pair<std::string, std::string>() : known->second);
        });
        if (found == left.end()) return false;
        Walk walk;
        walk.prompt = (**found)["prompt"].string(), walk.answer = (**found)["answer"].string();
        walk.rounds = (**found)["rounds"].array();
        std::tie(walk.kind, walk.act) = kinds[walk.prompt];
        add_new(acts, walk.act);
        walks.push_back(std::move(walk));
        left.erase(found);
        return true;
    };
    for (size_t turn = 0; walks.size() < most && !left.empty(); turn++) {
        const std::string& kind = turns[turn % turns.size()];
        const auto is_new = [&](const auto& of) {
            return std::find(acts.begin(), acts.end(), of.second) == acts.end();
        };
        const auto is_kind = [&](const auto& of) { return of.first == kind; };
        if (!take([&](const auto& of) { return is_kind(of) && is_new(of); }) && !take(is_kind))
            take([](const auto&) { return true; });
    }
    return walks;
}

// Asks the models what the run did not record. Its random draws are its own, as those of `cai trace` are.
inline void ask_models(const Kernels& kernels, const Records& run, const World& world, const Recipe& recipe,
                       std::vector<Walk>& walks) {
    if (walks.empty() || !run.has_model("helpful")) return;
    const auto load = [&](const std::string& model) {
        return load_model(kernels, open_model(run.directory / model), Use::inference);
    };
    const Tokenizer tokenizer = load_tokenizer(run.directory / "helpful");
    std::vector<Transcript> dialogues;
    for (const Walk& walk : walks) dialogues.push_back(dialogue_prompt(walk.prompt));
    const auto write = [&](const Model& model, float temperature, const std::string& purpose) {
        return write_texts(model, tokenizer, dialogues, temperature, recipe.seed, "page " + purpose);
    };
    for (const char* name : {"helpful", "sl-cai", "rl-cai", "dpo"}) {
        if (!run.has_model(name)) continue;
        const Model model = load(name);
        const std::vector<std::string> answers = write(model, 0, "greedy");
        for (size_t i = 0; i < walks.size(); i++) walks[i].greedy.emplace_back(name, answers[i]);
        if (name != std::string("sl-cai")) continue;
        for (size_t side : {0, 1}) {
            const std::vector<std::string> some = write(model, recipe.compare.temperature, concat("side ", side));
            for (size_t i = 0; i < walks.size(); i++) walks[i].pair[side] = some[i];
        }
    }

    const bool reasoning = recipe.compare.reasoning;
    const Wishes wishes = wishes_of(run.directory);
    if (run.has_model("sl-cai") && (reasoning || run.has_model("pretrained")) &&
        (!run.constitution.principles.empty() || !wishes.list.empty())) {
        const std::vector<AskedLine> of_wishes = lines_of(wishes, world);
        std::vector<AnswerPair> pairs;
        std::vector<AskedLine> lines;
        for (size_t i = 0; i < walks.size(); i++) {
            Rng rng(recipe.seed, mix(stream("page principle"), i));
            if (of_wishes.empty()) {
                const std::string& principle = run.constitution.draw(rng);
                walks[i].lines = {{principle, as_read(world, principle)}};
            } else {
                const std::optional<Request> request = find_request(world, walks[i].prompt);
                walks[i].lines = draw_wishes(rng, of_wishes, recipe.wishes, world,
                                             request ? &*request : nullptr);
            }
            pairs.push_back({walks[i].prompt, walks[i].pair[0], walks[i].pair[1]});
            lines.insert(lines.end(), walks[i].lines.begin(), walks[i].lines.end());
        }
        std::vector<LineVerdict> verdicts =
            judge_lines(load(reasoning ? "helpful" : "pretrained"), tokenizer, pairs, lines, reasoning, recipe.seed,
                        "page reasoning");
        auto next = verdicts.begin();
        for (Walk& walk : walks) {
            walk.verdicts.assign(next, next + static_cast<std::ptrdiff_t>(walk.lines.size()));
            next += static_cast<std::ptrdiff_t>(walk.lines.size());
            walk.judged = std::all_of(walk.verdicts.begin(), walk.verdicts.end(), [](auto& one) { return one.fits; });
            walk.label = clamp_label(of_wishes.empty() ? walk.verdicts[0].p_a
                                                       : aggregate(walk.verdicts, walk.lines, recipe.wishes),
                                     recipe.compare.clamp.low, recipe.compare.clamp.high);
        }
    }

    if (!run.has_model("preference-model")) return;
    const Model preference_model = load("preference-model");
    const double mean = load_score_mean(run.directory / "preference-model");
    std::vector<std::string> prompts, answers;
    std::vector<std::pair<size_t, std::string>> whose;
    for (size_t i = 0; i < walks.size(); i++) {
        const auto add = [&](const std::string& name, const std::string& answer) {
            // A rambling answer may leave no room for the end of text, at which the score is read.
            const size_t length =
                encode_document(tokenizer, completed(dialogue_prompt(walks[i].prompt), answer)).tokens.size();
            if (length > static_cast<size_t>(preference_model.config.context)) return;
            prompts.push_back(walks[i].prompt), answers.push_back(answer), whose.emplace_back(i, name);
        };
        add("first answer", walks[i].answer);
        if (!walks[i].rounds.empty()) add("last revision", walks[i].rounds.back()["revision"].string());
        for (const auto& [name, answer] : walks[i].greedy) add(name, answer);
    }
    const std::vector<float> scores = score_answers(preference_model, tokenizer, prompts, answers, mean);
    for (size_t i = 0; i < scores.size(); i++) walks[whose[i].first].scores.emplace_back(whose[i].second, scores[i]);
}

inline std::string definition(const std::string& term, const std::string& text) {
    return "<dt>" + escape_html(term) + "</dt><dd>" +
           (text.empty() ? "<span class=\"soft\">(nothing)</span>" : escape_html(text)) + "</dd>\n";
}

inline std::string walk_article(const Walk& walk, const Recipe& recipe) {
    const std::string kind = walk.kind == "hazard" ? "harmful" : walk.kind == "look_alike" ? "look-alike" : walk.kind;
    std::string html = "<article class=\"way\"><h3>" + escape_html(walk.prompt) + "</h3>\n";
    if (!kind.empty()) html += "<p class=\"soft\">" + escape_html(kind + ", " + walk.act) + "</p>\n";
    html += concat("<h4>The helpful-only model answers, at T = ", shortest(recipe.critique.temperature), "</h4><dl>",
                   definition("answer", walk.answer), "</dl>\n");
    std::string answer = walk.answer;
    for (size_t round = 0; round < walk.rounds.size(); round++) {
        const Json& record = walk.rounds[round];
        const std::string& revision = record["revision"].string();
        html +=
            concat("<h4>Round ", round + 1, revision == answer ? ", kept" : ", revised", "</h4><dl>",
                   definition("line drawn", record["principle"].string()),
                   definition("critique", record["critique"].string()), definition("revision", revision), "</dl>\n");
        answer = revision;
    }
    if (!walk.pair[0].empty() || !walk.pair[1].empty() || walk.judged)
        html += concat(
            "<h4>SL-CAI, trained on such revisions, answers twice, at T = ", shortest(recipe.compare.temperature),
            "</h4><dl>", definition("first", walk.pair[0]), definition("second", walk.pair[1]), "</dl>\n");
    if (walk.judged) {
        html += "<h4>The judge compares the two, in both orders</h4><dl>";
        for (size_t i = 0; i < walk.lines.size(); i++) {
            const LineVerdict& verdict = walk.verdicts[i];
            html += definition(walk.lines.size() > 1 ? "wish drawn" : "line drawn", walk.lines[i].text);
            if (walk.lines[i].turned)
                html += definition("put as", walk.lines[i].shown + " What is preferred is turned round.");
            for (size_t order : {0, 1}) {
                if (recipe.compare.reasoning)
                    html += definition(order ? "second as A" : "first as A", verdict.reasoning[order]);
                const std::string p_a = format_rate(verdict.p_a_orders[order]);
                html += definition("", concat("probability that the first is better: ", p_a,
                                              recipe.compare.reasoning ? ""
                                              : order                  ? " (second shown as A)"
                                                                       : " (first shown as A)"));
            }
        }
        const char* of = walk.lines.size() > 1 ? ", of all wishes together" : ", the mean of both";
        html += definition("label", format_rate(walk.label) + of) +
                "</dl>\n";
    }
    if (!walk.greedy.empty()) {
        html += "<h4>What each model answers now, greedily</h4><dl>";
        for (const auto& [name, text] : walk.greedy) html += definition(name, text);
        html += "</dl>\n";
    }
    if (!walk.scores.empty()) {
        html += "<h4>What the preference model thinks of these answers</h4><dl>";
        for (const auto& [name, score] : walk.scores) html += definition(name, format_rate(score));
        html += "</dl>\n";
    }
    return html + "</article>\n";
}

inline std::string walks_section(const Kernels& kernels, const Records& run, const World& world,
                                 const Recipe& recipe) {
    if (run.revisions.empty())
        return missing_note("There is no revisions.jsonl yet: <code>cai critique</code> makes it.");
    std::vector<Walk> walks = pick_walks(run, 12);
    ask_models(kernels, run, world, recipe, walks);
    std::string html =
        "<p>Pick a prompt and follow it. Critiques and revisions are those of the run; the rest was asked when this "
        "page was written.</p>\n<p class=\"picker\" hidden><label for=\"way-picker\">Prompt</label> <select "
        "id=\"way-picker\">";
    for (const Walk& walk : walks) html += "<option>" + escape_html(walk.prompt) + "</option>\n";
    html += "</select></p>\n";
    for (const Walk& walk : walks) html += walk_article(walk, recipe);
    return html;
}

}  // namespace cai

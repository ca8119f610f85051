// `cai check`: what each line of a constitution says, before any training: what it forbids or allows, which requests it
// speaks of, how often it is drawn, which lines contradict it, and what the draws will do to critiques and labels.
#pragma once
#include <algorithm>
#include <map>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../base/format.h"
#include "../base/json.h"
#include "../base/table.h"
#include "../base/wrap.h"
#include "../io/checkpoint.h"
#include "../method/constitution.h"
#include "../method/judge.h"
#include "../method/recipe.h"
#include "../method/writing.h"
#include "../world/teacher_texts.h"

namespace cai {

struct UnknownWord {
    std::string word, nearest;  // the nearest word that the world knows, or ""
};

// A line of the file, once, whatever its weight.
struct CheckedLine {
    std::string text;
    size_t number = 0;  // in the file
    size_t weight = 1;
    Reading reading;
    std::vector<std::string> acts;    // names of the acts that it forbids, or, if it forbids nothing, allows
    std::vector<std::string> people;  // entities that it forbids, or allows, whatever is asked about them
    double drawn = 0;                 // its share of uniform draws
    size_t requests = 0;              // of those asked, how many it forbids, or else speaks of
    std::string example;              // one of them
    std::vector<UnknownWord> unknown;
    // Line, and act or name: forbidden in one of the two, allowed in the other, in the same words or in others.
    std::vector<std::pair<size_t, std::string>> conflicts;
};

// What the draws do to the requests about an act: of `rounds` rounds, the share of answers that meet a principle that
// forbids it, 1 - (1 - k/n)^rounds with k of n principles; its mean over 1, 2, ... rounds, the share of refusals in
// what SL-CAI learns from, the revisions of all rounds; and the mean label of a refusal against a helpful answer: 1
// under a principle that forbids, 1/2 under any other.
struct Prediction {
    double revised = 0, learned = 0, label = 0.5;
};
inline Prediction predict(double share, int rounds) {
    double kept = 1, learned = 0;
    for (int round = 0; round < rounds; round++) {
        kept *= 1 - share;
        learned += (1 - kept) / rounds;
    }
    return {1 - kept, learned, 0.5 + 0.5 * share};
}

struct Check {
    std::vector<CheckedLine> lines;
    size_t asked = 0;  // requests that lines were compared with
    size_t draws = 0;  // lines, each counted as often as its weight
};

// Reads every line and compares it with so many requests, drawn as the world asks them, half of them hazards.
inline Check check_constitution(const World& world, const Constitution& constitution, size_t requests = 2000) {
    Check check;
    check.draws = constitution.principles.size();
    for (size_t i = 0; i < constitution.principles.size(); i++) {
        const size_t number = i < constitution.numbers.size() ? constitution.numbers[i] : i + 1;
        if (!check.lines.empty() && check.lines.back().number == number) {
            check.lines.back().weight++;
            continue;
        }
        CheckedLine line;
        line.text = constitution.principles[i];
        line.number = number;
        line.reading = constitution.reading_of(world, i);
        for (const Act& act : world.acts)
            if (covers(line.reading.topics(), act)) line.acts.push_back(act.name);
        for (const std::string& topic : line.reading.topics())
            if (world.is_entity(topic)) line.people.push_back(topic);
        for (const std::string& word : unknown_words(world, line.text))
            line.unknown.push_back({word, nearest_known_word(world, word)});
        check.lines.push_back(line);
    }
    std::map<std::string, std::vector<size_t>> forbids, allows;  // by act or name, the lines
    for (size_t i = 0; i < check.lines.size(); i++) {
        CheckedLine& line = check.lines[i];
        line.drawn = static_cast<double>(line.weight) / static_cast<double>(check.draws);
        const auto note_all = [&](const std::vector<std::string>& topics, auto& lines) {
            for (const Act& act : world.acts)
                if (covers(topics, act)) lines[act.name].push_back(i);
            for (const std::string& topic : topics)
                if (world.is_entity(topic)) lines[topic].push_back(i);
        };
        note_all(line.reading.forbidden, forbids);
        if (!line.reading.asks) note_all(line.reading.allowed, allows);
    }
    for (const auto& [topic, lines] : forbids)
        for (size_t a : lines)
            for (size_t b : allows[topic]) {
                if (a == b) continue;
                check.lines[a].conflicts.emplace_back(check.lines[b].number, topic);
                check.lines[b].conflicts.emplace_back(check.lines[a].number, topic);
            }
    Rng rng(world.seed, stream("check"));
    for (size_t i = 0; i < requests; i++) {
        const Kind kind = i % 2 ? Kind::hazard : rng.chance(0.5) ? Kind::benign : Kind::look_alike;
        const Request request = world.draw_request(rng, [&](const Act& act) { return act.kind == kind; },
                                                   [](const Entity&) { return true; });
        for (CheckedLine& line : check.lines) {
            if (!world.covers(line.reading.topics(), request)) continue;
            line.requests++;
            if (line.example.empty()) line.example = world.prompt(request);
        }
    }
    check.asked = requests;
    return check;
}

// [{"line", "number", "weight", "says", "acts", "people", "drawn", "requests", "example", "unknown": [{"word",
// "nearest"}], "conflicts": [{"line", "topic"}]}]: `line` is the text, in a conflict the other line's number.
inline Json to_json(const Check& check) {
    const auto list = [](const std::vector<std::string>& words) {
        Json json = Json::Array{};
        for (const std::string& word : words) json.push(word);
        return json;
    };
    Json lines = Json::Array{};
    for (const CheckedLine& line : check.lines) {
        Json unknown = Json::Array{}, conflicts = Json::Array{};
        for (const UnknownWord& word : line.unknown)
            unknown.push(Json::Object{{"word", word.word}, {"nearest", word.nearest}});
        for (const auto& [number, topic] : line.conflicts)
            conflicts.push(Json::Object{{"line", number}, {"topic", topic}});
        lines.push(Json::Object{{"line", line.text},
                                {"number", line.number},
                                {"weight", line.weight},
                                {"says", line.reading.says()},
                                {"acts", list(line.acts)},
                                {"people", list(line.people)},
                                {"drawn", line.drawn},
                                {"requests", static_cast<double>(line.requests) / static_cast<double>(check.asked)},
                                {"example", line.example},
                                {"unknown", unknown},
                                {"conflicts", conflicts}});
    }
    return lines;
}

// "forbids stealing and cheating", "allows singing", "asks something about the baker and forbids nothing", ...
inline std::string what_it_says(const CheckedLine& line) {
    std::vector<std::string> things = line.acts;
    for (const std::string& name : line.people) things.push_back("anything about the " + name);
    const std::string list = join_list(things, "and"), says = line.reading.says();
    if (says == "nothing") return "names no act, nothing that an act brings and nobody: it changes nothing";
    if (says == "asks") return concat("asks something about ", join_list(line.people, "and"), " and forbids nothing");
    if (says == "allows") return concat("allows ", list, ": it forbids nothing, and takes draws from lines that do");
    std::string text = "forbids " + list;
    if (!line.reading.allowed.empty()) text += ", and allows " + join_list(line.reading.allowed, "and");
    return text;
}

// "contradicts lines 9 and 12 on stealing", for each act or name on which it contradicts lines up to the last.
inline std::vector<std::string> conflicts_of(const CheckedLine& line, size_t last) {
    std::map<std::string, std::vector<std::string>> numbers;
    for (const auto& [number, topic] : line.conflicts)
        if (number <= last) add_new(numbers[topic], std::to_string(number));
    std::vector<std::string> all;
    for (const auto& [topic, lines] : numbers)
        all.push_back(
            concat("contradicts line", lines.size() > 1 ? "s " : " ", join_list(lines, "and"), " on ", topic));
    return all;
}

// Of the lines among which one is drawn for a request about an act, how many forbid it. A name in a request can make
// more lines speak of it: those are not counted.
struct DrawnLines {
    size_t forbid = 0, all = 0;
    double share() const { return all == 0 ? 0 : static_cast<double>(forbid) / static_cast<double>(all); }
};
inline DrawnLines drawn_lines(const World& world, const Constitution& constitution, const Act& act, Draw draw) {
    DrawnLines lines;
    for (size_t i = 0; i < constitution.principles.size(); i++) {
        const Reading& reading = constitution.reading_of(world, i);
        const bool forbids = covers(reading.forbidden, act);
        lines.forbid += forbids;
        lines.all += draw == Draw::uniform || forbids || covers(reading.allowed, act);
    }
    return lines;
}

inline void print_check(const Check& check, const World& world, const Constitution& constitution, const Recipe& recipe,
                        std::ostream& out) {
    const int rounds = recipe.critique.rounds;
    const bool uniform = recipe.draw == Draw::uniform;
    if (check.lines.empty()) out << "There is no line in it.\n";
    for (const CheckedLine& line : check.lines) {
        const std::string weight = line.weight > 1 ? concat(line.weight, "x ") : "";
        out << "line " << line.number << ": " << weight << line.text << "\n";
        out << "  " << what_it_says(line) << "\n";
        for (const auto& [word, nearest] : line.unknown)
            out << "  the models do not know \"" << word << "\""
                << (nearest.empty() ? "" : concat("; did you mean ", nearest, "?")) << "\n";
        for (const std::string& conflict : conflicts_of(line, check.lines.back().number))
            out << "  " << conflict << "\n";
        if (line.requests > 0)
            out << fold(concat("  speaks of ",
                               whole_percent(static_cast<double>(line.requests) / static_cast<double>(check.asked)),
                               " of requests, half of which are hazards, such as: ", line.example),
                        4);
        const Prediction alone = predict(line.drawn, rounds);
        if (uniform)
            out << "  drawn in " << whole_percent(alone.revised) << " of critiques of " << rounds
                << " rounds and in " << whole_percent(line.drawn) << " of comparisons\n";
    }
    std::vector<std::vector<std::string>> rows = {
        {"act", "kind", "forbidden by", "answers revised", "SL-CAI learns", "label"}};
    std::vector<std::string> free;
    for (const Act& act : world.acts) {
        const DrawnLines lines = drawn_lines(world, constitution, act, recipe.draw);
        if (lines.forbid == 0) {
            free.push_back(act.name);
            continue;
        }
        const Prediction prediction = predict(lines.share(), rounds);
        rows.push_back({act.name, to_string(act.kind), concat(lines.forbid, " of ", lines.all),
                        whole_percent(prediction.revised), whole_percent(prediction.learned),
                        format_value(prediction.label)});
    }
    out << "\n";
    if (!uniform) out << "A line is drawn where it speaks of the request, one of those that do.\n";
    if (rows.size() > 1)
        out << format_table(rows) << "\n"
            << fold(concat("forbidden by: of the lines among which one is drawn, those that forbid it; answers "
                           "revised: of harmful answers, the share that has met such a line after ", rounds,
                           rounds == 1 ? " round" : " rounds", "; SL-CAI learns: of the answers that it learns from, "
                           "the revisions of all rounds, the share that refuses; label: the mean probability that a "
                           "refusal is preferred to a helpful answer. A label near 0.5 hardly moves PPO",
                           uniform ? ": give a line weight, as in \"3x ...\", or say --draw relevant." : "."));
    out << fold("Forbidden by no line: " + join_list(free, "and") + ".");
}

// The check in a few notes, before a story is told.
inline void note_check(const Check& check, const Recipe& recipe) {
    size_t forbid = 0;
    std::string least;
    double rarest = 1;
    if (check.lines.empty()) warn("the constitution has no line: nothing will be refused");
    for (const CheckedLine& line : check.lines) {
        if (line.reading.says() == std::string("nothing")) continue;  // read_constitution() warned of it
        if (line.reading.forbidden.empty()) {
            warn(concat("line ", line.number, ", \"", line.text, "\": ", what_it_says(line)));
        } else {
            forbid++;
            if (line.drawn < rarest) rarest = line.drawn, least = concat("line ", line.number);
        }
        for (const std::string& conflict : conflicts_of(line, line.number))
            warn(concat("line ", line.number, " ", conflict));
    }
    if (forbid == 0) return;
    const std::string drawn =
        recipe.draw == Draw::relevant
            ? "each is drawn where it speaks of the request"
            : concat(least, " is drawn in ", whole_percent(predict(rarest, recipe.critique.rounds).revised),
                     " of critiques and ", whole_percent(rarest), " of comparisons");
    note("check", concat(forbid, " of ", check.lines.size(), " lines forbid something; ", drawn,
                         " (`cai check` says more)"));
}

// What the run's critic and judge make of each line, on prompts that it speaks of and on others, beside what the text
// says.
inline void print_models_reading(const Check& check, const World& world, const Kernels& kernels,
                                 const std::filesystem::path& run, uint64_t seed, std::ostream& out) {
    const Model helpful = load_model(kernels, run / "helpful", Use::inference);
    const Tokenizer tokenizer = load_tokenizer(run / "helpful");
    constexpr size_t kPrompts = 8;
    out << "\nHow the models of " << run.string() << " read the lines, " << kPrompts
        << " requests each, as many spoken of as not where there are any:\n";
    std::vector<std::vector<std::string>> rows = {
        {"line", "the critic agrees", "the judge agrees", "the critic's words"}};
    for (const CheckedLine& line : check.lines) {
        const std::string principle = as_read(world, line.text);
        Rng rng(seed, stream("check " + line.text));
        std::vector<Request> requests;
        for (size_t tries = 0; requests.size() < kPrompts && tries < 5000; tries++) {
            const bool spoken = requests.size() % 2 == 0 && tries < 4000;
            const Request request = world.draw_request(rng, [](const Act& act) { return !act.held_out; },
                                                       [](const Entity&) { return true; }, true);
            const bool speaks =
                world.covers(line.reading.forbidden, request) || world.covers(line.reading.allowed, request);
            if (speaks == spoken || tries >= 4000) requests.push_back(request);
        }
        std::vector<std::string> prompts, answers, refusals;
        std::vector<Transcript> critiques;
        for (const Request& request : requests) {
            prompts.push_back(world.prompt(request));
            answers.push_back(world.answer(request, rng));
            refusals.push_back(world.refusal(request, rng));
            critiques.push_back(critique_prompt(prompts.back(), answers.back(), principle));
        }
        const std::vector<std::string> critics = write_texts(helpful, tokenizer, critiques, 0, seed, "check critic");
        const auto lay_out = [&](size_t i, auto form) { return form(prompts[i], refusals[i], answers[i], principle); };
        TooLong too_long(prompts.size());
        const std::vector<double> p =
            judge_comparisons(helpful, tokenizer, prompts.size(), lay_out, true, seed, "check judge", too_long).p;
        size_t critic_agrees = 0, judge_agrees = 0;
        for (size_t i = 0; i < requests.size(); i++) {
            const bool forbidden = world.covers(line.reading.forbidden, requests[i]);
            critic_agrees += forbidden == (critics[i].find("forbids this") != std::string::npos);
            judge_agrees += forbidden == (p[i] > 0.65);
        }
        rows.push_back({concat(line.number), concat(critic_agrees, " of ", requests.size()),
                        concat(judge_agrees, " of ", requests.size()), critics.empty() ? "" : critics[0]});
    }
    out << format_table(rows);
}

}  // namespace cai

// From statements with their votes to the lines of a constitution: which are chosen, which of them say the same, and
// which the models could not read.
//
// 2406.07814 took statements by falling group-aware consensus until it had as many ideas as the constitution that it
// was to be compared with (95); the last one's consensus was 0.723. People there counted ideas and merged duplicates;
// here an idea is an act that a statement forbids or allows, and statements with the same ideas are duplicates.
#pragma once
#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../method/constitution.h"
#include "consensus.h"

namespace cai {

enum class Choose { threshold, count, ideas, majority };

struct SelectionOptions {
    Choose by = Choose::threshold;
    double threshold = 0;    // least consensus; 0: default_threshold()
    size_t most = 0;         // lines for count, ideas for ideas
    bool geometric = false;  // the consensus' geometric mean, rather than the product
    bool laplace = false;    // with Laplace's correction
    bool keep_duplicates = false, keep_unknown = false;
};

// The paper's 0.723 is of two groups: of more, the product that has the same geometric mean, 0.850.
inline double default_threshold(size_t groups, bool geometric) {
    constexpr double kTwoGroups = 0.723;
    const double mean = std::sqrt(kTwoGroups);
    if (geometric) return mean;
    double product = groups % 2 ? mean : 1;
    for (size_t pair = 0; pair < groups / 2; pair++) product *= kTwoGroups;
    return product;
}

struct Fate {
    double score = 0;            // by which statements are ordered; NaN if a group has no vote on it
    bool chosen = false;         // it passes,
    long same_as = -1;           // but says what this chosen one says
    std::string cannot_be_read;  // or cannot be a line, and why
};

struct Selection {
    std::vector<Fate> fates;    // (C)
    std::vector<size_t> lines;  // the statements that become lines, by falling score
    size_t chosen = 0, ideas = 0;
    double threshold = 0;  // 0 where there is none
};

// What a statement says, as far as the models' words go: "no stealing", "yes singing", "no the baker"; of one that
// names nothing, its words.
inline std::vector<std::string> ideas_of(const World& world, const std::string& text) {
    const Reading reading = read_principle(world, text);
    std::set<std::string> ideas;
    const auto add = [&](const std::vector<std::string>& topics, const std::string& what) {
        for (const Act& act : world.acts)
            if (covers(topics, act)) ideas.insert(what + act.name);
        for (const std::string& topic : topics)
            if (world.is_entity(topic)) ideas.insert(what + "the " + topic);
    };
    add(reading.forbidden, "no ");
    if (!reading.asks) add(reading.allowed, "yes ");
    std::string words;
    for (const std::string& word : words_of(text)) words += (words.empty() ? "" : " ") + word;
    if (ideas.empty()) ideas.insert(words);
    return {ideas.begin(), ideas.end()};
}

// A statement as one line of a constitution: no line breaks, no # and no weight, which the reader of constitutions
// takes for its own; voters cannot give their statement weight.
inline std::string as_line(const std::string& text) {
    std::string line;
    for (char c : text) {
        const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '#';
        if (!space)
            line += c;
        else if (!line.empty() && line.back() != ' ')
            line += ' ';
    }
    for (;;) {
        line = std::string(trim(line));
        size_t digits = 0;
        while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits]))) digits++;
        const std::string_view rest = std::string_view(line).substr(digits);
        const size_t sign = rest.starts_with("x ") ? 1 : rest.starts_with("\u00d7 ") ? 2 : 0;
        if (digits == 0 || sign == 0) return line;
        line = std::string(rest.substr(sign));
    }
}

// Why the models could not apply a line, or "".
inline std::string cannot_be_read(const World& world, const std::string& line, bool keep_unknown) {
    if (words_of(line).size() > Constitution::kMostWords || line.size() > Constitution::kMostBytes) return "too long";
    const std::vector<std::string> unknown = unknown_words(world, line);
    return unknown.empty() || keep_unknown ? "" : "unknown words: " + join_list(unknown, "and");
}

inline Selection choose_statements(const std::vector<Statement>& statements, const std::vector<StatementCounts>& counts,
                                   size_t groups, const World& world, const SelectionOptions& options) {
    Selection choice;
    choice.fates.resize(statements.size());
    std::vector<size_t> order;
    for (size_t s = 0; s < statements.size(); s++) {
        choice.fates[s].score = options.by == Choose::majority ? counts[s].all.agree_share()
                                : options.geometric            ? counts[s].geometric_mean(options.laplace)
                                                               : counts[s].consensus(options.laplace);
        if (!std::isnan(choice.fates[s].score)) order.push_back(s);
    }
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return choice.fates[a].score > choice.fates[b].score; });
    if (options.by == Choose::threshold)
        choice.threshold = options.threshold > 0 ? options.threshold : default_threshold(groups, options.geometric);
    std::map<std::vector<std::string>, size_t> lines;
    std::set<std::string> ideas;
    for (size_t s : order) {
        Fate& fate = choice.fates[s];
        if (options.by == Choose::threshold && fate.score < choice.threshold) break;
        if (options.by == Choose::majority && fate.score <= 0.5) break;
        if (options.by == Choose::count && choice.lines.size() >= options.most) break;
        if (options.by == Choose::ideas && ideas.size() >= options.most) break;
        fate.chosen = true;
        choice.chosen++;
        const std::string line = as_line(statements[s].text);
        fate.cannot_be_read = cannot_be_read(world, line, options.keep_unknown);
        if (!fate.cannot_be_read.empty()) continue;
        const std::vector<std::string> says = ideas_of(world, line);
        const auto [first, is_new] = lines.emplace(says, s);
        if (!is_new && !options.keep_duplicates) {
            fate.same_as = static_cast<long>(first->second);
            continue;
        }
        ideas.insert(says.begin(), says.end());
        choice.lines.push_back(s);
    }
    choice.ideas = ideas.size();
    return choice;
}

}  // namespace cai

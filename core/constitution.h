// The constitution: one principle a line, and nothing else decides what the assistant refuses.
#pragma once
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "expects.h"
#include "rng.h"
#include "text.h"
#include "world.h"

namespace cai {

struct Constitution {
    std::vector<std::string> lines;  // without comments (from # on) and empty lines

    // Throws when the file cannot be read or is not UTF-8. An empty constitution is legal.
    static Constitution read(const std::filesystem::path& path) {
        Constitution constitution;
        size_t number = 0;
        for (const std::string& raw : split_lines(without_bom(read_file(path)))) {
            number++;
            size_t bad = 0;
            const bool valid = valid_utf8(raw, &bad);
            expects(valid, path.string(), ": line ", number, ", byte ", bad + 1,
                    ": not UTF-8; save the file as UTF-8 text");
            std::string line(trim(raw.substr(0, raw.find('#'))));
            if (!line.empty()) constitution.lines.push_back(line);
        }
        return constitution;
    }

    // Drawn uniformly, blind to the prompt (paper, section 3.1).
    const std::string& draw(Rng& rng) const { return rng.pick(lines); }

    std::string text() const {
        std::string text;
        for (const std::string& line : lines) text += line + "\n";
        return text;
    }
};

// Does a line of the constitution speak of an act, whoever it concerns?
inline bool covers(const World& world, const std::string& line, const Act& act) {
    for (const std::string& topic : world.topics_in(line))
        if (topic == act.name || topic == act.also || topic == act.target || topic == act.brings) return true;
    return false;
}

// The share of lines that speak of an act; 0 for an empty constitution.
inline double coverage(const World& world, const Constitution& constitution, const Act& act) {
    size_t covering = 0;
    for (const std::string& line : constitution.lines) covering += covers(world, line, act);
    return constitution.lines.empty() ? 0 : static_cast<double>(covering) / static_cast<double>(constitution.lines.size());
}

// Words of a text that the world's own texts never use: the models cannot know them.
inline std::vector<std::string> unknown_words(const World& world, const std::string& text) {
    std::vector<std::string> unknown;
    for (const std::string& word : words_of(text))
        if (!world.knows(word) && std::find(unknown.begin(), unknown.end(), word) == unknown.end()) unknown.push_back(word);
    return unknown;
}

// The line with its list of topics replaced: what stands between the first and the last topic becomes the new list, joined as
// the old one was. Empty when no topic is left.
inline std::string with_topics(const World& world, const std::string& line, const std::vector<std::string>& topics) {
    size_t begin = std::string::npos, end = 0;
    for (size_t i = 0; i < line.size();) {
        size_t stop = i;
        while (stop < line.size() && std::isalpha(static_cast<unsigned char>(line[stop]))) stop++;
        std::vector<std::string> word = words_of(line.substr(i, stop - i));
        if (!word.empty() && world.is_topic(word[0])) {
            begin = std::min(begin, i);
            end = stop;
        }
        i = std::max(stop, i + 1);
    }
    if (begin == std::string::npos) return line;
    if (topics.empty()) return "";
    std::vector<std::string> old = words_of(line.substr(begin, end - begin));
    bool uses_and = std::find(old.begin(), old.end(), "and") != old.end() || old.size() == 1;
    std::vector<std::string> items;
    for (const std::string& topic : topics) items.push_back(world.is_entity(topic) ? "the " + topic : topic);
    // An article before the first topic belongs to the list.
    if (begin >= 4 && words_of(line.substr(begin - 4, 4)) == std::vector<std::string>{"the"}) begin -= 4;
    std::string list = join_list(items, uses_and ? "and" : "or");
    bool capital = std::isupper(static_cast<unsigned char>(line[begin]));
    return line.substr(0, begin) + (capital ? capitalized(list) : list) + line.substr(end);
}

// The constitution without one hazard: its names leave every line, and a word that also speaks of other hazards (a consequence,
// a target) is replaced by their names, so that those stay as covered as they were.
inline Constitution without_hazard(const World& world, const Constitution& constitution, const Act& hazard) {
    Constitution changed;
    for (const std::string& line : constitution.lines) {
        if (!covers(world, line, hazard)) {
            changed.lines.push_back(line);
            continue;
        }
        std::vector<std::string> topics;
        auto add = [&](const std::string& topic) {
            if (std::find(topics.begin(), topics.end(), topic) == topics.end()) topics.push_back(topic);
        };
        for (const std::string& topic : world.topics_in(line)) {
            if (topic == hazard.name || topic == hazard.also) continue;
            if (topic != hazard.target && topic != hazard.brings) {
                add(topic);
                continue;
            }
            for (const Act& other : world.acts)
                if (other.name != hazard.name && (topic == other.target || topic == other.brings)) add(other.name);
        }
        std::string text = with_topics(world, line, topics);
        if (!text.empty()) changed.lines.push_back(text);
    }
    return changed;
}

}  // namespace cai

// A constitution with one hazard removed from every principle.
#pragma once
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "constitution.h"

namespace cai {

// The line with its list of topics replaced: everything from the first topic to the last becomes the new list, joined
// as the old one was. Empty if `topics` is.
inline std::string with_topics(const World& world, const std::string& line, const std::vector<std::string>& topics) {
    size_t begin = std::string::npos, end = 0;
    for (const Word& word : find_words(line)) {
        if (!world.is_topic(word.text)) continue;
        begin = std::min(begin, word.begin);
        end = word.end;
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

// The constitution without one hazard. Its names are removed from every principle; a consequence that it shares with
// other hazards is replaced by their names, so that the principle stays applicable to them.
inline Constitution without_hazard(const World& world, const Constitution& constitution, const Act& hazard) {
    Constitution changed;
    for (const std::string& line : constitution.principles) {
        if (!covers(read_principle(world, line).forbidden, hazard)) {
            changed.principles.push_back(line);
            continue;
        }
        std::vector<std::string> topics;
        for (const std::string& topic : world.topics_in(as_read(world, line))) {
            if (topic == hazard.name || topic == hazard.also) continue;
            if (topic != hazard.brings) {
                add_new(topics, topic);
                continue;
            }
            for (const Act& other : world.acts)
                if (other.name != hazard.name && topic == other.brings)
                    add_new(topics, other.name);
        }
        std::string text = with_topics(world, as_read(world, line), topics);
        if (!text.empty()) changed.principles.push_back(text);
    }
    return changed;
}

}  // namespace cai

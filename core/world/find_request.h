// From a text back to the request behind it: exactly, or the nearest question that the world asks.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "world.h"

namespace cai {

// The request that this text is, word for word up to case and punctuation; none if the world does not ask it.
inline std::optional<Request> find_request(const World& world, const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    for (size_t act = 0; act < world.acts.size(); act++)
        for (size_t ask = 0; ask < world.acts[act].asks.size(); ask++)
            for (size_t greeting = 0; greeting < world.phrases.greetings.size(); greeting++) {
                const std::vector<std::string> pattern =
                    words_of(world.phrases.greetings[greeting] + " " + world.acts[act].asks[ask]);
                if (pattern.size() != words.size()) continue;
                Request request{act, {}, ask, greeting};
                request.entities.resize(world.acts[act].slots.size());
                bool same = true;
                for (size_t i = 0; same && i < words.size(); i++) {
                    if (words[i] == pattern[i]) continue;
                    same = false;
                    for (size_t slot = 0; slot < request.entities.size(); slot++) {
                        const EntityClass& entity_class = world.classes[world.acts[act].slots[slot]];
                        if (entity_class.name != pattern[i]) continue;
                        for (size_t member : entity_class.members)
                            if (world.entities[member].name == words[i]) request.entities[slot] = member, same = true;
                    }
                }
                if (same && words_of(world.prompt(request)) == words) return request;
            }
    return {};
}

// The question of the world nearest to a text: of the asks that share most words with it (a form of a topic counts as
// the topic's first letters do), the shortest; about the names that the text mentions, as far as they fit. None if no
// ask shares a word of four letters with it.
inline std::optional<Request> nearest_request(const World& world, const std::string& text) {
    const std::vector<std::string> words = words_of(text);
    const auto alike = [](const std::string& a, const std::string& b) {
        return a == b || (a.size() >= 4 && b.size() >= 4 && a.compare(0, 4, b, 0, 4) == 0);
    };
    Request nearest;
    double best = 0;
    for (size_t act = 0; act < world.acts.size(); act++)
        for (size_t ask = 0; ask < world.acts[act].asks.size(); ask++) {
            const std::vector<std::string> pattern = words_of(literal_of(world.acts[act].asks[ask]));
            double score = 0;
            for (const std::string& word : words) {
                if (word.size() < 4) continue;
                const auto form = world.phrases.forms.find(word);
                const std::string& topic = form == world.phrases.forms.end() ? word : form->second;
                if (topic == world.acts[act].name || topic == world.acts[act].also) score += 3;
                score += std::any_of(pattern.begin(), pattern.end(), [&](auto& other) { return alike(word, other); });
            }
            score -= 0.01 * static_cast<double>(pattern.size());
            if (score > best) best = score, nearest = {act, {}, ask, 0};
        }
    if (best == 0) return {};
    for (size_t slot : world.acts[nearest.act].slots) {
        const std::vector<size_t>& members = world.classes[slot].members;
        size_t chosen = members[0];
        for (size_t member : members)
            if (std::find(words.begin(), words.end(), world.entities[member].name) != words.end()) chosen = member;
        nearest.entities.push_back(chosen);
    }
    return nearest;
}

}  // namespace cai

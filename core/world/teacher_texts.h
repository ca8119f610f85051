// What villagers write in the reviews that models learn from: the look-up said aloud, critique, reasoning and verdict.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "world.h"

namespace cai {

// What an answer does with a request; one that rambles is no sentence at all.
enum class Stance { helps, refuses, avoids, rambles };

inline const char* to_string(Stance stance) {
    static const char* const kWords[] = {"helps", "refuses", "avoids", "rambles"};
    return kWords[static_cast<size_t>(stance)];
}

// The look-up, said aloud: each topic of the request, and whether the rule names it. Its pieces: topic, verdict, topic, ...
inline std::vector<std::string> look_up_pieces(const std::vector<std::string>& topics, const std::vector<std::string>& rule_topics) {
    std::vector<std::string> pieces;
    for (const std::string& topic : topics) {
        const bool named = std::find(rule_topics.begin(), rule_topics.end(), topic) != rule_topics.end();
        pieces.push_back((pieces.empty() ? "Topics: " : ", ") + topic);
        pieces.push_back(named ? " yes" : " no");
    }
    return pieces;
}

inline std::string look_up(const std::vector<std::string>& topics, const std::vector<std::string>& rule_topics) {
    std::string text;
    for (const std::string& piece : look_up_pieces(topics, rule_topics)) text += piece;
    return text + ".";
}

// What to do about an answer under a rule. Where the rule is silent any answer stays as it is.
inline std::string critique(const World& world, const Request& request, const Rule& rule, Stance stance) {
    std::string text = look_up(world.topics_of(request), rule.topics);
    if (!world.covers(rule.topics, request)) return text + " The rule allows this. Keep it.";
    return text + " The rule forbids this. The answer " + to_string(stance) +
           (stance == Stance::refuses ? ". Keep it." : ". Refuse it.");
}

inline std::string reasoning(const World& world, const Request& request, const Rule& rule, Stance a, Stance b) {
    std::string text = look_up(world.topics_of(request), rule.topics);
    if (!world.covers(rule.topics, request)) return text + " The rule allows this.";
    return text + " The rule forbids this. A " + to_string(a) + ", B " + to_string(b) + ".";
}

// The probability of the verdict A: a rule that covers the request prefers a refusal with its reason to an evasion and that
// to help or rambling; where the rule is silent, or neither is preferred, it is a coin toss.
inline double verdict(bool covered, Stance a, Stance b) {
    auto rank = [](Stance stance) { return stance == Stance::refuses ? 2 : stance == Stance::avoids ? 1 : 0; };
    if (!covered || rank(a) == rank(b)) return 0.5;
    return rank(a) > rank(b) ? 1 : 0;
}

}  // namespace cai

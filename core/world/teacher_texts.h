// The texts that villagers write in reviews, from which models learn: keyword check, critique, reasoning and verdict.
#pragma once
#include <algorithm>
#include <string>
#include <vector>

#include "outcome.h"
#include "world.h"

namespace cai {

// The verb that reviews use for an outcome.
inline const char* verb_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::refused:
            return "refuses";
        case Outcome::evaded:
            return "avoids";
        case Outcome::garbled:
            return "rambles";
        default:
            return "helps";
    }
}

// What a principle does, as a critique or a reasoning begins: "It forbids.", "It allows.", "It asks." or, of two
// halves, "It forbids, but allows borrowing and waiting."
inline std::string stance(const Principle& principle) {
    switch (principle.form) {
        case Form::allows:
            return "It allows.";
        case Form::asks:
            return "It asks.";
        case Form::halves:
            return "It forbids, but allows " + join_list(principle.allowed, "and") + ".";
        default:
            return "It forbids.";
    }
}

// The keyword check, written out: for each topic of the request, whether the principle names it, and whether as
// something that it forbids (yes) or as something that it does not (allowed). Returned in pieces: topic, verdict,
// topic, verdict, ...
inline std::vector<std::string> keyword_check_pieces(const std::vector<std::string>& topics,
                                                     const Principle& principle) {
    std::vector<std::string> pieces;
    for (const std::string& topic : topics) {
        pieces.push_back((pieces.empty() ? " Topics: " : ", ") + topic);
        pieces.push_back(holds(principle.topics, topic)    ? " yes"
                         : holds(principle.allowed, topic) ? " allowed"
                                                           : " no");
    }
    return pieces;
}

inline std::string keyword_check(const std::vector<std::string>& topics, const Principle& principle) {
    std::string text = stance(principle);
    for (const std::string& piece : keyword_check_pieces(topics, principle)) text += piece;
    return text + ".";
}

// What to do about an answer under a principle. If the principle is inapplicable, the answer is kept, whatever it is.
inline std::string teacher_critique(const World& world, const Request& request, const Principle& principle,
                                    Outcome outcome) {
    std::string text = keyword_check(world.topics_of(request), principle);
    if (!world.covers(principle.topics, request)) return text + " The rule allows this. Keep it.";
    return text + " The rule forbids this. The answer " + verb_of(outcome) +
           (outcome == Outcome::refused ? ". Keep it." : ". Refuse it.");
}

// What two answers do, if the principle applies to their request.
inline std::string teacher_application(Outcome a, Outcome b) {
    return concat("The rule forbids this. A ", verb_of(a), ", B ", verb_of(b), ".");
}

inline std::string teacher_reasoning(const World& world, const Request& request, const Principle& principle, Outcome a,
                                     Outcome b) {
    std::string text = keyword_check(world.topics_of(request), principle);
    if (!world.covers(principle.topics, request)) return text + " The rule allows this.";
    return text + " " + teacher_application(a, b);
}

// The probability of verdict A. An applicable principle prefers a refusal with its reason to an evasion, and an evasion
// to help or rambling. If the principle is inapplicable, or the two answers rank equally, it is 0.5.
inline double teacher_verdict(bool applicable, Outcome a, Outcome b) {
    auto rank = [](Outcome outcome) { return outcome == Outcome::refused ? 2 : outcome == Outcome::evaded ? 1 : 0; };
    if (!applicable || rank(a) == rank(b)) return 0.5;
    return rank(a) > rank(b) ? 1 : 0;
}

}  // namespace cai

// Dialogues: lists of segments, each opened by the special token of its role, and their format in files.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/json.h"
#include "special_tokens.h"

namespace cai {

// Used in place of a role: the segment continues the previous one, so that only part of a turn can be learned.
inline constexpr Token kContinue = -1;

// One turn of a conversation, or one part of a review.
struct Segment {
    Token role;        // a special token; kEndOfText: plain text, spoken by nobody; or kContinue
    std::string text;  // may be empty: a prompt ends with the role that speaks next
    bool learn;        // is the model trained to write this text?
    bool operator==(const Segment&) const = default;
};

// Names of the roles in files. The last column is the default of `learn`: true for roles that the model itself writes.
struct RoleName {
    Token role;
    const char* word;
    bool learn;
};
inline constexpr RoleName kRoleNames[] = {
    {kEndOfText, "text", true},    {kUser, "user", false},        {kAssistant, "assistant", true},
    {kPrinciple, "principle", false},        {kCritique, "critique", true}, {kRevision, "revision", true},
    {kOptionA, "option_a", false}, {kOptionB, "option_b", false}, {kReasoning, "reasoning", true},
    {kVerdict, "verdict", true},   {kContinue, "", true},
};

// The entry for a role's token. Errors: the token is not a role.
inline const RoleName& role_name(Token role) {
    for (const RoleName& name : kRoleNames)
        if (name.role == role) return name;
    fail(kBadInput, "token ", role, " is not a role");
}

// The entry for a role's name. Errors: there is no such role.
inline const RoleName& role_named(std::string_view word) {
    std::string known;
    for (const RoleName& name : kRoleNames) {
        if (name.word == word) return name;
        if (name.role != kContinue) known += (known.empty() ? "" : ", ") + std::string(name.word);
    }
    fail(kBadInput, "unknown role \"", word, "\"; use one of: ", known);
}

// {"kind": kind, "segments": [["user", "..."], ["assistant", "..."]]}. A third element, true or false, is present where
// `learn` differs from the default of the role. The role "" continues the previous turn.
inline Json to_json(const std::string& kind, const std::vector<Segment>& segments) {
    Json::Array list;
    for (const Segment& segment : segments) {
        const RoleName& name = role_name(segment.role);
        list.push_back(Json::Array{name.word, segment.text});
        if (segment.learn != name.learn) list.back().push(segment.learn);
    }
    return Json::Object{{"kind", kind}, {"segments", std::move(list)}};
}

// The inverse; other members of the object are ignored. Errors: kBadInput, which names the segment.
inline std::vector<Segment> segments_from_json(const Json& json) {
    const Json* list = json.is_object() ? json.find("segments") : nullptr;
    expects(list && list->is_array(), "\"segments\" is missing or not a list of [role, text] pairs");
    std::vector<Segment> segments;
    for (const Json& item : list->array()) {
        bool well_formed = item.is_array() && (item.array().size() == 2 || item.array().size() == 3) &&
                           item.array()[0].is_string() && item.array()[1].is_string() &&
                           (item.array().size() == 2 || item.array()[2].is_boolean());
        expects(well_formed, "segment ", segments.size() + 1, " is not [role, text] or [role, text, true or false]");
        const RoleName& name = role_named(item.array()[0].string());
        expects(name.role != kContinue || !segments.empty(), "segment 1 has no role");
        bool learn = item.array().size() == 3 ? item.array()[2].boolean() : name.learn;
        segments.push_back({name.role, item.array()[1].string(), learn});
    }
    return segments;
}

}  // namespace cai

// The toy world: who and what there is, what people can ask for, and how it is said. It is read from text files
// (data/world/) that anyone can extend; the seed draws the facts and what is held out of every review.
// Nothing here knows right from wrong: that is said by rules, and rules come from reviews and from the constitution.
#pragma once
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "expects.h"
#include "rng.h"
#include "text.h"

namespace cai {

enum class Kind { hazard, look_alike, benign };

// A class of entities, such as "animal". Each entity has one fact: its place, drawn by the seed.
struct EntityClass {
    std::string name;
    std::vector<std::string> facts;   // sentences with the slots {<class>} and {place}
    std::vector<std::string> places;
    std::vector<size_t> members;      // indices into World::entities
};

struct Entity {
    std::string name;
    size_t entity_class;
    std::string place;
    bool held_out = false;
};

// Something people ask for; the fields are explained at the top of data/world/acts.txt.
struct Act {
    std::string name, also, target, brings, result;
    Kind kind = Kind::benign;
    std::vector<std::string> asks, helps, insteads;
    std::vector<size_t> slots;  // the classes of its entities, in the order in which its first ask names them
    bool held_out = false;
};

struct Phrases {
    std::vector<std::string> rules, refusals, evasions, openings, greetings;
    std::vector<bool> rule_held_out;
};

// One request: an act, one entity for each of its slots, and the wording.
struct Request {
    size_t act = 0;
    std::vector<size_t> entities;
    size_t ask = 0, greeting = 0;
    bool operator==(const Request&) const = default;
};

// Something a rule can speak of: an act by either of its names, a target, a consequence, or an entity.
struct Topic {
    std::string word;  // a single token of the world's language
    std::string text;  // as it stands in a list: "theft", "the baker"
};

struct Rule {
    std::vector<std::string> topics;  // words
    std::string text;
    size_t phrasing = 0;
};

// The lines of a file that is divided into [sections]; comments and empty lines are left out.
struct Section {
    std::string name;
    size_t line;
    std::vector<std::pair<size_t, std::string>> lines;  // line number, trimmed text
};

inline std::vector<Section> read_sections(const std::filesystem::path& path) {
    std::vector<Section> sections;
    size_t number = 0;
    for (const std::string& raw : split_lines(read_file(path))) {
        number++;
        std::string text(trim(raw));
        if (text.empty() || text[0] == '#') continue;
        if (text[0] == '[') {
            expects(text.size() > 2 && text.back() == ']', path.string(), ": line ", number, ": \"", text,
                    "\" opens a section but does not end in ]");
            sections.push_back({text.substr(1, text.size() - 2), number, {}});
            continue;
        }
        expects(!sections.empty(), path.string(), ": line ", number, ": \"", text, "\" stands before the first [section]");
        sections.back().lines.emplace_back(number, text);
    }
    return sections;
}

using Bindings = std::map<std::string, std::string>;

// Replaces each {slot} by its binding.
inline std::string fill(const std::string& pattern, const Bindings& bindings) {
    std::string text;
    for (size_t i = 0; i < pattern.size();) {
        size_t open = pattern.find('{', i);
        if (open == std::string::npos) return text + pattern.substr(i);
        size_t close = pattern.find('}', open);
        expects(close != std::string::npos, "the phrase \"", pattern, "\" opens a { and does not close it");
        std::string slot = pattern.substr(open + 1, close - open - 1);
        auto binding = bindings.find(slot);
        expects(binding != bindings.end(), "the phrase \"", pattern, "\" has the slot {", slot,
                "}, which means nothing there");
        text += pattern.substr(i, open - i) + binding->second;
        i = close + 1;
    }
    return text;
}

inline std::vector<std::string> slots_of(const std::string& pattern) {
    std::vector<std::string> slots;
    for (size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{', open + 1)) {
        size_t close = pattern.find('}', open);
        if (close == std::string::npos) break;
        slots.push_back(pattern.substr(open + 1, close - open - 1));
    }
    return slots;
}

// Lower-case words of a text, letters only: "The baker's ring." gives the, baker, s, ring.
inline std::vector<std::string> words_of(const std::string& text) {
    std::vector<std::string> words;
    std::string word;
    for (char c : text + ' ') {
        if (std::isalpha(static_cast<unsigned char>(c))) {
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
            words.push_back(word);
            word.clear();
        }
    }
    return words;
}

inline std::string capitalized(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
    return text;
}

// "a", "a or b", "a, b or c".
inline std::string join_list(const std::vector<std::string>& items, const std::string& conjunction) {
    std::string text;
    for (size_t i = 0; i < items.size(); i++) {
        if (i > 0) text += i + 1 == items.size() ? " " + conjunction + " " : ", ";
        text += items[i];
    }
    return text;
}

class World {
  public:
    std::vector<EntityClass> classes;
    std::vector<Entity> entities;
    std::vector<Act> acts;
    Phrases phrases;
    uint64_t seed;

    // Reads entities.txt, acts.txt and phrases.txt; a mistake in them is an error with file and line.
    World(const std::filesystem::path& directory, uint64_t seed) : seed(seed) {
        read_entities(directory / "entities.txt");
        read_acts(directory / "acts.txt");
        read_phrases(directory / "phrases.txt");
        draw_facts();
        draw_held_out();
        collect_topics();
        collect_known_words();
    }

    const EntityClass& class_of(size_t entity) const { return classes[entities[entity].entity_class]; }

    Bindings bindings(const Request& request) const {
        Bindings bindings;
        for (size_t entity : request.entities) bindings[class_of(entity).name] = entities[entity].name;
        return bindings;
    }

    std::string prompt(const Request& request) const {
        const std::string& greeting = phrases.greetings[request.greeting];
        return (greeting.empty() ? "" : greeting + " ") + fill(acts[request.act].asks[request.ask], bindings(request));
    }

    std::string fact(size_t entity, size_t phrasing) const {
        return fill(class_of(entity).facts[phrasing],
                    {{class_of(entity).name, entities[entity].name}, {"place", entities[entity].place}});
    }

    // What a helpful assistant says: where to find the first entity, then how to do it.
    std::string answer(const Request& request, Rng& rng) const {
        const std::string& opening = rng.pick(phrases.openings);
        size_t entity = request.entities[0];
        return (opening.empty() ? "" : opening + " ") + fact(entity, rng.below(class_of(entity).facts.size())) + " " +
               fill(rng.pick(acts[request.act].helps), bindings(request));
    }

    std::string refusal(const Request& request, Rng& rng) const {
        const Act& act = acts[request.act];
        Bindings all = bindings(request);
        return fill(rng.pick(phrases.refusals), {{"name", act.name},
                                                 {"brings", act.brings},
                                                 {"result", fill(act.result, all)},
                                                 {"instead", fill(rng.pick(act.insteads), all)}});
    }

    // The words by which a rule can speak of a request: the act's two names, its target, its consequence, its entities.
    std::vector<std::string> topics_of(const Request& request) const {
        const Act& act = acts[request.act];
        std::vector<std::string> words = {act.name, act.also, act.target, act.brings};
        for (size_t entity : request.entities) words.push_back(entities[entity].name);
        return words;
    }

    bool covers(const std::vector<std::string>& rule_topics, const Request& request) const {
        for (const std::string& word : topics_of(request))
            if (std::find(rule_topics.begin(), rule_topics.end(), word) != rule_topics.end()) return true;
        return false;
    }

    // All words that rules may use, in five groups: act names, other names, targets, consequences, entities.
    const std::vector<std::vector<std::string>>& topic_groups(bool with_held_out) const {
        return with_held_out ? all_topics_ : seen_topics_;
    }
    // Does any of the world's texts use this word?
    bool knows(const std::string& word) const { return known_words_.count(word) > 0; }
    bool is_topic(const std::string& word) const { return topic_words_.count(word) > 0; }
    bool is_entity(const std::string& word) const { return entity_index_.count(word) > 0; }

    // The topics that a line of text names, by whole words, whatever their case.
    std::vector<std::string> topics_in(const std::string& text) const {
        std::vector<std::string> found;
        for (const std::string& word : words_of(text))
            if (is_topic(word) && std::find(found.begin(), found.end(), word) == found.end()) found.push_back(word);
        return found;
    }

    std::string rule_text(const std::vector<std::string>& topics, size_t phrasing) const {
        std::vector<std::string> items;
        for (const std::string& word : topics) items.push_back(is_entity(word) ? "the " + word : word);
        return fill(phrases.rules[phrasing], {{"or", join_list(items, "or")},
                                              {"and", join_list(items, "and")},
                                              {"And", capitalized(join_list(items, "and"))},
                                              {"is", items.size() == 1 ? "is" : "are"}});
    }

    // Half of all requests are kept for evaluation: no text that a model learns from asks them, and no prompt of a stage.
    bool kept_for_evaluation(const Request& request) const { return mix(seed, stream(prompt(request))) & 1; }

    // A request drawn uniformly among those the filters allow: first the act, then its entities and its wording.
    template <class ActFilter, class EntityFilter>
    Request draw_request(Rng& rng, ActFilter act_allowed, EntityFilter entity_allowed, bool for_evaluation = false) const {
        for (int tries = 0; tries < 1000; tries++) {
            const Request request = draw_any_request(rng, act_allowed, entity_allowed);
            if (kept_for_evaluation(request) == for_evaluation) return request;
        }
        fail(kBadInput, "the world can ask too little: none of 1000 requests ", for_evaluation ? "was" : "was not",
             " kept for evaluation; add asks, greetings or entities");
    }

  private:
    template <class ActFilter, class EntityFilter>
    Request draw_any_request(Rng& rng, ActFilter act_allowed, EntityFilter entity_allowed) const {
        std::vector<size_t> choices;
        for (size_t i = 0; i < acts.size(); i++)
            if (act_allowed(acts[i])) choices.push_back(i);
        Request request;
        request.act = rng.pick(choices);
        const Act& act = acts[request.act];
        for (size_t slot : act.slots) {
            std::vector<size_t> members;
            for (size_t member : classes[slot].members)
                if (entity_allowed(entities[member])) members.push_back(member);
            request.entities.push_back(rng.pick(members));
        }
        request.ask = rng.below(act.asks.size());
        request.greeting = rng.below(phrases.greetings.size());
        return request;
    }

  public:
    // A rule of 1 to 5 topics, in seen words and a seen phrasing, that does or does not speak of the request.
    Rule draw_rule(Rng& rng, const Request& request, bool covering, bool held_out_phrasing = false) const {
        static const std::vector<size_t> kLengths = {1, 1, 2, 3, 4, 5};
        const std::vector<std::string> own = topics_of(request);
        Rule rule;
        size_t length = rng.pick(kLengths);
        if (covering) rule.topics.push_back(rng.pick(own));
        while (rule.topics.size() < length) {
            const std::string& word = rng.pick(topic_groups(false)[draw_group(rng)]);
            if (std::find(own.begin(), own.end(), word) != own.end()) continue;
            if (std::find(rule.topics.begin(), rule.topics.end(), word) != rule.topics.end()) continue;
            rule.topics.push_back(word);
        }
        rng.shuffle(rule.topics);
        rule.phrasing = draw_phrasing(rng, held_out_phrasing);
        rule.text = rule_text(rule.topics, rule.phrasing);
        return rule;
    }

    // The matched twin of a covering rule: the same words but for the topics that speak of the request.
    Rule uncovered_twin(Rng& rng, const Rule& rule, const Request& request) const {
        const std::vector<std::string> own = topics_of(request);
        Rule twin = rule;
        for (std::string& topic : twin.topics) {
            while (std::find(own.begin(), own.end(), topic) != own.end()) {
                std::string word = rng.pick(topic_groups(false)[draw_group(rng)]);
                if (std::find(twin.topics.begin(), twin.topics.end(), word) == twin.topics.end()) topic = word;
            }
        }
        twin.text = rule_text(twin.topics, twin.phrasing);
        return twin;
    }

    size_t draw_phrasing(Rng& rng, bool held_out) const {
        std::vector<size_t> choices;
        for (size_t i = 0; i < phrases.rules.size(); i++)
            if (phrases.rule_held_out[i] == held_out) choices.push_back(i);
        return rng.pick(choices);
    }

    // Act names and other names 30 % each, entities 20 %, consequences 14 %, targets 6 %.
    static size_t draw_group(Rng& rng) {
        float u = rng.uniform();
        return u < 0.28f ? 0 : u < 0.56f ? 1 : u < 0.62f ? 2 : u < 0.84f ? 3 : 4;
    }

  private:
    void read_entities(const std::filesystem::path& path) {
        for (const Section& section : read_sections(path)) {
            EntityClass entity_class{section.name, {}, {}, {}};
            for (const auto& [number, text] : section.lines) {
                std::string where = concat(path.string(), ": line ", number, ": ");
                size_t equals = text.find('=');
                std::string key = equals == std::string::npos ? "" : std::string(trim(text.substr(0, equals)));
                std::string value = equals == std::string::npos ? text : std::string(trim(text.substr(equals + 1)));
                if (key == "fact") {
                    for (const std::string& slot : slots_of(value))
                        expects(slot == section.name || slot == "place", where, "a fact of [", section.name,
                                "] has the slots {", section.name, "} and {place}, not {", slot, "}");
                    entity_class.facts.push_back(value);
                    continue;
                }
                expects(key.empty() || key == "place", where, "unknown key \"", key, "\"; use fact, place, or a list of names");
                for (const std::string& name : split_names(value, where)) {
                    if (key == "place") {
                        entity_class.places.push_back(name);
                        continue;
                    }
                    expects(entity_index_.count(name) == 0, where, "\"", name, "\" is named twice");
                    entity_index_[name] = entities.size();
                    entity_class.members.push_back(entities.size());
                    entities.push_back({name, classes.size(), "", false});
                }
            }
            std::string where = concat(path.string(), ": line ", section.line, ": [", section.name, "] ");
            expects(!entity_class.facts.empty() && !entity_class.places.empty(), where,
                    "needs at least one \"fact =\" and one \"place =\" line");
            expects(entity_class.members.size() >= 8, where, "has ", entity_class.members.size(),
                    " names; at least 8 are needed, a quarter of which is held out");
            classes.push_back(entity_class);
        }
        expects(!classes.empty(), path.string(), ": no [class] found; see the comment at the top of the file");
    }

    void read_acts(const std::filesystem::path& path) {
        for (const Section& section : read_sections(path)) {
            Act act;
            act.name = section.name;
            bool has_kind = false;
            std::vector<std::pair<size_t, std::string>> patterns;  // checked once the slots are known
            for (const auto& [number, text] : section.lines) {
                std::string where = concat(path.string(), ": line ", number, ": ");
                size_t equals = text.find('=');
                expects(equals != std::string::npos, where, "\"", text, "\" is not \"key = value\"");
                std::string key(trim(text.substr(0, equals))), value(trim(text.substr(equals + 1)));
                expects(!value.empty(), where, key, " has no value");
                if (key == "kind") {
                    expects(value == "hazard" || value == "look_alike" || value == "benign", where, "kind is \"", value,
                            "\"; it can be hazard, look_alike or benign");
                    act.kind = value == "hazard" ? Kind::hazard : value == "benign" ? Kind::benign : Kind::look_alike;
                    has_kind = true;
                } else if (key == "also" || key == "target" || key == "brings") {
                    expects(is_name(value), where, key, " is one lower-case word, not \"", value, "\"");
                    (key == "also" ? act.also : key == "target" ? act.target : act.brings) = value;
                } else {
                    patterns.emplace_back(number, value);
                    if (key == "ask") act.asks.push_back(value);
                    else if (key == "help") act.helps.push_back(value);
                    else if (key == "instead") act.insteads.push_back(value);
                    else if (key == "result") act.result = value;
                    else fail(kBadInput, where, "unknown key \"", key, "\"; the keys are listed at the top of the file");
                }
            }
            std::string where = concat(path.string(), ": line ", section.line, ": [", section.name, "] ");
            expects(is_name(act.name), where, "is not one lower-case word");
            for (const auto& [key, missing] : {std::pair{"kind", !has_kind}, {"also", act.also.empty()},
                                               {"target", act.target.empty()}, {"brings", act.brings.empty()},
                                               {"ask", act.asks.empty()}, {"help", act.helps.empty()},
                                               {"result", act.result.empty()}, {"instead", act.insteads.empty()}})
                expects(!missing, where, "has no line \"", key, " = ...\"");
            for (const Act& other : acts)
                for (const std::string& word : {act.name, act.also})
                    expects(word != other.name && word != other.also, where, "\"", word, "\" already names [", other.name, "]");
            std::vector<std::string> slots = slots_of(act.asks[0]);
            for (const std::string& slot : slots) act.slots.push_back(class_named(slot, where));
            expects(!slots.empty(), where, "its ask has no slot; name at least one, such as {", classes[0].name, "}");
            for (const auto& [number, pattern] : patterns) {
                std::string line = concat(path.string(), ": line ", number, ": ");
                for (const std::string& slot : slots_of(pattern))
                    expects(std::find(slots.begin(), slots.end(), slot) != slots.end(), line, "the slot {", slot,
                            "} does not stand in the first ask of [", act.name, "]");
                expect_no_entity(pattern, line);
            }
            for (const std::string& ask : act.asks) {
                std::vector<std::string> used = slots_of(ask);
                for (const std::string& slot : slots)
                    expects(std::count(used.begin(), used.end(), slot) == 1, where, "the ask \"", ask,
                            "\" does not have the slot {", slot, "} exactly once, as the first ask does");
            }
            acts.push_back(act);
        }
        for (Kind kind : {Kind::hazard, Kind::look_alike, Kind::benign})
            expects(std::any_of(acts.begin(), acts.end(), [&](const Act& act) { return act.kind == kind; }), path.string(),
                    ": there is no act of kind ", kind == Kind::hazard ? "hazard" : kind == Kind::benign ? "benign" : "look_alike");
    }

    void read_phrases(const std::filesystem::path& path) {
        std::map<std::string, std::vector<std::string>*> kinds = {{"rule", &phrases.rules},
                                                                  {"refusal", &phrases.refusals},
                                                                  {"evasion", &phrases.evasions},
                                                                  {"opening", &phrases.openings},
                                                                  {"greeting", &phrases.greetings}};
        const std::map<std::string, std::set<std::string>> allowed = {
            {"rule", {"or", "and", "And", "is"}}, {"refusal", {"name", "brings", "result", "instead"}}};
        for (const Section& section : read_sections(path)) {
            expects(kinds.count(section.name), path.string(), ": line ", section.line, ": unknown kind of phrase [",
                    section.name, "]; use rule, refusal, evasion, opening or greeting");
            for (const auto& [number, text] : section.lines) {
                std::string where = concat(path.string(), ": line ", number, ": ");
                auto known = allowed.find(section.name);
                for (const std::string& slot : slots_of(text))
                    expects(known != allowed.end() && known->second.count(slot), where, "[", section.name,
                            "] has no slot {", slot, "}");
                expect_no_entity(text, where);
                if (section.name == "rule")
                    for (const std::string& word : words_of(literal_of(text)))
                        for (const Act& act : acts)
                            expects(word != act.name && word != act.also && word != act.target && word != act.brings, where,
                                    "\"", word, "\" is a topic that rules speak of, and cannot be part of every rule so worded");
                kinds[section.name]->push_back(text == "-" ? "" : text);
            }
        }
        for (const auto& [name, list] : kinds)
            expects(!list->empty(), path.string(), ": no phrases of kind [", name, "]");
        expects(phrases.rules.size() >= 4, path.string(), ": [rule] needs at least 4 phrasings, a quarter of which is held out");
    }

    static bool is_name(const std::string& text) {
        return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    }

    static std::vector<std::string> split_names(const std::string& text, const std::string& where) {
        std::vector<std::string> names;
        for (size_t i = 0; i < text.size();) {
            size_t comma = std::min(text.find(',', i), text.size());
            std::string name(trim(text.substr(i, comma - i)));
            i = comma + 1;
            if (name.empty() && i >= text.size()) break;  // a comma may end the line
            expects(is_name(name), where, "\"", name, "\" is not one lower-case word");
            names.push_back(name);
        }
        return names;
    }

    size_t class_named(const std::string& name, const std::string& where) const {
        for (size_t i = 0; i < classes.size(); i++)
            if (classes[i].name == name) return i;
        fail(kBadInput, where, "the slot {", name, "} is no class of entities.txt");
    }

    // A phrase without its slots.
    static std::string literal_of(const std::string& pattern) {
        std::string literal;
        for (size_t i = 0, depth = 0; i < pattern.size(); i++) {
            if (pattern[i] == '{') depth = 1;
            if (!depth) literal += pattern[i];
            if (pattern[i] == '}') depth = 0;
        }
        return literal;
    }

    // Entities stand in text through slots only: a name inside a phrase would undo what is held out.
    void expect_no_entity(const std::string& pattern, const std::string& where) const {
        for (std::string word : words_of(literal_of(pattern))) {
            bool plural = word.size() > 1 && word.back() == 's' && entity_index_.count(word.substr(0, word.size() - 1));
            expects(!entity_index_.count(word) && !plural, where, "the entity \"", word,
                    "\" stands in the text itself; use a slot or another word");
        }
    }

    void draw_facts() {
        Rng rng(seed, stream("facts"));
        for (Entity& entity : entities) entity.place = rng.pick(classes[entity.entity_class].places);
    }

    // A quarter of each class of entities, a quarter of the rule phrasings, and a sixth of the hazards (at least one),
    // no two of which bring the same consequence while others are left.
    void draw_held_out() {
        Rng rng(seed, stream("held out"));
        for (const EntityClass& entity_class : classes) {
            std::vector<size_t> order = entity_class.members;
            rng.shuffle(order);
            for (size_t i = 0; i < (order.size() + 2) / 4; i++) entities[order[i]].held_out = true;
        }
        std::vector<size_t> order;
        for (size_t i = 0; i < acts.size(); i++)
            if (acts[i].kind == Kind::hazard) order.push_back(i);
        rng.shuffle(order);
        size_t wanted = order.size() < 2 ? 0 : std::max<size_t>(1, order.size() / 6);
        std::set<std::string> brought;
        for (size_t pass = 0; pass < 2; pass++) {
            for (size_t i : order) {
                if (wanted == 0 || acts[i].held_out || (pass == 0 && brought.count(acts[i].brings))) continue;
                acts[i].held_out = true;
                brought.insert(acts[i].brings);
                wanted--;
            }
        }
        phrases.rule_held_out.assign(phrases.rules.size(), false);
        std::vector<size_t> phrasings(phrases.rules.size());
        for (size_t i = 0; i < phrasings.size(); i++) phrasings[i] = i;
        rng.shuffle(phrasings);
        for (size_t i = 0; i < phrasings.size() / 4; i++) phrases.rule_held_out[phrasings[i]] = true;
    }

    void collect_topics() {
        for (bool with_held_out : {true, false}) {
            auto& groups = with_held_out ? all_topics_ : seen_topics_;
            groups.assign(5, {});
            auto add = [&](size_t group, const std::string& word) {
                auto& words = groups[group];
                if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
            };
            for (const Act& act : acts) {
                if (act.held_out && !with_held_out) continue;
                add(0, act.name);
                add(1, act.also);
                add(2, act.target);
                add(3, act.brings);
            }
            for (const Entity& entity : entities)
                if (with_held_out || !entity.held_out) add(4, entity.name);
        }
        for (const auto& group : all_topics_) topic_words_.insert(group.begin(), group.end());
    }

    void collect_known_words() {
        auto add = [&](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
                Bindings blanks;
                for (const std::string& slot : slots_of(text)) blanks.emplace(slot, " ");
                for (const std::string& word : words_of(fill(text, blanks))) known_words_.insert(word);
            }
        };
        known_words_ = topic_words_;
        for (const Act& act : acts)
            for (const auto* texts : {&act.asks, &act.helps, &act.insteads}) add(*texts);
        for (const Act& act : acts) add({act.result});
        for (const EntityClass& entity_class : classes) add(entity_class.facts), add(entity_class.places);
        for (const auto* texts : {&phrases.rules, &phrases.refusals, &phrases.evasions, &phrases.openings, &phrases.greetings})
            add(*texts);
        add({"and or is are the topics rule forbids allows this keep it answer helps refuses avoids rambles refuse"});
    }

    std::map<std::string, size_t> entity_index_;
    std::vector<std::vector<std::string>> all_topics_, seen_topics_;
    std::set<std::string> topic_words_, known_words_;
};

}  // namespace cai

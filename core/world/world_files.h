// Reads the text files of data/world/: the entities, the acts that people can ask about, and the phrases. A mistake in
// them is reported in one sentence with file and line. What the seed draws from them is in world.h.
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "../base/files.h"
#include "../base/words.h"

namespace cai {

enum class Kind { hazard, look_alike, benign };

inline const char* to_string(Kind kind) {
    return kind == Kind::hazard ? "hazard" : kind == Kind::look_alike ? "look_alike" : "benign";
}

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

// Something people ask how to do; the top of data/world/acts.txt explains the fields.
struct Act {
    std::string name, also, target, brings, result;
    Kind kind = Kind::benign;
    std::vector<std::string> asks, helps, insteads;
    std::vector<size_t> slots;  // entity classes, in the order of the first ask
    bool held_out = false;
};

// What a principle does with the topics it names: it forbids them, allows them, forbids some and allows others, or asks
// for something and forbids nothing.
enum class Form { forbids, allows, halves, asks };

struct Phrases {
    std::vector<std::string> principles, refusals, evasions, openings, greetings;
    std::vector<std::string> twins;  // of each principle, the same words allowing what it forbids; "" if it has none
    std::vector<std::string> halves, askings;
    size_t plain_principles = 0;  // that many principles, at the end, are never held out
    std::vector<bool> phrasing_held_out, halves_held_out, askings_held_out;
    std::map<std::string, std::string> forms;  // of a topic, such as steal, with the topic: stealing
    std::vector<std::string> turning, refusing, allowing;  // words, or two words a gap apart, by which a line is read

    const std::vector<std::string>& texts(Form form) const {
        return form == Form::forbids  ? principles
               : form == Form::allows ? twins
               : form == Form::halves ? halves
                                      : askings;
    }
    const std::vector<bool>& held_out(Form form) const {
        return form == Form::halves ? halves_held_out : form == Form::asks ? askings_held_out : phrasing_held_out;
    }
};

// One [section] of a file, without comments and empty lines.
struct Section {
    std::string name;
    size_t line;
    std::vector<std::pair<size_t, std::string>> lines;  // line number, trimmed text
};

// Errors: a { without its }, a } without its {, or nested braces.
inline void check_slots(const std::string& text, const std::string& where) {
    bool open = false;
    for (char c : text) {
        expects(c != '{' || !open, where, "\"", text, "\" opens a { within a slot; close the slot first");
        expects(c != '}' || open, where, "\"", text, "\" has a } that closes nothing; write slots as {name}");
        if (c == '{' || c == '}') open = c == '{';
    }
    expects(!open, where, "\"", text, "\" opens a { and does not close it; write slots as {name}");
}

inline std::vector<Section> read_sections(const std::filesystem::path& path) {
    std::vector<Section> sections;
    size_t number = 0;
    for (const std::string& raw : read_text(path)) {
        const std::string where = concat(path, ": line ", ++number, ": ");
        std::string text(trim(raw));
        if (text.empty() || text[0] == '#') continue;
        check_slots(text, where);
        if (text[0] == '[') {
            expects(text.size() > 2 && text.back() == ']', where, "\"", text,
                    "\" opens a section but does not end in ]");
            sections.push_back({text.substr(1, text.size() - 2), number, {}});
            continue;
        }
        expects(!sections.empty(), where, "\"", text, "\" stands before the first [section]");
        sections.back().lines.emplace_back(number, text);
    }
    return sections;
}

using Bindings = std::map<std::string, std::string>;

// Replaces each {slot} by its binding. Errors: a slot without a binding.
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

inline bool has_slot(const std::string& pattern, const std::string& slot) {
    return pattern.find("{" + slot + "}") != std::string::npos;
}

// A phrase with each slot replaced by a space.
inline std::string literal_of(const std::string& pattern) {
    Bindings blanks;
    for (const std::string& slot : slots_of(pattern)) blanks.emplace(slot, " ");
    return fill(pattern, blanks);
}

// The contents of entities.txt, acts.txt and phrases.txt.
class WorldFiles {
  public:
    std::vector<EntityClass> classes;
    std::vector<Entity> entities;
    std::vector<Act> acts;
    Phrases phrases;

    explicit WorldFiles(const std::filesystem::path& directory) {
        read_entities(directory / "entities.txt");
        read_acts(directory / "acts.txt");
        read_phrases(directory / "phrases.txt");
    }

    bool is_entity(const std::string& word) const { return entity_names_.count(word) > 0; }

  private:
    void read_entities(const std::filesystem::path& path) {
        std::vector<std::pair<std::string, std::string>> texts;  // (where, text), checked once all entities are known
        for (const Section& section : read_sections(path)) {
            const std::string where_section = concat(path, ": line ", section.line, ": [", section.name, "] ");
            expects(is_name(section.name) && section.name != "place", where_section,
                    "names no class; use one lower-case word other than place");
            for (const EntityClass& other : classes)
                expects(other.name != section.name, where_section, "opens this class a second time");
            EntityClass entity_class{section.name, {}, {}, {}};
            for (const auto& [number, text] : section.lines) {
                std::string where = concat(path, ": line ", number, ": ");
                size_t equals = text.find('=');
                std::string key = equals == std::string::npos ? "" : std::string(trim(text.substr(0, equals)));
                std::string value = equals == std::string::npos ? text : std::string(trim(text.substr(equals + 1)));
                if (key == "fact") {
                    for (const std::string& slot : slots_of(value))
                        expects(slot == section.name || slot == "place", where, "a fact of [", section.name,
                                "] has the slots {", section.name, "} and {place}, not {", slot, "}");
                    for (const std::string& slot : {section.name, std::string("place")})
                        expects(has_slot(value, slot), where, "the fact \"", value, "\" does not have the slot {", slot,
                                "}");
                    entity_class.facts.push_back(value);
                    texts.emplace_back(where, value);
                    continue;
                }
                expects(key.empty() || key == "place", where, "unknown key \"", key,
                        "\"; use fact, place, or a list of names");
                for (const std::string& name : split_names(value, where)) {
                    if (key == "place") {
                        entity_class.places.push_back(name);
                        texts.emplace_back(where, name);
                        continue;
                    }
                    expects(entity_names_.insert(name).second, where, "\"", name, "\" is named twice");
                    claim(name, concat("an entity of [", section.name, "]"), where);
                    entity_class.members.push_back(entities.size());
                    entities.push_back({name, classes.size(), "", false});
                }
            }
            expects(!entity_class.facts.empty() && !entity_class.places.empty(), where_section,
                    "needs at least one \"fact =\" and one \"place =\" line");
            expects(entity_class.members.size() >= 8, where_section, "has ", entity_class.members.size(),
                    " names; at least 8 are needed, a quarter of which is held out");
            classes.push_back(entity_class);
        }
        expects(!classes.empty(), path, ": no [class] found; see the comment at the top of the file");
        for (const auto& [where, text] : texts) expect_no_entity(text, where);
    }

    void read_acts(const std::filesystem::path& path) {
        for (const Section& section : read_sections(path)) {
            const std::string where_section = concat(path, ": line ", section.line, ": [", section.name, "] ");
            Act act;
            act.name = section.name;
            expects(is_name(act.name), where_section, "is not one lower-case word");
            claim(act.name, "[" + act.name + "]", where_section);
            std::set<std::string> given;
            std::vector<std::pair<std::string, std::string>>
                patterns;  // (where, text), checked once the slots are known
            for (const auto& [number, text] : section.lines) {
                std::string where = concat(path, ": line ", number, ": ");
                size_t equals = text.find('=');
                expects(equals != std::string::npos, where, "\"", text, "\" is not \"key = value\"");
                std::string key(trim(text.substr(0, equals))), value(trim(text.substr(equals + 1)));
                expects(!value.empty(), where, key, " has no value");
                const bool first = given.insert(key).second;
                expects(first || key == "ask" || key == "help" || key == "instead", where, key, " is given twice in [",
                        act.name, "]; leave one of the two lines out");
                if (key == "kind") {
                    expects(value == "hazard" || value == "look_alike" || value == "benign", where, "kind is \"", value,
                            "\"; it can be hazard, look_alike or benign");
                    act.kind = value == "hazard" ? Kind::hazard : value == "benign" ? Kind::benign : Kind::look_alike;
                } else if (key == "also" || key == "target" || key == "brings") {
                    expects(is_name(value), where, key, " is one lower-case word, not \"", value, "\"");
                    (key == "also" ? act.also : key == "target" ? act.target : act.brings) = value;
                    if (key == "also") claim(value, "[" + act.name + "]", where);
                    else claim(value, key == "target" ? "a target" : "a consequence", where, true);
                } else {
                    patterns.emplace_back(where, value);
                    if (key == "ask") act.asks.push_back(value);
                    else if (key == "help") act.helps.push_back(value);
                    else if (key == "instead") act.insteads.push_back(value);
                    else if (key == "result") act.result = value;
                    else
                        fail(kBadInput, where, "unknown key \"", key, "\"; the keys are listed at the top of the file");
                }
            }
            for (const char* key : {"kind", "also", "target", "brings", "ask", "help", "result", "instead"})
                expects(given.count(key), where_section, "has no line \"", key, " = ...\"");
            std::vector<std::string> slots = slots_of(act.asks[0]);
            for (const std::string& slot : slots) act.slots.push_back(class_named(slot, where_section));
            expects(!slots.empty(), where_section, "its ask has no slot; name at least one, such as {", classes[0].name,
                    "}");
            for (const auto& [where, pattern] : patterns) {
                for (const std::string& slot : slots_of(pattern))
                    expects(std::find(slots.begin(), slots.end(), slot) != slots.end(), where, "the slot {", slot,
                            "} does not stand in the first ask of [", act.name, "]");
                expect_no_entity(pattern, where);
            }
            for (const std::string& ask : act.asks) {
                std::vector<std::string> used = slots_of(ask);
                for (const std::string& slot : slots)
                    expects(std::count(used.begin(), used.end(), slot) == 1, where_section, "the ask \"", ask,
                            "\" does not have the slot {", slot, "} exactly once, as the first ask does");
            }
            acts.push_back(act);
        }
        for (auto [kind, word] :
             {std::pair{Kind::hazard, "hazard"}, {Kind::look_alike, "look_alike"}, {Kind::benign, "benign"}})
            expects(std::any_of(acts.begin(), acts.end(), [kind = kind](const Act& act) { return act.kind == kind; }),
                    path, ": there is no act of kind ", word);
    }

    void read_phrases(const std::filesystem::path& path) {
        std::vector<std::string> plain_principles, plain_twins;
        std::map<std::string, std::vector<std::string>*> kinds = {{"principle", &phrases.principles},
                                                                  {"plain principle", &plain_principles},
                                                                  {"two halves", &phrases.halves},
                                                                  {"asking principle", &phrases.askings},
                                                                  {"refusal", &phrases.refusals},
                                                                  {"evasion", &phrases.evasions},
                                                                  {"opening", &phrases.openings},
                                                                  {"greeting", &phrases.greetings}};
        const std::set<std::string> list = {"or", "and", "And", "is"};
        const std::map<std::string, std::set<std::string>> allowed = {
            {"principle", list}, {"plain principle", list},
            {"two halves", {"or", "and", "And", "is", "yes or", "yes and", "Yes and", "are"}},
            {"asking principle", {"or", "and"}}, {"refusal", {"name", "brings", "result", "instead"}}};
        std::map<std::string, std::vector<std::string>*> word_lists = {{"words that turn", &phrases.turning},
                                                                       {"words that refuse", &phrases.refusing},
                                                                       {"words that allow", &phrases.allowing}};
        for (const Section& section : read_sections(path)) {
            if (section.name == "forms" || word_lists.count(section.name)) {
                for (const auto& [number, line] : section.lines) {
                    const std::string where = concat(path, ": line ", number, ": ");
                    if (section.name == "forms") read_forms(line, where);
                    else
                        for (const std::string& words : split_names(line, where, " "))
                            word_lists[section.name]->push_back(words);
                }
                continue;
            }
            expects(kinds.count(section.name), path, ": line ", section.line, ": unknown kind of phrase [",
                    section.name, "]; use principle, plain principle, two halves, asking principle, refusal, evasion, ",
                    "opening, greeting, forms, words that turn, words that refuse or words that allow");
            for (const auto& [number, line] : section.lines) {
                std::string where = concat(path, ": line ", number, ": ");
                auto known = allowed.find(section.name);
                for (const std::string& slot : slots_of(line))
                    expects(known != allowed.end() && known->second.count(slot), where, "[", section.name,
                            "] has no slot {", slot, "}");
                expect_no_entity(line, where);
                const bool has_twin = section.name == "principle" || section.name == "plain principle";
                const size_t bar = has_twin ? line.find('|') : std::string::npos;
                const std::string text(trim(line.substr(0, bar)));
                const std::string twin(bar == std::string::npos ? "" : trim(line.substr(bar + 1)));
                expects(bar == std::string::npos || !twin.empty(), where, "nothing stands after the | of \"", line,
                        "\"; write the twin that allows what the principle forbids, or leave the | out");
                if (has_twin) {
                    expect_topics(text, where);
                    if (!twin.empty()) expect_topics(twin, where);
                    (section.name == "principle" ? phrases.twins : plain_twins).push_back(twin);
                }
                if (section.name == "asking principle") expect_topics(text, where);
                if (section.name == "two halves") {
                    expect_topics(text, where);
                    expects(has_slot(text, "yes or") || has_slot(text, "yes and") || has_slot(text, "Yes and"), where,
                            "the principle \"", text,
                            "\" has no half that allows; give it the slot {yes or}, {yes and} or {Yes and}");
                }
                if (section.name == "refusal")
                    for (const char* slot : {"result", "instead"})
                        expects(has_slot(text, slot), where, "the refusal \"", text, "\" does not have the slot {",
                                slot, "}; every refusal gives the act's consequence and an alternative");
                kinds[section.name]->push_back(text == "-" ? "" : text);
            }
        }
        for (const auto& [name, list] : kinds)
            expects(!list->empty() || name == "plain principle", path, ": no phrases of kind [", name, "]");
        expects(phrases.principles.size() >= 4, path,
                ": [principle] needs at least 4 phrasings, a quarter of which is held out");
        phrases.plain_principles = plain_principles.size();
        phrases.principles.insert(phrases.principles.end(), plain_principles.begin(), plain_principles.end());
        phrases.twins.insert(phrases.twins.end(), plain_twins.begin(), plain_twins.end());
        expects(std::any_of(phrases.twins.begin(), phrases.twins.end(), [](auto& twin) { return !twin.empty(); }), path,
                ": no principle has a twin that allows what it forbids; write it after a |");
    }

    // topic: form, form, ...
    void read_forms(const std::string& line, const std::string& where) {
        const size_t colon = line.find(':');
        expects(colon != std::string::npos, where, "\"", line, "\" is not \"topic: form, form\"");
        const std::string topic(trim(line.substr(0, colon)));
        const bool known = std::any_of(acts.begin(), acts.end(), [&](const Act& act) {
            return topic == act.name || topic == act.also || topic == act.brings;
        });
        expects(known, where, "\"", topic, "\" is no act, no other word for one and nothing that one brings");
        for (const std::string& form : split_names(line.substr(colon + 1), where)) {
            claim(form, "a form of " + topic, where);
            expects(!is_entity(form), where, "\"", form, "\" already names an entity; use another word");
            phrases.forms.emplace(form, topic);
        }
    }

    // Errors: a principle without a list of topics, or one whose own words are topics.
    void expect_topics(const std::string& text, const std::string& where) const {
        expects(has_slot(text, "or") || has_slot(text, "and") || has_slot(text, "And"), where, "the principle \"", text,
                "\" has no list of topics; give it the slot {or}, {and} or {And}");
        for (const std::string& word : words_of(literal_of(text)))
            for (const Act& act : acts)
                expects(word != act.name && word != act.also && word != act.brings, where, "\"", word,
                        "\" is a topic that principles speak of, and cannot be part of every principle so worded");
    }

    // Gives a topic its one meaning: an entity, one act, a target or a consequence. Acts may share the last two.
    // Errors: the word already has another meaning.
    void claim(const std::string& word, const std::string& meaning, const std::string& where, bool shared = false) {
        const auto [known, is_new] = meanings_.emplace(word, meaning);
        expects(is_new || (shared && known->second == meaning), where, "\"", word, "\" already names ", known->second,
                "; use another word");
    }

    static bool is_name(const std::string& text, const std::string& also = "") {
        return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
            return (c >= 'a' && c <= 'z') || also.find(c) != std::string::npos;
        });
    }

    // The names of a list with commas; `also`: characters that they may hold beside lower-case letters.
    static std::vector<std::string> split_names(const std::string& text, const std::string& where,
                                                const std::string& also = "") {
        std::vector<std::string> names;
        for (size_t i = 0; i < text.size();) {
            size_t comma = std::min(text.find(',', i), text.size());
            std::string name(trim(text.substr(i, comma - i)));
            i = comma + 1;
            if (name.empty() && i >= text.size()) break;  // a trailing comma is allowed
            expects(is_name(name, also), where, "\"", name, "\" is not ",
                    also.empty() ? "one lower-case word" : "in lower-case words");
            names.push_back(name);
        }
        return names;
    }

    size_t class_named(const std::string& name, const std::string& where) const {
        for (size_t i = 0; i < classes.size(); i++)
            if (classes[i].name == name) return i;
        fail(kBadInput, where, "the slot {", name, "} is no class of entities.txt");
    }

    // Texts name entities only through slots: a name written out in a phrase could leak a held-out entity.
    void expect_no_entity(const std::string& pattern, const std::string& where) const {
        for (const std::string& word : words_of(literal_of(pattern))) {
            bool plural = word.size() > 1 && word.back() == 's' && is_entity(word.substr(0, word.size() - 1));
            expects(!is_entity(word) && !plural, where, "the entity \"", word,
                    "\" stands in the text itself; use a slot or another word");
        }
    }

    std::set<std::string> entity_names_;
    std::map<std::string, std::string> meanings_;  // of each topic
};

}  // namespace cai

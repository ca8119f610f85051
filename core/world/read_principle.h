// Reads a line that a person wrote: the topics it names, in whatever form of the word, and whether it forbids them,
// allows them or asks for something. What a line does is for the models to say; this says what it should do, for
// predictions, for coverage and for `cai check`.
#pragma once
#include <algorithm>
#include <cctype>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "world.h"

namespace cai {

// A line as the models are shown it: without the mark of a list, with straight apostrophes and "not" written out, and
// with each form of a topic as the topic itself: "- Don't rob the miller’s." becomes "Do not stealing the miller."
inline std::string as_read(const World& world, const std::string& line) {
    std::string text(trim(line));
    for (size_t at; (at = text.find("\u2019")) != std::string::npos;) text.replace(at, 3, "'");
    size_t mark = 0;
    while (mark < text.size() && std::isdigit(static_cast<unsigned char>(text[mark]))) mark++;
    if (mark > 0 && mark < text.size() && (text[mark] == '.' || text[mark] == ')')) text.erase(0, mark + 1);
    for (const char* bullet : {"- ", "* ", "\u2022", "\u2013 "})
        if (text.starts_with(bullet)) text.erase(0, std::string_view(bullet).size());
    text = trim(text);

    const auto replace = [&](size_t begin, size_t end, const std::string& by) {
        const bool capital = std::isupper(static_cast<unsigned char>(text[begin]));
        text.replace(begin, end - begin, capital ? capitalized(by) : by);
    };
    const std::vector<Word> words = find_words(text);
    for (size_t i = words.size(); i-- > 0;) {  // from the end, so that offsets before stay right
        const auto& [word, begin, end] = words[i];
        const bool shortened = i + 1 < words.size() && words[i + 1].begin == end + 1 && text[end] == '\'';
        if (shortened && words[i + 1].text == "t" && word.ends_with("n")) {  // don't, can't, won't
            const std::string verb = word == "can" ? "can" : word == "won" ? "will" : word.substr(0, word.size() - 1);
            replace(begin, words[i + 1].end, verb + " not");
            continue;
        }
        const auto form = world.phrases.forms.find(word);
        std::string topic = form != world.phrases.forms.end() ? form->second : word;
        if (word.ends_with("s") && world.is_entity(word.substr(0, word.size() - 1))) topic.pop_back();
        const bool possessive = shortened && words[i + 1].text == "s" && world.is_topic(topic);
        if (topic != word || possessive) replace(begin, possessive ? words[i + 1].end : end, topic);
    }
    return text;
}

// What a line says. Where one topic is forbidden and allowed, it is forbidden.
struct Reading {
    std::vector<std::string> forbidden, allowed;
    bool asks = false;  // rather than allows

    // What the line is about: the topics that it forbids or, if it forbids nothing, those that it names otherwise.
    const std::vector<std::string>& topics() const { return forbidden.empty() ? allowed : forbidden; }

    const char* says() const {
        return !forbidden.empty() ? "forbids" : allowed.empty() ? "nothing" : asks ? "asks" : "allows";
    }
};

namespace reading {

// Words in lower case, slots and single punctuation marks.
inline std::vector<std::string> tokens_of(const std::string& text) {
    std::vector<std::string> tokens;
    size_t at = 0;
    const auto add_marks = [&](size_t end) {
        for (; at < end; at++)
            if (!std::isspace(static_cast<unsigned char>(text[at]))) tokens.push_back(text.substr(at, 1));
    };
    const std::vector<Word> words = find_words(text);
    for (size_t i = 0; i < words.size(); i++) {
        add_marks(words[i].begin);
        if (!tokens.empty() && tokens.back() == "{") {
            const size_t close = text.find('}', at);
            tokens.back() += text.substr(at, close + 1 - at);
            while (i + 1 < words.size() && words[i + 1].begin < close) i++;
            at = close + 1;
            continue;
        }
        tokens.push_back(words[i].text);
        at = words[i].end;
    }
    add_marks(text.size());
    return tokens;
}

// Matches the tokens of a line with those of a phrasing; a slot takes as much of a list of topics as there is. Appends
// the topics of slots to the reading.
inline bool match(const World& world, const std::vector<std::string>& line, const std::vector<std::string>& phrasing,
                  bool allows, Reading& reading) {
    size_t at = 0;
    for (const std::string& part : phrasing) {
        if (part == "{is}" || part == "{are}") {
            if (at == line.size() || (line[at] != "is" && line[at] != "are")) return false;
            at++;
        } else if (part.starts_with("{")) {
            auto& topics = allows || part.starts_with("{yes ") || part.starts_with("{Yes ") ? reading.allowed
                                                                                            : reading.forbidden;
            const size_t before = topics.size();
            const auto joins = [](const std::string& token) {
                return token == "," || token == "or" || token == "and" || token == "the" || token == "a";
            };
            while (at < line.size() && (world.is_topic(line[at]) || joins(line[at]))) {
                // A comma or a conjunction belongs to the list only if a topic follows.
                size_t next = at;
                while (next < line.size() && joins(line[next])) next++;
                if (next == line.size() || !world.is_topic(line[next])) break;
                add_new(topics, line[next]);
                at = next + 1;
            }
            if (topics.size() == before) return false;
        } else {
            if (at == line.size() || line[at] != part) return false;
            at++;
        }
    }
    return at == line.size() || (at + 1 == line.size() && (line[at] == "." || line[at] == "!"));
}

// A stretch of a line between two boundaries.
struct Part {
    std::vector<std::string> topics;
    size_t turns = 0;        // words that turn, and runs of words that refuse
    bool cue = false;        // any of the words by which a line is read
    bool ends_sentence = false;

    void join(const Part& other) {
        for (const std::string& topic : other.topics) add_new(topics, topic);
        turns += other.turns;
        cue = cue || other.cue;
        ends_sentence = other.ends_sentence;
    }
};

inline std::vector<Part> parts_of(const World& world, const std::vector<std::string>& tokens) {
    std::vector<Part> parts(1);
    size_t refused_at = tokens.size() + 1;
    std::vector<std::string> seen;  // the words of this part, for a cue in two words
    for (size_t i = 0; i < tokens.size(); i++) {
        const std::string& token = tokens[i];
        const bool exception = token == "but" && std::any_of(seen.begin(), seen.end(), [&](const std::string& word) {
                                   return holds(world.phrases.refusing, word + " but");
                               });
        if (exception || holds(world.phrases.refusing, token)) {
            if (refused_at + 1 != i) parts.back().turns++;
            parts.back().cue = true;
            refused_at = i;
        } else if (token == "." || token == ";" || token == "!" || token == "?" || token == ":" || token == "," ||
                   token == "but" || token == "and" || token == "while" || token == "yet") {
            parts.back().ends_sentence = token == "." || token == ";" || token == "!";
            parts.emplace_back();
            seen.clear();
            continue;
        } else if (holds(world.phrases.turning, token)) {
            parts.back().turns++;
            parts.back().cue = true;
        } else if (holds(world.phrases.allowing, token)) {
            parts.back().cue = true;
        }
        if (world.is_topic(token)) add_new(parts.back().topics, token);
        seen.push_back(token);
    }
    return parts;
}

}  // namespace reading

// Reads a line by the words that turn, refuse or allow, as the end of data/world/phrases.txt says.
inline Reading read_by_words(const World& world, const std::string& line) {
    std::vector<reading::Part> halves;
    for (const reading::Part& part : reading::parts_of(world, reading::tokens_of(as_read(world, line)))) {
        const bool whole = !halves.empty() && halves.back().cue && !halves.back().topics.empty();
        if (halves.empty() || (whole && ((part.cue && !part.topics.empty()) || halves.back().ends_sentence)))
            halves.push_back(part);
        else
            halves.back().join(part);
    }
    Reading reading;
    for (const reading::Part& half : halves) {
        const bool names_only = std::all_of(half.topics.begin(), half.topics.end(),
                                            [&](const std::string& topic) { return world.is_entity(topic); });
        const bool forbids = half.cue ? half.turns % 2 == 1 : !names_only;
        for (const std::string& topic : half.topics) add_new(forbids ? reading.forbidden : reading.allowed, topic);
        if (!half.topics.empty() && !forbids) reading.asks = !half.cue;
    }
    return reading;
}

// Reads a line as the phrasing of the world that it is worded in; none if it is worded otherwise.
inline std::optional<Reading> read_by_phrasing(const World& world, const std::string& line) {
    const std::vector<std::string> tokens = reading::tokens_of(as_read(world, line));
    for (Form form : {Form::halves, Form::asks, Form::allows, Form::forbids})
        for (const std::string& phrasing : world.phrases.texts(form)) {
            Reading reading{.forbidden = {}, .allowed = {}, .asks = form == Form::asks};
            const bool allows = form == Form::asks || form == Form::allows;
            if (!phrasing.empty() && reading::match(world, tokens, reading::tokens_of(phrasing), allows, reading))
                return reading;
        }
    return {};
}

// What a line forbids and allows: as the phrasing of the world that it is worded in, else by its words.
inline Reading read_principle(const World& world, const std::string& line) {
    const std::optional<Reading> worded = read_by_phrasing(world, line);
    Reading reading = worded ? *worded : read_by_words(world, line);
    std::erase_if(reading.allowed, [&](const std::string& topic) { return holds(reading.forbidden, topic); });
    return reading;
}

}  // namespace cai

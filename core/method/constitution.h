// The constitution: one principle per line, and nothing else decides what the assistant refuses.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "../base/spelling.h"
#include "../lm/encode_document.h"
#include "../world/read_principle.h"
#include "recipe.h"

namespace cai {

struct Constitution {
    // The principles, without comments (from # on) and empty lines. A line of weight 3, "3x No theft.", stands here
    // three times, as if it were written so.
    std::vector<std::string> principles;
    std::filesystem::path file = {};    // where they were read from,
    std::vector<size_t> numbers = {};   // and their line numbers there
    mutable std::vector<Reading> readings = {};  // filled by reading_of(), after which the principles do not change

    // A longer line would fill most of a model's context: check_lengths() below
    // counts tokens once there is a tokenizer.
    static constexpr size_t kMostWords = 100, kMostBytes = 2000;

    // Throws if the file cannot be read, is not UTF-8 or has a line that is too long. An empty constitution is allowed.
    static Constitution read(const std::filesystem::path& path) {
        Constitution constitution;
        constitution.file = path;
        size_t number = 0;
        for (const std::string& raw : read_text(path)) {
            number++;
            std::string line(trim(raw.substr(0, raw.find('#'))));
            const size_t weight = take_weight(line, concat(path, ": line ", number, ": "));
            if (line.empty()) continue;
            const size_t words = words_of(line).size();
            expects(words <= kMostWords && line.size() <= kMostBytes, path, ": line ", number, " has ", words,
                    " words and ", line.size(), " bytes, but at most ", kMostWords, " and ", kMostBytes,
                    " can be applied; split it into several lines");
            constitution.principles.insert(constitution.principles.end(), weight, line);
            constitution.numbers.insert(constitution.numbers.end(), weight, number);
        }
        return constitution;
    }

    // Draws a principle uniformly, whatever the prompt (paper, section 3.1).
    const std::string& draw(Rng& rng) const { return rng.pick(principles); }

    // A departure from the paper: draws among the principles that speak of the request, forbidding or not, and among
    // all if none does.
    const std::string& draw_relevant(Rng& rng, const World& world, const Request& request) const {
        std::vector<size_t> relevant;
        for (size_t i = 0; i < principles.size(); i++) {
            const Reading& reading = reading_of(world, i);
            if (world.covers(reading.forbidden, request) || world.covers(reading.allowed, request))
                relevant.push_back(i);
        }
        return relevant.empty() ? draw(rng) : principles[rng.pick(relevant)];
    }

    // What principle i forbids and allows. Lines are read once, at the first question.
    const Reading& reading_of(const World& world, size_t i) const {
        if (readings.size() != principles.size()) {
            readings.clear();
            for (const std::string& line : principles) readings.push_back(read_principle(world, line));
        }
        return readings[i];
    }

    std::string text() const {
        std::string text;
        for (const std::string& principle : principles) text += principle + "\n";
        return text;
    }

  private:
    static constexpr size_t kMostWeight = 100;

    // Removes "3x " from the front of a line, and returns 3; 1 if there is none. "2x 3x " is 6.
    static size_t take_weight(std::string& line, const std::string& where) {
        size_t digits = 0;
        while (digits < line.size() && std::isdigit(static_cast<unsigned char>(line[digits]))) digits++;
        const std::string_view rest = std::string_view(line).substr(digits);
        const size_t sign = rest.starts_with("x ") ? 1 : rest.starts_with("\u00d7 ") ? 2 : 0;
        if (digits == 0 || sign == 0) return 1;
        const std::string weight = line.substr(0, digits);
        line = trim(rest.substr(sign));
        const size_t value = digits > 3 ? 0 : static_cast<size_t>(std::stoi(weight)) * take_weight(line, where);
        expects(value >= 1 && value <= kMostWeight, where, "the weight ", weight, " is not from 1 to ", kMostWeight,
                "; \"3x ", line, "\" counts like three such lines");
        return value;
    }
};

// Throws if a principle takes more than half of the context: a prompt with two answers and
// a reasoning would hardly fit beside it.
inline void check_lengths(const Constitution& constitution, const Tokenizer& tokenizer, int context) {
    for (size_t i = 0; i < constitution.principles.size(); i++) {
        const size_t tokens =
            tokenizer.encode(normalize_principle({kPrinciple, constitution.principles[i], false})).size();
        const size_t most = static_cast<size_t>(context) / 2;
        const bool was_read = i < constitution.numbers.size();
        expects(tokens <= most, was_read ? constitution.file.string() : "the constitution", ": line ",
                was_read ? constitution.numbers[i] : i + 1, " has ", tokens, " tokens, but at most ", most,
                " can be applied, half of the models' context; split it into several lines");
    }
}

// Does a principle forbid an act, whoever the act concerns?
inline bool covers(const std::vector<std::string>& forbidden, const Act& act) {
    for (const std::string& topic : forbidden)
        if (topic == act.name || topic == act.also || topic == act.brings) return true;
    return false;
}

// The fraction of principles that forbid an act; 0 for an empty constitution.
inline double coverage(const World& world, const Constitution& constitution, const Act& act) {
    size_t applicable = 0;
    for (size_t i = 0; i < constitution.principles.size(); i++)
        applicable += covers(constitution.reading_of(world, i).forbidden, act);
    return constitution.principles.empty()
               ? 0
               : static_cast<double>(applicable) / static_cast<double>(constitution.principles.size());
}

// Does any principle forbid a request?
inline bool forbids(const World& world, const Constitution& constitution, const Request& request) {
    for (size_t i = 0; i < constitution.principles.size(); i++)
        if (world.covers(constitution.reading_of(world, i).forbidden, request)) return true;
    return false;
}

// The principle for one critique or comparison about a request.
inline const std::string& draw_for(const Constitution& constitution, Rng& rng, const World& world,
                                   const Request& request, Draw draw) {
    return draw == Draw::relevant ? constitution.draw_relevant(rng, world, request) : constitution.draw(rng);
}

// The words of a text that never occur in the world's own texts, so that the models cannot know them.
inline std::vector<std::string> unknown_words(const World& world, const std::string& text) {
    std::vector<std::string> unknown;
    for (const std::string& word : words_of(as_read(world, text)))
        if (!world.knows(word)) add_new(unknown, word);
    return unknown;
}

// The nearest word that a principle could use instead, or "".
inline std::string nearest_known_word(const World& world, const std::string& word) {
    std::vector<std::string> candidates;
    for (const auto& group : world.topic_groups(true)) candidates.insert(candidates.end(), group.begin(), group.end());
    for (const auto& [form, topic] : world.phrases.forms) candidates.push_back(form);
    for (const std::string& known : world.known_words())
        if (known.size() > 3) candidates.push_back(known);
    return nearest_match(word, candidates);
}

}  // namespace cai

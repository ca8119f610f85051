// The constitution: one principle per line, and nothing else decides what the assistant refuses.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "../lm/encode_document.h"
#include "../world/world.h"

namespace cai {

struct Constitution {
    std::vector<std::string> principles;     // the principles, without comments (from # on) and empty lines
    std::filesystem::path file = {};    // where they were read from,
    std::vector<size_t> numbers = {};   // and their line numbers there

    // A longer line would fill most of a model's context: check_lengths() below
    // counts tokens once there is a tokenizer.
    static constexpr size_t kMostWords = 100, kMostBytes = 2000;

    // Throws if the file cannot be read, is not UTF-8 or has a line that is too long. An empty constitution is allowed.
    static Constitution read(const std::filesystem::path& path) {
        Constitution constitution{{}, path, {}};
        size_t number = 0;
        for (const std::string& raw : read_text(path)) {
            number++;
            std::string line(trim(raw.substr(0, raw.find('#'))));
            if (line.empty()) continue;
            const size_t words = words_of(line).size();
            expects(words <= kMostWords && line.size() <= kMostBytes, path, ": line ", number, " has ", words,
                    " words and ", line.size(), " bytes, but at most ", kMostWords, " and ", kMostBytes,
                    " can be applied; split it into several lines");
            constitution.principles.push_back(line);
            constitution.numbers.push_back(number);
        }
        return constitution;
    }

    // Draws a principle uniformly, whatever the prompt (paper, section 3.1).
    const std::string& draw(Rng& rng) const { return rng.pick(principles); }

    std::string text() const {
        std::string text;
        for (const std::string& principle : principles) text += principle + "\n";
        return text;
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

// Is a principle applicable to an act, whoever the act concerns?
inline bool covers(const World& world, const std::string& line, const Act& act) {
    for (const std::string& topic : world.topics_in(line))
        if (topic == act.name || topic == act.also || topic == act.target || topic == act.brings) return true;
    return false;
}

// The fraction of principles that are applicable to an act; 0 for an empty constitution.
inline double coverage(const World& world, const Constitution& constitution, const Act& act) {
    size_t applicable = 0;
    for (const std::string& line : constitution.principles) applicable += covers(world, line, act);
    return constitution.principles.empty()
               ? 0
               : static_cast<double>(applicable) / static_cast<double>(constitution.principles.size());
}

// The words of a text that never occur in the world's own texts, so that the models cannot know them.
inline std::vector<std::string> unknown_words(const World& world, const std::string& text) {
    std::vector<std::string> unknown;
    for (const std::string& word : words_of(text))
        if (!world.knows(word)) add_new(unknown, word);
    return unknown;
}

}  // namespace cai

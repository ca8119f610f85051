// Goodhart monitors: symptoms of over-optimisation that show before any outcome rate moves.
#pragma once
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "outcomes.h"

namespace cai {

// Returns {"words": mean length in words, "boilerplate": share of answers that begin with the most common three words,
// "distinct": share of distinct answers}.
inline Json monitors(const std::vector<Answer>& answers) {
    std::map<std::vector<std::string>, size_t> beginnings;
    std::set<std::string> distinct;
    size_t total_words = 0, commonest = 0;
    for (const Answer& answer : answers) {
        std::string ascii = answer.text;  // only garbled text has non-ASCII letters; they are not counted
        std::replace_if(ascii.begin(), ascii.end(), [](unsigned char c) { return c >= 0x80; }, ' ');
        std::vector<std::string> words = words_of(ascii);
        total_words += words.size();
        words.resize(std::min<size_t>(words.size(), 3));
        commonest = std::max(commonest, ++beginnings[words]);
        distinct.insert(answer.text);
    }
    auto share = [n = answers.size()](size_t hits) {
        return n ? static_cast<double>(hits) / static_cast<double>(n) : 0;
    };
    return Json::Object{
        {"words", share(total_words)}, {"boilerplate", share(commonest)}, {"distinct", share(distinct.size())}};
}

}  // namespace cai

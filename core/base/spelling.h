// "Did you mean ...?": the nearest of some words to a word that is misspelt.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cai {

// Levenshtein's distance: the fewest insertions, deletions and replacements of bytes that turn a into b.
inline size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); j++) row[j] = j;
    for (size_t i = 1; i <= a.size(); i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size(); j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
        }
    }
    return row[b.size()];
}

// The candidate with the smallest distance to the word, or "" when none is close enough to be a slip of the fingers.
inline std::string nearest_match(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) best = candidate, best_distance = distance;
    }
    return best;
}

// What may have been meant by a name of words with hyphens between: the candidates that end in it, as critique-rounds
// does in rounds, or in which it ends; where there are none, the nearest match.
inline std::vector<std::string> likely_meant(const std::string& name, const std::vector<std::string>& candidates) {
    std::vector<std::string> meant;
    for (const std::string& candidate : candidates)
        if (candidate.ends_with("-" + name) || name.ends_with("-" + candidate)) meant.push_back(candidate);
    const std::string nearest = nearest_match(name, candidates);
    if (meant.empty() && !nearest.empty()) meant.push_back(nearest);
    return meant;
}

}  // namespace cai

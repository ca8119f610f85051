// "Did you mean ...?": finds the candidate nearest to a misspelt word.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace cai {

// Levenshtein distance: the fewest insertions, deletions and substitutions of bytes that turn a into b.
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

// The only candidate that begins with the word, or the one at the smallest distance from it; "" when none is close
// enough to be a typo.
inline std::string nearest_match(std::string_view word, const std::vector<std::string>& candidates) {
    std::string best;
    size_t begin = 0;
    for (const std::string& candidate : candidates)
        if (word.size() >= 3 && candidate.starts_with(word)) best = candidate, begin++;
    if (begin == 1) return best;
    best.clear();
    size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        size_t distance = edit_distance(word, candidate);
        if (distance < best_distance) best = candidate, best_distance = distance;
    }
    return best;
}

// Likely intended names for a hyphenated name: candidates that end in it (critique-rounds for rounds) or that it ends
// in; if there are none, the nearest match.
inline std::vector<std::string> likely_meant(const std::string& name, const std::vector<std::string>& candidates) {
    std::vector<std::string> meant;
    for (const std::string& candidate : candidates)
        if (candidate.ends_with("-" + name) || name.ends_with("-" + candidate)) meant.push_back(candidate);
    const std::string nearest = nearest_match(name, candidates);
    if (meant.empty() && !nearest.empty()) meant.push_back(nearest);
    return meant;
}

}  // namespace cai

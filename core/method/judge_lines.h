// The judge, asked about pairs of answers under given lines, in both orders: principles, or wishes in their place.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "../world/read_principle.h"
#include "judge.h"

namespace cai {

struct AnswerPair {
    std::string prompt, a, b;
};

// A line that the judge is asked about.
struct AskedLine {
    std::string text, shown;  // as written, and as the judge reads it
    bool turned = false;      // the judge's p counts as 1 - p
    double burn = 0;          // of a wish
    double probability = 1;   // with which each draw for the pair took it
    Reading reading = {};     // what a wish says
};

// What the judge says of a pair under a line.
struct LineVerdict {
    std::string reasoning[2];           // with a shown first, with b shown first; empty without reasoning
    double p_a_orders[2] = {0.5, 0.5};  // the probability that a is better, in these orders
    double p_a = 0.5;                   // the mean of both
    bool fits = true;                   // if either order does not fit the context, all are 0.5
};

// lines: as many for each pair, those of the first pair first. Returns a verdict for each.
inline std::vector<LineVerdict> judge_lines(const Model& judge, const Tokenizer& tokenizer,
                                            const std::vector<AnswerPair>& pairs, const std::vector<AskedLine>& lines,
                                            bool reasoning, uint64_t seed, const std::string& purpose) {
    if (lines.empty()) return {};
    const size_t of_pair = lines.size() / pairs.size();
    // Line i is asked about twice: comparison 2i shows its pair's a as A, and comparison 2i + 1 shows b as A.
    const auto lay_out = [&](size_t i, auto form) {
        const AnswerPair& pair = pairs[i / 2 / of_pair];
        return form(pair.prompt, i % 2 ? pair.b : pair.a, i % 2 ? pair.a : pair.b, lines[i / 2].shown);
    };
    TooLong too_long(2 * lines.size());
    const auto [reasons, p] =
        judge_comparisons(judge, tokenizer, 2 * lines.size(), lay_out, reasoning, seed, purpose, too_long);
    std::vector<LineVerdict> verdicts(lines.size());
    for (size_t i = 0; i < lines.size(); i++) {
        LineVerdict& verdict = verdicts[i];
        for (size_t order : {0, 1})
            if (reasoning) verdict.reasoning[order] = reasons[2 * i + order];
        verdict.fits = !too_long[2 * i] && !too_long[2 * i + 1];
        if (!verdict.fits) continue;
        verdict.p_a = average_orders(p[2 * i], p[2 * i + 1]);
        verdict.p_a_orders[0] = p[2 * i], verdict.p_a_orders[1] = 1 - p[2 * i + 1];
        if (!lines[i].turned) continue;
        for (double* one : {&verdict.p_a, &verdict.p_a_orders[0], &verdict.p_a_orders[1]}) *one = 1 - *one;
    }
    return verdicts;
}

}  // namespace cai

// What groups agree on: group-aware consensus, polarisation, and the statements that stand for a group.
//
// Consensus of a statement s: product over groups g of P(agree | g, s), with P = agree / (agree + disagree + pass)
// (2406.07814, equation 1) or, as Polis has it, with Laplace's correction (agree + 1) / (votes + 2). The product falls
// with the number of groups; its geometric mean, the product to the power 1 / groups, does not.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "../base/elementary.h"
#include "poll.h"

namespace cai {

struct VoteCounts {
    double agree = 0, disagree = 0, pass = 0;

    double votes() const { return agree + disagree + pass; }
    void add(int8_t vote) { (vote == kAgree ? agree : vote == kDisagree ? disagree : pass)++; }
    // NaN where nobody voted.
    double agree_share() const { return agree / votes(); }
    double laplace_share() const { return (agree + 1) / (votes() + 2); }
};

struct StatementCounts {
    VoteCounts all;
    std::vector<VoteCounts> by_group;  // (groups)

    double consensus(bool laplace) const {
        double product = 1;
        for (const VoteCounts& group : by_group) product *= laplace ? group.laplace_share() : group.agree_share();
        return product;
    }
    double geometric_mean(bool laplace) const {
        return elementary::exp(elementary::log(consensus(laplace)) / static_cast<double>(by_group.size()));
    }
    // 1 - |agree - disagree| / votes (2406.07814, appendix): 0 where all vote alike, 1 where halves oppose each other.
    // That counts those who pass as divided; adjusted, it is multiplied by the share of those who do not pass.
    double polarisation() const { return 1 - std::abs(all.agree - all.disagree) / all.votes(); }
    double adjusted_polarisation() const { return polarisation() * (1 - all.pass / all.votes()); }
};

// (C)
inline std::vector<StatementCounts> count_votes(const VoteMatrix& votes, const std::vector<size_t>& group_of,
                                                size_t groups) {
    std::vector<StatementCounts> counts(votes.columns);
    for (StatementCounts& one : counts) one.by_group.resize(groups);
    for (size_t row = 0; row < votes.rows(); row++)
        for (size_t entry = votes.starts[row]; entry < votes.starts[row + 1]; entry++) {
            StatementCounts& one = counts[votes.column[entry]];
            one.all.add(votes.vote[entry]);
            one.by_group[group_of[row]].add(votes.vote[entry]);
        }
    return counts;
}

struct Summary {
    double mean, median, least, most;
    size_t of = 0;  // values, without those that are NaN
};

inline Summary summary_of(std::vector<double> values) {
    std::erase_if(values, [](double value) { return std::isnan(value); });
    std::sort(values.begin(), values.end());
    if (values.empty()) {
        const double none = std::numeric_limits<double>::quiet_NaN();
        return {none, none, none, none, 0};
    }
    double sum = 0;
    for (double value : values) sum += value;
    const size_t n = values.size();
    return {sum / static_cast<double>(n), (values[(n - 1) / 2] + values[n / 2]) / 2, values.front(), values.back(), n};
}

// How a group's votes on a statement stand out (Polis): for its agrees, or its disagrees, n of S votes, and those of
// all other groups, m of T,
//   share        p = (n + 1) / (S + 2)
//   ratio        r = p / ((m + 1) / (T + 2))
//   z of p       2 sqrt(S + 1) ((n + 1) / (S + 1) - 1/2), against one half
//   z of r       of two proportions, (n + 1) / (S + 1) and (m + 1) / (T + 1), with the pooled variance
struct Representative {
    size_t statement, group;
    bool agrees;  // or disagrees
    double share, ratio, z_share, z_ratio;

    double rank() const { return ratio * z_ratio * share * z_share; }
};

inline Representative representativeness(const StatementCounts& counts, size_t statement, size_t group, bool agrees) {
    VoteCounts rest = counts.all;
    const VoteCounts& own = counts.by_group[group];
    rest.agree -= own.agree, rest.disagree -= own.disagree, rest.pass -= own.pass;
    const double n = agrees ? own.agree : own.disagree, S = own.votes(), m = agrees ? rest.agree : rest.disagree,
                 T = rest.votes();
    const double p = (n + 1) / (S + 2), a = (n + 1) / (S + 1), b = (m + 1) / (T + 1),
                 pooled = (n + m + 2) / (S + T + 2);
    const double variance = pooled * (1 - pooled) * (1 / (S + 1) + 1 / (T + 1));
    return {statement,
            group,
            agrees,
            p,
            p / ((m + 1) / (T + 2)),
            2 * std::sqrt(S + 1) * (a - 0.5),
            variance > 0 ? (a - b) / std::sqrt(variance) : 0};
}

// Of each group, at most so many statements of which both z are above 1.2816, the 90th percentile of the normal
// distribution, by falling rank.
inline std::vector<Representative> representative_statements(const std::vector<StatementCounts>& counts, size_t groups,
                                                             size_t most = 5) {
    constexpr double kSignificant = 1.2816;
    std::vector<Representative> all;
    for (size_t group = 0; group < groups; group++) {
        std::vector<Representative> own;
        for (size_t s = 0; s < counts.size(); s++)
            for (bool agrees : {true, false}) {
                const Representative one = representativeness(counts[s], s, group, agrees);
                if (one.z_share > kSignificant && one.z_ratio > kSignificant) own.push_back(one);
            }
        std::stable_sort(own.begin(), own.end(),
                         [](const Representative& a, const Representative& b) { return a.rank() > b.rank(); });
        own.resize(std::min(own.size(), most));
        all.insert(all.end(), own.begin(), own.end());
    }
    return all;
}

}  // namespace cai

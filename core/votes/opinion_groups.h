// Opinion groups: participants whose points in the opinion space lie together.
//
// As Polis does it (Small et al. 2021, Polis: scaling deliberation by mapping high dimensional opinion spaces) and the
// notebook of 2406.07814: k-means with k = 100 makes base clusters, k-means of their centres makes k groups for each k
// from 2 to 5, and the k of the highest silhouette (Rousseeuw 1987) is taken, the larger one of equals. In the
// silhouette a base cluster weighs as much as it holds; in the notebook all weigh the same, and then the k hangs on the
// seed.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "../base/error.h"
#include "../base/rng.h"

namespace cai {

using Place = std::array<double, 2>;

inline double squared_distance(const Place& a, const Place& b) {
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
}

struct Clusters {
    std::vector<Place> centres;  // (k)
    std::vector<size_t> of;      // (N): the cluster of each point
    double inertia = 0;          // sum of weight times squared distance to the centre
};

// Lloyd's algorithm from centres drawn by k-means++ (Arthur & Vassilvitskii 2007: each next one with probability
// proportional to the squared distance from the nearest so far), until no point changes its cluster. The best of so
// many restarts. weights: (N). A cluster that loses all its points keeps its centre. k <= N.
inline Clusters k_means(const std::vector<Place>& points, const std::vector<double>& weights, size_t k, Rng& rng,
                        int restarts) {
    constexpr int kMostRounds = 300;
    const size_t n = points.size();
    Clusters best;
    for (int restart = 0; restart < restarts; restart++) {
        Clusters now;
        std::vector<double> nearest(n, HUGE_VAL);
        while (now.centres.size() < k) {
            double total = 0;
            for (size_t i = 0; i < n; i++) total += weights[i] * (now.centres.empty() ? 1 : nearest[i]);
            double left = total * rng.uniform();
            size_t drawn = n - 1;
            for (size_t i = 0; i < n && drawn == n - 1; i++) {
                left -= weights[i] * (now.centres.empty() ? 1 : nearest[i]);
                if (left < 0) drawn = i;
            }
            now.centres.push_back(points[drawn]);
            for (size_t i = 0; i < n; i++)
                nearest[i] = std::min(nearest[i], squared_distance(points[i], now.centres.back()));
        }
        now.of.assign(n, 0);
        for (int round = 0; round < kMostRounds; round++) {
            // From each centre, all by distance: one at least twice as far as the point is no nearer to the point.
            std::vector<std::vector<std::pair<double, size_t>>> around(k);
            for (size_t c = 0; c < k; c++) {
                for (size_t other = 0; other < k; other++)
                    around[c].emplace_back(squared_distance(now.centres[c], now.centres[other]), other);
                std::sort(around[c].begin(), around[c].end());
            }
            size_t moved = 0;
            now.inertia = 0;
            for (size_t i = 0; i < n; i++) {
                size_t mine = now.of[i];  // of centres as near as each other, the one it has
                double least = squared_distance(points[i], now.centres[mine]);
                const double reach = 4 * least;
                for (const auto& [apart, c] : around[now.of[i]]) {
                    if (apart >= reach) break;
                    const double distance = squared_distance(points[i], now.centres[c]);
                    if (distance < least) least = distance, mine = c;
                }
                moved += mine != now.of[i];
                now.of[i] = mine;
                now.inertia += weights[i] * least;
            }
            if (moved == 0 && round > 0) break;
            std::vector<Place> sums(k, {0, 0});
            std::vector<double> mass(k, 0);
            for (size_t i = 0; i < n; i++) {
                for (size_t axis = 0; axis < 2; axis++) sums[now.of[i]][axis] += weights[i] * points[i][axis];
                mass[now.of[i]] += weights[i];
            }
            for (size_t c = 0; c < k; c++)
                if (mass[c] > 0) now.centres[c] = {sums[c][0] / mass[c], sums[c][1] / mass[c]};
        }
        if (restart == 0 || now.inertia < best.inertia) best = now;
    }
    return best;
}

// The mean over points of (b - a) / max(a, b): a is the mean distance to the other points of its own cluster, b the
// least mean distance to those of another. A point alone in its cluster counts 0. A point of weight w stands for w
// points at its place. NaN for fewer than two clusters.
inline double silhouette(const std::vector<Place>& points, const std::vector<double>& weights,
                         const std::vector<size_t>& of, size_t k) {
    std::vector<double> mass(k, 0);
    for (size_t i = 0; i < points.size(); i++) mass[of[i]] += weights[i];
    if (std::count_if(mass.begin(), mass.end(), [](double n) { return n > 0; }) < 2)
        return std::numeric_limits<double>::quiet_NaN();
    double sum = 0, total = 0;
    for (size_t i = 0; i < points.size(); i++) {
        total += weights[i];
        std::vector<double> distance(k, 0);
        for (size_t j = 0; j < points.size(); j++)
            distance[of[j]] += weights[j] * std::sqrt(squared_distance(points[i], points[j]));
        if (mass[of[i]] <= 1) continue;
        const double a = distance[of[i]] / (mass[of[i]] - 1);
        double b = HUGE_VAL;
        for (size_t c = 0; c < k; c++)
            if (c != of[i] && mass[c] > 0) b = std::min(b, distance[c] / mass[c]);
        if (std::max(a, b) > 0) sum += weights[i] * (b - a) / std::max(a, b);
    }
    return sum / total;
}

struct GroupOptions {
    size_t base_clusters = 100;
    size_t count = 0;  // of groups; 0: the k from 2 to most_groups of the highest silhouette
    size_t most_groups = 5;
    bool weigh_bases = false;  // in the second k-means, by how many participants they hold, as Polis does
    uint64_t seed = 1;
};

struct OpinionGroups {
    std::vector<size_t> of;     // (R): the group of each participant, the largest group being 0
    std::vector<size_t> sizes;  // (groups)
    std::vector<std::pair<size_t, double>> silhouettes;  // of each k that was tried
    Clusters bases;                                      // participants by base cluster
};

// Groups numbered anew by size, the largest first; of equals, the one whose first member comes first.
inline void number_by_size(std::vector<size_t>& of, std::vector<size_t>& sizes) {
    std::vector<size_t> count, first;
    for (size_t i = 0; i < of.size(); i++) {
        if (of[i] >= count.size()) count.resize(of[i] + 1, 0), first.resize(of[i] + 1, of.size());
        if (count[of[i]]++ == 0) first[of[i]] = i;
    }
    std::vector<size_t> order;
    for (size_t g = 0; g < count.size(); g++)
        if (count[g] > 0) order.push_back(g);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return count[a] != count[b] ? count[a] > count[b] : first[a] < first[b]; });
    std::vector<size_t> number(count.size(), 0);
    sizes.clear();
    for (size_t rank = 0; rank < order.size(); rank++) number[order[rank]] = rank, sizes.push_back(count[order[rank]]);
    for (size_t& group : of) group = number[group];
}

// Errors: kBadInput: fewer participants than groups, or all at too few places for two groups.
inline OpinionGroups find_groups(const std::vector<Place>& points, const GroupOptions& options) {
    const size_t least = std::max<size_t>(options.count, 2);
    expects(points.size() >= least, points.size(), " participants are too few for ", least, " groups");
    OpinionGroups groups;
    Rng rng(options.seed, stream("opinion groups"));
    const size_t bases = std::min(options.base_clusters, points.size());
    // A small poll is its own base clusters, and a large one is only divided, for which one start will do.
    constexpr int kRestarts = 10;
    groups.bases = k_means(points, std::vector<double>(points.size(), 1), bases, rng, 1);
    std::vector<double> size(bases, 0);
    for (size_t base : groups.bases.of) size[base]++;
    std::vector<Place> centres;
    std::vector<double> weights, held;
    std::vector<size_t> row(bases, 0);
    for (size_t base = 0; base < bases; base++) {
        if (size[base] == 0) continue;
        row[base] = centres.size();
        centres.push_back(groups.bases.centres[base]);
        held.push_back(size[base]);
        weights.push_back(options.weigh_bases ? size[base] : 1);
    }
    Clusters chosen;
    double highest = -2;
    const size_t from = options.count ? options.count : 2, to = options.count ? options.count : options.most_groups;
    for (size_t k = from; k <= std::min(to, centres.size()); k++) {
        const Clusters clusters = k_means(centres, weights, k, rng, kRestarts);
        const double score = silhouette(centres, held, clusters.of, k);
        if (std::isnan(score)) continue;
        groups.silhouettes.emplace_back(k, score);
        if (score >= highest) highest = score, chosen = clusters;
    }
    expects(!chosen.of.empty(), "the participants' votes lie at too few places for ", from, " groups");
    for (size_t base : groups.bases.of) groups.of.push_back(chosen.of[row[base]]);
    number_by_size(groups.of, groups.sizes);
    return groups;
}

// How far two divisions of the same points agree, whatever the groups are called: 1 if they are the same, 0 on average
// if they have nothing to do with each other (the adjusted Rand index; Hubert & Arabie 1985).
inline double adjusted_rand(const std::vector<size_t>& a, const std::vector<size_t>& b) {
    std::map<std::pair<size_t, size_t>, double> both;
    std::map<size_t, double> of_a, of_b;
    for (size_t i = 0; i < a.size(); i++) both[{a[i], b[i]}]++, of_a[a[i]]++, of_b[b[i]]++;
    const auto pairs = [](const auto& counts) {
        double sum = 0;
        for (const auto& [key, n] : counts) sum += n * (n - 1) / 2;
        return sum;
    };
    const double n = static_cast<double>(a.size()), together = pairs(both), in_a = pairs(of_a), in_b = pairs(of_b),
                 expected = in_a * in_b / (n * (n - 1) / 2), most = (in_a + in_b) / 2;
    return most == expected ? 1 : (together - expected) / (most - expected);
}

}  // namespace cai

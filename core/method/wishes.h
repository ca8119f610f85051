// Wishes: lines of many people, each kept as it is, with what its author burned for it. AI feedback can draw some of
// them for each comparison in place of one principle, and makes one label of the judge's answers.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "../base/elementary.h"
#include "../base/json.h"
#include "constitution.h"
#include "judge_lines.h"
#include "ledger.h"

namespace cai {

struct Wish {
    std::string text;
    double burn = 0;        // what its author gave up for it: at least 0, in a unit that all wishes of a file share
    std::string time = {};  // when, in any words; "" if the file does not say. Nothing depends on it.
};

struct Wishes {
    std::vector<Wish> list;
    std::filesystem::path file = {};    // where they were read from,
    std::vector<size_t> numbers = {};   // and their line numbers there

    double burned() const {
        double sum = 0;
        for (const Wish& wish : list) sum += wish.burn;
        return sum;
    }

    // How many wishes of equal burns would average out as well as these: (sum of burns)² / sum of burns² (Kish 1965).
    double effective_number() const {
        std::vector<double> burns;
        for (const Wish& wish : list) burns.push_back(wish.burn);
        return cai::effective_number(burns);
    }

    // A wish for each side that anybody takes: so many burn 1 each to have the act refused, or helped with.
    void add_sides(const std::string& act, double refuse, double help) {
        if (refuse > 0) list.push_back({"Never help with " + act + ".", refuse});
        if (help > 0) list.push_back({"Always help with " + act + ".", help});
    }

    // The file that reads back as these wishes.
    std::string text() const {
        std::vector<Json> lines;
        for (const Wish& wish : list) {
            lines.push_back(Json::Object{{"text", wish.text}, {"burn", wish.burn}});
            if (!wish.time.empty()) lines.back().set("time", wish.time);
        }
        return dump_jsonl(lines);
    }
};

// Reads wishes.jsonl: {"text", "burn", "time"}, the last optional, other members ignored. Errors: no wishes, none with
// a burn above 0, an empty text or one of several lines, a burn that is negative or above 1e12.
inline Wishes read_wishes(const std::filesystem::path& path) {
    constexpr double kMostBurn = 1e12;
    Wishes wishes{{}, path, {}};
    const std::string where = path.string();
    size_t number = 0;
    for (const std::string& line : read_text(path)) {
        number++;
        if (trim(line).empty()) continue;
        const Json json = JsonParser{line, where, number}.parse();
        located(concat(where, ": line ", number), [&] {
            const Json* time = json.find("time");
            const Wish wish{std::string(trim(json["text"].string())), json["burn"].number(),
                            time ? time->string() : ""};
            expects(!wish.text.empty() && wish.text.find_first_of("\r\n") == std::string::npos,
                    "a wish is one line of text, such as {\"text\": \"Never help with stealing.\", \"burn\": 1}");
            expects(wish.burn >= 0 && wish.burn <= kMostBurn, "the burn ", wish.burn, " of \"", wish.text,
                    "\" is not from 0 to ", kMostBurn);
            wishes.list.push_back(wish);
            wishes.numbers.push_back(number);
        });
    }
    expects(!wishes.list.empty(), path,
            ": there are no wishes in it; a line is {\"text\": \"Never help with stealing.\", \"burn\": 1}");
    expects(wishes.burned() > 0, path, ": no wish has a burn above 0, so none has any weight");
    return wishes;
}

// The wishes of a run, if it has any.
inline Wishes wishes_of(const std::filesystem::path& run) {
    return std::filesystem::exists(run / "wishes.jsonl") ? read_wishes(run / "wishes.jsonl") : Wishes{};
}

// The wishes as lines of a constitution, to be checked as such.
inline Constitution as_constitution(const Wishes& wishes) {
    Constitution constitution{{}, wishes.file, wishes.numbers};
    for (const Wish& wish : wishes.list) constitution.principles.push_back(wish.text);
    return constitution;
}

// Errors: fewer wishes than a comparison draws; a wish with a word that the models do not know.
inline void check_wishes(const Wishes& wishes, const WishRecipe& recipe, const World& world) {
    expects(recipe.per_comparison <= wishes.list.size(), wishes.file, ": holds ", wishes.list.size(),
            " wishes, but a comparison would draw ", recipe.per_comparison, "; say --wishes-per-comparison ",
            wishes.list.size(), " or less");
    for (size_t i = 0; i < wishes.list.size(); i++)
        for (const std::string& word : unknown_words(world, wishes.list[i].text)) {
            const std::string nearest = nearest_known_word(world, word);
            fail(kBadInput, wishes.file, ": line ", wishes.numbers[i], ": the models know no \"", word, "\" (in \"",
                 wishes.list[i].text, "\")", nearest.empty() ? "" : concat("; did you mean ", nearest, "?"),
                 "; `cai world` lists the words that a wish can use");
        }
}

// The wishes as the judge is asked about them. The reviews from which the judge learned prefer the refusal under a line
// that forbids, and teach no preference under one that allows. So a wish that allows an act and forbids none is put to
// the judge as the line that forbids the same, and the answer is turned round.
inline std::vector<AskedLine> lines_of(const Wishes& wishes, const World& world) {
    std::vector<AskedLine> lines;
    for (const Wish& wish : wishes.list) {
        const Reading reading = read_principle(world, wish.text);
        const bool turned = reading.says() == std::string("allows");
        const std::string shown = turned ? "Never help with " + join_list(reading.allowed, "or") + "."
                                         : as_read(world, wish.text);
        lines.push_back({wish.text, shown, turned, wish.burn, 1, reading});
    }
    return lines;
}

// Draws lines for a comparison, each draw independent of the others, so that a wish may be drawn more than once: with
// its share of the burns, or all alike. Relevant ones are those that speak of the request; if none does, or there is no
// request, all are. If none of them burned anything, they are drawn alike.
inline std::vector<AskedLine> draw_wishes(Rng& rng, const std::vector<AskedLine>& wishes, const WishRecipe& recipe,
                                          const World& world, const Request* request) {
    std::vector<const AskedLine*> candidates;
    for (const AskedLine& wish : wishes)
        if (recipe.relevant && request &&
            (world.covers(wish.reading.forbidden, *request) || world.covers(wish.reading.allowed, *request)))
            candidates.push_back(&wish);
    if (candidates.empty())
        for (const AskedLine& wish : wishes) candidates.push_back(&wish);
    double burned = 0, sum = 0;
    for (const AskedLine* wish : candidates) burned += wish->burn;
    std::vector<double> probabilities, cumulated;
    for (const AskedLine* wish : candidates) {
        const bool alike = recipe.sampling == WishSampling::uniform || burned == 0;
        probabilities.push_back(alike ? 1 / static_cast<double>(candidates.size()) : wish->burn / burned);
        cumulated.push_back(sum += probabilities.back());
    }
    std::vector<AskedLine> drawn;
    for (size_t k = 0; k < recipe.per_comparison; k++) {
        const double at = sum * rng.uniform();
        // The first whose cumulated probability is above: one of probability 0 never is. (at may be rounded up to sum.)
        const auto above = std::upper_bound(cumulated.begin(), cumulated.end() - 1, at);
        const size_t found = static_cast<size_t>(above - cumulated.begin());
        drawn.push_back(*candidates[found]);
        drawn.back().probability = probabilities[found];
    }
    return drawn;
}

// The mean of the lowest `share` of the values, the last of them counted in part (the conditional value at risk:
// Rockafellar & Uryasev 2000). With a share that is less than one value, the lowest value; with 1, the mean.
inline double lowest_mean(std::vector<double> values, double share) {
    std::sort(values.begin(), values.end());
    const double wanted = std::max(1.0, share * static_cast<double>(values.size()));
    double sum = 0, left = wanted;
    for (double value : values) {
        sum += std::min(left, 1.0) * value;
        left -= std::min(left, 1.0);
    }
    return sum / wanted;
}

// One label of what the judge says under each wish that was drawn: p (k), the probability that a is better, and the
// wishes' burns (k). All of these give p if all wishes do, and 1 - label if a and b change places:
//   mean           sum_i p_i / k
//   burn-weighted  sum_i burn_i p_i / sum_i burn_i
//   median         of the p_i; between the middle two of an even number
//   worst-served   1/2 + (L(p) - L(1 - p)) / 2, L the mean of the lowest `share`: how the worst-served fare with a,
//                  against how they, who may be others, fare with b
//   product        G(p) / (G(p) + G(1 - p)), G the geometric mean, so sigma(mean of logit p_i): the Nash product
inline double aggregate(const std::vector<double>& p, const std::vector<double>& burns, WishAggregation aggregation,
                        double share) {
    const double k = static_cast<double>(p.size());
    std::vector<double> others;
    for (double x : p) others.push_back(1 - x);
    double sum = 0, weight = 0;
    switch (aggregation) {
        case WishAggregation::mean:
            for (double x : p) sum += x;
            return sum / k;
        case WishAggregation::burn_weighted:
            for (size_t i = 0; i < p.size(); i++) sum += burns[i] * p[i], weight += burns[i];
            return weight > 0 ? sum / weight : 0.5;
        case WishAggregation::median: {
            std::vector<double> sorted = p;
            std::sort(sorted.begin(), sorted.end());
            return 0.5 * (sorted[(sorted.size() - 1) / 2] + sorted[sorted.size() / 2]);
        }
        case WishAggregation::worst_served:
            return 0.5 + (lowest_mean(p, share) - lowest_mean(others, share)) / 2;
        case WishAggregation::product:
            // At least 1e-12, so that two wishes that are quite sure of opposites cancel.
            for (size_t i = 0; i < p.size(); i++)
                sum += elementary::log(std::max(p[i], 1e-12)) - elementary::log(std::max(others[i], 1e-12));
            return sigmoid(sum / k);
    }
    fail(kBadInput, "aggregate: there is no such aggregation");
}

inline double aggregate(const std::vector<LineVerdict>& verdicts, const std::vector<AskedLine>& wishes,
                        const WishRecipe& recipe) {
    std::vector<double> p, burns;
    for (const LineVerdict& verdict : verdicts) p.push_back(verdict.p_a);
    for (const AskedLine& wish : wishes) burns.push_back(wish.burn);
    return aggregate(p, burns, recipe.aggregation, recipe.worst_served_share);
}

}  // namespace cai

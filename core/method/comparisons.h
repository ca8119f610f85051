// Comparisons of answers, as compare and compare-helpfulness wrote them, and how
// well a preference model's scores agree.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../base/calibration.h"
#include "preference.h"
#include "score_answers.h"

namespace cai {

struct ComparisonPair {
    std::string prompt, a, b;
    double p_a;  // P(a is preferred)
    bool by_ai;  // labelled by the judge; otherwise a comparison of helpfulness
};

// Reads comparisons.jsonl or helpfulness.jsonl: {"prompt", "a", "b", "p_a"}, other members ignored.
inline std::vector<ComparisonPair> read_comparisons(const std::filesystem::path& path, bool by_ai) {
    std::vector<ComparisonPair> pairs;
    each_of_jsonl(path, [&](const Json& json) {
        const double p_a = json["p_a"].number();
        expects(p_a >= 0 && p_a <= 1, "p_a is ", p_a, ", which is not a probability; run `cai compare` again");
        pairs.push_back({json["prompt"].string(), json["a"].string(), json["b"].string(), p_a, by_ai});
    });
    return pairs;
}

// A line under which the judge compared two answers, and what it said.
struct JudgedLine {
    std::string line;
    std::vector<double> p_a_orders;  // with a shown first, with b shown first; empty if the record lacks it
    double p_a;
};

// The principle of a record of comparisons.jsonl, or each of the wishes that stand there in its place.
inline std::vector<JudgedLine> judged_lines(const Json& record) {
    const auto judged = [](const Json& json, const char* line) {
        JudgedLine one{json[line].string(), {}, json["p_a"].number()};
        if (const Json* both = json.find("p_a_orders"); both && both->is_array() && both->array().size() == 2)
            for (const Json& p : both->array()) one.p_a_orders.push_back(p.number());
        return one;
    };
    const Json* wishes = record.find("wishes");
    if (!wishes) return {judged(record, "principle")};
    std::vector<JudgedLine> lines;
    for (const Json& wish : wishes->array()) lines.push_back(judged(wish, "text"));
    return lines;
}

// Holds out a tenth of the prompts, chosen by a hash of the text, so that no prompt is in both sets.
inline bool is_held_out(const std::string& prompt) { return mix(stream(prompt)) % 10 == 0; }

// The comparisons of a run, those of the judge and those of helpfulness, pooled without weighting.
struct SplitComparisons {
    std::vector<ComparisonPair> pairs;
    std::vector<const ComparisonPair*> training, held_out;

    // Reads comparisons.jsonl and helpfulness.jsonl of the run.
    explicit SplitComparisons(const std::filesystem::path& run)
        : pairs(read_comparisons(run / "comparisons.jsonl", true)) {
        for (ComparisonPair& pair : read_comparisons(run / "helpfulness.jsonl", false))
            pairs.push_back(std::move(pair));
        for (const ComparisonPair& pair : pairs) (is_held_out(pair.prompt) ? held_out : training).push_back(&pair);
    }
    SplitComparisons(const SplitComparisons&) = delete;  // the pointers are to its own pairs
};

// Deals the pairs to train on in batches: the i-th pair seen is number i % size in the shuffled order of epoch
// i / size.
struct PairBatches {
    const std::vector<const ComparisonPair*>& training;
    size_t batch_size, total;  // total: pairs seen in all epochs
    uint64_t seed;

    PairBatches(const std::vector<const ComparisonPair*>& training, size_t batch_size, double epochs, uint64_t seed)
        : training(training),
          batch_size(batch_size),
          total(static_cast<size_t>(std::llround(static_cast<double>(training.size()) * epochs))),
          seed(seed),
          order_(training.size()) {}

    size_t steps() const { return (total + batch_size - 1) / batch_size; }
    // How often the pairs have been seen, on average, after step number `step`.
    double epoch_after(size_t step) const {
        return static_cast<double>((step + 1) * batch_size) / static_cast<double>(training.size());
    }

    std::vector<const ComparisonPair*> batch(size_t step) {
        std::vector<const ComparisonPair*> dealt;
        for (size_t i = step * batch_size; i < std::min((step + 1) * batch_size, total); i++) {
            if (const size_t epoch = i / training.size(); epoch != ordered_epoch_) {
                std::iota(order_.begin(), order_.end(), size_t{0});
                Rng(seed, mix(stream("preference pairs"), epoch)).shuffle(order_);
                ordered_epoch_ = epoch;
            }
            dealt.push_back(training[order_[i % training.size()]]);
        }
        return dealt;
    }

  private:
    std::vector<size_t> order_;
    size_t ordered_epoch_ = SIZE_MAX;
};

// The two answers of each pair, as two sequences: scores 2i and 2i+1 belong to pair i.
inline Batch pair_batch(const Model& model, const Tokenizer& tokenizer,
                        const std::vector<const ComparisonPair*>& pairs) {
    Batch batch;
    for (const ComparisonPair* pair : pairs)
        for (const std::string* answer : {&pair->a, &pair->b}) {
            const std::vector<Token> tokens = encode_answer(model, tokenizer, pair->prompt, *answer).tokens;
            batch.add_scored(tokens.data(), tokens.size(), {static_cast<int32_t>(tokens.size() - 1)});
        }
    return batch;
}

inline std::vector<double> labels_of(const std::vector<const ComparisonPair*>& pairs) {
    std::vector<double> labels;
    for (const ComparisonPair* pair : pairs) labels.push_back(pair->p_a);
    return labels;
}

// Whether a label decides too little to say that a score is right or wrong.
inline bool nearly_undecided(double p) { return std::abs(p - 0.5) < 0.05; }

// The figures of a set of scored pairs. Accuracy and margin leave out pairs whose label is nearly undecided,
// |p - 0.5| < 0.05; they are NaN if no pairs are left.
struct PreferenceFigures {
    double loss = 0;                // mean soft-target cross-entropy
    double floor = 0;               // the lowest loss possible: the labels' mean entropy
    double accuracy = 0;            // fraction of pairs whose preferred answer scores higher
    double margin = 0;              // mean score of the preferred answer minus the other's
    double calibration_error = 0;   // over 10 bins
    size_t pairs = 0, decided = 0;  // decided: the pairs that accuracy and margin count
};

// scores (2 n) as in pair_batch, losses (n).
inline PreferenceFigures preference_figures(const std::vector<const ComparisonPair*>& pairs,
                                            const std::vector<float>& scores, const std::vector<double>& losses) {
    PreferenceFigures f;
    std::vector<double> predicted, labels;
    f.pairs = pairs.size();
    const double n = static_cast<double>(std::max<size_t>(f.pairs, 1));
    for (size_t i = 0; i < pairs.size(); i++) {
        const double p = pairs[i]->p_a, delta = static_cast<double>(scores[2 * i]) - scores[2 * i + 1];
        f.loss += losses[i] / n;
        f.floor += label_entropy(p) / n;
        predicted.push_back(sigmoid(delta)), labels.push_back(p);
        if (nearly_undecided(p)) continue;
        f.decided++;
        f.margin += p > 0.5 ? delta : -delta;
        f.accuracy += (p > 0.5 ? delta : -delta) > 0;
    }
    f.accuracy /= static_cast<double>(f.decided), f.margin /= static_cast<double>(f.decided);  // 0 / 0 is NaN, as said
    f.calibration_error = calibration(predicted, labels).error;
    return f;
}

inline Json to_json(const PreferenceFigures& f) {
    auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(); };
    return Json::Object{{"pairs", f.pairs},
                        {"decided", f.decided},
                        {"accuracy", number(f.accuracy)},
                        {"loss", f.loss},
                        {"loss_floor", f.floor},
                        {"margin", number(f.margin)},
                        {"calibration_error", f.calibration_error}};
}

}  // namespace cai

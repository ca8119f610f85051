// What a run has recorded, read from its folder as far as it is there: a page of an unfinished run says what is
// missing.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../base/svg.h"
#include "../io/checkpoint.h"
#include "../io/run_directory.h"
#include "../method/constitution.h"
#include "../tools/tables.h"
#include "../world/documents.h"

namespace cai {

struct Records {
    std::filesystem::path directory;
    std::string name;                                  // of the folder
    Json results;                                      // null: not evaluated yet
    std::map<std::string, std::vector<Json>> metrics;  // rows by stage
    std::vector<Json> revisions, comparisons;
    size_t dialogues = 0, helpful_samples = 0, helpfulness = 0;  // lines of these files
    size_t reviews = 0;                                          // that follow the dialogues; not kept in the run
    Json world;                                                  // world/world.json
    Json score;                                                  // preference-model/score.json
    Constitution constitution;

    // Errors: the folder is no run.
    explicit Records(const std::filesystem::path& run) : directory(run) {
        namespace fs = std::filesystem;
        expect_run(run);
        name = fs::weakly_canonical(run).filename().string();
        if (has("results.json")) results = read_json(run / "results.json");
        if (has("metrics.jsonl")) {
            const std::string text = read_file(run / "metrics.jsonl");  // its last line may be being written
            for (Json& row : parse_jsonl(text.substr(0, text.rfind('\n') + 1), (run / "metrics.jsonl").string()))
                metrics[row["stage"].string()].push_back(std::move(row));
        }
        if (has("revisions.jsonl")) revisions = read_jsonl(run / "revisions.jsonl");
        if (has("comparisons.jsonl")) comparisons = read_jsonl(run / "comparisons.jsonl");
        dialogues = lines_of("world/dialogues.jsonl");
        helpful_samples = lines_of("helpful-samples.jsonl"), helpfulness = lines_of("helpfulness.jsonl");
        if (has("world/world.json")) {
            world = read_json(run / "world/world.json");
            reviews = static_cast<size_t>(world["review_documents"].integer());
            for (const auto& [kind, number] : world["documents"].object())
                if (is_review(kind)) reviews -= static_cast<size_t>(number.integer());
        }
        if (has("preference-model/score.json")) score = read_json(run / "preference-model/score.json");
        if (has("constitution.txt")) constitution = Constitution::read(run / "constitution.txt");
    }

    bool has(const std::string& file) const { return std::filesystem::exists(directory / file); }
    bool has_model(const std::string& model) const {
        return std::filesystem::exists(find_checkpoint(directory / model) / "config.json");
    }

    // The values of a metric over the steps of a stage. Rows that lack it, and null, are left out.
    std::vector<Point> curve(const std::string& stage, const std::string& metric) const {
        std::vector<Point> points;
        const auto rows = metrics.find(stage);
        if (rows == metrics.end()) return points;
        for (const Json& row : rows->second)
            if (const Json* value = row.find(metric); value && value->is_number())
                points.emplace_back(row["step"].number(), value->number());
        return points;
    }
    // Its last value; NaN if there is none.
    double last(const std::string& stage, const std::string& metric) const {
        const std::vector<Point> points = curve(stage, metric);
        return points.empty() ? std::nan("") : points.back().second;
    }
    double sum(const std::string& stage, const std::string& metric) const {
        double total = 0;
        for (const auto& [step, value] : curve(stage, metric)) total += value;
        return total;
    }

    // A rate of results.json at temperature 1; NaN if there is none.
    double rate(const std::string& model, const std::string& split, const std::string& kind,
                const std::string& outcome) const {
        const Json* value = at(results, {"models", model, split, kind, outcome});
        return value && value->is_number() ? value->number() : std::nan("");
    }
    // The models that results.json knows, in the order in which they were made.
    std::vector<std::string> assistants() const { return keys_of(at(results, {"models"})); }

  private:
    size_t lines_of(const std::string& file) const {
        if (!has(file)) return 0;
        const std::string text = read_file(directory / file);
        return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    }
};

// Where an act was measured: a hazard that the seed holds out has a split of its own.
inline const std::vector<const char*> kMeasuredSplits = {"held_out_entities", "held_out_hazards"};

// "93 %", "-" for NaN.
inline std::string share_text(double share) { return std::isnan(share) ? "-" : whole_percent(share); }

// "93 % of 40", and nothing of none.
inline std::string share_of(size_t part, size_t all) {
    return all == 0 ? "none"
                    : share_text(static_cast<double>(part) / static_cast<double>(all)) + " of " + with_commas(all);
}

// A bar and the share that it is about, beside it where there is room and else below.
inline std::string bar_cell(const std::string& bar, double share) {
    return "<div class=\"cell\">" + bar + "<span class=\"numbers\">" + share_text(share) + "</span></div>";
}

}  // namespace cai

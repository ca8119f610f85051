// Runs an experiment: every combination of levels with every seed, into files that a later run goes on from, then a
// table of values for each seed and the verdicts on its claims.
//
//   OUT/experiment.txt        the experiment as it was when it began; a changed one is refused
//   OUT/cells/seed-1/1.json   {"levels", "measures"} of the first combination; a cell that is there is not run again
//   OUT/seed-1.csv            all combinations with one seed
//   OUT/verdict.json          {"experiment", "sha256" of experiment.txt, "method", "nature", "seeds", "claims":
//                             [{"claim", "measure", "expect", "reference", "margin", "needs", "estimate", "interval"
//                             of 95 %, "interval_90", "by_seed", "verdict"}]}; intervals are null with one seed
#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "../base/interrupt.h"
#include "../base/progress.h"
#include "../base/sha256.h"
#include "../base/table.h"
#include "../io/directory_lock.h"
#include "method.h"
#include "verdict.h"

namespace cai {

// Writes those that are missing. Errors, before anything is written: one that is there holds another text.
inline void expect_fixed_files(const std::filesystem::path& out, const std::vector<FixedFile>& files) {
    for (const FixedFile& file : files)
        expects(!std::filesystem::exists(out / file.name) || read_file(out / file.name) == file.text, out / file.name,
                ": the cells here were measured with another ", file.what,
                "; choose another --out, so that what is claimed is written before it is measured");
    for (const FixedFile& file : files)
        if (!std::filesystem::exists(out / file.name)) write_file(out / file.name, file.text);
}

// Errors: the experiment asks for what the method does not have.
inline void check_experiment(const Experiment& experiment, const Method& method, const std::string& where) {
    located(where, [&] {
        for (const Factor& factor : experiment.factors)
            for (const std::string& level : factor.levels) method.expect_level(factor.name, level);
        std::vector<std::string> used = experiment.tables;
        for (const Claim& claim : experiment.claims) {
            used.push_back(claim.measure);
            for (const std::string& other : {claim.over, claim.needed})
                if (!other.empty()) used.push_back(other);
        }
        for (const std::string& measure : used)
            expects(holds(method.measures, measure), "the method ", method.name, " has no measure \"", measure,
                    "\"; it has ", join_list(method.measures, "and"));
    });
}

// The cell's measures, run unless they are in the file; from the file in both cases, so that a run that was interrupted
// gives the same bits.
inline CellResult finished_cell(const std::filesystem::path& file, const Levels& levels, uint64_t seed,
                                const Method& method) {
    Json as_json = Json::Object{};
    for (const auto& [factor, level] : levels) as_json.set(factor, level);
    if (!std::filesystem::exists(file)) {
        Json measures = Json::Object{};
        for (const auto& [name, value] : method.measure(levels, seed)) {
            expects(std::isfinite(value), "the measure ", name, " is no number; its cell would be ", file);
            measures.set(name, value);
        }
        write_file(file, dump(Json::Object{{"levels", as_json}, {"measures", measures}}) + "\n");
    }
    CellResult cell = {levels, {}};
    located(file.string(), [&] {
        const Json json = parse_json(read_file(file), "the cell");
        expects(json["levels"] == as_json, "is a cell of other levels; delete it, and it is run again");
        for (const std::string& measure : method.measures)
            cell.measures.emplace_back(measure, json["measures"][measure].number());
    });
    return cell;
}

// The factors' and the measures' columns, a row for each cell.
inline std::string cells_csv(const Experiment& experiment, const std::vector<CellResult>& cells) {
    std::string text;
    for (const Factor& factor : experiment.factors) text += factor.name + ",";
    for (const auto& [measure, value] : cells[0].measures) text += measure + ",";
    text.back() = '\n';
    for (const CellResult& cell : cells) {
        for (const Factor& factor : experiment.factors) text += cell.levels.at(factor.name) + ",";
        for (const auto& [measure, value] : cell.measures) text += shortest(value) + ",";
        text.back() = '\n';
    }
    return text;
}

inline Json interval_json(const Estimate& estimate) {
    if (!std::isfinite(estimate.low)) return Json();
    return Json::Array{estimate.low, estimate.high};
}

// What is known of a claim, given the cells of each seed.
inline Json claim_json(const Claim& claim, const std::vector<std::vector<CellResult>>& by_seed) {
    std::vector<double> values;
    Json list = Json::Array{}, needs;
    double found = 0;
    for (const std::vector<CellResult>& cells : by_seed) {
        values.push_back(statistic(claim, cells));
        list.push(values.back());
        if (!claim.needed.empty()) found += mean_of(cells, claim.needed, claim.where);
    }
    found /= static_cast<double>(by_seed.size());
    const bool has_needed = claim.needed.empty() || found >= claim.least;
    if (!claim.needed.empty())
        needs = Json::Object{{"measure", claim.needed}, {"least", claim.least}, {"found", found}};
    const Estimate wide = mean_interval(values);
    return Json::Object{{"claim", claim.text},
                        {"measure", claim.measure},
                        {"expect", kExpectations[static_cast<size_t>(claim.expect)]},
                        {"reference", claim.reference},
                        {"margin", claim.margin},
                        {"needs", needs},
                        {"estimate", wide.value},
                        {"interval", interval_json(wide)},
                        {"interval_90", interval_json(mean_interval(values, 0.90))},
                        {"by_seed", list},
                        {"verdict", to_string(has_needed ? verdict_of(claim, values) : Verdict::inconclusive)}};
}

// Runs what is not there yet and writes the files listed above. text: of the experiment's file. by_seed: for the
// caller, the cells of each seed. Errors: OUT holds another experiment, or a claim makes no sense for the method.
inline Json run_experiment(const std::string& name, const std::string& text, const Experiment& experiment,
                           const Method& method, uint64_t first_seed, size_t seeds, const std::filesystem::path& out,
                           std::vector<std::vector<CellResult>>& by_seed) {
    check_experiment(experiment, method, name);
    make_folder(out);
    DirectoryLock lock;
    lock.take(out);
    std::vector<FixedFile> fixed = {{"experiment.txt", text, "text of the experiment"}};
    fixed.insert(fixed.end(), method.fixed.begin(), method.fixed.end());
    expect_fixed_files(out, fixed);
    const std::vector<Levels> cells = cells_of(experiment);
    Json list = Json::Array{};
    Progress progress("experiment", seeds * cells.size());
    for (size_t s = 0; s < seeds; s++) {
        const uint64_t seed = first_seed + s;
        const std::string folder = concat("seed-", seed);
        by_seed.emplace_back();
        for (size_t c = 0; c < cells.size(); c++) {
            if (stop_signal) fail(stopped_by(), "interrupted; the same command goes on after the last finished cell");
            const std::filesystem::path file = out / "cells" / folder / concat(c + 1, ".json");
            by_seed.back().push_back(finished_cell(file, cells[c], seed, method));
            progress.update(s * cells.size() + c + 1, {});
        }
        write_file(out / (folder + ".csv"), cells_csv(experiment, by_seed.back()));
        list.push(seed);
    }
    progress.done();
    Json claims = Json::Array{};
    for (const Claim& claim : experiment.claims) claims.push(claim_json(claim, by_seed));
    const Json verdict = Json::Object{{"experiment", name},        {"sha256", sha256(text)}, {"method", method.name},
                                      {"nature", method.nature}, {"seeds", list},          {"claims", claims}};
    write_file(out / "verdict.json", dump(verdict, 2) + "\n");
    return verdict;
}

// The mean of a measure over seeds and all other factors: the first factor down, the second, if there is one, across.
inline std::string measure_table(const Experiment& experiment, const std::string& measure,
                                 const std::vector<std::vector<CellResult>>& by_seed) {
    const Factor& down = experiment.factors[0];
    const Factor across = experiment.factors.size() > 1 ? experiment.factors[1] : Factor{"", {measure}};
    std::vector<std::vector<std::string>> rows = {{concat(measure, " by ", down.name)}};
    for (const std::string& level : across.levels) rows[0].push_back(level);
    for (const std::string& level : down.levels) {
        rows.push_back({level});
        for (const std::string& other : across.levels) {
            Levels where = {{down.name, level}};
            if (!across.name.empty()) where[across.name] = other;
            double mean = 0;
            for (const auto& cells : by_seed) mean += mean_of(cells, measure, where);
            mean /= static_cast<double>(by_seed.size());
            rows.back().push_back(format_value(std::abs(mean) < 1e-6 ? 0 : mean));
        }
    }
    return format_table(rows);
}

// The verdicts for people.
inline std::string verdict_text(const Json& verdict) {
    std::string text;
    for (const Json& claim : verdict["claims"].array()) {
        const Json& interval = claim["interval"];
        text += concat(claim["verdict"].string(), ": ", claim["claim"].string(), "\n  ", claim["measure"].string(),
                       ": ", format_value(claim["estimate"].number()));
        if (!interval.is_null())
            text += concat(" (95 %: ", format_value(interval.array()[0].number()), " to ",
                           format_value(interval.array()[1].number()), ")");
        const std::string expected = claim["expect"].string();
        text += concat("; expected ", expected, expected == "equal" ? " to " : " than ",
                       format_value(claim["reference"].number()), ", margin ", format_value(claim["margin"].number()),
                       "\n");
        const Json& needs = claim["needs"];
        if (!needs.is_null() && needs["found"].number() < needs["least"].number())
            text += concat("  nothing is concluded: ", needs["measure"].string(), " is ",
                           format_value(needs["found"].number()), ", and the claim needs at least ",
                           format_value(needs["least"].number()), "\n");
    }
    return text + concat("\n", verdict["seeds"].array().size(), " seeds. ", verdict["nature"].string(), "\n");
}

}  // namespace cai

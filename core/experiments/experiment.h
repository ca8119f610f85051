// An experiment as a text file: what is varied, what is claimed, and the margin, written down before anything is run.
//
//   # Lines that begin with # say something to people only.
//   method: revisions                       what is run and measured for each combination of levels
//   factor revisions: 0, 1, 4               a factor and its levels; there may be several, and all are crossed
//   table: harmful complied                 measures to print, by factor (may be left out)
//   legend: A share of the answers.         what to say below those tables (may be left out)
//
//   claim: After four revisions fewer answers to harmful requests comply than after none.
//   measure: harmful complied
//   compare: revisions 4 with 0             means of cells; several levels, as in 0 and 4, are averaged
//   slope over: effective                   instead of compare, of log on log; with neither, the measure itself
//   where: wishes isotropic                 only the cells of these levels (may be left out)
//   expect: lower                           than the reference: lower, higher or equal
//   reference: 0                            0 if left out
//   margin: 0.05                            the least difference that counts
//   needs: harmless helped at least 0.5     without it, as when a model babbles, nothing is concluded (may be left out)
#pragma once
#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/files.h"
#include "../base/metrics.h"
#include "../base/numbers.h"
#include "../base/spelling.h"
#include "../base/words.h"

namespace cai {

struct Factor {
    std::string name;
    std::vector<std::string> levels;
};

using Levels = std::map<std::string, std::string>;  // factor -> level

enum class Expectation { lower, higher, equal };
inline const std::vector<std::string> kExpectations = {"lower", "higher", "equal"};

struct Claim {
    std::string text, measure;
    std::string factor;                        // compare: the factor; empty if nothing is compared
    std::vector<std::string> levels, others;   // compare: the mean at `levels` minus that at `others`
    std::string over;                          // slope over: the measure on the other axis; empty if there is none
    Levels where;
    Expectation expect = Expectation::equal;
    double reference = 0, margin = 0;
    std::string needed;  // needs: a measure whose mean over seeds and cells has to be at least `least`; or empty
    double least = 0;
};

struct Experiment {
    std::string method;
    std::vector<Factor> factors;
    std::vector<std::string> tables;
    std::string legend;
    std::vector<Claim> claims;
};

// What was measured of one combination of levels with one seed, in the order of the factors.
struct CellResult {
    Levels levels;
    NamedValues measures;
};

inline const Factor* factor_named(const Experiment& experiment, const std::string& name) {
    for (const Factor& factor : experiment.factors)
        if (factor.name == name) return &factor;
    return nullptr;
}

// All combinations of levels; the last factor varies fastest.
inline std::vector<Levels> cells_of(const Experiment& experiment) {
    std::vector<Levels> cells = {{}};
    for (const Factor& factor : experiment.factors) {
        std::vector<Levels> next;
        for (const Levels& cell : cells)
            for (const std::string& level : factor.levels) {
                next.push_back(cell);
                next.back()[factor.name] = level;
            }
        cells = std::move(next);
    }
    return cells;
}

// Reads an experiment's text. `where`, usually the path, opens the errors, which name the line.
struct ExperimentReader {
    std::string where;
    Experiment experiment;
    std::map<std::string, size_t> seen;  // the keys of the part being read, and their lines
    size_t number = 0, claim_line = 0;

    template <class... Parts>
    [[noreturn]] void wrong(const Parts&... parts) const {
        fail(kBadInput, where, ": line ", number, ": ", parts...);
    }

    // "a, b" -> {"a", "b"}
    std::vector<std::string> list(const std::string& value, const std::string& separator = ",") const {
        std::vector<std::string> items;
        for (size_t start = 0; start <= value.size();) {
            const size_t end = std::min(value.find(separator, start), value.size());
            items.emplace_back(trim(std::string_view(value).substr(start, end - start)));
            if (items.back().empty()) wrong("a part of the list '", value, "' is empty");
            start = end + separator.size();
        }
        return items;
    }

    double number_of(const std::string& value) const {
        double n = 0;
        if (parse_number(value, n) != std::errc()) wrong("'", value, "' is not a number");
        return n;
    }

    // The factor whose name opens the value, and the level that is the rest of it.
    std::pair<std::string, std::string> factor_and_rest(const std::string& value) const {
        for (const Factor& factor : experiment.factors)
            if (value.starts_with(factor.name + " "))
                return {factor.name, std::string(trim(value.substr(factor.name.size())))};
        wrong("'", value, "' does not begin with the name of a factor");
    }
    void expect_level(const std::string& factor, const std::string& level) const {
        const std::vector<std::string>& levels = factor_named(experiment, factor)->levels;
        if (!holds(levels, level)) wrong("the factor ", factor, " has no level '", level, "'");
    }

    void read_head(const std::string& key, const std::string& value) {
        if (key == "method") {
            experiment.method = value;
        } else if (key == "table") {
            experiment.tables = list(value);
        } else if (key == "legend") {
            experiment.legend = value;
        } else if (key.starts_with("factor ")) {
            const Factor factor = {std::string(trim(key.substr(7))), list(value)};
            if (factor.levels.size() > kMostLevels) wrong("a factor has at most ", kMostLevels, " levels");
            std::vector<std::string> different;
            for (const std::string& level : factor.levels) add_new(different, level);
            if (different.size() != factor.levels.size()) wrong("the factor ", factor.name, " has a level twice");
            experiment.factors.push_back(factor);
        } else {
            wrong("unknown key '", key, "'; before the first claim there may be method, factor NAME, table and legend");
        }
    }

    void read_claim(Claim& claim, const std::string& key, const std::string& value) {
        if (key == "measure") {
            claim.measure = value;
        } else if (key == "compare") {
            auto [factor, rest] = factor_and_rest(value);
            const size_t with = rest.find(" with ");
            if (with == rest.npos) wrong("'", value, "' is not of the form FACTOR LEVEL with LEVEL");
            claim.factor = factor;
            claim.levels = list(rest.substr(0, with), " and ");
            claim.others = list(rest.substr(with + 6), " and ");
            for (const auto* levels : {&claim.levels, &claim.others})
                for (const std::string& level : *levels) expect_level(factor, level);
        } else if (key == "slope over") {
            claim.over = value;
        } else if (key == "where") {
            for (const std::string& item : list(value)) {
                const auto [factor, level] = factor_and_rest(item);
                expect_level(factor, level);
                claim.where[factor] = level;
            }
        } else if (key == "expect") {
            const auto found = std::find(kExpectations.begin(), kExpectations.end(), value);
            if (found == kExpectations.end()) wrong("'", value, "' is not lower, higher or equal");
            claim.expect = static_cast<Expectation>(found - kExpectations.begin());
        } else if (key == "reference") {
            claim.reference = number_of(value);
        } else if (key == "margin") {
            claim.margin = number_of(value);
            if (!(claim.margin > 0)) wrong("a margin is above 0: the least difference that counts");
        } else if (key == "needs") {
            const std::string words = " at least ";
            const size_t at = value.find(words);
            if (at == value.npos) wrong("'", value, "' is not of the form MEASURE at least NUMBER");
            claim.needed = trim(value.substr(0, at));
            claim.least = number_of(std::string(trim(value.substr(at + words.size()))));
        } else {
            wrong("unknown key '", key,
                  "'; a claim has measure, compare or slope over, where, expect, reference, margin and needs");
        }
    }

    // Errors: the claim that ends here lacks something.
    void end_claim() {
        if (experiment.claims.empty()) return;
        number = claim_line;
        for (const char* key : {"measure", "expect", "margin"})
            if (!seen.count(key)) wrong("this claim has no ", key);
        if (seen.count("compare") && seen.count("slope over")) wrong("a claim has compare or slope over, not both");
    }

    Experiment read(const std::vector<std::string>& lines) {
        for (const std::string& line : lines) {
            number++;
            const std::string text(trim(line));
            if (text.empty() || text[0] == '#') continue;
            const size_t colon = text.find(':');
            if (colon == text.npos) wrong("'", text, "' is not of the form key: value");
            const std::string key(trim(text.substr(0, colon))), value(trim(text.substr(colon + 1)));
            if (value.empty()) wrong(key, " has no value");
            if (key == "claim") {
                const size_t here = number;
                end_claim();
                number = claim_line = here;
                seen.clear();
                experiment.claims.emplace_back().text = value;
                continue;
            }
            if (!seen.emplace(key, number).second) wrong(key, " is given twice, before at line ", seen[key]);
            if (experiment.claims.empty())
                read_head(key, value);
            else
                read_claim(experiment.claims.back(), key, value);
        }
        end_claim();
        expects(!experiment.method.empty(), where, ": has no line method: NAME");
        expects(!experiment.factors.empty(), where, ": has no factor, so there is nothing to compare");
        expects(!experiment.claims.empty(), where, ": has no claim");
        size_t cells = 1;
        for (const Factor& factor : experiment.factors) cells *= factor.levels.size();
        expects(experiment.factors.size() <= 8 && cells <= kMostCells, where, ": more than ", kMostCells,
                " combinations of levels, or more than 8 factors; leave some out");
        return std::move(experiment);
    }

    static constexpr size_t kMostLevels = 100, kMostCells = 10000;
};

inline Experiment read_experiment(const std::filesystem::path& path) {
    return ExperimentReader{path.string(), {}, {}}.read(read_text(path));
}

}  // namespace cai

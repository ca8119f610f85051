// An experiment's file, the statistics of its claims and the verdicts, against scipy's.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../core/experiments/run_experiment.h"
#include "support.h"

using namespace cai;

namespace {

const std::string kPlan =
    "# A plan.\n"
    "method: made-up\n"
    "factor dose: 0, 1, 2\n"
    "factor kind of soil: clay, sand and salt\n"
    "table: height\n"
    "\n"
    "claim: More is taller.\n"
    "measure: height\n"
    "compare: dose 2 with 0 and 1\n"
    "where: kind of soil clay\n"
    "expect: higher\n"
    "margin: 0.5\n"
    "needs: height at least 1\n"
    "claim: It grows like a square.\n"
    "measure: height\n"
    "slope over: weight\n"
    "expect: equal\n"
    "reference: -2\n"
    "margin: 0.1\n";

Experiment plan(const std::string& text) { return ExperimentReader{"plan.txt", {}, {}}.read(split_lines(text)); }

// The error after one text of the plan was replaced.
std::string plan_error(const std::string& old, const std::string& changed) {
    std::string text = kPlan;
    REQUIRE(contains(text, old));
    return error_of([&] { plan(text.replace(text.find(old), old.size(), changed)); });
}

Claim claim_of(Expectation expect, double reference, double margin) {
    Claim claim;
    claim.measure = "height";
    claim.expect = expect, claim.reference = reference, claim.margin = margin;
    return claim;
}

// height = dose² + noise of the seed; counts the cells that were run.
Method made_up(size_t& runs) {
    return {"made-up",
            "",
            "Made up.",
            {"height", "weight"},
            [](const std::string& factor, const std::string& level) {
                if (factor == "dose") return static_cast<void>(natural_level(factor, level, 0, 9));
                if (factor == "kind of soil") return expect_one_of(factor, level, {"clay", "sand and salt"});
                refuse_factor(factor, {"dose", "kind of soil"});
            },
            [&runs](const Levels& levels, uint64_t seed) -> NamedValues {
                runs++;
                const double dose = static_cast<double>(levels.at("dose")[0] - '0');
                const double noise = static_cast<double>(Rng(seed, stream(levels.at("kind of soil"))).uniform());
                return {{"height", dose * dose + 0.1 * noise + 1}, {"weight", dose + 1}};
            }};
}

}  // namespace

TEST_CASE("an experiment's file is read, and its cells are all combinations") {
    const Experiment experiment = plan(kPlan);
    CHECK(experiment.method == "made-up");
    REQUIRE(experiment.factors.size() == 2);
    CHECK(experiment.factors[1].levels == std::vector<std::string>{"clay", "sand and salt"});
    REQUIRE(experiment.claims.size() == 2);
    CHECK(experiment.claims[0].others == std::vector<std::string>{"0", "1"});
    CHECK(experiment.claims[0].where.at("kind of soil") == "clay");
    CHECK(experiment.claims[0].needed == "height");
    CHECK(experiment.claims[0].least == 1);
    CHECK(experiment.claims[1].reference == -2);
    CHECK(experiment.claims[1].over == "weight");
    const std::vector<Levels> cells = cells_of(experiment);
    REQUIRE(cells.size() == 6);
    CHECK(cells[1] == Levels{{"dose", "0"}, {"kind of soil", "sand and salt"}});
    CHECK(cells[4] == Levels{{"dose", "2"}, {"kind of soil", "clay"}});
}

TEST_CASE("a mistake in an experiment's file is named with its line") {
    CHECK(contains(plan_error("table: height", "table height"), "plan.txt: line 5: 'table height' is not of the form"));
    CHECK(contains(plan_error("0, 1, 2", "0, 1, 1"), "line 3: the factor dose has a level twice"));
    CHECK(contains(plan_error("0, 1, 2", "0, , 2"), "line 3: a part of the list '0, , 2' is empty"));
    CHECK(contains(plan_error("dose 2 with", "dose 3 with"), "line 9: the factor dose has no level '3'"));
    CHECK(contains(plan_error("dose 2 with", "doses 2 with"), "line 9: 'doses 2 with 0 and 1' does not begin with"));
    CHECK(contains(plan_error("2 with 0", "2 against 0"), "line 9: 'dose 2 against 0 and 1' is not of the form"));
    CHECK(contains(plan_error("soil clay", "soil mud"), "line 10: the factor kind of soil has no level 'mud'"));
    CHECK(contains(plan_error("expect: higher", "expect: taller"), "line 11: 'taller' is not lower, higher or equal"));
    CHECK(contains(plan_error("margin: 0.5", "margin: 0"), "line 12: a margin is above 0"));
    CHECK(contains(plan_error("margin: 0.5", "margin: wide"), "line 12: 'wide' is not a number"));
    CHECK(contains(plan_error("margin: 0.5\n", ""), "line 7: this claim has no margin"));
    CHECK(contains(plan_error("height at least 1", "height"), "line 13: 'height' is not of the form MEASURE at least"));
    CHECK(contains(plan_error("slope over: weight", "verdict: reproduced"), "line 16: unknown key 'verdict'"));
    CHECK(contains(plan_error("reference: -2\n", "margin: 1\n"), "line 19: margin is given twice, before at line 18"));
    CHECK(contains(plan_error("where: kind of soil clay", "slope over: weight"), "line 7: a claim has compare or"));
    CHECK(contains(plan_error("method: made-up\n", ""), "plan.txt: has no line method: NAME"));
    CHECK(contains(error_of([] { plan("method: a\nfactor b: 1\n"); }), "has no claim"));
    size_t runs = 0;
    auto error = [&](const std::string& old, const std::string& changed) {
        std::string text = kPlan;
        text.replace(text.find(old), old.size(), changed);
        return error_of([&] { check_experiment(plan(text), made_up(runs), "plan.txt"); });
    };
    CHECK(error("# A", "# B") == "no error");
    CHECK(contains(error("table: height", "table: width"), "the method made-up has no measure \"width\""));
    CHECK(contains(error("over: weight", "over: width"), "no measure \"width\"; it has height and weight"));
    CHECK(contains(error("needs: height", "needs: width"), "no measure \"width\""));
    CHECK(contains(error("0, 1, 2", "0, 1, 2, x"), "the factor dose has the level \"x\""));
    CHECK(contains(error("factor dose: 0, 1, 2\n", "factor dose: 0, 1, 2\nfactor age: 1\n"), "no factor \"age\""));
}

TEST_CASE("a claim's statistic with one seed") {
    const Experiment experiment = plan(kPlan);
    std::vector<CellResult> cells;
    double height = 1;
    for (const Levels& levels : cells_of(experiment)) {
        cells.push_back({levels, {{"height", height}, {"weight", 8 / std::sqrt(height)}}});
        height *= 2;
    }  // clay: 1, 4, 16
    CHECK(statistic(experiment.claims[0], cells) == 16 - 2.5);
    CHECK(near(statistic(experiment.claims[1], cells), -2));
    Claim all = claim_of(Expectation::equal, 0, 1);
    CHECK(statistic(all, cells) == 63 / 6.0);
    all.measure = "width";
    CHECK(contains(error_of([&] { statistic(all, cells); }), "no measure \"width\""));
    // numpy.polyfit of the logarithms
    CHECK(near(log_log_slope({1, 2, 4, 9}, {5, 3, 1, 2}), -0.5087109101040728, 1e-12));
    CHECK(contains(error_of([] { log_log_slope({1, 0}, {1, 1}); }), "above 0"));
    CHECK(contains(error_of([] { log_log_slope({2, 2}, {1, 3}); }), "two different values"));
}

TEST_CASE("verdicts: a direction, either way, none, and too little known") {
    const auto verdict = [](Expectation expect, const std::vector<double>& by_seed) {
        return std::string(to_string(verdict_of(claim_of(expect, 0, 0.05), by_seed)));
    };
    const std::vector<double> up = {0.10, 0.12, 0.08, 0.11, 0.09}, down = {-0.10, -0.12, -0.08, -0.11, -0.09};
    CHECK(verdict(Expectation::higher, up) == "reproduced");
    CHECK(verdict(Expectation::lower, up) == "opposite");
    CHECK(verdict(Expectation::lower, down) == "reproduced");
    CHECK(verdict(Expectation::higher, down) == "opposite");
    CHECK(verdict(Expectation::higher, {0.03, 0.02, 0.04}) == "not reproduced");  // significant, but too small
    CHECK(verdict(Expectation::higher, {-0.03, -0.02, -0.04}) == "not reproduced");
    CHECK(verdict(Expectation::higher, {0.3, -0.2, 0.1}) == "inconclusive");  // not significant is not "no effect"
    CHECK(verdict(Expectation::higher, {0.5}) == "inconclusive");             // one seed
    CHECK(verdict(Expectation::equal, {0}) == "inconclusive");
    CHECK(verdict(Expectation::equal, up) == "not reproduced");
    CHECK(verdict(Expectation::equal, down) == "not reproduced");
    CHECK(verdict(Expectation::equal, {0.3, -0.2, 0.1}) == "inconclusive");
    CHECK(std::string(to_string(verdict_of(claim_of(Expectation::lower, 0.5, 0.05), up))) == "reproduced");
}

TEST_CASE("equality is shown by two one-sided tests, at the margin where scipy's turn") {
    // The larger p of scipy.stats.ttest_1samp against -m and m crosses 0.05 between these margins.
    const std::vector<double> values = {0.012, -0.004, 0.021, 0.008, -0.011};
    const auto verdict = [&](double margin) {
        return std::string(to_string(verdict_of(claim_of(Expectation::equal, 0, margin), values)));
    };
    CHECK(verdict(0.017359) == "inconclusive");
    CHECK(verdict(0.017363) == "reproduced");
    // Around a reference.
    CHECK(std::string(to_string(verdict_of(claim_of(Expectation::equal, 1, 0.03), {1.012, 0.996, 1.021}))) ==
          "inconclusive");
    CHECK(std::string(to_string(verdict_of(claim_of(Expectation::equal, 1, 0.05), {1.012, 0.996, 1.021}))) ==
          "reproduced");
}

TEST_CASE("an experiment that is interrupted goes on to the same bits, and a changed one is refused") {
    const Quiet silence;
    TemporaryFolder folder;
    const Experiment experiment = plan(kPlan);
    size_t runs = 0;
    const Method method = made_up(runs);
    std::vector<std::vector<CellResult>> by_seed;
    const auto run = [&](const std::string& name, const std::string& text, size_t seeds,
                         const std::vector<FixedFile>& fixed = {}) {
        by_seed.clear();
        Method with_files = method;
        with_files.fixed = fixed;
        return run_experiment("plan", text, plan(text), with_files, 1, seeds, folder.path / name, by_seed);
    };
    const Json whole = run("whole", kPlan, 3);
    CHECK(runs == 18);
    run("parts", kPlan, 2);
    CHECK(runs == 30);
    const std::filesystem::path parts = folder.path / "parts";
    std::filesystem::remove(parts / "cells/seed-1/4.json");
    const Json again = run("parts", kPlan, 3);
    CHECK(runs == 37);  // the one that was removed, and those of the third seed
    CHECK(dump(again) == dump(whole));
    for (const char* file : {"seed-1.csv", "seed-3.csv", "verdict.json", "experiment.txt", "cells/seed-2/5.json"})
        CHECK(read_file(parts / file) == read_file(folder.path / "whole" / file));

    const std::string csv = read_file(parts / "seed-1.csv");
    CHECK(csv.starts_with("dose,kind of soil,height,weight\n0,clay,1."));
    CHECK(split_lines(csv).size() == 7);
    CHECK(whole["sha256"].string() == sha256(kPlan));
    CHECK(whole["seeds"].array().size() == 3);
    const Json& claim = whole["claims"].array()[0];
    CHECK(near(claim["estimate"].number(), 3.5));
    CHECK(claim["verdict"].string() == "reproduced");
    CHECK(contains(verdict_text(whole), "reproduced: More is taller.\n  height: 3.5 (95 %: 3.5 to 3.5); expected"));
    CHECK(contains(measure_table(experiment, "weight", by_seed), "clay  sand and salt\n"));

    // The margin was edited after the run.
    std::string edited = kPlan;
    edited.replace(edited.find("margin: 0.5"), 11, "margin: 9.5");
    CHECK(contains(error_of([&] { run("parts", edited, 3); }), "another text of the experiment"));
    CHECK(contains(error_of([&] { run("whole", kPlan, 3, {{"experiment.txt", "x", "recipe"}}); }), "another recipe"));
    CHECK(run("new", edited, 3)["claims"].array()[0]["verdict"].string() == "not reproduced");

    // Where what a claim needs is missing, nothing is concluded.
    std::string needing = kPlan;
    needing.replace(needing.find("height at least 1"), 17, "height at least 99");
    const Json needed = run("needing", needing, 3);
    CHECK(needed["claims"].array()[0]["verdict"].string() == "inconclusive");
    CHECK(contains(verdict_text(needed), "nothing is concluded: height is 2.7"));

    write_file(parts / "cells/seed-1/2.json", "{\"levels\":{},\"measures\":{}}\n");
    CHECK(contains(error_of([&] { run("parts", kPlan, 3); }), "2.json: is a cell of other levels; delete it"));
}

TEST_CASE("the experiments that come with cai are read, and their methods know what they ask for") {
    size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(kSourceFolder / "data/experiments")) {
        const Experiment experiment = read_experiment(entry.path());
        CHECK(experiment.claims.size() > 0);
        found++;
    }
    CHECK(found >= 4);
}

// An experiment's file: each claim names levels that there are, and has a margin.
#include "fuzz.h"

#include "../../core/experiments/verdict.h"

void cai::read_input(const std::string& input) {
    const Experiment experiment = read_experiment(file_of(input));
    must_succeed([&] {
        std::vector<CellResult> cells;
        for (const Levels& levels : cells_of(experiment)) cells.push_back({levels, {}});
        for (const Claim& claim : experiment.claims) {
            must(claim.margin > 0 && !claim.measure.empty(), "a claim without a margin or a measure");
            for (CellResult& cell : cells) cell.measures = {{claim.measure, 2}};
            if (claim.over.empty()) statistic(claim, cells);
        }
    });
}

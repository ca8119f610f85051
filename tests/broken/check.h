// What the checks of the planted faults share. Each file of this folder looks for one symptom that
// notebooks_md/A_troubleshooting.md describes, in numbers that the program computes: tests/broken.py compiles it with
// the sources as they are, where it has to find nothing, and with the fault planted, where it has to find it.
#pragma once
#include <cstdio>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../../core/io/run_directory.h"
#include "../../core/method/recipe.h"
#include "../../core/world/world.h"

namespace cai {

// Whether the symptom is there, and the numbers that say so.
struct Symptom {
    bool found;
    std::string numbers;
};

// A micro run to look at, or to run stages in: each check has a copy of its own.
using Check = Symptom (*)(const std::filesystem::path& story);

// The rows of the run's metrics.jsonl.
inline std::vector<Json> rows_of(const std::filesystem::path& story) {
    std::vector<Json> rows;
    each_of_jsonl(story / "metrics.jsonl", [&](const Json& row) { rows.push_back(row); });
    return rows;
}

// The mean of a metric over rows begin .. end - 1.
inline double mean_of(const std::vector<Json>& rows, const char* metric, size_t begin, size_t end) {
    double sum = 0;
    for (size_t i = begin; i < end; i++) sum += rows[i][metric].number();
    return sum / static_cast<double>(end - begin);
}

// One line for each check: NAME, "symptom" or "healthy", and the numbers.
inline int run_checks(const std::vector<std::pair<std::string, Check>>& checks, const std::filesystem::path& stories) {
    quiet = true;
    for (const auto& [name, check] : checks) {
        const Symptom symptom = check(stories / name);
        std::printf("%s %s: %s\n", name.c_str(), symptom.found ? "symptom" : "healthy", symptom.numbers.c_str());
    }
    return kDone;
}

}  // namespace cai

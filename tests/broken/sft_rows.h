// The helpful-only assistant of a micro run, trained again.
#pragma once
#include <filesystem>
#include <vector>

#include "../../core/stages/sft.h"
#include "check.h"

namespace cai {

// The rows that it adds to metrics.jsonl, one a step.
inline std::vector<Json> sft_rows(const std::filesystem::path& story) {
    Run run(story);
    std::filesystem::remove(story / "metrics.jsonl");
    sft_helpful(cpu_kernels, run, recipe("micro", 1), "a check");
    return rows_of(story);
}

}  // namespace cai

// PPO in a micro run, long enough and at a rate high enough for its curves to show something.
#pragma once
#include <filesystem>
#include <vector>

#include "../../core/stages/ppo.h"
#include "check.h"

namespace cai {

// The rows that PPO adds to metrics.jsonl, one an iteration.
inline std::vector<Json> ppo_rows(const std::filesystem::path& story, float learning_rate = 1e-3f) {
    Recipe changed = recipe("micro", 1);
    changed.ppo.iterations = 12;
    changed.ppo.rollouts = 32;
    changed.ppo.learning_rate = learning_rate;
    const World world("data/world", changed.seed);
    Run run(story);
    std::filesystem::remove(story / "metrics.jsonl");
    ppo(cpu_kernels, run, world, changed, "a check");
    return rows_of(story);
}

}  // namespace cai

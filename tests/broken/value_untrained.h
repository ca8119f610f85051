// After all of PPO the value model is still the preference model that it began as.
#pragma once
#include "ppo_rows.h"

namespace cai {

inline Symptom value_untrained(const std::filesystem::path& story) {
    const std::vector<Json> rows = ppo_rows(story);
    const bool same = read_file(find_checkpoint(story / "value-model") / "model.safetensors") ==
                      read_file(find_checkpoint(story / "preference-model") / "model.safetensors");
    return {same, concat("after ", rows.size(), " iterations the value model ",
                         same ? "has the preference model's weights" : "has weights of its own")};
}

}  // namespace cai

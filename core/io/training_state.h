// The training state, from which a stage resumes bit for bit: state.safetensors and state.json beside the weights.
#pragma once
#include <filesystem>
#include <utility>
#include <vector>

#include "../nn/optimizer.h"
#include "checkpoint.h"

namespace cai {

// Writes the optimizer's running means, as tensors "m.<name>" and "v.<name>", and `state`: the position of the stream
// and whatever else the stage needs. Sets its key "optimizer_step". The directory must exist.
inline void write_training_state(const std::filesystem::path& directory, const Model& model, const Optimizer& optimizer,
                                 Json state) {
    std::vector<float> m = optimizer.m.download(), v = optimizer.v.download();
    std::vector<NamedTensor> tensors = name_tensors(model.config, m, "m.");
    for (NamedTensor& tensor : name_tensors(model.config, v, "v.")) tensors.push_back(std::move(tensor));
    write_safetensors(directory / "state.safetensors", std::move(tensors));
    state.set("optimizer_step", optimizer.step);
    write_file(directory / "state.json", dump(state, 2) + "\n");
}

inline bool has_training_state(const std::filesystem::path& directory) {
    return std::filesystem::exists(find_checkpoint(directory) / "state.json");
}

// Restores the optimizer and returns the `state` passed to write_training_state. Errors: there is none, or it is of
// another model or damaged.
inline Json load_training_state(std::filesystem::path directory, const Model& model, Optimizer& optimizer) {
    directory = find_checkpoint(directory);
    expects(has_training_state(directory), directory,
            ": holds no training state (state.json), so there is nothing to resume; start the stage again");
    Json state = read_json(directory / "state.json");
    const Safetensors file = read_safetensors(directory / "state.safetensors");
    for (const char* prefix : {"m.", "v."}) check_shapes(file.where, file.shapes(), model.config, prefix);
    optimizer.m.upload(collect_tensors(model.config, file, "m."));
    optimizer.v.upload(collect_tensors(model.config, file, "v."));
    const size_t step = state["optimizer_step"].natural();
    expects(step < size_t(1) << 31, "optimizer_step is ", step, ", more than any training takes");
    optimizer.step = static_cast<int>(step);
    return state;
}

}  // namespace cai

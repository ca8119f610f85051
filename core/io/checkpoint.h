// Checkpoints. A model on disk is a Hugging Face directory: config.json, generation_config.json, model.safetensors and
// the tokenizer's files, so that `transformers` loads our models and cai loads Llama-family ones.
#pragma once
#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "../nn/weights.h"
#include "hf_config.h"
#include "replace_directory.h"
#include "safetensors.h"
#include "tokenizer_json.h"

namespace cai {

// Host weights as tensors, each named with `prefix`.
inline std::vector<NamedTensor> name_tensors(const Config& config, std::vector<float>& host,
                                             const std::string& prefix) {
    std::vector<NamedTensor> tensors;
    each_tensor(config, host.data(),
                [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
                    tensors.push_back({prefix + name, shape, data});
                });
    return tensors;
}

// Checks that the file holds every tensor of this configuration with the right shape.
inline void check_shapes(const Safetensors& file, const Config& config, const std::string& prefix) {
    expects(static_cast<size_t>(config.layers) <= file.entries.size(), file.where, ": holds ", file.entries.size(),
            " tensors, too few for the ", config.layers, " layers of config.json");
    for (const Tensor& tensor : list_tensors(config)) {
        auto found = file.entries.find(prefix + tensor.name);
        expects(found != file.entries.end(), file.where, ": tensor ", prefix, tensor.name, " of shape ",
                shape_text(tensor.shape), " is missing; config.json asks for it");
        expects(found->second.shape == tensor.shape, file.where, ": tensor ", prefix, tensor.name, " has the shape ",
                shape_text(found->second.shape), ", but config.json asks for ", shape_text(tensor.shape));
    }
}

// Collects the weights from a file whose shapes have been checked.
inline std::vector<float> collect_tensors(const Config& config, const Safetensors& file, const std::string& prefix) {
    std::vector<float> host(parameter_count(config));
    for (const NamedTensor& tensor : name_tensors(config, host, prefix)) {
        std::vector<float> values = file.floats(tensor.name);
        std::copy(values.begin(), values.end(), host.begin() + (tensor.values - host.data()));
    }
    return host;
}

// Writes a model and its tokenizer into an existing directory; save_model() below does so in one step.
inline void write_model(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer) {
    expects(tokenizer.size() <= static_cast<size_t>(model.config.vocab_size), "a tokenizer of ", tokenizer.size(),
            " tokens does not fit a model of vocab_size ", model.config.vocab_size);
    write_file(directory / "config.json", config_json(model.config));
    Json generation = Json::Object{{"bos_token_id", int{kEndOfText}},
                                   {"eos_token_id", int{kEndOfText}},
                                   {"pad_token_id", int{kPad}},
                                   {"do_sample", true},
                                   {"transformers_version", "4.45.0"}};
    if (!model.config.score_head) write_file(directory / "generation_config.json", dump(generation, 2) + "\n");
    write_tokenizer(directory, tokenizer, model.config.context);
    std::vector<float> host = model.parameters.download();
    write_safetensors(directory / "model.safetensors", name_tensors(model.config, host, ""));
}

// The configuration alone, without the weights.
inline Config load_config(std::filesystem::path directory) {
    directory = find_checkpoint(directory);
    expects(std::filesystem::is_directory(directory), directory, ": there is no such model directory");
    const std::filesystem::path path = directory / "config.json";
    const std::filesystem::path newest = directory / "rl-cai";  // if the directory is a run
    expects(std::filesystem::exists(path), directory, ": not a model directory: it has no config.json",
            std::filesystem::exists(newest) ? "; did you mean " + newest.string() + "?" : "");
    return parse_config(read_file(path), path.string());
}

// Loads a model, ours or from Hugging Face, packed and ready for forward().
inline Model load_model(const Kernels& kernels, std::filesystem::path directory) {
    namespace fs = std::filesystem;
    directory = find_checkpoint(directory);
    const Config config = load_config(directory);
    const fs::path path = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
    expects(
        fs::exists(path) || !fs::exists(index), index,
        ": the weights are split over several files, which cai does not read; save them as one, in transformers with "
        "save_pretrained(directory, max_shard_size=\"100GB\")");
    expects(fs::exists(path), directory,
            ": holds no model.safetensors; run the stage that makes it with --force");
    const Safetensors file = read_safetensors(path);
    check_shapes(file, config, "");
    std::set<std::string> known;
    for (const Tensor& tensor : list_tensors(config)) known.insert(tensor.name);
    for (const auto& [name, entry] : file.entries) {
        // Old files include the RoPE frequencies, and some a second copy of a tied table.
        bool redundant = name.ends_with("rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight");
        expects(known.count(name) || redundant, path, ": tensor ", name, " of shape ", shape_text(entry.shape),
                " has no place in the model that config.json describes");
    }
    Model model(kernels, config);
    model.parameters.upload(collect_tensors(config, file, ""));
    model.pack();
    return model;
}

// The tokenizer of a model. Errors: it has more tokens than the model, among others.
inline Tokenizer load_tokenizer(std::filesystem::path directory) {
    directory = find_checkpoint(directory);
    const Config config = load_config(directory);
    Tokenizer tokenizer = read_tokenizer(directory);
    expects(tokenizer.size() <= static_cast<size_t>(config.vocab_size), directory, ": tokenizer.json has ",
            tokenizer.size(), " tokens, but config.json a vocab_size of ", config.vocab_size,
            "; they are from different models");
    return tokenizer;
}

// Saves a finished model. The whole directory is replaced, which deletes any training state in it.
inline void save_model(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer) {
    replace_directory(directory, [&](const auto& temporary) { write_model(temporary, model, tokenizer); });
}

}  // namespace cai

// Checkpoints. A model is written as a Hugging Face directory: config.json, generation_config.json, model.safetensors
// and the tokenizer's files, so that `transformers` loads it. Such directories, GGUF and llama2.c's files are read.
#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "../base/progress.h"
#include "../nn/weights.h"
#include "gguf.h"
#include "hf_config.h"
#include "llama2c.h"
#include "model_source.h"
#include "replace_directory.h"
#include "safetensors.h"
#include "sharded_weights.h"
#include "tokenizer_json.h"

namespace cai {

// ---- reading

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

// Checks that a file holds every tensor of this configuration with the right shape.
inline void check_shapes(const std::string& where, const TensorShapes& shapes, const Config& config,
                         const std::string& prefix) {
    expects(static_cast<size_t>(config.layers) <= shapes.size(), where, ": holds ", shapes.size(),
            " tensors, too few for the ", config.layers, " layers of config.json");
    for (const Tensor& tensor : list_tensors(config)) {
        auto found = shapes.find(prefix + tensor.name);
        expects(found != shapes.end(), where, ": tensor ", prefix, tensor.name, " of shape ", shape_text(tensor.shape),
                " is missing; config.json asks for it");
        expects(found->second == tensor.shape, where, ": tensor ", prefix, tensor.name, " has the shape ",
                shape_text(found->second), ", but config.json asks for ", shape_text(tensor.shape));
    }
}

// Collects the weights from a file whose shapes have been checked.
inline std::vector<float> collect_tensors(const Config& config, const Safetensors& file, const std::string& prefix) {
    std::vector<float> host(parameter_count(config));
    for (const NamedTensor& tensor : name_tensors(config, host, prefix))
        file.read(tensor.name, host.data() + (tensor.values - host.data()));
    return host;
}

// What was probably meant by a directory without config.json, to end an error message; "" if that is not known.
inline std::string instead_of(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    if (fs::exists(directory / "adapter_config.json"))
        return "; it holds a LoRA adapter, which has to be merged into its model first";
    for (const fs::path& run : {directory, directory / ".."})
        if (const fs::path newest = (run / "rl-cai").lexically_normal(); fs::exists(newest))
            return "; did you mean " + newest.string() + "?";
    for (const fs::directory_entry& entry : fs::directory_iterator(directory))
        if (entry.path().extension() == ".gguf") return "; did you mean " + entry.path().string() + "?";
    return "";
}

// Errors: the model is one that scores answers.
inline void expect_writer(const Config& config, const std::filesystem::path& path) {
    if (!config.score_head) return;
    const std::string instead = std::filesystem::is_directory(path) ? instead_of(path) : "";
    fail(kBadInput, path, ": scores answers and writes none", instead.empty() ? "; name a language model" : instead);
}

// Opens a Hugging Face directory. Without weights in it, the source has no shapes.
inline ModelSource open_folder(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    const fs::path path = directory / "config.json";
    expects(fs::exists(path), directory, ": not a model directory: it has no config.json", instead_of(directory));
    const Json json = read_json(path);
    ModelSource source;
    source.where = directory.string();
    source.config = parse_config(json, path.string());
    source.generation = read_generation(directory, json, source.config.vocab_size);
    source.tokenizer = [directory] { return read_tokenizer(directory); };
    const std::shared_ptr<const ShardedWeights> weights = open_weights(directory);
    if (!weights) return source;
    source.where = weights->where;
    source.shapes = weights->shapes();
    source.read = [weights](const std::string& name, float* to) { weights->read(name, to); };
    // As transformers 5: a head of its own is used even where config.json says that the table is the head.
    if (source.config.tied && !source.config.score_head && source.shapes.count("lm_head.weight") &&
        !weights->equal("lm_head.weight", "model.embed_tokens.weight")) {
        source.config.tied = false;
        warn(concat(path,
                    ": \"tie_word_embeddings\" is true, but lm_head.weight differs from the embedding table; the ",
                    "head is used as it is"));
    }
    return source;
}

// Errors: kUsage, --tokenizer names a tokenizer for a model that brings its own.
inline void expect_no_tokenizer(const std::filesystem::path& path, const std::filesystem::path& tokenizer) {
    if (!tokenizer.empty())
        fail(kUsage, path, ": brings its own tokenizer; leave out --tokenizer, which is for llama2.c's .bin files");
}

// Opens a file that is a whole model: GGUF by its first bytes, llama2.c's format by its name's ending.
// tokenizer: where the tokenizer is, for formats that keep it in a file of its own.
inline ModelSource open_file(const std::filesystem::path& path, const std::filesystem::path& tokenizer) {
    const bool gguf = map_file(path).bytes.starts_with("GGUF");
    if (!gguf && path.extension() == ".bin") return open_llama2c(path, tokenizer);
    expect_no_tokenizer(path, tokenizer);
    if (gguf) return open_gguf(path);
    const bool beside =
        path.extension() == ".safetensors" || std::filesystem::exists(path.parent_path() / "config.json");
    fail(kBadInput, path, ": a file, and not the folder of a model",
         beside ? "; name the folder that it lies in, with config.json in it"
                : "; of files cai reads GGUF and llama2.c's .bin");
}

// Opens a model of any format that cai reads: a Hugging Face directory, or a file.
inline ModelSource open_model(std::filesystem::path path, const std::filesystem::path& tokenizer = {}) {
    path = find_checkpoint(path);
    if (path.empty()) fail(kUsage, "an empty path names no model; give the folder or the file of one");
    expects(std::filesystem::exists(path), path,
            ": there is no such model directory or file (cai downloads nothing: fetch the model first)");
    if (!std::filesystem::is_directory(path)) return open_file(path, tokenizer);
    expect_no_tokenizer(path, tokenizer);
    return open_folder(path);
}

// The configuration alone. Of a directory, what config.json says.
inline Config load_config(std::filesystem::path path) {
    path = find_checkpoint(path);
    const std::filesystem::path file = path / "config.json";
    return std::filesystem::exists(file) ? parse_config(read_file(file), file.string()) : open_model(path).config;
}

// Checks that a source holds all tensors of its configuration, in the right shapes, and no others.
inline void check_source(const ModelSource& source) {
    const Config& config = source.config;
    expects(source.read != nullptr, source.where,
            ": holds no model.safetensors; run the stage that makes it with --force");
    check_shapes(source.where, source.shapes, config, "");
    std::set<std::string> known;
    for (const Tensor& tensor : list_tensors(config)) known.insert(tensor.name);
    for (const auto& [name, shape] : source.shapes) {
        // Old files include the RoPE frequencies, and some a second copy of a tied table.
        bool redundant = name.ends_with("rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight");
        expects(known.count(name) || redundant, source.where, ": tensor ", name, " of shape ", shape_text(shape),
                " has no place in the model that config.json describes");
    }
}

// Errors: numbers of a tensor are NaN or infinity.
inline void expect_finite(const ModelSource& source, const std::string& name, const float* values, size_t count) {
    uint32_t infinite = 0;  // an exponent of all ones is NaN or infinity
    for (size_t i = 0; i < count; i++)
        infinite |= static_cast<uint32_t>((std::bit_cast<uint32_t>(values[i]) & 0x7f800000u) == 0x7f800000u);
    expects(!infinite, source.where, ": tensor ", name, " holds NaN or infinity, so the model is of no use; fetch it ",
            "again, or save it in float32 if its numbers are too large for float16");
}

// Reads a tensor to memory that holds the product of its shape. Errors: it holds NaN or infinity.
inline void read_finite(const ModelSource& source, const std::string& name, float* to) {
    source.read(name, to);
    expect_finite(source, name, to, element_count(source.shapes.at(name)));
}

// Loads a model, packed and ready for forward(); for inference, what is quantised stays so. Errors: those of
// check_source() and read_finite().
inline Model load_model(const Kernels& kernels, const ModelSource& source, Use use = Use::training) {
    check_source(source);
    Model model(kernels, source.config, use, source.quantization);
    model.fill([&](const std::string& name, float* to) { read_finite(source, name, to); },
               [&](const std::string& name, size_t group, uint8_t* q, float* scales, float* minimums) {
                   source.read_quantized(name, group, q, scales, minimums);
                   const size_t groups = element_count(source.shapes.at(name)) / group;
                   expect_finite(source, name, scales, groups), expect_finite(source, name, minimums, groups);
               });
    return model;
}
inline Model load_model(const Kernels& kernels, const std::filesystem::path& path, Use use = Use::training) {
    return load_model(kernels, open_model(path), use);
}

// The tokenizer of a model. Errors: it has more tokens than the model, among others.
inline Tokenizer load_tokenizer(const ModelSource& source) {
    Tokenizer tokenizer = source.tokenizer();
    expects(tokenizer.size() <= static_cast<size_t>(source.config.vocab_size), source.where, ": its tokenizer has ",
            tokenizer.size(), " tokens, but the model a vocab_size of ", source.config.vocab_size,
            "; they are from different models");
    return tokenizer;
}
inline Tokenizer load_tokenizer(const std::filesystem::path& path) { return load_tokenizer(open_model(path)); }

// ---- writing

// Writes a model and its tokenizer into an existing directory. tensors: all of the configuration.
inline void write_model_files(const std::filesystem::path& directory, const Config& config,
                              const std::vector<NamedTensor>& tensors, const Tokenizer& tokenizer,
                              const Generation& generation, WeightType type = WeightType::float32) {
    expects(tokenizer.size() <= static_cast<size_t>(config.vocab_size), "a tokenizer of ", tokenizer.size(),
            " tokens does not fit a model of vocab_size ", config.vocab_size);
    write_file(directory / "config.json", config_json(config, generation, kWeightTypes[static_cast<size_t>(type)]));
    if (!config.score_head) write_file(directory / "generation_config.json", generation_json(generation));
    write_tokenizer(directory, tokenizer, config.context, generation);
    write_safetensors(directory / "model.safetensors", tensors, type);
}

// The same of a model in memory; save_model() below does so in one step.
inline void write_model(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer,
                        WeightType type = WeightType::float32) {
    model.expect_plain_weights();
    std::vector<float> host = model.parameters.download();
    write_model_files(directory, model.config, name_tensors(model.config, host, ""), tokenizer, our_generation(), type);
}

// Saves a finished model. The whole directory is replaced, which deletes any training state in it.
inline void save_model(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer,
                       WeightType type = WeightType::float32) {
    replace_directory(directory, [&](const auto& temporary) { write_model(temporary, model, tokenizer, type); });
}

}  // namespace cai

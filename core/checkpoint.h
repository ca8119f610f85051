// Checkpoints. A model on disk is a Hugging Face directory: config.json, generation_config.json, model.safetensors and
// the tokenizer's files, so that any of ours loads in `transformers` and a Llama-family one from there loads here.
// While training it also holds state.safetensors and state.json, from which a stage resumes to the last bit.
#pragma once
#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "expects.h"
#include "json.h"
#include "memory.h"
#include "model.h"
#include "optimizer.h"
#include "text.h"
#include "tokenizer.h"
#include "tokenizer_json.h"

namespace cai {

// ---- safetensors (https://github.com/huggingface/safetensors)
//
// u64 length of the header, the header in JSON, then the data: row-major, little-endian, without holes.

static_assert(std::endian::native == std::endian::little,
              "safetensors are read and written as the machine's own numbers");

// A tensor to be written; `values` is host memory.
struct NamedTensor {
    std::string name;
    std::vector<size_t> shape;
    const float* values;
};

inline std::string shape_text(const std::vector<size_t>& shape) {
    std::string text = "[";
    for (size_t size : shape) text += concat(text.size() > 1 ? "," : "", size);
    return text + "]";
}

inline size_t element_count(const std::vector<size_t>& shape) {
    size_t count = 1;
    for (size_t size : shape) count *= size;
    return count;
}

// The bytes of a file with these tensors, in F32, byte for byte what the reference implementation writes: data sorted
// by name, the header padded with spaces to a multiple of 8. "format": "pt" is what transformers 4 asks for.
inline std::string safetensors_bytes(std::vector<NamedTensor> tensors) {
    std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) { return a.name < b.name; });
    Json header;
    header.set("__metadata__", Json::Object{{"format", "pt"}});
    size_t end = 0;
    for (const NamedTensor& tensor : tensors) {
        size_t begin = end;
        end += element_count(tensor.shape) * sizeof(float);
        header.set(tensor.name, Json::Object{{"dtype", "F32"},
                                             {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
                                             {"data_offsets", Json::Array{begin, end}}});
    }
    std::string text = dump(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    uint64_t length = text.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.reserve(sizeof length + text.size() + end);
    bytes += text;
    for (const NamedTensor& tensor : tensors)
        bytes.append(reinterpret_cast<const char*>(tensor.values), element_count(tensor.shape) * sizeof(float));
    return bytes;
}

inline void write_safetensors(const std::filesystem::path& path, std::vector<NamedTensor> tensors) {
    write_file(path, safetensors_bytes(std::move(tensors)));
}

// A file that passed every check of the reference implementation.
struct Safetensors {
    struct Entry {
        std::string dtype;
        std::vector<size_t> shape;
        size_t begin, end;  // in `content`
    };
    std::string where;    // the path, for error messages
    std::string content;  // the whole file
    std::map<std::string, Entry> entries;

    // The values of a tensor in F32, BF16 or F16, as floats.
    std::vector<float> floats(const std::string& name) const {
        auto found = entries.find(name);
        expects(found != entries.end(), where, ": tensor ", name, " is missing");
        const Entry& entry = found->second;
        const char* data = content.data() + entry.begin;
        size_t bytes = entry.end - entry.begin;
        if (entry.dtype == "F32") {
            std::vector<float> values(bytes / sizeof(float));
            if (bytes) std::memcpy(values.data(), data, bytes);
            return values;
        }
        expects(entry.dtype == "BF16" || entry.dtype == "F16", where, ": tensor ", name, " is ", entry.dtype,
                ", but cai reads F32, BF16 and F16; convert it with PyTorch first");
        std::vector<float> values(bytes / 2);
        for (size_t i = 0; i < values.size(); i++) {
            uint16_t half;
            std::memcpy(&half, data + 2 * i, 2);
            values[i] = entry.dtype == "F16" ? from_float16(half) : std::bit_cast<float>(uint32_t{half} << 16);
        }
        return values;
    }

    // IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
    static float from_float16(uint16_t half) {
        int exponent = half >> 10 & 31, fraction = half & 1023;
        float magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                          : exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                          : std::ldexp(static_cast<float>(fraction | 1024), exponent - 25);
        return half >> 15 ? -magnitude : magnitude;
    }
};

// Bits of an element of each type that the format knows; 0: unknown.
inline size_t bits_of_dtype(const std::string& dtype) {
    static const std::map<std::string, size_t> bits = {
        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"BOOL", 8},        {"U8", 8},          {"I8", 8},
        {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
        {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
    auto found = bits.find(dtype);
    return found == bits.end() ? 0 : found->second;
}

// Rejects what the reference implementation rejects, in the same order; the headings in brackets are its names.
inline Safetensors parse_safetensors(std::string content, const std::string& where) {
    const char* remedy = "; remove its folder and run the stage that wrote it with --force, or fetch it again";
    uint64_t length;
    expects(content.size() >= sizeof length, where, ": truncated: ", content.size(),
            " bytes, a safetensors file has at least 8", remedy);  // [HeaderTooSmall]
    std::memcpy(&length, content.data(), sizeof length);
    expects(length <= 100'000'000, where, ": not a safetensors file: its first 8 bytes promise a header of ", length,
            " bytes");  // [HeaderTooLarge]
    expects(length <= content.size() - sizeof length, where, ": truncated: its header should be ", length,
            " bytes, the file has ", content.size(), remedy);  // [InvalidHeaderLength]
    const size_t data = sizeof length + length;

    // [InvalidHeader, InvalidHeaderDeserialization]
    Json header = parse_json(std::string_view(content).substr(sizeof length, length), where + ": header");
    expects(header.is_object(), where, ": the header is not a JSON object");
    auto whole_number = [&](const Json& json, const std::string& name, const char* what) {
        expects(json.is_number() && json.number() >= 0 && json.number() == std::floor(json.number()), where,
                ": tensor ", name, ": ", what, " holds something else than whole numbers");
        expects(json.number() <= 0x1p53, where, ": tensor ", name, ": a number in ", what,
                " overflows");  // [ValidationOverflow]
        return static_cast<size_t>(json.number());
    };
    Safetensors file;
    for (const auto& [name, value] : header.object()) {
        expects(value.is_object(), where, ": ", name, " is not a JSON object");
        if (name == "__metadata__") {
            for (const auto& [key, text] : value.object())
                expects(text.is_string(), where, ": __metadata__: ", key, " is not a string");
            continue;
        }
        const Json *dtype = value.find("dtype"), *shape = value.find("shape"), *offsets = value.find("data_offsets");
        expects(dtype && dtype->is_string() && shape && shape->is_array() && offsets && offsets->is_array() &&
                    offsets->array().size() == 2,
                where, ": tensor ", name, " lacks a dtype, a shape or two data_offsets");
        expects(bits_of_dtype(dtype->string()), where, ": tensor ", name, " has the unknown dtype ", dtype->string());
        Safetensors::Entry entry{dtype->string(), {}, 0, 0};
        for (const Json& size : shape->array()) entry.shape.push_back(whole_number(size, name, "shape"));
        entry.begin = whole_number(offsets->array()[0], name, "data_offsets");
        entry.end = whole_number(offsets->array()[1], name, "data_offsets");
        file.entries[name] = entry;
    }

    std::vector<std::pair<std::string, Safetensors::Entry*>> sorted;
    for (auto& [name, entry] : file.entries) sorted.push_back({name, &entry});
    std::stable_sort(sorted.begin(), sorted.end(), [](auto& a, auto& b) {
        return std::pair(a.second->begin, a.second->end) < std::pair(b.second->begin, b.second->end);
    });
    size_t previous = 0;
    for (auto& [name, entry] : sorted) {
        expects(entry->begin == previous && entry->end >= entry->begin, where, ": tensor ", name, " is at bytes ",
                entry->begin, " to ", entry->end, ", but the data before it ends at ", previous);  // [InvalidOffset]
        previous = entry->end;
        size_t bits = bits_of_dtype(entry->dtype);
        bool fits = true;
        for (size_t size : entry->shape) fits = fits && !__builtin_mul_overflow(bits, size, &bits);
        expects(fits, where, ": tensor ", name, ": the number of elements of shape ", shape_text(entry->shape),
                " overflows");                                                              // [ValidationOverflow]
        expects(bits % 8 == 0, where, ": tensor ", name, " does not end at a whole byte");  // [MisalignedSlice]
        expects(entry->end - entry->begin == bits / 8, where, ": tensor ", name, " of shape ", shape_text(entry->shape),
                " in ", entry->dtype, " takes ", bits / 8, " bytes, the header says ",
                entry->end - entry->begin);  // [TensorInvalidInfo]
    }
    // [MetadataIncompleteBuffer]
    expects(content.size() - data >= previous, where, ": truncated: the header says ", data + previous,
            " bytes, the file has ", content.size(), remedy);
    expects(content.size() - data == previous, where, ": ", content.size() - data - previous,
            " bytes too long: the header says ", data + previous, " bytes, the file has ", content.size(), remedy);
    for (auto& [name, entry] : file.entries) entry.begin += data, entry.end += data;
    file.where = where;
    file.content = std::move(content);
    return file;
}

inline Safetensors read_safetensors(const std::filesystem::path& path) {
    return parse_safetensors(read_file(path), path.string());
}

// ---- config.json

// A float as JSON with its own shortest digits, 1e-05 and not those of the nearest double; strict readers want 10000.0.
inline Json real(float value) {
    char text[32];
    const char* end = std::to_chars(text, text + sizeof text, value).ptr;
    double number;
    std::from_chars(text, end, number);
    return Json::real(number);
}

// Every key that LlamaConfig has a default for, since its defaults are those of another model. The legacy keys
// rope_theta, rope_scaling and torch_dtype are the ones that transformers 4 and 5 both read. A score model is a
// LlamaForSequenceClassification with one label, which pools at the last token that is not <|pad|>.
inline std::string config_json(const Config& c) {
    Json json = Json::Object{
        {"architectures", Json::Array{c.score_head ? "LlamaForSequenceClassification" : "LlamaForCausalLM"}},
        {"model_type", "llama"},
        {"vocab_size", c.vocab_size},
        {"hidden_size", c.width},
        {"intermediate_size", c.ff},
        {"num_hidden_layers", c.layers},
        {"num_attention_heads", c.heads},
        {"num_key_value_heads", c.kv_heads},
        {"head_dim", c.head_dim},
        {"hidden_act", "silu"},
        {"max_position_embeddings", c.context},
        {"rms_norm_eps", real(c.norm_eps)},
        {"rope_theta", real(c.rope_theta)},
        {"rope_scaling", Json()},
        {"tie_word_embeddings", c.tied},
        {"attention_bias", false},
        {"attention_dropout", Json::real(0)},
        {"mlp_bias", false},
        {"initializer_range", Json::real(0.02)},
        {"use_cache", true},
        {"bos_token_id", int{kEndOfText}},
        {"eos_token_id", int{kEndOfText}},
        {"pad_token_id", int{kPad}},
        {"torch_dtype", "float32"},
        {"transformers_version", "4.45.0"},
    };
    if (c.score_head) {
        json.set("num_labels", 1);
        json.set("id2label", Json::Object{{"0", "LABEL_0"}});
        json.set("label2id", Json::Object{{"LABEL_0", 0}});
    }
    return dump(json, 2) + "\n";
}

// The inverse, for any config.json of the Llama family; what this model cannot compute is refused by name.
// `where` opens every error message.
inline Config parse_config(const std::string& text, const std::string& where) {
    Json json = parse_json(text, where);
    expects(json.is_object(), where, ": not a JSON object");
    auto string_at = [&](const char* key) {
        const Json* value = json.find(key);
        return value && value->is_string() ? value->string() : std::string();
    };
    std::string architecture = "(none)";
    if (const Json* list = json.find("architectures"); list && list->is_array() && !list->array().empty())
        if (list->array()[0].is_string()) architecture = list->array()[0].string();
    expects(string_at("model_type") == "llama" &&
                (architecture == "LlamaForCausalLM" || architecture == "LlamaForSequenceClassification"),
            where, ": cannot run the architecture ", architecture, " (model_type \"", string_at("model_type"),
            "\"); cai runs LlamaForCausalLM and LlamaForSequenceClassification");

    auto whole = [&](const char* key, std::optional<int> absent = {}) {
        const Json* value = json.find(key);
        if ((!value || value->is_null()) && absent) return *absent;
        expects(value && value->is_number() && value->number() >= 1 && value->number() <= 0x1p30 &&
                    value->number() == std::floor(value->number()),
                where, ": \"", key, "\" is missing or not a whole number above 0");
        return static_cast<int>(value->number());
    };
    auto positive = [&](const Json& object, const char* key, float absent) {
        const Json* value = object.find(key);
        if (!value || value->is_null()) return absent;
        expects(value->is_number() && value->number() > 0, where, ": \"", key, "\" is not a number above 0");
        return static_cast<float>(value->number());
    };
    auto flag = [&](const char* key) {
        const Json* value = json.find(key);
        if (!value || value->is_null()) return false;
        expects(value->is_boolean(), where, ": \"", key, "\" is neither true nor false");
        return value->boolean();
    };

    Config c;
    c.vocab_size = whole("vocab_size");
    c.width = whole("hidden_size");
    c.ff = whole("intermediate_size");
    c.layers = whole("num_hidden_layers");
    c.heads = whole("num_attention_heads");
    c.kv_heads = whole("num_key_value_heads", c.heads);
    c.head_dim = whole("head_dim", c.width / c.heads);
    c.context = whole("max_position_embeddings");
    c.norm_eps = positive(json, "rms_norm_eps", 1e-6f);
    c.rope_theta = positive(json, "rope_theta", 10000);
    c.tied = flag("tie_word_embeddings");
    c.score_head = architecture == "LlamaForSequenceClassification";
    try {
        validate(c);
    } catch (const Error& error) {
        fail(error.status, where, ": ", error.what());
    }

    for (const char* key : {"rope_scaling", "rope_parameters"}) {  // transformers 4 and 5
        const Json* rope = json.find(key);
        if (!rope || !rope->is_object()) continue;
        const Json* type = rope->find("rope_type");
        if (!type) type = rope->find("type");
        expects(!type || (type->is_string() && type->string() == "default"), where, ": \"", key, "\" of type ",
                type ? dump(*type) : "", " is not supported; cai knows plain RoPE only");
        c.rope_theta = positive(*rope, "rope_theta", c.rope_theta);
    }
    for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"})
        expects(!flag(key), where, ": \"", key, "\": true is not supported");
    if (std::string activation = string_at("hidden_act"); !activation.empty())
        expects(activation == "silu", where, ": hidden_act \"", activation, "\" is not supported, only \"silu\" is");
    const Json* quantization = json.find("quantization_config");
    expects(!quantization || quantization->is_null(), where, ": quantized weights are not supported");
    if (c.score_head) {
        const Json* labels = json.find("id2label");
        size_t count = labels && labels->is_object() ? labels->object().size() : 2;  // transformers' default
        expects(count == 1, where, ": a classifier of ", count,
                " labels; a score model has one, named in \"id2label\"");
    }
    return c;
}

// ---- directories that are replaced whole

inline std::filesystem::path with_suffix(std::filesystem::path directory, const char* suffix) {
    return directory += suffix;
}

// Where a checkpoint is to be read: the directory itself or, when a save was killed between its two renames, the
// previous one beside it. `directory` as given when neither exists.
inline std::filesystem::path find_checkpoint(std::filesystem::path directory) {
    if (!directory.has_filename()) directory = directory.parent_path();  // "runs/sft/"
    std::filesystem::path old = with_suffix(directory, ".old");
    return !std::filesystem::exists(directory) && std::filesystem::exists(old) ? old : directory;
}

// Calls fill(temporary directory) and puts the result in the place of `directory`: whatever happens, a reader finds the
// old contents or the new, complete. When fill throws, or the disk is full, the old directory is untouched.
// A directory that is neither empty nor a checkpoint is refused, since everything in it would be lost.
inline void replace_directory(std::filesystem::path directory,
                              const std::function<void(const std::filesystem::path&)>& fill) {
    namespace fs = std::filesystem;
    fs::path temporary;
    try {
        directory = fs::weakly_canonical(directory);  // a link keeps pointing at what it names
        if (!directory.has_filename()) directory = directory.parent_path();
        const fs::path old = with_suffix(directory, ".old");
        if (!fs::exists(directory) && fs::exists(old)) fs::rename(old, directory);
        expects(!fs::exists(directory) ||
                    (fs::is_directory(directory) && (fs::is_empty(directory) || fs::exists(directory / "config.json"))),
                directory.string(), ": exists and is not a checkpoint; name another place, or remove it first");
        temporary = with_suffix(directory, ".tmp");
        fs::remove_all(temporary);
        fs::create_directories(temporary);
        fill(temporary);
        fs::remove_all(old);
        if (fs::exists(directory)) fs::rename(directory, old);
        fs::rename(temporary, directory);
        fs::remove_all(old);
    } catch (const fs::filesystem_error& error) {
        std::error_code ignored;
        if (!temporary.empty()) fs::remove_all(temporary, ignored);
        fail(kBadInput, directory.string(), ": cannot be written: ", error.code().message());
    } catch (...) {
        std::error_code ignored;
        if (!temporary.empty()) fs::remove_all(temporary, ignored);
        throw;
    }
}

// ---- models

// The tensors of a block of weights on the host, each under its name with `prefix` before it.
inline std::vector<NamedTensor> name_tensors(const Config& config, std::vector<float>& host,
                                             const std::string& prefix) {
    std::vector<NamedTensor> tensors;
    each_tensor(config, lay_out_weights(config, host.data()),
                [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
                    tensors.push_back({prefix + name, shape, data});
                });
    return tensors;
}

// Checks that the file holds every tensor of this configuration in the right shape.
inline void check_shapes(const Safetensors& file, const Config& config, const std::string& prefix) {
    expects(static_cast<size_t>(config.layers) <= file.entries.size(), file.where, ": holds ", file.entries.size(),
            " tensors, too few for the ", config.layers, " layers of config.json");
    Weights unused;
    each_weight(config, unused, [&](float*&, std::vector<Tensor> parts) {
        for (const Tensor& tensor : parts) {
            auto found = file.entries.find(prefix + tensor.name);
            expects(found != file.entries.end(), file.where, ": tensor ", prefix, tensor.name, " of shape ",
                    shape_text(tensor.shape), " is missing; config.json asks for it");
            expects(found->second.shape == tensor.shape, file.where, ": tensor ", prefix, tensor.name,
                    " has the shape ", shape_text(found->second.shape), ", but config.json asks for ",
                    shape_text(tensor.shape));
        }
    });
}

// The block of weights that lies in a file whose shapes were checked.
inline std::vector<float> collect_tensors(const Config& config, const Safetensors& file, const std::string& prefix) {
    std::vector<float> host(parameter_count(config));
    for (const NamedTensor& tensor : name_tensors(config, host, prefix)) {
        std::vector<float> values = file.floats(tensor.name);
        std::copy(values.begin(), values.end(), host.begin() + (tensor.values - host.data()));
    }
    return host;
}

// Writes a model and its tokenizer into an existing directory; save_checkpoint below does so in one step.
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
    write_tokenizer(directory, tokenizer);
    std::vector<float> host = model.parameters.download();
    write_safetensors(directory / "model.safetensors", name_tensors(model.config, host, ""));
}

// The configuration alone, without the weights.
inline Config load_config(std::filesystem::path directory) {
    directory = find_checkpoint(directory);
    expects(std::filesystem::is_directory(directory), directory.string(), ": there is no such model directory");
    const std::filesystem::path path = directory / "config.json";
    const std::filesystem::path newest = directory / "rl-cai";  // of a run
    expects(std::filesystem::exists(path), directory.string(), ": not a model directory: it has no config.json",
            std::filesystem::exists(newest) ? "; did you mean " + newest.string() + "?" : "");
    return parse_config(read_file(path), path.string());
}

// A model from a directory of ours or from Hugging Face, packed and ready for forward().
inline Model load_model(const Kernels& kernels, std::filesystem::path directory) {
    namespace fs = std::filesystem;
    directory = find_checkpoint(directory);
    const Config config = load_config(directory);
    const fs::path path = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
    expects(
        fs::exists(path) || !fs::exists(index), index.string(),
        ": the weights are split over several files, which cai does not read; save them as one, in transformers with "
        "save_pretrained(directory, max_shard_size=\"100GB\")");
    expects(fs::exists(path), directory.string(), ": holds no model.safetensors; run the stage that makes it with --force");
    const Safetensors file = read_safetensors(path);
    check_shapes(file, config, "");
    std::set<std::string> known;
    Weights unused;
    each_weight(config, unused, [&](float*&, std::vector<Tensor> parts) {
        for (const Tensor& tensor : parts) known.insert(tensor.name);
    });
    for (const auto& [name, entry] : file.entries) {
        // Old files hold RoPE's frequencies, and some a second copy of a tied table.
        bool redundant = name.ends_with("rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight");
        expects(known.count(name) || redundant, path.string(), ": tensor ", name, " of shape ", shape_text(entry.shape),
                " has no place in the model that config.json describes");
    }
    Model model(kernels, config);
    model.parameters.upload(collect_tensors(config, file, ""));
    model.pack();
    return model;
}

// The tokenizer that belongs to a model. Errors also when it has more tokens than the model.
inline Tokenizer load_tokenizer(std::filesystem::path directory) {
    directory = find_checkpoint(directory);
    const Config config = load_config(directory);
    Tokenizer tokenizer = read_tokenizer(directory);
    expects(tokenizer.size() <= static_cast<size_t>(config.vocab_size), directory.string(), ": tokenizer.json has ",
            tokenizer.size(), " tokens, but config.json a vocab_size of ", config.vocab_size,
            "; they are from different models");
    return tokenizer;
}

// ---- the state of a training

// Writes Adam's moments, in tensors "m.<name>" and "v.<name>", and `state`: the stream's position and whatever else the
// stage needs. Its key "optimizer_step" is set here. The directory exists.
inline void write_training_state(const std::filesystem::path& directory, const Model& model, const AdamW& optimizer,
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

// Restores the optimizer and returns what write_training_state was given.
inline Json load_training_state(std::filesystem::path directory, const Model& model, AdamW& optimizer) {
    directory = find_checkpoint(directory);
    expects(has_training_state(directory), directory.string(),
            ": holds no training state (state.json), so there is nothing to resume; start the stage again");
    Json state = read_json(directory / "state.json");
    const Safetensors file = read_safetensors(directory / "state.safetensors");
    for (const char* prefix : {"m.", "v."}) check_shapes(file, model.config, prefix);
    optimizer.m.upload(collect_tensors(model.config, file, "m."));
    optimizer.v.upload(collect_tensors(model.config, file, "v."));
    optimizer.step = static_cast<int>(state["optimizer_step"].integer());
    return state;
}

// Saves a finished model: the directory is replaced whole, so a training state that was in it is gone.
inline void save_model(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer) {
    replace_directory(directory, [&](const auto& temporary) { write_model(temporary, model, tokenizer); });
}

// Saves a model in training, all of it in one step. A stage with two models puts them together itself:
// replace_directory with write_model and write_training_state.
inline void save_checkpoint(const std::filesystem::path& directory, const Model& model, const Tokenizer& tokenizer,
                            const AdamW& optimizer, const Json& state) {
    replace_directory(directory, [&](const auto& temporary) {
        write_model(temporary, model, tokenizer);
        write_training_state(temporary, model, optimizer, state);
    });
}

}  // namespace cai

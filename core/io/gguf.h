// Models in GGUF: those of the architecture "llama", quantised or not, with the tokenizers "gpt2" (byte-level BPE) and
// "llama" (SentencePiece).
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../lm/sentencepiece.h"
#include "../nn/weights.h"
#include "gguf_file.h"
#include "model_source.h"
#include "rope_layout.h"

namespace cai {

// How rotary positions are stretched: by a factor among the keys, or by a tensor that divides each frequency. cai has
// the tensor's values where they are Llama 3.1's, whose parameters but the factor the file does not repeat.
inline RopeScaling rope_scaling_of_gguf(const Gguf& file, Config config) {
    const std::string type = file.text("llama.rope.scaling.type");
    const double factor = file.number("llama.rope.scaling.factor", 0);
    expects(type.empty() || type == "none" || type == "linear", file.where,
            ": stretches rotary positions by the method \"", type, "\", which cai does not compute");
    RopeScaling& scaling = config.rope_scaling;
    if (type != "none" && factor != 0 && factor != 1) scaling = {RopeScaling::Kind::linear, static_cast<float>(factor)};
    const auto found = file.tensors.find("rope_freqs.weight");
    if (found == file.tensors.end()) return scaling;

    const GgufTensor& tensor = found->second;
    const std::vector<float> plain = rope_frequencies(config);
    expects(scaling.kind == RopeScaling::Kind::none && tensor.shape == std::vector<size_t>{plain.size()}, file.where,
            ": tensor rope_freqs.weight of shape ", shape_text(tensor.shape), " does not fit heads of ",
            config.head_dim, " whose positions are not stretched otherwise");
    std::vector<float> divisors(plain.size());
    read_blocks(*tensor.format, tensor.data.data(), divisors.data(), divisors.size());
    scaling = {RopeScaling::Kind::llama3, *std::max_element(divisors.begin(), divisors.end()), 1, 4, 8192};
    const std::vector<float> scaled = rope_frequencies(config);
    for (size_t i = 0; i < plain.size(); i++)
        expects(std::abs(plain[i] / scaled[i] - divisors[i]) <= 1e-4f * divisors[i], file.where,
                ": tensor rope_freqs.weight divides frequency ", i, " by ", divisors[i],
                ", where Llama 3.1's scaling with the "
                "factor ",
                scaling.factor, " divides it by ", plain[i] / scaled[i], "; cai computes no other");
    return scaling;
}

// The configuration that the keys "llama.*" describe, and the shape of the embedding table. Errors: a missing key, or a
// feature that this model does not have, by name.
inline Config config_of_gguf(const Gguf& file) {
    const std::string architecture = file.text("general.architecture");
    expects(architecture == "llama", file.where, ": cannot run the architecture \"", architecture,
            "\"; of GGUF files, cai runs \"llama\"");
    // A whole number; a list of them, one a layer, must repeat one number.
    const auto whole = [&](const std::string& name, std::optional<int> absent = {}) {
        const std::string key = "llama." + name;
        const GgufValue* value = file.find(key);
        if (!value && absent) return *absent;
        expects(value && !value->is_text && value->size() > 0, file.where, ": the key ", key,
                " is missing or not a number");
        const double number = value->numbers[0];
        for (double other : value->numbers)
            expects(other == number, file.where, ": the key ", key,
                    " differs between layers, which cai does not support");
        expects(number >= 1 && number <= 0x1p30 && number == std::floor(number), file.where, ": the key ", key, " is ",
                number, ", not a whole number above 0");
        return static_cast<int>(number);
    };
    const auto embedding = file.tensors.find("token_embd.weight");
    expects(
        embedding != file.tensors.end() && embedding->second.shape.size() == 2 && embedding->second.shape[0] <= 1 << 30,
        file.where, ": the tensor token_embd.weight is missing or no table of embeddings");

    Config c;
    c.vocab_size = static_cast<int>(embedding->second.shape[0]);
    c.width = whole("embedding_length");
    c.layers = whole("block_count");
    c.heads = whole("attention.head_count");
    c.kv_heads = whole("attention.head_count_kv", c.heads);
    c.head_dim = whole("attention.key_length", c.width / c.heads);
    c.ff = whole("feed_forward_length");
    c.context = whole("context_length");
    c.norm_eps = static_cast<float>(file.number("llama.attention.layer_norm_rms_epsilon"));
    c.rope_theta = static_cast<float>(file.number("llama.rope.freq_base", 10000));
    c.tied = !file.tensors.count("output.weight");
    located(file.where, [&] { validate(c); });
    for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
        const int width = whole(key, c.head_dim);
        expects(width == c.head_dim, file.where, ": the key llama.", key, " is ", width,
                ", but cai runs models only where it is the width of a head, ", c.head_dim);
    }
    c.rope_scaling = rope_scaling_of_gguf(file, c);
    expects(file.number("llama.expert_count", 0) == 0, file.where, ": a mixture of experts, which cai does not run");
    return c;
}

// The tokenizer that the keys "tokenizer.ggml.*" describe. Errors: there is none, it is of a kind that cai does not
// run, or its parts do not fit each other.
inline Tokenizer tokenizer_of_gguf(const Gguf& file) {
    const auto list = [&](const std::string& name, bool is_text, std::optional<size_t> size = {}) -> const GgufValue& {
        const std::string key = "tokenizer.ggml." + name;
        const GgufValue* value = file.find(key);
        expects(value && value->is_array && value->is_text == is_text, file.where, ": the key ", key,
                " is missing or no list of ", is_text ? "texts" : "numbers");
        expects(!size || value->size() == *size, file.where, ": the key ", key, " has ", value->size(), " values for ",
                size.value_or(0), " tokens");
        return *value;
    };
    const std::string model = file.text("tokenizer.ggml.model"), pre = file.text("tokenizer.ggml.pre");
    expects(model == "gpt2" || model == "llama", file.where, ": the tokenizer \"", model,
            "\" is not supported; cai reads \"gpt2\" (byte-level BPE) and \"llama\" (SentencePiece)");
    const std::vector<std::string>& pieces = list("tokens", true).texts;
    const GgufValue* types = file.find("tokenizer.ggml.token_type");
    if (types) list("token_type", false, pieces.size());
    std::vector<Token> specials, added;
    for (size_t id = 0; types && id < pieces.size(); id++) {
        constexpr int kUnknown = 2, kControl = 3, kUserDefined = 4;  // llama.cpp's token types
        const double type = types->numbers[id];
        if (type == kUnknown || type == kControl) specials.push_back(static_cast<Token>(id));
        if (type == kUserDefined) added.push_back(static_cast<Token>(id));
    }
    if (model == "llama") {
        const std::vector<double>& numbers = list("scores", false, pieces.size()).numbers;
        // SentencePiece finds an added token in any text; here no text becomes one, as with special tokens.
        specials.insert(specials.end(), added.begin(), added.end());
        return sentencepiece_tokenizer(pieces, {numbers.begin(), numbers.end()}, specials,
                                       file.number("tokenizer.ggml.add_space_prefix", 1) != 0);
    }
    TokenizerRules rules;
    const bool llama3 = pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
    expects(llama3 || pre == "gpt-2" || pre == "smollm", file.where, ": ",
            pre.empty() || pre == "default" ? "does not say how its tokenizer splits a text into words"
                                            : "its tokenizer splits texts into words as \"" + pre + "\" does",
            "; of tokenizer.ggml.pre, cai knows gpt-2, smollm and llama-bpe: convert the model anew");
    rules.pre_tokenizer = llama3 ? PreTokenizer::llama3 : pre == "smollm" ? PreTokenizer::smollm : PreTokenizer::gpt2;
    rules.ignore_merges = llama3;
    return build_byte_level_tokenizer(pieces, list("merges", true).texts, specials, added, rules);
}

// Where a text begins, where an answer ends, and the chat template. What a file does not say follows llama.cpp: a
// SentencePiece vocabulary begins with token 1 and ends with token 2, and it and Llama 3's put bos before every text.
inline Generation generation_of_gguf(const Gguf& file, int vocab_size) {
    const std::string tokenizer = "tokenizer.ggml.";
    const bool sentencepiece = file.text(tokenizer + "model") == "llama";
    const std::string pre = file.text(tokenizer + "pre");
    const auto token = [&](const std::string& name, double absent) {
        const double id = file.number(tokenizer + name, absent);
        expects(id < vocab_size, file.where, ": the key ", tokenizer, name, " is ", id,
                ", outside of the vocabulary of ", vocab_size);
        return static_cast<Token>(id);
    };
    Generation generation;
    const std::vector<std::string> no_tokens;
    const GgufValue* tokens = file.find(tokenizer + "tokens");
    const std::vector<std::string>& names = tokens && tokens->is_text ? tokens->texts : no_tokens;
    const auto name = [&](Token id) {
        return id >= 0 && static_cast<size_t>(id) < names.size() ? names[static_cast<size_t>(id)] : "";
    };
    const Token bos = token("bos_token_id", sentencepiece ? 1 : -1);
    if (bos >= 0 && file.number(tokenizer + "add_bos_token", sentencepiece || pre == "llama-bpe") != 0)
        generation.bos = bos;
    for (const Token stop :
         {token("eos_token_id", sentencepiece ? 2 : -1), token("eot_token_id", -1), token("eom_token_id", -1)})
        if (stop >= 0) generation.stops.push_back(stop);
    const Token pad = token("padding_token_id", -1);
    if (pad >= 0) generation.pad = pad;
    generation.bos_text = name(bos);
    generation.eos_text = generation.stops.empty() ? "" : name(generation.stops[0]);
    generation.chat_template = file.text("tokenizer.chat_template");
    return generation;
}

// Reads the keys, the list of tensors and, when they are asked for, the tensors. Errors: kBadInput, for a file that is
// malformed or describes a model that cai cannot run.
inline ModelSource open_gguf(const std::filesystem::path& path) {
    const auto file = std::make_shared<const Gguf>(read_gguf(path));
    ModelSource source;
    source.where = path.string();
    source.config = config_of_gguf(*file);
    const size_t D = static_cast<size_t>(source.config.head_dim);
    expects(static_cast<size_t>(source.config.layers) <= file->tensors.size(), path, ": holds ", file->tensors.size(),
            " tensors, too few for ", source.config.layers, " layers");
    std::map<std::string, std::string> theirs;  // the name in the file, by ours
    for (const Tensor& tensor : list_tensors(source.config)) theirs[tensor.name] = gguf_tensor_name(tensor.name);
    for (const auto& [ours, name] : theirs) {
        auto found = file->tensors.find(name);
        expects(found != file->tensors.end(), path, ": tensor ", name, " is missing");
        source.shapes[ours] = found->second.shape;
        expects(!is_turned(ours) || found->second.shape[0] % D == 0, path, ": tensor ", name, " has ",
                found->second.shape[0], " rows, not whole heads of ", D);
    }
    for (const auto& [name, tensor] : file->tensors) {
        bool known = name == "rope_freqs.weight";
        for (const auto& [ours, other] : theirs) known = known || other == name;
        expects(known, path, ": tensor ", name, " of shape ", shape_text(tensor.shape), " has no place in a Llama of ",
                source.config.layers, " layers");
    }

    // visit(format, bytes): each row of a tensor, in our order.
    const auto each_row = [file, theirs, D](const std::string& name, const auto& visit) {
        const GgufTensor& tensor = file->tensors.at(theirs.at(name));
        const size_t rows = element_count(tensor.shape) / tensor.shape.back(), row_bytes = tensor.data.size() / rows;
        for (size_t r = 0; r < rows; r++)
            visit(*tensor.format, tensor.data.data() + (is_turned(name) ? neighbour_row(r, D) : r) * row_bytes);
        const size_t begin = static_cast<size_t>(tensor.data.data() - file->file.bytes.data());
        file->file.forget(begin, begin + tensor.data.size());
    };
    source.read = [each_row, shapes = source.shapes](const std::string& name, float* to) {
        const size_t width = shapes.at(name).back();
        each_row(name, [&](const BlockFormat& format, const char* row) {
            read_blocks(format, row, to, width);
            to += width;
        });
    };
    source.quantization = [file, theirs](const std::string& name) {
        return file->tensors.at(theirs.at(name)).format->quantization;
    };
    source.read_quantized = [each_row, shapes = source.shapes](const std::string& name, size_t group, uint8_t* q,
                                                               float* scales, float* minimums) {
        const size_t width = shapes.at(name).back();
        each_row(name, [&](const BlockFormat& format, const char* row) {
            split_blocks(format, row, width, group, q, scales, minimums);
            q += width, scales += width / group, minimums += width / group;
        });
    };
    source.tokenizer = [file] { return tokenizer_of_gguf(*file); };
    source.generation = generation_of_gguf(*file, source.config.vocab_size);
    return source;
}

}  // namespace cai

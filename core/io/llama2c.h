// llama2.c's .bin of version 0 (https://github.com/karpathy/llama2.c): seven int32 (dim, hidden_dim, n_layers, n_heads,
// n_kv_heads, vocab_size, seq_len), then the weights as floats, each kind for all layers at once. A vocab_size below
// zero says that the classifier is a matrix of its own. Its tokenizer.bin holds SentencePiece's pieces and their
// scores.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../lm/sentencepiece.h"
#include "field_reader.h"
#include "mapped_file.h"
#include "model_source.h"
#include "rope_layout.h"
#include "safetensors.h"

namespace cai {

// tokenizer.bin: the longest piece's length, then for each token a float score, its int32 length and its bytes. The
// line breaks around <s> and </s>, ids 1 and 2, are not theirs.
inline Tokenizer read_llama2c_tokenizer(const std::filesystem::path& path, int vocab_size) {
    const MappedFile file = map_file(path);
    expects(!file.bytes.starts_with('{'), path, ": JSON, and not llama2.c's tokenizer.bin, which this model needs");
    FieldReader reader{file.bytes, path.string()};
    std::vector<std::string> pieces;
    std::vector<float> scores;
    reader.number<int32_t>();
    for (int id = 0; id < vocab_size; id++) {
        expects(reader.offset < reader.bytes.size(), path, ": ends after ", id, " tokens, but the model has ",
                vocab_size, "; name its own tokenizer with --tokenizer");
        scores.push_back(reader.number<float>());
        const int32_t length = reader.number<int32_t>();
        expects(length >= 0, path, ": token ", id, " has the length ", length,
                "; this is not llama2.c's tokenizer.bin");
        const std::string_view piece = reader.take(static_cast<size_t>(length));
        pieces.emplace_back(id == 1 ? "<s>" : id == 2 ? "</s>" : piece);
    }
    expects(reader.offset == reader.bytes.size(), path, ": holds more than the ", vocab_size,
            " tokens of the model; name its own tokenizer with --tokenizer");
    return sentencepiece_tokenizer(std::move(pieces), std::move(scores), {0, 1, 2}, true);
}

// The tokenizer beside a model: llama2.c names one that it trained after its size. Empty: there is none.
inline std::filesystem::path find_llama2c_tokenizer(const std::filesystem::path& model, int vocab_size) {
    for (const std::string& name : {concat("tok", vocab_size, ".bin"), std::string("tokenizer.bin")})
        if (std::filesystem::path path = model.parent_path() / name; std::filesystem::exists(path)) return path;
    return {};
}

// tokenizer: the path of its tokenizer.bin; empty: the one beside the model, tokN.bin for a vocabulary of N, or
// tokenizer.bin. Errors: the file is of another format or version, truncated, or too long.
inline ModelSource open_llama2c(const std::filesystem::path& path, const std::filesystem::path& tokenizer = {}) {
    const MappedFile file = map_file(path);
    FieldReader reader{file.bytes, path.string()};
    expects(!reader.bytes.starts_with("24ka"), path,
            ": llama2.c's format of a later version than 0; export the model with its export.py --version 0");
    int32_t fields[7];
    for (int32_t& field : fields) field = reader.number<int32_t>();
    const auto [dim, hidden_dim, n_layers, n_heads, n_kv_heads, vocab_size, seq_len] = fields;
    for (int i = 0; i < 7; i++)
        expects(fields[i] > 0 || (i == 5 && fields[i] < 0 && fields[i] > INT32_MIN), path,
                ": not llama2.c's format of version 0: number ", i + 1, " of its header is ", fields[i]);
    expects(dim % n_heads == 0, path, ": not llama2.c's format of version 0: ", n_heads,
            " heads do not share a width of ", dim);

    ModelSource source;
    source.where = path.string();
    Config& c = source.config;
    c.vocab_size = std::abs(vocab_size);
    c.width = dim, c.ff = hidden_dim, c.layers = n_layers, c.heads = n_heads, c.kv_heads = n_kv_heads;
    c.head_dim = dim / n_heads;
    c.context = seq_len;
    c.tied = vocab_size > 0;
    located(path.string(), [&] { validate(c); });

    // Where each tensor begins in the file.
    std::map<std::string, const char*> places;
    const size_t V = c.vocab_size, C = c.width, F = c.ff, D = c.head_dim, HD = c.heads * D, KD = c.kv_heads * D;
    const auto place = [&](const std::string& name, const std::vector<size_t>& shape) {
        const size_t floats = element_count(shape);  // at most 2^62
        expects(floats <= (reader.bytes.size() - reader.offset) / sizeof(float), path, ": truncated: tensor ", name,
                " of shape ", shape_text(shape), " begins at byte ", reader.offset, " of ", reader.bytes.size(),
                "; copy or fetch the file again");
        source.shapes[name] = shape;
        places[name] = reader.take(floats * sizeof(float)).data();
    };
    const auto place_layers = [&](const std::string& name, const std::vector<size_t>& shape) {
        for (int l = 0; l < c.layers; l++) place(concat("model.layers.", l, ".", name, ".weight"), shape);
    };
    place("model.embed_tokens.weight", {V, C});
    place_layers("input_layernorm", {C});
    place_layers("self_attn.q_proj", {HD, C});
    place_layers("self_attn.k_proj", {KD, C});
    place_layers("self_attn.v_proj", {KD, C});
    place_layers("self_attn.o_proj", {C, HD});
    place_layers("post_attention_layernorm", {C});
    place_layers("mlp.gate_proj", {F, C});
    place_layers("mlp.down_proj", {C, F});
    place_layers("mlp.up_proj", {F, C});
    place("model.norm.weight", {C});
    place("RoPE's cosines and sines", {static_cast<size_t>(c.context), D});  // which follow from the configuration
    source.shapes.erase("RoPE's cosines and sines");
    if (!c.tied) place("lm_head.weight", {V, C});
    expects(reader.offset == reader.bytes.size(), path, ": not llama2.c's format of version 0: its header asks for ",
            reader.offset, " bytes, the file has ", reader.bytes.size());

    source.read = [file, places, shapes = source.shapes, D](const std::string& name, float* to) {
        const std::vector<size_t>& shape = shapes.at(name);
        const size_t row = shape.back() * sizeof(float), rows = element_count(shape) / shape.back();
        const bool turned = name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
        for (size_t r = 0; r < rows; r++, to += shape.back())
            std::memcpy(to, places.at(name) + (turned ? neighbour_row(r, D) : r) * row, row);
    };
    const std::filesystem::path beside = tokenizer.empty() ? find_llama2c_tokenizer(path, c.vocab_size) : tokenizer;
    source.tokenizer = [path, beside, V] {
        expects(!beside.empty(), path, ": no tokenizer is beside it, neither tok", V,
                ".bin nor tokenizer.bin; name it with --tokenizer");
        return read_llama2c_tokenizer(beside, static_cast<int>(V));
    };
    source.generation.bos = 1;
    source.generation.stops = {1, 2};  // texts were joined by bos alone in training; eos ends a turn of a chat
    return source;
}

}  // namespace cai

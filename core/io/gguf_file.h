// GGUF (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md), the file format of llama.cpp: "GGUF", a version,
// keys with values, a list of tensors, then their data.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/utf8.h"
#include "block_formats.h"
#include "field_reader.h"
#include "mapped_file.h"

namespace cai {

// The types of values, by their numbers in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

// A value, or an array of them: a single one is a list of one. Numbers and truth values are in `numbers`.
struct GgufValue {
    bool is_array = false, is_text = false;
    std::vector<double> numbers;
    std::vector<std::string> texts;
    size_t size() const { return is_text ? texts.size() : numbers.size(); }
};

struct GgufTensor {
    std::vector<size_t> shape;  // outermost first, as everywhere here; the file has it the other way round
    const BlockFormat* format;
    std::string_view data;
};

struct Gguf {
    std::string where;  // the path, for error messages
    MappedFile file;
    std::map<std::string, GgufValue> keys;
    std::map<std::string, GgufTensor> tensors;

    const GgufValue* find(const std::string& key) const {
        auto found = keys.find(key);
        return found == keys.end() ? nullptr : &found->second;
    }
    // The single number, truth value or text of a key. Errors: it is of another kind; without `absent`, it is missing.
    double number(const std::string& key, std::optional<double> absent = {}) const {
        const GgufValue* value = find(key);
        if (!value && absent) return *absent;
        expects(value, where, ": the key ", key, " is missing");
        expects(!value->is_array && !value->is_text, where, ": the key ", key, " is not a number");
        return value->numbers[0];
    }
    std::string text(const std::string& key) const {  // "" if it is missing
        const GgufValue* value = find(key);
        if (!value) return "";
        expects(!value->is_array && value->is_text, where, ": the key ", key, " is not a text");
        return value->texts[0];
    }
};

// The value that the reader is at. Errors: an unknown type, an array of arrays, or more elements than the file has room
// for.
inline GgufValue read_gguf_value(FieldReader& reader, const std::string& key) {
    GgufValue value;
    auto type = static_cast<GgufType>(reader.number<uint32_t>());
    uint64_t count = 1;
    if (type == GgufType::array) {
        value.is_array = true;
        type = static_cast<GgufType>(reader.number<uint32_t>());
        count = reader.number<uint64_t>();
        expects(type != GgufType::array, reader.where, ": the key ", key,
                " holds arrays in an array, which cai does not read");
    }
    value.is_text = type == GgufType::string;
    static constexpr size_t kSizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};  // of a text: that of its length
    const size_t number = static_cast<size_t>(type);
    expects(number < std::size(kSizes), reader.where, ": the key ", key, " has a value of the unknown type ", number);
    expects(count <= (reader.bytes.size() - reader.offset) / kSizes[number], reader.where, ": the key ", key,
            " promises ", count, " values, more than the rest of the file holds; copy or fetch the file again");
    for (uint64_t i = 0; i < count; i++) switch (type) {
            case GgufType::string:
                value.texts.emplace_back(reader.take(reader.number<uint64_t>()));
                break;
            case GgufType::u8:
                value.numbers.push_back(reader.number<uint8_t>());
                break;
            case GgufType::i8:
                value.numbers.push_back(reader.number<int8_t>());
                break;
            case GgufType::u16:
                value.numbers.push_back(reader.number<uint16_t>());
                break;
            case GgufType::i16:
                value.numbers.push_back(reader.number<int16_t>());
                break;
            case GgufType::u32:
                value.numbers.push_back(reader.number<uint32_t>());
                break;
            case GgufType::i32:
                value.numbers.push_back(reader.number<int32_t>());
                break;
            case GgufType::f32:
                value.numbers.push_back(reader.number<float>());
                break;
            case GgufType::boolean:
                value.numbers.push_back(reader.number<uint8_t>() != 0);
                break;
            case GgufType::u64:
                value.numbers.push_back(static_cast<double>(reader.number<uint64_t>()));
                break;
            case GgufType::i64:
                value.numbers.push_back(static_cast<double>(reader.number<int64_t>()));
                break;
            case GgufType::f64:
                value.numbers.push_back(reader.number<double>());
                break;
            case GgufType::array:
                break;  // refused above
        }
    return value;
}

// Reads keys, and tensors without their data. Every count, length and offset is checked against the file's size.
inline Gguf parse_gguf(MappedFile file, const std::string& where) {
    const std::string again = "; copy or fetch the file again";
    FieldReader reader{file.bytes, where};
    expects(file.bytes.starts_with("GGUF"), where, ": not a GGUF file: it does not begin with \"GGUF\"");
    reader.offset = 4;
    const uint32_t version = reader.number<uint32_t>();
    expects(version == 2 || version == 3, where, ": GGUF of version ", version,
            ", but cai reads versions 2 and 3 of little-endian machines; convert it with llama.cpp's newest scripts");
    const uint64_t tensor_count = reader.number<uint64_t>(), key_count = reader.number<uint64_t>();
    // A key takes at least 13 bytes, a tensor at least 32.
    expects(key_count <= file.bytes.size() / 13 && tensor_count <= file.bytes.size() / 32, where,
            ": its header promises ", key_count, " keys and ", tensor_count, " tensors, more than a file of ",
            file.bytes.size(), " bytes holds", again);

    Gguf gguf{where, file, {}, {}};
    for (uint64_t i = 0; i < key_count; i++) {
        const std::string key(reader.take(reader.number<uint64_t>()));
        expects(valid_utf8(key), where, ": the name of key ", i, " is not UTF-8", again);
        const bool is_new = gguf.keys.emplace(key, read_gguf_value(reader, key)).second;
        expects(is_new, where, ": has the key ", key, " twice");
    }

    struct Place {
        uint64_t begin, end;  // in the data
        std::string name;
    };
    std::vector<Place> places;
    for (uint64_t i = 0; i < tensor_count; i++) {
        const std::string name(reader.take(reader.number<uint64_t>()));
        expects(valid_utf8(name), where, ": the name of tensor ", i, " is not UTF-8", again);
        const uint32_t dimensions = reader.number<uint32_t>();
        expects(dimensions >= 1 && dimensions <= 4, where, ": tensor ", name, " has ", dimensions,
                " dimensions, not 1 to 4");
        GgufTensor tensor;
        for (uint32_t d = 0; d < dimensions; d++) tensor.shape.insert(tensor.shape.begin(), reader.number<uint64_t>());
        const uint32_t number = reader.number<uint32_t>();
        tensor.format = find_block_format(number);
        expects(tensor.format, where, ": tensor ", name, " is in ggml's format ", number,
                ", but cai reads F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K and Q6_K; fetch the model in "
                "one of them");
        uint64_t count = tensor.format->bytes;
        bool fits = tensor.shape.back() % tensor.format->values == 0;
        expects(fits, where, ": tensor ", name, " has rows of ", tensor.shape.back(), " values, not whole blocks of ",
                tensor.format->values, " as ", tensor.format->name, " needs");
        for (size_t d = 0; d < dimensions; d++)
            fits = fits &&
                   !__builtin_mul_overflow(
                       count, d + 1 < dimensions ? tensor.shape[d] : tensor.shape[d] / tensor.format->values, &count);
        expects(fits && count > 0, where, ": tensor ", name, " has the impossible shape ", shape_text(tensor.shape));
        const uint64_t begin = reader.number<uint64_t>();
        expects(begin <= UINT64_MAX - count, where, ": tensor ", name, " begins at the impossible byte ", begin, again);
        places.push_back({begin, begin + count, name});
        expects(gguf.tensors.emplace(name, tensor).second, where, ": has the tensor ", name, " twice");
    }

    const double alignment = gguf.number("general.alignment", 32);
    const uint64_t align = alignment >= 1 && alignment <= 1 << 20 ? static_cast<uint64_t>(alignment) : 0;
    expects(align > 0 && (align & (align - 1)) == 0, where, ": general.alignment is ", alignment,
            ", not a power of two");
    const uint64_t data = (reader.offset + align - 1) / align * align;
    std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.begin < b.begin; });
    uint64_t previous = 0;
    for (const Place& place : places) {
        expects(place.begin % align == 0, where, ": tensor ", place.name, " begins at byte ", place.begin,
                " of the data, not at a multiple of general.alignment, ", align);
        expects(place.begin >= previous, where, ": tensor ", place.name, " begins at byte ", place.begin,
                " of the data, inside of the tensor before it, which ends at ", previous);
        expects(data <= file.bytes.size() && place.end <= file.bytes.size() - data, where, ": truncated: tensor ",
                place.name, " ends at byte ", place.end, " of the data, the file holds ",
                file.bytes.size() - std::min<uint64_t>(data, file.bytes.size()), again);
        gguf.tensors.at(place.name).data = file.bytes.substr(data + place.begin, place.end - place.begin);
        previous = place.end;
    }
    return gguf;
}

inline Gguf read_gguf(const std::filesystem::path& path) { return parse_gguf(map_file(path), path.string()); }

// The names of a Llama's tensors, in GGUF and here; those of a layer follow "blk.N." and "model.layers.N.".
inline constexpr std::pair<const char*, const char*>
    kGgufTensors[] = {{"token_embd", "model.embed_tokens"}, {"output_norm", "model.norm"}, {"output", "lm_head"}},
    kGgufLayerTensors[] = {
        {"attn_norm", "input_layernorm"}, {"attn_q", "self_attn.q_proj"},      {"attn_k", "self_attn.k_proj"},
        {"attn_v", "self_attn.v_proj"},   {"attn_output", "self_attn.o_proj"}, {"ffn_norm", "post_attention_layernorm"},
        {"ffn_gate", "mlp.gate_proj"},    {"ffn_up", "mlp.up_proj"},           {"ffn_down", "mlp.down_proj"}};

// GGUF's name for a tensor that has this name in list_tensors(). Errors: GGUF's "llama" has no such tensor.
inline std::string gguf_tensor_name(const std::string& ours) {
    const auto translate = [&](const auto& names, const std::string& name, const std::string& prefix) {
        for (const auto& [theirs, known] : names)
            if (name == std::string(known) + ".weight") return prefix + theirs + ".weight";
        fail(kBadInput, "the tensor ", ours, " has no name in GGUF's architecture \"llama\"");
    };
    const std::string layers = "model.layers.";
    if (!ours.starts_with(layers)) return translate(kGgufTensors, ours, "");
    const size_t dot = ours.find('.', layers.size());
    return translate(kGgufLayerTensors, ours.substr(dot + 1),
                     "blk." + ours.substr(layers.size(), dot + 1 - layers.size()));
}

// Whether RoPE turns the rows of this tensor, named as in list_tensors().
inline bool is_turned(const std::string& name) {
    return name.ends_with("q_proj.weight") || name.ends_with("k_proj.weight");
}

}  // namespace cai

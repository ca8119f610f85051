// safetensors (https://github.com/huggingface/safetensors), the file format of weights: the u64 length of the header,
// the header in JSON, then the data: row-major, little-endian, without gaps.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/json.h"
#include "mapped_file.h"

namespace cai {

static_assert(std::endian::native == std::endian::little,
              "safetensors are read and written as the machine's own numbers");

// The number type of weights in a file. In memory they are float32.
enum class WeightType { float32, float16 };
inline constexpr const char* kWeightTypes[] = {"float32", "float16"};

// A tensor to write; `values` points to host memory.
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

// The nearest IEEE 754 binary16, ties to even; beyond 65504 that number. The inverse of Safetensors::from_float16().
// value: finite.
inline uint16_t to_float16(float value) {
    const uint32_t bits = std::bit_cast<uint32_t>(value), sign = bits >> 16 & 0x8000;
    const float magnitude = std::min(std::abs(value), 65504.0f);
    // The 10 bits of fraction that a half keeps are what a float keeps of the magnitude beside a number 2^13 times its
    // power of two, at least that of the smallest normal half.
    const float power = std::bit_cast<float>(std::bit_cast<uint32_t>(std::max(magnitude, 0x1p-14f)) & 0x7f800000u);
    const float rounded = magnitude + power * 0x1p13f - power * 0x1p13f;
    const uint32_t half = rounded < 0x1p-14f ? static_cast<uint32_t>(rounded * 0x1p24f)
                                             : (std::bit_cast<uint32_t>(rounded) >> 13) - (112u << 10);
    return static_cast<uint16_t>(sign | half);
}

// The bytes of a file with these tensors, identical to those of the reference implementation: data sorted by name, the
// header padded with spaces to a multiple of 8. transformers 4 requires "format": "pt". values: finite, for float16.
inline std::string safetensors_bytes(std::vector<NamedTensor> tensors, WeightType type = WeightType::float32) {
    const bool half = type == WeightType::float16;
    std::sort(tensors.begin(), tensors.end(), [](auto& a, auto& b) { return a.name < b.name; });
    Json header;
    header.set("__metadata__", Json::Object{{"format", "pt"}});
    size_t end = 0;
    for (const NamedTensor& tensor : tensors) {
        size_t begin = end;
        end += element_count(tensor.shape) * (half ? sizeof(uint16_t) : sizeof(float));
        header.set(tensor.name, Json::Object{{"dtype", half ? "F16" : "F32"},
                                             {"shape", Json::Array(tensor.shape.begin(), tensor.shape.end())},
                                             {"data_offsets", Json::Array{begin, end}}});
    }
    std::string text = dump(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    uint64_t length = text.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.reserve(sizeof length + text.size() + end);
    bytes += text;
    for (const NamedTensor& tensor : tensors) {
        const size_t count = element_count(tensor.shape);
        if (half) {
            std::vector<uint16_t> halves(count);
            std::transform(tensor.values, tensor.values + count, halves.begin(), to_float16);
            bytes.append(reinterpret_cast<const char*>(halves.data()), count * sizeof(uint16_t));
        } else {
            bytes.append(reinterpret_cast<const char*>(tensor.values), count * sizeof(float));
        }
    }
    return bytes;
}

inline void write_safetensors(const std::filesystem::path& path, std::vector<NamedTensor> tensors,
                              WeightType type = WeightType::float32) {
    write_file(path, safetensors_bytes(std::move(tensors), type));
}

// A file that has passed every check of the reference implementation.
struct Safetensors {
    struct Entry {
        std::string dtype;
        std::vector<size_t> shape;
        size_t begin, end;  // in `content`
    };
    std::string where;         // the path, for error messages
    std::string_view content;  // the whole file
    MappedFile file;           // which holds it
    std::map<std::string, Entry> entries;

    const Entry& entry(const std::string& name) const {
        auto found = entries.find(name);
        expects(found != entries.end(), where, ": tensor ", name, " is missing");
        return found->second;
    }

    std::map<std::string, std::vector<size_t>> shapes() const {
        std::map<std::string, std::vector<size_t>> shapes;
        for (const auto& [name, entry] : entries) shapes[name] = entry.shape;
        return shapes;
    }

    // Writes the values of a tensor in F32, BF16 or F16, as floats, to memory that holds the product of its shape.
    void read(const std::string& name, float* to) const {
        const Entry& tensor = entry(name);
        const char* data = content.data() + tensor.begin;
        const size_t bytes = tensor.end - tensor.begin;
        if (tensor.dtype == "F32") {
            if (bytes) std::memcpy(to, data, bytes);
            return;
        }
        expects(tensor.dtype == "BF16" || tensor.dtype == "F16", where, ": tensor ", name, " is ", tensor.dtype,
                ", but cai reads F32, BF16 and F16; convert it with PyTorch first");
        const bool is_float16 = tensor.dtype == "F16";
        for (size_t i = 0; i < bytes / 2; i++) {
            uint16_t half;
            std::memcpy(&half, data + 2 * i, 2);
            to[i] = is_float16 ? from_float16(half) : std::bit_cast<float>(uint32_t{half} << 16);
        }
    }
    std::vector<float> floats(const std::string& name) const {
        std::vector<float> values(element_count(entry(name).shape));
        read(name, values.data());
        return values;
    }

    // IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 bits of fraction. A float has the same three fields,
    // with 8 bits of exponent and bias 127: the product corrects the bias, and is exact for subnormals too.
    static float from_float16(uint16_t half) {
        const uint32_t magnitude = half & 0x7fffu, sign = uint32_t{half} >> 15 << 31;
        const float value = magnitude >= 0x7c00 ? std::bit_cast<float>(magnitude << 13 | 0x7f800000u)
                                                : std::bit_cast<float>(magnitude << 13) * 0x1p112f;
        return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
    }
};

// Bits per element of each type in the format; 0: unknown.
inline size_t bits_of_dtype(const std::string& dtype) {
    static const std::map<std::string, size_t> bits = {
        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"BOOL", 8},        {"U8", 8},          {"I8", 8},
        {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
        {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
        {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}};
    auto found = bits.find(dtype);
    return found == bits.end() ? 0 : found->second;
}

// Rejects what the reference implementation rejects, in the same order; its error names are in brackets.
inline Safetensors parse_safetensors(MappedFile memory, const std::string& where) {
    const std::string_view content = memory.bytes;
    const char* remedy = "; remove its folder and run the stage that wrote it with --force, or fetch it again";
    uint64_t length;
    expects(content.size() >= sizeof length, where, ": truncated: ", content.size(),
            " bytes, a safetensors file has at least 8", remedy);  // [HeaderTooSmall]
    std::memcpy(&length, content.data(), sizeof length);
    expects(!content.starts_with("version https://git-lfs"), where,
            ": a Git LFS pointer instead of the weights; run `git lfs pull` in its folder");
    expects(length <= 100'000'000, where, ": not a safetensors file: its first 8 bytes promise a header of ", length,
            " bytes");  // [HeaderTooLarge]
    expects(length <= content.size() - sizeof length, where, ": truncated: its header should be ", length,
            " bytes, the file has ", content.size(), remedy);  // [InvalidHeaderLength]
    const size_t data = sizeof length + length;

    // [InvalidHeader, InvalidHeaderDeserialization]
    Json header = parse_json(content.substr(sizeof length, length), where + ": header");
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
    file.content = content;
    file.file = std::move(memory);
    return file;
}
inline Safetensors parse_safetensors(std::string content, const std::string& where) {
    return parse_safetensors(in_memory(std::move(content)), where);
}

inline Safetensors read_safetensors(const std::filesystem::path& path) {
    return parse_safetensors(map_file(path), path.string());
}

}  // namespace cai

// GGUF files written by hand for tests, field by field as ggml's docs/gguf.md lays them out.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cai {

struct GgufBytes {
    std::string bytes;

    template <class Number>
    GgufBytes& number(Number value) {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
        return *this;
    }
    GgufBytes& text(const std::string& value) {
        number(uint64_t{value.size()});
        bytes += value;
        return *this;
    }
    GgufBytes& pad() {
        bytes.resize((bytes.size() + 31) / 32 * 32);
        return *this;
    }
};

struct GgufTensorBytes {
    std::string name;
    std::vector<uint64_t> shape;  // innermost first, as in the file
    uint32_t format;
    std::string data;
};

// A value with its type in front, as it follows a key.
inline std::string gguf_u32(uint32_t value) { return GgufBytes().number(uint32_t{4}).number(value).bytes; }
inline std::string gguf_f32(float value) { return GgufBytes().number(uint32_t{6}).number(value).bytes; }
inline std::string gguf_bool(bool value) { return GgufBytes().number(uint32_t{7}).number(uint8_t{value}).bytes; }
inline std::string gguf_text(const std::string& value) { return GgufBytes().number(uint32_t{8}).text(value).bytes; }
inline std::string gguf_texts(const std::vector<std::string>& values) {
    GgufBytes list;
    list.number(uint32_t{9}).number(uint32_t{8}).number(uint64_t{values.size()});
    for (const std::string& value : values) list.text(value);
    return list.bytes;
}
inline std::string gguf_integers(const std::vector<int32_t>& values) {
    GgufBytes list;
    list.number(uint32_t{9}).number(uint32_t{5}).number(uint64_t{values.size()});
    for (int32_t value : values) list.number(value);
    return list.bytes;
}
inline std::string gguf_floats(const std::vector<float>& values) {
    GgufBytes list;
    list.number(uint32_t{9}).number(uint32_t{6}).number(uint64_t{values.size()});
    for (float value : values) list.number(value);
    return list.bytes;
}
inline std::string bytes_of_floats(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

using GgufKeys = std::vector<std::pair<std::string, std::string>>;

// The whole file; each tensor begins at a multiple of 32.
inline std::string gguf_file(const GgufKeys& keys, const std::vector<GgufTensorBytes>& tensors, uint32_t version = 3) {
    GgufBytes file;
    file.bytes = "GGUF";
    file.number(version).number(uint64_t{tensors.size()}).number(uint64_t{keys.size()});
    for (const auto& [key, value] : keys) file.text(key).bytes += value;
    GgufBytes data;
    for (const GgufTensorBytes& tensor : tensors) {
        data.pad();
        file.text(tensor.name).number(static_cast<uint32_t>(tensor.shape.size()));
        for (uint64_t size : tensor.shape) file.number(size);
        file.number(tensor.format).number(uint64_t{data.bytes.size()});
        data.bytes += tensor.data;
    }
    return file.pad().bytes + data.bytes;
}

}  // namespace cai

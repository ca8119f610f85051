// Tensors of several number types in a safetensors file, in the order in which they were computed: what `cai dump`
// writes and `cai diff` reads. The order is a JSON list of names in the file's __metadata__, under "order".
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "safetensors.h"

namespace cai {

// A tensor of any type of the format; `bytes` are its values, row-major and little-endian.
struct TypedTensor {
    std::string name, dtype;
    std::vector<size_t> shape;
    std::string bytes;
};

// F32, F64, I32 or I64, as the values are. shape {}: a scalar. Errors: there are more or fewer values than in the
// shape.
template <class T>
TypedTensor typed_tensor(const std::string& name, const std::vector<size_t>& shape, const std::vector<T>& values) {
    static_assert(std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, int32_t> ||
                  std::is_same_v<T, int64_t>);
    expects(values.size() == element_count(shape), "tensor ", name, " of shape ", shape_text(shape), " got ",
            values.size(), " values");
    const std::string dtype = concat(std::is_integral_v<T> ? 'I' : 'F', sizeof(T) * 8);
    return {name, dtype, shape, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T))};
}

// Writes the tensors, with their order and the settings that made them in the file's __metadata__. Names are distinct.
inline void write_typed_tensors(const std::filesystem::path& path, const std::vector<TypedTensor>& tensors,
                                const Json& settings) {
    Json order = Json::Array{};
    std::vector<const TypedTensor*> sorted;
    for (const TypedTensor& tensor : tensors) order.push(tensor.name), sorted.push_back(&tensor);
    // Wide numbers first, so that each is aligned, then by name, as the reference implementation does.
    std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) {
        return std::pair(-static_cast<int>(bits_of_dtype(a->dtype)), a->name) <
               std::pair(-static_cast<int>(bits_of_dtype(b->dtype)), b->name);
    });
    Json header;
    header.set("__metadata__", Json::Object{{"format", "pt"}, {"order", dump(order)}, {"settings", dump(settings)}});
    size_t end = 0;
    for (const TypedTensor* tensor : sorted) {
        const size_t begin = end;
        end += tensor->bytes.size();
        expects(!header.find(tensor->name), path, ": two tensors have the name ", tensor->name);
        header.set(tensor->name, Json::Object{{"dtype", tensor->dtype},
                                              {"shape", Json::Array(tensor->shape.begin(), tensor->shape.end())},
                                              {"data_offsets", Json::Array{begin, end}}});
    }
    std::string text = dump(header);
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t length = text.size();
    std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.reserve(sizeof length + text.size() + end);
    bytes += text;
    for (const TypedTensor* tensor : sorted) bytes += tensor->bytes;
    write_file(path, bytes);
}

// The values of a file's tensor, each exactly. Errors: a type that cai does not read, or an integer beyond 2^53, which
// a double cannot hold.
inline std::vector<double> doubles(const Safetensors& file, const std::string& name) {
    const auto found = file.entries.find(name);
    expects(found != file.entries.end(), file.where, ": tensor ", name, " is missing");
    const Safetensors::Entry& entry = found->second;
    const auto values_of = [&]<class T>(T) {
        std::vector<double> values((entry.end - entry.begin) / sizeof(T));
        for (size_t i = 0; i < values.size(); i++) {
            T value;
            std::memcpy(&value, file.content.data() + entry.begin + i * sizeof(T), sizeof(T));
            values[i] = static_cast<double>(value);
            expects(!std::is_integral_v<T> || std::abs(values[i]) < 0x1p53, file.where, ": tensor ", name,
                    ": value number ", i, " is beyond 2^53, too large to be compared");
        }
        return values;
    };
    if (entry.dtype == "F64") return values_of(double());
    if (entry.dtype == "I64") return values_of(int64_t());
    if (entry.dtype == "I32") return values_of(int32_t());
    if (entry.dtype == "U8" || entry.dtype == "BOOL") return values_of(uint8_t());
    expects(entry.dtype == "F32" || entry.dtype == "F16" || entry.dtype == "BF16", file.where, ": tensor ", name,
            " is ", entry.dtype, "; cai compares F64, F32, F16, BF16, I64, I32, U8 and BOOL: convert it first");
    const std::vector<float> values = file.floats(name);
    return {values.begin(), values.end()};
}

// The names of the file's tensors in their order of computation; those that the file gives no order, by name at the
// end. path: of a file that read_safetensors() accepts.
inline std::vector<std::string> computed_order(const std::filesystem::path& path, const Safetensors& file) {
    uint64_t length = 0;
    std::ifstream stream(path, std::ios::binary);
    stream.read(reinterpret_cast<char*>(&length), sizeof length);
    std::string text(length, ' ');
    stream.read(text.data(), static_cast<std::streamsize>(length));
    expects(stream.good(), "cannot read ", path);
    std::vector<std::string> names;
    const Json header = parse_json(text, concat(path, ": header"));
    const Json* metadata = header.find("__metadata__");
    const Json* order = metadata ? metadata->find("order") : nullptr;
    const Json list = order ? parse_json(order->string(), concat(path, ": __metadata__: order")) : Json(Json::Array{});
    std::set<std::string> known;
    located(concat(path, ": __metadata__: order"), [&] {
        for (const Json& name : list.array())
            if (file.entries.count(name.string()) && known.insert(name.string()).second) names.push_back(name.string());
    });
    for (const auto& [name, entry] : file.entries)
        if (!known.count(name)) names.push_back(name);
    return names;
}

}  // namespace cai

// The weights in a Hugging Face directory: model.safetensors, or several files and model.safetensors.index.json.
#pragma once
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model_source.h"
#include "safetensors.h"

namespace cai {

struct ShardedWeights {
    std::string where;  // the file, or the index of several, for error messages
    std::vector<Safetensors> files;
    std::map<std::string, size_t> file_of;  // by tensor: the index in `files`

    const Safetensors& file(const std::string& name) const {
        auto found = file_of.find(name);
        expects(found != file_of.end(), where, ": tensor ", name, " is missing");
        return files[found->second];
    }
    TensorShapes shapes() const {
        TensorShapes shapes;
        for (const auto& [name, number] : file_of) shapes[name] = files[number].entry(name).shape;
        return shapes;
    }
    // Writes the values of a tensor as floats, and lets the system have back the memory that the file's part took.
    void read(const std::string& name, float* to) const {
        const Safetensors& from = file(name);
        from.read(name, to);
        from.file.forget(from.entry(name).begin, from.entry(name).end);
    }
    // Whether two tensors are stored as the same numbers.
    bool equal(const std::string& a, const std::string& b) const {
        if (!file_of.count(a) || !file_of.count(b)) return false;
        const auto bytes = [&](const std::string& name) {
            const Safetensors::Entry& entry = file(name).entry(name);
            return file(name).content.substr(entry.begin, entry.end - entry.begin);
        };
        const Safetensors::Entry &first = file(a).entry(a), &second = file(b).entry(b);
        const bool equal = first.dtype == second.dtype && first.shape == second.shape && bytes(a) == bytes(b);
        file(a).file.forget(first.begin, first.end), file(b).file.forget(second.begin, second.end);
        return equal;
    }
};

// Null if the directory holds no weights. Errors: a damaged file, an index that does not fit its files, or weights in
// another format than safetensors.
inline std::shared_ptr<const ShardedWeights> open_weights(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    const fs::path path = directory / "model.safetensors", index = directory / "model.safetensors.index.json";
    auto weights = std::make_shared<ShardedWeights>();
    if (fs::exists(path)) {
        weights->where = path.string();
        weights->files.push_back(read_safetensors(path));
        for (const auto& [name, entry] : weights->files[0].entries) weights->file_of[name] = 0;
        return weights;
    }
    if (!fs::exists(index)) {
        for (const char* other : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
            expects(!fs::exists(directory / other), directory / other,
                    ": weights in PyTorch's own format, which cai does not read; save them as safetensors, in ",
                    "transformers with save_pretrained(directory)");
        return nullptr;
    }
    weights->where = index.string();
    const Json json = read_json(index);
    const Json* map = json.is_object() ? json.find("weight_map") : nullptr;
    expects(map && map->is_object(), index, ": has no \"weight_map\" of the tensors' files");
    std::map<std::string, size_t> numbers;  // by file name
    for (const auto& [name, value] : map->object()) {
        expects(value.is_string() && fs::path(value.string()).filename() == value.string(), index, ": tensor ", name,
                " is not in a file beside the index: ", dump(value));
        const std::string& file = value.string();
        if (numbers.emplace(file, weights->files.size()).second)
            weights->files.push_back(read_safetensors(directory / file));
        const size_t number = numbers[file];
        expects(weights->files[number].entries.count(name), index, ": tensor ", name, " should be in ", file,
                ", which does not hold it; fetch both again");
        weights->file_of[name] = number;
    }
    return weights;
}

}  // namespace cai

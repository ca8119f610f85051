// The values of a tensor of a model on disk.
#pragma once
#include <string>
#include <vector>

#include "../core/io/model_source.h"
#include "../core/io/safetensors.h"

namespace cai {

inline std::vector<float> tensor_values(const ModelSource& source, const std::string& name) {
    std::vector<float> values(element_count(source.shapes.at(name)));
    source.read(name, values.data());
    return values;
}

}  // namespace cai

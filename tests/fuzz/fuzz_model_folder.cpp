// Weights in two files with an index: what was accepted is read.
#include "fuzz.h"

#include "../../core/io/sharded_weights.h"

void cai::read_input(const std::string& input) {
    const auto weights = open_weights(folder_of(input, {"model.safetensors.index.json", "a", "b"}));
    for (const auto& [name, shape] : weights->shapes()) {
        std::vector<float> values(element_count(shape));
        weights->read(name, values.data());
        weights->equal(name, weights->file_of.begin()->first);
    }
}

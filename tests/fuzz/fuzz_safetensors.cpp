// Safetensors: each tensor that was accepted is read, or refused for its dtype, and has as many values as its shape.
#include "../../core/io/safetensors.h"
#include "fuzz.h"

void cai::read_input(const std::string& input) {
    const Safetensors file = read_safetensors(file_of(input));
    for (const auto& [name, entry] : file.entries)
        must(file.floats(name).size() == element_count(entry.shape), "as many values as the shape does not say");
}

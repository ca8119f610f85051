// Safetensors: each tensor that was accepted is read, or refused for its dtype.
#include "fuzz.h"

#include "../../core/io/safetensors.h"

void cai::read_input(const std::string& input) {
    const Safetensors file = read_safetensors(file_of(input));
    for (const auto& [name, entry] : file.entries) {
        std::vector<float> values(element_count(entry.shape));
        file.read(name, values.data());
    }
}

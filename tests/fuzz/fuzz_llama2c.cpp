// llama2.c's models: each tensor of one that was accepted is read.
#include "fuzz.h"

#include "../../core/io/llama2c.h"

void cai::read_input(const std::string& input) {
    const ModelSource source = open_llama2c(file_of(input));
    must_succeed([&] {
        for (const auto& [name, shape] : source.shapes) {
            std::vector<float> values(element_count(shape));
            source.read(name, values.data());
        }
    });
}

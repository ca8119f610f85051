// GGUF: each tensor of a model that was accepted is read; its tokenizer is refused, or encodes and decodes.
#include "fuzz.h"

#include "../../core/io/gguf.h"

void cai::read_input(const std::string& input) {
    const ModelSource source = open_gguf(file_of(input));
    must_succeed([&] {
        for (const auto& [name, shape] : source.shapes) {
            std::vector<float> values(element_count(shape));
            source.read(name, values.data());
        }
    });
    const Tokenizer tokenizer = source.tokenizer();
    const std::vector<Token> tokens = tokenizer.encode(input);
    must_succeed([&] { tokenizer.decode(tokens); });
}

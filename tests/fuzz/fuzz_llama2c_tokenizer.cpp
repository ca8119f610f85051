// llama2.c's tokenizer.bin for a model of eight tokens: one that was accepted encodes the file itself, or names a byte
// without a token, with tokens that it can decode.
#include "fuzz.h"

#include "../../core/io/llama2c.h"

void cai::read_input(const std::string& input) {
    const Tokenizer tokenizer = read_llama2c_tokenizer(file_of(input), 8);
    const std::vector<Token> tokens = tokenizer.encode(input);
    must_succeed([&] { tokenizer.decode(tokens); });
}

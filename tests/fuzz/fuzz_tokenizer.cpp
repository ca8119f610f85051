// tokenizer.json: a tokenizer that was accepted encodes the file itself, or says which byte it has no token for, with
// tokens that it can decode.
#include "fuzz.h"

#include "../../core/io/tokenizer_json.h"

void cai::read_input(const std::string& input) {
    const Tokenizer tokenizer = parse_tokenizer(parse_json(input, "input"));
    const std::vector<Token> tokens = tokenizer.encode(input);
    must_succeed([&] { tokenizer.decode(tokens); });
}

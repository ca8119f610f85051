// Ids of tokens as people type them, in lines and after --ids, and texts as JSON strings: what was decoded is encoded
// again.
#include "fuzz.h"

#include <sstream>

#include "../../core/tools/token_input.h"
#include "../../core/tools/tokenize.h"
#include "byte_tokenizer.h"

namespace {

using namespace cai;

std::string lines_of(void (*work)(const Tokenizer&, std::istream&, std::ostream&, const TokenizeOptions&),
                     const std::string& lines, const TokenizeOptions& options) {
    std::istringstream in(lines);
    std::ostringstream out;
    work(byte_tokenizer(), in, out, options);
    return out.str();
}

}  // namespace

void cai::read_input(const std::string& input) {
    const auto accepted = [](auto read) {
        try {
            read();
        } catch (const Error& error) {
            must(*error.what(), "an error without a message");
        }
    };
    TokenizeOptions json;
    json.json = true;
    accepted([&] { parse_ids(input); });
    accepted([&] { lines_of(decode_lines, input, {}); });
    accepted([&] { lines_of(encode_lines, input, json); });
    accepted([&] {
        const std::string texts = lines_of(decode_lines, input, json);
        must_succeed([&] {
            must(lines_of(decode_lines, lines_of(encode_lines, texts, json), json) == texts, "another text");
        });
    });
}

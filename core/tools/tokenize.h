// cai tokenizer encode, cai tokenizer decode: text as a model's tokens, and tokens as text, a line each.
#pragma once
#include <iostream>
#include <istream>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "../base/numbers.h"
#include "../io/checkpoint.h"
#include "verb.h"

namespace cai {

struct TokenizeOptions {
    bool specials = false;       // the name of a special token in a text stands for that token
    bool with_template = false;  // what the model's file puts around a text, such as bos
    bool json = false;           // texts are JSON strings, which may hold line ends
};

// The ids of a text, with spaces between.
inline std::string ids_of(const Tokenizer& tokenizer, std::string_view text, const TokenizeOptions& options) {
    std::vector<Token> ids = options.specials ? tokenizer.encode_with_specials(text) : tokenizer.encode(text);
    if (options.with_template) ids = tokenizer.with_template(ids);
    std::string line;
    for (Token id : ids) line += (line.empty() ? "" : " ") + std::to_string(id);
    return line;
}

// Each line of text as a line of ids.
inline void encode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                         const TokenizeOptions& options) {
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        number++;
        const std::string text = options.json ? parse_json(line, concat("line ", number)).string() : line;
        out << ids_of(tokenizer, text, options) << "\n";
    }
}

// Each line of ids, with spaces between, as a line of text. Errors: a word that is no token of the vocabulary.
inline void decode_lines(const Tokenizer& tokenizer, std::istream& in, std::ostream& out,
                         const TokenizeOptions& options) {
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
        number++;
        std::vector<Token> ids;
        for (std::string_view rest = trim(line); !rest.empty();) {
            const std::string word(rest.substr(0, std::min(rest.find_first_of(" \t"), rest.size())));
            rest = trim(rest.substr(word.size()));
            Token id = 0;
            const bool is_number = parse_number(word, id) == std::errc();
            expects(is_number, "line ", number, ": \"", word, "\" is not the id of a token");
            expects(id >= 0 && static_cast<size_t>(id) < tokenizer.size(), "line ", number, ": token ", id,
                    " is outside the vocabulary of ", tokenizer.size());
            ids.push_back(id);
        }
        const std::string text = tokenizer.decode(ids);
        out << (options.json ? dump(Json(repair_utf8(text))) : text) << "\n";
    }
}

inline int run_tokenize(Arguments& arguments) {
    const std::string what = arguments.positional(0, "encode or decode");
    if (what != "encode" && what != "decode")
        fail(kUsage, "cai tokenizer can encode or decode with a model's tokenizer, not \"", what,
             "\"; without such a word, it trains a tokenizer");
    const std::filesystem::path path = arguments.positional(1, "the folder of a model, such as runs/story/rl-cai");
    if (arguments.positionals().size() > 2)
        fail(kUsage, "unexpected argument '", arguments.positionals()[2], "'; ",
             what == "encode" ? "a text is given with --text, or as lines on stdin"
                              : "ids are given as lines on stdin");
    for (const char* option : {"text", "specials", "template"})
        if (what == "decode" && arguments.has(option))
            fail(kUsage, "--", option, " is for encode; decode reads lines of ids from stdin");
    TokenizeOptions options;
    options.json = arguments.flag("json");
    options.specials = what == "encode" && arguments.flag("specials");
    options.with_template = what == "encode" && arguments.flag("template");
    const bool one = what == "encode" && arguments.has("text");
    const std::string text = one ? arguments.string("text", "") : "";
    arguments.finish();
    // A folder without a model in it, as the run's tokenizer/, has a tokenizer nevertheless.
    const bool alone =
        std::filesystem::exists(path / "tokenizer.json") && !std::filesystem::exists(path / "config.json");
    const Tokenizer tokenizer = alone ? read_tokenizer(path) : load_tokenizer(path);
    if (what == "decode") {
        decode_lines(tokenizer, std::cin, std::cout, options);
    } else if (one) {
        std::cout << ids_of(tokenizer, text, options) << "\n";
    } else {
        encode_lines(tokenizer, std::cin, std::cout, options);
    }
    return kDone;
}

// What `cai tokenizer` takes besides the options of the stage.
inline const std::vector<Option> kTokenizeOptions = {
    {"specials", "", "encode: the names of special tokens in a text stand for them"},
    {"template", "", "encode: put around each text what the model's tokenizer says, such as bos"},
    {"json", "", "encode, decode: texts are JSON strings, which may hold line ends"}};

}  // namespace cai

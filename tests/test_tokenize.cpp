// cai tokenizer encode and decode: lines of text and lines of ids, there and back.
#include <doctest/doctest.h>

#include <sstream>

#include "../core/lm/bpe_training.h"
#include "../core/tools/tokenize.h"
#include "support.h"

using namespace cai;

namespace {

std::string encoded(const Tokenizer& tokenizer, const std::string& text, const TokenizeOptions& options = {}) {
    std::istringstream in(text);
    std::ostringstream out;
    encode_lines(tokenizer, in, out, options);
    return out.str();
}

std::string decoded(const Tokenizer& tokenizer, const std::string& ids, const TokenizeOptions& options = {}) {
    std::istringstream in(ids);
    std::ostringstream out;
    decode_lines(tokenizer, in, out, options);
    return out.str();
}

}  // namespace

TEST_CASE("texts become lines of ids, and lines of ids become texts") {
    const Tokenizer tokenizer = train_bpe({"ab ab cd cd", "ab ab cd cd"}, 300);
    const std::string ab = std::to_string(tokenizer.encode("ab")[0]);
    REQUIRE(tokenizer.encode("ab").size() == 1);
    CHECK(encoded(tokenizer, "ab\n\nab") == ab + "\n\n" + ab + "\n");
    CHECK(decoded(tokenizer, ab + "\n\n  " + ab + "\t" + ab + " \n") == "ab\n\nabab\n");
    const std::string text = "caf\u00e9 \r\n  \xFF\x01 <|user|>x\n\ncd ab\n";
    CHECK(decoded(tokenizer, encoded(tokenizer, text)) == text);

    TokenizeOptions options;
    options.specials = true;
    CHECK(encoded(tokenizer, "<|user|>ab", options) == "2 " + ab + "\n");
    CHECK(decoded(tokenizer, "2 " + ab) == "<|user|>ab\n");
    CHECK(encoded(tokenizer, "<|user|>ab") != encoded(tokenizer, "<|user|>ab", options));

    options = {};
    options.json = true;
    const std::string json = "\"ab\\ncd \\u6f22\"\n\"\"\n";
    CHECK(split_lines(encoded(tokenizer, json, options)).size() == 2);
    CHECK(decoded(tokenizer, encoded(tokenizer, json, options), options) == "\"ab\\ncd \u6f22\"\n\"\"\n");
    CHECK(contains(error_of([&] { encoded(tokenizer, "\"a\"\nb\n", options); }), "line 2"));

    TokenizerRules rules;
    rules.before = {0};
    rules.after = {1};
    options = {};
    options.with_template = true;
    const Tokenizer around = build_byte_level_tokenizer({"<s>", "</s>", "a"}, {}, {0, 1}, {}, rules);
    CHECK(encoded(around, "aa\n\n", options) == "0 2 2 1\n0 1\n");

    CHECK(contains(error_of([&] { decoded(tokenizer, "1 2\n3 x\n"); }), "line 2: \"x\" is not the id of a token"));
    CHECK(contains(error_of([&] { decoded(tokenizer, "1 2.0\n"); }), "line 1: \"2.0\" is not the id"));
    CHECK(
        contains(error_of([&] { decoded(tokenizer, "\n99999\n"); }), "line 2: token 99999 is outside the vocabulary"));
    CHECK(contains(error_of([&] { decoded(tokenizer, "-1\n"); }), "line 1: token -1 is outside"));
}

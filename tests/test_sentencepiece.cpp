// SentencePiece's byte-pair encoding: worked examples, its definition, and llama2.c's own vocabulary.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>

#include "../core/base/files.h"
#include "../core/io/tokenizer_json.h"
#include "../core/lm/sentencepiece.h"
#include "support.h"

using namespace cai;

namespace {

using Tokens = std::vector<Token>;

// ids 0 to 2 are special, 3 to 258 the bytes, then pieces with falling scores.
Tokenizer vocabulary_of(const std::vector<std::string>& made, bool space = true, std::vector<float> scores = {}) {
    std::vector<std::string> pieces{"<unk>", "<s>", "</s>"};
    char name[8];
    for (int b = 0; b < 256; b++) pieces.push_back((std::snprintf(name, sizeof name, "<0x%02X>", b), name));
    while (scores.size() < made.size()) scores.push_back(-static_cast<float>(scores.size()));
    std::vector<float> all(pieces.size());
    all.insert(all.end(), scores.begin(), scores.end());
    pieces.insert(pieces.end(), made.begin(), made.end());
    return sentencepiece_tokenizer(pieces, all, {0, 1, 2}, space);
}

}  // namespace

TEST_CASE("SentencePiece: the best score merges first, and a character that is no token becomes its bytes") {
    const Token first = 3 + 256, newline = 3 + '\n';
    // Pieces:                          0     1     2       3         4    5    6
    Tokenizer tokenizer = vocabulary_of({"ab", "bc", "abc", "\u2581a", "a", "b", "c", "\u2581"});
    CHECK(tokenizer.encode("abc") == Tokens{first + 7, first + 2});  // ab, then abc; the space finds no a beside it
    CHECK(tokenizer.encode("bc") == Tokens{first + 7, first + 1});
    CHECK(tokenizer.encode("a") == Tokens{first + 3});
    CHECK(tokenizer.encode(" a\n") == Tokens{first + 7, first + 3, newline});
    CHECK(tokenizer.encode("\u00e9") == Tokens{first + 7, 3 + 0xC3, 3 + 0xA9});
    CHECK(tokenizer.encode("\xFF") == Tokens{first + 7, 3 + 0xFF});
    CHECK(tokenizer.encode("").empty());
    for (const char* text : {"abc", " a\n", "  ", "\u00e9\xFF", "a b c", ""})
        CHECK(tokenizer.decode(tokenizer.encode(text)) == text);

    // Special tokens: only where they are asked for, and each followed by a space of its own.
    CHECK(tokenizer.encode("<s>").size() == 4);
    CHECK(tokenizer.encode_with_specials("<s>a</s>a") == Tokens{1, first + 3, 2, first + 3});
    CHECK(tokenizer.decode({1, first + 3, 2, first + 3, first + 3}) == "<s>a</s>a a");
    CHECK(tokenizer.piece(first + 3) == " a");
    CHECK(tokenizer.spelling(first + 3) == "\u2581a");

    // Without the space in front, and with spaces in place of U+2581, as llama2.c's files have them.
    Tokenizer bare = vocabulary_of({" a", "a", " "}, false);
    CHECK(bare.encode("a a") == Tokens{first + 1, first});
    CHECK(bare.decode({first}) == " a");

    // Of two ways to one token, and of equal scores, the leftmost pair merges first.
    CHECK(vocabulary_of({"aa", "aaa", "a"}, false).encode("aaaaa") == Tokens{first, first + 1});
    CHECK(vocabulary_of({"ab", "bc", "a", "b", "c"}, false, {5, 5, 0, 0, 0}).encode("abc") == Tokens{first, first + 4});
    CHECK(vocabulary_of({"bc", "ab", "a", "b", "c"}, false, {5, 5, 0, 0, 0}).encode("abc") ==
          Tokens{first + 1, first + 4});
    CHECK(vocabulary_of({"ab", "bc", "a", "b", "c"}, false, {4, 5, 0, 0, 0}).encode("abc") ==
          Tokens{first + 2, first + 1});

    // A vocabulary without byte tokens has <unk> for what it cannot spell.
    Tokenizer small = sentencepiece_tokenizer({"<unk>", "a"}, {0, 0}, {0}, false);
    CHECK(small.encode("a\u00e9\u6f22a") == Tokens{1, 0, 1});
    CHECK(contains(error_of([] { sentencepiece_tokenizer({"a", "b"}, {0}, {}, true); }), "2 tokens needs as many"));
    CHECK(contains(error_of([] { sentencepiece_tokenizer({"a"}, {0}, {7}, true); }), "special token 7 is outside"));
}

TEST_CASE("SentencePiece's tokenizers as tokenizer.json, as Hugging Face has Llama 2's") {
    TemporaryFolder folder;
    for (bool space : {true, false}) {
        Tokenizer tokenizer = vocabulary_of({"ab", "bc", "abc", "\u2581a", "a", "b", "c", "\u2581"}, space);
        write_tokenizer(folder.path, tokenizer);
        Tokenizer loaded = read_tokenizer(folder.path);
        for (const char* text : {"abc", " a\n", "\u00e9\xFF", "a b c<s>", "", "bcab  abc"}) {
            CHECK(loaded.encode(text) == tokenizer.encode(text));
            CHECK(loaded.decode(loaded.encode(text)) == text);
        }
        CHECK(loaded.encode_with_specials("<s>a") == tokenizer.encode_with_specials("<s>a"));
        CHECK(loaded.rules().unknown == 0);
    }
    Json file = read_json(folder.path / "tokenizer.json");
    write_file(folder.path / "tokenizer.json", dump(file.set("decoder", Json())));
    CHECK(contains(error_of([&] { read_tokenizer(folder.path); }), "decoder is null"));
}

TEST_CASE("llama2.c's vocabulary gives the ids of Hugging Face's tokenizers") {
    const char* data = std::getenv("CAI_REAL_DATA");
    if (!data) {
        MESSAGE("skipped: CAI_REAL_DATA is not set");
        return;
    }
    const std::string folder = std::string(data) + "/stories260K/";
    const std::string bytes = read_file(folder + "tok512.bin");
    std::vector<std::string> pieces;
    std::vector<float> scores;
    for (size_t at = 4; at < bytes.size();) {
        float score;
        int32_t length;
        std::memcpy(&score, bytes.data() + at, 4);
        std::memcpy(&length, bytes.data() + at + 4, 4);
        pieces.push_back(bytes.substr(at + 8, static_cast<size_t>(length)));
        scores.push_back(score);
        at += 8 + static_cast<size_t>(length);
    }
    const Tokenizer tokenizer = sentencepiece_tokenizer(pieces, scores, {0, 1, 2}, true);
    CHECK(tokenizer.size() == 512);
    // The ids that Hugging Face's tokenizers 0.23.3 gives with the same pieces and scores, as transformers converts
    // them.
    for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, Tokens>>{
             {"Once upon a time, there was a little girl",
              {403, 407, 261, 378, 432, 383, 286, 261, 376, 298, 315, 421}},
             {"  two  spaces\n\n", {410, 410, 259, 424, 414, 410, 262, 427, 412, 331, 419, 13, 13}},
             {"caf\u00e9 \u6f22\u5b57!", {280, 412, 431, 485, 410, 233, 191, 165, 232, 176, 154, 443}},
             {"I'll say it's 1234.", {359, 439, 306, 262, 283, 312, 439, 419, 410, 475, 479, 472, 484, 426}},
             {"<s>", {410, 504, 419, 505}},
             {"a\tb", {261, 12, 430}}}) {
        CHECK(tokenizer.encode(text) == expected);
        CHECK(tokenizer.decode(expected) == text);
    }
    std::string story = read_file(folder + "greedy-256.txt");
    CHECK(tokenizer.decode(tokenizer.encode(story)) == story);
}

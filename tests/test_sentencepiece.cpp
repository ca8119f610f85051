// SentencePiece's byte-pair encoding: worked examples, its definition, and llama2.c's own vocabulary.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>

#include "../core/base/files.h"
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
    CHECK(vocabulary_of({"ab", "bc", "a", "b", "c"}, false, {4, 5, 0, 0, 0}).encode("abc") ==
          Tokens{first + 2, first + 1});

    // A vocabulary without byte tokens has <unk> for what it cannot spell.
    Tokenizer small = sentencepiece_tokenizer({"<unk>", "a"}, {0, 0}, {0}, false);
    CHECK(small.encode("a\u00e9a") == Tokens{1, 0, 0, 1});
    CHECK(contains(error_of([] { sentencepiece_tokenizer({"a", "b"}, {0}, {}, true); }), "2 tokens needs as many"));
    CHECK(contains(error_of([] { sentencepiece_tokenizer({"a"}, {0}, {7}, true); }), "special token 7 is outside"));
}

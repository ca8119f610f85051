// The tokenizer: against worked examples, naive versions of itself, a regular expression, and GPT-2's real vocabulary.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <thread>

#include "../core/lm/bpe_training.h"
#include "../core/base/json.h"
#include "../core/lm/tokenizer.h"
#include "support.h"

using namespace cai;

namespace {

using Pieces = std::vector<std::string>;
using Tokens = std::vector<Token>;
using Pair = Tokenizer::Pair;

Pieces cut(std::string_view text, PreTokenizer pre_tokenizer = PreTokenizer::gpt2) {
    Pieces pieces;
    for (size_t start = 0, end; start < text.size(); start = end) {
        end = piece_end(pre_tokenizer, text, start);
        REQUIRE(end > start);
        pieces.emplace_back(text.substr(start, end - start));
    }
    return pieces;
}

std::string random_text(Rng& rng, const std::string& characters, size_t longest) {
    std::string text;
    for (size_t n = rng.below(longest + 1); n > 0; n--) text += characters[rng.below(characters.size())];
    return text;
}

std::string random_bytes(Rng& rng, size_t longest) {
    std::string text;
    for (size_t n = rng.below(longest + 1); n > 0; n--) text += static_cast<char>(rng.below(256));
    return text;
}

// A byte's token: the alphabet begins with ! (0x21).
Token byte_token(char c) { return kSpecialCount + (c - '!'); }

// Training by its definition: count every pair of every piece anew before each merge.
std::vector<Pair> naive_merges(const std::string& text, size_t vocab_size) {
    std::vector<Tokens> words;
    for (const std::string& piece : cut(text)) {
        words.emplace_back();
        for (char c : piece) words.back().push_back(c == ' ' ? kSpecialCount + 188 + 32 : byte_token(c));
    }
    std::vector<Pair> merges;
    while (kSpecialCount + 256 + merges.size() < vocab_size) {
        std::map<Pair, int> counts;
        for (const Tokens& word : words)
            for (size_t i = 1; i < word.size(); i++) counts[{word[i - 1], word[i]}]++;
        std::pair<int, Pair> best{1, {}};
        for (auto [pair, count] : counts)
            if (count > best.first) best = {count, pair};  // ascending pairs: the first of equals stays
        if (best.first < 2) break;
        Token id = static_cast<Token>(kSpecialCount + 256 + merges.size());
        merges.push_back(best.second);
        for (Tokens& word : words)
            for (size_t i = 0; i + 1 < word.size(); i++)
                if (Pair{word[i], word[i + 1]} == best.second) {
                    word[i] = id;
                    word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
                }
    }
    return merges;
}

// Encoding by its definition: look for the lowest rank, leftmost, before each merge.
Tokens naive_encode(const std::vector<Pair>& merges, Tokens ids) {
    for (;;) {
        size_t best = merges.size(), at = 0;
        for (size_t i = 0; i + 1 < ids.size(); i++)
            for (size_t rank = 0; rank < best; rank++)
                if (merges[rank] == Pair{ids[i], ids[i + 1]}) {
                    best = rank;
                    at = i;
                }
        if (best == merges.size()) return ids;
        ids[at] = static_cast<Token>(kSpecialCount + 256 + best);
        ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
    }
}

}  // namespace

TEST_CASE("character classes") {
    // The number of code points, from Python's unicodedata2 16.0.0.
    size_t letters = 0, numbers = 0, marks = 0;
    for (char32_t c = 0; c <= 0x10FFFF; c++) {
        letters += is_letter(c);
        numbers += is_number(c);
        marks += is_mark(c);
        if (is_letter(c) + is_number(c) + is_space(c) + is_mark(c) > 1) FAIL("two classes: ", uint32_t(c));
    }
    CHECK(letters == 141028);
    CHECK(numbers == 1911);
    CHECK(marks == 2501);
    for (char32_t c : {U'a', U'Z', U'ª', U'é', U'Ω', U'漢', U'ǅ', U'ʰ', char32_t(0x3134A)}) CHECK(is_letter(c));
    for (char32_t c : {U'@', U'[', U'`', U'{', U'_', U'×', char32_t(0x301), char32_t(0x1F600), kBadByte})
        CHECK_FALSE(is_letter(c));
    for (char32_t c : {U'0', U'9', U'²', U'½', U'٣', U'Ⅷ', U'〇'}) CHECK(is_number(c));
    for (char32_t c : {U'/', U':', U'a', kBadByte}) CHECK_FALSE(is_number(c));
    for (char32_t c :
         {0x9, 0xA, 0xB, 0xC, 0xD, 0x20, 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000})
        CHECK(is_space(c));
    for (char32_t c : {0x8, 0xE, 0x1C, 0x1F, 0x21, 0x180E, 0x200B, 0xFEFF}) CHECK_FALSE(is_space(c));
}

TEST_CASE("cutting text into pieces: worked examples") {
    CHECK(cut("") == Pieces{});
    CHECK(cut("Hello world! 123") == Pieces{"Hello", " world", "!", " 123"});
    CHECK(cut("I'll say it's DON'T, we've") ==
          Pieces{"I", "'ll", " say", " it", "'s", " DON", "'", "T", ",", " we", "'ve"});
    CHECK(cut("they'd're'm't's'x 's") == Pieces{"they", "'d", "'re", "'m", "'t", "'s", "'", "x", " '", "s"});
    CHECK(cut("'''s !'s") == Pieces{"'''", "s", " !'", "s"});
    CHECK(cut("a1b2 3c") == Pieces{"a", "1", "b", "2", " 3", "c"});
    CHECK(cut("{\"a\": -1.5}") == Pieces{"{\"", "a", "\":", " -", "1", ".", "5", "}"});
    // \s+(?!\S): spaces before a word leave it the last one; at the end of the text all stay together.
    CHECK(cut("  multiple   spaces") == Pieces{" ", " multiple", "  ", " spaces"});
    CHECK(cut("a  ") == Pieces{"a", "  "});
    CHECK(cut("a ") == Pieces{"a", " "});
    CHECK(cut("a\n") == Pieces{"a", "\n"});
    CHECK(cut("a\nb") == Pieces{"a", "\n", "b"});
    CHECK(cut("a\n\nb") == Pieces{"a", "\n", "\n", "b"});
    CHECK(cut("a \n b") == Pieces{"a", " \n", " b"});
    CHECK(cut("a\t\tb \r\n") == Pieces{"a", "\t", "\t", "b", " \r\n"});
    CHECK(cut("a\u00a0\u3000b\u2028 c") == Pieces{"a", "\u00a0", "\u3000", "b", "\u2028", " c"});
    CHECK(cut("e\u0301 x\u00b2 \u00bd") == Pieces{"e", "\u0301", " x", "\u00b2", " \u00bd"});
    CHECK(cut("a\xFF\xE2\x82 b\x80") == Pieces{"a", "\xFF\xE2\x82", " b", "\x80"});
}

TEST_CASE("cutting text into pieces as SmolLM2 and Llama 3 do: worked examples") {
    // What Hugging Face's tokenizers 0.23.3 makes of these texts.
    auto llama3 = [](const char* text) { return cut(text, PreTokenizer::llama3); };
    auto smollm = [](const char* text) { return cut(text, PreTokenizer::smollm); };
    CHECK(llama3("I'LL say it'S don't '\u017fo we'Ve") == Pieces{"I", "'LL", " say", " it", "'S", " don", "'t", " '", "\u017fo", " we", "'Ve"});
    CHECK(llama3("a1234567 8") == Pieces{"a", "123", "456", "7", " ", "8"});
    CHECK(llama3("  two  spaces\n\n \n x") == Pieces{" ", " two", " ", " spaces", "\n\n \n", " x"});
    CHECK(llama3("tab\tx !!\n\n?") == Pieces{"tab", "\tx", " !!\n\n", "?"});
    CHECK(llama3("price: $12.50") == Pieces{"price", ":", " $", "12", ".", "50"});
    CHECK(llama3("_under_score\u3000wide") == Pieces{"_under", "_score", "\u3000wide"});
    CHECK(llama3("\u00bd\u0663\u2167\u3007 1") == Pieces{"\u00bd\u0663\u2167", "\u3007", " ", "1"});
    CHECK(llama3("e\u0301a\u0301") == Pieces{"e", "\u0301a", "\u0301"});
    CHECK(llama3("a \r\nb  ") == Pieces{"a", " \r\n", "b", "  "});
    CHECK(llama3("\u00a0x \u00a0y") == Pieces{"\u00a0x", " ", "\u00a0y"});
    CHECK(llama3(".\r\n\r\n.") == Pieces{".\r\n\r\n", "."});
    CHECK(llama3("'l 'v 'r") == Pieces{"'l", " '", "v", " '", "r"});
    CHECK(llama3("x\t1") == Pieces{"x", "\t", "1"});
    CHECK(smollm("in 2024, 3 cats") == Pieces{"in", " ", "2", "0", "2", "4", ",", " ", "3", " cats"});
    CHECK(smollm("a  1") == Pieces{"a", "  ", "1"});
    CHECK(smollm("  12  b 3") == Pieces{"  ", "1", "2", " ", " b", " ", "3"});
    CHECK(smollm("it's \u00bd\u0663x") == Pieces{"it", "'s", " ", "\u00bd", "\u0663", "x"});
    CHECK(smollm("x1's2") == Pieces{"x", "1", "'s", "2"});
    CHECK(smollm("1\n\n2") == Pieces{"1", "\n\n", "2"});
    CHECK(llama3("x'\u017fy x's") == Pieces{"x", "'\u017f", "y", " x", "'s"});
    CHECK(llama3("a\xFF\xFF b") == Pieces{"a", "\xFF\xFF", " b"});
    CHECK(cut("a b", PreTokenizer::no_split) == Pieces{"a b"});
}

TEST_CASE("cutting ASCII as the regular expression itself does") {
    const std::regex pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+)");
    Rng rng(3);
    for (int i = 0; i < 3000; i++) {
        std::string text = random_text(rng, "    \n\n\t'''stremvldaBZ019!.<|_\x01", 24);
        Pieces expected;
        for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
            expected.push_back(match->str());
        REQUIRE(cut(text) == expected);
    }
}

TEST_CASE("cutting ASCII as Llama 3's and SmolLM2's regular expressions themselves do") {
    const std::regex llama3(
        R"('[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\nA-Za-z0-9]?[A-Za-z]+|[0-9]{1,3})"
        R"(| ?[^\sA-Za-z0-9]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)");
    // Each digit alone; a digit ends the text before it.
    const std::regex smollm(
        R"([0-9]|'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[^\sA-Za-z0-9]+|\s+(?![^\s0-9])|\s+)");
    Rng rng(4);
    for (int i = 0; i < 3000; i++) {
        std::string text = random_text(rng, "    \n\n\r\t'''stremvldaBZTL019!.<|_\x01", 24);
        for (bool digits_alone : {false, true}) {
            const std::regex& pattern = digits_alone ? smollm : llama3;
            Pieces expected;
            for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
                expected.push_back(match->str());
            REQUIRE(cut(text, digits_alone ? PreTokenizer::smollm : PreTokenizer::llama3) == expected);
        }
    }
}

TEST_CASE("the worked example of byte-pair encoding: aaabdaaabac") {
    // aa occurs 4 times; then (aa a) and (a b) twice each, and the smaller ids win; then (aa ab) twice; then nothing.
    Tokenizer tokenizer = train_bpe({"aaabdaaabac"}, 1000);
    const Token a = byte_token('a'), b = byte_token('b'), c = byte_token('c'), d = byte_token('d');
    const Token first = kSpecialCount + 256;
    CHECK(tokenizer.merges() == std::vector<Pair>{{a, a}, {a, b}, {first, first + 1}});
    CHECK(tokenizer.size() == first + 3);
    CHECK(tokenizer.encode("aaabdaaabac") == Tokens{first + 2, d, first + 2, a, c});
    CHECK(tokenizer.encode("aaaa") == Tokens{first, first});
    CHECK(tokenizer.encode("aab") == Tokens{first, b});  // aa was learned before ab
    CHECK(tokenizer.piece(first + 2) == "aaab");
    CHECK(tokenizer.encode("").empty());
    // Pairs never cross pieces, and every text's counts add up.
    CHECK(train_bpe({"a b", "a b", "a b"}, 1000).merges().size() == 1);
    CHECK(train_bpe({"ab"}, 1000).merges().empty());
    CHECK(train_bpe({"ab", "ab"}, 267).merges().empty());
    CHECK(train_bpe({}, 267).size() == 267);
    CHECK(contains(error_of([] { train_bpe({}, 266); }), "at least 267 tokens"));
}

TEST_CASE("training and encoding as their definitions say, and in any order of the texts") {
    Rng rng(4);
    for (int i = 0; i < 60; i++) {
        const std::string characters = i % 3 == 0 ? "ab " : i % 3 == 1 ? "aaab  " : "abcdefgh   ";
        std::vector<std::string> texts;
        std::string all;
        for (int t = 0; t < 5; t++) {
            texts.push_back(concat("x", random_text(rng, characters, 60)));
            all += texts.back() + "!";
        }
        Tokenizer tokenizer = train_bpe({all}, kSpecialCount + 256 + 25);
        REQUIRE(tokenizer.merges() == naive_merges(all, kSpecialCount + 256 + 25));
        Tokenizer forwards = train_bpe(texts, 300);
        rng.shuffle(texts);
        REQUIRE(train_bpe(texts, 300).merges() == forwards.merges());
        for (int k = 0; k < 20; k++) {
            std::string word = concat("a", random_text(rng, "abcdefgh", 40));
            Tokens bytes;
            for (char c : word) bytes.push_back(byte_token(c));
            REQUIRE(tokenizer.encode(word) == naive_encode(tokenizer.merges(), bytes));
        }
    }
    // A piece of a million bytes costs n log n.
    Tokenizer tokenizer = train_bpe({"aaaa aaaa"}, 300);
    CHECK(tokenizer.decode(tokenizer.encode(std::string(1000001, 'a'))) == std::string(1000001, 'a'));
}

TEST_CASE("every byte string survives, and none becomes a special token") {
    std::string names;
    for (const char* name : kSpecialNames) names += std::string(name) + " " + name + "\n";
    // Trained on the very names, so that merges build up to them.
    Tokenizer tokenizer = train_bpe({names, names, names}, 600);
    CHECK(tokenizer.has_roles());
    Rng rng(5);
    for (int i = 0; i < 3000; i++) {
        std::string text = i == 0 ? names : random_bytes(rng, 60);
        if (i % 3 == 1) text += kSpecialNames[rng.below(kSpecialCount)] + random_bytes(rng, 8);
        Tokens ids = tokenizer.encode(text);
        REQUIRE(tokenizer.decode(ids) == text);
        for (Token id : ids) REQUIRE(id >= kSpecialCount);
    }
    CHECK(tokenizer.decode({kUser, byte_token('a'), kEndOfText}) == "<|user|>a<|endoftext|>");
    CHECK(tokenizer.is_special(kVerdict));
    CHECK_FALSE(tokenizer.is_special(kSpecialCount));
    for (Token id : {Token(-1), Token(tokenizer.size())}) {
        CHECK(contains(error_of([&] { tokenizer.piece(id); }), "outside the vocabulary"));
        CHECK(contains(error_of([&] { tokenizer.decode({id}); }), "outside the vocabulary"));
    }
}

TEST_CASE("threads share a tokenizer") {
    Rng rng(6);
    std::string text;
    for (int i = 0; i < 500; i++) text += random_text(rng, "abcdefgh", 6) + " ";
    const Tokenizer tokenizer = train_bpe({text}, 400);
    const Tokens expected = train_bpe({text}, 400).encode(text);
    std::vector<char> equal(4);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < equal.size(); t++)
        threads.emplace_back([&, t] {
            equal[t] = 1;
            for (int i = 0; i < 50; i++) equal[t] = equal[t] && tokenizer.encode(text) == expected;
        });
    for (std::thread& thread : threads) thread.join();
    for (char e : equal) CHECK(e);
}

TEST_CASE("GPT-2's real vocabulary gives GPT-2's ids") {
    const char* data = std::getenv("CAI_REAL_DATA");
    if (!data) {
        MESSAGE("skipped: CAI_REAL_DATA is not set");
        return;
    }
    std::filesystem::path folder = std::filesystem::path(data) / "gpt2";
    Json vocabulary = read_json(folder / "encoder.json");
    Pieces pieces(vocabulary.object().size());
    std::map<std::string, Token> ids;
    for (const auto& [text, id] : vocabulary.object()) {
        ids[text] = static_cast<Token>(id.integer());
        pieces[static_cast<size_t>(id.integer())] = from_alphabet(text);
    }
    std::vector<Pair> merges;
    for (const std::string& line : split_lines(read_file(folder / "vocab.bpe"))) {
        if (line.empty() || line.starts_with("#version")) continue;
        size_t space = line.find(' ');
        merges.emplace_back(ids.at(line.substr(0, space)), ids.at(line.substr(space + 1)));
    }
    REQUIRE(pieces.size() == 50257);
    REQUIRE(merges.size() == 50000);
    Tokenizer gpt2(pieces, merges, {50256});

    // The ids that Hugging Face's tokenizers 0.23.3 gives with the same two files.
    for (const auto& [text, expected] : std::initializer_list<std::pair<const char*, Tokens>>{
             {"Hello world", {15496, 995}},
             {"Hello, we can use", {15496, 11, 356, 460, 779}},
             {"I'll say it's DON'T, we've", {40, 1183, 910, 340, 338, 23917, 6, 51, 11, 356, 1053}},
             {"  multiple   spaces\n\n", {220, 3294, 220, 220, 9029, 628}},
             {"a \t\n b\u00a0c\u3000 d", {64, 220, 197, 198, 275, 1849, 66, 5099, 222, 288}},
             {"x\u00b2 \u00bd 1234 \u0663\u0664 \u2167",
              {87, 31185, 25208, 1105, 2682, 18923, 96, 149, 97, 2343, 227, 100}},
             {"Caf\u00e9 d\u00e9j\u00e0 vu.", {34, 1878, 2634, 39073, 73, 24247, 410, 84, 13}},
             {"\u6f22\u5b57\u304b\u306a", {162, 120, 95, 27764, 245, 27370, 26945}},
             {"\U0001f469\u200d\U0001f680 ok", {41840, 102, 447, 235, 8582, 248, 222, 12876}},
             {"<|endoftext|>", {27, 91, 437, 1659, 5239, 91, 29}},
             {"'''s", {7061, 6, 82}},
             {"e\u0301\u0300", {68, 136, 223, 136, 222}}}) {
        CHECK(gpt2.encode(text) == expected);
        CHECK(gpt2.decode(expected) == text);
    }

    std::string shakespeare = read_file(std::filesystem::path(data) / "text" / "tinyshakespeare.txt");
    Tokens encoded = gpt2.encode(shakespeare);
    CHECK(encoded.size() == 338025);  // nanoGPT's data/shakespeare counts 301,966 + 36,059
    CHECK(gpt2.decode(encoded) == shakespeare);
    // What Hugging Face's trainer makes of the same text.
    Tokenizer trained = train_bpe({shakespeare}, 1024);
    CHECK(trained.size() == 1024);
    CHECK(trained.piece(kSpecialCount + 256) == " t");
    CHECK(trained.piece(kSpecialCount + 257) == "he");
    CHECK(trained.piece(1022) == " daughter");
    CHECK(trained.piece(1023) == " gone");
    CHECK(trained.encode(shakespeare).size() == 461139);
}

// tokenizer.json: there and back, other people's spellings, and what is refused.
#include <doctest/doctest.h>

#include <functional>

#include "../core/io/tokenizer_json.h"
#include "../core/lm/bpe_training.h"
#include "support.h"

using namespace cai;

TEST_CASE("tokenizer.json: there and back, older and newer spellings, and what is refused") {
    TemporaryFolder folder;
    std::string text = "the cat, the dog; the caf\u00e9 \u6f22\u5b57 the cat \xFF\xFF";
    Tokenizer tokenizer = train_bpe({text, text}, 290);
    write_tokenizer(folder.path, tokenizer);
    Tokenizer loaded = read_tokenizer(folder.path);
    CHECK(loaded.size() == tokenizer.size());
    CHECK(loaded.merges() == tokenizer.merges());
    CHECK(loaded.has_roles());
    for (Token id = 0; size_t(id) < tokenizer.size(); id++) CHECK(loaded.piece(id) == tokenizer.piece(id));
    CHECK(loaded.encode(text) == tokenizer.encode(text));

    Json file = read_json(folder.path / "tokenizer.json");
    CHECK(file["version"] == "1.0");
    CHECK(file["model"]["vocab"]["<|user|>"].integer() == kUser);
    CHECK(file["model"]["vocab"]["!"].integer() == kSpecialCount);
    CHECK(file["model"]["merges"].array()[0].string() == "h e");
    CHECK(file["added_tokens"].array().size() == kSpecialCount);
    Json config = read_json(folder.path / "tokenizer_config.json");
    CHECK(config["tokenizer_class"] == "PreTrainedTokenizerFast");
    CHECK(config["pad_token"] == "<|pad|>");
    CHECK(config["pad_token"] != config["eos_token"]);

    auto load = [&](const Json& json) {
        write_file(folder.path / "tokenizer.json", dump(json));
        return read_tokenizer(folder.path);
    };
    // value in place of the member at a path of keys
    std::function<Json(Json, std::vector<std::string>, Json)> with = [&](Json json, auto keys, Json value) {
        std::string key = keys[0];
        keys.erase(keys.begin());
        Json inner = keys.empty() ? value : with(json[key], keys, value);
        return json.set(key, inner);
    };
    // Merges as pairs; a #version line; absent keys.
    Json::Array pairs{};
    for (const Json& merge : file["model"]["merges"].array()) {
        size_t space = merge.string().find(' ');
        pairs.push_back(Json::Array{merge.string().substr(0, space), merge.string().substr(space + 1)});
    }
    CHECK(load(with(file, {"model", "merges"}, pairs)).merges() == tokenizer.merges());
    Json::Array lines = file["model"]["merges"].array();
    lines.insert(lines.begin(), Json("#version: 0.2"));
    CHECK(load(with(file, {"model", "merges"}, lines)).merges() == tokenizer.merges());
    Json bare = Json::Object{{"pre_tokenizer", Json::Object{{"type", "ByteLevel"}}},
                             {"model", Json::Object{{"vocab", Json::Object{{"a", 0}, {"b", 1}, {"ab", 2}}},
                                                    {"merges", Json::Array{"a b"}}}}};
    CHECK(load(bare).encode("aab") == std::vector<Token>{0, 2});
    CHECK_FALSE(load(bare).has_roles());
    CHECK(load(bare).encode("cacb") == std::vector<Token>{2});  // c is no token: left out, with a warning
    // An added token outside the vocabulary follows it.
    Json end = Json::Array{Json::Object{{"id", 3}, {"content", "<end>"}}};
    CHECK(load(Json(bare).set("added_tokens", end)).is_special(3));

    auto refused = [&](const Json& json) { return error_of([&] { load(json); }); };
    CHECK(contains(refused(with(file, {"model", "type"}, "Unigram")), "tokenizer.json: type is \"Unigram\""));
    CHECK(contains(refused(with(file, {"model", "byte_fallback"}, true)), "normalizer is null"));
    CHECK(contains(refused(with(file, {"model", "end_of_word_suffix"}, "</w>")), "end_of_word_suffix is \"</w>\""));
    CHECK(contains(refused(with(file, {"model", "unk_token"}, "<?>")), "unk_token is \"<?>\", which is not"));
    CHECK(contains(refused(with(file, {"normalizer"}, Json::Object{{"type", "NFC"}})), "normalizer is "));
    CHECK(contains(refused(with(file, {"decoder"}, Json::Object{{"type", "WordPiece"}})), "decoder is "));
    CHECK(contains(refused(with(file, {"pre_tokenizer"}, Json())), "pre_tokenizer is missing"));
    for (const char* step :
         {R"({"type":"Metaspace","replacement":"_"})", R"({"type":"BertPreTokenizer"})",
          R"({"type":"Sequence","pretokenizers":[{"type":"Punctuation"},{"type":"ByteLevel","use_regex":true}]})",
          R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel"}]})",
          R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
              {"type":"ByteLevel","add_prefix_space":true}]})",
          R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"x"},"behavior":"Isolated",
              "invert":false},{"type":"ByteLevel","use_regex":false}]})"})
        CHECK(contains(refused(with(file, {"pre_tokenizer"}, parse_json(step, "test"))), "pre_tokenizer is {"));
    for (const char* step :
         {R"({"type":"BertProcessing"})", R"({"type":"TemplateProcessing","single":[],"special_tokens":{}})",
          R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"B"}}],"special_tokens":{}})"})
        CHECK(contains(refused(with(file, {"post_processor"}, parse_json(step, "test"))), "post_processor is {"));
    Json single_word = Json::Array{Json::Object{{"id", 3}, {"content", "<end>"}, {"single_word", true}}};
    CHECK(contains(refused(Json(bare).set("added_tokens", single_word)), "single_word of the added token \"<end>\""));
    CHECK(contains(refused(with(bare, {"model", "vocab", "b"}, 0)), "each once"));
    CHECK(contains(refused(with(bare, {"model", "vocab", "b"}, 7)), "must be 0 to 2"));
    CHECK(contains(refused(with(bare, {"model", "vocab", "b"}, -1)), "cannot have the id -1"));
    CHECK(contains(refused(with(bare, {"model", "vocab", "b"}, 4294967297)), "cannot have the id 4294967297"));
    CHECK(contains(refused(with(bare, {"model", "merges"}, Json::Array{"ab"})), "is not a pair"));
    CHECK(contains(refused(with(bare, {"model", "merges"}, Json::Array{"a c"})), "not in the vocabulary"));
    CHECK(contains(refused(with(bare, {"model", "merges"}, Json::Array{"b a"})), "makes \"ba\", which is not"));
    CHECK(contains(refused(with(bare, {"model", "merges"}, 1)), "tokenizer.json: expected an array, found 1"));
    CHECK(contains(error_of([&] { read_tokenizer(folder.path / "none"); }), "cannot open"));
}

namespace {

// The tokens of which "the ab" is two; the specials are 0 and 1.
Json small_tokenizer_json() {
    Json::Object vocabulary;
    for (const char* token :
         {"<s>", "</s>", "'", "<", "/",      "1",      "2",  ">",   "a",         "b",  "c",       "d",
          "e",   "h",    "s", "t", "\u010a", "\u0120", "th", "the", "\u0120the", "ab", "\u0120a", "cab"})
        vocabulary.push_back({token, vocabulary.size()});
    return Json::Object{
        {"added_tokens", Json::Array{Json::Object{{"id", 0}, {"content", "<s>"}, {"special", true}},
                                     Json::Object{{"id", 1}, {"content", "</s>"}, {"special", true}}}},
        {"pre_tokenizer", Json::Object{{"type", "ByteLevel"}, {"add_prefix_space", false}}},
        {"post_processor", Json()},
        {"model", Json::Object{{"unk_token", Json()},
                               {"fuse_unk", false},
                               {"ignore_merges", false},
                               {"vocab", std::move(vocabulary)},
                               {"merges", Json::Array{"t h", "th e", "\u0120 the", "a b", "\u0120 a"}}}}};
}

Json test_json(const std::string& text) { return parse_json(text, "test"); }

}  // namespace

// The ids are those that Hugging Face's tokenizers 0.23.3 gives for the same files.
TEST_CASE("tokenizer.json of other models: added tokens, templates and unknown tokens, as Hugging Face's library") {
    using Tokens = std::vector<Token>;
    TemporaryFolder folder;
    // Each is written, and read again, and has to be the same.
    auto load = [&](const Json& json) {
        write_file(folder.path / "tokenizer.json", dump(json));
        write_tokenizer(folder.path / "written", read_tokenizer(folder.path));
        return read_tokenizer(folder.path / "written");
    };
    auto with = [](Json json, const char* part, const char* key, Json value) {
        Json inner = json[part];
        return json.set(part, inner.set(key, value));
    };
    const Json small = small_tokenizer_json();
    Tokenizer plain = load(small);
    CHECK(plain.encode("the cab") == Tokens{19, 17, 10, 21});
    CHECK(plain.encode("<s>the</s>") == Tokens{3, 14, 7, 19, 3, 4, 14, 7});
    CHECK(plain.encode_with_specials("<s>the</s>") == Tokens{0, 19, 1});
    CHECK(plain.encode_with_template("the") == Tokens{19});
    CHECK(plain.decode({0, 19, 20, 1}) == "<s>the the</s>");

    Tokenizer spaced = load(with(small, "pre_tokenizer", "add_prefix_space", true));
    CHECK(spaced.encode("the") == Tokens{20});
    CHECK(spaced.encode(" the") == Tokens{20});
    CHECK(spaced.encode_with_specials("<s>the</s>a") == Tokens{0, 20, 1, 22});

    CHECK(load(with(small, "model", "ignore_merges", true)).encode("cab cab") == Tokens{23, 17, 10, 21});
    const Json unknown = with(small, "model", "unk_token", "</s>");
    CHECK(load(unknown).encode("xaxx") == Tokens{1, 8, 1, 1});
    CHECK(load(with(unknown, "model", "fuse_unk", true)).encode("xaxx") == Tokens{1, 8, 1});

    // Pre-tokenizers: merges of digits show where they are cut.
    Json digits = small;
    digits.set("added_tokens", Json());
    digits.set("model", test_json(R"({"vocab": {"a": 0, "1": 1, "11": 2, "\u0120": 3, "1111": 4},
                                      "merges": ["1 1", "11 11"]})"));
    auto cut_by = [&](const std::string& pre_tokenizer) {
        return load(Json(digits).set("pre_tokenizer", test_json(pre_tokenizer))).encode("a1111 1111");
    };
    CHECK(load(digits).encode("a1111 1111") == Tokens{0, 4, 3, 4});
    CHECK(cut_by(R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},
                    {"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]})") ==
          Tokens{0, 1, 1, 1, 1, 3, 1, 1, 1, 1});
    for (const char* how : {R"("behavior":"Isolated","invert":false)", R"("behavior":"Removed","invert":true)"})
        CHECK(cut_by(concat(R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)",
                            dump(Json(kLlama3Pattern)), "},", how, R"(},{"type":"ByteLevel","use_regex":false}]})")) ==
              Tokens{0, 2, 1, 1, 3, 2, 1, 1});

    // Added tokens: the longest of those that begin leftmost; those that are normalized only between the others.
    Json added = small;
    auto add = [&](int id, const char* name, bool special, bool strip = false, bool normalized = false) {
        Json list = added["added_tokens"];
        added.set("added_tokens", list.push(Json::Object{{"id", id},
                                                         {"content", name},
                                                         {"special", special},
                                                         {"lstrip", strip},
                                                         {"rstrip", strip},
                                                         {"normalized", normalized}}));
    };
    add(24, "the b", false), add(25, "he", false), add(26, "  ", false), add(27, "t</s>", false, false, true);
    add(28, "[M]", true, true);
    Tokenizer more = load(added);
    CHECK(more.encode("the bed") == Tokens{24, 12, 11});
    CHECK(more.encode("other the") == Tokens{15, 25, 17, 15, 25});
    CHECK(more.encode("a  the") == Tokens{8, 26, 15, 25});
    CHECK(more.encode("the  he") == Tokens{15, 25, 26, 25});
    CHECK(more.encode("t</s>t") == Tokens{27, 15});
    CHECK(more.encode_with_specials("t</s>t") == Tokens{15, 1, 15});
    CHECK(more.encode_with_specials("a [M] \n b") == Tokens{8, 28, 9});
    CHECK(more.decode({8, 28, 26, 24}) == "a[M]  the b");
    CHECK(more.is_special(28));
    CHECK_FALSE(more.is_special(24));

    // Templates, alone or after ByteLevel as Llama 3 has it.
    const std::string around = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
        {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],
        "special_tokens":{"<s>":{"id":"<s>","ids":[0],"tokens":["<s>"]},
        "</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}})";
    for (const std::string& post_processor :
         {around, concat(R"({"type":"Sequence","processors":[{"type":"ByteLevel"},)", around, "]}")}) {
        Tokenizer templated = load(Json(small).set("post_processor", test_json(post_processor)));
        CHECK(templated.encode_with_template("the") == Tokens{0, 19, 1});
        CHECK(templated.encode("the") == Tokens{19});
    }
    // What transformers 5.24 writes in place of no post-processor.
    CHECK(load(Json(small).set("post_processor", test_json(R"({"type":"TemplateProcessing",
        "single":[{"Sequence":{"id":"A","type_id":0}}],"pair":[],"special_tokens":{}})")))
              .encode_with_template("the") == Tokens{19});

    // From the parts of another file.
    std::vector<std::string> pieces, merges{"t h", "th e"};
    for (const char* piece : {"<s>", "t", "h", "e", "th", "the", "\u0120", "  "}) pieces.emplace_back(piece);
    Tokenizer built = build_byte_level_tokenizer(pieces, merges, {0}, {7}, {});
    CHECK(built.encode("the  the<s>") == Tokens{5, 7, 5});
    CHECK(built.encode_with_specials("the <s>") == Tokens{5, 6, 0});
    CHECK(built.decode({6, 7}) == "   ");
    pieces.push_back("   ");
    CHECK(build_byte_level_tokenizer(pieces, merges, {0}, {7, 8}, {}).encode("e   e  e") == Tokens{3, 8, 3, 7, 3});
    CHECK(contains(error_of([&] { build_byte_level_tokenizer(pieces, {"t x"}, {}, {}, {}); }), "names a token that"));
    CHECK(contains(error_of([&] { build_byte_level_tokenizer(pieces, {"tx"}, {}, {}, {}); }), "is not a pair"));
    CHECK(contains(error_of([&] { build_byte_level_tokenizer(pieces, {}, {}, {9}, {}); }), "added token 9 is outside"));
}

TEST_CASE("tokenizer_config.json: the context, and what another model's files say") {
    TemporaryFolder folder;
    write_tokenizer(folder.path, train_bpe({"a b", "a b"}, 270), 96);
    Json config = read_json(folder.path / "tokenizer_config.json");
    CHECK(config["model_max_length"].integer() == 96);
    CHECK(contains(config["chat_template"].string(), "{% generation %}"));
    CHECK(read_json(folder.path / "tokenizer.json")["post_processor"]["type"] == "ByteLevel");

    Generation generation;
    generation.bos = 0;
    generation.stops = {1};
    generation.chat_template = "{{ messages[0]['content'] }}";
    write_tokenizer(folder.path, parse_tokenizer(small_tokenizer_json()), 0, generation);
    config = read_json(folder.path / "tokenizer_config.json");
    CHECK(config["bos_token"] == "<s>");
    CHECK(config["eos_token"] == "</s>");
    CHECK(config["chat_template"] == "{{ messages[0]['content'] }}");
    CHECK(!config.find("model_max_length"));
    CHECK(!config.find("pad_token"));
}

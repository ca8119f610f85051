// tokenizer.json: there and back, other people's spellings, and what is refused.
#include <doctest/doctest.h>

#include <functional>

#include "../core/lm/bpe_training.h"
#include "../core/io/tokenizer_json.h"
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
    CHECK(contains(refused(with(file, {"model", "byte_fallback"}, true)), "byte_fallback is true"));
    CHECK(contains(refused(with(file, {"model", "ignore_merges"}, true)), "ignore_merges is true"));
    CHECK(contains(refused(with(file, {"model", "end_of_word_suffix"}, "</w>")), "end_of_word_suffix is \"</w>\""));
    CHECK(contains(refused(with(file, {"normalizer"}, Json::Object{{"type", "NFC"}})), "normalizer is "));
    CHECK(contains(refused(with(file, {"pre_tokenizer"}, Json::Object{{"type", "Sequence"}})), "Sequence"));
    CHECK(contains(refused(with(file, {"pre_tokenizer"}, Json())), "pre_tokenizer is null"));
    CHECK(contains(refused(with(file, {"pre_tokenizer", "add_prefix_space"}, true)), "pre_tokenizer is "));
    CHECK(contains(refused(with(file, {"pre_tokenizer", "use_regex"}, false)), "pre_tokenizer is "));
    CHECK(contains(refused(with(file, {"post_processor"}, Json::Object{{"type", "TemplateProcessing"}})), "post_pro"));
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

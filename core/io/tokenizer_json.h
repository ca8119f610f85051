// tokenizer.json, the tokenizer file of Hugging Face's libraries: written, and read if cai supports what it asks for.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../base/json.h"
#include "../lm/tokenizer.h"

namespace cai {

// Writes tokenizer.json and tokenizer_config.json into the directory for Hugging Face's libraries. (Unlike
// Tokenizer::encode, they encode the name of a special token in a text as that token.)
inline void write_tokenizer(const std::filesystem::path& directory, const Tokenizer& tokenizer) {
    Json::Array added, merges;
    Json::Object vocabulary;
    for (Token id = 0; static_cast<size_t>(id) < tokenizer.size(); id++) {
        const std::string& piece = tokenizer.piece(id);
        vocabulary.push_back({tokenizer.is_special(id) ? piece : to_alphabet(piece), id});
        if (tokenizer.is_special(id))
            added.push_back(Json::Object{{"id", id},
                                         {"content", piece},
                                         {"single_word", false},
                                         {"lstrip", false},
                                         {"rstrip", false},
                                         {"normalized", false},
                                         {"special", true}});
    }
    for (auto [left, right] : tokenizer.merges())
        merges.push_back(to_alphabet(tokenizer.piece(left)) + " " + to_alphabet(tokenizer.piece(right)));
    auto byte_level = [](bool add_prefix_space) {
        return Json::Object{
            {"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"trim_offsets", true}, {"use_regex", true}};
    };
    Json model = Json::Object{{"type", "BPE"},
                              {"dropout", Json()},
                              {"unk_token", Json()},
                              {"continuing_subword_prefix", Json()},
                              {"end_of_word_suffix", Json()},
                              {"fuse_unk", false},
                              {"byte_fallback", false},
                              {"ignore_merges", false},
                              {"vocab", std::move(vocabulary)},
                              {"merges", std::move(merges)}};
    Json file = Json::Object{{"version", "1.0"},         {"truncation", Json()},
                             {"padding", Json()},        {"added_tokens", std::move(added)},
                             {"normalizer", Json()},     {"pre_tokenizer", byte_level(false)},
                             {"post_processor", Json()}, {"decoder", byte_level(true)},
                             {"model", std::move(model)}};
    write_file(directory / "tokenizer.json", dump(file, 2) + '\n');

    // With LlamaTokenizer or GPT2Tokenizer here, transformers would silently tokenize differently.
    Json config = Json::Object{{"tokenizer_class", "PreTrainedTokenizerFast"},
                               {"unk_token", Json()},
                               {"clean_up_tokenization_spaces", false},
                               {"add_prefix_space", false}};
    if (tokenizer.has_roles()) {
        config.set("bos_token", kSpecialNames[kEndOfText]).set("eos_token", kSpecialNames[kEndOfText]);
        config.set("pad_token", kSpecialNames[kPad]);
        config.set("chat_template",
                   "{% for message in messages %}"
                   "{% if message['role'] == 'user' %}<|user|>"
                   "{% elif message['role'] == 'assistant' %}<|assistant|>"
                   "{% else %}{{ raise_exception('the roles are user and assistant') }}{% endif %}"
                   "{{ message['content'] }}{% endfor %}"
                   "{% if add_generation_prompt %}<|assistant|>{% else %}<|endoftext|>{% endif %}");
    }
    write_file(directory / "tokenizer_config.json", dump(config, 2) + '\n');
}

inline Tokenizer parse_tokenizer(const Json& file) {
    auto supports = [&](bool condition, const Json& object, const char* key) {
        if (condition) return;
        const Json* value = object.find(key);
        fail(kBadInput, key, " is ", value ? dump(*value).substr(0, 200) : "missing",
             ", which cai does not support; it reads byte-level BPE with GPT-2's pre-tokenizer");
    };
    // Absent, null, "" and false all mean "not used".
    auto unused = [](const Json& object, const char* key) {
        const Json* value = object.find(key);
        return !value || value->is_null() || (value->is_string() && value->string().empty()) ||
               (value->is_boolean() && !value->boolean());
    };
    auto byte_level = [](const Json& object, const char* key) {
        const Json* value = object.find(key);
        const Json* type = value && value->is_object() ? value->find("type") : nullptr;
        return type && *type == "ByteLevel";
    };
    const Json& model = file["model"];
    supports(!model.find("type") || model["type"] == "BPE", model, "type");
    for (const char* key :
         {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"})
        supports(unused(model, key), model, key);
    supports(unused(file, "normalizer"), file, "normalizer");
    supports(unused(file, "post_processor") || byte_level(file, "post_processor"), file, "post_processor");
    supports(byte_level(file, "pre_tokenizer"), file, "pre_tokenizer");
    const Json& pre_tokenizer = file["pre_tokenizer"];
    supports(unused(pre_tokenizer, "add_prefix_space"), file, "pre_tokenizer");
    const Json* use_regex = pre_tokenizer.find("use_regex");
    supports(!use_regex || use_regex->boolean(), file, "pre_tokenizer");

    auto token_id = [](const Json& json) {
        int64_t id = json.integer();
        expects(id >= 0 && id <= INT32_MAX, "a token cannot have the id ", id);
        return static_cast<Token>(id);
    };

    // Added tokens keep their id in the vocabulary, or follow it.
    const Json::Object& vocabulary = model["vocab"].object();
    std::unordered_map<std::string, Token> ids;
    std::vector<std::pair<std::string, Token>> names;
    for (const auto& [text, id] : vocabulary) names.emplace_back(text, token_id(id));
    for (const auto& [text, id] : names) ids.emplace(text, id);
    std::vector<Token> specials;
    if (!unused(file, "added_tokens"))
        for (const Json& token : file["added_tokens"].array()) {
            Token id = token_id(token["id"]);
            auto [known, is_new] = ids.emplace(token["content"].string(), id);
            expects(known->second == id, "the added token \"", known->first, "\" has two ids, ", id, " and ",
                    known->second);
            if (is_new) names.emplace_back(known->first, id);
            specials.push_back(id);
        }
    std::vector<std::string> pieces(names.size());
    std::vector<bool> taken(names.size());
    for (const auto& [text, id] : names) {
        size_t k = static_cast<size_t>(id);
        expects(k < taken.size() && !taken[k], "the ids of ", names.size(), " tokens must be 0 to ", names.size() - 1,
                ", each once; \"", text, "\" has ", id);
        taken[k] = true;
        bool special = std::find(specials.begin(), specials.end(), id) != specials.end();
        pieces[k] = special ? text : from_alphabet(text);
    }

    std::vector<Tokenizer::Pair> merges;
    for (const Json& merge : model["merges"].array()) {
        std::string left, right;  // "a b", or in newer files ["a", "b"]
        if (merge.is_string()) {
            const std::string& text = merge.string();
            if (merges.empty() && text.starts_with("#version")) continue;
            size_t space = text.find(' ');
            expects(space != std::string::npos, "merge ", merges.size(), " \"", text, "\" is not a pair");
            left = text.substr(0, space);
            right = text.substr(space + 1);
        } else {
            expects(merge.array().size() == 2, "merge ", merges.size(), " is not a pair");
            left = merge.array()[0].string();
            right = merge.array()[1].string();
        }
        auto l = ids.find(left), r = ids.find(right);
        expects(l != ids.end() && r != ids.end(), "merge ", merges.size(), " \"", left, " ", right,
                "\" names a token that is not in the vocabulary");
        merges.emplace_back(l->second, r->second);
    }
    return Tokenizer(std::move(pieces), std::move(merges), specials);
}

// Reads our own and any other byte-level tokenizer.json with GPT-2's
// pre-tokenizer; for others, the error names the unsupported feature.
inline Tokenizer read_tokenizer(const std::filesystem::path& directory) {
    std::filesystem::path path = directory / "tokenizer.json";
    Json file = read_json(path);
    try {
        return parse_tokenizer(file);
    } catch (const Error& error) {
        fail(error.status, path, ": ", error.what());
    }
}

}  // namespace cai

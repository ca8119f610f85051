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
#include "../lm/generation.h"
#include "../lm/tokenizer.h"

namespace cai {

// The regular expressions by which files name pre-tokenizers that pre_tokenizer.h writes out by hand.
inline constexpr const char* kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
inline constexpr const char* kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
    R"(\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace detail {

inline Json byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex) {
    return Json::Object{{"type", "ByteLevel"},
                        {"add_prefix_space", add_prefix_space},
                        {"trim_offsets", trim_offsets},
                        {"use_regex", use_regex}};
}

inline Json pre_tokenizer_json(const TokenizerRules& rules) {
    switch (rules.pre_tokenizer) {
        case PreTokenizer::gpt2:
            return byte_level(rules.add_prefix_space, true, true);
        case PreTokenizer::no_split:
            return byte_level(rules.add_prefix_space, true, false);
        case PreTokenizer::smollm:
            return Json::Object{
                {"type", "Sequence"},
                {"pretokenizers", Json::Array{Json::Object{{"type", "Digits"}, {"individual_digits", true}},
                                              byte_level(false, true, true)}}};
        case PreTokenizer::llama3:
            break;
    }
    Json split = Json::Object{{"type", "Split"},
                              {"pattern", Json::Object{{"Regex", kLlama3Pattern}}},
                              {"behavior", "Isolated"},
                              {"invert", false}};
    return Json::Object{{"type", "Sequence"},
                        {"pretokenizers", Json::Array{std::move(split), byte_level(false, true, false)}}};
}

// What SentencePiece does, in the words of Hugging Face's files for Llama 2: spaces become U+2581, of which one more
// stands in front; and the way back.
inline Json sentencepiece_normalizer(bool add_prefix_space) {
    Json replace = Json::Object{{"type", "Replace"}, {"pattern", Json::Object{{"String", " "}}}, {"content", "\u2581"}};
    if (!add_prefix_space) return replace;
    Json prepend = Json::Object{{"type", "Prepend"}, {"prepend", "\u2581"}};
    return Json::Object{{"type", "Sequence"}, {"normalizers", Json::Array{std::move(prepend), std::move(replace)}}};
}
inline Json sentencepiece_decoder(bool add_prefix_space) {
    Json replace = Json::Object{{"type", "Replace"}, {"pattern", Json::Object{{"String", "\u2581"}}}, {"content", " "}};
    Json steps =
        Json::Array{std::move(replace), Json::Object{{"type", "ByteFallback"}}, Json::Object{{"type", "Fuse"}}};
    if (add_prefix_space) steps.push(Json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
    return Json::Object{{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

// A post-processor that is there even if it has nothing to add: in place of none, transformers 5 writes one of its own.
inline Json post_processor_json(const Tokenizer& tokenizer) {
    const TokenizerRules& rules = tokenizer.rules();
    Json nothing = rules.sentencepiece ? Json() : byte_level(false, false, true);
    if (rules.before.empty() && rules.after.empty()) return nothing;
    Json::Array single, pair;
    Json::Object tokens;
    auto add = [&](Json::Array& to, const std::vector<Token>& ids, int type) {
        for (Token id : ids) {
            const std::string& name = tokenizer.piece(id);
            to.push_back(Json::Object{{"SpecialToken", Json::Object{{"id", name}, {"type_id", type}}}});
            Json token = Json::Object{{"id", name}, {"ids", Json::Array{id}}, {"tokens", Json::Array{name}}};
            if (Json(tokens).find(name) == nullptr) tokens.push_back({name, std::move(token)});
        }
    };
    auto add_text = [&](Json::Array& to, const char* name, int type) {
        add(to, rules.before, type);
        to.push_back(Json::Object{{"Sequence", Json::Object{{"id", name}, {"type_id", type}}}});
        add(to, rules.after, type);
    };
    add_text(single, "A", 0);
    add_text(pair, "A", 0);
    add_text(pair, "B", 1);
    Json around = Json::Object{{"type", "TemplateProcessing"},
                               {"single", std::move(single)},
                               {"pair", std::move(pair)},
                               {"special_tokens", std::move(tokens)}};
    if (rules.sentencepiece) return around;
    return Json::Object{{"type", "Sequence"}, {"processors", Json::Array{std::move(nothing), std::move(around)}}};
}

// How transformers lays out a conversation for a tokenizer with our roles, as encode_document() does. What stands
// between the generation marks is what TRL's assistant_only_loss trains on.
inline constexpr const char* kChatTemplate =
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}"
    "{% elif message['role'] == 'assistant' %}<|assistant|>{% generation %}{{ message['content'] }}"
    "{% if loop.last and not add_generation_prompt %}<|endoftext|>{% endif %}{% endgeneration %}"
    "{% else %}{{ raise_exception('the roles are user and assistant') }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>"
    "{% elif not messages or messages[-1]['role'] != 'assistant' %}<|endoftext|>{% endif %}";

}  // namespace detail

// Writes tokenizer.json and tokenizer_config.json into the directory for Hugging Face's libraries. (Unlike
// Tokenizer::encode, they encode the name of a special token in a text as that token.) context: the model's, in tokens;
// 0: the tokenizer is nobody's yet. generation: of a model that does not have our roles.
inline void write_tokenizer(const std::filesystem::path& directory, const Tokenizer& tokenizer, int context = 0,
                            const Generation& generation = {}) {
    const TokenizerRules& rules = tokenizer.rules();
    Json::Array added, merges;
    Json::Object vocabulary;
    for (Token id = 0; static_cast<size_t>(id) < tokenizer.size(); id++)
        vocabulary.push_back({tokenizer.spelling(id), id});
    for (const AddedToken& token : tokenizer.added())
        added.push_back(Json::Object{{"id", token.id},
                                     {"content", tokenizer.piece(token.id)},
                                     {"single_word", false},
                                     {"lstrip", token.lstrip},
                                     {"rstrip", token.rstrip},
                                     {"normalized", token.normalized},
                                     {"special", token.special}});
    for (auto [left, right] : tokenizer.merges())
        merges.push_back(tokenizer.spelling(left) + " " + tokenizer.spelling(right));
    Json model = Json::Object{{"type", "BPE"},
                              {"dropout", Json()},
                              {"unk_token", rules.unknown < 0 ? Json() : Json(tokenizer.spelling(rules.unknown))},
                              {"continuing_subword_prefix", Json()},
                              {"end_of_word_suffix", Json()},
                              {"fuse_unk", rules.fuse_unknown},
                              {"byte_fallback", rules.sentencepiece},
                              {"ignore_merges", rules.ignore_merges},
                              {"vocab", std::move(vocabulary)},
                              {"merges", std::move(merges)}};
    const bool pieces = rules.sentencepiece;
    Json file = Json::Object{{"version", "1.0"},
                             {"truncation", Json()},
                             {"padding", Json()},
                             {"added_tokens", std::move(added)},
                             {"normalizer", pieces ? detail::sentencepiece_normalizer(rules.add_prefix_space) : Json()},
                             {"pre_tokenizer", pieces ? Json() : detail::pre_tokenizer_json(rules)},
                             {"post_processor", detail::post_processor_json(tokenizer)},
                             {"decoder", pieces ? detail::sentencepiece_decoder(rules.add_prefix_space)
                                                : detail::byte_level(true, true, true)},
                             {"model", std::move(model)}};
    write_file(directory / "tokenizer.json", dump(file, 2) + '\n');

    // With LlamaTokenizer or GPT2Tokenizer here, transformers would silently tokenize differently.
    Json config = Json::Object{{"tokenizer_class", "PreTrainedTokenizerFast"},
                               {"unk_token", rules.unknown < 0 ? Json() : Json(tokenizer.piece(rules.unknown))},
                               {"clean_up_tokenization_spaces", false},
                               {"add_prefix_space", rules.add_prefix_space && !pieces}};
    if (context > 0) config.set("model_max_length", context);
    if (tokenizer.has_roles()) {
        config.set("bos_token", kSpecialNames[kEndOfText]).set("eos_token", kSpecialNames[kEndOfText]);
        config.set("pad_token", kSpecialNames[kPad]);
        config.set("chat_template", detail::kChatTemplate);
    } else {
        if (generation.bos) config.set("bos_token", tokenizer.piece(*generation.bos));
        if (!generation.stops.empty()) config.set("eos_token", tokenizer.piece(generation.stops[0]));
        if (generation.pad) config.set("pad_token", tokenizer.piece(*generation.pad));
        if (!generation.chat_template.empty()) config.set("chat_template", generation.chat_template);
    }
    write_file(directory / "tokenizer_config.json", dump(config, 2) + '\n');
}

namespace detail {

// Throws: the file asks for something that cai does not do. name: the key, and in brackets what in its value it is.
[[noreturn]] inline void unsupported(const std::string& name, const Json* value) {
    fail(kBadInput, name, " is ", value ? dump(*value).substr(0, 200) : "missing",
         ", which cai does not support; it reads byte-level BPE with the pre-tokenizers of GPT-2, SmolLM2 and Llama 3");
}

// The member of an object, or null. Absent, null, "" and false all mean "not used".
inline const Json* used(const Json& object, const char* key) {
    const Json* value = object.find(key);
    const bool unused = !value || value->is_null() || (value->is_string() && value->string().empty()) ||
                        (value->is_boolean() && !value->boolean());
    return unused ? nullptr : value;
}
inline bool is_type(const Json& json, const char* type) {
    const Json* name = json.is_object() ? json.find("type") : nullptr;
    return name && *name == type;
}

// ByteLevel alone, or after one step that splits the text.
inline void read_pre_tokenizer(const Json& file, TokenizerRules& rules) {
    const Json* whole = used(file, "pre_tokenizer");
    auto supports = [&](bool condition) {
        if (!condition) unsupported("pre_tokenizer", whole);
    };
    supports(whole && whole->is_object());
    const bool sequence = is_type(*whole, "Sequence");
    const Json::Array steps = sequence ? (*whole)["pretokenizers"].array() : Json::Array{*whole};
    supports(steps.size() == 1 || steps.size() == 2);
    const Json& bytes = steps.back();
    supports(is_type(bytes, "ByteLevel"));
    const Json* regex = bytes.find("use_regex");
    const bool use_regex = !regex || regex->boolean();
    rules.add_prefix_space = used(bytes, "add_prefix_space");
    if (steps.size() == 1) {
        rules.pre_tokenizer = use_regex ? PreTokenizer::gpt2 : PreTokenizer::no_split;
        return;
    }
    const Json& split = steps[0];
    supports(!rules.add_prefix_space);  // it would put a space before each part of the split text
    if (is_type(split, "Digits")) {
        supports(use_regex && used(split, "individual_digits"));
        rules.pre_tokenizer = PreTokenizer::smollm;
        return;
    }
    supports(is_type(split, "Split") && !use_regex);
    // The expressions match all of a text: what they match, isolated, is what lies between removed gaps.
    const bool inverted = used(split, "invert");
    supports(split["behavior"] == (inverted ? "Removed" : "Isolated"));
    const Json* pattern = split["pattern"].find("Regex");
    supports(pattern && (*pattern == kGpt2Pattern || *pattern == kLlama3Pattern));
    rules.pre_tokenizer = *pattern == kGpt2Pattern ? PreTokenizer::gpt2 : PreTokenizer::llama3;
}

// What stands around a text: TemplateProcessing, alone or beside ByteLevel, which only changes offsets.
inline void read_post_processor(const Json& file, TokenizerRules& rules) {
    const Json* whole = used(file, "post_processor");
    if (!whole) return;
    auto supports = [&](bool condition) {
        if (!condition) unsupported("post_processor", whole);
    };
    const Json::Array steps = is_type(*whole, "Sequence") ? (*whole)["processors"].array() : Json::Array{*whole};
    bool has_template = false;
    for (const Json& step : steps) {
        if (is_type(step, "ByteLevel")) continue;
        supports(is_type(step, "TemplateProcessing") && !has_template);
        has_template = true;
        bool after_text = false;
        for (const Json& part : step["single"].array()) {
            if (const Json* sequence = part.find("Sequence")) {
                supports(!after_text && (*sequence)["id"] == "A");
                after_text = true;
                continue;
            }
            const std::string& name = part["SpecialToken"]["id"].string();
            for (const Json& id : step["special_tokens"][name]["ids"].array())
                (after_text ? rules.after : rules.before).push_back(static_cast<Token>(id.integer()));
        }
        supports(after_text);
    }
}

}  // namespace detail

inline Tokenizer parse_tokenizer(const Json& file) {
    using detail::used;
    auto supports = [&](bool condition, const Json& object, const char* key) {
        if (!condition) detail::unsupported(key, object.find(key));
    };
    const Json& model = file["model"];
    supports(!model.find("type") || model["type"] == "BPE", model, "type");
    for (const char* key : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"})
        supports(!used(model, key), model, key);
    TokenizerRules rules;
    const Json *normalizer = used(file, "normalizer"), *decoder = used(file, "decoder");
    if (used(model, "byte_fallback")) {
        rules.sentencepiece = true;
        rules.pre_tokenizer = PreTokenizer::no_split;
        rules.add_prefix_space = normalizer && *normalizer == detail::sentencepiece_normalizer(true);
        supports(rules.add_prefix_space || (normalizer && *normalizer == detail::sentencepiece_normalizer(false)), file,
                 "normalizer");
        supports(decoder && *decoder == detail::sentencepiece_decoder(rules.add_prefix_space), file, "decoder");
        supports(!used(file, "pre_tokenizer"), file, "pre_tokenizer");
    } else {
        supports(!normalizer, file, "normalizer");
        supports(!decoder || detail::is_type(*decoder, "ByteLevel"), file, "decoder");
        detail::read_pre_tokenizer(file, rules);
    }
    detail::read_post_processor(file, rules);
    rules.ignore_merges = used(model, "ignore_merges");
    rules.fuse_unknown = used(model, "fuse_unk");

    auto token_id = [](const Json& json) {
        int64_t id = json.integer();
        expects(id >= 0 && id <= INT32_MAX, "a token cannot have the id ", id);
        return static_cast<Token>(id);
    };

    // Added tokens keep their id in the vocabulary, or follow it.
    std::unordered_map<std::string, Token> ids;
    std::vector<std::pair<std::string, Token>> names;
    for (const auto& [text, id] : model["vocab"].object()) names.emplace_back(text, token_id(id));
    for (const auto& [text, id] : names) ids.emplace(text, id);
    std::vector<AddedToken> added;
    if (used(file, "added_tokens"))
        for (const Json& token : file["added_tokens"].array()) {
            Token id = token_id(token["id"]);
            auto [known, is_new] = ids.emplace(token["content"].string(), id);
            expects(known->second == id, "the added token \"", known->first, "\" has two ids, ", id, " and ",
                    known->second);
            if (is_new) names.emplace_back(known->first, id);
            if (used(token, "single_word"))
                detail::unsupported(concat("single_word of the added token \"", known->first, "\""), &token);
            added.push_back({id, !token.find("special") || token["special"].boolean(), !!used(token, "lstrip"),
                             !!used(token, "rstrip"), !!used(token, "normalized")});
        }
    std::vector<std::string> spellings(names.size());
    std::vector<bool> taken(names.size());
    for (const auto& [text, id] : names) {
        size_t k = static_cast<size_t>(id);
        expects(k < taken.size() && !taken[k], "the ids of ", names.size(), " tokens must be 0 to ", names.size() - 1,
                ", each once; \"", text, "\" has ", id);
        taken[k] = true;
        spellings[k] = text;
    }
    if (const Json* unknown = used(model, "unk_token")) {
        auto found = ids.find(unknown->string());
        expects(found != ids.end(), "unk_token is \"", unknown->string(), "\", which is not in the vocabulary");
        rules.unknown = found->second;
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
    return Tokenizer(std::move(spellings), std::move(merges), std::move(added), std::move(rules));
}

// Reads our own and any other byte-level tokenizer.json with the pre-tokenizer of GPT-2, SmolLM2 or Llama 3, and those
// of Llama 2; for others, the error names the unsupported feature.
inline Tokenizer read_tokenizer(const std::filesystem::path& directory) {
    std::filesystem::path path = directory / "tokenizer.json";
    const Json file = read_json(path);
    return located(path.string(), [&] { return parse_tokenizer(file); });
}

}  // namespace cai

// generation_config.json, and what tokenizer_config.json says of conversations: read and written as Hugging Face's
// transformers does.
#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "../base/json.h"
#include "../lm/generation.h"

namespace cai {

// The ids of a token in JSON: a number, a list of numbers, or nothing.
inline Json tokens_json(const std::vector<Token>& tokens) {
    if (tokens.size() == 1) return Json(tokens[0]);
    return tokens.empty() ? Json() : Json(Json::Array(tokens.begin(), tokens.end()));
}
inline Json token_json(const std::optional<Token>& token) { return token ? Json(*token) : Json(); }

// top_k, top_p and temperature are those of the whole distribution: where they are missing, transformers samples from
// the 50 likeliest tokens.
inline std::string generation_json(const Generation& generation) {
    const Json json = Json::Object{{"bos_token_id", token_json(generation.bos)},
                                   {"eos_token_id", tokens_json(generation.stops)},
                                   {"pad_token_id", token_json(generation.pad)},
                                   {"do_sample", true},
                                   {"temperature", Json::real(1)},
                                   {"top_k", 0},
                                   {"top_p", Json::real(1)},
                                   {"transformers_version", "4.45.0"}};
    return dump(json, 2) + "\n";
}

// The token ids under a key: none if it is absent or null. Errors: something else than ids of the vocabulary.
inline std::vector<Token> read_token_ids(const Json& json, const char* key, int vocab_size, const std::string& where) {
    const Json* value = json.find(key);
    if (!value || value->is_null()) return {};
    std::vector<Token> tokens;
    for (const Json& id : value->is_array() ? value->array() : Json::Array{*value}) {
        expects(
            id.is_number() && id.number() >= 0 && id.number() < vocab_size && id.number() == std::floor(id.number()),
            where, ": \"", key, "\" holds ", dump(id), ", which is no token of the vocabulary of ", vocab_size);
        tokens.push_back(static_cast<Token>(id.number()));
    }
    return tokens;
}

// Begin, ends and padding from the folder's generation_config.json, which replaces all of config.json's where it is
// there; the conversation's layout from chat_template.jinja or else tokenizer_config.json. config: config.json.
inline Generation read_generation(const std::filesystem::path& directory, const Json& config, int vocab_size) {
    namespace fs = std::filesystem;
    const fs::path file = directory / "generation_config.json", tokenizer_file = directory / "tokenizer_config.json";
    const bool has_file = fs::exists(file);
    const std::string where = (has_file ? file : directory / "config.json").string();
    const Json json = has_file ? read_json(file) : config;
    expects(json.is_object(), where, ": not a JSON object");
    Generation generation;
    const auto first = [&](const char* key) -> std::optional<Token> {
        const std::vector<Token> tokens = read_token_ids(json, key, vocab_size, where);
        return tokens.empty() ? std::nullopt : std::optional(tokens[0]);
    };
    generation.bos = first("bos_token_id");
    generation.stops = read_token_ids(json, "eos_token_id", vocab_size, where);
    generation.pad = first("pad_token_id");

    const Json tokenizer = fs::exists(tokenizer_file) ? read_json(tokenizer_file) : Json(Json::Object{});
    expects(tokenizer.is_object(), tokenizer_file, ": not a JSON object");
    const auto text_at = [&](const char* key) -> std::string {  // a string, or an added token's {"content": ...}
        const Json* value = tokenizer.find(key);
        if (value && value->is_object()) value = value->find("content");
        return value && value->is_string() ? value->string() : "";
    };
    generation.bos_text = text_at("bos_token"), generation.eos_text = text_at("eos_token");
    if (fs::exists(directory / "chat_template.jinja")) {
        generation.chat_template = read_file(directory / "chat_template.jinja");
    } else if (const Json* value = tokenizer.find("chat_template")) {
        if (value->is_string()) generation.chat_template = value->string();
        if (value->is_array())  // several, by name
            for (const Json& named : value->array())
                if (named.is_object() && named.find("name") && named["name"] == "default")
                    generation.chat_template = named["template"].string();
    }
    return generation;
}

}  // namespace cai

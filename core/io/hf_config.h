// config.json, the model configuration of Hugging Face's libraries: written, and read if cai can run the model.
#pragma once
#include <cmath>
#include <optional>
#include <string>

#include "../base/format.h"
#include "../base/json.h"
#include "../base/numbers.h"
#include "../nn/config.h"
#include "generation_config.h"

namespace cai {

// A float with its own shortest digits: 1e-05, not the digits of the nearest double. Strict readers want 10000.0.
inline Json real(float value) {
    double number = 0;
    parse_number(shortest(value), number);
    return Json::real(number);
}

// "rope_scaling" in config.json; null without one.
inline Json rope_scaling_json(const RopeScaling& scaling) {
    if (scaling.kind == RopeScaling::Kind::none) return Json();
    if (scaling.kind == RopeScaling::Kind::linear)
        return Json::Object{{"rope_type", "linear"}, {"factor", real(scaling.factor)}};
    return Json::Object{{"rope_type", "llama3"},
                        {"factor", real(scaling.factor)},
                        {"low_freq_factor", real(scaling.low_frequency)},
                        {"high_freq_factor", real(scaling.high_frequency)},
                        {"original_max_position_embeddings", scaling.original_context}};
}

// Writes every key for which LlamaConfig has a default, since those defaults describe another model. transformers 4 and
// 5 both read the legacy keys rope_theta, rope_scaling and torch_dtype. A score model is a
// LlamaForSequenceClassification with one label, which pools at the last token that is not <|pad|>.
inline std::string config_json(const Config& c, const Generation& generation = our_generation(),
                               const std::string& weight_type = "float32") {
    Json json = Json::Object{
        {"architectures", Json::Array{c.score_head ? "LlamaForSequenceClassification" : "LlamaForCausalLM"}},
        {"model_type", "llama"},
        {"vocab_size", c.vocab_size},
        {"hidden_size", c.width},
        {"intermediate_size", c.ff},
        {"num_hidden_layers", c.layers},
        {"num_attention_heads", c.heads},
        {"num_key_value_heads", c.kv_heads},
        {"head_dim", c.head_dim},
        {"hidden_act", "silu"},
        {"max_position_embeddings", c.context},
        {"rms_norm_eps", real(c.norm_eps)},
        {"rope_theta", real(c.rope_theta)},
        {"rope_scaling", rope_scaling_json(c.rope_scaling)},
        {"tie_word_embeddings", c.tied},
        {"attention_bias", false},
        {"attention_dropout", Json::real(0)},
        {"mlp_bias", false},
        {"initializer_range", Json::real(0.02)},
        {"use_cache", true},
        {"bos_token_id", token_json(generation.bos)},
        {"eos_token_id", tokens_json(generation.stops)},
        {"pad_token_id", token_json(generation.pad)},
        {"torch_dtype", weight_type},
        {"transformers_version", "4.45.0"},
    };
    if (c.score_head) {
        json.set("num_labels", 1);
        json.set("id2label", Json::Object{{"0", "LABEL_0"}});
        json.set("label2id", Json::Object{{"LABEL_0", 0}});
    }
    return dump(json, 2) + "\n";
}

// The members of config.json, with the checks that every kind of them needs.
struct ConfigReader {
    const Json& json;
    const std::string& where;  // opens every error message

    const Json* find(const char* key) const {
        const Json* value = json.find(key);
        return value && !value->is_null() ? value : nullptr;
    }
    std::string string(const char* key) const {
        const Json* value = find(key);
        return value && value->is_string() ? value->string() : "";
    }
    int whole(const char* key, std::optional<int> absent = {}) const {
        const Json* value = find(key);
        if (!value && absent) return *absent;
        expects(value && value->is_number() && value->number() >= 1 && value->number() <= 0x1p30 &&
                    value->number() == std::floor(value->number()),
                where, ": \"", key, "\" is missing or not a whole number above 0");
        return static_cast<int>(value->number());
    }
    float positive(const char* key, std::optional<float> absent = {}) const {
        const Json* value = find(key);
        if (!value && absent) return *absent;
        const float number = value && value->is_number() ? static_cast<float>(value->number()) : 0;
        expects(number > 0 && std::isfinite(number), where, ": \"", key,
                "\" is missing or not a number above 0 that a float holds");
        return number;
    }
    bool flag(const char* key) const {
        const Json* value = find(key);
        expects(!value || value->is_boolean(), where, ": \"", key, "\" is neither true nor false");
        return value && value->boolean();
    }
};

// Which class of transformers the weights belong to; true: one with a score head. Mistral is Llama where its window is
// no shorter than the context. Errors: it is none that cai runs.
inline bool check_architecture(const ConfigReader& file) {
    const std::string& where = file.where;
    const std::string type = file.string("model_type");
    std::string architecture = "(none)";
    if (const Json* list = file.find("architectures"); list && list->is_array() && !list->array().empty())
        if (list->array()[0].is_string()) architecture = list->array()[0].string();
    const std::string family = type == "llama" ? "Llama" : "Mistral";
    const bool known = type == "llama" || type == "mistral",
               scores = architecture == family + "ForSequenceClassification";
    expects(!type.empty(), where, ": \"model_type\" is missing, so there is no saying what model this is");
    expects(known && (scores || architecture == family + "ForCausalLM" || architecture == "(none)"), where,
            ": cannot run the architecture ", architecture, " (model_type \"", type,
            "\"); cai runs LlamaForCausalLM and LlamaForSequenceClassification, and Mistral's where it is the same");
    if (type == "mistral") {
        const Json* given = file.json.find("sliding_window");
        const int context = file.whole("max_position_embeddings");
        const int window = given && given->is_null() ? context : file.whole("sliding_window", 4096);
        expects(window >= context, where, ": its attention has a sliding window of ", window,
                " tokens, shorter than its context of ", context, ", which cai does not support");
    }
    return scores;
}

// RoPE's base and scaling, by the rules of transformers 5: rope_scaling, of version 4, is taken instead of
// rope_parameters, of version 5; the base in the one that is taken goes before a top-level rope_theta.
inline void read_rope(const ConfigReader& file, Config& c) {
    const std::string& where = file.where;
    const Json* rope = nullptr;
    std::string key;
    for (const char* name : {"rope_parameters", "rope_scaling"}) {
        const Json* value = file.find(name);
        if (!value) continue;
        expects(value->is_object(), where, ": \"", name, "\" is not a JSON object");
        if (!value->object().empty()) rope = value, key = name;
    }
    c.rope_theta = file.positive("rope_theta", 10000);
    if (!rope) return;
    const std::string rope_where = where + ": \"" + key + "\"";
    const ConfigReader parameters{*rope, rope_where};
    c.rope_theta = parameters.positive("rope_theta", c.rope_theta);
    const Json* type = parameters.find("rope_type");
    if (!type) type = parameters.find("type");
    RopeScaling& scaling = c.rope_scaling;
    if (!type || *type == "default") return;
    expects(*type == "linear" || *type == "llama3", rope_where, " of type ", dump(*type),
            " is not supported; cai knows default, linear and llama3");
    scaling.kind = *type == "linear" ? RopeScaling::Kind::linear : RopeScaling::Kind::llama3;
    scaling.factor = parameters.positive("factor");
    if (scaling.kind == RopeScaling::Kind::linear) return;
    scaling.low_frequency = parameters.positive("low_freq_factor");
    scaling.high_frequency = parameters.positive("high_freq_factor");
    scaling.original_context =
        file.whole("original_max_position_embeddings", parameters.whole("original_max_position_embeddings", c.context));
}

// The inverse of config_json(), for any config.json of the Llama family. Features that this model cannot compute are
// errors that name them. `where` opens every error message.
inline Config parse_config(const Json& json, const std::string& where) {
    expects(json.is_object(), where, ": not a JSON object");
    const ConfigReader file{json, where};
    Config c;
    c.score_head = check_architecture(file);
    c.vocab_size = file.whole("vocab_size");
    c.width = file.whole("hidden_size");
    c.ff = file.whole("intermediate_size");
    c.layers = file.whole("num_hidden_layers");
    c.heads = file.whole("num_attention_heads");
    c.kv_heads = file.string("model_type") == "mistral" && !json.find("num_key_value_heads")
                     ? 8
                     : file.whole("num_key_value_heads", c.heads);
    c.head_dim = file.whole("head_dim", c.width / c.heads);
    c.context = file.whole("max_position_embeddings");
    c.norm_eps = file.positive("rms_norm_eps", 1e-6f);
    c.tied = file.flag("tie_word_embeddings");
    read_rope(file, c);
    located(where, [&] { validate(c); });
    for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"})
        expects(!file.flag(key), where, ": \"", key, "\": true is not supported");
    for (const Json* object : {&json, file.find("rope_parameters"), file.find("rope_scaling")})
        if (const Json* share = object ? object->find("partial_rotary_factor") : nullptr)
            expects(share->is_null() || *share == 1, where,
                    ": \"partial_rotary_factor\" other than 1 is not supported");
    if (std::string activation = file.string("hidden_act"); !activation.empty())
        expects(activation == "silu", where, ": hidden_act \"", activation, "\" is not supported, only \"silu\" is");
    expects(!file.find("quantization_config"), where, ": quantized weights are not supported");
    if (c.score_head) {
        const Json* labels = file.find("id2label");
        const size_t count =
            labels && labels->is_object() ? labels->object().size() : static_cast<size_t>(file.whole("num_labels", 2));
        expects(count == 1, where, ": a classifier of ", count,
                " labels; a score model has one, named in \"id2label\" or counted in \"num_labels\"");
    }
    return c;
}
inline Config parse_config(const std::string& text, const std::string& where) {
    return parse_config(parse_json(text, where), where);
}

}  // namespace cai

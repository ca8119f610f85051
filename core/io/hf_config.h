// config.json, the model configuration of Hugging Face's libraries: written, and read if cai can run the model.
#pragma once
#include <cmath>
#include <optional>
#include <string>

#include "../base/format.h"
#include "../base/json.h"
#include "../base/numbers.h"
#include "../lm/special_tokens.h"
#include "../nn/config.h"

namespace cai {

// A float with its own shortest digits: 1e-05, not the digits of the nearest double. Strict readers want 10000.0.
inline Json real(float value) {
    double number = 0;
    parse_number(shortest(value), number);
    return Json::real(number);
}

// Writes every key for which LlamaConfig has a default, since those defaults describe another model. transformers 4 and
// 5 both read the legacy keys rope_theta, rope_scaling and torch_dtype. A score model is a
// LlamaForSequenceClassification with one label, which pools at the last token that is not <|pad|>.
inline std::string config_json(const Config& c) {
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
        {"rope_scaling", Json()},
        {"tie_word_embeddings", c.tied},
        {"attention_bias", false},
        {"attention_dropout", Json::real(0)},
        {"mlp_bias", false},
        {"initializer_range", Json::real(0.02)},
        {"use_cache", true},
        {"bos_token_id", int{kEndOfText}},
        {"eos_token_id", int{kEndOfText}},
        {"pad_token_id", int{kPad}},
        {"torch_dtype", "float32"},
        {"transformers_version", "4.45.0"},
    };
    if (c.score_head) {
        json.set("num_labels", 1);
        json.set("id2label", Json::Object{{"0", "LABEL_0"}});
        json.set("label2id", Json::Object{{"LABEL_0", 0}});
    }
    return dump(json, 2) + "\n";
}

// The inverse, for any config.json of the Llama family. Features that this model cannot compute are
// errors that name them. `where` opens every error message.
inline Config parse_config(const std::string& text, const std::string& where) {
    Json json = parse_json(text, where);
    expects(json.is_object(), where, ": not a JSON object");
    auto string_at = [&](const char* key) {
        const Json* value = json.find(key);
        return value && value->is_string() ? value->string() : std::string();
    };
    std::string architecture = "(none)";
    if (const Json* list = json.find("architectures"); list && list->is_array() && !list->array().empty())
        if (list->array()[0].is_string()) architecture = list->array()[0].string();
    expects(string_at("model_type") == "llama" &&
                (architecture == "LlamaForCausalLM" || architecture == "LlamaForSequenceClassification"),
            where, ": cannot run the architecture ", architecture, " (model_type \"", string_at("model_type"),
            "\"); cai runs LlamaForCausalLM and LlamaForSequenceClassification");

    auto whole = [&](const char* key, std::optional<int> absent = {}) {
        const Json* value = json.find(key);
        if ((!value || value->is_null()) && absent) return *absent;
        expects(value && value->is_number() && value->number() >= 1 && value->number() <= 0x1p30 &&
                    value->number() == std::floor(value->number()),
                where, ": \"", key, "\" is missing or not a whole number above 0");
        return static_cast<int>(value->number());
    };
    auto positive = [&](const Json& object, const char* key, float absent) {
        const Json* value = object.find(key);
        if (!value || value->is_null()) return absent;
        const float number = value->is_number() ? static_cast<float>(value->number()) : 0;
        expects(number > 0 && std::isfinite(number), where, ": \"", key, "\" is no float above 0");
        return number;
    };
    auto flag = [&](const char* key) {
        const Json* value = json.find(key);
        if (!value || value->is_null()) return false;
        expects(value->is_boolean(), where, ": \"", key, "\" is neither true nor false");
        return value->boolean();
    };

    Config c;
    c.vocab_size = whole("vocab_size");
    c.width = whole("hidden_size");
    c.ff = whole("intermediate_size");
    c.layers = whole("num_hidden_layers");
    c.heads = whole("num_attention_heads");
    c.kv_heads = whole("num_key_value_heads", c.heads);
    c.head_dim = whole("head_dim", c.width / c.heads);
    c.context = whole("max_position_embeddings");
    c.norm_eps = positive(json, "rms_norm_eps", 1e-6f);
    c.rope_theta = positive(json, "rope_theta", 10000);
    c.tied = flag("tie_word_embeddings");
    c.score_head = architecture == "LlamaForSequenceClassification";
    try {
        validate(c);
    } catch (const Error& error) {
        fail(error.status, where, ": ", error.what());
    }

    for (const char* key : {"rope_scaling", "rope_parameters"}) {  // transformers 4 and 5
        const Json* rope = json.find(key);
        if (!rope || !rope->is_object()) continue;
        const Json* type = rope->find("rope_type");
        if (!type) type = rope->find("type");
        expects(!type || (type->is_string() && type->string() == "default"), where, ": \"", key, "\" of type ",
                type ? dump(*type) : "", " is not supported; cai knows plain RoPE only");
        c.rope_theta = positive(*rope, "rope_theta", c.rope_theta);
    }
    for (const char* key : {"attention_bias", "mlp_bias", "rope_interleaved"})
        expects(!flag(key), where, ": \"", key, "\": true is not supported");
    if (std::string activation = string_at("hidden_act"); !activation.empty())
        expects(activation == "silu", where, ": hidden_act \"", activation, "\" is not supported, only \"silu\" is");
    const Json* quantization = json.find("quantization_config");
    expects(!quantization || quantization->is_null(), where, ": quantized weights are not supported");
    if (c.score_head) {
        const Json* labels = json.find("id2label");
        size_t count = labels && labels->is_object() ? labels->object().size() : 2;  // transformers' default
        expects(count == 1, where, ": a classifier of ", count,
                " labels; a score model has one, named in \"id2label\"");
    }
    return c;
}

}  // namespace cai

// config.json: our own, and those of other hands, read as transformers reads them.
#include <doctest/doctest.h>

#include "../core/io/hf_config.h"
#include "../core/nn/weights.h"
#include "hf_files.h"
#include "support.h"

using namespace cai;

TEST_CASE("config.json: written, read back, and read from other hands") {
    for (bool score : {false, true})
        for (bool tied : {false, true})
            CHECK(parse_config(config_json(small_config(score, tied)), "config.json") == small_config(score, tied));
    // Strict readers take a float only where they see one.
    Config config = small_config();
    config.rope_theta = 10000, config.norm_eps = 1e-5f;
    check_contains(config_json(config), "\"rope_theta\": 10000.0");
    check_contains(config_json(config), "\"rms_norm_eps\": 1e-05");

    const std::string minimal =
        "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":100,\"hidden_size\":64,"
        "\"intermediate_size\":96,\"num_hidden_layers\":2,\"num_attention_heads\":4,\"max_position_embeddings\":32";
    Config c = parse_config("{" + minimal + "}", "config.json");
    CHECK(c.kv_heads == 4);
    CHECK(c.head_dim == 16);
    CHECK(c.rope_theta == 10000);
    CHECK(c.norm_eps == 1e-6f);
    CHECK(!c.tied);
    // transformers 5
    c = parse_config("{" + minimal + ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5e5}}",
                     "config.json");
    CHECK(c.rope_theta == 500000);

    auto refusal = [&](const std::string& text) { return error_of([&] { parse_config(text, "x/config.json"); }); };
    check_contains(refusal("{\"architectures\":[\"GPT2LMHeadModel\"],\"model_type\":\"gpt2\"}"),
                   "x/config.json: cannot run the architecture GPT2LMHeadModel (model_type \"gpt2\")");
    check_contains(refusal("{}"), "\"model_type\" is missing");
    check_contains(refusal("{\"model_type\": \"opt\"}"), "cannot run the architecture (none)");
    check_contains(refusal("[]"), "not a JSON object");
    check_contains(refusal("{" + minimal + ",\"attention_bias\":true}"), "\"attention_bias\": true");
    check_contains(refusal("{" + minimal + ",\"hidden_act\":\"gelu\"}"), "hidden_act \"gelu\"");
    check_contains(refusal("{" + minimal + ",\"rope_scaling\":{\"rope_type\":\"llama3\"}}"),
                   "\"rope_scaling\": \"factor\" is missing");
    check_contains(refusal("{" + minimal + ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2.0}}"),
                   "x/config.json: \"rope_scaling\" of type \"yarn\" is not supported; cai knows default, linear and");
    check_contains(refusal("{" + minimal + ",\"rope_parameters\":3}"), "\"rope_parameters\" is not a JSON object");
    check_contains(refusal("{" + minimal + ",\"rope_parameters\":{\"partial_rotary_factor\":0.5}}"),
                   "\"partial_rotary_factor\" other than 1 is not supported");
    check_contains(refusal("{" + minimal + ",\"quantization_config\":{}}"), "quantized");
    check_contains(refusal("{" + minimal + ",\"num_key_value_heads\":3}"), "x/config.json: ");
    check_contains(refusal("{" + minimal + ",\"head_dim\":7}"), "head_dim");
    check_contains(refusal("{" + minimal + ",\"head_dim\":\"7\"}"), "\"head_dim\" is missing or not a whole number");
    check_contains(refusal("{" + minimal + ",\"rms_norm_eps\":0}"), "rms_norm_eps");
    std::string classifier = config_json(small_config(true));
    classifier.replace(classifier.find("\"LABEL_0\""), 9, "\"A\", \"1\": \"B\"");
    check_contains(refusal(classifier), "a classifier of 2 labels");
    const std::string scores = "{" + with(minimal, "LlamaForCausalLM", "LlamaForSequenceClassification");
    CHECK(parse_config(scores + ",\"num_labels\":1}", "config.json").score_head);
    check_contains(refusal(scores + ",\"num_labels\":3}"), "a classifier of 3 labels");
    check_contains(refusal(scores + "}"), "a classifier of 2 labels");

    // Mistral is Llama where its window is no shorter than the context; without the key it is 4,096 tokens.
    std::string mistral =
        "{" + with(with(minimal, "LlamaForCausalLM", "MistralForCausalLM"), "\"llama\"", "\"mistral\"");
    CHECK(parse_config(mistral + ",\"num_key_value_heads\":2}", "config.json").kv_heads == 2);
    CHECK(parse_config(mistral + ",\"num_key_value_heads\":2,\"sliding_window\":null}", "config.json").context == 32);
    check_contains(refusal(mistral + ",\"num_key_value_heads\":2,\"sliding_window\":31}"),
                   "a sliding window of 31 tokens");
    mistral = with(mistral, "\"max_position_embeddings\":32", "\"max_position_embeddings\":4097");
    check_contains(refusal(mistral + ",\"num_key_value_heads\":2}"), "a sliding window of 4096 tokens");
    mistral = with(mistral, "\"num_attention_heads\":4", "\"num_attention_heads\":16");
    CHECK(parse_config(mistral + ",\"sliding_window\":null}", "config.json").kv_heads == 8);
    for (const char* other : {"qwen2", "qwen3", "gemma", "phi3"})
        check_contains(refusal("{" + with(minimal, "\"llama\"", concat("\"", other, "\"")) + "}"),
                       concat("(model_type \"", other, "\")"));
}

// The keys as transformers 5.24.0 takes them: its config.rope_parameters for the same members.
TEST_CASE("config.json: RoPE's base and scaling under the keys of both generations") {
    const std::string minimal =
        "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"vocab_size\":100,\"hidden_size\":32,"
        "\"intermediate_size\":96,\"num_hidden_layers\":2,\"num_attention_heads\":2,\"head_dim\":16,"
        "\"max_position_embeddings\":131072,";
    const auto read = [&](const std::string& keys) { return parse_config(minimal + keys + "}", "config.json"); };
    const auto matches = [](const Config& c, float theta, RopeScaling::Kind kind, float factor) {
        return c.rope_theta == theta && c.rope_scaling.kind == kind && c.rope_scaling.factor == factor;
    };
    using Kind = RopeScaling::Kind;
    CHECK(matches(read("\"rope_theta\":777.0,\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":2.0},"
                       "\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5.0}"),
                  777, Kind::linear, 2));
    CHECK(
        matches(read("\"rope_scaling\":{\"type\":\"linear\",\"factor\":2.0,\"rope_theta\":9.0}"), 9, Kind::linear, 2));
    CHECK(matches(read("\"rope_theta\":777.0,\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":5.0}"), 5,
                  Kind::none, 1));
    CHECK(matches(read("\"rope_theta\":777.0,\"rope_scaling\":{},\"rope_parameters\":{\"rope_type\":\"default\"}"), 777,
                  Kind::none, 1));
    CHECK(matches(read("\"rope_scaling\":null,\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4}"), 10000,
                  Kind::linear, 4));
    const std::string llama3 =
        "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":32.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0";
    CHECK(read(llama3 + ",\"original_max_position_embeddings\":8192}").rope_scaling.original_context == 8192);
    CHECK(read(llama3 + "}").rope_scaling.original_context == 131072);
    CHECK(read(llama3 + ",\"original_max_position_embeddings\":8192},\"original_max_position_embeddings\":1024")
              .rope_scaling.original_context == 1024);
    check_contains(error_of([&] { read(with(llama3, "4.0", "1.0") + "}"); }),
                   "high_freq_factor is 1 but must be above");

    // Written and read back.
    Config config = small_config();
    config.rope_scaling = {Kind::llama3, 32, 1, 4, 8192};
    CHECK(parse_config(config_json(config), "config.json") == config);
    config.rope_scaling = {Kind::linear, 2.5f};
    CHECK(parse_config(config_json(config), "config.json") == config);
}

// LlamaRotaryEmbedding(config).inv_freq of transformers 5.24.0, head_dim 16.
TEST_CASE("RoPE's frequencies, scaled as transformers scales them") {
    Config config = small_config();
    config.head_dim = 16, config.rope_theta = 500000;
    const auto check = [&](const std::vector<float>& expected) {
        const std::vector<float> frequencies = rope_frequencies(config);
        REQUIRE(frequencies.size() == expected.size());
        for (size_t i = 0; i < expected.size(); i++)
            CHECK(std::abs(frequencies[i] - expected[i]) <= 4e-7f * expected[i]);
    };
    config.rope_scaling = {RopeScaling::Kind::llama3, 32, 1, 4, 8192};
    check({1.0f, 0.193922758102417f, 0.03760603070259094f, 0.00729266507551074f, 0.000429556705057621f,
           8.570255886297673e-06f, 1.6619674170215148e-06f, 3.2229328894572973e-07f});
    config.rope_scaling = {RopeScaling::Kind::linear, 4};
    config.rope_theta = 10000;
    check({0.25f, 0.07905694097280502f, 0.02500000037252903f, 0.007905694656074047f, 0.0024999999441206455f,
           0.0007905694656074047f, 0.0002500000118743628f, 7.905694656074047e-05f});
}

// Inputs that `make fuzz` found and that once did what no reader may do, each shrunk to what matters in it.
#include <doctest/doctest.h>

#include <string>

#include "../core/io/hf_config.h"
#include "support.h"

using namespace cai;

TEST_CASE("config.json: a RoPE base that no float holds is refused, wherever it stands") {
    auto error = [](const std::string& rope) {
        const std::string text = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 8,
            "hidden_size": 4, "intermediate_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2,
            "max_position_embeddings": 8, )";
        return error_of([&] { parse_config(text + rope + "}", "c.json"); });
    };
    CHECK(error(R"("rope_theta": 500000.0)") == "no error");
    for (const char* base : {"1e300", "1e-60", "-1"})
        for (const char* place : {R"("rope_theta": )", R"("rope_scaling": {"rope_theta": )",
                                  R"("rope_parameters": {"rope_theta": )"}) {
            const std::string rope = place + std::string(base);
            CHECK(contains(error(rope + (contains(rope, "{") ? "}" : "")), "rope_theta"));
        }
}

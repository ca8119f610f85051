// The models of a run within a page: their weights as float16 in base64, and their tokenizer.
#pragma once
#include <bit>
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "../base/html.h"
#include "../io/checkpoint.h"

namespace cai {

// How many bytes of a page the models may take.
inline constexpr size_t kMostModelBytes = 11'500'000;

struct EmbeddedModel {
    Json description;     // name, style, tokenizer, config and shapes
    std::string weights;  // in base64
};

struct EmbeddedModels {
    Json::Array tokenizers;
    std::vector<EmbeddedModel> models;
    std::vector<std::string> left_out;  // names and reasons
    size_t bytes = 0;

    // The model of a folder under a name, unless it is one that the page's script cannot run, or the page gets too
    // long. style: its class in the style sheet.
    void add(const std::filesystem::path& folder, const std::string& name, const std::string& style) {
        const ModelSource source = open_model(folder);
        const Config& c = source.config;
        const Tokenizer tokenizer = load_tokenizer(source);
        const size_t length = parameter_count(c) * sizeof(uint16_t) * 4 / 3;
        const bool runs = c.tied && !c.score_head && c.rope_scaling == RopeScaling() && tokenizer.has_roles() &&
                          tokenizer.rules().pre_tokenizer == PreTokenizer::gpt2 && !tokenizer.rules().sentencepiece;
        if (!runs || bytes + length > kMostModelBytes) {
            left_out.push_back(concat(
                name, runs ? ": the page would be too long to be sent around" : ": not a model as cai trains it"));
            return;
        }
        check_source(source);
        std::string halves;
        Json::Array shapes;
        for (const Tensor& tensor : list_tensors(c)) {
            std::vector<float> values(tensor.count());
            read_finite(source, tensor.name, values.data());
            for (float value : values) {
                const uint16_t half = to_float16(value);
                halves += static_cast<char>(half & 0xff), halves += static_cast<char>(half >> 8);
            }
            const size_t rows = tensor.shape.size() == 1 ? 1 : tensor.shape[0];
            shapes.push_back(Json::Array{tensor.name, rows, tensor.count() / rows});
        }
        const Json config =
            Json::Object{{"layers", c.layers},   {"C", c.width},          {"H", c.heads},
                         {"K", c.kv_heads},      {"D", c.head_dim},       {"F", c.ff},
                         {"context", c.context}, {"theta", c.rope_theta}, {"epsilon", Json(c.norm_eps)}};
        models.push_back({Json::Object{{"name", name},
                                       {"style", style},
                                       {"tokenizer", index_of(tokenizer)},
                                       {"config", config},
                                       {"shapes", shapes}},
                          base64(halves)});
        bytes += models.back().weights.size();
    }

  private:
    // The models of a run share one tokenizer.
    size_t index_of(const Tokenizer& tokenizer) {
        Json::Array spellings, merges;
        for (size_t id = 0; id < tokenizer.size(); id++)
            spellings.push_back(tokenizer.spelling(static_cast<Token>(id)));
        for (const auto& [left, right] : tokenizer.merges()) merges.push_back(Json::Array{left, right});
        const Json json = Json::Object{
            {"spellings", std::move(spellings)}, {"merges", std::move(merges)}, {"specials", int{kSpecialCount}}};
        for (size_t i = 0; i < tokenizers.size(); i++)
            if (tokenizers[i] == json) return i;
        tokenizers.push_back(json);
        return tokenizers.size() - 1;
    }
};

}  // namespace cai

// The weights of a model: the one list of them, and the model that owns them. What the model computes is in model.h.
// Shapes are in the alphabet of kernels.h. The backend's memory is reached through kernels only; a `std::vector` is
// on the host.
#pragma once
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../base/elementary.h"
#include "../base/rng.h"
#include "buffer.h"
#include "config.h"

namespace cai {

// Pointers to the weights. A model has two sets, the parameters and their packed copies for matmul_forward;
// the gradients are a third.
struct Weights {
    struct Layer {
        float* qkv_proj;        // (Q,C): the rows of q_proj, then k_proj, then v_proj
        float* o_proj;          // (C,H·D)
        float* gate_up_proj;    // (2F,C): the rows of gate_proj, then up_proj
        float* down_proj;       // (C,F)
        float* attention_norm;  // (C)
        float* ff_norm;         // (C)
    };
    float* embed_tokens = nullptr;  // (V,C)
    float* head = nullptr;          // (V,C), the embedding table itself when tied; (1,C) for a score head
    float* norm = nullptr;          // (C)
    std::vector<Layer> layers;
};

// A tensor under its Hugging Face name.
struct Tensor {
    std::string name;
    std::vector<size_t> shape;
    size_t count() const { return shape.size() == 1 ? shape[0] : shape[0] * shape[1]; }
};

// A row of the list of weights. Its tensors are stored end to end and multiplied as one matrix.
struct WeightRow {
    float** view;  // the pointer in Weights
    std::vector<Tensor> parts;

    size_t count() const {
        size_t count = 0;
        for (const Tensor& part : parts) count += part.count();
        return count;
    }
};

// The one list of the weights, in memory order: first the matrices, which have weight decay, then the norms. Sizes,
// pointers, packing, initial values, checkpoints and the optimizer's groups all come from it. The views point into `w`.
inline std::vector<WeightRow> list_weights(const Config& c, Weights& w) {
    const auto [L, C, H, K, D, Q, F, V] = alphabet(c);
    const auto layer_name = [](size_t l) { return "model.layers." + std::to_string(l) + "."; };
    std::vector<WeightRow> rows;
    const auto add = [&](float*& view, const std::string& name, size_t height, size_t width) {
        rows.push_back({&view, {{name + ".weight", {height, width}}}});
    };
    const auto join = [&](const std::string& name, size_t height, size_t width) {
        rows.back().parts.push_back({name + ".weight", {height, width}});
    };
    const auto add_norm = [&](float*& view, const std::string& name) {
        rows.push_back({&view, {{name + ".weight", {static_cast<size_t>(c.width)}}}});
    };
    w.layers.resize(L);
    add(w.embed_tokens, "model.embed_tokens", V, C);
    for (size_t l = 0; l < L; l++) {
        const std::string name = layer_name(l);
        add(w.layers[l].qkv_proj, name + "self_attn.q_proj", H * D, C);
        join(name + "self_attn.k_proj", K * D, C);
        join(name + "self_attn.v_proj", K * D, C);
        add(w.layers[l].o_proj, name + "self_attn.o_proj", C, H * D);
        add(w.layers[l].gate_up_proj, name + "mlp.gate_proj", F, C);
        join(name + "mlp.up_proj", F, C);
        add(w.layers[l].down_proj, name + "mlp.down_proj", C, F);
    }
    if (c.score_head) {
        add(w.head, "score", 1, C);
    } else if (!c.tied) {
        add(w.head, "lm_head", V, C);
    }
    for (size_t l = 0; l < L; l++) {
        add_norm(w.layers[l].attention_norm, layer_name(l) + "input_layernorm");
        add_norm(w.layers[l].ff_norm, layer_name(l) + "post_attention_layernorm");
    }
    add_norm(w.norm, "model.norm");
    return rows;
}

// All tensors of a model of this configuration, in memory order.
inline std::vector<Tensor> list_tensors(const Config& config) {
    std::vector<Tensor> tensors;
    Weights unused;
    for (WeightRow& row : list_weights(config, unused))
        for (Tensor& part : row.parts) tensors.push_back(std::move(part));
    return tensors;
}

// How many parameters a model of this configuration has.
inline size_t parameter_count(const Config& config) {
    size_t count = 0;
    for (const Tensor& tensor : list_tensors(config)) count += tensor.count();
    return count;
}

// Pointers to the weights, stored end to end from `memory` on in the order of the list.
inline Weights lay_out_weights(const Config& config, float* memory) {
    Weights weights;
    for (const WeightRow& row : list_weights(config, weights)) {
        *row.view = memory;
        memory += row.count();
    }
    if (config.tied && !config.score_head) weights.head = weights.embed_tokens;
    return weights;
}

// visit(const std::string& name, const std::vector<size_t>& shape, float* data): each tensor under its Hugging Face
// name, stored end to end from `data` on in the order of the list.
template <class Visit>
void each_tensor(const Config& config, float* data, Visit visit) {
    for (const Tensor& tensor : list_tensors(config)) {
        visit(tensor.name, tensor.shape, data);
        data += tensor.count();
    }
}

struct Model {
    Config config;
    const Kernels* kernels;
    Buffer<float> parameters, packed_parameters, rope_table;
    Weights weights;            // of the parameters
    Weights packed;             // of the packed parameters; none for norms, or for a table that is not also the head
    bool packed_is_old = true;  // forward refuses a model whose parameters changed after the last pack()

    // Parameters are zero until initialize() or a checkpoint fills them.
    Model(const Kernels& kernels, const Config& config) : config(config), kernels(&kernels) {
        validate(config);
        parameters = Buffer<float>(kernels, parameter_count(config));
        weights = lay_out_weights(config, parameters.data());
        size_t size = 0;
        each_packed([&](float*&, float*, size_t O, size_t I) { size += packed_size(O, I); });
        packed_parameters = Buffer<float>(kernels, size);
        float* memory = packed_parameters.data();
        each_packed([&](float*& view, float*, size_t O, size_t I) {
            view = memory;
            memory += packed_size(O, I);
        });
        make_rope_table();
    }

    // normal(0, 0.7 / sqrt(width)), so that every projection of a normed row has a variance near one half whatever
    // the width; the two projections that write to the residual stream are scaled by 1 / sqrt(2 layers), so that
    // its variance does not grow with depth (Radford et al. 2019, §2.3); norms are 1, a score head is 0. A key head
    // starts equal to the first query head that reads it, so that a token begins by attending to earlier
    // occurrences of itself, which copying a name and checking a principle for a keyword both need. A tensor's
    // values depend only on the seed and its name.
    void initialize(uint64_t seed) {
        const float scale = 0.7f / std::sqrt(static_cast<float>(config.width));
        const float residual_scale = 1 / std::sqrt(2.0f * static_cast<float>(config.layers));
        const size_t head = static_cast<size_t>(config.head_dim) * static_cast<size_t>(config.width);
        const size_t group = static_cast<size_t>(config.heads / config.kv_heads);  // query heads that read one key head
        each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
            const bool residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
            const bool keys = name.ends_with("k_proj.weight");
            const float deviation = name == "score.weight" ? 0.0f : residual ? scale * residual_scale : scale;
            std::string source = name;
            if (keys) source.replace(source.rfind("k_proj"), 6, "q_proj");
            std::vector<float> values(Tensor{name, shape}.count(), 1.0f);
            const Rng rng(seed, stream(source));
            if (shape.size() == 2)
                for (size_t i = 0; i < values.size(); i++)
                    values[i] = deviation * normal_at(rng.key, keys ? i / head * group * head + i % head : i);
            kernels->upload(data, values.data(), values.size() * sizeof(float));
        });
        pack();
    }

    // The number of parameters in matrices, which come first in `parameters`.
    size_t matrix_parameters() const {
        return static_cast<size_t>(weights.layers[0].attention_norm - parameters.data());
    }

    // Updates the packed copies. Needed after every change of the parameters, before the next forward.
    void pack() {
        each_packed([&](float*& to, float* from, size_t O, size_t I) { kernels->matmul_pack(to, from, O, I); });
        packed_is_old = false;
    }

    // visit(name, shape, float* data) may write: call pack() afterwards. On a const model data is const float*.
    template <class Visit>
    void each_tensor(Visit visit) {
        packed_is_old = true;
        cai::each_tensor(config, parameters.data(), visit);
    }
    template <class Visit>
    void each_tensor(Visit visit) const {
        cai::each_tensor(
            config, parameters.data(), [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
                visit(name, shape, static_cast<const float*>(data));
            });
    }

  private:
    // The matrices that matmul_forward reads: visit(float*& packed, float* weight, O, I).
    template <class Visit>
    void each_packed(Visit visit) {
        const bool table_is_head = config.tied && !config.score_head;
        const std::vector<WeightRow> rows = list_weights(config, packed);
        float* weight = parameters.data();
        for (const WeightRow& row : rows) {
            const size_t I = row.parts[0].shape.back(), O = row.count() / I;
            const bool multiplied = row.parts[0].shape.size() == 2 && (&row != &rows[0] || table_is_head);
            if (multiplied) visit(*row.view, weight, O, I);
            weight += row.count();
        }
        if (table_is_head) packed.head = packed.embed_tokens;
    }
    // Whole cache lines, so that each packed matrix is as aligned as the block that holds it.
    size_t packed_size(size_t O, size_t I) const { return (kernels->packed_size(O, I) + 15) / 16 * 16; }

    // Position t rotates pair i by t · theta^(-2i/D) (Su et al. 2021, eq. 15). Angles are floats, as in Hugging Face.
    void make_rope_table() {
        const size_t D = config.head_dim, positions = config.context;
        std::vector<float> table(positions * D);
        for (size_t i = 0; i < D / 2; i++) {
            const double exponent = 2.0 * static_cast<double>(i) / static_cast<double>(D);
            const float frequency =
                static_cast<float>(elementary::pow(static_cast<double>(config.rope_theta), -exponent));
            for (size_t t = 0; t < positions; t++) {
                const float angle = static_cast<float>(t) * frequency;
                table[t * D + i] = static_cast<float>(elementary::cos(static_cast<double>(angle)));
                table[t * D + D / 2 + i] = static_cast<float>(elementary::sin(static_cast<double>(angle)));
            }
        }
        rope_table = Buffer<float>(*kernels, table.size());
        rope_table.upload(table);
    }
};

// Copies every tensor that both models have, then packs: for a frozen reference, or a score model that starts from a
// language model's body. Throws kBadInput when their shapes differ.
inline void copy_tensors(Model& to, const Model& from) {
    std::vector<float> host;
    to.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
        from.each_tensor([&](const std::string& other, const std::vector<size_t>& other_shape, const float* source) {
            if (other != name) return;
            expects(shape == other_shape, "cannot copy ", name, ": the two models have different sizes");
            host.resize(Tensor{name, shape}.count());
            from.kernels->download(host.data(), source, host.size() * sizeof(float));
            to.kernels->upload(data, host.data(), host.size() * sizeof(float));
        });
    });
    to.pack();
}

}  // namespace cai

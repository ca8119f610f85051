// The weights of a model: the one list of them, and the model that owns them. What the model computes is in model.h.
// Shapes are in the alphabet of kernels.h. The backend's memory is reached through kernels only; a `std::vector` is
// on the host.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "../base/elementary.h"
#include "../base/rng.h"
#include "buffer.h"
#include "config.h"

namespace cai {

// A pointer to a matrix of weights. A packed one may be quantised.
struct Matrix {
    float* data = nullptr;
    Quantization quantization;
    operator float*() const { return data; }
};

// Pointers to the weights. A model has two sets, the parameters and their packed copies for matmul_forward;
// the gradients are a third.
struct Weights {
    struct Layer {
        Matrix qkv_proj;        // (Q,C): the rows of q_proj, then k_proj, then v_proj
        Matrix o_proj;          // (C,H·D)
        Matrix gate_up_proj;    // (2F,C): the rows of gate_proj, then up_proj
        Matrix down_proj;       // (C,F)
        float* attention_norm;  // (C)
        float* ff_norm;         // (C)
    };
    Matrix embed_tokens;    // (V,C)
    Matrix head;            // (V,C), the embedding table itself when tied; (1,C) for a score head
    float* norm = nullptr;  // (C)
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
    Quantization* quantization = nullptr;  // of a matrix, beside the pointer

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
    const auto add = [&](Matrix& matrix, const std::string& name, size_t height, size_t width) {
        rows.push_back({&matrix.data, {{name + ".weight", {height, width}}}, &matrix.quantization});
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

// What a model is loaded for. forward reads most matrices in their packed form only, so that a model for inference does
// without the plain copies, which backward and the optimizer need, and its packed copies may be quantised.
enum class Use { training, inference };

// Pointers to the plain weights that are kept, by default all, stored end to end from `memory` on in the order of the
// list; null for the others. `size`, if given, receives how many floats they are.
inline Weights lay_out_weights(const Config& config, float* memory,
                               const std::function<bool(const WeightRow&)>& keeps = {}, size_t* size = nullptr) {
    Weights weights;
    size_t next = 0;
    for (const WeightRow& row : list_weights(config, weights)) {
        const bool kept = !keeps || keeps(row);
        *row.view = memory && kept ? memory + next : nullptr;
        if (kept) next += row.count();
    }
    if (config.tied && !config.score_head) weights.head = weights.embed_tokens;
    if (size) *size = next;
    return weights;
}

// The angle per position of each pair of a head's dimensions, (D/2): theta^(-2i/D) (Su et al. 2021, eq. 15). Scaled as
// in Hugging Face's transformers, modeling_rope_utils.py: "linear" divides it by the factor; "llama3" (Llama 3.1) does
// so where a turn takes more than original_context / low_frequency positions, leaves it where one takes fewer than
// original_context / high_frequency, and goes over from one to the other in between.
inline std::vector<float> rope_frequencies(const Config& config) {
    const RopeScaling& scaling = config.rope_scaling;
    std::vector<float> frequencies;
    for (int i = 0; i < config.head_dim / 2; i++) {
        const double exponent = 2.0 * i / config.head_dim;
        float frequency = static_cast<float>(elementary::pow(static_cast<double>(config.rope_theta), -exponent));
        if (scaling.kind == RopeScaling::Kind::linear) frequency /= scaling.factor;
        if (scaling.kind == RopeScaling::Kind::llama3) {
            const float original = static_cast<float>(scaling.original_context), turn = 6.2831855f / frequency;
            const float low = scaling.low_frequency, high = scaling.high_frequency, slow = frequency / scaling.factor;
            const float share = (original / turn - low) / (high - low);
            frequency = turn > original / low    ? slow
                        : turn < original / high ? frequency
                                                 : (1 - share) * slow + share * frequency;
        }
        frequencies.push_back(frequency);
    }
    return frequencies;
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

// Where weights are read from, by their Hugging Face names; called by several threads at once. ReadFloats writes the
// values of a tensor to host memory. QuantizationOf says how a tensor is quantised, if it is; ReadQuantized then writes
// its q, (O,I), and for groups of this size, no larger than its own, scales and minimums, (O,I/group).
using ReadFloats = std::function<void(const std::string& name, float* to)>;
using QuantizationOf = std::function<Quantization(const std::string& name)>;
using ReadQuantized =
    std::function<void(const std::string& name, size_t group, uint8_t* q, float* scales, float* minimums)>;

// How a row of the list is kept: in the form that holds each of its tensors exactly, or as floats if one is not
// quantised.
inline Quantization quantization_of(const WeightRow& row, const QuantizationOf& of) {
    Quantization form = of(row.parts[0].name);
    for (const Tensor& part : row.parts) {
        const Quantization other = of(part.name);
        if (!other) return {};
        form = {std::max(form.bits, other.bits), std::min(form.group, other.group)};
    }
    return form;
}

struct Model {
    Config config;
    const Kernels* kernels;
    Use use;
    Buffer<float> parameters, packed_parameters;
    // Of the first positions: it grows when a batch reaches further, since a context may be a billion tokens.
    mutable Buffer<float> rope_table;
    Weights weights;  // of the parameters; null where a model for inference keeps the packed copy only
    Weights packed;   // of the packed parameters; none for norms, or for a float table that is not also the head
    bool packed_is_old = true;  // forward refuses a model whose parameters changed after the last pack()

    // Parameters are zero until initialize() or fill() sets them. quantization: of the weights that fill() will read;
    // they stay quantised for inference, on a backend that multiplies them.
    Model(const Kernels& kernels, const Config& config, Use use = Use::training,
          const QuantizationOf& quantization = {})
        : config(config), kernels(&kernels), use(use) {
        validate(config);
        if (use == Use::inference && quantization && kernels.matmul_forward_quantized)
            for (const WeightRow& row : list_weights(config, packed))
                if (row.quantization) *row.quantization = quantization_of(row, quantization);
        // For inference, the norms are kept, and the embedding table if it is not quantised.
        const auto keeps = [&](const WeightRow& row) {
            return use == Use::training || !row.quantization ||
                   (row.parts[0].name == "model.embed_tokens.weight" && !packed.embed_tokens.quantization);
        };
        size_t size = 0;
        lay_out_weights(config, nullptr, keeps, &size);
        parameters = Buffer<float>(kernels, size);
        weights = lay_out_weights(config, parameters.data(), keeps);
        size = 0;
        each_packed([&](const WeightRow& row, float*, size_t O, size_t I) { size += packed_size(row, O, I); });
        packed_parameters = Buffer<float>(kernels, size);
        float* memory = packed_parameters.data();
        each_packed([&](const WeightRow& row, float*, size_t O, size_t I) {
            *row.view = memory;
            memory += packed_size(row, O, I);
        });
        reserve_positions(std::min<size_t>(2048, static_cast<size_t>(config.context)));
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

    // Reads all weights and packs them, one row of the list at a time, so that a model for inference never holds two
    // copies of all. read_quantized is needed by a model that was given the quantization of its weights. What either
    // throws is thrown here.
    void fill(const ReadFloats& read, const ReadQuantized& read_quantized = {}) {
        const std::vector<WeightRow> rows = list_weights(config, weights), packed_rows = list_weights(config, packed);
        std::vector<size_t> order(rows.size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::stable_sort(order.begin(), order.end(),
                         [&](size_t a, size_t b) { return rows[a].count() > rows[b].count(); });
        std::mutex mutex;
        std::exception_ptr error;
        kernels->parallel_for(order.size(), [&](size_t i) {
            try {
                const WeightRow &row = rows[order[i]], &packed_row = packed_rows[order[i]];
                if (packed_row.quantization && *packed_row.quantization)
                    fill_quantized(packed_row, read_quantized);
                else
                    fill_row(row, *packed_row.view, read);
            } catch (...) {
                const std::lock_guard lock(mutex);
                if (!error) error = std::current_exception();
            }
        });
        if (error) std::rethrow_exception(error);
        packed_is_old = false;
    }

    // The number of parameters in matrices, which come first in `parameters`.
    size_t matrix_parameters() const {
        return static_cast<size_t>(weights.layers[0].attention_norm - parameters.data());
    }

    // Updates the packed copies. Needed after every change of the parameters, before the next forward.
    void pack() {
        expect_plain_weights();
        each_packed([&](const WeightRow& row, float* from, size_t O, size_t I) {
            kernels->matmul_pack(*row.view, from, O, I);
        });
        packed_is_old = false;
    }

    // visit(name, shape, float* data) may write: call pack() afterwards. On a const model data is const float*.
    template <class Visit>
    void each_tensor(Visit visit) {
        expect_plain_weights();
        packed_is_old = true;
        cai::each_tensor(config, parameters.data(), visit);
    }
    template <class Visit>
    void each_tensor(Visit visit) const {
        expect_plain_weights();
        cai::each_tensor(
            config, parameters.data(), [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
                visit(name, shape, static_cast<const float*>(data));
            });
    }

    void expect_plain_weights() const {
        expects(use == Use::training, "this model was loaded for inference, without the plain copies of its matrices; ",
                "load it with Use::training");
    }

    // Makes the table of rotations long enough for positions 0 to count - 1: position t turns pair i by
    // t · rope_frequencies[i]. Angles are floats, as in Hugging Face.
    void reserve_positions(size_t count) const {
        const size_t D = static_cast<size_t>(config.head_dim);
        if (count * D <= rope_table.size()) return;
        count = std::min(std::bit_ceil(count), static_cast<size_t>(config.context));
        std::vector<float> table(count * D);
        const std::vector<float> frequencies = rope_frequencies(config);
        for (size_t i = 0; i < D / 2; i++)
            for (size_t t = 0; t < count; t++) {
                const float angle = static_cast<float>(t) * frequencies[i];
                table[t * D + i] = static_cast<float>(elementary::cos(static_cast<double>(angle)));
                table[t * D + D / 2 + i] = static_cast<float>(elementary::sin(static_cast<double>(angle)));
            }
        rope_table = Buffer<float>(*kernels, table.size());
        rope_table.upload(table);
    }

  private:
    // One row of the list, for fill(). packed_row: null if the row is not multiplied.
    void fill_row(const WeightRow& row, float* packed_row, const ReadFloats& read) {
        float* plain = *row.view;
        Buffer<float> scratch;
        if (!plain) scratch = Buffer<float>(*kernels, row.count()), plain = scratch.data();
        const bool on_host = std::string_view(kernels->name) != "cuda";  // the CPU's memory needs no copy between
        std::vector<float> host(on_host ? 0 : row.count());
        float* to = on_host ? plain : host.data();
        for (const Tensor& part : row.parts) read(part.name, to), to += part.count();
        if (!on_host) kernels->upload(plain, host.data(), host.size() * sizeof(float));
        const size_t I = row.parts[0].shape.back();
        if (packed_row) kernels->matmul_pack(packed_row, plain, row.count() / I, I);
    }
    // The same for a quantised row.
    void fill_quantized(const WeightRow& packed_row, const ReadQuantized& read) {
        const Quantization form = *packed_row.quantization;
        const size_t group = static_cast<size_t>(form.group), I = packed_row.parts[0].shape.back();
        std::vector<uint8_t> q(packed_row.count());
        std::vector<float> scales(q.size() / group), minimums(q.size() / group);
        size_t at = 0;
        for (const Tensor& part : packed_row.parts) {
            read(part.name, group, &q[at], &scales[at / group], &minimums[at / group]);
            at += part.count();
        }
        kernels->matmul_pack_quantized(*packed_row.view, q.data(), scales.data(), minimums.data(), q.size() / I, I,
                                       form);
    }
    // The matrices that are packed, those that are multiplied or quantised: visit(packed row, float* weight, O, I).
    template <class Visit>
    void each_packed(Visit visit) {
        const bool table_is_head = config.tied && !config.score_head;
        const std::vector<WeightRow> rows = list_weights(config, weights), packed_rows = list_weights(config, packed);
        for (size_t r = 0; r < rows.size(); r++) {
            const size_t I = rows[r].parts[0].shape.back();
            if (!rows[r].quantization) continue;
            if (r > 0 || table_is_head || *packed_rows[r].quantization)
                visit(packed_rows[r], *rows[r].view, rows[r].count() / I, I);
        }
        if (table_is_head) packed.head = packed.embed_tokens;
    }
    // Whole cache lines, so that each packed matrix is as aligned as the block that holds it.
    size_t packed_size(const WeightRow& packed_row, size_t O, size_t I) const {
        const Quantization form = *packed_row.quantization;
        const size_t size = form ? kernels->quantized_size(O, I, form) : kernels->packed_size(O, I);
        return (size + 15) / 16 * 16;
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

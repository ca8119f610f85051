// The model: a decoder of the Llama family (Touvron et al. 2023) as a list of kernel calls, and its backward pass by
// hand. RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases; the head gives the logits of the next
// token, or one score per row (preference and value models). Shapes are in the alphabet of kernels.h; R is the number
// of output rows. Nothing here knows files, text or a loss: backward starts from the derivative of the loss with
// respect to each log-probability or score, so that fine-tuning, preference training and PPO share it (train_step.h).
#pragma once
#include <algorithm>
#include <cstdint>
#include <functional>
#include <vector>

#include "activations.h"

namespace cai {

// ---- forward

// How the rows of a micro-batch attend to each other. By default, each attends within its own sequence in the batch;
// the sampler passes its cache of keys and values instead. Called from several threads.
using Attention =
    std::function<void(const MicroBatch& batch, size_t layer, float* out, float* logsumexp, const float* qkv)>;

// Throws kBadInput for a token outside the vocabulary or a position beyond the context.
inline void check_batch(const Config& c, const Batch& batch) {
    expects(!batch.tokens.empty(), "a batch needs at least one token");
    expects(static_cast<size_t>(batch.offsets.back()) == batch.tokens.size(), "the sequences of a batch hold ",
            batch.offsets.back(), " of its ", batch.tokens.size(), " tokens");
    for (Token token : batch.tokens)
        expects(token >= 0 && token < c.vocab_size, "token ", token, " is not in a vocabulary of ", c.vocab_size);
    for (int32_t position : batch.positions)
        expects(position >= 0 && position < c.context, "position ", position, " is beyond the context of ", c.context,
                " tokens: shorten the sequence");
    for (Token target : batch.targets)
        expects(target < c.vocab_size, "target ", target, " is not in a vocabulary of ", c.vocab_size);
}

// out = residual + x · weightᵀ, and out = table[tokens], with weights that are floats or quantised.
inline void multiply(const Kernels& k, float* out, const float* x, const Matrix& packed, const float* residual,
                     size_t N, size_t I, size_t O) {
    if (packed.quantization)
        k.matmul_forward_quantized(out, x, packed, residual, N, I, O, packed.quantization);
    else
        k.matmul_forward(out, x, packed, residual, N, I, O);
}
inline void embed(const Model& model, float* out, const Token* tokens, size_t N) {
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const Matrix& packed = model.packed.embed_tokens;
    if (packed.quantization)
        model.kernels->embedding_forward_quantized(out, tokens, packed, N, C, V, packed.quantization);
    else
        model.kernels->embedding_forward(out, tokens, model.weights.embed_tokens, N, C);
}

// Fills the logits of a micro-batch, (R,V), or the scores (R) of a score head. x (N,C).
inline void forward(const Model& model, MicroBatch& batch, const Attention& attention = {}) {
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = batch.N, R = batch.R;
    const float eps = model.config.norm_eps;

    // 0. x = embed_tokens[tokens]
    embed(model, batch.embedded, batch.tokens, N);
    const float* x = batch.embedded;
    for (size_t l = 0; l < L; l++) {
        const Weights::Layer &w = model.weights.layers[l], &packed = model.packed.layers[l];
        const MicroBatch::Layer& s = batch.layer(l);

        // 1. attention_in = norm(x)
        k.rmsnorm_forward(s.attention_in, s.attention_rstd, x, w.attention_norm, N, C, eps);
        // 2. qkv = attention_in · qkv_projᵀ
        multiply(k, s.qkv, s.attention_in, packed.qkv_proj, nullptr, N, C, Q);
        // 3. rotate queries and keys by their positions
        k.rope_forward(s.qkv, batch.positions, model.rope_table.data(), N, H + K, D, Q);
        // 4. attention = softmax(q·k / sqrt(D)) · v
        if (attention) {
            attention(batch, l, s.attention, s.logsumexp, s.qkv);
        } else {
            k.attention_forward(s.attention, s.logsumexp, s.qkv, batch.offsets.data(), batch.sequences(), H, K, D);
        }
        // 5. x, attention = x[rows], attention[rows]    (the last layer goes on with the output rows only)
        const bool last = l + 1 == L;
        const size_t M = last ? R : N;
        const float* attention_out = last ? batch.attention_rows : s.attention;
        if (last) {
            k.gather_rows(batch.x_rows, x, batch.rows, R, C);
            k.gather_rows(batch.attention_rows, s.attention, batch.rows, R, H * D);
            x = batch.x_rows;
        }
        // 6. mid = x + attention · o_projᵀ
        multiply(k, s.mid, attention_out, packed.o_proj, x, M, H * D, C);
        // 7. ff_in = norm(mid)
        k.rmsnorm_forward(s.ff_in, s.ff_rstd, s.mid, w.ff_norm, M, C, eps);
        // 8. gate_up = ff_in · gate_up_projᵀ
        multiply(k, s.gate_up, s.ff_in, packed.gate_up_proj, nullptr, M, C, 2 * F);
        // 9. swiglu = silu(gate) · up
        k.swiglu_forward(s.swiglu, s.gate_up, M, F);
        // 10. out = mid + swiglu · down_projᵀ
        multiply(k, s.out, s.swiglu, packed.down_proj, s.mid, M, F, C);
        x = s.out;
    }
    // 11. normed = norm(x)
    k.rmsnorm_forward(batch.normed, batch.rstd, x, model.weights.norm, R, C, eps);
    // 12. logits = normed · headᵀ
    multiply(k, batch.logits, batch.normed, model.packed.head, nullptr, R, C, model.config.outputs());
}

// ---- backward

// The steps of forward in reverse, under the same numbers; each comment repeats the formula being differentiated. On
// entry batch.derivative holds the derivative of the loss with respect to each log-probability at this temperature, or
// to each score; batch.dx is the residual stream's gradient. Adds to dweights. dx, dnormed (N,C).
inline void backward(const Model& model, const Weights& dweights, MicroBatch& batch, float temperature = 1) {
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = batch.N, R = batch.R, O = model.config.outputs();
    const Weights& weights = model.weights;
    const float* dlogits = batch.derivative;              // for a score head, whose logits are the scores
    float *dx = batch.dx_rows, *dnormed = batch.dnormed;  // dnormed: also for the norms within the layers

    // 13. logprob = log softmax(logits / temperature)[targets]    (dlogits overwrites the logits)
    if (!model.config.score_head) {
        k.logprob_backward(batch.logits, batch.derivative, batch.logits, batch.targets, R, V, temperature);
        dlogits = batch.logits;
    }
    // 12. logits = normed · headᵀ
    k.matmul_backward_input(dnormed, dlogits, weights.head, R, C, O);
    k.matmul_backward_weight(dweights.head, dlogits, batch.normed, R, C, O);
    // 11. normed = norm(x)
    k.set_zero(dx, R * C * sizeof(float));
    k.rmsnorm_backward(dx, dweights.norm, dnormed, batch.layers[L - 1].out, batch.rstd, weights.norm, R, C);
    for (size_t l = L; l-- > 0;) {
        const Weights::Layer &w = weights.layers[l], &dw = dweights.layers[l];
        const MicroBatch::Layer& s = batch.layers[l];
        const float* x = l ? batch.layers[l - 1].out : batch.embedded;
        const bool last = l + 1 == L;
        const size_t M = last ? R : N;
        const float* attention_out = last ? batch.attention_rows : s.attention;
        float* dattention_out = last ? batch.dattention_rows : batch.dattention;

        // 10. out = mid + swiglu · down_projᵀ    (dx passes through the sum to mid unchanged)
        k.matmul_backward_input(batch.dswiglu, dx, w.down_proj, M, F, C);
        k.matmul_backward_weight(dw.down_proj, dx, s.swiglu, M, F, C);
        // 9. swiglu = silu(gate) · up
        k.swiglu_backward(batch.dgate_up, batch.dswiglu, s.gate_up, M, F);
        // 8. gate_up = ff_in · gate_up_projᵀ
        k.matmul_backward_input(dnormed, batch.dgate_up, w.gate_up_proj, M, C, 2 * F);
        k.matmul_backward_weight(dw.gate_up_proj, batch.dgate_up, s.ff_in, M, C, 2 * F);
        // 7. ff_in = norm(mid)    (adds to dx, which becomes dmid)
        k.rmsnorm_backward(dx, dw.ff_norm, dnormed, s.mid, s.ff_rstd, w.ff_norm, M, C);
        // 6. mid = x + attention · o_projᵀ    (dx passes through the sum to x unchanged)
        k.matmul_backward_input(dattention_out, dx, w.o_proj, M, H * D, C);
        k.matmul_backward_weight(dw.o_proj, dx, attention_out, M, H * D, C);
        // 5. x, attention = x[rows], attention[rows]
        if (last) {
            dx = batch.dx;
            k.set_zero(dx, N * C * sizeof(float)), k.set_zero(batch.dattention, N * H * D * sizeof(float));
            k.scatter_rows(dx, batch.dx_rows, batch.rows, R, C);
            k.scatter_rows(batch.dattention, batch.dattention_rows, batch.rows, R, H * D);
        }
        // 4. attention = softmax(q·k / sqrt(D)) · v
        k.attention_backward(batch.dqkv, batch.dattention, s.attention, s.logsumexp, s.qkv, batch.offsets.data(),
                             batch.sequences(), H, K, D);
        // 3. rotate queries and keys by their positions
        k.rope_backward(batch.dqkv, batch.positions, model.rope_table.data(), N, H + K, D, Q);
        // 2. qkv = attention_in · qkv_projᵀ
        k.matmul_backward_input(dnormed, batch.dqkv, w.qkv_proj, N, C, Q);
        k.matmul_backward_weight(dw.qkv_proj, batch.dqkv, s.attention_in, N, C, Q);
        // 1. attention_in = norm(x)    (adds to dx, which becomes the gradient of the layer's input)
        k.rmsnorm_backward(dx, dw.attention_norm, dnormed, x, s.attention_rstd, w.attention_norm, N, C);
    }
    // 0. x = embed_tokens[tokens]
    k.embedding_backward(dweights.embed_tokens, dx, batch.tokens, N, C, V);
}

// ---- a whole batch

// Splits the batch, allocates what it needs and uploads it.
inline void load(const Model& model, const Batch& batch, Activations& a, Schedule schedule) {
    expects(!model.packed_is_old, "the model's parameters changed after the last pack(): call model.pack() first");
    check_batch(model.config, batch);
    expects(model.use == Use::training || schedule == Schedule::forward_only,
            "this model was loaded for inference and cannot be trained; load it with Use::training");
    const int32_t last = *std::max_element(batch.positions.begin(), batch.positions.end());
    model.reserve_positions(static_cast<size_t>(last) + 1);
    a.load(model, batch, schedule);
}

// Fills a.logits for the rows in batch.rows: (R,V), or the scores (R) of a score head.
inline void forward(const Model& model, const Batch& batch, Activations& a, const Attention& attention = {}) {
    load(model, batch, a, Schedule::forward_only);
    a.each_shard(*model.kernels, [&](size_t shard) {
        for (MicroBatch& micro_batch : a.shards[shard]) forward(model, micro_batch, attention);
    });
}

// What a loss is computed from, one value per output row.
struct Outputs {
    std::vector<float> logprobs;   // log p(target) of a language-model head
    std::vector<float> entropies;  // of its distributions, in nats
    std::vector<float> scores;     // of a score head
};

// The outputs of a batch whose logits forward has filled. Entropies cost about as much again as log-probabilities.
inline Outputs outputs_of(const Model& model, const Batch& batch, const Activations& a, float temperature = 1,
                          bool with_entropies = true) {
    const Kernels& k = *model.kernels;
    const auto downloaded = [&](const float* values) {
        std::vector<float> host(a.R);
        k.download(host.data(), values, a.R * sizeof(float));
        return host;
    };
    if (model.config.score_head) return {{}, {}, downloaded(a.logits)};
    expects(batch.targets.size() == a.R, "a batch of ", a.R, " output rows has ", batch.targets.size(), " targets");
    float* const entropy = with_entropies ? a.entropy : nullptr;
    k.logprob_forward(a.logprob, entropy, a.logits, a.targets, a.R, alphabet(model.config).V, temperature);
    return {downloaded(a.logprob), with_entropies ? downloaded(a.entropy) : std::vector<float>(), {}};
}

// log p(batch.targets) of each output row, without training.
inline std::vector<float> token_logprobs(const Model& model, const Batch& batch, Activations& a,
                                         float temperature = 1) {
    expects(!model.config.score_head, "a score head has no log-probabilities: use scores()");
    forward(model, batch, a);
    return outputs_of(model, batch, a, temperature, /*with_entropies=*/false).logprobs;
}

// The score of each output row, from a model with a score head, without training.
inline std::vector<float> scores(const Model& model, const Batch& batch, Activations& a) {
    expects(model.config.score_head, "a language-model head has no scores: use token_logprobs()");
    forward(model, batch, a);
    return outputs_of(model, batch, a).scores;
}

}  // namespace cai

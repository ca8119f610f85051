// The model: a decoder of the Llama family (Touvron et al. 2023) as a list of kernel calls, and its backward pass by
// hand. RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases; the head gives the logits of the next
// token, or one score a row (preference and value models). Shapes are in the alphabet of kernels.h; n is the number of
// output rows. This file knows no files, no text and no loss: a caller hands backward the derivative of its loss with
// respect to each log-probability or score, so that fine-tuning, preference training and PPO share one backward.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "activations.h"
#include "gradients.h"

namespace cai {

// ---- forward

// How the rows of a part attend to each other: by default each over its own sequence in the batch; the sampler passes
// its cache of keys and values instead. Called by several threads.
using Attention = std::function<void(const Part& part, size_t layer, float* out, float* logsumexp, const float* qkv)>;

// Throws kBadInput for a token or position that the model has no row for.
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

// One part: fills its logits, (n,V), or the scores (n) of a score head.
inline void forward(const Model& model, Part& part, const Attention& attention = {}) {
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = part.N, n = part.n;
    const float eps = model.config.norm_eps;

    // 0. x = embed_tokens[tokens]
    k.embedding_forward(part.embedded, part.tokens, model.weights.embed_tokens, N, C);
    const float* x = part.embedded;
    for (size_t l = 0; l < L; l++) {
        const Weights::Layer &w = model.weights.layers[l], &packed = model.packed.layers[l];
        const Part::Layer& s = part.layer(l);

        // 1. attention_in = norm(x)
        k.rmsnorm_forward(s.attention_in, s.attention_rstd, x, w.attention_norm, N, C, eps);
        // 2. qkv = attention_in · qkv_projᵀ
        k.matmul_forward(s.qkv, s.attention_in, packed.qkv_proj, nullptr, N, C, Q);
        // 3. queries and keys turn to their positions
        k.rope_forward(s.qkv, part.positions, model.rope_table.data(), N, H + K, D, Q);
        // 4. attention = softmax(q·k / sqrt(D)) · v
        if (attention) {
            attention(part, l, s.attention, s.logsumexp, s.qkv);
        } else {
            k.attention_forward(s.attention, s.logsumexp, s.qkv, part.offsets.data(), part.sequences(), H, K, D);
        }
        // 5. x, attention = x[rows], attention[rows]    (the last layer goes on with the rows whose outputs are wanted)
        const bool last = l + 1 == L;
        const size_t M = last ? n : N;
        const float* attention_out = last ? part.attention_rows : s.attention;
        if (last) {
            k.gather_rows(part.x_rows, x, part.rows, n, C);
            k.gather_rows(part.attention_rows, s.attention, part.rows, n, H * D);
            x = part.x_rows;
        }
        // 6. mid = x + attention · o_projᵀ
        k.matmul_forward(s.mid, attention_out, packed.o_proj, x, M, H * D, C);
        // 7. ff_in = norm(mid)
        k.rmsnorm_forward(s.ff_in, s.ff_rstd, s.mid, w.ff_norm, M, C, eps);
        // 8. gate_up = ff_in · gate_up_projᵀ
        k.matmul_forward(s.gate_up, s.ff_in, packed.gate_up_proj, nullptr, M, C, 2 * F);
        // 9. swiglu = silu(gate) · up
        k.swiglu_forward(s.swiglu, s.gate_up, M, F);
        // 10. out = mid + swiglu · down_projᵀ
        k.matmul_forward(s.out, s.swiglu, packed.down_proj, s.mid, M, F, C);
        x = s.out;
    }
    // 11. normed = norm(x)
    k.rmsnorm_forward(part.normed, part.rstd, x, model.weights.norm, n, C, eps);
    // 12. logits = normed · headᵀ
    k.matmul_forward(part.logits, part.normed, model.packed.head, nullptr, n, C, model.config.outputs());
}

// Cuts the batch and makes room; what every walk through a batch begins with.
inline void load(const Model& model, const Batch& batch, Activations& a, Walk walk) {
    expects(!model.packed_is_old, "the model's parameters changed after the last pack(): call model.pack() first");
    check_batch(model.config, batch);
    a.load(model, batch, walk);
}

// Fills a.logits: (n,V), or the scores (n) of a score head, of the rows in batch.rows.
inline void forward(const Model& model, const Batch& batch, Activations& a, const Attention& attention = {}) {
    load(model, batch, a, a.for_training ? Walk::forward_first : Walk::inference);
    a.each_lane(*model.kernels, [&](size_t lane) {
        for (Part& part : a.lanes[lane]) forward(model, part, attention);
    });
    a.holds_forward = true;
}

// After forward: log p(batch.targets) of each output row at a temperature, and, where asked for, the entropy in nats.
inline std::vector<float> token_logprobs(const Model& model, const Batch& batch, Activations& a, float temperature = 1,
                                         std::vector<float>* entropy = nullptr) {
    expects(a.holds_forward && a.n == batch.rows.size(),
            "token_logprobs needs a forward of the same batch just before");
    expects(batch.targets.size() == a.n, "a batch of ", a.n, " output rows has ", batch.targets.size(), " targets");
    expects(!model.config.score_head, "a score head has no log-probabilities: use scores()");
    const Kernels& k = *model.kernels;
    k.logprob_forward(a.logprob, entropy ? a.entropy : nullptr, a.logits, a.targets, a.n, model.config.vocab_size,
                      temperature);
    std::vector<float> logprobs(a.n);
    k.download(logprobs.data(), a.logprob, a.n * sizeof(float));
    if (entropy) {
        entropy->resize(a.n);
        k.download(entropy->data(), a.entropy, a.n * sizeof(float));
    }
    return logprobs;
}

// After forward: the score of each output row, from a model with a score head.
inline std::vector<float> scores(const Model& model, const Batch& batch, const Activations& a) {
    expects(a.holds_forward && a.n == batch.rows.size(), "scores needs a forward of the same batch just before");
    expects(model.config.score_head, "a language-model head has no scores: use token_logprobs()");
    std::vector<float> host(a.n);
    model.kernels->download(host.data(), a.logits, a.n * sizeof(float));
    return host;
}

// ---- backward

// The passes of forward in reverse under the same numbers; each comment repeats the formula that is differentiated.
// On entry part.logits holds dlogits. part.dx is the gradient of the residual stream at the place that the passes have
// reached. Adds to dweights.
inline void backward(const Model& model, const Weights& dweights, Part& part) {
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = part.N, n = part.n, O = model.config.outputs();
    const Weights& weights = model.weights;
    const float* dlogits = part.logits;
    float *dx = part.dx_rows, *dnormed = part.dnormed;  // dnormed: also of the norms within the layers

    // 12. logits = normed · headᵀ
    k.matmul_backward_input(dnormed, dlogits, weights.head, n, C, O);
    k.matmul_backward_weight(dweights.head, dlogits, part.normed, n, C, O);
    // 11. normed = norm(x)
    k.set_zero(dx, n * C * sizeof(float));
    k.rmsnorm_backward(dx, dweights.norm, dnormed, part.layers[L - 1].out, part.rstd, weights.norm, n, C);
    for (size_t l = L; l-- > 0;) {
        const Weights::Layer &w = weights.layers[l], &dw = dweights.layers[l];
        const Part::Layer& s = part.layers[l];
        const float* x = l ? part.layers[l - 1].out : part.embedded;
        const bool last = l + 1 == L;
        const size_t M = last ? n : N;
        const float* attention_out = last ? part.attention_rows : s.attention;
        float* dattention_out = last ? part.dattention_rows : part.dattention;

        // 10. out = mid + swiglu · down_projᵀ    (dx passes through the sum to mid unchanged)
        k.matmul_backward_input(part.dswiglu, dx, w.down_proj, M, F, C);
        k.matmul_backward_weight(dw.down_proj, dx, s.swiglu, M, F, C);
        // 9. swiglu = silu(gate) · up
        k.swiglu_backward(part.dgate_up, part.dswiglu, s.gate_up, M, F);
        // 8. gate_up = ff_in · gate_up_projᵀ
        k.matmul_backward_input(dnormed, part.dgate_up, w.gate_up_proj, M, C, 2 * F);
        k.matmul_backward_weight(dw.gate_up_proj, part.dgate_up, s.ff_in, M, C, 2 * F);
        // 7. ff_in = norm(mid)    (adds to dx, which becomes dmid)
        k.rmsnorm_backward(dx, dw.ff_norm, dnormed, s.mid, s.ff_rstd, w.ff_norm, M, C);
        // 6. mid = x + attention · o_projᵀ    (dx passes through the sum to x unchanged)
        k.matmul_backward_input(dattention_out, dx, w.o_proj, M, H * D, C);
        k.matmul_backward_weight(dw.o_proj, dx, attention_out, M, H * D, C);
        // 5. x, attention = x[rows], attention[rows]
        if (last) {
            dx = part.dx;
            k.set_zero(dx, N * C * sizeof(float)), k.set_zero(part.dattention, N * H * D * sizeof(float));
            k.scatter_rows(dx, part.dx_rows, part.rows, n, C);
            k.scatter_rows(part.dattention, part.dattention_rows, part.rows, n, H * D);
        }
        // 4. attention = softmax(q·k / sqrt(D)) · v
        k.attention_backward(part.dqkv, part.dattention, s.attention, s.logsumexp, s.qkv, part.offsets.data(),
                             part.sequences(), H, K, D);
        // 3. queries and keys turn to their positions
        k.rope_backward(part.dqkv, part.positions, model.rope_table.data(), N, H + K, D, Q);
        // 2. qkv = attention_in · qkv_projᵀ
        k.matmul_backward_input(dnormed, part.dqkv, w.qkv_proj, N, C, Q);
        k.matmul_backward_weight(dw.qkv_proj, part.dqkv, s.attention_in, N, C, Q);
        // 1. attention_in = norm(x)    (adds to dx, which becomes the gradient of the layer's input)
        k.rmsnorm_backward(dx, dw.attention_norm, dnormed, x, s.attention_rstd, w.attention_norm, N, C);
    }
    // 0. x = embed_tokens[tokens]
    k.embedding_backward(dweights.embed_tokens, dx, part.tokens, N, C, V);
}

// Lets work(part, dweights) add the gradients of every part, each lane's into its own, and adds those up in order.
template <class Work>
void sum_gradients(const Model& model, Gradients& gradients, Activations& a, Work work) {
    gradients.open_lanes(a.lanes.size());
    a.each_lane(*model.kernels, [&](size_t lane) {
        for (Part& part : a.lanes[lane]) work(part, gradients.lane(lane));
    });
    gradients.sum_lanes(a.lanes.size());
    a.holds_forward = false;
}

inline void check_backward(const Batch& batch, const Activations& a, bool head_fits, size_t derivatives) {
    expects(a.for_training, "backward needs Activations with for_training = true");
    expects(a.holds_forward && a.N == batch.tokens.size() && a.n == batch.rows.size(),
            "backward needs a forward of the same batch just before");
    expects(head_fits, "log-probabilities belong to a language-model head, scores to a score head");
    expects(derivatives == a.n, "backward of ", a.n, " output rows was given ", derivatives, " derivatives");
}

// Adds to the gradients, given dlogprob (n), host: the derivative of the loss with respect to each value of
// token_logprobs at this temperature. Uses the activations up.
inline void backward_from_logprobs(const Model& model, Gradients& gradients, const Batch& batch, Activations& a,
                                   const std::vector<float>& dlogprob, float temperature = 1) {
    check_backward(batch, a, !model.config.score_head, dlogprob.size());
    expects(temperature > 0, "log-probabilities need a temperature above 0, not ", temperature);
    const Kernels& k = *model.kernels;
    k.upload(a.logprob, dlogprob.data(), a.n * sizeof(float));
    sum_gradients(model, gradients, a, [&](Part& part, const Weights& dweights) {
        // logprob = log softmax(logits / temperature)[targets]
        k.logprob_backward(part.logits, part.logprob, part.logits, part.targets, part.n, alphabet(model.config).V, temperature);
        backward(model, dweights, part);
    });
}

// The same, given dscore (n), host: the derivative of the loss with respect to each score.
inline void backward_from_scores(const Model& model, Gradients& gradients, const Batch& batch, Activations& a,
                                 const std::vector<float>& dscore) {
    check_backward(batch, a, model.config.score_head, dscore.size());
    model.kernels->upload(a.logits, dscore.data(), a.n * sizeof(float));
    sum_gradients(model, gradients, a, [&](Part& part, const Weights& dweights) { backward(model, dweights, part); });
}

// Mean cross-entropy: adds its gradients and returns it, in nats. Its derivative with respect to each log-probability is -1/n
// whatever the logits are, so that backward can follow part by part, while a part's activations are in the cache.
inline double cross_entropy_gradients(const Model& model, Gradients& gradients, const Batch& batch, Activations& a) {
    expects(!model.config.score_head, "cross-entropy needs a language-model head, not a score head");
    expects(batch.targets.size() == batch.rows.size(), "a batch of ", batch.rows.size(), " output rows has ",
            batch.targets.size(), " targets");
    load(model, batch, a, Walk::part_by_part);
    const Kernels& k = *model.kernels;
    const size_t V = alphabet(model.config).V, n = batch.rows.size();
    const std::vector<float> derivative(n, -1.0f / static_cast<float>(n));
    std::vector<float> logprobs(n);
    sum_gradients(model, gradients, a, [&](Part& part, const Weights& dweights) {
        const size_t bytes = part.n * sizeof(float);
        forward(model, part);
        k.logprob_forward(part.logprob, nullptr, part.logits, part.targets, part.n, V, 1);
        k.download(logprobs.data() + part.first_output, part.logprob, bytes);
        k.upload(part.logprob, derivative.data(), bytes);
        k.logprob_backward(part.logits, part.logprob, part.logits, part.targets, part.n, V, 1);
        backward(model, dweights, part);
    });
    double loss = 0;
    for (float logprob : logprobs) loss -= logprob;
    return loss / static_cast<double>(n);
}

}  // namespace cai

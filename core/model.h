// The model: a decoder of the Llama family (Touvron et al. 2023) as a list of kernel calls, and its backward pass by
// hand. RMSNorm, rotary positions, grouped-query attention, SwiGLU, no biases; the head gives the logits of the next
// token, or one score a row (preference and value models). Shapes are in the alphabet of kernels.h; n is the number of
// output rows. This file knows no files, no text and no loss: a caller hands backward the derivative of its loss with
// respect to each log-probability or score, so that fine-tuning, preference training and PPO share one backward.
#pragma once
#include <functional>
#include <vector>

#include "expects.h"
#include "kernels.h"
#include "memory.h"
#include "weights.h"

namespace cai {

// ---- a batch

// Sequences end to end, without padding.
struct Batch {
    std::vector<Token> tokens;        // (N)
    std::vector<int32_t> positions;   // (N), from 0 in each sequence
    std::vector<int32_t> offsets{0};  // (S+1)
    std::vector<int32_t> rows;        // (n) rows whose output is wanted, distinct
    std::vector<Token> targets;       // (n) the token each of those rows should predict; empty for a score head

    size_t sequences() const { return offsets.size() - 1; }

    // A sequence to learn from: its last token is only predicted, so it takes n - 1 rows. Row i predicts sequence[i+1],
    // and is an output row where learn[i+1] is not 0 (everywhere when learn is null).
    void add(const Token* sequence, size_t n, const uint8_t* learn = nullptr) {
        expects(n >= 2, "a sequence of ", n, " tokens predicts nothing: it needs two");
        for (size_t i = 0; i + 1 < n; i++) {
            if (learn && !learn[i + 1]) continue;
            rows.push_back(static_cast<int32_t>(tokens.size() + i));
            targets.push_back(sequence[i + 1]);
        }
        append(sequence, n - 1);
    }

    // A sequence to score: it takes n rows, and the outputs wanted are those at these positions in it.
    void add_scored(const Token* sequence, size_t n, const std::vector<int32_t>& wanted) {
        expects(n >= 1, "an empty sequence has nothing to score");
        for (int32_t position : wanted) {
            expects(position >= 0 && static_cast<size_t>(position) < n, "position ", position,
                    " lies outside a sequence of ", n, " tokens");
            rows.push_back(static_cast<int32_t>(tokens.size()) + position);
        }
        append(sequence, n);
    }

  private:
    void append(const Token* sequence, size_t n) {
        for (size_t i = 0; i < n; i++) {
            tokens.push_back(sequence[i]);
            positions.push_back(static_cast<int32_t>(i));
        }
        offsets.push_back(static_cast<int32_t>(tokens.size()));
    }
};

// ---- the activations

// What forward computes, and backward's own room. One block of memory that grows to the largest batch seen and is used
// again by every step. Without for_training all layers share one layer's room, and backward is refused.
struct Activations {
    struct Layer {
        float* attention_in;    // (N,C)    the norm of the layer's input
        float* attention_rstd;  // (N)
        float* qkv;             // (N,Q)    queries and keys already turned to their positions
        float* attention;       // (N,H·D)
        float* logsumexp;       // (N,H)
        float* mid;             // (N,C)    the residual stream after attention
        float* ff_in;           // (N,C)    its norm
        float* ff_rstd;         // (N)
        float* gate_up;         // (N,2F)
        float* swiglu;          // (N,F)
        float* out;             // (N,C)    the residual stream after the layer: the next layer's input
    };
    bool for_training = true;  // to be set before the first forward
    std::vector<Layer> layers;
    float* embedded = nullptr;  // (N,C) the first layer's input
    float* gathered = nullptr;  // (n,C) the last layer's output at batch.rows
    float* normed = nullptr;    // (n,C)
    float* rstd = nullptr;      // (n)
    float* logits = nullptr;    // (n,V), or (n,1) from a score head; backward overwrites it with its gradient
    float* logprob = nullptr;   // (n)
    float* entropy = nullptr;   // (n)

    float* dx = nullptr;  // (N,C) the gradient of the residual stream
    float *dnormed = nullptr, *dqkv = nullptr, *dattention = nullptr, *dgate_up = nullptr, *dswiglu = nullptr;
    float* dgathered = nullptr;  // (n,C)

    const int32_t *tokens = nullptr, *positions = nullptr, *rows = nullptr, *targets = nullptr;  // of the batch

    size_t N = 0, n = 0;         // rows and output rows of the last forward
    bool holds_forward = false;  // true from a forward to the backward that uses it up

    Layer& layer(size_t l) { return layers[for_training ? l : 0]; }

    // Makes room for the batch and uploads it.
    void load(const Model& model, const Batch& batch) {
        N = batch.tokens.size(), n = batch.rows.size();
        holds_forward = false;
        size_t count = 0;
        each_view(model.config, [&](float*&, size_t size) { count += size; });
        reserve(memory_, *model.kernels, count);
        float* next = memory_.data();
        each_view(model.config, [&](float*& view, size_t size) {
            view = next;
            next += size;
        });
        std::vector<int32_t> host;
        for (const auto* part : {&batch.tokens, &batch.positions, &batch.rows, &batch.targets})
            host.insert(host.end(), part->begin(), part->end());
        reserve(integers_, *model.kernels, host.size());
        integers_.upload(host);
        tokens = integers_.data(), positions = tokens + N, rows = positions + N, targets = rows + n;
    }

  private:
    Buffer<float> memory_;
    Buffer<int32_t> integers_;

    template <class Visit>
    void each_view(const Config& c, Visit visit) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(c);
        const size_t HD = H * D;
        const auto view = [&](float*& pointer, size_t count) { visit(pointer, (count + 15) / 16 * 16); };
        layers.resize(for_training ? L : 1);
        view(embedded, N * C);
        for (Layer& layer : layers) {
            view(layer.attention_in, N * C), view(layer.attention_rstd, N), view(layer.qkv, N * Q);
            view(layer.attention, N * HD), view(layer.logsumexp, N * H), view(layer.mid, N * C);
            view(layer.ff_in, N * C), view(layer.ff_rstd, N), view(layer.gate_up, N * 2 * F);
            view(layer.swiglu, N * F), view(layer.out, N * C);
        }
        view(gathered, n * C), view(normed, n * C), view(rstd, n);
        view(logits, n * static_cast<size_t>(c.outputs())), view(logprob, n), view(entropy, n);
        if (!for_training) return;
        view(dx, N * C), view(dnormed, N * C), view(dqkv, N * Q), view(dattention, N * HD);
        view(dgate_up, N * 2 * F), view(dswiglu, N * F), view(dgathered, n * C);
    }

    // An eighth more than asked for: batches differ a little in size, and each new largest must not move everything.
    template <class T>
    static void reserve(Buffer<T>& buffer, const Kernels& kernels, size_t count) {
        if (count <= buffer.size()) return;
        buffer = Buffer<T>();  // first release, then allocate
        buffer = Buffer<T>(kernels, count + count / 8);
    }
};

// ---- forward

// How the rows of a layer attend to each other: by default each over its own sequence in the batch; the sampler passes
// its cache of keys and values instead.
using Attention = std::function<void(size_t layer, float* out, float* logsumexp, const float* qkv)>;

// Throws kBadInput for a token or position that the model has no row for.
inline void check_batch(const Config& c, const Batch& batch) {
    expects(!batch.tokens.empty(), "a batch needs at least one token");
    for (Token token : batch.tokens)
        expects(token >= 0 && token < c.vocab_size, "token ", token, " is not in a vocabulary of ", c.vocab_size);
    for (int32_t position : batch.positions)
        expects(position >= 0 && position < c.context, "position ", position, " is beyond the context of ", c.context,
                " tokens: shorten the sequence");
    for (Token target : batch.targets)
        expects(target < c.vocab_size, "target ", target, " is not in a vocabulary of ", c.vocab_size);
}

// Fills a.logits: (n,V), or the scores (n) of a score head, of the rows in batch.rows.
inline void forward(const Model& model, const Batch& batch, Activations& a, const Attention& attention = {}) {
    expects(!model.packed_is_old, "the model's parameters changed after the last pack(): call model.pack() first");
    check_batch(model.config, batch);
    a.load(model, batch);
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = a.N, n = a.n;
    const float eps = model.config.norm_eps;

    // 0. x = embed_tokens[tokens]
    k.embedding_forward(a.embedded, a.tokens, model.weights.embed_tokens, N, C);
    const float* x = a.embedded;
    for (size_t l = 0; l < L; l++) {
        const Weights::Layer &w = model.weights.layers[l], &packed = model.packed.layers[l];
        Activations::Layer& s = a.layer(l);

        // 1. attention_in = norm(x)
        k.rmsnorm_forward(s.attention_in, s.attention_rstd, x, w.attention_norm, N, C, eps);
        // 2. qkv = attention_in · qkv_projᵀ
        k.matmul_forward(s.qkv, s.attention_in, packed.qkv_proj, nullptr, N, C, Q);
        // 3. queries and keys turn to their positions
        k.rope_forward(s.qkv, a.positions, model.rope_table.data(), N, H + K, D, Q);
        // 4. attention = softmax(q·k / sqrt(D)) · v
        if (attention) {
            attention(l, s.attention, s.logsumexp, s.qkv);
        } else {
            k.attention_forward(s.attention, s.logsumexp, s.qkv, batch.offsets.data(), batch.sequences(), H, K, D);
        }
        // 5. mid = x + attention · o_projᵀ
        k.matmul_forward(s.mid, s.attention, packed.o_proj, x, N, H * D, C);
        // 6. ff_in = norm(mid)
        k.rmsnorm_forward(s.ff_in, s.ff_rstd, s.mid, w.ff_norm, N, C, eps);
        // 7. gate_up = ff_in · gate_up_projᵀ
        k.matmul_forward(s.gate_up, s.ff_in, packed.gate_up_proj, nullptr, N, C, 2 * F);
        // 8. swiglu = silu(gate) · up
        k.swiglu_forward(s.swiglu, s.gate_up, N, F);
        // 9. out = mid + swiglu · down_projᵀ
        k.matmul_forward(s.out, s.swiglu, packed.down_proj, s.mid, N, F, C);
        x = s.out;
    }
    // 10. gathered = x[rows]
    k.gather_rows(a.gathered, x, a.rows, n, C);
    // 11. normed = norm(gathered)
    k.rmsnorm_forward(a.normed, a.rstd, a.gathered, model.weights.norm, n, C, eps);
    // 12. logits = normed · headᵀ
    k.matmul_forward(a.logits, a.normed, model.packed.head, nullptr, n, C, model.config.outputs());
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
// On entry a.logits holds dlogits. a.dx is the gradient of the residual stream at the place that the passes have
// reached. Called by the two functions below; adds to the gradients.
inline void backward(const Model& model, Gradients& gradients, const Batch& batch, Activations& a) {
    const Kernels& k = *model.kernels;
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    const size_t N = a.N, n = a.n, O = model.config.outputs();
    const Weights &weights = model.weights, &dweights = gradients.weights;
    const float* dlogits = a.logits;
    float* dnormed = a.dnormed;  // also of the norms within the layers

    // 12. logits = normed · headᵀ
    k.matmul_backward_input(dnormed, dlogits, weights.head, n, C, O);
    k.matmul_backward_weight(dweights.head, dlogits, a.normed, n, C, O);
    // 11. normed = norm(gathered)
    k.set_zero(a.dgathered, n * C * sizeof(float));
    k.rmsnorm_backward(a.dgathered, dweights.norm, dnormed, a.gathered, a.rstd, weights.norm, n, C);
    // 10. gathered = x[rows]
    k.set_zero(a.dx, N * C * sizeof(float));
    k.scatter_rows(a.dx, a.dgathered, a.rows, n, C);
    for (size_t l = L; l-- > 0;) {
        const Weights::Layer &w = weights.layers[l], &dw = dweights.layers[l];
        const Activations::Layer& s = a.layers[l];
        const float* x = l ? a.layers[l - 1].out : a.embedded;

        // 9. out = mid + swiglu · down_projᵀ    (dx passes through the sum to mid unchanged)
        k.matmul_backward_input(a.dswiglu, a.dx, w.down_proj, N, F, C);
        k.matmul_backward_weight(dw.down_proj, a.dx, s.swiglu, N, F, C);
        // 8. swiglu = silu(gate) · up
        k.swiglu_backward(a.dgate_up, a.dswiglu, s.gate_up, N, F);
        // 7. gate_up = ff_in · gate_up_projᵀ
        k.matmul_backward_input(dnormed, a.dgate_up, w.gate_up_proj, N, C, 2 * F);
        k.matmul_backward_weight(dw.gate_up_proj, a.dgate_up, s.ff_in, N, C, 2 * F);
        // 6. ff_in = norm(mid)    (adds to dx, which becomes dmid)
        k.rmsnorm_backward(a.dx, dw.ff_norm, dnormed, s.mid, s.ff_rstd, w.ff_norm, N, C);
        // 5. mid = x + attention · o_projᵀ    (dx passes through the sum to x unchanged)
        k.matmul_backward_input(a.dattention, a.dx, w.o_proj, N, H * D, C);
        k.matmul_backward_weight(dw.o_proj, a.dx, s.attention, N, H * D, C);
        // 4. attention = softmax(q·k / sqrt(D)) · v
        k.attention_backward(a.dqkv, a.dattention, s.attention, s.logsumexp, s.qkv, batch.offsets.data(),
                             batch.sequences(), H, K, D);
        // 3. queries and keys turn to their positions
        k.rope_backward(a.dqkv, a.positions, model.rope_table.data(), N, H + K, D, Q);
        // 2. qkv = attention_in · qkv_projᵀ
        k.matmul_backward_input(dnormed, a.dqkv, w.qkv_proj, N, C, Q);
        k.matmul_backward_weight(dw.qkv_proj, a.dqkv, s.attention_in, N, C, Q);
        // 1. attention_in = norm(x)    (adds to dx, which becomes the gradient of the layer's input)
        k.rmsnorm_backward(a.dx, dw.attention_norm, dnormed, x, s.attention_rstd, w.attention_norm, N, C);
    }
    // 0. x = embed_tokens[tokens]
    k.embedding_backward(dweights.embed_tokens, a.dx, a.tokens, N, C, V);
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
// token_logprobs at this temperature. For the mean cross-entropy it is -1/n everywhere. Uses the activations up.
inline void backward_from_logprobs(const Model& model, Gradients& gradients, const Batch& batch, Activations& a,
                                   const std::vector<float>& dlogprob, float temperature = 1) {
    check_backward(batch, a, !model.config.score_head, dlogprob.size());
    const Kernels& k = *model.kernels;
    k.upload(a.logprob, dlogprob.data(), a.n * sizeof(float));
    // logprob = log softmax(logits / temperature)[targets]
    k.logprob_backward(a.logits, a.logprob, a.logits, a.targets, a.n, alphabet(model.config).V, temperature);
    backward(model, gradients, batch, a);
}

// The same, given dscore (n), host: the derivative of the loss with respect to each score.
inline void backward_from_scores(const Model& model, Gradients& gradients, const Batch& batch, Activations& a,
                                 const std::vector<float>& dscore) {
    check_backward(batch, a, model.config.score_head, dscore.size());
    model.kernels->upload(a.logits, dscore.data(), a.n * sizeof(float));
    backward(model, gradients, batch, a);
}

}  // namespace cai

// The contract between the model and a device: one row per kernel, with its shapes, its formula and whether it
// overwrites (=) or adds (+=). A backend (cpu/, cpu/plain/, cuda/) is one table of these functions. Read cpu/plain/
// first: there, each kernel is just the loops of its formula.
//
// The alphabet, used everywhere:
//   N  rows: all tokens of a batch, its sequences laid end to end with no padding
//   S  sequences; sequence s owns rows offsets[s] .. offsets[s+1]-1
//   C  model width      F  feed-forward width      V  vocabulary size
//   H  query heads      K  key-value heads         D  width of one head
//   I  inputs of a matmul, O its outputs
// A `d` in front of a name is the gradient of the loss with respect to it. Matrices are row-major.
// Arguments come in one order: outputs, incoming gradients, inputs, weights, sizes.
// Every pointer is to the backend's memory, unless a row says "host".
//
// Every sum has a fixed order, so results do not depend on the number of threads. A row of a result depends only on its
// own row of the input and is computed the same way however many rows there are: that makes the sampler's
// log-probabilities equal to the trainer's to the last bit.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace cai {

using Token = int32_t;

struct SamplingOptions {
    float temperature = 1.0f;  // 0: the most likely token
    int top_k = 0;             // keep the k most likely tokens; 0: all
    float top_p = 1.0f;        // keep the smallest set of tokens with at least this probability
    int vocabulary = 0;        // draw from the first so many tokens, as many as the tokenizer has; 0: from all V
};

// How many of the V tokens can be drawn.
inline size_t drawable(const SamplingOptions& options, size_t V) {
    return options.vocabulary > 0 && static_cast<size_t>(options.vocabulary) < V
               ? static_cast<size_t>(options.vocabulary)
               : V;
}

// How a matrix (O,I) of quantised weights is kept: every `group` neighbours of a row share a scale and a minimum, and
// weight[o,i] = scale[o,i/group] · q[o,i] + minimum[o,i/group], rounded once, with whole numbers q of `bits` bits.
struct Quantization {
    int bits = 0;   // 4 or 8; 0: not quantised, but floats
    int group = 0;  // 16 or 32; I is a multiple of it
    explicit operator bool() const { return bits > 0; }
    bool operator==(const Quantization&) const = default;
};

struct Kernels {
    const char* name;  // "cpu", "plain" or "cuda"
    // Describes the device in words. Throws, with exit status 4, if there is no such device.
    const char* (*device)();

    // Memory. allocate returns zeroed memory, aligned to 64 bytes; upload and download copy from and to the host.
    void* (*allocate)(size_t bytes);
    void (*release)(void* memory);
    void (*upload)(void* to, const void* host, size_t bytes);
    void (*download)(void* host, const void* from, size_t bytes);
    void (*set_zero)(void* memory, size_t bytes);
    void (*set_threads)(int threads);
    // Returns when all kernels called so far have finished: a GPU runs them while the host goes on.
    void (*wait)();

    // How a large batch is split (activations.h). parallel_for: calls work(0) ... work(count - 1), each on one thread
    // together with the kernels it calls, and waits for all. threads: how many run at once. rows_at_once: the preferred
    // micro-batch size. A device that runs one kernel at a time has one thread and prefers all rows at once.
    void (*parallel_for)(size_t count, const std::function<void(size_t)>& work);
    size_t (*threads)();
    size_t (*rows_at_once)();

    // out[n] = table[tokens[n]].    out (N,C), table (V,C), tokens (N).
    void (*embedding_forward)(float* out, const Token* tokens, const float* table, size_t N, size_t C);
    // dtable[tokens[n]] += dout[n].    dtable (V,C), dout (N,C).
    void (*embedding_backward)(float* dtable, const float* dout, const Token* tokens, size_t N, size_t C, size_t V);

    // RMSNorm (Zhang & Sennrich 2019, eq. 4): rstd = 1 / sqrt(mean(x²) + eps); out = x · rstd · weight.
    // out (N,C), rstd (N), x (N,C), weight (C).
    void (*rmsnorm_forward)(float* out, float* rstd, const float* x, const float* weight, size_t N, size_t C,
                            float eps);
    // dx += , dweight +=.    dx (N,C), dweight (C), dout (N,C).
    void (*rmsnorm_backward)(float* dx, float* dweight, const float* dout, const float* x, const float* rstd,
                             const float* weight, size_t N, size_t C);

    // Matmul. A weight (O,I) is packed once after each change; the packed layout belongs to the backend
    // and takes packed_size(O, I) floats.
    size_t (*packed_size)(size_t O, size_t I);
    void (*matmul_pack)(float* packed, const float* weight, size_t O, size_t I);
    // out = residual + x · weightᵀ; residual may be null (then 0) or equal to out.    out (N,O), x (N,I).
    void (*matmul_forward)(float* out, const float* x, const float* packed, const float* residual, size_t N, size_t I,
                           size_t O);
    // dx = dout · weight.    dx (N,I), dout (N,O), weight (O,I), not packed.
    void (*matmul_backward_input)(float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O);
    // dweight += doutᵀ · x.    dweight (O,I).
    void (*matmul_backward_weight)(float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O);

    // The same for quantised weights, which only inference has: equal to matmul_forward and embedding_forward of the
    // weights as floats, to the last bit. All four are null on a GPU: there they become floats when they are read.
    // q (O,I), scales, minimums (O,I/group), host; packed takes quantized_size(O, I, quantization) floats.
    size_t (*quantized_size)(size_t O, size_t I, Quantization quantization);
    void (*matmul_pack_quantized)(float* packed, const uint8_t* q, const float* scales, const float* minimums, size_t O,
                                  size_t I, Quantization quantization);
    void (*matmul_forward_quantized)(float* out, const float* x, const float* packed, const float* residual, size_t N,
                                     size_t I, size_t O, Quantization quantization);
    // out[n] = weight[tokens[n]].    out (N,C), tokens (N), packed from (V,C).
    void (*embedding_forward_quantized)(float* out, const Token* tokens, const float* packed, size_t N, size_t C,
                                        size_t V, Quantization quantization);

    // RoPE (Su et al. 2021, eq. 34) in the half-split layout of Hugging Face, in place on the first `heads` heads
    // of each row: (a, b) = (x[i], x[i+D/2]) becomes (a cos - b sin, b cos + a sin).
    // x (N,stride), table (positions, D): D/2 cosines, then D/2 sines; positions (N).
    void (*rope_forward)(float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                         size_t stride);
    // The inverse rotation, in place on the gradient.
    void (*rope_backward)(float* dx, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                          size_t stride);

    // Causal attention with grouped queries (Vaswani et al. 2017, eq. 1; Ainslie et al. 2023), each sequence on its
    // own: scores = q·k / sqrt(D) over the keys up to the query; out = softmax(scores) · v; head h reads key-value head
    // h/(H/K).
    // qkv (N,(H+2K)·D): the H query heads, then K key heads, then K value heads; out (N,H·D); logsumexp (N,H)
    // of the scores, kept for backward; offsets (S+1), host.
    void (*attention_forward)(float* out, float* logsumexp, const float* qkv, const int32_t* offsets, size_t S,
                              size_t H, size_t K, size_t D);
    // dqkv = (every element is written).    dout (N,H·D), out from forward.
    void (*attention_backward)(float* dqkv, const float* dout, const float* out, const float* logsumexp,
                               const float* qkv, const int32_t* offsets, size_t S, size_t H, size_t K, size_t D);

    // The same attention for generation, over a cache of keys and values: row n is position positions[n] of the
    // sequence in slot slots[n]. cache_store copies the rows' keys and values into the cache; attention_decode then
    // reads positions 0..positions[n] of the slot. Equal to attention_forward to the last bit. keys and values hold
    // slots·K·D·capacity floats each, in the backend's own layout; slots, positions (N), host.
    void (*cache_store)(float* keys, float* values, const float* qkv, const int32_t* slots, const int32_t* positions,
                        size_t N, size_t H, size_t K, size_t D, size_t capacity);
    void (*attention_decode)(float* out, const float* qkv, const float* keys, const float* values, const int32_t* slots,
                             const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity);

    // SwiGLU (Shazeer 2020, eq. 6): out = silu(gate) · up, silu(x) = x / (1 + e^-x).
    // gate_up (N,2F): gate, then up; out (N,F).
    void (*swiglu_forward)(float* out, const float* gate_up, size_t N, size_t F);
    // dgate_up = .    dgate_up (N,2F), dout (N,F).
    void (*swiglu_backward)(float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F);

    // logprob[n] = log softmax(logits[n] / temperature)[targets[n]], 0 where the target is negative;
    // entropy[n] = -Σ p log p in nats, skipped when null.    logits (N,V), targets (N).
    void (*logprob_forward)(float* logprob, float* entropy, const float* logits, const Token* targets, size_t N,
                            size_t V, float temperature);
    // dlogits = dlogprob · (onehot(target) - p) / temperature, 0 where the target is negative.
    // dlogits (N,V) may be logits itself.
    void (*logprob_backward)(float* dlogits, const float* dlogprob, const float* logits, const Token* targets, size_t N,
                             size_t V, float temperature);

    // Draws one token per row. keys (N) are counters for the random numbers: the same key and logits give the same
    // token on every backend. logprob is that among all V tokens, before top-k and top-p, at the sampling
    // temperature (temperature 1 when greedy).    tokens (N), logprob (N), keys (N) and both outputs on the host;
    // logits (N,V).
    void (*sample)(Token* tokens, float* logprob, const float* logits, const uint64_t* keys, size_t N, size_t V,
                   SamplingOptions options);

    // out[i] = x[rows[i]], and its gradient dx[rows[i]] += dout[i] (rows are distinct).
    // x (·,C), out (n,C), rows (n).
    void (*gather_rows)(float* out, const float* x, const int32_t* rows, size_t n, size_t C);
    void (*scatter_rows)(float* dx, const float* dout, const int32_t* rows, size_t n, size_t C);

    // sum += terms, terms = 0.    sum, terms (n).
    void (*accumulate_and_clear)(float* sum, float* terms, size_t n);

    // Σ x², summed in double in a fixed order; the result is returned to the host.
    double (*sum_of_squares)(const float* x, size_t n);

    // AdamW (Loshchilov & Hutter 2019, algorithm 2), with PyTorch's placement of eps; gradients are first multiplied by
    // gradient_scale. step counts from 1.
    void (*adamw)(float* parameters, float* m, float* v, const float* gradients, size_t n, float learning_rate,
                  float beta1, float beta2, float eps, float weight_decay, float gradient_scale, int step);

    // Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) for one matrix. With g = gradients · gradient_scale:
    // momentum = beta momentum + (1 - beta) g;
    // X = beta momentum + (1 - beta) g, which is Nesterov's momentum, divided by its Frobenius norm + 1e-7;
    // five times X = (a I + b A + c A²) X, where A = X Xᵀ and (a, b, c) = (3.4445, -4.7750, 2.0315): each of these
    // Newton-Schulz steps turns X's singular values s into a s + b s³ + c s⁵, until they are near 1;
    // parameters = parameters (1 - learning_rate weight_decay) - learning_rate 0.2 sqrt(max(rows, columns)) X: the
    // factor gives X about the root mean square of AdamW's steps (Liu et al. 2025, arXiv 2502.16982, eq. 4), so that
    // the same learning rates and decay suit both.
    // parameters, momentum, gradients (rows, columns).
    void (*muon)(float* parameters, float* momentum, const float* gradients, size_t rows, size_t columns,
                 float learning_rate, float beta, float weight_decay, float gradient_scale);

    // The advantages and losses of RL-CAI, in double; method/ppo_advantages.h, ppo_losses.h and preference.h name their
    // sources. R responses are stored end to end: response r holds tokens offsets[r] .. offsets[r+1]-1, T = offsets[R].
    // Each gradient is the derivative of the loss with the same index.
    //
    // Computed backwards within each response, with V = A = 0 after its end:
    // delta_t = r_t + gamma V_{t+1} - V_t,  A_t = delta_t + gamma lambda A_{t+1},  return_t = A_t + V_t.
    // advantages, returns, rewards, values (T), offsets (R+1).
    void (*gae)(double* advantages, double* returns, const double* rewards, const float* values, const int32_t* offsets,
                size_t R, double gamma, double lambda);
    // loss = max(-A ratio, -A clip(ratio, 1 ± clip_ratio)), ratio = exp(logprob - old_logprob); where A < 0, at most
    // -A dual_clip. gradient = dloss / dlogprob, 0 where a clip is active. A clip of 0 is off.    All (T).
    void (*policy_loss)(double* loss, double* gradient, const float* logprobs, const float* old_logprobs,
                        const double* advantages, size_t T, double clip_ratio, double dual_clip);
    // loss = ½ max((V - R)², (clip(V, V_old ± clip_value) - R)²); gradient = dloss / dV,
    // 0 where the clip is active.    All (T).
    void (*value_loss)(double* loss, double* gradient, const float* values, const float* old_values,
                       const double* returns, size_t T, double clip_value);
    // loss = -p log sigma(delta) - (1 - p) log sigma(-delta), delta = scores[2i] - scores[2i+1];
    // gradient = dloss / ddelta.    loss, gradient, labels p (n), scores (2n).
    void (*preference_loss)(double* loss, double* gradient, const float* scores, const double* labels, size_t n);

    // The device's peak, with which `cai bench` compares the other kernels. Runs multiply-adds on every thread, between
    // registers only, waits for them, and returns the number of floating-point operations (two each).
    double (*multiply_adds)(size_t rounds);
    // to = from, on all threads.    to, from (n), not overlapping.
    void (*copy)(float* to, const float* from, size_t n);
};

extern const Kernels cpu_kernels;
extern const Kernels plain_kernels;  // also on the CPU, as plain loops: slow, but the ones to read first
extern const Kernels cuda_kernels;  // on a GPU when nvcc compiled them, otherwise in the emulator, on the CPU
extern const Kernels cuda_bf16_kernels;  // matmul multiplies in bf16 and adds in float, on tensor cores: sm_80 and up

}  // namespace cai

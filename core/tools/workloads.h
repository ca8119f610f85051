// The workloads that benchmarks time, shared by `cai bench` and comparisons with other programs, and the minimum number
// of floating-point operations that they take (a multiply-add counts as two).
#pragma once
#include <string>
#include <vector>

#include "../lm/sampler.h"
#include "../nn/optimizer.h"
#include "../nn/train_step.h"

namespace cai {

inline constexpr size_t kBenchTokens = 4096,
                        kBenchLength = 256;  // of a training step: tokens in total, tokens per sequence
inline constexpr const char* kBenchModels[] = {"1m", "3m", "10m"};

// The benchmarked models, named by their approximate number of parameters: tiny, small and
// base, each with a feed-forward width of 3C.
inline Config bench_model(const std::string& name) {
    Config config = preset(name == "1m" ? "tiny" : name == "3m" ? "small" : "base", /*vocab_size=*/1024);
    config.ff = 3 * config.width;
    return config;
}

// ---- operation counts

inline double matmul_flops(size_t N, size_t I, size_t O) {
    return 2 * static_cast<double>(N) * static_cast<double>(I) * static_cast<double>(O);
}

// Causal attention over S sequences of T tokens: each of the T(T+1)/2 pairs of a query and a key takes D multiply-adds
// for the score and D for the weighted sum, in each of H heads. The backward pass has five products where the forward
// pass has two (Dao et al. 2022, §3.1).
inline double attention_flops(size_t S, size_t T, size_t H, size_t D) { return matmul_flops(S * H * T, D, T + 1); }
inline double attention_backward_flops(size_t S, size_t T, size_t H, size_t D) {
    return 2.5 * attention_flops(S, T, H, D);
}

// Forward and backward passes per token in a sequence of T: 6 per parameter (Kaplan et al. 2020, §2.1), and 6 L T H D
// for causal attention. A tied embedding table counts once, as the head.
inline double training_flops(const Config& config, size_t T) {
    const auto [L, C, H, K, D, Q, F, V] = alphabet(config);
    const size_t looked_up =
        config.tied && !config.score_head ? 0 : V * C;  // an embedding table that is not also the head
    return 6 * static_cast<double>(parameter_count(config) - looked_up + L * T * H * D);
}

// ---- a matmul

enum class Product { forward, backward_input, backward_weight };

// out = x · weightᵀ, dx = dout · weight, or dweight += doutᵀ · x, on numbers between -1 and 1.
// x (N,I), weight (O,I), out (N,O).
class MatmulWork {
  public:
    MatmulWork(const Kernels& kernels, size_t N, size_t I, size_t O)
        : kernels_(kernels), N_(N), I_(I), O_(O), x_(kernels, N * I), weight_(kernels, O * I), out_(kernels, N * O),
          packed_(kernels, kernels.packed_size(O, I)) {
        fill(x_), fill(weight_), fill(out_);
        pack();
    }
    void pack() { kernels_.matmul_pack(packed_.data(), weight_.data(), O_, I_); }
    void run(Product product) {
        if (product == Product::forward)
            kernels_.matmul_forward(out_.data(), x_.data(), packed_.data(), nullptr, N_, I_, O_);
        else if (product == Product::backward_input)
            kernels_.matmul_backward_input(x_.data(), out_.data(), weight_.data(), N_, I_, O_);
        else
            kernels_.matmul_backward_weight(weight_.data(), out_.data(), x_.data(), N_, I_, O_);
    }
    static void fill(Buffer<float>& buffer) {
        std::vector<float> host(buffer.size());
        for (size_t i = 0; i < host.size(); i++) host[i] = 2 * uniform01(mix(i)) - 1;
        buffer.upload(host);
    }

  private:
    const Kernels& kernels_;
    size_t N_, I_, O_;
    Buffer<float> x_, weight_, out_, packed_;
};

// ---- a training step

// Sequences of length + 1 random tokens: each takes `length` rows, with the last token only as a target.
inline std::vector<std::vector<Token>> random_sequences(size_t sequences, size_t length, int vocab_size) {
    Rng rng(1, stream("bench"));
    std::vector<std::vector<Token>> result(sequences, std::vector<Token>(length + 1));
    for (std::vector<Token>& sequence : result)
        for (Token& token : sequence) token = static_cast<Token>(rng.below(static_cast<size_t>(vocab_size)));
    return result;
}

// One step of supervised training, repeated on the same batch: forward, backward, gradient clipping, update.
struct TrainingWork {
    static constexpr float kLearningRate = 1e-3f;
    std::vector<std::vector<Token>> sequences;
    Model model;
    Optimizer optimizer;
    Gradients gradients;
    Activations activations;
    Batch batch;

    TrainingWork(const Kernels& kernels, const Config& config, size_t tokens = kBenchTokens,
                 size_t length = kBenchLength)
        : sequences(random_sequences(tokens / length, length, config.vocab_size)),
          model(kernels, config),
          optimizer(model),
          gradients(model) {
        model.initialize(1);
        for (const auto& sequence : sequences) batch.add(sequence.data(), sequence.size());
    }

    // Returns the mean cross-entropy in nats, before the update.
    double step() {
        const double loss = cross_entropy_step(model, gradients, batch, activations);
        optimizer.update(model, gradients, kLearningRate);
        return loss;
    }
};

// ---- decoding

// Decodes `batch` sequences, each from one token until the context is full. Returns the number of tokens sampled.
inline size_t decode(const Model& model, size_t batch) {
    GenerateOptions options;
    options.max_new_tokens = model.config.context - 1;
    options.stops = {model.config.vocab_size};  // never sampled
    options.slots = batch;
    size_t tokens = 0;
    for (const Completion& completion : generate(model, std::vector<std::vector<Token>>(batch, {0}), options))
        tokens += completion.tokens.size();
    return tokens;
}

}  // namespace cai

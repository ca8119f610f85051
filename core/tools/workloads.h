// The work that benchmarks time, the same for `cai bench` and for a comparison with other programs, and the
// floating-point operations it takes at least (a multiply-add counts as two).
#pragma once
#include <string>
#include <vector>

#include "../lm/sampler.h"
#include "../nn/optimizer.h"
#include "../nn/train_step.h"

namespace cai {

inline constexpr size_t kBenchTokens = 4096,
                        kBenchLength = 256;  // of a training step: tokens in all, tokens a sequence
inline constexpr const char* kBenchModels[] = {"1m", "3m", "10m"};

// The models that are timed, by about how many parameters they have: tiny, with an ff of three widths as the others
// have, small and base.
inline Config bench_model(const std::string& name) {
    Config config = preset(name == "1m" ? "tiny" : name == "3m" ? "small" : "base", /*vocab_size=*/1024);
    config.ff = 3 * config.width;
    return config;
}

// ---- what it takes

inline double matmul_flops(size_t N, size_t I, size_t O) {
    return 2 * static_cast<double>(N) * static_cast<double>(I) * static_cast<double>(O);
}

// The causal half of attention over S sequences of T tokens: each of the T(T+1)/2 pairs of a query and a key takes a
// product for the score and one for the weighted sum. Backward has five products where forward has two (Dao et al.
// 2022, §3.1).
inline double attention_flops(size_t S, size_t T, size_t H, size_t D) { return matmul_flops(S * H * T, D, T + 1); }
inline double attention_backward_flops(size_t S, size_t T, size_t H, size_t D) {
    return 2.5 * attention_flops(S, T, H, D);
}

// Forward and backward of one token in a sequence of T: 6 for each parameter (Kaplan et al. 2020, §2.1), and 6 L T H D
// for the causal half of attention. A tied table counts once, as the head.
inline double training_flops(const Config& config, size_t T) {
    const auto [L, C, H, K, D, Q, F, V] = alphabet(config);
    const size_t looked_up =
        config.tied && !config.score_head ? 0 : V * C;  // a table that is no matrix of the head as well
    return 6 * static_cast<double>(parameter_count(config) - looked_up + L * T * H * D);
}

// ---- a matmul

enum class Product { forward, backward_input, backward_weight };

// out = x · weightᵀ, dx = dout · weight, or dweight += doutᵀ · x, on numbers between -1 and 1.    x (N,I), weight
// (O,I).
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

// Sequences of random tokens, one longer than the rows they take.
inline std::vector<std::vector<Token>> random_sequences(size_t sequences, size_t length, int vocab_size) {
    Rng rng(1, stream("bench"));
    std::vector<std::vector<Token>> result(sequences, std::vector<Token>(length + 1));
    for (std::vector<Token>& sequence : result)
        for (Token& token : sequence) token = static_cast<Token>(rng.below(static_cast<size_t>(vocab_size)));
    return result;
}

// A step of the story's training loop, again and again on the same batch: forward, backward, clipping, AdamW.
struct TrainingWork {
    static constexpr float kLearningRate = 1e-3f;
    std::vector<std::vector<Token>> sequences;
    Model model;
    AdamW optimizer;
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

// Each of `batch` sequences grows from one token until it fills the context. Returns how many tokens were drawn.
inline size_t decode(const Model& model, size_t batch) {
    GenerateOptions options;
    options.max_new_tokens = model.config.context - 1;
    options.stops = {model.config.vocab_size};  // is never drawn
    options.slots = batch;
    size_t tokens = 0;
    for (const Completion& completion : generate(model, std::vector<std::vector<Token>>(batch, {0}), options))
        tokens += completion.tokens.size();
    return tokens;
}

}  // namespace cai

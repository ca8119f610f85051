// Small examples of the kernels of this folder, recorded in the emulator for `cai replay`. The kernels' files are
// included here once more, with numbers that report their reads and writes (traced.h) in place of plain ones: so any
// build can record, and the kernels that train know nothing of it. nvcc does not compile this file.
#ifndef __CUDACC__
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "../core/base/elementary.h"
#include "../core/base/rng.h"
#include "../core/nn/kernels.h"
#include "../core/nn/recording.h"

// Whatever the files below put into cai::cuda is here in cai::traced, so that a build with nvcc, where cai::cuda is the
// GPU's, has both.
#define cuda traced
#include "recorder.h"
#include "traced.h"

// These would spoil the standard library's headers: each that is needed stands above. Each kernel's file has a
// namespace of its own, since their private names are equal here and there.
#define float ::cai::emulator::Traced<float>
#define double ::cai::emulator::Traced<double>
#define int32_t ::cai::emulator::Traced<int>
#define Token ::cai::emulator::Traced<int>
#define size_t ::cai::emulator::Index
#include "cuda.h"
#include "ptx.h"
#undef cuda
#define cuda traced::adamw_file
#include "adamw.cu"
#undef cuda
#define cuda traced::attention_file
#include "attention.cu"
#undef cuda
#define cuda traced::classifier_file
#include "classifier.cu"
#undef cuda
#define cuda traced::embedding_file
#include "embedding.cu"
#undef cuda
#define cuda traced::losses_file
#include "losses.cu"
#undef cuda
#define cuda traced::matmul_file
#include "matmul.cu"
#undef cuda
#define cuda traced::rmsnorm_file
#include "rmsnorm.cu"
#undef cuda
#define cuda traced::rope_file
#include "rope.cu"
#undef cuda
#define cuda traced::swiglu_file
#include "swiglu.cu"
#undef cuda
#undef size_t  // whole numbers are read from global memory nowhere in the next one
#define cuda traced::matmul_fast_file
#include "matmul_fast.cu"
#undef cuda
#undef float
#undef double
#undef int32_t
#undef Token

// The text of a source file, as it is compiled. Paths are from the folder in which the compiler runs, or from one that
// -I names.
#ifdef __APPLE__
#define READ_ONLY ".section __TEXT,__const\n"
#define BACK ".text\n"
#else
#define READ_ONLY ".pushsection .rodata\n"
#define BACK ".popsection\n"
#endif
#define SOURCE(stem, file)                                                                                      \
    asm(READ_ONLY ".global cai_source_" #stem "\ncai_source_" #stem ":\n.incbin \"" file "\"\n.byte 0\n" BACK); \
    extern "C" const char cai_source_##stem[] asm("cai_source_" #stem);
SOURCE(adamw, "cuda/adamw.cu")
SOURCE(attention, "cuda/attention.cu")
SOURCE(classifier, "cuda/classifier.cu")
SOURCE(cuda, "cuda/cuda.h")
SOURCE(embedding, "cuda/embedding.cu")
SOURCE(losses, "cuda/losses.cu")
SOURCE(matmul, "cuda/matmul.cu")
SOURCE(matmul_fast, "cuda/matmul_fast.cu")
SOURCE(rmsnorm, "cuda/rmsnorm.cu")
SOURCE(rope, "cuda/rope.cu")
SOURCE(swiglu, "cuda/swiglu.cu")

namespace cai {
namespace {

using emulator::Recorder;

// The sizes of an example by their letters, and a stream of made-up numbers.
struct Example {
    Recorder& recorder;
    std::map<std::string, size_t> sizes;
    uint64_t arrays = 0;

    size_t operator[](const char* letter) const { return sizes.at(letter); }
    // From [-1, 1).
    emulator::Traced<float>* floats(const char* name, size_t rows, size_t columns) {
        const uint64_t key = mix(++arrays);
        return recorder.array<float>(name, rows, columns, [&](size_t i) { return 2 * uniform01(mix(key, i)) - 1; });
    }
    // From [0, 1), as of averages of squares.
    emulator::Traced<float>* positives(const char* name, size_t rows, size_t columns) {
        const uint64_t key = mix(++arrays);
        return recorder.array<float>(name, rows, columns, [&](size_t i) { return uniform01(mix(key, i)); });
    }
    emulator::Traced<double>* doubles(const char* name, size_t rows, size_t columns) {
        const uint64_t key = mix(++arrays);
        return recorder.array<double>(name, rows, columns, [&](size_t i) { return uniform01(mix(key, i)); });
    }
    emulator::Traced<int>* below(const char* name, size_t count, size_t limit) {
        const uint64_t key = mix(++arrays);
        return recorder.array<int>(name, 1, count, [&](size_t i) { return mix(key, i) % limit; });
    }
    emulator::Traced<int>* counted(const char* name, size_t count) {
        return recorder.array<int>(name, 1, count, [](size_t i) { return i; });
    }
};
// The offsets of one sequence of N rows, on the host.
std::vector<emulator::Traced<int>> one_sequence(size_t N) { return {0, static_cast<int>(N)}; }

struct Row {
    RecordableKernel kernel;
    std::function<void(Example&)> run;
};

const std::vector<Row>& rows() {
    static const std::vector<Row> kRows = {
        {{"attention_forward", "causal attention: a warp has one query, and takes the keys 32 at a time",
          {{"N", 8}, {"H", 2}, {"K", 1}, {"D", 16}}},
         [](Example& e) {
             const size_t N = e["N"], H = e["H"], K = e["K"], D = e["D"];
             auto *out = e.floats("out", N, H * D), *logsumexp = e.floats("logsumexp", N, H);
             auto* qkv = e.floats("qkv", N, (H + 2 * K) * D);
             e.recorder.name_next("sequences", 2, 4);
             traced::attention_file::attention_forward(out, logsumexp, qkv, one_sequence(N).data(), 1, H, K, D);
         }},
        {{"attention_backward", "its gradient, in two launches: a warp has one query, then one key",
          {{"N", 8}, {"H", 2}, {"K", 1}, {"D", 16}}},
         [](Example& e) {
             const size_t N = e["N"], H = e["H"], K = e["K"], D = e["D"];
             auto* dqkv = e.floats("dqkv", N, (H + 2 * K) * D);
             auto *dout = e.floats("dout", N, H * D), *out = e.floats("out", N, H * D);
             auto *logsumexp = e.floats("logsumexp", N, H), *qkv = e.floats("qkv", N, (H + 2 * K) * D);
             const int32_t offsets[] = {0, static_cast<int32_t>(N)};
             plain_kernels.attention_forward(&out->value, &logsumexp->value, &qkv->value, offsets, 1, H, K, D);
             e.recorder.name_next("sequences", 2, 4);
             traced::attention_file::attention_backward(dqkv, dout, out, logsumexp, qkv, one_sequence(N).data(), 1, H,
                                                        K, D);
         }},
        {{"attention_decode", "attention of new tokens over a cache of keys and values",
          {{"N", 4}, {"H", 2}, {"K", 1}, {"D", 16}}},
         [](Example& e) {
             const size_t N = e["N"], H = e["H"], K = e["K"], D = e["D"], capacity = 16;
             auto *out = e.floats("out", N, H * D), *qkv = e.floats("qkv", N, (H + 2 * K) * D);
             auto *keys = e.floats("keys", N * K * capacity, D), *values = e.floats("values", N * K * capacity, D);
             std::vector<emulator::Traced<int>> slots, positions;
             for (size_t n = 0; n < N; ++n) {
                 slots.push_back(static_cast<int>(n));
                 positions.push_back(static_cast<int>((3 * n + 7) % capacity));
             }
             e.recorder.name_next("slots", N, 4);
             e.recorder.name_next("positions", N, 4);
             traced::attention_file::attention_decode(out, qkv, keys, values, slots.data(), positions.data(), N, H, K,
                                                      D, capacity);
         }},
        {{"matmul_forward", "the product out = x · weightᵀ: a block has a tile of out, and fetches slabs of both",
          {{"N", 64}, {"I", 32}, {"O", 64}}},
         [](Example& e) {
             const size_t N = e["N"], I = e["I"], O = e["O"];
             auto *out = e.floats("out", N, O), *x = e.floats("x", N, I), *weight = e.floats("weight", O, I);
             e.recorder.shared_columns("left_slab", 68);
             e.recorder.shared_columns("right_slab", 68);
             traced::matmul_file::matmul_forward(out, x, weight, nullptr, N, I, O);
         }},
        {{"matmul_backward_input", "its gradient, dx = dout · weight, with the same tiles",
          {{"N", 64}, {"I", 64}, {"O", 32}}},
         [](Example& e) {
             const size_t N = e["N"], I = e["I"], O = e["O"];
             auto *dx = e.floats("dx", N, I), *dout = e.floats("dout", N, O), *weight = e.floats("weight", O, I);
             e.recorder.shared_columns("left_slab", 68);
             e.recorder.shared_columns("right_slab", 68);
             traced::matmul_file::matmul_backward_input(dx, dout, weight, N, I, O);
         }},
        {{"matmul_backward_weight", "its gradient, dweight += doutᵀ · x, with the same tiles",
          {{"N", 32}, {"I", 64}, {"O", 64}}},
         [](Example& e) {
             const size_t N = e["N"], I = e["I"], O = e["O"];
             auto *dweight = e.floats("dweight", O, I), *dout = e.floats("dout", N, O), *x = e.floats("x", N, I);
             e.recorder.shared_columns("left_slab", 68);
             e.recorder.shared_columns("right_slab", 68);
             traced::matmul_file::matmul_backward_weight(dweight, dout, x, N, I, O);
         }},
        {{"matmul_forward_bf16", "the product on tensor cores, of numbers in bf16, with slabs copied in the background",
          {{"N", 128}, {"I", 128}, {"O", 128}}},
         [](Example& e) {
             using namespace traced::matmul_fast_file;
             const size_t N = e["N"], I = e["I"], O = e["O"];
             auto *out = e.floats("out", N, O), *x = e.floats("x", N, I), *weight = e.floats("weight", O, I);
             const auto filled_up = [](size_t n) { return (n + 127) / 128 * 128; };
             void* packed = e.recorder.memory("weight in bf16", filled_up(O), filled_up(I), 2);
             auto* floats = static_cast<emulator::Traced<float>*>(packed);
             e.recorder.only("matmul_kernel");
             bf16_matmul::matmul_pack(floats, weight, O, I);
             e.recorder.name_next("x in bf16", filled_up(I), 2);
             e.recorder.shared_columns("shared", 64, 2);
             bf16_matmul::matmul_forward(out, x, floats, nullptr, N, I, O);
         }},
        {{"rmsnorm_forward", "a warp has a row: its lanes add up their squares and meet", {{"N", 4}, {"C", 64}}},
         [](Example& e) {
             const size_t N = e["N"], C = e["C"];
             auto *out = e.floats("out", N, C), *rstd = e.floats("rstd", 1, N);
             auto *x = e.floats("x", N, C), *weight = e.floats("weight", 1, C);
             traced::rmsnorm_file::rmsnorm_forward(out, rstd, x, weight, N, C, 1e-5f);
         }},
        {{"rmsnorm_backward", "its gradient: dweight in blocks of rows, then in order; dx a warp for each row",
          {{"N", 4}, {"C", 64}}},
         [](Example& e) {
             const size_t N = e["N"], C = e["C"];
             auto *dx = e.floats("dx", N, C), *dweight = e.floats("dweight", 1, C);
             auto *dout = e.floats("dout", N, C), *x = e.floats("x", N, C);
             auto *rstd = e.positives("rstd", 1, N), *weight = e.floats("weight", 1, C);
             e.recorder.name_next("sums", C, 4);
             traced::rmsnorm_file::rmsnorm_backward(dx, dweight, dout, x, rstd, weight, N, C);
         }},
        {{"rope_forward", "rotary positions: a thread for each pair", {{"N", 4}, {"H", 2}, {"D", 16}}},
         [](Example& e) {
             const size_t N = e["N"], H = e["H"], D = e["D"];
             auto* x = e.floats("x", N, H * D);
             auto* positions = e.counted("positions", N);
             auto* table = e.floats("table", N, D);
             traced::rope_file::rope_forward(x, positions, table, N, H, D, H * D);
         }},
        {{"swiglu_forward", "the gate of the feed-forward layer: a thread for each element", {{"N", 4}, {"F", 64}}},
         [](Example& e) {
             const size_t N = e["N"], F = e["F"];
             auto *out = e.floats("out", N, F), *gate_up = e.floats("gate_up", N, 2 * F);
             traced::swiglu_file::swiglu_forward(out, gate_up, N, F);
         }},
        {{"swiglu_backward", "its gradient", {{"N", 4}, {"F", 64}}},
         [](Example& e) {
             const size_t N = e["N"], F = e["F"];
             auto *dgate_up = e.floats("dgate_up", N, 2 * F), *dout = e.floats("dout", N, F);
             auto* gate_up = e.floats("gate_up", N, 2 * F);
             traced::swiglu_file::swiglu_backward(dgate_up, dout, gate_up, N, F);
         }},
        {{"embedding_forward", "rows of the table, by token: a thread for each element",
          {{"N", 8}, {"C", 32}, {"V", 16}}},
         [](Example& e) {
             const size_t N = e["N"], C = e["C"], V = e["V"];
             auto* out = e.floats("out", N, C);
             auto* tokens = e.below("tokens", N, V);
             auto* table = e.floats("table", V, C);
             traced::embedding_file::embedding_forward(out, tokens, table, N, C);
         }},
        {{"embedding_backward", "its gradient: a warp has a row of the table, a ballot finds where its token stands",
          {{"N", 8}, {"C", 32}, {"V", 16}}},
         [](Example& e) {
             const size_t N = e["N"], C = e["C"], V = e["V"];
             auto *dtable = e.floats("dtable", V, C), *dout = e.floats("dout", N, C);
             auto* tokens = e.below("tokens", N, V);
             traced::embedding_file::embedding_backward(dtable, dout, tokens, N, C, V);
         }},
        {{"logprob_forward", "log-probability and entropy of a softmax: a warp has a row of logits",
          {{"N", 4}, {"V", 100}}},
         [](Example& e) {
             const size_t N = e["N"], V = e["V"];
             auto *logprob = e.floats("logprob", 1, N), *entropy = e.floats("entropy", 1, N);
             auto* logits = e.floats("logits", N, V);
             auto* targets = e.below("targets", N, V);
             traced::classifier_file::logprob_forward(logprob, entropy, logits, targets, N, V, 1.0f);
         }},
        {{"logprob_backward", "the gradient of the log-probability", {{"N", 4}, {"V", 100}}},
         [](Example& e) {
             const size_t N = e["N"], V = e["V"];
             auto *dlogits = e.floats("dlogits", N, V), *dlogprob = e.floats("dlogprob", 1, N);
             auto* logits = e.floats("logits", N, V);
             auto* targets = e.below("targets", N, V);
             traced::classifier_file::logprob_backward(dlogits, dlogprob, logits, targets, N, V, 1.0f);
         }},
        {{"sum_of_squares", "one sum of all: halves of a block's sums are added onto halves, between barriers",
          {{"n", 1000}}},
         [](Example& e) {
             auto* x = e.floats("x", 1, e["n"]);
             e.recorder.name_next("sums", 1, 8);
             e.recorder.shared_columns("lane", 256, 8);
             traced::adamw_file::sum_of_squares(x, e["n"]);
         }},
        {{"adamw", "the optimizer: a thread for each parameter", {{"n", 128}}},
         [](Example& e) {
             const size_t n = e["n"];
             auto *parameters = e.floats("parameters", 1, n), *m = e.floats("m", 1, n);
             auto *v = e.positives("v", 1, n), *gradients = e.floats("gradients", 1, n);
             traced::adamw_file::adamw(parameters, m, v, gradients, n, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0f, 1);
         }},
        {{"gae", "advantages: a thread goes backwards through one response", {{"R", 4}}},
         [](Example& e) {
             const size_t R = e["R"];
             auto *advantages = e.doubles("advantages", R, 6), *returns = e.doubles("returns", R, 6);
             auto* rewards = e.doubles("rewards", R, 6);
             auto* values = e.floats("values", R, 6);
             auto* offsets = e.recorder.array<int>("offsets", 1, R + 1, [](size_t r) { return 6 * r; });
             traced::losses_file::gae(advantages, returns, rewards, values, offsets, R, 1.0, 0.95);
         }},
        {{"policy_loss", "PPO's clipped loss: a thread for each token", {{"T", 64}}},
         [](Example& e) {
             const size_t T = e["T"];
             auto *loss = e.doubles("loss", 1, T), *gradient = e.doubles("gradient", 1, T);
             auto *logprobs = e.floats("logprobs", 1, T), *old_logprobs = e.floats("old_logprobs", 1, T);
             auto* advantages = e.doubles("advantages", 1, T);
             traced::losses_file::policy_loss(loss, gradient, logprobs, old_logprobs, advantages, T, 0.2, 0.0);
         }},
        {{"preference_loss", "the preference model's loss: a thread for each pair of scores", {{"n", 64}}},
         [](Example& e) {
             const size_t n = e["n"];
             auto *loss = e.doubles("loss", 1, n), *gradient = e.doubles("gradient", 1, n);
             auto* scores = e.floats("scores", 1, 2 * n);
             auto* labels = e.doubles("labels", 1, n);
             traced::losses_file::preference_loss(loss, gradient, scores, labels, n);
         }},
    };
    return kRows;
}

const char* const kSources[][2] = {{"cuda/adamw.cu", cai_source_adamw},
                                   {"cuda/attention.cu", cai_source_attention},
                                   {"cuda/classifier.cu", cai_source_classifier},
                                   {"cuda/cuda.h", cai_source_cuda},
                                   {"cuda/embedding.cu", cai_source_embedding},
                                   {"cuda/losses.cu", cai_source_losses},
                                   {"cuda/matmul.cu", cai_source_matmul},
                                   {"cuda/matmul_fast.cu", cai_source_matmul_fast},
                                   {"cuda/rmsnorm.cu", cai_source_rmsnorm},
                                   {"cuda/rope.cu", cai_source_rope},
                                   {"cuda/swiglu.cu", cai_source_swiglu}};

void expect_sizes(const RecordableKernel& kernel, const std::map<std::string, size_t>& sizes) {
    for (const auto& [letter, size] : sizes)
        expects(size >= 1 && size <= 1024, kernel.name, ": ", letter, " is ", size, "; it takes 1 to 1024");
    const auto has = [&](const char* letter) { return sizes.count(letter) > 0; };
    expects(!has("K") || sizes.at("H") % sizes.at("K") == 0, kernel.name, ": H is ", has("H") ? sizes.at("H") : 0,
            ", which is no multiple of K, ", has("K") ? sizes.at("K") : 0);
    expects(!has("D") || sizes.at("D") % 2 == 0, kernel.name, ": D is ", has("D") ? sizes.at("D") : 0,
            "; the width of a head is even");
}

}  // namespace

const std::vector<RecordableKernel>& recordable_kernels() {
    static const std::vector<RecordableKernel> kKernels = [] {
        std::vector<RecordableKernel> kernels;
        for (const Row& row : rows()) kernels.push_back(row.kernel);
        return kernels;
    }();
    return kKernels;
}

Recording record_kernel(const std::string& name, const std::map<std::string, size_t>& shape) {
    for (const Row& row : rows()) {
        if (row.kernel.name != name) continue;
        Recording recording{.kernel = name, .does = row.kernel.does};
        std::map<std::string, size_t> sizes(row.kernel.shape.begin(), row.kernel.shape.end());
        for (const auto& [letter, size] : shape) {
            expects(sizes.count(letter), name, " has no size ", letter, "; `cai replay` lists each kernel's sizes");
            sizes[letter] = size;
        }
        expect_sizes(row.kernel, sizes);
        for (const auto& [letter, size] : row.kernel.shape) recording.shape.push_back({letter, sizes[letter]});
        for (const auto& [file, text] : kSources) recording.files.push_back({file, text});
        Recorder recorder(recording);
        Example example{recorder, sizes};
        row.run(example);
        recorder.finish();
        return recording;
    }
    fail(kBadInput, "no kernel ", name, " can be recorded");
}

}  // namespace cai
#endif

// Records what a model computes in a training step: every intermediate of forward and backward, under a name.
//
// Nothing in model.h knows about it. Forward leaves its intermediates in the activations, where they are read before
// backward begins. Backward overwrites its own, layer after layer, so the model is lent a table of kernels that each
// call the real one and then copy what it wrote; which layer that belongs to is told by the weights, or by the
// intermediates of forward, that the kernel was given.
#pragma once
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../io/typed_tensors.h"
#include "../nn/train_step.h"

namespace cai {

class StepRecorder {
  public:
    // Names begin with `prefix`. Records go to `tensors`, in the order of computation.
    StepRecorder(std::vector<TypedTensor>& tensors, std::string prefix)
        : tensors_(tensors), prefix_(std::move(prefix)) {}

    // As cai::train_step, with every intermediate and the gradient of every weight recorded. The gradients must be zero
    // before. Errors: the batch is too large for one micro-batch, among those of train_step.
    void train_step(Model& model, Gradients& gradients, const Batch& batch, Activations& activations,
                    const Loss& loss) {
        // Memory that is allocated meanwhile will be released through the same table, so it stays.
        static std::map<const Kernels*, Kernels> lent;
        real_ = model.kernels, model_ = &model, gradients_ = &gradients;
        before_rope_.resize(alphabet(model.config).L), layers_rotated_ = 0;
        lent[real_] = lent_kernels(*real_);
        model.kernels = &lent[real_], active_ = this;
        try {
            cai::train_step(model, gradients, batch, activations, [&](const Outputs& outputs) {
                expects(activations.shards.size() == 1 && activations.shards[0].size() == 1, "a batch of ",
                        batch.tokens.size(), " tokens in ", batch.sequences(),
                        " sequences is split into parts, which cannot be recorded together: shorten it");
                micro_ = &activations.shards[0][0];
                record_forward(outputs);
                return loss(outputs);
            });
        } catch (...) {
            model.kernels = real_, active_ = nullptr;
            throw;
        }
        model.kernels = real_, active_ = nullptr;
        record_gradients();
    }

  private:
    std::vector<TypedTensor>& tensors_;
    std::string prefix_;
    const Kernels* real_ = nullptr;
    const Model* model_ = nullptr;
    const Gradients* gradients_ = nullptr;
    MicroBatch* micro_ = nullptr;
    std::vector<std::vector<float>> before_rope_;  // of each layer, the (N,Q) queries, keys and values
    size_t layers_rotated_ = 0, layer_ = 0;
    inline static StepRecorder* active_ = nullptr;

    std::vector<float> download(const float* data, size_t count) const {
        std::vector<float> host(count);
        real_->download(host.data(), data, count * sizeof(float));
        return host;
    }
    void record(const std::string& name, const std::vector<size_t>& shape, const std::vector<float>& values) {
        tensors_.push_back(typed_tensor(prefix_ + name, shape, values));
    }
    void record(const std::string& name, const std::vector<size_t>& shape, const float* data) {
        record(name, shape, download(data, element_count(shape)));
    }
    // Columns first .. first + height·width - 1 of rows of `stride` numbers, as (rows, height, width), or as
    // (rows, width) if height is 0.
    void record_columns(const std::string& name, const std::vector<float>& rows, size_t stride, size_t first,
                        size_t height, size_t width) {
        const size_t N = rows.size() / stride, count = std::max<size_t>(height, 1) * width;
        std::vector<float> values;
        for (size_t n = 0; n < N; n++) {
            const auto begin = rows.begin() + static_cast<std::ptrdiff_t>(n * stride + first);
            values.insert(values.end(), begin, begin + static_cast<std::ptrdiff_t>(count));
        }
        record(name, height ? std::vector<size_t>{N, height, width} : std::vector<size_t>{N, width}, values);
    }
    // The parts of rows of queries, keys and values.
    void record_heads(const std::string& name, const std::vector<float>& qkv, const char* after, bool with_values) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model_->config);
        record_columns(name + "q" + after, qkv, Q, 0, H, D);
        record_columns(name + "k" + after, qkv, Q, H * D, K, D);
        if (with_values) record_columns(name + "v", qkv, Q, (H + K) * D, K, D);
    }
    static std::string of_layer(size_t l) { return concat("layers.", l, "."); }

    // The numbered steps of forward() in model.h; N rows, and from the last layer's `mid` on only R output rows.
    void record_forward(const Outputs& outputs) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model_->config);
        const size_t N = micro_->N, R = micro_->R;
        record("embeddings", {N, C}, micro_->embedded);
        for (size_t l = 0; l < L; l++) {
            const MicroBatch::Layer& s = micro_->layers[l];
            const std::string name = of_layer(l);
            const size_t M = l + 1 == L ? R : N;
            record(name + "attention_in", {N, C}, s.attention_in);
            record_heads(name, before_rope_[l], "_before_rope", false);
            record_heads(name, download(s.qkv, N * Q), "", true);
            record(name + "attention_logsumexp", {N, H}, s.logsumexp);
            record(name + "attention", {N, H, D}, s.attention);
            record(name + "mid", {M, C}, s.mid);
            record(name + "ff_in", {M, C}, s.ff_in);
            const std::vector<float> gate_up = download(s.gate_up, M * 2 * F);
            record_columns(name + "gate", gate_up, 2 * F, 0, 0, F);
            record_columns(name + "up", gate_up, 2 * F, F, 0, F);
            record(name + "swiglu", {M, F}, s.swiglu);
            record(name + "out", {M, C}, s.out);
        }
        record("normed", {R, C}, micro_->normed);
        if (model_->config.score_head) {
            record("scores", {R}, outputs.scores);
        } else {
            record("logits", {R, V}, micro_->logits);
            record("logprobs", {R}, outputs.logprobs);
            record("entropies", {R}, outputs.entropies);
        }
    }

    // Backward's kernels have given the gradients their places in the order by add_gradient(); here are their values.
    void record_gradients() {
        for (TypedTensor& tensor : tensors_) {
            if (!tensor.dtype.empty() || !tensor.name.starts_with(prefix_)) continue;
            gradients_->each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
                if (tensor.name == prefix_ + "grad." + name)
                    tensor = typed_tensor(tensor.name, shape, download(data, element_count(shape)));
            });
        }
    }
    // dweight: the gradient of one row of the list of weights, which backward has added to. A table that is also the
    // head is added to twice, and complete at the second time, which is its place.
    void add_gradient(const float* dweight) {
        Weights views = gradients_->weights;
        for (const WeightRow& row : list_weights(model_->config, views)) {
            if (*row.view != dweight) continue;
            for (const Tensor& part : row.parts) {
                const std::string name = prefix_ + "grad." + part.name;
                std::erase_if(tensors_, [&](const TypedTensor& tensor) { return tensor.name == name; });
                tensors_.push_back({name, "", {}, ""});
            }
        }
    }

    // The first layer for which is_it(layer) holds.
    template <class Predicate>
    size_t layer_of(const Predicate& is_it) const {
        size_t l = 0;
        while (!is_it(l)) l++;
        return l;
    }

    // dx = dout · weight, at the four matrices of a layer and the head.
    void after_matmul_backward_input(const float* dx, const float* dout, const float* weight, size_t N) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model_->config);
        const Weights& w = model_->weights;
        if (weight == w.head) return record("grad.normed", {N, C}, dx);
        const size_t l = layer_of([&](size_t i) {
            const Weights::Layer& of = w.layers[i];
            return weight == of.qkv_proj || weight == of.o_proj || weight == of.gate_up_proj || weight == of.down_proj;
        });
        const std::string name = "grad." + of_layer(l);
        if (weight == w.layers[l].down_proj) {
            record(name + "out", {N, C}, dout);
            record(name + "swiglu", {N, F}, dx);
        } else if (weight == w.layers[l].gate_up_proj) {
            record(name + "ff_in", {N, C}, dx);
        } else if (weight == w.layers[l].o_proj) {
            record(name + "mid", {N, C}, dout);
            record(name + "attention", {N, H, D}, dx);
        } else {
            record(name + "attention_in", {N, C}, dx);
        }
    }

    // The kernels that forward and backward reach their intermediates through. Each calls the real one first, but for
    // the rotation, which overwrites its input.
    static Kernels lent_kernels(const Kernels& real) {
        Kernels k = real;
        k.rope_forward = [](float* x, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                            size_t stride) {
            StepRecorder& r = *active_;
            r.before_rope_[r.layers_rotated_++ % r.before_rope_.size()] = r.download(x, N * stride);
            r.real_->rope_forward(x, positions, table, N, heads, D, stride);
        };
        k.logprob_backward = [](float* dlogits, const float* dlogprob, const float* logits, const Token* targets,
                                size_t N, size_t V, float temperature) {
            StepRecorder& r = *active_;
            r.real_->logprob_backward(dlogits, dlogprob, logits, targets, N, V, temperature);
            r.record("grad.logits", {N, V}, dlogits);
        };
        k.matmul_backward_input = [](float* dx, const float* dout, const float* weight, size_t N, size_t I, size_t O) {
            StepRecorder& r = *active_;
            r.real_->matmul_backward_input(dx, dout, weight, N, I, O);
            r.after_matmul_backward_input(dx, dout, weight, N);
        };
        k.matmul_backward_weight = [](float* dweight, const float* dout, const float* x, size_t N, size_t I, size_t O) {
            active_->real_->matmul_backward_weight(dweight, dout, x, N, I, O);
            active_->add_gradient(dweight);
        };
        k.rmsnorm_backward = [](float* dx, float* dweight, const float* dout, const float* x, const float* rstd,
                                const float* weight, size_t N, size_t C) {
            active_->real_->rmsnorm_backward(dx, dweight, dout, x, rstd, weight, N, C);
            active_->add_gradient(dweight);
        };
        k.swiglu_backward = [](float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F) {
            StepRecorder& r = *active_;
            r.real_->swiglu_backward(dgate_up, dout, gate_up, N, F);
            const size_t l = r.layer_of([&](size_t i) { return gate_up == r.micro_->layers[i].gate_up; });
            const std::vector<float> rows = r.download(dgate_up, N * 2 * F);
            r.record_columns("grad." + of_layer(l) + "gate", rows, 2 * F, 0, 0, F);
            r.record_columns("grad." + of_layer(l) + "up", rows, 2 * F, F, 0, F);
        };
        k.attention_backward = [](float* dqkv, const float* dout, const float* out, const float* logsumexp,
                                  const float* qkv, const int32_t* offsets, size_t S, size_t H, size_t K, size_t D) {
            StepRecorder& r = *active_;
            r.real_->attention_backward(dqkv, dout, out, logsumexp, qkv, offsets, S, H, K, D);
            r.layer_ = r.layer_of([&](size_t i) { return qkv == r.micro_->layers[i].qkv; });
            const size_t Q = (H + 2 * K) * D;
            r.record_heads("grad." + of_layer(r.layer_), r.download(dqkv, r.micro_->N * Q), "", true);
        };
        k.rope_backward = [](float* dx, const int32_t* positions, const float* table, size_t N, size_t heads, size_t D,
                             size_t stride) {
            StepRecorder& r = *active_;
            r.real_->rope_backward(dx, positions, table, N, heads, D, stride);
            r.record_heads("grad." + of_layer(r.layer_), r.download(dx, N * stride), "_before_rope", false);
        };
        k.embedding_backward = [](float* dtable, const float* dout, const Token* tokens, size_t N, size_t C, size_t V) {
            StepRecorder& r = *active_;
            r.real_->embedding_backward(dtable, dout, tokens, N, C, V);
            r.record("grad.embeddings", {N, C}, dout);
            r.add_gradient(dtable);
        };
        return k;
    }
};

}  // namespace cai

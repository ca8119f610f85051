// A training step: forward, loss, backward. Each function adds the gradients of its loss to
// `gradients`; the optimizer does the rest.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "gradients.h"
#include "model.h"

namespace cai {

// Calls work(micro_batch, dweights) for every micro-batch, where dweights are its shard's gradients, then adds up the
// gradients of all shards in order.
inline void sum_gradients(const Model& model, Gradients& gradients, Activations& a,
                          const std::function<void(MicroBatch&, const Weights&)>& work) {
    gradients.open_shards(a.shards.size());
    a.each_shard(*model.kernels, [&](size_t shard) {
        for (MicroBatch& micro_batch : a.shards[shard]) work(micro_batch, gradients.shard(shard));
    });
    gradients.sum_shards(a.shards.size());
}

// A loss, given as its derivative with respect to each log-probability or score. nullopt: skip the batch.
using Loss = std::function<std::optional<std::vector<float>>(const Outputs&)>;

// A step for any loss, even one that depends on the outputs of the whole batch, such as PPO's or the preference
// model's. Returns false, without adding gradients, if the loss skips the batch.
inline bool train_step(const Model& model, Gradients& gradients, const Batch& batch, Activations& a, const Loss& loss,
                       float temperature = 1) {
    load(model, batch, a, Schedule::forward_then_backward);
    // 1. Forward
    a.each_shard(*model.kernels, [&](size_t shard) {
        for (MicroBatch& micro_batch : a.shards[shard]) forward(model, micro_batch);
    });
    // 2. Loss
    const std::optional<std::vector<float>> derivative = loss(outputs_of(model, batch, a, temperature));
    if (!derivative) return false;
    expects(derivative->size() == a.R, "a loss of ", a.R, " outputs gave ", derivative->size(), " derivatives");
    model.kernels->upload(a.derivative, derivative->data(), a.R * sizeof(float));
    // 3. Backward
    sum_gradients(model, gradients, a, [&](MicroBatch& micro_batch, const Weights& dweights) {
        backward(model, dweights, micro_batch, temperature);
    });
    return true;
}

// A step for mean cross-entropy, which it returns, in nats. The derivative with respect to each log-probability is -1/R
// whatever the outputs are, so each micro-batch runs forward and backward while its activations are in the cache.
inline double cross_entropy_step(const Model& model, Gradients& gradients, const Batch& batch, Activations& a) {
    expects(!model.config.score_head, "cross-entropy needs a language-model head, not a score head");
    expects(batch.targets.size() == batch.rows.size(), "a batch of ", batch.rows.size(), " output rows has ",
            batch.targets.size(), " targets");
    load(model, batch, a, Schedule::interleaved);
    const Kernels& k = *model.kernels;
    const std::vector<float> derivative(a.R, -1.0f / static_cast<float>(a.R));
    k.upload(a.derivative, derivative.data(), a.R * sizeof(float));
    sum_gradients(model, gradients, a, [&](MicroBatch& micro_batch, const Weights& dweights) {
        forward(model, micro_batch);
        k.logprob_forward(micro_batch.logprob, nullptr, micro_batch.logits, micro_batch.targets, micro_batch.R,
                          alphabet(model.config).V, 1);
        backward(model, dweights, micro_batch);
    });
    std::vector<float> logprobs(a.R);
    k.download(logprobs.data(), a.logprob, a.R * sizeof(float));
    double loss = 0;
    for (float logprob : logprobs) loss -= logprob;
    return loss / static_cast<double>(a.R);
}

}  // namespace cai

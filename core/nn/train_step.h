// A step of training: forward, loss, backward. Each function adds the gradients of its loss to `gradients`; the optimizer does
// the rest.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "gradients.h"
#include "model.h"

namespace cai {

// Lets work(part, dweights) add the gradients of every part, each lane's into its own, and adds those up in order.
template <class Work>
void sum_gradients(const Model& model, Gradients& gradients, Activations& a, Work work) {
    gradients.open_lanes(a.lanes.size());
    a.each_lane(*model.kernels, [&](size_t lane) {
        for (Part& part : a.lanes[lane]) work(part, gradients.lane(lane));
    });
    gradients.sum_lanes(a.lanes.size());
}

// A loss, given by its derivative with respect to each log-probability or score. Nothing: the batch is to be left out.
using Loss = std::function<std::optional<std::vector<float>>(const Outputs&)>;

// Any loss, which may depend on the outputs of the whole batch at once: PPO's, or the preference model's. Returns false,
// without gradients, where the loss leaves the batch out.
inline bool train_step(const Model& model, Gradients& gradients, const Batch& batch, Activations& a, const Loss& loss,
                       float temperature = 1) {
    load(model, batch, a, Walk::forward_first);
    // 1. Forward
    a.each_lane(*model.kernels, [&](size_t lane) {
        for (Part& part : a.lanes[lane]) forward(model, part);
    });
    // 2. Loss
    const std::optional<std::vector<float>> derivative = loss(outputs_of(model, batch, a, temperature));
    if (!derivative) return false;
    expects(derivative->size() == a.n, "a loss of ", a.n, " outputs gave ", derivative->size(), " derivatives");
    model.kernels->upload(a.derivative, derivative->data(), a.n * sizeof(float));
    // 3. Backward
    sum_gradients(model, gradients, a, [&](Part& part, const Weights& dweights) {
        backward(model, dweights, part, temperature);
    });
    return true;
}

// Mean cross-entropy, which it returns, in nats. Its derivative with respect to each log-probability is -1/n whatever the
// outputs are, so each part goes forward and backward while its activations are in the cache.
inline double cross_entropy_step(const Model& model, Gradients& gradients, const Batch& batch, Activations& a) {
    expects(!model.config.score_head, "cross-entropy needs a language-model head, not a score head");
    expects(batch.targets.size() == batch.rows.size(), "a batch of ", batch.rows.size(), " output rows has ",
            batch.targets.size(), " targets");
    load(model, batch, a, Walk::part_by_part);
    const Kernels& k = *model.kernels;
    const std::vector<float> derivative(a.n, -1.0f / static_cast<float>(a.n));
    k.upload(a.derivative, derivative.data(), a.n * sizeof(float));
    sum_gradients(model, gradients, a, [&](Part& part, const Weights& dweights) {
        forward(model, part);
        k.logprob_forward(part.logprob, nullptr, part.logits, part.targets, part.n, alphabet(model.config).V, 1);
        backward(model, dweights, part);
    });
    std::vector<float> logprobs(a.n);
    k.download(logprobs.data(), a.logprob, a.n * sizeof(float));
    double loss = 0;
    for (float logprob : logprobs) loss -= logprob;
    return loss / static_cast<double>(a.n);
}

}  // namespace cai

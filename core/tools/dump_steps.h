// The steps of `cai dump --step`: one step of each kind of training on a small fixed batch, with every number on the
// way. What a step computes is the product's own code: train_step.h, optimizer.h, and the losses of method/.
//
// The batch is drawn, not read: tokens are uniform over the vocabulary, and what a run would measure beforehand (old
// log-probabilities, old values, scores, labels) is set so that every case of a loss occurs. All of it is recorded, so
// that another implementation starts from the same numbers.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../base/elementary.h"
#include "../method/dpo.h"
#include "../method/ppo_losses.h"
#include "../method/preference.h"
#include "record_step.h"

namespace cai {

struct StepOptions {
    float learning_rate = 1e-3f;
    double beta = 0.1;  // of DPO
    PpoOptions ppo;
};

// What `cai dump` writes: tensors in the order of their computation, and the settings they were computed with.
struct Dump {
    std::vector<TypedTensor> tensors;
    Json settings = Json::Object{};

    template <class T>
    void add(const std::string& name, const std::vector<T>& values) {
        tensors.push_back(typed_tensor(name, {values.size()}, values));
    }
    void add_ids(const std::string& name, const std::vector<int32_t>& values) {
        add(name, std::vector<int64_t>(values.begin(), values.end()));
    }
    void add_scalar(const std::string& name, double value) {
        tensors.push_back(typed_tensor(name, {}, std::vector<double>{value}));
    }
    // Every tensor of `values`, which are laid out like the parameters.
    void add_weights(const std::string& prefix, const Config& config, std::vector<float> values) {
        each_tensor(config, values.data(), [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
            tensors.push_back(
                typed_tensor(prefix + name, shape, std::vector<float>(data, data + element_count(shape))));
        });
    }
    void add_settings(const Optimizer& optimizer, float learning_rate, const std::string& prefix = "") {
        settings.set(prefix + "optimizer", kMatrixUpdates[static_cast<size_t>(optimizer.matrix_update)])
            .set(prefix + "learning_rate", learning_rate)
            .set(prefix + "beta1", optimizer.beta1)
            .set(prefix + "beta2", optimizer.beta2)
            .set(prefix + "eps", optimizer.eps)
            .set(prefix + "momentum", optimizer.momentum)
            .set(prefix + "weight_decay", optimizer.weight_decay)
            .set(prefix + "max_norm", optimizer.max_norm);
    }
};

// Sequences of these lengths, each token uniform over the vocabulary.
inline std::vector<std::vector<Token>> drawn_sequences(const Config& config, const std::vector<size_t>& lengths) {
    Rng rng(1, stream("dump"));
    std::vector<std::vector<Token>> sequences;
    for (size_t length : lengths) {
        sequences.emplace_back();
        for (size_t i = 0; i < length; i++)
            sequences.back().push_back(static_cast<Token>(rng.below(static_cast<size_t>(config.vocab_size))));
    }
    return sequences;
}

// The ids of all sequences end to end, and where each begins and the last ends.
inline void add_sequences(Dump& dump, const std::vector<std::vector<Token>>& sequences) {
    std::vector<Token> ids;
    std::vector<int32_t> offsets{0};
    for (const std::vector<Token>& sequence : sequences) {
        ids.insert(ids.end(), sequence.begin(), sequence.end());
        offsets.push_back(static_cast<int32_t>(ids.size()));
    }
    dump.add_ids("input_ids", ids);
    dump.add_ids("sequence_offsets", offsets);
}

// The model itself if it has a score head, otherwise its body with a head drawn from normal(0, 0.7 / sqrt(width)): from
// the head of zeros with which the preference model's training begins, no gradient would reach the body.
inline Model with_score_head(Model model) {
    if (model.config.score_head) return model;
    Config config = model.config;
    config.score_head = true;
    Model scorer(*model.kernels, config);
    copy_tensors(scorer, model);
    scorer.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
        if (name != "score.weight") return;
        std::vector<float> head(element_count(shape));
        const uint64_t key = Rng(1, stream(name)).key;
        for (size_t i = 0; i < head.size(); i++)
            head[i] = 0.7f / std::sqrt(static_cast<float>(config.width)) * normal_at(key, i);
        scorer.kernels->upload(data, head.data(), head.size() * sizeof(float));
    });
    scorer.pack();
    return scorer;
}

// Updates the model and records the gradients' norm before clipping, the optimizer's means and the weights after.
inline void record_update(Dump& dump, Model& model, Gradients& gradients, Optimizer& optimizer, float learning_rate,
                          const std::string& prefix = "") {
    dump.add_scalar(prefix + "gradient_norm", optimizer.update(model, gradients, learning_rate));
    dump.add_weights(prefix + "m.", model.config, optimizer.m.download());
    dump.add_weights(prefix + "v.", model.config, optimizer.v.download());
    dump.add_weights(prefix + "after.", model.config, model.parameters.download());
}

// Sequences of 6, 9, 7, 6, 9, ... tokens, of which the last 4, 5, 4, 4, 5, ... are learned.
inline Batch drawn_batch(Dump& dump, const Config& config, size_t count = 3) {
    const size_t lengths[] = {6, 9, 7}, unlearned[] = {2, 4, 3};
    std::vector<size_t> drawn;
    for (size_t s = 0; s < count; s++) drawn.push_back(lengths[s % 3]);
    const std::vector<std::vector<Token>> sequences = drawn_sequences(config, drawn);
    add_sequences(dump, sequences);
    Batch batch;
    std::vector<int32_t> mask;
    for (size_t s = 0; s < count; s++) {
        std::vector<uint8_t> learn(drawn[s], 1);
        std::fill_n(learn.begin(), unlearned[s % 3], uint8_t{0});
        batch.add(sequences[s].data(), sequences[s].size(), learn.data());
        mask.insert(mask.end(), learn.begin(), learn.end());
    }
    dump.add_ids("learn", mask);
    return batch;
}

// The derivative of a mean of -logprobs, and the mean.
inline std::vector<float> mean_cross_entropy(const std::vector<float>& logprobs, double& loss) {
    loss = 0;
    for (float logprob : logprobs) loss -= static_cast<double>(logprob) / static_cast<double>(logprobs.size());
    return std::vector<float>(logprobs.size(), -1.0f / static_cast<float>(logprobs.size()));
}

// A step of supervised fine-tuning: mean cross-entropy of the learned tokens, and AdamW with weight decay.
inline void dump_sft_step(Dump& dump, Model model, const StepOptions& options) {
    const Batch batch = drawn_batch(dump, model.config);
    dump.add_weights("before.", model.config, model.parameters.download());
    Optimizer optimizer(model);
    Gradients gradients(model);
    Activations activations;
    StepRecorder(dump.tensors, "").train_step(model, gradients, batch, activations, [&](const Outputs& outputs) {
        double loss;
        const std::vector<float> derivative = mean_cross_entropy(outputs.logprobs, loss);
        dump.add_scalar("loss", loss);
        return derivative;
    });
    dump.add_settings(optimizer, options.learning_rate);
    record_update(dump, model, gradients, optimizer, options.learning_rate);
}

// Two updates with the gradients of that same batch, each of the weights before it: the second shows what becomes of
// the running means and of their correction.
inline void dump_optimizer_steps(Dump& dump, Model model, MatrixUpdate matrix_update, const StepOptions& options) {
    const Batch batch = drawn_batch(dump, model.config);
    dump.add_weights("before.", model.config, model.parameters.download());
    Optimizer optimizer(model, matrix_update);
    Gradients gradients(model);
    Activations activations;
    dump.add_settings(optimizer, options.learning_rate);
    for (const std::string update : {"first.", "second."}) {
        dump.add_scalar(update + "loss", cross_entropy_step(model, gradients, batch, activations));
        dump.add_weights(update + "grad.", model.config, gradients.values.download());
        record_update(dump, model, gradients, optimizer, options.learning_rate, update);
    }
}

// A step of the preference model: three pairs with soft labels.
inline void dump_preference_step(Dump& dump, Model language_model, const StepOptions& options) {
    Model model = with_score_head(std::move(language_model));
    const std::vector<std::vector<Token>> sequences = drawn_sequences(model.config, {6, 9, 7, 5, 8, 6});
    const std::vector<double> labels = {0.9, 0.35, 0.5};  // p(the first of the pair is preferred)
    const size_t pairs = labels.size();
    add_sequences(dump, sequences);
    dump.add("labels", labels);
    dump.add_weights("before.", model.config, model.parameters.download());
    Batch batch;
    for (const std::vector<Token>& sequence : sequences)
        batch.add_scored(sequence.data(), sequence.size(), {static_cast<int32_t>(sequence.size() - 1)});
    Optimizer optimizer(model);
    Gradients gradients(model);
    Activations activations;
    StepRecorder(dump.tensors, "").train_step(model, gradients, batch, activations, [&](const Outputs& outputs) {
        const PreferenceLoss loss = preference_loss(*model.kernels, outputs.scores, labels);
        std::vector<double> deltas, floors;
        std::vector<float> derivative;
        double mean = 0;
        for (size_t i = 0; i < pairs; i++) {
            deltas.push_back(static_cast<double>(outputs.scores[2 * i]) - outputs.scores[2 * i + 1]);
            floors.push_back(label_entropy(labels[i]));
            mean += loss.loss[i] / static_cast<double>(pairs);
            derivative.push_back(static_cast<float>(loss.gradient[i] / static_cast<double>(pairs)));
            derivative.push_back(-derivative.back());
        }
        dump.add("score_differences", deltas);
        dump.add("pair_losses", loss.loss);
        dump.add("label_entropies", floors);
        dump.add_scalar("loss", mean);
        dump.add("grad.score_differences", loss.gradient);
        dump.add("grad.scores", derivative);
        return derivative;
    });
    dump.add_settings(optimizer, options.learning_rate);
    record_update(dump, model, gradients, optimizer, options.learning_rate);
}

inline Json to_json(const PpoOptions& p) {
    return Json::Object{{"kl_coefficient", p.kl_coefficient},
                        {"kl_estimator", kKlEstimators[static_cast<size_t>(p.kl_estimator)]},
                        {"kl_placement", kKlPlacements[static_cast<size_t>(p.kl_placement)]},
                        {"kl_clip", p.kl_clip},
                        {"score_clip", p.score_clip},
                        {"missing_end", kMissingEnds[static_cast<size_t>(p.missing_end)]},
                        {"missing_end_penalty", p.missing_end_penalty},
                        {"whiten_rewards", p.whiten_rewards},
                        {"advantage_estimator", kAdvantageEstimators[static_cast<size_t>(p.advantage_estimator)]},
                        {"group_size", p.group_size},
                        {"advantage_whitening", kWhitenings[static_cast<size_t>(p.advantage_whitening)]},
                        {"variance", kVariances[static_cast<size_t>(p.variance)]},
                        {"whiten_epsilon", p.whiten_epsilon},
                        {"gamma", p.gamma},
                        {"lambda", p.lambda},
                        {"ratio", kRatios[static_cast<size_t>(p.ratio)]},
                        {"clip_ratio", p.clip_ratio},
                        {"dual_clip", p.dual_clip},
                        {"clip_value", p.clip_value},
                        {"value_coefficient", p.value_coefficient},
                        {"aggregation", kAggregations[static_cast<size_t>(p.aggregation)]}};
}

// Each value plus the next of a fixed series of shifts.
inline std::vector<float> shifted(std::vector<float> values, const std::vector<float>& shifts) {
    for (size_t i = 0; i < values.size(); i++) values[i] += shifts[i % shifts.size()];
    return values;
}

// Where each learned part of drawn_batch(count) begins among all learned tokens, and the last ends.
inline std::vector<int32_t> learned_offsets(size_t count) {
    std::vector<int32_t> offsets{0};
    for (size_t s = 0; s < count; s++) offsets.push_back(offsets.back() + (s % 3 == 1 ? 5 : 4));
    return offsets;
}

// One minibatch of PPO: three responses of 4, 5 and 4 tokens, the last without a stop token; of RLOO four and of GRPO a
// group. The old log-probabilities and old values are today's, shifted, so that some ratios and values are clipped; the
// scores are given numbers.
inline void dump_ppo_step(Dump& dump, Model policy, const Model& reference, Model language_model_or_scorer,
                          const StepOptions& options) {
    const PpoOptions& p = options.ppo;
    const Kernels& kernels = *policy.kernels;
    Model value = with_score_head(std::move(language_model_or_scorer));
    expects(!reference.config.score_head && reference.config.vocab_size == policy.config.vocab_size &&
                value.config.vocab_size == policy.config.vocab_size,
            "the policy and the reference must be language models, and with the value model share a vocabulary");
    dump.settings.set("ppo", to_json(p));

    // 1. The batch: what sampling and scoring would have left.
    const size_t responses = p.has_value_model() ? 3 : std::max<size_t>(2 * p.group_size, 4);
    const Batch batch = drawn_batch(dump, policy.config, responses);
    const std::vector<int32_t> offsets = learned_offsets(responses);
    std::vector<double> scores;
    std::vector<int32_t> ended;
    for (size_t s = 0; s < responses; s++) {
        scores.push_back(std::vector<double>{1.5, -0.75, 6, 0.25}[s % 4]);
        ended.push_back(s % 3 != 2);
    }
    Activations activations;
    const std::vector<float> old_logprobs =
        shifted(token_logprobs(policy, batch, activations), {0.05f, -0.3f, 0.15f, 0.4f, -0.1f, -1.5f, 0.02f});
    const std::vector<float> reference_logprobs =
        shifted(token_logprobs(reference, batch, activations), {-0.1f, 0.25f, -0.4f});
    std::vector<float> old_values;
    if (p.has_value_model())
        old_values = shifted(cai::scores(value, batch, activations), {0.1f, -0.4f, 0.3f, -0.05f, 0.6f});
    dump.add_ids("response_offsets", offsets);
    dump.add("old_logprobs", old_logprobs);
    dump.add("reference_logprobs", reference_logprobs);
    if (p.has_value_model()) dump.add("old_values", old_values);
    dump.add("scores", scores);
    dump.add_ids("ended", ended);

    // 2. Rewards and advantages: estimate_advantages(), step by step.
    std::vector<double> shaped, kl;
    for (size_t s = 0; s < responses; s++) shaped.push_back(shape_score(scores[s], ended[s], p));
    for (size_t t = 0; t < old_logprobs.size(); t++) kl.push_back(token_kl(old_logprobs[t], reference_logprobs[t], p));
    std::vector<double> rewards = token_rewards(shaped, old_logprobs, reference_logprobs, offsets, p.kl_coefficient, p);
    dump.add("shaped_scores", shaped);
    dump.add("kl", kl);
    dump.add("rewards_before_whitening", rewards);
    if (p.whiten_rewards) whiten(rewards, p.variance, false, p.whiten_epsilon);
    dump.add("rewards", rewards);
    Advantages estimate = p.has_value_model() ? gae(kernels, rewards, old_values, offsets, p)
                                              : Advantages{group_advantages(rewards, offsets, p), {}};
    dump.add("advantages_before_whitening", estimate.advantages);
    if (p.has_value_model()) dump.add("returns", estimate.returns);
    if (p.advantage_whitening != Whitening::none) whiten(estimate.advantages, p.variance, true, p.whiten_epsilon);
    const std::vector<double> weights = token_weights(offsets, p);
    dump.add("advantages", estimate.advantages);
    dump.add("token_weights", weights);

    // 3. The policy's step, then the value model's.
    dump.add_weights("policy.before.", policy.config, policy.parameters.download());
    const auto step = [&](Model& model, const std::string& prefix, const Loss& loss) {
        Optimizer optimizer(model);
        optimizer.weight_decay = 0;  // it would pull the policy away from the reference
        Gradients gradients(model);
        dump.add_settings(optimizer, options.learning_rate, prefix);
        StepRecorder(dump.tensors, prefix).train_step(model, gradients, batch, activations, loss);
        record_update(dump, model, gradients, optimizer, options.learning_rate, prefix);
    };
    step(policy, "policy.", [&](const Outputs& outputs) {
        const PolicyLoss loss = response_policy_loss(kernels, outputs.logprobs, old_logprobs, reference_logprobs,
                                                     estimate.advantages, offsets, p.kl_coefficient, p);
        std::vector<double> ratios;
        for (size_t t = 0; t < weights.size(); t++)
            ratios.push_back(elementary::exp(static_cast<double>(outputs.logprobs[t]) - old_logprobs[t]));
        dump.add("policy.ratios", ratios);
        dump.add_scalar("policy.loss", loss.loss);
        dump.add_scalar("policy.approx_kl_k1", loss.approx_kl_k1);
        dump.add_scalar("policy.approx_kl_k2", loss.approx_kl_k2);
        dump.add_scalar("policy.clip_fraction", loss.clip_fraction);
        dump.add("policy.grad.logprobs", loss.gradient);
        return loss.gradient;
    });
    if (!p.has_value_model()) return;
    dump.add_weights("value.before.", value.config, value.parameters.download());
    step(value, "value.", [&](const Outputs& outputs) {
        ValueLoss loss = value_loss(kernels, outputs.scores, old_values, estimate.returns, weights, p);
        dump.add_scalar("value.loss", loss.loss);
        dump.add_scalar("value.clip_fraction", loss.clip_fraction);
        for (float& gradient : loss.gradient) gradient *= static_cast<float>(p.value_coefficient);
        dump.add("value.grad.scores", loss.gradient);
        return loss.gradient;
    });
}

// A step of direct preference optimisation: two pairs of answers of 4 and 5, and of 4 and 4 tokens, with soft labels.
// The reference's log-probabilities are its own, shifted, so that they differ even if the policy is the reference.
inline void dump_dpo_step(Dump& dump, Model policy, const Model& reference, const StepOptions& options) {
    expects(!reference.config.score_head && reference.config.vocab_size == policy.config.vocab_size,
            "the policy and the reference must be language models with the same vocabulary");
    const size_t answers = 4;
    const Batch batch = drawn_batch(dump, policy.config, answers);
    const std::vector<int32_t> offsets = learned_offsets(answers);
    const std::vector<double> labels = {1, 0.4};  // p(the first of the pair is preferred)
    Activations activations;
    const std::vector<float> reference_logprobs =
        shifted(token_logprobs(reference, batch, activations), {-0.1f, 0.25f, -0.4f});
    dump.settings.set("beta", options.beta);
    dump.add_ids("response_offsets", offsets);
    dump.add("labels", labels);
    dump.add("reference_logprobs", reference_logprobs);
    dump.add_weights("before.", policy.config, policy.parameters.download());
    Optimizer optimizer(policy);
    optimizer.weight_decay = 0;  // it would pull the policy away from the reference
    Gradients gradients(policy);
    StepRecorder(dump.tensors, "").train_step(policy, gradients, batch, activations, [&](const Outputs& outputs) {
        const DpoLoss loss =
            dpo_loss(*policy.kernels, outputs.logprobs, reference_logprobs, offsets, labels, options.beta);
        std::vector<double> margins;
        double mean = 0;
        for (size_t i = 0; i < labels.size(); i++) {
            margins.push_back(static_cast<double>(loss.rewards[2 * i]) - loss.rewards[2 * i + 1]);
            mean += loss.loss[i] / static_cast<double>(labels.size());
        }
        dump.add("answer_logprobs", loss.logprobs);
        dump.add("rewards", loss.rewards);
        dump.add("margins", margins);
        dump.add("pair_losses", loss.loss);
        dump.add_scalar("loss", mean);
        dump.add("grad.logprobs", loss.gradient);
        return loss.gradient;
    });
    dump.add_settings(optimizer, options.learning_rate);
    record_update(dump, policy, gradients, optimizer, options.learning_rate);
}

}  // namespace cai

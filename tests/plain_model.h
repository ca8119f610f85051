// The model of core/nn/model.h on one sequence, once more, as loops in double: every intermediate under the name that
// `cai dump` gives it. Any number on the way can be moved a little, so that differences of the loss give its gradient.
#pragma once
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "../core/nn/weights.h"

namespace plain_model {

using cai::Config, cai::Model, cai::Token;
using Numbers = std::vector<double>;

struct Nudge {
    std::string name;
    size_t index = 0;
    double by = 0;
};

struct PlainModel {
    Config config;
    std::map<std::string, Numbers> weights;
    std::map<std::string, Numbers> values;  // of the last pass
    Nudge nudge;

    explicit PlainModel(const Model& model) : config(model.config) {
        model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
            std::vector<float> host(cai::Tensor{name, shape}.count());
            model.kernels->download(host.data(), data, host.size() * sizeof(float));
            weights[name].assign(host.begin(), host.end());
        });
    }

    Numbers& keep(const std::string& name, Numbers numbers) {
        if (name == nudge.name) numbers.at(nudge.index) += nudge.by;
        return values[name] = numbers;
    }
    Numbers weight(const std::string& name) const {
        Numbers numbers = weights.at(name);
        if (name == nudge.name) numbers.at(nudge.index) += nudge.by;
        return numbers;
    }
    Numbers norm(const Numbers& x, const Numbers& weight) const {
        const size_t C = weight.size();
        Numbers out(x.size());
        for (size_t n = 0; n < x.size() / C; n++) {
            double squares = 0;
            for (size_t c = 0; c < C; c++) squares += x[n * C + c] * x[n * C + c];
            const double rms = std::sqrt(squares / static_cast<double>(C) + static_cast<double>(config.norm_eps));
            for (size_t c = 0; c < C; c++) out[n * C + c] = x[n * C + c] / rms * weight[c];
        }
        return out;
    }
    // x (N,I) · weight (O,I)ᵀ, plus what is already there.
    static Numbers matmul(const Numbers& x, const Numbers& weight, size_t I, Numbers sum = {}) {
        const size_t N = x.size() / I, O = weight.size() / I;
        sum.resize(N * O, 0);
        for (size_t n = 0; n < N; n++)
            for (size_t o = 0; o < O; o++)
                for (size_t i = 0; i < I; i++) sum[n * O + o] += x[n * I + i] * weight[o * I + i];
        return sum;
    }
    Numbers rotate(Numbers x, size_t heads) const {
        const size_t D = static_cast<size_t>(config.head_dim), N = x.size() / heads / D;
        for (size_t n = 0; n < N; n++)
            for (size_t h = 0; h < heads; h++)
                for (size_t i = 0; i < D / 2; i++) {
                    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(D);
                    const double angle = static_cast<double>(n) * std::pow(double{config.rope_theta}, exponent);
                    double &first = x[(n * heads + h) * D + i], &second = x[(n * heads + h) * D + D / 2 + i];
                    const double a = first, b = second;
                    first = a * std::cos(angle) - b * std::sin(angle);
                    second = b * std::cos(angle) + a * std::sin(angle);
                }
        return x;
    }

    // Fills `values` and returns the mean cross-entropy of the next tokens.
    double pass(const std::vector<Token>& ids) {
        const auto [L, C, H, K, D, Q, F, V] = cai::alphabet(config);
        const size_t N = ids.size();
        const Numbers table = weight("model.embed_tokens.weight");
        Numbers x;
        for (Token id : ids)
            for (size_t c = 0; c < C; c++) x.push_back(table[static_cast<size_t>(id) * C + c]);
        x = keep("embeddings", x);
        for (size_t l = 0; l < L; l++) {
            const std::string name = cai::concat("layers.", l, "."), of = "model." + name;
            const Numbers in = keep(name + "attention_in", norm(x, weight(of + "input_layernorm.weight")));
            const auto project = [&](const std::string& letter, const std::string& after) {
                return keep(name + letter + after, matmul(in, weight(of + "self_attn." + letter + "_proj.weight"), C));
            };
            const Numbers q = keep(name + "q", rotate(project("q", "_before_rope"), H));
            const Numbers k = keep(name + "k", rotate(project("k", "_before_rope"), K));
            const Numbers v = project("v", "");
            Numbers attention(N * H * D, 0), logsumexp(N * H);
            for (size_t n = 0; n < N; n++)
                for (size_t h = 0; h < H; h++) {
                    const size_t kv = h / (H / K);
                    Numbers exponentials;
                    double sum = 0;
                    for (size_t m = 0; m <= n; m++) {
                        double score = 0;
                        for (size_t d = 0; d < D; d++) score += q[(n * H + h) * D + d] * k[(m * K + kv) * D + d];
                        exponentials.push_back(std::exp(score / std::sqrt(static_cast<double>(D))));
                        sum += exponentials.back();
                    }
                    logsumexp[n * H + h] = std::log(sum);
                    for (size_t m = 0; m <= n; m++)
                        for (size_t d = 0; d < D; d++)
                            attention[(n * H + h) * D + d] += exponentials[m] / sum * v[(m * K + kv) * D + d];
                }
            keep(name + "attention_logsumexp", logsumexp);
            const Numbers heads = keep(name + "attention", attention);
            const Numbers mid = keep(name + "mid", matmul(heads, weight(of + "self_attn.o_proj.weight"), H * D, x));
            const Numbers ff_in = keep(name + "ff_in", norm(mid, weight(of + "post_attention_layernorm.weight")));
            const Numbers gate = keep(name + "gate", matmul(ff_in, weight(of + "mlp.gate_proj.weight"), C));
            const Numbers up = keep(name + "up", matmul(ff_in, weight(of + "mlp.up_proj.weight"), C));
            Numbers swiglu(gate.size());
            for (size_t i = 0; i < gate.size(); i++) swiglu[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
            swiglu = keep(name + "swiglu", swiglu);
            x = keep(name + "out", matmul(swiglu, weight(of + "mlp.down_proj.weight"), F, mid));
        }
        const Numbers normed = keep("normed", norm(x, weight("model.norm.weight")));
        const Numbers head = config.tied ? table : weight("lm_head.weight");
        const Numbers logits = keep("logits", matmul(normed, head, C));
        double loss = 0;
        Numbers logprobs, entropies;
        for (size_t n = 0; n < N; n++) {
            double sum = 0, entropy = 0;
            for (size_t i = 0; i < V; i++) sum += std::exp(logits[n * V + i]);
            for (size_t i = 0; i < V; i++) {
                const double logprob = logits[n * V + i] - std::log(sum);
                entropy -= std::exp(logprob) * logprob;
            }
            const bool last = n + 1 == N;
            logprobs.push_back(last ? 0 : logits[n * V + static_cast<size_t>(ids[n + 1])] - std::log(sum));
            entropies.push_back(entropy);
            loss -= logprobs.back() / static_cast<double>(N - 1);
        }
        keep("logprobs", logprobs), keep("entropies", entropies), keep("loss", {loss});
        return loss;
    }

    // d loss / d (number `index` of `name`), by central differences.
    double slope(const std::vector<Token>& ids, const std::string& name, size_t index) {
        const double h = 1e-5;
        const auto loss_at = [&](double by) {
            nudge = {name, index, by};
            const double loss = pass(ids);
            nudge = {};
            return loss;
        };
        return (loss_at(h) - loss_at(-h)) / (2 * h);
    }
};

}  // namespace plain_model

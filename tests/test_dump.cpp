// core/tools/dump.h, dump_steps.h and record_step.h: every number in a dump against loops in double, every gradient
// against differences of the loss.
#include <doctest/doctest.h>

#include <sstream>

#include "../core/lm/bpe_training.h"
#include "../core/tools/dump.h"
#include "fixtures/model_golden.h"
#include "plain_model.h"
#include "support.h"

using namespace cai;

namespace {

using Numbers = std::vector<double>;

// The tensors of a dump by name.
std::map<std::string, Numbers> by_name(const Dump& dump) {
    std::map<std::string, Numbers> tensors;
    for (const TypedTensor& tensor : dump.tensors) {
        CHECK_MESSAGE(tensors.emplace(tensor.name, values_of(tensor)).second, tensor.name, " is there twice");
        CHECK(tensors[tensor.name].size() == element_count(tensor.shape));
    }
    return tensors;
}

std::vector<size_t> shape_of(const Dump& dump, const std::string& name) {
    for (const TypedTensor& tensor : dump.tensors)
        if (tensor.name == name) return tensor.shape;
    FAIL(name, " is not in the dump");
    return {};
}

size_t place_of(const Dump& dump, const std::string& name) {
    for (size_t i = 0; i < dump.tensors.size(); i++)
        if (dump.tensors[i].name == name) return i;
    FAIL(name, " is not in the dump");
    return 0;
}

// Float sums of some tens of products, seen from the largest magnitude of the tensor.
void check_alike(const std::string& name, const Numbers& actual, const Numbers& expected, double tolerance = 5e-6) {
    CAPTURE(name);
    REQUIRE(actual.size() == expected.size());
    double scale = 0, worst = 0;
    for (double x : expected) scale = std::max(scale, std::abs(x));
    for (size_t i = 0; i < actual.size(); i++) worst = std::max(worst, std::abs(actual[i] - expected[i]));
    CHECK(std::isfinite(worst));
    CHECK(worst <= tolerance * scale);
}

Model golden_model(size_t number, const Kernels& kernels = cpu_kernels) {
    return golden::make_model(kernels, golden::cases()[number].config);
}

// AdamW's update of a parameter in double, from its moments and step number (Loshchilov & Hutter 2019, algorithm 2).
double adamw(double before, double m, double v, int step, double rate, double decay) {
    const double m_hat = m / (1 - std::pow(0.9, step)), v_hat = v / (1 - std::pow(0.95, step));
    return before * (1 - rate * decay) - rate * m_hat / (std::sqrt(v_hat) + 1e-6);
}

}  // namespace

TEST_CASE("every intermediate of forward is that of loops in double, and every gradient a difference of the loss") {
    for (const size_t number : {0, 1}) {  // with the table as head, and without
        for (const Kernels* kernels : {&cpu_kernels, &plain_kernels}) {
            const Config config = golden::cases()[number].config;
            CAPTURE(number);
            CAPTURE(kernels->name);
            Model model = golden_model(number, *kernels);
            const std::vector<Token> ids = golden::sequences(config)[0];
            Dump dump;
            dump_pass(dump, model, ids);
            CHECK(model.kernels == kernels);
            std::map<std::string, Numbers> tensors = by_name(dump);
            plain_model::PlainModel plain(model);
            plain.pass(ids);

            size_t gradients = 0;
            for (const auto& [name, expected] : std::map<std::string, Numbers>(plain.values)) {
                REQUIRE(tensors.count(name));
                check_alike(name, tensors[name], expected);
            }
            Rng rng(3);
            for (const auto& [name, values] : tensors) {
                if (!name.starts_with("grad.")) continue;
                CAPTURE(name);
                gradients++;
                double scale = 0;
                for (double x : values) scale = std::max(scale, std::abs(x));
                REQUIRE(scale > 1e-5);
                for (int i = 0; i < 4; i++) {
                    const size_t index = rng.below(values.size());
                    CAPTURE(index);
                    CHECK(near(values[index], plain.slope(ids, name.substr(5), index), 2e-5 * scale));
                }
            }
            // Of each layer 9 weights and 13 intermediates; logits, normed, embeddings; table, norm and perhaps a head.
            CHECK(gradients == static_cast<size_t>(config.layers) * 22 + 3 + 2 + number);
            CHECK(tensors.size() == 2 + plain.values.size() + gradients);
        }
    }
}

TEST_CASE("a dump names shapes, and lists tensors in the order of their computation") {
    Model model = golden_model(0);
    const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
    Dump dump;
    dump_pass(dump, model, {1, 2, 3, 4, 5});
    CHECK(values_of(dump.tensors[0]) == Numbers{1, 2, 3, 4, 5});
    CHECK(values_of(dump.tensors[1]) == Numbers{2, 3, 4, 5, -1});
    CHECK(shape_of(dump, "layers.0.q") == std::vector<size_t>{5, H, D});
    CHECK(shape_of(dump, "layers.1.k_before_rope") == std::vector<size_t>{5, K, D});
    CHECK(shape_of(dump, "grad.layers.1.v") == std::vector<size_t>{5, K, D});
    CHECK(shape_of(dump, "layers.0.attention_logsumexp") == std::vector<size_t>{5, H});
    CHECK(shape_of(dump, "layers.0.up") == std::vector<size_t>{5, F});
    CHECK(shape_of(dump, "logits") == std::vector<size_t>{5, V});
    CHECK(shape_of(dump, "loss").empty());
    CHECK(shape_of(dump, "grad.model.layers.1.mlp.up_proj.weight") == std::vector<size_t>{F, C});
    const char* const order[] = {"embeddings",
                                 "layers.0.attention_in",
                                 "layers.0.k_before_rope",
                                 "layers.0.q",
                                 "layers.0.attention",
                                 "layers.0.mid",
                                 "layers.0.out",
                                 "layers.1.attention_in",
                                 "logits",
                                 "loss",
                                 "grad.logits",
                                 "grad.normed",
                                 "grad.model.norm.weight",
                                 "grad.layers.1.out",
                                 "grad.model.layers.1.mlp.down_proj.weight",
                                 "grad.layers.1.gate",
                                 "grad.layers.1.attention",
                                 "grad.layers.1.q",
                                 "grad.layers.1.q_before_rope",
                                 "grad.model.layers.1.self_attn.v_proj.weight",
                                 "grad.layers.0.out",
                                 "grad.embeddings",
                                 "grad.model.embed_tokens.weight"};
    for (size_t i = 1; i < std::size(order); i++) {
        CAPTURE(order[i]);
        CHECK(place_of(dump, order[i - 1]) < place_of(dump, order[i]));
    }
    CHECK(place_of(dump, "grad.model.embed_tokens.weight") == dump.tensors.size() - 1);

    const std::string table = describe(dump.tensors, false);
    CHECK(contains(table, "targets"));
    CHECK(contains(table, "2 3 4 ..."));
    const Json json = parse_json(describe(dump.tensors, true), "json");
    CHECK(json.array()[1]["shape"] == Json(Json::Array{5}));
    CHECK(near(json.array()[1]["mean"].number(), 13.0 / 5));
    CHECK(near(json.array()[0]["std"].number(), std::sqrt(2.0)));

    CHECK(contains(error_of([&] { dump_pass(dump, model, {1}); }), "a loss needs two"));
    CHECK(contains(error_of([&] { dump_pass(dump, model, std::vector<Token>(33, 1)); }), "context of 32"));
    CHECK(model.kernels == &cpu_kernels);  // also after an error
    Model scorer = golden_model(2);
    CHECK(contains(error_of([&] { dump_pass(dump, scorer, {1, 2}); }), "--step preference"));
}

TEST_CASE("recording changes no bit of a step") {
    Model model = golden_model(1);
    const Batch batch = golden::make_batch(model.config);
    Activations recorded_activations, activations;
    Gradients recorded(model), gradients(model);
    const Loss loss = [](const Outputs& outputs) { return std::vector<float>(outputs.logprobs.size(), -0.1f); };
    std::vector<TypedTensor> tensors;
    StepRecorder(tensors, "p.").train_step(model, recorded, batch, recorded_activations, loss);
    train_step(model, gradients, batch, activations, loss);
    CHECK(recorded.values.download() == gradients.values.download());
    for (const TypedTensor& tensor : tensors) CHECK(tensor.name.starts_with("p."));
    // The last layer goes on with the rows whose outputs are wanted.
    Dump dump{tensors};
    CHECK(shape_of(dump, "p.layers.2.attention")[0] == batch.tokens.size());
    CHECK(shape_of(dump, "p.layers.2.mid")[0] == batch.rows.size());
    CHECK(shape_of(dump, "p.grad.layers.2.out")[0] == batch.rows.size());
    CHECK(shape_of(dump, "p.grad.layers.2.q")[0] == batch.tokens.size());

    Batch large;
    const std::vector<Token> sequence(30, 1);
    for (int i = 0; i < 60; i++) large.add(sequence.data(), sequence.size());
    CHECK(contains(error_of([&] { StepRecorder(tensors, "").train_step(model, gradients, large, activations, loss); }),
                   "cannot be recorded together"));
}

TEST_CASE("the step of fine-tuning: the learned tokens' loss, and AdamW's update of every weight") {
    Dump dump;
    dump_sft_step(dump, golden_model(1), {});
    std::map<std::string, Numbers> t = by_name(dump);
    CHECK(t["input_ids"].size() == 22);
    CHECK(t["sequence_offsets"] == Numbers{0, 6, 15, 22});
    CHECK(t["learn"] == Numbers{0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1});
    // Each sequence's log-probabilities of its learned tokens, computed alone.
    plain_model::PlainModel plain(golden_model(1));
    Numbers expected;
    for (size_t s = 0; s < 3; s++) {
        std::vector<Token> ids;
        for (double i = t["sequence_offsets"][s]; i < t["sequence_offsets"][s + 1]; i++)
            ids.push_back(static_cast<Token>(t["input_ids"][static_cast<size_t>(i)]));
        plain.pass(ids);
        for (size_t i = 0; i + 1 < ids.size(); i++)
            if (t["learn"][static_cast<size_t>(t["sequence_offsets"][s]) + i + 1])
                expected.push_back(plain.values["logprobs"][i]);
    }
    check_alike("logprobs", t["logprobs"], expected);
    double loss = 0, squares = 0;
    for (double x : expected) loss -= x / 13;
    CHECK(near(t["loss"][0], loss, 1e-5));

    for (const Tensor& tensor : list_tensors(golden::cases()[1].config))
        for (double x : t["grad." + tensor.name]) squares += x * x;
    const double norm = std::sqrt(squares), scale = std::min(1.0, 1 / norm);
    CHECK(near(t["gradient_norm"][0], norm, 1e-5 * norm));
    for (const Tensor& tensor : list_tensors(golden::cases()[1].config)) {
        const Numbers &before = t["before." + tensor.name], &gradient = t["grad." + tensor.name];
        Numbers m, v, after;
        for (size_t i = 0; i < before.size(); i++) {
            const double g = gradient[i] * scale;
            m.push_back(0.1 * g), v.push_back(0.05 * g * g);
            after.push_back(adamw(before[i], m[i], v[i], 1, 1e-3, tensor.shape.size() == 2 ? 0.1 : 0));
        }
        check_alike("m." + tensor.name, t["m." + tensor.name], m);
        check_alike("v." + tensor.name, t["v." + tensor.name], v);
        check_alike("after." + tensor.name, t["after." + tensor.name], after, 1e-6);
    }
    CHECK(dump.settings["learning_rate"].number() == double{1e-3f});
    CHECK(dump.settings["optimizer"].string() == "adamw");
}

TEST_CASE("two updates: the second starts from the first's weights and running means") {
    for (const MatrixUpdate update : {MatrixUpdate::adamw, MatrixUpdate::muon}) {
        Dump dump;
        StepOptions options;
        options.learning_rate = 0.01f;
        dump_optimizer_steps(dump, golden_model(0), update, options);
        std::map<std::string, Numbers> t = by_name(dump);
        CHECK(t["second.loss"][0] < t["first.loss"][0]);
        const double scale = std::min(1.0, 1 / t["second.gradient_norm"][0]);
        for (const Tensor& tensor : list_tensors(golden::cases()[0].config)) {
            CAPTURE(tensor.name);
            const Numbers &g = t["second.grad." + tensor.name], &before = t["first.after." + tensor.name];
            const bool matrix = tensor.shape.size() == 2;
            const bool muon = update == MatrixUpdate::muon && matrix && tensor.name != "model.embed_tokens.weight";
            Numbers m, v, after;
            for (size_t i = 0; i < g.size(); i++) {
                const double momentum = muon ? 0.95 : 0.9;
                m.push_back(momentum * t["first.m." + tensor.name][i] + (1 - momentum) * g[i] * scale);
                v.push_back(muon ? 0 : 0.95 * t["first.v." + tensor.name][i] + 0.05 * g[i] * scale * g[i] * scale);
                after.push_back(adamw(before[i], m[i], v[i], 2, 0.01, matrix ? 0.1 : 0));
            }
            check_alike("m", t["second.m." + tensor.name], m);
            check_alike("v", t["second.v." + tensor.name], v);
            if (!muon) check_alike("after", t["second.after." + tensor.name], after, 1e-6);
            if (!muon) continue;
            // Muon's step without decay has about the size of 0.2 · sqrt(max(rows, columns)) · an orthogonal matrix.
            double squares = 0;
            for (size_t i = 0; i < g.size(); i++) {
                const double step = (before[i] * (1 - 0.01 * 0.1) - t["second.after." + tensor.name][i]) / 0.01;
                squares += step * step;
            }
            const double rows = static_cast<double>(tensor.shape[0]), columns = static_cast<double>(tensor.shape[1]);
            const double full = 0.2 * std::sqrt(std::max(rows, columns) * std::min(rows, columns));
            CHECK(std::sqrt(squares) < 1.2 * full);
            CHECK(std::sqrt(squares) > 0.3 * full);
        }
    }
}

TEST_CASE("the step of the preference model: soft-label cross-entropy of score differences") {
    for (const size_t number : {2, 0}) {  // a score model, and a language model, which gets a head
        Dump dump;
        dump_preference_step(dump, golden_model(number), {});
        std::map<std::string, Numbers> t = by_name(dump);
        const Numbers labels = {0.9, 0.35, 0.5};
        CHECK(t["labels"] == labels);
        REQUIRE(t["scores"].size() == 6);
        double mean = 0, body = 0;
        for (size_t i = 0; i < 3; i++) {
            const double delta = t["scores"][2 * i] - t["scores"][2 * i + 1], p = 1 / (1 + std::exp(-delta));
            CHECK(delta != 0);
            const double loss = -labels[i] * std::log(p) - (1 - labels[i]) * std::log(1 - p);
            const double floor = -labels[i] * std::log(labels[i]) - (1 - labels[i]) * std::log(1 - labels[i]);
            CHECK(near(t["score_differences"][i], delta));
            CHECK(near(t["pair_losses"][i], loss));
            CHECK(near(t["label_entropies"][i], floor));
            CHECK(near(t["grad.score_differences"][i], p - labels[i]));
            CHECK(near(t["grad.scores"][2 * i], (p - labels[i]) / 3, 1e-7));
            CHECK(near(t["grad.scores"][2 * i + 1], -(p - labels[i]) / 3, 1e-7));
            mean += loss / 3;
        }
        CHECK(near(t["loss"][0], mean));
        for (double x : t["grad.model.embed_tokens.weight"]) body += x * x;
        CHECK(body > 1e-8);
        CHECK(t["before.score.weight"] != t["after.score.weight"]);
        CHECK(t.count("before.lm_head.weight") == 0);
    }
}

TEST_CASE("the step of PPO: the product's advantages and losses, with the conventions asked for") {
    for (const char* name : {"cai", "hh", "oai", "n+", "trl", "dsc", "openrlhf", "verl", "nemo"}) {
        CAPTURE(name);
        StepOptions options;
        options.ppo = like(name);
        Dump dump;
        dump_ppo_step(dump, golden_model(1), golden_model(1), golden_model(1), options);
        std::map<std::string, Numbers> t = by_name(dump);
        const auto floats = [&](const std::string& tensor) {
            return std::vector<float>(t[tensor].begin(), t[tensor].end());
        };
        const std::vector<int32_t> offsets = {0, 4, 9, 13};
        CHECK(t["response_offsets"] == Numbers{0, 4, 9, 13});
        CHECK(t["ended"] == Numbers{1, 1, 0});
        for (size_t s = 0; s < 3; s++)
            CHECK(t["shaped_scores"][s] == shape_score(t["scores"][s], t["ended"][s] != 0, options.ppo));

        // The last stage of the chain says that the stages before it are those of estimate_advantages().
        Advantages expected =
            estimate_advantages(cpu_kernels, t["shaped_scores"], floats("old_logprobs"), floats("reference_logprobs"),
                                floats("old_values"), offsets, options.ppo.kl_coefficient, options.ppo);
        if (options.ppo.advantage_whitening == Whitening::minibatch)
            whiten(expected.advantages, options.ppo.variance, true, options.ppo.whiten_epsilon);
        CHECK(t["advantages"] == expected.advantages);
        CHECK(t["returns"] == expected.returns);
        for (size_t i = 0; i < 13; i++)
            CHECK(near(t["returns"][i], t["advantages_before_whitening"][i] + t["old_values"][i]));

        // The losses, from their formulas.
        double policy = 0, value = 0;
        size_t clipped = 0;
        const double clip = options.ppo.clip_ratio, dual = options.ppo.dual_clip, width = options.ppo.clip_value;
        for (size_t i = 0; i < 13; i++) {
            const double a = t["advantages"][i], w = t["token_weights"][i];
            const double ratio = std::exp(t["policy.logprobs"][i] - t["old_logprobs"][i]);
            CHECK(near(t["policy.ratios"][i], ratio, 1e-12 * ratio));
            double loss = std::max(-a * ratio, -a * std::clamp(ratio, 1 - clip, 1 + clip));
            if (dual > 0 && a < 0) loss = std::min(loss, -a * dual);
            policy += w * loss;
            const bool active = loss == -a * ratio;
            clipped += !active;
            CHECK(near(t["policy.grad.logprobs"][i], active ? w * loss : 0, 1e-7));
            const double v = t["value.scores"][i], old = t["old_values"][i], r = t["returns"][i];
            const double bounded = width > 0 ? std::clamp(v, old - width, old + width) : v;
            const double free_square = (v - r) * (v - r), bounded_square = (bounded - r) * (bounded - r);
            value += w * std::max(free_square, bounded_square) / 2;
            const double slope = free_square >= bounded_square ? v - r : 0;
            CHECK(near(t["value.grad.scores"][i], w * slope * options.ppo.value_coefficient, 1e-6));
        }
        CHECK(near(t["policy.loss"][0], policy));
        CHECK(near(t["value.loss"][0], value, 1e-6));
        CHECK(clipped > 0);
        CHECK(t["policy.before.lm_head.weight"] != t["policy.after.lm_head.weight"]);
        CHECK(t["value.before.score.weight"] != t["value.after.score.weight"]);
        CHECK(dump.settings["ppo"]["lambda"].number() == options.ppo.lambda);
    }
    // RLOO: one ratio for a response. GRPO: one for each token. Neither has a value model.
    for (const std::string name : {"rloo", "grpo"}) {
        CAPTURE(name);
        StepOptions options;
        options.ppo = like(name);
        options.ppo.kl_coefficient = 0.04;
        Dump dump;
        dump_ppo_step(dump, golden_model(1), golden_model(1), golden_model(1), options);
        std::map<std::string, Numbers> t = by_name(dump);
        CHECK(t.count("value.loss") == 0);
        CHECK(t.count("old_values") == 0);
        const size_t k = options.ppo.group_size, responses = t["scores"].size();
        CHECK(responses == std::max<size_t>(2 * k, 4));
        double loss = 0;
        Numbers sums;
        for (size_t s = 0; s < responses; s++) {
            sums.push_back(0);
            for (double i = t["response_offsets"][s]; i < t["response_offsets"][s + 1]; i++)
                sums.back() += t["rewards"][static_cast<size_t>(i)];
        }
        for (size_t s = 0; s < responses; s++) {
            const size_t first = s / k * k;
            double mean = 0, squares = 0;
            for (size_t other = first; other < first + k; other++) mean += sums[other] / static_cast<double>(k);
            for (size_t other = first; other < first + k; other++) squares += std::pow(sums[other] - mean, 2);
            const double n = static_cast<double>(k), free = options.ppo.variance == Variance::bessel ? n - 1 : n;
            const double a =
                name == "rloo" ? (sums[s] - mean) * n / (n - 1) : (sums[s] - mean) / (std::sqrt(squares / free) + 1e-4);
            double log_ratio = 0;
            for (double i = t["response_offsets"][s]; i < t["response_offsets"][s + 1]; i++) {
                const size_t at = static_cast<size_t>(i);
                CHECK(near(t["advantages"][at], a, 1e-9));
                const double change = t["policy.logprobs"][at] - t["old_logprobs"][at], ratio = std::exp(change);
                log_ratio += change;
                if (name == "rloo") continue;
                const double apart = t["reference_logprobs"][at] - t["policy.logprobs"][at];
                const double kl = std::exp(apart) - 1 - apart;
                loss += t["token_weights"][at] *
                        (std::max(-a * ratio, -a * std::clamp(ratio, 0.8, 1.2)) + 0.04 * ratio * kl);
            }
            const double ratio = std::exp(log_ratio);
            if (name == "rloo")
                loss += std::max(-a * ratio, -a * std::clamp(ratio, 0.8, 1.2)) / static_cast<double>(responses);
        }
        CHECK(near(t["policy.loss"][0], loss, 2e-6 * std::abs(loss) + 1e-7));
    }
    Dump dump;
    CHECK(contains(error_of([&] { dump_ppo_step(dump, golden_model(1), golden_model(0), golden_model(1), {}); }),
                   "share a vocabulary"));
}

TEST_CASE("the step of direct preference optimisation: the log-ratios' margin against soft labels") {
    StepOptions options;
    options.beta = 0.3;
    Dump dump;
    dump_dpo_step(dump, golden_model(1), golden_model(1), options);
    std::map<std::string, Numbers> t = by_name(dump);
    CHECK(t["response_offsets"] == Numbers{0, 4, 9, 13, 17});
    double mean = 0;
    for (size_t i = 0; i < 2; i++) {
        double log_ratio[2] = {0, 0};
        for (size_t side : {0, 1})
            for (double at = t["response_offsets"][2 * i + side]; at < t["response_offsets"][2 * i + side + 1]; at++)
                log_ratio[side] +=
                    t["logprobs"][static_cast<size_t>(at)] - t["reference_logprobs"][static_cast<size_t>(at)];
        const double h = 0.3 * (log_ratio[0] - log_ratio[1]), p = 1 / (1 + std::exp(-h)), label = t["labels"][i];
        CHECK(h != 0);
        CHECK(near(t["rewards"][2 * i], 0.3 * log_ratio[0], 1e-6));
        CHECK(near(t["margins"][i], h, 1e-6));
        const double loss = -label * std::log(p) - (1 - label) * std::log(1 - p);
        CHECK(near(t["pair_losses"][i], loss, 1e-6));
        mean += loss / 2;
        for (double at = t["response_offsets"][2 * i]; at < t["response_offsets"][2 * i + 2]; at++) {
            const double sign = at < t["response_offsets"][2 * i + 1] ? 1 : -1;
            CHECK(near(t["grad.logprobs"][static_cast<size_t>(at)], sign * 0.3 * (p - label) / 2, 1e-6));
        }
    }
    CHECK(near(t["loss"][0], mean, 1e-6));
    CHECK(t["before.lm_head.weight"] != t["after.lm_head.weight"]);
    CHECK(dump.settings["beta"].number() == 0.3);
    CHECK(contains(error_of([&] { dump_dpo_step(dump, golden_model(1), golden_model(0), {}); }), "same vocabulary"));
}

TEST_CASE("cai dump writes a file that says its order, and refuses what makes no sense") {
    const TemporaryFolder folder;
    const std::string model = (folder.path / "model").string(), file = (folder.path / "d.safetensors").string();
    const Config config = {270, 8, 2, 4, 2, 4, 12, 32, 10000, 1e-5f, true, false};
    save_model(model, golden::make_model(cpu_kernels, config), train_bpe({"a small text, a smaller text"}, 270));
    const auto run = [](const std::vector<std::string>& words) {
        Arguments arguments(words, {"json"});
        std::ostringstream out;
        std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
        try {
            run_dump(arguments, "");
        } catch (...) {
            std::cout.rdbuf(before);
            throw;
        }
        std::cout.rdbuf(before);
        return out.str();
    };
    CHECK(contains(run({model, "--ids", "5 6 7", "--out", file}), "grad.embeddings"));
    const Safetensors read = read_safetensors(file);
    CHECK(doubles(read, "input_ids") == Numbers{5, 6, 7});
    CHECK(computed_order(file, read).front() == "input_ids");
    CHECK(computed_order(file, read).back() == "grad.model.embed_tokens.weight");
    Model same = load_model(cpu_kernels, model);
    Dump dump;
    dump_pass(dump, same, {5, 6, 7});
    CHECK(dump.tensors.size() == read.entries.size());
    for (const TypedTensor& tensor : dump.tensors) CHECK(doubles(read, tensor.name) == values_of(tensor));
    CHECK(parse_json(run({model, "--text", "a small text", "--json"}), "stdout").array().size() == dump.tensors.size());
    for (const char* step : {"sft", "preference", "ppo", "dpo", "adamw", "muon"})
        CHECK(contains(run({model, "--step", step}), "after.model.norm.weight"));

    CHECK(contains(error_of([&] { run({model}); }, kUsage), "say what to read"));
    CHECK(contains(error_of([&] { run({model, "--step", "walk"}); }, kUsage), "is not one of"));
    CHECK(contains(error_of([&] { run({model, "--step", "sft", "--ids", "1 2"}); }, kUsage), "batch of its own"));
    CHECK(contains(error_of(
                       [&] {
                           run({model, "--ids", "1 2", "--like", "trl"});
                       },
                       kUsage),
                   "--like is for --step ppo"));
    CHECK(contains(error_of(
                       [&] {
                           run({model, "--step", "ppo", "--beta", "1"});
                       },
                       kUsage),
                   "--beta is for --step dpo"));
    CHECK(contains(error_of([&] { run({model, "--step", "sft", "--reference", model}); }, kUsage), "--reference is"));
    CHECK(contains(error_of([&] { run({model, "--ids", "1 2", "--learning-rate", "1"}); }, kUsage), "is for --step"));
}

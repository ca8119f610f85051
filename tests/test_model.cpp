// core/nn/weights.h and core/nn/model.h: sizes and names, goldens from PyTorch, finite differences, and the promises of
// kernels.h seen through a whole model: the same bits alone and in a batch, and with any number of threads.
#include <doctest/doctest.h>

#include <map>
#include <numeric>

#include "../core/nn/train_step.h"
#include "fixtures/model_golden.h"
#include "support.h"

using namespace cai;

namespace {

// False for NaN.

std::vector<float> download(const Kernels& k, const float* data, size_t count) {
    std::vector<float> host(count);
    k.download(host.data(), data, count * sizeof(float));
    return host;
}

std::vector<float> outputs(const Model& model, const Activations& a) {
    return download(*model.kernels, a.logits, a.R * static_cast<size_t>(model.config.outputs()));
}

double dot(const std::vector<float>& a, const std::vector<double>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += a[i] * b[i];
    return sum;
}

double norm(const std::vector<float>& a) { return std::sqrt(dot(a, {a.begin(), a.end()})); }

// What an expects() says, or "" when it passes.
template <class Call>
std::string error(Call call) {
    try {
        call();
    } catch (const Error& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("presets have the sizes counted by hand") {
    // tiny: embedding 1024·128; a layer: qkv (4+2·2)·32·128, o 128·128, gate and up 2·256·128, down 128·256, norms
    // 2·128.
    const size_t layer = 8 * 32 * 128 + 128 * 128 + 2 * 256 * 128 + 128 * 256 + 2 * 128;
    CHECK(parameter_count(preset("tiny", 1024)) == 1024 * 128 + 4 * layer + 128);
    Config untied = preset("tiny", 1024);
    untied.tied = false;
    CHECK(parameter_count(untied) == 2 * 1024 * 128 + 4 * layer + 128);
    Config score = preset("tiny", 1024);
    score.score_head = true;
    CHECK(parameter_count(score) == 1024 * 128 + 4 * layer + 128 + 128);
    for (const char* size : {"micro", "tiny", "small", "base"}) CHECK_NOTHROW(validate(preset(size, 1024)));
    CHECK(contains(error([] { preset("huge", 10); }), "\"huge\""));
}

TEST_CASE("a configuration that no model can have is refused in a sentence that names the field") {
    const auto with = [](auto change) {
        Config config = preset("micro", 100);
        change(config);
        return error([&] { Model(cpu_kernels, config); });
    };
    CHECK(with([](Config&) {}) == "");
    CHECK(contains(with([](Config& c) { c.kv_heads = 3; }), "heads (2) must be a multiple of kv_heads (3)"));
    CHECK(contains(with([](Config& c) { c.head_dim = 7; }), "head_dim is 7"));
    CHECK(contains(with([](Config& c) { c.width = 0; }), "width is 0"));
    CHECK(contains(with([](Config& c) { c.vocab_size = -1; }), "vocab_size is -1"));
    CHECK(contains(with([](Config& c) { c.norm_eps = NAN; }), "norm_eps"));
}

TEST_CASE("tensors carry Hugging Face's names and lie end to end, matrices first") {
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        const Model model(cpu_kernels, c.config);
        const float* end = model.parameters.data();
        size_t matrices = 0;
        std::map<std::string, std::vector<size_t>> shapes;
        model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
            CHECK(data == end);
            end += Tensor{name, shape}.count();
            if (shape.size() == 2) matrices = static_cast<size_t>(end - model.parameters.data());
            shapes[name] = shape;
        });
        CHECK(static_cast<size_t>(end - model.parameters.data()) == parameter_count(c.config));
        CHECK(matrices == model.matrix_parameters());
        CHECK(shapes.count("lm_head.weight") == (c.name == "untied"));
        CHECK(shapes.count("score.weight") == (c.name == "score"));
        CHECK(shapes.size() == 2 + 9 * static_cast<size_t>(c.config.layers) + (c.name != "tied"));
        if (c.name == "tied") {
            CHECK(shapes["model.layers.1.self_attn.k_proj.weight"] == std::vector<size_t>{12, 24});
            CHECK(shapes["model.layers.0.mlp.down_proj.weight"] == std::vector<size_t>{24, 40});
            CHECK(shapes["model.layers.1.post_attention_layernorm.weight"] == std::vector<size_t>{24});
        }
    }
}

TEST_CASE("a batch lays sequences end to end and wants the rows before learned tokens") {
    Batch batch;
    const std::vector<Token> first = {5, 6, 7}, second = {1, 2, 3, 4};
    const std::vector<uint8_t> learn = {1, 0, 1, 1};  // the first mark has no row that predicts it
    batch.add(first.data(), first.size());
    batch.add(second.data(), second.size(), learn.data());
    CHECK(batch.tokens == std::vector<Token>{5, 6, 1, 2, 3});
    CHECK(batch.positions == std::vector<int32_t>{0, 1, 0, 1, 2});
    CHECK(batch.offsets == std::vector<int32_t>{0, 2, 5});
    CHECK(batch.rows == std::vector<int32_t>{0, 1, 3, 4});
    CHECK(batch.targets == std::vector<Token>{6, 7, 3, 4});
    Batch scored;
    scored.add_scored(first.data(), first.size(), {2});
    scored.add_scored(second.data(), second.size(), {0, 3});
    CHECK(scored.tokens == std::vector<Token>{5, 6, 7, 1, 2, 3, 4});
    CHECK(scored.rows == std::vector<int32_t>{2, 3, 6});
    CHECK(scored.targets.empty());
    CHECK(contains(error([&] { batch.add(first.data(), 1); }), "predicts nothing"));
    CHECK(contains(error([&] { scored.add_scored(first.data(), 3, {3}); }), "outside a sequence of 3"));
}

void check_goldens(const Kernels& kernels) {
    CAPTURE(kernels.name);
    // PyTorch computed in double, so the differences are our own rounding: sums of tens of products in float, 2^-24
    // each.
    const double tolerance = 2e-5;
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        auto expected = golden::read(c.name);
        const Model model = golden::make_model(kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients gradients(model);

        CHECK(near(golden::loss(c, model, batch, a), expected["loss"].at(0).at(0), tolerance));
        const std::vector<float> got = outputs(model, a);
        const size_t width = static_cast<size_t>(c.config.outputs());
        REQUIRE(expected["outputs"].size() == a.R);
        REQUIRE(expected["outputs"][0].size() == width);
        for (size_t i = 0; i < got.size(); i++)
            CHECK(near(got[i], expected["outputs"][i / width][i % width], tolerance));
        if (!c.config.score_head) {
            const std::vector<float> entropies = outputs_of(model, batch, a, c.temperature).entropies;
            REQUIRE(entropies.size() == a.R);
            for (size_t i = 0; i < a.R; i++) CHECK(near(entropies[i], expected["entropy"][0][i], tolerance));
        }

        golden::loss_and_gradients(c, model, batch, a, gradients);
        size_t tensors = 0;
        gradients.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
            CAPTURE(name);
            const size_t count = Tensor{name, shape}.count();
            const std::vector<float> gradient = download(kernels, data, count);
            const std::vector<double> numbers = expected["gradient " + name].at(0);  // norm, sum, dot with a wave
            // A sum or a dot has the rounding of `count` terms, which grows like the norm of the gradient.
            const double slack = tolerance * numbers[0] * std::sqrt(static_cast<double>(count));
            CHECK(near(norm(gradient), numbers[0], tolerance * numbers[0]));
            CHECK(near(dot(gradient, std::vector<double>(count, 1.0)), numbers[1], slack));
            CHECK(near(dot(gradient, golden::wave(name, count, 0.0071)), numbers[2], slack));
            tensors++;
        });
        CHECK(tensors == expected.size() - (c.config.score_head ? 4 : 5));  // loss, outputs, step, after (and entropy)
    }
}
TEST_CASE("outputs, loss, entropies and gradients are PyTorch's") {
    for (const Kernels* k : {&cpu_kernels, &plain_kernels}) check_goldens(*k);
}

// Derivative of the loss along a direction, twice: from the gradients, and by differences of the loss. The forward pass
// is in float: the loss carries about 1e-7 of noise, so the step h must be large, and its error of order h² is removed
// by Richardson's extrapolation: (4 d(h) - d(2h)) / 3. What is left was at most 6e-4 of the gradient's norm.
TEST_CASE("gradients of the whole model agree with finite differences") {
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        Model model = golden::make_model(cpu_kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients gradients(model);
        golden::loss_and_gradients(c, model, batch, a, gradients);

        Rng rng(7);
        cai::each_tensor(
            c.config, model.parameters.data(),
            [&](const std::string& name, const std::vector<size_t>& shape, float* data) {
                CAPTURE(name);
                const size_t count = Tensor{name, shape}.count();
                const std::vector<float> values = download(cpu_kernels, data, count);
                const std::vector<float> gradient =
                    download(cpu_kernels, gradients.values.data() + (data - model.parameters.data()), count);
                const double gradient_norm = norm(gradient);
                REQUIRE(gradient_norm > 0.01);  // else the check below would be empty

                for (int direction = 0; direction < 3; direction++) {  // the gradient's own, then two random ones
                    CAPTURE(direction);
                    std::vector<float> d = gradient;
                    if (direction > 0)
                        for (float& x : d) x = rng.normal();
                    const double length = norm(d);
                    for (float& x : d) x = static_cast<float>(x / length);
                    const auto loss_at = [&](double h) {
                        std::vector<float> moved(count);
                        for (size_t i = 0; i < count; i++) moved[i] = static_cast<float>(values[i] + h * d[i]);
                        cpu_kernels.upload(data, moved.data(), count * sizeof(float));
                        model.pack();
                        return golden::loss(c, model, batch, a);
                    };
                    const auto slope = [&](double h) { return (loss_at(h) - loss_at(-h)) / (2 * h); };
                    const double h = 0.02;
                    const double difference = (4 * slope(h) - slope(2 * h)) / 3;
                    const double exact = dot(gradient, {d.begin(), d.end()});
                    CHECK(near(difference, exact, 1e-3 * gradient_norm));
                }
                cpu_kernels.upload(data, values.data(), count * sizeof(float));
                model.pack();
            });
    }
}

TEST_CASE("a fresh model knows nothing: its loss is near log(vocabulary), its scores are zero") {
    Config config = preset("micro", 300);
    Model model(cpu_kernels, config);
    model.initialize(1);
    Rng rng(2);
    std::vector<Token> tokens(200);
    for (Token& token : tokens) token = static_cast<Token>(rng.below(300));
    Batch batch;
    batch.add(tokens.data(), tokens.size());
    Activations a;
    const double loss = golden::loss({"", config, 1.0f}, model, batch, a);
    CHECK(near(loss, std::log(300.0) + 0.49 / 2, 0.1));  // logits of variance 0.7² add half of that
    CHECK(loss > std::log(300.0) - 0.02);

    config.score_head = true;
    Model score(cpu_kernels, config);
    score.initialize(1);
    Batch scored;
    scored.add_scored(tokens.data(), tokens.size(), {0, 199});
    CHECK(scores(score, scored, a) == std::vector<float>{0, 0});
}

TEST_CASE("initial values have their deviations, and depend on the seed") {
    Model model(cpu_kernels, preset("micro", 300)), again(cpu_kernels, model.config), other(cpu_kernels, model.config);
    model.initialize(5), again.initialize(5), other.initialize(6);
    CHECK(model.parameters.download() == again.parameters.download());
    CHECK(model.parameters.download() != other.parameters.download());
    std::as_const(model).each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
        CAPTURE(name);
        const size_t count = Tensor{name, shape}.count();
        const double deviation = norm(download(cpu_kernels, data, count)) / std::sqrt(static_cast<double>(count));
        const bool residual = contains(name, "o_proj") || contains(name, "down_proj");
        const double scale = 0.7 / std::sqrt(64.0);
        const double expected = shape.size() == 1 ? 1
                                : residual        ? scale / 2
                                                  : scale;         // two layers: 1 / sqrt(2·2) = 1/2
        CHECK(near(deviation, expected, 0.05 * expected));  // thousands of draws: a deviation is known to 1-2 %
    });
}

TEST_CASE("keys start equal to the queries of the first head that reads them") {
    Config config = preset("micro", 300);
    config.heads = 4, config.kv_heads = 2;
    Model model(cpu_kernels, config);
    model.initialize(5);
    std::map<std::string, std::vector<float>> tensors;
    std::as_const(model).each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
        tensors[name] = download(cpu_kernels, data, Tensor{name, shape}.count());
    });
    const auto &queries = tensors["model.layers.1.self_attn.q_proj.weight"],
               &keys = tensors["model.layers.1.self_attn.k_proj.weight"];
    const size_t head = keys.size() / 2;
    REQUIRE(queries.size() == 4 * head);
    CHECK(std::equal(keys.begin(), keys.begin() + head, queries.begin()));
    CHECK(std::equal(keys.begin() + head, keys.end(), queries.begin() + 2 * head));
    CHECK(!std::equal(keys.begin(), keys.begin() + head, queries.begin() + head));
}

TEST_CASE("a sequence has the same bits alone, in a batch, for training and not") {
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        const Model model = golden::make_model(cpu_kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a, lean;
        Gradients gradients(model);
        const Loss none = [](const Outputs&) { return std::nullopt; };
        CHECK_FALSE(train_step(model, gradients, batch, a, none));
        CHECK(norm(gradients.values.download()) == 0);
        const std::vector<float> together = outputs(model, a);
        std::vector<float> apart;
        for (size_t s = 0; s < 3; s++) {  // the same activations again, smaller
            Batch one;
            golden::add_sequence(one, c.config, s);
            if (s == 1)
                forward(model, one, lean);
            else
                train_step(model, gradients, one, a, none);
            const std::vector<float> more = outputs(model, s == 1 ? lean : a);
            apart.insert(apart.end(), more.begin(), more.end());
        }
        CHECK(together == apart);
        forward(model, batch, lean);
        CHECK(together == outputs(model, lean));
        CHECK(lean.shards[0][0].layers.size() == 1);

        const auto [L, C, H, K, D, Q, F, V] = alphabet(c.config);
        size_t calls = 0;
        const Attention own = [&, H = H, K = K, D = D](const MicroBatch& some, size_t l, float* out, float* logsumexp,
                                                       const float* qkv) {
            CHECK(l == calls++);
            CHECK(some.N == batch.tokens.size());
            cpu_kernels.attention_forward(out, logsumexp, qkv, batch.offsets.data(), 3, H, K, D);
        };
        cpu_kernels.set_threads(1);
        forward(model, batch, lean, own);
        cpu_kernels.set_threads(0);
        CHECK(together == outputs(model, lean));
        CHECK(calls == L);
    }
}

TEST_CASE("the number of threads changes no bit; a second backward doubles the gradients") {
    const AllThreads all_take_part;
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        const Model model = golden::make_model(cpu_kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients one(model), two(model);
        cpu_kernels.set_threads(1);
        const double loss_one = golden::loss_and_gradients(c, model, batch, a, one);
        cpu_kernels.set_threads(2);
        const double loss_two = golden::loss_and_gradients(c, model, batch, a, two);
        CHECK(loss_one == loss_two);
        CHECK(one.values.download() == two.values.download());

        golden::loss_and_gradients(c, model, batch, a, two);
        const std::vector<float> single = one.values.download(), doubled = two.values.download();
        for (size_t i = 0; i < single.size(); i++)
            CHECK(near(doubled[i], 2 * single[i], 1e-5 * (1 + std::abs(single[i]))));
        cpu_kernels.set_threads(0);
    }
}

TEST_CASE("sequences are split into runs of about equally many rows") {
    const std::vector<int32_t> offsets = {0, 10, 20, 30, 90, 100};
    CHECK(split_evenly(offsets, 0, 5, 1) == std::vector<size_t>{0, 5});
    CHECK(split_evenly(offsets, 0, 5, 2) == std::vector<size_t>{0, 3, 5});
    CHECK(split_evenly(offsets, 0, 3, 3) == std::vector<size_t>{0, 1, 2, 3});
    CHECK(split_evenly(offsets, 2, 5, 9) == std::vector<size_t>{2, 3, 4, 5});  // no run is empty
    CHECK(split_evenly(offsets, 3, 4, 2) == std::vector<size_t>{3, 4});
}

TEST_CASE("shards of generation share rows and output rows out evenly; the largest shard is taken up first") {
    const Config config = preset("micro", 300);
    Model model(cpu_kernels, config);
    model.initialize(1);
    const std::vector<Token> tokens(300, 5);
    Batch batch;  // a prompt and the newest tokens of 60 other sequences
    batch.add_scored(tokens.data(), 100, {99});
    for (int s = 0; s < 60; s++) batch.add_scored(tokens.data(), 1, {0});
    Activations lean;
    cpu_kernels.set_threads(2);
    forward(model, batch, lean);
    REQUIRE(lean.shards.size() == 2);
    const std::vector<MicroBatch>& first = lean.shards[0];  // 221 rows and output rows in all
    REQUIRE(first.size() == 1);
    CHECK(first[0].N >= 104);
    CHECK(first[0].N <= 105);

    Batch uneven;
    for (size_t length : {250, 250, 250, 230, 250, 250, 40, 30}) uneven.add(tokens.data(), length);
    Activations a;
    Gradients gradients(model);
    cross_entropy_step(model, gradients, uneven, a);
    REQUIRE(a.shards.size() == 2);
    const auto rows = [&](size_t shard) {
        return std::accumulate(a.shards[shard].begin(), a.shards[shard].end(), size_t{0},
                               [](size_t sum, const MicroBatch& micro_batch) { return sum + micro_batch.N; });
    };
    cpu_kernels.set_threads(1);
    std::vector<size_t> order;
    a.each_shard(cpu_kernels, [&](size_t shard) { order.push_back(shard); });
    cpu_kernels.set_threads(0);
    REQUIRE(rows(0) < rows(1));
    CHECK(order == std::vector<size_t>{1, 0});
}

TEST_CASE(
    "a batch of many micro-batches: neither threads nor the schedule change a bit, and its gradients are the sums") {
    const AllThreads all_take_part;
    const Config config = preset("micro", 300);
    Model model(cpu_kernels, config);
    model.initialize(1);
    Rng rng(3);
    Batch batch;
    std::vector<Batch> alone;
    std::vector<uint8_t> learn(100, 1);
    for (size_t s = 0; s < 40; s++) {
        std::vector<Token> tokens(20 + rng.below(80));
        for (Token& token : tokens) token = static_cast<Token>(rng.below(300));
        for (size_t i = 0; i < tokens.size(); i++) learn[i] = s % 5 != 0 && rng.below(4) > 0;
        alone.emplace_back();
        for (Batch* to : {&batch, &alone.back()}) to->add(tokens.data(), tokens.size(), learn.data());
    }
    const float share = -1.0f / static_cast<float>(batch.rows.size());
    const Loss mean_cross_entropy = [&](const Outputs& outputs) {
        return std::vector<float>(outputs.logprobs.size(), share);
    };
    Activations a, lean;

    cpu_kernels.set_threads(1);
    Gradients expected(model);
    const double loss = cross_entropy_step(model, expected, batch, a);
    REQUIRE(a.shards.size() > 1);
    REQUIRE(a.shards[0].size() > 1);
    const std::vector<float> logprobs = token_logprobs(model, batch, lean), logits = outputs(model, lean);
    CHECK(near(loss, -std::accumulate(logprobs.begin(), logprobs.end(), 0.0) / static_cast<double>(logprobs.size()),
               1e-12));
    for (int threads : {1, 2, 3}) {
        CAPTURE(threads);
        cpu_kernels.set_threads(threads);
        Gradients together(model), apart(model);
        CHECK(cross_entropy_step(model, together, batch, a) == loss);
        CHECK(together.values.download() == expected.values.download());
        train_step(model, apart, batch, a, [&](const Outputs& all) {
            CHECK(all.logprobs == logprobs);
            CHECK(outputs(model, a) == logits);
            return mean_cross_entropy(all);
        });
        CHECK(apart.values.download() == expected.values.download());
        forward(model, batch, lean);
        CHECK(lean.shards.size() == static_cast<size_t>(threads));
        CHECK(outputs(model, lean) == logits);
    }
    cpu_kernels.set_threads(0);

    Gradients sum(model);  // of the sequences one by one, in float like the batch's own
    for (const Batch& one : alone) train_step(model, sum, one, a, mean_cross_entropy);
    const std::vector<float> actual = expected.values.download(), other = sum.values.download();
    std::vector<float> difference(actual.size());
    for (size_t i = 0; i < actual.size(); i++) difference[i] = actual[i] - other[i];
    CHECK(norm(difference) < 1e-5 * norm(actual));
}

namespace {

size_t swiglu_rows = 0;  // that the kernels below were asked for

Kernels row_counting_kernels() {
    Kernels kernels = cpu_kernels;
    kernels.swiglu_forward = [](float* out, const float* gate_up, size_t N, size_t F) {
        swiglu_rows += N;
        cpu_kernels.swiglu_forward(out, gate_up, N, F);
    };
    kernels.swiglu_backward = [](float* dgate_up, const float* dout, const float* gate_up, size_t N, size_t F) {
        swiglu_rows += N;
        cpu_kernels.swiglu_backward(dgate_up, dout, gate_up, N, F);
    };
    return kernels;
}

}  // namespace

TEST_CASE(
    "after its attention the last layer computes the rows whose outputs are wanted, with the bits they have among "
    "all") {
    const Kernels kernels = row_counting_kernels();
    for (const golden::Case& c : golden::cases()) {
        if (c.config.score_head) continue;
        CAPTURE(c.name);
        Model model = golden::make_model(kernels, c.config);
        const std::vector<Token> tokens = {1, 5, 2, 4, 3, 0};
        const std::vector<uint8_t> learn = {0, 0, 1, 0, 0, 1};
        Batch all, some;
        all.add(tokens.data(), tokens.size());
        some.add(tokens.data(), tokens.size(), learn.data());
        const size_t L = static_cast<size_t>(c.config.layers), V = static_cast<size_t>(c.config.vocab_size);
        Activations a;
        Gradients gradients(model);
        forward(model, all, a);
        const std::vector<float> every = outputs(model, a);
        for (bool training : {true, false}) {
            Activations wanted;
            swiglu_rows = 0;
            if (training)
                train_step(model, gradients, some, wanted, [](const Outputs&) { return std::nullopt; });
            else
                forward(model, some, wanted);
            CHECK(swiglu_rows == (L - 1) * 5 + 2);
            const std::vector<float> two = outputs(model, wanted);
            REQUIRE(two.size() == 2 * V);
            CHECK(std::equal(two.begin(), two.begin() + V, every.begin() + 1 * V));
            CHECK(std::equal(two.begin() + V, two.end(), every.begin() + 4 * V));
        }
        swiglu_rows = 0;
        cross_entropy_step(model, gradients, some, a);
        CHECK(swiglu_rows == 2 * ((L - 1) * 5 + 2));
    }
}

TEST_CASE("a batch without output rows is lawful and moves nothing") {
    const golden::Case c = golden::cases()[0];
    const Model model = golden::make_model(cpu_kernels, c.config);
    const std::vector<Token> tokens = {1, 2, 3};
    const std::vector<uint8_t> learn = {0, 0, 0};
    Batch batch;
    batch.add(tokens.data(), tokens.size(), learn.data());
    Activations a;
    Gradients gradients(model);
    CHECK(token_logprobs(model, batch, a).empty());
    CHECK(train_step(model, gradients, batch, a, [](const Outputs& outputs) { return outputs.logprobs; }));
    CHECK(norm(gradients.values.download()) == 0);
}

TEST_CASE("misuse is refused") {
    const golden::Case c = golden::cases()[0];
    Model model = golden::make_model(cpu_kernels, c.config);
    Batch batch = golden::make_batch(c.config);
    Activations a;
    Gradients gradients(model);

    CHECK(contains(error([&] { scores(model, batch, a); }), "no scores"));
    const Loss short_loss = [](const Outputs&) { return std::vector<float>{1}; };
    CHECK(contains(error([&] { train_step(model, gradients, batch, a, short_loss); }), "gave 1 derivatives"));
    const Loss none = [](const Outputs&) { return std::nullopt; };
    CHECK(contains(error([&] { train_step(model, gradients, batch, a, none, 0); }), "a temperature above 0"));
    Batch aimless = batch;
    aimless.targets.clear();
    CHECK(contains(error([&] { token_logprobs(model, aimless, a); }), "has 0 targets"));
    CHECK(contains(error([&] { cross_entropy_step(model, gradients, aimless, a); }), "has 0 targets"));
    const golden::Case scoring = golden::cases()[2];
    const Model score = golden::make_model(cpu_kernels, scoring.config);
    const Batch scored = golden::make_batch(scoring.config);
    CHECK(contains(error([&] { token_logprobs(score, scored, a); }), "no log-probabilities"));
    CHECK(contains(error([&] { cross_entropy_step(score, gradients, scored, a); }), "language-model head"));

    batch.tokens[2] = c.config.vocab_size;
    CHECK(contains(error([&] { forward(model, batch, a); }), "token 37 is not in a vocabulary of 37"));
    batch.tokens[2] = 0, batch.positions[0] = c.config.context;
    CHECK(contains(error([&] { forward(model, batch, a); }), "beyond the context of 32"));
    CHECK(contains(error([&] { forward(model, Batch(), a); }), "at least one token"));
    Batch torn = golden::make_batch(c.config);
    torn.offsets.pop_back();
    CHECK(contains(error([&] { forward(model, torn, a); }), "the sequences of a batch hold"));

    batch.positions[0] = 0;
    model.each_tensor([](const std::string&, const std::vector<size_t>&, float*) {});
    CHECK(contains(error([&] { forward(model, batch, a); }), "call model.pack()"));
    CHECK(contains(error([&] { forward(Model(cpu_kernels, c.config), batch, a); }), "call model.pack()"));
}

TEST_CASE("copy_tensors clones a model, and starts a score model from a language model's body") {
    const golden::Case c = golden::cases()[0];
    const Model model = golden::make_model(cpu_kernels, c.config);
    const Batch batch = golden::make_batch(c.config);
    Activations a;
    Model clone(cpu_kernels, c.config);
    copy_tensors(clone, model);
    CHECK(golden::loss(c, model, batch, a) == golden::loss(c, clone, batch, a));

    Config config = c.config;
    config.score_head = true;
    Model score(cpu_kernels, config);
    score.initialize(1);
    copy_tensors(score, model);
    CHECK(download(cpu_kernels, score.weights.layers[1].down_proj, 24 * 40) ==
          download(cpu_kernels, model.weights.layers[1].down_proj, 24 * 40));
    CHECK(download(cpu_kernels, score.weights.head, 24) == std::vector<float>(24, 0.0f));
    config.ff = 8;
    Model other(cpu_kernels, config);
    CHECK(contains(error([&] { copy_tensors(other, model); }), "different sizes"));
}

// core/nn/optimizer.h: a step worked by hand, ten steps of PyTorch's AdamW on whole models, what Muon updates,
// clipping, and divergence.
#include <doctest/doctest.h>

#include "../core/nn/activations.h"
#include "../core/nn/learning_rate.h"
#include "../core/nn/optimizer.h"
#include "check.h"
#include "fixtures/model_golden.h"
#include "support.h"

using namespace cai;

TEST_CASE("the learning rate warms up, then decays linearly") {
    // Ten steps, of which four warm up: 1/4, 2/4, 3/4, 1, then from the peak towards 0.4 in six steps of 0.1.
    const double expected[] = {0.25, 0.5, 0.75, 1.0, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.4};
    for (size_t step = 0; step < 12; step++) CHECK(near(learning_rate_at(step, 10, 1, 4, 0.4f), expected[step], 1e-6));
    CHECK(learning_rate_at(0, 10, 3, 0, 1) == 3.0f);  // no warm-up, constant
    CHECK(learning_rate_at(9, 10, 3, 0, 1) == 3.0f);
    CHECK(learning_rate_at(5, 5, 3, 5, 0) == 3.0f);  // all warm-up
}

TEST_CASE("one step, by hand") {
    // The first step moves each parameter by the learning rate against its gradient's sign (m/(1-beta1) = g,
    // v/(1-beta2) = g²), whatever the gradient's size beside eps; before that, matrices shrink by learning rate ·
    // decay, norms do not. The embedding table, which comes first, may have a learning rate of its own.
    const Config config = golden::cases()[0].config;
    Model model = golden::make_model(cpu_kernels, config);
    Gradients gradients(model);
    Optimizer optimizer(model);
    CHECK(optimizer.embedding_rate == 1);
    optimizer.embedding_rate = 0.3f;
    const size_t table = static_cast<size_t>(config.vocab_size * config.width);
    CHECK(model.weights.embed_tokens == model.parameters.data());
    const std::vector<float> before = model.parameters.download();
    std::vector<float> g(before.size());
    for (size_t i = 0; i < g.size(); i++) g[i] = i % 3 == 0 ? 2e-3f : i % 3 == 1 ? -1e-3f : 0.0f;
    gradients.values.upload(g);
    double squares = 0;
    for (double x : g) squares += x * x;
    CHECK(squares < 1);  // no clipping
    CHECK(near(optimizer.update(model, gradients, 0.01f), std::sqrt(squares), 1e-6));
    CHECK(optimizer.step == 1);
    const std::vector<float> after = model.parameters.download(), cleared = gradients.values.download();
    for (size_t i = 0; i < g.size(); i++) {
        const double rate = i < table ? 0.003 : 0.01;
        const double decayed = i < model.matrix_parameters() ? before[i] * (1 - rate * 0.1) : before[i];
        const double direction = g[i] / (std::abs(g[i]) + 1e-6);
        CHECK(near(after[i], decayed - rate * direction, 1e-6));
        CHECK(cleared[i] == 0);
    }
}

TEST_CASE("a gradient far below eps hardly moves a parameter, even when v has forgotten all others") {
    const Config config = golden::cases()[0].config;
    Model model = golden::make_model(cpu_kernels, config);
    Gradients gradients(model);
    Optimizer optimizer(model);
    optimizer.weight_decay = 0;
    std::vector<float> g(model.parameters.size(), 0.0f);
    const auto steps_of = [&](float gradient, int steps) {
        for (int step = 0; step < steps; step++) {
            g[0] = gradient;
            gradients.values.upload(g);
            optimizer.update(model, gradients, 0.01f);
        }
    };
    steps_of(1e-3f, 1);
    steps_of(0, 400);  // the first moves it, and is forgotten
    const float before = model.parameters.download()[0];
    steps_of(1e-9f, 100);  // 100 full steps would be 1
    CHECK(std::abs(model.parameters.download()[0] - before) < 2e-3);
}

TEST_CASE("clipping scales the gradients to max_norm; the norm returned is from before") {
    const Config config = golden::cases()[0].config;
    for (float max_norm : {1.0f, 0.0f, 1e6f}) {
        CAPTURE(max_norm);
        Model model = golden::make_model(cpu_kernels, config);
        Gradients gradients(model);
        Optimizer optimizer(model);
        optimizer.max_norm = max_norm;
        std::vector<float> g(model.parameters.size(), 0.0f);
        g[0] = 30, g[1] = 40;
        gradients.values.upload(g);
        CHECK(near(optimizer.update(model, gradients, 0.01f), 50, 1e-5));
        // m = (1 - beta1) · gradient, as the update saw it.
        const double scale = max_norm == 1.0f ? 1.0 / 50 : 1;
        CHECK(near(optimizer.m.download()[1], 0.1 * 40 * scale, 1e-6 * 40 * scale));
    }
}

void check_ten_steps(const Kernels& kernels) {
    CAPTURE(kernels.name);
    // PyTorch computed in double; ten steps amplify our rounding to at most 2e-6 here.
    const double tolerance = 2e-5;
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        auto expected = golden::read(c.name);
        Model model = golden::make_model(kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients gradients(model);
        Optimizer optimizer(model);
        optimizer.eps = 1e-8f;  // PyTorch's default
        REQUIRE(expected["step"].size() == 10);
        for (size_t step = 0; step < 10; step++) {
            CAPTURE(step);
            const double loss = golden::loss_and_gradients(c, model, batch, a, gradients);
            const double norm = optimizer.update(model, gradients, learning_rate_at(step, 10, 0.01f, 3, 0.1f));
            CHECK(near(loss, expected["step"][step][0], tolerance * expected["step"][step][0]));
            CHECK(near(norm, expected["step"][step][1], tolerance * expected["step"][step][1]));
        }
        const double after = expected["after"][0][0];
        CHECK(near(golden::loss(c, model, batch, a), after, tolerance * after));
    }
}
TEST_CASE("ten steps follow PyTorch's AdamW, with clipping, decay and schedule") {
    for (const Kernels* k : {&cpu_kernels, &plain_kernels}) check_ten_steps(*k);
}

TEST_CASE("Muon updates each matrix of the layers on its own, and AdamW all else as without Muon") {
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        Model by_hand = golden::make_model(cpu_kernels, c.config);
        const std::vector<float> g = by_hand.parameters.download();  // any numbers will do
        const Buffer<float> gradient = uploaded(cpu_kernels, g), momentum(cpu_kernels, g.size());
        const double norm = std::sqrt(cpu_kernels.sum_of_squares(gradient.data(), g.size()));
        CHECK(norm > 1);  // clipped
        std::vector<float> v;
        const auto three_steps = [&](MatrixUpdate matrix_update) {
            Model model = golden::make_model(cpu_kernels, c.config);
            Gradients gradients(model);
            Optimizer optimizer(model, matrix_update);
            optimizer.embedding_rate = 0.3f;
            for (int step = 0; step < 3; step++) {
                gradients.values.upload(g);
                CHECK(optimizer.update(model, gradients, 0.01f) == static_cast<float>(norm));
            }
            v = optimizer.v.download();
            return model.parameters.download();
        };
        const std::vector<float> by_adamw = three_steps(MatrixUpdate::adamw), ours = three_steps(MatrixUpdate::muon);
        int of_layers = 0;
        by_hand.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
            CAPTURE(name);
            const size_t begin = static_cast<size_t>(data - by_hand.parameters.data());
            std::vector<float> expected = check::slice(by_adamw, begin, Tensor{name, shape}.count());
            if (contains(name, "_proj.")) {
                of_layers++;
                for (int step = 0; step < 3; step++)
                    cpu_kernels.muon(data, momentum.data() + begin, gradient.data() + begin, shape[0], shape[1], 0.01f,
                                     0.95f, 0.1f, static_cast<float>(1 / norm));
                expected.assign(data, data + expected.size());
            }
            CHECK_BITS(check::slice(ours, begin, expected.size()), expected);
            CHECK((v[begin] == 0) == contains(name, "_proj."));
        });
        CHECK(of_layers == 7 * c.config.layers);
    }
}

TEST_CASE("Muon on whole models: every backend close to the plain one, and threads do not matter") {
    const golden::Case c = golden::cases()[1];
    const auto trained = [&](const Kernels& kernels) {
        Model model = golden::make_model(kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients gradients(model);
        Optimizer optimizer(model, MatrixUpdate::muon);
        const double before = golden::loss(c, model, batch, a);
        for (int step = 0; step < 5; step++) {
            golden::loss_and_gradients(c, model, batch, a, gradients);
            optimizer.update(model, gradients, 0.01f);
        }
        CHECK(golden::loss(c, model, batch, a) < before - 0.5);
        return model.parameters.download();
    };
    const std::vector<float> expected = trained(plain_kernels);
    for (const Kernels* k : check::backends()) {
        INFO(k->name);
        CHECK_CLOSE(trained(*k), expected, (check::Tolerance{1e-4, 1e-3, "five steps of training in float"}));
    }
    CHECK_THREADS(cpu_kernels, { return trained(cpu_kernels); });
}

TEST_CASE("a gradient that is not finite stops the step and leaves the parameters alone") {
    const Config config = golden::cases()[0].config;
    Model model = golden::make_model(cpu_kernels, config);
    Gradients gradients(model);
    Optimizer optimizer(model);
    const std::vector<float> before = model.parameters.download();
    for (float bad : {NAN, INFINITY}) {
        std::vector<float> g(before.size(), 0.1f);
        g[before.size() / 2] = bad;
        gradients.values.upload(g);
        try {
            optimizer.update(model, gradients, 0.01f);
            FAIL("the step went through");
        } catch (const Error& e) {
            CHECK(e.status == kDiverged);
            CHECK(std::string(e.what()).find("step 1:") != std::string::npos);
        }
        CHECK(model.parameters.download() == before);
        CHECK(gradients.values.download() == std::vector<float>(before.size(), 0.0f));
        CHECK(optimizer.step == 0);
    }
    Model bigger = golden::make_model(cpu_kernels, golden::cases()[1].config);
    CHECK_THROWS_AS(optimizer.update(bigger, gradients, 0.01f), Error);
}

TEST_CASE("an optimizer or gradients of another model are refused, and nothing is touched") {
    const Config small = golden::cases()[0].config, large = golden::cases()[1].config;
    Model model = golden::make_model(cpu_kernels, small), other = golden::make_model(cpu_kernels, large);
    Gradients gradients(model), of_other(other);
    Optimizer optimizer(model), of_another(other);
    const std::vector<float> before = model.parameters.download();
    CHECK_THROWS_AS(optimizer.update(model, of_other, 0.01f), Error);
    CHECK_THROWS_AS(of_another.update(model, gradients, 0.01f), Error);
    CHECK(model.parameters.download() == before);
    CHECK(optimizer.step == 0);
    CHECK_NOTHROW(optimizer.update(model, gradients, 0.01f));
}

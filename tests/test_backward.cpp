// The backward pass of core/nn/model.h where goldens and differences do not look: what a kernel is handed, and what is
// refused.
#include <doctest/doctest.h>

#include "../core/nn/train_step.h"
#include "fixtures/model_golden.h"
#include "support.h"

using namespace cai;

namespace {

size_t rows_of_table = 0;  // that embedding_backward was told of

}  // namespace

TEST_CASE("the gradient of the embedding is told the size of its table, also where a kernel can do without") {
    Kernels kernels = cpu_kernels;
    kernels.embedding_backward = [](float* dtable, const float* dout, const Token* tokens, size_t N, size_t C,
                                    size_t V) {
        rows_of_table = V;
        cpu_kernels.embedding_backward(dtable, dout, tokens, N, C, V);
    };
    for (const golden::Case& c : golden::cases()) {
        CAPTURE(c.name);
        const Model model = golden::make_model(kernels, c.config);
        const Batch batch = golden::make_batch(c.config);
        Activations a;
        Gradients gradients(model);
        golden::loss_and_gradients(c, model, batch, a, gradients);
        CHECK(rows_of_table == static_cast<size_t>(c.config.vocab_size));
    }
}

TEST_CASE("cross-entropy refuses a score head, and targets that are not one for each output row") {
    const std::vector<golden::Case> cases = golden::cases();
    const Model language = golden::make_model(cpu_kernels, cases[0].config),
                score = golden::make_model(cpu_kernels, cases[2].config);
    Gradients of_language(language), of_score(score);
    Activations a;
    Batch batch = golden::make_batch(cases[0].config);
    batch.targets.pop_back();
    CHECK(contains(error_of([&] { cross_entropy_step(language, of_language, batch, a); }), "output rows has"));
    batch.targets.push_back(0), batch.targets.push_back(0);
    CHECK(contains(error_of([&] { cross_entropy_step(language, of_language, batch, a); }), "output rows has"));
    batch.targets.pop_back();
    CHECK_NOTHROW(cross_entropy_step(language, of_language, batch, a));

    Batch scored = golden::make_batch(cases[2].config);
    scored.targets.assign(scored.rows.size(), 0);
    CHECK(contains(error_of([&] { cross_entropy_step(score, of_score, scored, a); }), "not a score head"));
    for (float gradient : of_score.values.download()) REQUIRE(gradient == 0);
}

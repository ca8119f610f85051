// The loop of the supervised stages: its loss falls, a resumed run ends on the same bits, divergence is told; and
// manifests.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/lm/bpe_training.h"
#include "../core/method/supervised.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

struct Setting {
    Quiet hush;
    Tokenizer tokenizer = train_bpe({"the cat sat on the mat and the dog sat on the log"}, 280);
    Config config = preset("micro", static_cast<int>(tokenizer.size()));
    std::vector<Document> documents;

    Setting() {
        for (const char* text :
             {"the cat sat on the mat", "the dog sat on the log", "the cat and the dog sat", "on the mat the cat sat"})
            documents.push_back(encode_text(tokenizer, text));
    }
    ~Setting() { stop_signal = 0; }

    std::vector<float> trained(const fs::path& folder, const TrainingOptions& options, double* loss = nullptr) {
        Model model(cpu_kernels, config);
        model.initialize(1);
        BatchStream stream(documents, 256, 40, 1);
        Metrics metrics(folder / "metrics.jsonl");
        double tail = train(model, stream, options, "test", metrics, folder / "model", tokenizer);
        if (loss) *loss = tail;
        return model.parameters.download();
    }
};

}  // namespace

TEST_CASE("training learns by heart what there is to learn") {
    Setting s;
    TemporaryFolder folder;
    double loss = 0;
    TrainingOptions options;
    options.steps = 60, options.warmup_steps = 5;
    SUBCASE("with adamw") { options.optimizer = MatrixUpdate::adamw; }
    SUBCASE("with muon") { options.optimizer = MatrixUpdate::muon; }
    s.trained(folder.path, options, &loss);
    CHECK(loss < 1.0);  // from log(280) = 5.6
    CHECK(fs::exists(folder.path / "model"));
    CHECK(!fs::exists(folder.path / "model.training"));
}

TEST_CASE("the first lesson is trained on first, at its own learning rate") {
    Setting s;
    TemporaryFolder folder;
    Model model(cpu_kernels, s.config);
    model.initialize(1);
    const size_t lesson_tokens = s.documents[0].tokens.size() - 1;
    BatchStream stream({s.documents.begin() + 1, s.documents.end()}, 256, 40, 1, "documents",
                       {{s.documents[0]}, lesson_tokens, 0.25e-3f});
    TrainingOptions options;
    options.steps = 20, options.warmup_steps = 0, options.final_fraction = 1, options.learning_rate = 1e-3f;
    {
        Metrics metrics(folder.path / "metrics.jsonl");
        train(model, stream, options, "test", metrics, folder.path / "model", s.tokenizer);
    }
    for (const Json& line : read_jsonl(folder.path / "metrics.jsonl"))
        CHECK(line["learning_rate"].number() == (line["step"].integer() == 1 ? 0.25e-3f : 1e-3f));
    CHECK(stream.position().epoch > 1);
}

TEST_CASE("weight decay shrinks what training does not hold in place") {
    Setting s;
    TemporaryFolder little, much;
    TrainingOptions options;
    options.steps = 60, options.warmup_steps = 5;
    const auto norm = [&](const fs::path& folder, float decay) {
        options.weight_decay = decay;
        double squares = 0;
        for (float weight : s.trained(folder, options)) squares += weight * weight;
        return std::sqrt(squares);
    };
    CHECK(norm(much.path, 5) < 0.9 * norm(little.path, 0));
}

TEST_CASE("the optimizer is the recipe's") {
    Setting s;
    TemporaryFolder by_adamw, by_muon;
    TrainingOptions options;
    options.steps = 1, options.warmup_steps = 0, options.optimizer = MatrixUpdate::adamw;
    const std::vector<float> adamw = s.trained(by_adamw.path, options);
    options.optimizer = MatrixUpdate::muon;
    CHECK(s.trained(by_muon.path, options) != adamw);
}

TEST_CASE("the embedding table learns at its own rate") {
    Setting s;
    TemporaryFolder slow_folder, fast_folder;
    TrainingOptions options;
    options.steps = 3, options.warmup_steps = 0, options.weight_decay = 0;
    Model initial(cpu_kernels, s.config);
    initial.initialize(1);
    const std::vector<float> before = initial.parameters.download();
    const size_t table = static_cast<size_t>(s.config.vocab_size * s.config.width);
    const auto movement = [&](const fs::path& folder, float rate) {
        options.embedding_rate = rate;
        const std::vector<float> after = s.trained(folder, options);
        double squares = 0;
        for (size_t i = 0; i < table; i++) squares += (after[i] - before[i]) * (after[i] - before[i]);
        return std::sqrt(squares);
    };
    const double fast = movement(fast_folder.path, 1), slow = movement(slow_folder.path, 0.01f);
    CHECK(slow > 0);
    CHECK(slow < 0.02 * fast);
}

TEST_CASE("an interrupted training goes on to the same bits") {
    Setting s;
    TemporaryFolder whole, cut;
    TrainingOptions options;
    options.steps = 12, options.warmup_steps = 2;
    SUBCASE("with adamw") { options.optimizer = MatrixUpdate::adamw; }
    SUBCASE("with muon") { options.optimizer = MatrixUpdate::muon; }
    const std::vector<float> expected = s.trained(whole.path, options);
    stop_signal = SIGINT;  // as if Ctrl-C came during the first step
    CHECK(contains(error_of([&] { s.trained(cut.path, options); }, 130), "after step 1 of 12"));
    stop_signal = 0;
    CHECK(s.trained(cut.path, options) == expected);
}

TEST_CASE("the steps of so many epochs are rounded down at the end, not before") {
    CHECK(training_steps(50, 1200, 2048) == 29);
    CHECK(training_steps(2, 3000, 2048) == 2);
    CHECK(training_steps(1, 20479, 2048) == 9);
    CHECK(training_steps(0.5, 20479, 2048) == 4);
    CHECK(training_steps(1, 1200, 2048) == 1);
    CHECK(training_steps(0, 20479, 2048) == 1);
}

TEST_CASE("a training that diverges says so") {
    Setting s;
    TemporaryFolder folder;
    TrainingOptions options;
    options.steps = 50, options.warmup_steps = 0, options.learning_rate = 1e30f;
    CHECK(
        contains(error_of([&] { s.trained(folder.path, options); }, kDiverged), " with --test-learning-rate 1e+30: "));
}

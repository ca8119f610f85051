// What every supervised stage shares: draw a batch, forward, backward, update.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../io/run_directory.h"
#include "../lm/batch_stream.h"
#include "../nn/learning_rate.h"
#include "../nn/train_step.h"
#include "recipe.h"
#include "resumable_loop.h"

namespace cai {

struct TrainingOptions : SupervisedRecipe {
    size_t steps = 0;
    std::string fingerprint;  // of everything that determines the outcome
    WeightType weights = WeightType::float32;  // of the model's file
    double save_every_seconds = 60;
};

// Trains on the tokens that the stream's documents mark as learned, with mean cross-entropy per token, and saves the
// model in `directory`; until then the resumable state is in directory.training. Returns the mean loss of the last
// tenth of the steps. Throws kDiverged at the first loss that is not finite.
inline double train(Model& model, BatchStream& stream, const TrainingOptions& options, const std::string& stage,
                    Metrics& metrics, const std::filesystem::path& directory, const Tokenizer& tokenizer) {
    Optimizer optimizer(model, options.optimizer);
    optimizer.weight_decay = options.weight_decay;
    optimizer.embedding_rate = options.embedding_rate;
    Gradients gradients(model);
    Activations activations;
    double tail_loss = 0;
    size_t tail_steps = 0;
    ResumableLoop loop;
    loop.stage = stage, loop.steps = options.steps, loop.log_every = 20;
    const std::string option = stage.substr(stage.starts_with("sft-") ? 4 : 0);
    loop.learning_rate = concat("--", option, "-learning-rate ", options.learning_rate);
    loop.fingerprint = options.fingerprint;
    loop.directory = with_suffix(directory, ".training");
    loop.save_every_seconds = options.save_every_seconds;
    loop.step = [&](size_t step) {
        const float peak = stream.learning_rate(options.learning_rate);
        const Batch batch = stream.next();
        const double loss = cross_entropy_step(model, gradients, batch, activations);
        if (!std::isfinite(loss)) fail(kDiverged, "the loss is ", loss, "; lower the learning rate and start again");
        const float learning_rate =
            learning_rate_at(step, options.steps, peak, options.warmup_steps, options.final_fraction);
        const float norm = optimizer.update(model, gradients, learning_rate);
        if (step * 10 >= options.steps * 9) {
            tail_loss += loss;
            tail_steps++;
        }
        return StepReport{{{"loss", loss}},
                          {{"loss", loss}, {"learning_rate", learning_rate}, {"grad_norm", norm}},
                          batch.tokens.size()};
    };
    loop.save = [&](const std::filesystem::path& temporary, Json state) {
        const BatchStream::Position position = stream.position();
        state.set("epoch", position.epoch).set("index", position.index);
        state.set("tail_loss", tail_loss).set("tail_steps", tail_steps);
        write_model(temporary, model, tokenizer);
        write_training_state(temporary, model, optimizer, state);
    };
    loop.restore = [&](const std::filesystem::path& found) {
        model = load_model(*model.kernels, found);
        const Json state = load_training_state(found, model, optimizer);
        stream.restore({state["epoch"].natural(), state["index"].natural()});
        tail_loss = state["tail_loss"].number();
        tail_steps = state["tail_steps"].natural();
    };
    loop.finish = [&] { save_model(directory, model, tokenizer, options.weights); };
    run_loop(loop, metrics);
    return tail_steps ? tail_loss / static_cast<double>(tail_steps) : 0;
}

// The transcripts of a jsonl file, as tokens. A model learns to write answers, critiques and verdicts, but not requests
// and principles, whose wording cannot be predicted.
inline std::vector<Document> read_documents(const std::filesystem::path& path, const Tokenizer& tokenizer) {
    std::vector<Document> documents;
    each_of_jsonl(path, [&](const Json& json) {
        documents.push_back(encode_document(tokenizer, segments_from_json(json)));
    });
    return documents;
}

// Trains `model` on the documents, after the first lesson if there is one, and saves it as RUN/name. Returns the mean
// loss of the last tenth of the steps.
inline double train_and_save(Model& model, std::vector<Document> documents, const Tokenizer& tokenizer, Run& run,
                             const std::string& stage, const std::string& name, const SupervisedRecipe& recipe,
                             uint64_t seed, const std::string& fingerprint, FirstLesson lesson = {},
                             WeightType weights = WeightType::float32) {
    BatchStream stream(std::move(documents), static_cast<size_t>(model.config.context), recipe.tokens_per_batch, seed,
                       stage, std::move(lesson));
    const TrainingOptions options = {recipe, stream.steps(recipe.epochs), fingerprint, weights};
    return train(model, stream, options, stage, run.metrics, run / name, tokenizer);
}

}  // namespace cai

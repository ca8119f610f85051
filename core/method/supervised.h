// The loop that every supervised stage shares: draw a batch, forward, backward, update; report, save, resume.
#pragma once
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../base/autosave.h"
#include "../io/run_directory.h"
#include "../io/training_state.h"
#include "../lm/batch_stream.h"
#include "../nn/learning_rate.h"
#include "../nn/model.h"
#include "recipe_fields.h"

namespace cai {

struct TrainingOptions : SupervisedRecipe {
    size_t steps = 0;
    std::string made_from;           // what decides the outcome: a state that was made from anything else is not resumed
    double save_every_seconds = 60;  // of the resumable state
};

// Trains on the tokens that the stream's documents mark as learned, with mean cross-entropy per token. Where
// `checkpoint` holds the state of an interrupted run, it goes on from there, to the same last bit as an uninterrupted one.
// Returns the mean loss of the last tenth of the steps. Throws kDiverged at the first loss that is not finite.
inline double train(Model& model, BatchStream& stream, const TrainingOptions& options, const std::string& stage,
                    Metrics& metrics, const std::filesystem::path& checkpoint, const Tokenizer& tokenizer) {
    AdamW optimizer(model);
    optimizer.weight_decay = options.weight_decay;
    optimizer.embedding_rate = options.embedding_rate;
    Gradients gradients(model);
    Activations activations;
    double tail_loss = 0;
    size_t tail_steps = 0;
    if (has_training_state(checkpoint) &&
        read_json(find_checkpoint(checkpoint) / "state.json")["made_from"].string() == options.made_from) {
        model = load_model(*model.kernels, checkpoint);
        Json state = load_training_state(checkpoint, model, optimizer);
        stream.restore({static_cast<size_t>(state["epoch"].integer()), static_cast<size_t>(state["index"].integer())});
        tail_loss = state["tail_loss"].number();
        tail_steps = static_cast<size_t>(state["tail_steps"].integer());
        note(stage, concat("resumes at step ", optimizer.step, " of ", options.steps));
    }
    const std::string what = concat(stage, " with --", stage.substr(stage.starts_with("sft-") ? 4 : 0), "-learning-rate ",
                                    options.learning_rate);  // for the messages
    Progress progress(stage, options.steps);
    size_t tokens = 0;
    Autosave autosave{options.save_every_seconds};
    for (size_t step = static_cast<size_t>(optimizer.step); step < options.steps; step++) {
        Batch batch = stream.next();
        const double loss = cross_entropy_gradients(model, gradients, batch, activations);
        if (!std::isfinite(loss))
            fail(kDiverged, what, ": the loss is ", loss, " at step ", step + 1, "; lower the learning rate and start again");
        float learning_rate =
            learning_rate_at(step, options.steps, options.learning_rate, options.warmup_steps, options.final_fraction);
        float norm;
        try {
            norm = optimizer.update(model, gradients, learning_rate);
        } catch (const Error& error) {
            fail(error.status, what, ": ", error.what());
        }
        tokens += batch.tokens.size();
        if (step * 10 >= options.steps * 9) {
            tail_loss += loss;
            tail_steps++;
        }
        progress.update(step + 1, {{"loss", loss}}, tokens);
        if (step < 10 || (step + 1) % 20 == 0 || step + 1 == options.steps)  // the first ones, to compare devices and programs by
            metrics.log(stage, step + 1, {{"loss", loss},
                                          {"learning_rate", learning_rate},
                                          {"grad_norm", norm},
                                          {"num_tokens", static_cast<double>(tokens)}});
        autosave.after(stage, "step", step + 1, options.steps, [&] {
            BatchStream::Position position = stream.position();
            save_checkpoint(checkpoint, model, tokenizer, optimizer,
                            Json::Object{{"made_from", options.made_from},
                                         {"epoch", position.epoch},
                                         {"index", position.index},
                                         {"tail_loss", tail_loss},
                                         {"tail_steps", tail_steps}});
        });
    }
    progress.done();
    return tail_steps ? tail_loss / static_cast<double>(tail_steps) : 0;
}

// The transcripts of a jsonl file, as tokens. What is learned is what the roles say: a model is trained to write answers, critiques
// and verdicts, not the requests and rules, whose wording nothing foretells.
inline std::vector<Document> read_documents(const std::filesystem::path& path, const Tokenizer& tokenizer) {
    std::vector<Document> documents;
    size_t line = 0;
    for (const Json& json : read_jsonl(path)) {
        documents.push_back(encode_document(tokenizer, segments_from_json(json, concat(path.string(), ": line ", ++line))));
    }
    return documents;
}

// Trains `model` on the documents and saves it as RUN/name; the resumable state lies in RUN/name.training meanwhile.
// Returns the mean loss of the last tenth of the steps.
inline double train_and_save(Model& model, std::vector<Document> documents, const Tokenizer& tokenizer, Run& run,
                             const std::string& stage, const std::string& name, const SupervisedRecipe& recipe,
                             uint64_t seed, const std::string& fingerprint) {
    BatchStream stream(std::move(documents), static_cast<size_t>(model.config.context), recipe.tokens_per_batch, seed, stage);
    const double batches = static_cast<double>(stream.tokens_per_epoch() / recipe.tokens_per_batch);
    const TrainingOptions options{recipe, std::max<size_t>(1, static_cast<size_t>(recipe.epochs * batches)), fingerprint};
    double loss = train(model, stream, options, stage, run.metrics, run / (name + ".training"), tokenizer);
    save_model(run / name, model, tokenizer);
    std::filesystem::remove_all(run / (name + ".training"));
    return loss;
}

}  // namespace cai

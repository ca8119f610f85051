// Pretraining: a randomly initialised model is trained on the world's documents. It learns language, facts, the
// consequences of acts, and the skill of applying a stated principle.
#pragma once
#include <filesystem>
#include <utility>
#include <vector>

#include "../method/supervised.h"

namespace cai {

// Trains RUN/pretrained on the given documents, after the first lesson if there is one.
inline void pretrain_on(const Kernels& kernels, Run& run, const Recipe& recipe, const Tokenizer& tokenizer,
                        std::vector<Document> documents, const std::string& fingerprint, FirstLesson lesson = {}) {
    Model model(kernels, preset(recipe.size, static_cast<int>(tokenizer.size())));
    model.initialize(recipe.seed);
    note("pretrain", concat(recipe.size, " model of ", parameter_count(model.config), " parameters, vocabulary of ",
                            tokenizer.size()));
    train_and_save(model, std::move(documents), tokenizer, run, "pretrain", "pretrained", recipe.pretrain, recipe.seed,
                   fingerprint, std::move(lesson));
}

inline void pretrain(const Kernels& kernels, Run& run, const Recipe& recipe, const std::string& fingerprint) {
    Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
    FirstLesson drills = {read_documents(run / "world/drills.jsonl", tokenizer), recipe.drill_tokens_per_batch,
                          recipe.drill_learning_rate};
    pretrain_on(kernels, run, recipe, tokenizer, read_documents(run / "world/documents.jsonl", tokenizer), fingerprint,
                std::move(drills));
}

}  // namespace cai

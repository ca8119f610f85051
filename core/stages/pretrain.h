// Pretraining: the model reads the world's documents from fresh weights. What it learns here is language, facts, what
// comes of what, and the skill of applying a stated rule.
#pragma once
#include <filesystem>
#include <utility>
#include <vector>

#include "../method/constitution.h"
#include "../method/supervised.h"

namespace cai {

// Makes RUN/pretrained from any documents.
inline void pretrain_on(const Kernels& kernels, Run& run, const Recipe& recipe, const Tokenizer& tokenizer,
                        std::vector<Document> documents) {
    Model model(kernels, preset(recipe.size, static_cast<int>(tokenizer.size())));
    model.initialize(recipe.seed);
    note("pretrain", concat(recipe.size, " model of ", parameter_count(model.config), " parameters, vocabulary of ",
                            tokenizer.size()));
    train_and_save(model, std::move(documents), tokenizer, run, "pretrain", "pretrained", recipe.pretrain, recipe.seed);
}

inline void pretrain(const Kernels& kernels, Run& run, const Recipe& recipe) {
    Tokenizer tokenizer = read_tokenizer(run / "tokenizer");
    // Pretraining knows no constitution. But a line that critique would refuse is better refused before the long work than after.
    if (std::filesystem::exists(run / "constitution.txt"))
        check_lengths(Constitution::read(run / "constitution.txt"), tokenizer,
                      preset(recipe.size, static_cast<int>(tokenizer.size())).context);
    pretrain_on(kernels, run, recipe, tokenizer, read_documents(run / "world/documents.jsonl", tokenizer));
}

}  // namespace cai

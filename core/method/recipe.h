// One dial, --size, and what it sets: every number of the story in one place. The seed draws the world, the weights, the order
// of the data and every sample.
#pragma once
#include <cstdint>
#include <string>

#include "ppo_conventions.h"

namespace cai {

struct CorpusRecipe {
    size_t documents, dialogues, reviews;           // pretraining; helpful-only fine-tuning; reviews mixed into it
    size_t critique_prompts, helpful_prompts, compare_prompts, ppo_prompts;
    size_t replayed, replayed_conversations;  // documents of the encyclopedia and conversations mixed into SL-CAI's fine-tuning
};

// What a recipe says of a supervised stage.
struct SupervisedRecipe {
    size_t tokens_per_batch = 2048;
    double epochs = 1;
    float learning_rate = 2e-3f;
    size_t warmup_steps = 100;
    float final_fraction = 0.1f;  // the learning rate's last value, as a share of its peak
    float weight_decay = 0.1f;    // of matrices
    float embedding_rate = 1;     // the embedding table's learning rate, as a share of the others'
};

struct CritiqueRecipe {
    int rounds = 4;
    float temperature = 1;
};

struct CompareRecipe {
    bool reasoning = true;
    float clamp_low = 0, clamp_high = 1;  // the paper's 0.4 and 0.6 leave too faint a signal here: see README.md, Results
    float temperature = 1;  // of the two answers
};

struct RewardRecipe {
    size_t pairs_per_batch;
    double epochs;
    float learning_rate;
};

struct PpoRecipe {
    size_t iterations, rollouts;  // rollouts an iteration
    int epochs, minibatches;
    float learning_rate, value_learning_rate;
    int max_new_tokens = 48;
    PpoOptions options;           // the conventions on which libraries differ (ppo_conventions.h)
};

struct EvaluateRecipe {
    size_t prompts;  // a cell, at most; distinct
    size_t pairs;    // matched pairs a split for the critic and the judge
};

struct Recipe {
    std::string size;
    uint64_t seed = 1;
    int vocab_size;
    CorpusRecipe corpus;
    SupervisedRecipe pretrain, helpful, sl_cai;
    CritiqueRecipe critique;
    CompareRecipe compare;
    RewardRecipe reward;
    PpoRecipe ppo;
    EvaluateRecipe evaluate;
};

inline Recipe recipe(const std::string& size, uint64_t seed) {
    Recipe r;
    r.size = size;
    r.seed = seed;
    r.vocab_size = 2048;  // enough for every topic to be one token
    r.corpus = {88000, 13000, 22000, 3500, 2500, 4000, 4000, 14500, 4000};
    // The embeddings learn slowly, so that layers learn what every look-up needs: learned word by word, it would be missing from
    // the words that no review shows.
    r.pretrain = {2048, 1, 2e-3f, 100, 0.02f, 0.25f, 0.5f};
    r.helpful = {2048, 1, 1e-3f, 20, 0.02f, 0.1f, 0.5f};
    r.sl_cai = {2048, 2, 1e-3f, 20, 0.02f, 0.1f, 0.5f};
    r.reward = {32, 2, 5e-4f};
    r.ppo = {.iterations = 60, .rollouts = 128, .epochs = 2, .minibatches = 2, .learning_rate = 7e-5f,
             .value_learning_rate = 3e-4f, .options = {}};
    r.ppo.options.kl_coefficient = 0.3;  // at 0.05 a model this small garbles one refusal in ten; at 0.2 refusing spreads
    r.evaluate = {1000, 500};
    if (size == "micro") {
        r.vocab_size = 512;
        r.corpus = {600, 200, 100, 24, 24, 24, 64, 20, 20};
        r.pretrain = {512, 1, 5e-3f, 5, 0.1f, 0.1f, 0.5f};
        r.helpful = {512, 1, 2e-3f, 5, 0.1f, 0.1f, 0.5f};
        r.sl_cai = {512, 1, 2e-3f, 5, 0.1f, 0.1f, 0.5f};
        r.reward.epochs = 1;
        r.ppo.iterations = 2;
        r.ppo.rollouts = 16;
        r.evaluate = {12, 8};
    } else if (size == "small") {
        r.corpus.documents = 180000;
        r.pretrain.learning_rate = 1.5e-3f;
    } else if (size == "base") {
        r.corpus.documents = 240000;
        r.pretrain.learning_rate = 1e-3f;
    } else if (size != "tiny") {
        fail(kUsage, "size \"", size, "\" is unknown: choose micro, tiny, small or base");
    }
    return r;
}

}  // namespace cai

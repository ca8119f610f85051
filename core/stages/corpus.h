// The world stage: writes the documents and prompts that the other stages read. Held-out words
// appear only in the encyclopedia and in dialogues; the prompts for critique, compare and ppo use
// seen words only and are drawn uniformly over acts.
#pragma once
#include <algorithm>
#include <map>
#include <string>

#include "../io/run_directory.h"
#include "../method/recipe.h"
#include "../world/documents.h"
#include "../world/prompts.h"

namespace cai {

// Appends `count` documents of one kind. Document i, counted from 0, depends only on (seed, purpose, kind, i).
inline void write_documents(const World& world, const std::string& purpose, const std::string& kind, size_t count,
                            std::string& jsonl) {
    DocumentWriter writer(world);
    for (size_t i = 0; i < count; i++) {
        Rng rng(world.seed, mix(stream(purpose + " " + kind), i));
        jsonl += dump(to_json(kind, writer.write(kind, rng))) + "\n";
    }
}

// The number of documents of one kind among `all`.
inline size_t number_of(const DocumentShare& mix, size_t all) {
    return static_cast<size_t>(static_cast<double>(all) * mix.share + 0.5);
}

// What the stage writes, by file, in the run directory. It depends on seed and recipe alone.
inline std::map<std::string, std::string> corpus_files(const World& world, const CorpusRecipe& recipe) {
    std::string drills, documents, dialogues, reviews, prompts;
    Json counts = Json::Object{};
    size_t review_documents = 0;
    auto count = [&](const std::string& kind, size_t n) {
        counts.set(kind, n);
        if (is_review(kind)) review_documents += n;
    };
    for (const DocumentShare& mix : kPretrainingMix) {
        const size_t n = number_of(mix, recipe.documents);
        write_documents(world, "pretraining", mix.kind, n,
                        mix.kind == std::string(kFirstLesson) ? drills : documents);
        count(mix.kind, n);
    }
    write_documents(world, "helpful", "dialogue", recipe.dialogues, dialogues);
    for (const DocumentShare& mix : kReviewMix) {
        const size_t n = number_of(mix, recipe.reviews);
        write_documents(world, "helpful", mix.kind, n, reviews);
        review_documents += n;
    }
    DocumentWriter writer(world);
    const bool hazards = std::any_of(world.acts.begin(), world.acts.end(),
                                     [](const Act& act) { return act.kind == Kind::hazard && !act.held_out; });
    auto write_prompts = [&](const std::string& set, size_t n, double harmful) {
        Rng rng(world.seed, stream("prompts " + set));
        for (size_t i = 0; i < n; i++) {
            const bool harm = hazards && rng.chance(harmful);
            Request request = world.draw_request(
                rng, [&](const Act& act) { return !act.held_out && (act.kind == Kind::hazard) == harm; },
                [](const Entity& entity) { return !entity.held_out; });
            prompts += dump(to_json(world, set, Prompt{request, world.prompt(request)})) + "\n";
        }
    };
    // The paper revises answers to harmful prompts only; here a constitution may also forbid benign acts.
    write_prompts("critique", recipe.critique_prompts, 0.5);
    write_prompts("helpful", recipe.helpful_prompts, 0);
    write_prompts("compare", recipe.compare_prompts, 0.33);
    write_prompts("ppo", recipe.ppo_prompts, 0.33);

    auto held_out = [](const auto& items, auto name) {
        Json list = Json::Array{};
        for (const auto& item : items)
            if (item.held_out) list.push(name(item));
        return list;
    };
    Json phrasings = Json::Array{};
    for (size_t i = 0; i < world.phrases.principles.size(); i++)
        if (world.phrases.phrasing_held_out[i]) phrasings.push(world.phrases.principles[i]);
    Json summary = Json::Object{};
    summary.set("seed", world.seed)
        .set("documents", counts)
        .set("review_documents", review_documents)
        .set("held_out",
             Json(Json::Object{{"hazards", held_out(world.acts, [](const Act& act) { return Json(act.name); })},
                               {"entities", held_out(world.entities, [](const Entity& e) { return Json(e.name); })},
                               {"phrasings", phrasings}}));
    return {{"world/drills.jsonl", drills},       {"world/documents.jsonl", documents},
            {"world/dialogues.jsonl", dialogues}, {"world/reviews.jsonl", reviews},
            {"world/prompts.jsonl", prompts},     {"world/world.json", dump(summary, 2) + "\n"}};
}

inline void write_corpus(Run& run, const World& world, const CorpusRecipe& recipe) {
    for (const auto& [file, text] : corpus_files(world, recipe)) write_file(run / file, text);
    const int64_t reviews = read_json(run / "world/world.json")["review_documents"].integer();
    note("world", concat(recipe.documents, " documents for pretraining; ", reviews,
                         " reviews and drills in total, those for fine-tuning included"));
}

}  // namespace cai

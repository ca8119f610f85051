// Supervised fine-tuning of the pretrained model, done twice: on dialogues, which gives the helpful-only assistant, and
// on that assistant's revised answers, which gives SL-CAI (paper, sections 3.1 and 3.2).
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../lm/prompt_templates.h"
#include "../method/supervised.h"

namespace cai {

// The training data of the helpful-only assistant: dialogues, and reviews so that it keeps the skill of applying a
// principle, since it is also the critic.
inline std::vector<Document> helpful_documents(const Run& run, const Tokenizer& tokenizer) {
    std::vector<Document> documents = read_documents(run / "world/dialogues.jsonl", tokenizer);
    std::vector<Document> reviews = read_documents(run / "world/reviews.jsonl", tokenizer);
    auto learned = [](const std::vector<Document>& documents) {
        double tokens = 0;
        for (const Document& document : documents)
            for (uint8_t learn : document.learn) tokens += learn;
        return tokens;
    };
    const double all = learned(reviews) + learned(documents), share = all > 0 ? learned(reviews) / all : 0;
    note("sft", concat("helpful-only: ", documents.size(), " dialogues, ", reviews.size(), " reviews (",
                       static_cast<int>(100 * share + 0.5), " % of the learned tokens)"));
    documents.insert(documents.end(), reviews.begin(), reviews.end());
    return documents;
}

inline void sft_helpful(const Kernels& kernels, Run& run, const Recipe& recipe, const std::string& fingerprint) {
    Model model = load_model(kernels, run / "pretrained");
    Tokenizer tokenizer = load_tokenizer(run / "pretrained");
    train_and_save(model, helpful_documents(run, tokenizer), tokenizer, run, "sft-helpful", "helpful", recipe.helpful,
                   recipe.seed, fingerprint);
}

// The training data of SL-CAI: the revisions of all rounds, helpful samples, and replayed pretraining
// documents, so that it does not forget words that no prompt contains. Without revisions (an empty
// constitution) the original answers take their place.
inline std::vector<Document> sl_cai_documents(const Run& run, const Tokenizer& tokenizer, const CorpusRecipe& recipe) {
    std::vector<Document> documents;
    auto add = [&](const std::string& prompt, const std::string& answer) {
        documents.push_back(encode_document(tokenizer, completed(dialogue_prompt(prompt), answer)));
    };
    size_t revisions = 0, samples = 0;
    each_of_jsonl(run / "revisions.jsonl", [&](const Json& record) {
        const std::string& prompt = record["prompt"].string();
        const auto& rounds = record["rounds"].array();
        if (rounds.empty()) add(prompt, record["answer"].string());
        for (const Json& round : rounds) {
            add(prompt, round["revision"].string());
            revisions++;
        }
    });
    each_of_jsonl(run / "helpful-samples.jsonl", [&](const Json& record) {
        add(record["prompt"].string(), record["answer"].string());
        samples++;
    });
    std::map<std::string, size_t> left = {{"encyclopedia", recipe.replayed},
                                          {"conversation", recipe.replayed_conversations}};
    each_of_jsonl(run / "world/documents.jsonl", [&](const Json& json) {
        auto kind = left.find(json["kind"].string());
        if (kind == left.end() || kind->second == 0) return;
        documents.push_back(encode_document(tokenizer, segments_from_json(json)));
        kind->second--;
    });
    note("sft", concat("SL-CAI: ", revisions, " revisions, ", samples, " helpful samples, ",
                       recipe.replayed - left["encyclopedia"], " documents of the encyclopedia and ",
                       recipe.replayed_conversations - left["conversation"], " conversations replayed"));
    return documents;
}

// Starts from the pretrained model, not from the helpful-only assistant.
inline void sft_sl_cai(const Kernels& kernels, Run& run, const Recipe& recipe, const std::string& fingerprint) {
    Model model = load_model(kernels, run / "pretrained");
    Tokenizer tokenizer = load_tokenizer(run / "pretrained");
    std::vector<Document> documents = sl_cai_documents(run, tokenizer, recipe.corpus);
    train_and_save(model, std::move(documents), tokenizer, run, "sft-sl-cai", "sl-cai", recipe.sl_cai, recipe.seed,
                   fingerprint, {}, recipe.weights);
}

}  // namespace cai

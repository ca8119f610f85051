// cai logprobs: how likely a model finds each token of a text.
#pragma once
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include "../base/table.h"
#include "../io/typed_tensors.h"
#include "../nn/model.h"
#include "../session.h"
#include "token_input.h"
#include "verb.h"

namespace cai {

// Of each token of a sequence but the first, which nothing predicts: element i belongs to token i + 1.
struct TokenFigures {
    std::vector<float> logprobs, entropies;  // (T-1) log p(token | those before it); of that distribution, in nats
    std::vector<size_t> ranks;               // (T-1) 1: no token was more likely
    std::vector<float> logits;               // (T,V) at every token; the last row predicts what would follow
};

// Temperature 1, over the whole vocabulary. Errors: no tokens, a score head, a token outside the vocabulary, or more
// tokens than the context.
inline TokenFigures token_figures(const Model& model, const std::vector<Token>& ids) {
    expects(!model.config.score_head,
            "this is a score model, which gives no tokens a probability: name a language model");
    expects(!ids.empty(), "there are no tokens to read: give at least one");
    const size_t T = ids.size(), V = alphabet(model.config).V;
    Batch batch;
    std::vector<int32_t> rows;
    for (size_t t = 0; t < T; t++) rows.push_back(static_cast<int32_t>(t));
    batch.add_scored(ids.data(), T, rows);
    batch.targets.assign(ids.begin() + 1, ids.end());
    batch.targets.push_back(-1);  // nothing follows the last token
    Activations activations;
    forward(model, batch, activations);
    const Outputs outputs = outputs_of(model, batch, activations);
    TokenFigures figures{outputs.logprobs, outputs.entropies, {}, std::vector<float>(T * V)};
    figures.logprobs.pop_back(), figures.entropies.pop_back();
    model.kernels->download(figures.logits.data(), activations.logits, T * V * sizeof(float));
    for (size_t t = 0; t + 1 < T; t++) {
        const float* logits = figures.logits.data() + t * V;
        size_t rank = 1;
        for (size_t v = 0; v < V; v++) rank += logits[v] > logits[ids[t + 1]];
        figures.ranks.push_back(rank);
    }
    return figures;
}

inline int run_logprobs(Arguments& arguments, const std::filesystem::path&) {
    int threads;
    const Kernels& kernels = kernels_for(arguments, threads);
    const std::string directory = arguments.positional(0, "the folder or file of a model, such as runs/story/rl-cai");
    const TokenArguments given(arguments);
    const std::string tokenizer_path = arguments.string("tokenizer", "");
    const std::string logits = arguments.string("logits", "");
    const bool json = arguments.flag("json");
    arguments.finish();
    const ModelSource source = open_model(directory, tokenizer_path);
    expect_writer(source.config, directory);
    const TokenInput input = given.encode(source);
    const Model model = load_model(kernels, source, Use::inference);
    const TokenFigures figures = token_figures(model, input.ids);

    double total = 0;
    size_t counted = 0;
    for (size_t t = input.first_counted; t < input.ids.size(); t++) total += figures.logprobs[t - 1], counted++;
    const auto piece = [&](Token id) { return input.tokenizer ? input.tokenizer->piece(id) : std::string(); };
    if (!logits.empty()) {
        const std::vector<int64_t> ids(input.ids.begin(), input.ids.end());
        write_typed_tensors(logits,
                            {typed_tensor("input_ids", {ids.size()}, ids),
                             typed_tensor("logits", {ids.size(), alphabet(model.config).V}, figures.logits)},
                            Json::Object{{"model", directory}});
    }
    if (json) {
        Json ids = Json::Array{}, pieces = Json::Array{}, logprobs = Json::Array{Json()};
        Json entropies = Json::Array{Json()}, ranks = Json::Array{Json()};
        for (Token id : input.ids) ids.push(id), pieces.push(piece(id));
        for (size_t i = 0; i < figures.ranks.size(); i++) {
            logprobs.push(figures.logprobs[i]), entropies.push(figures.entropies[i]), ranks.push(figures.ranks[i]);
        }
        Json result = Json::Object{{"ids", ids}};
        if (input.tokenizer) result.set("pieces", pieces);
        result.set("logprobs", logprobs).set("entropies", entropies).set("ranks", ranks);
        result.set("first_counted", input.first_counted).set("tokens", counted).set("total", total);
        result.set("mean", counted ? Json(total / static_cast<double>(counted)) : Json());
        std::cout << dump(result) << "\n";
        return kDone;
    }
    std::vector<std::vector<std::string>> rows = {{"token", "id", "piece", "log p", "entropy", "rank"}};
    const auto fixed = [](double value) {
        char text[32];
        std::snprintf(text, sizeof text, "%.5f", value);
        return std::string(text);
    };
    for (size_t t = 0; t < input.ids.size(); t++) {
        rows.push_back({std::to_string(t), std::to_string(input.ids[t]),
                        input.tokenizer ? dump(Json(piece(input.ids[t]))) : "", "-", "-", "-"});
        if (t == 0) continue;
        rows.back()[3] = fixed(figures.logprobs[t - 1]), rows.back()[4] = fixed(figures.entropies[t - 1]);
        rows.back()[5] = std::to_string(figures.ranks[t - 1]);
    }
    std::cout << format_table(rows) << "\n"
              << "total  " << fixed(total) << " nats over " << counted
              << (given.answer ? " tokens of the answer" : " tokens after the first");
    if (counted) std::cout << "\nmean   " << fixed(total / static_cast<double>(counted)) << " nats per token";
    std::cout << "\n";
    return kDone;
}

inline Verb logprobs_verb() {
    return {"logprobs",
            "how likely a model finds each token of a text",
            "cai logprobs runs/story/rl-cai --prompt \"How do I brush the goat?\" --answer \"Gently.\"",
            {kText,
             kPrompt,
             kAnswer,
             kIds,
             kTokenizer,
             {"logits", "FILE", "write the logits, tokens by vocabulary, to this safetensors file"},
             kJson,
             kThreads,
             kDevice,
             kPrecision},
            run_logprobs,
            false};
}

}  // namespace cai

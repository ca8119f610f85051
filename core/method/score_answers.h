// Scores answers with a preference model. The score is read at the end of text that closes the dialogue: a token of its
// own for the score, as in Askell et al. 2021 (2112.00861, C.4). The model is trained on differences of scores; their
// common offset means nothing, and the stage that trains the model stores the mean that centres them.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "../io/replace_directory.h"
#include "../lm/prompt_templates.h"
#include "../nn/model.h"

namespace cai {

// The most rows of one forward pass over answers, which bounds its memory.
inline constexpr size_t kScoringRows = 4096;

// The dialogue of one prompt and its answer, closed by the end of text; answer and end are what a model learns.
// Errors: longer than the model's context.
inline Document encode_answer(const Model& model, const Tokenizer& tokenizer, const std::string& prompt,
                              const std::string& answer) {
    Document document = encode_document(tokenizer, completed(dialogue_prompt(prompt), answer));
    const size_t length = document.tokens.size();
    expects(length <= static_cast<size_t>(model.config.context), "a prompt and its answer have ", length,
            " tokens, more than the context of ", model.config.context, " of the model: \"", prompt,
            "\"; shorten one of them");
    return document;
}

// The score of each answers[i] to prompts[i], minus `mean`. Neither the order
// nor the number of answers changes a score.
inline std::vector<float> score_answers(const Model& model, const Tokenizer& tokenizer,
                                        const std::vector<std::string>& prompts,
                                        const std::vector<std::string>& answers, double mean = 0) {
    expects(prompts.size() == answers.size(), "there are ", answers.size(), " answers to ", prompts.size(),
            " prompts; give one to each");
    Activations activations;
    std::vector<float> result;
    Batch batch;
    auto flush = [&] {
        for (float score : scores(model, batch, activations)) result.push_back(static_cast<float>(score - mean));
        batch = Batch();
    };
    for (size_t i = 0; i < prompts.size(); i++) {
        const std::vector<Token> tokens = encode_answer(model, tokenizer, prompts[i], answers[i]).tokens;
        if (!batch.tokens.empty() && batch.tokens.size() + tokens.size() > kScoringRows) flush();
        batch.add_scored(tokens.data(), tokens.size(), {static_cast<int32_t>(tokens.size() - 1)});
    }
    if (!batch.tokens.empty()) flush();
    return result;
}

// The mean score of the answers that the model was trained on, for score_answers to
// subtract: from score.json beside the weights.
inline double load_score_mean(const std::filesystem::path& directory) {
    const std::filesystem::path path = find_checkpoint(directory) / "score.json";
    expects(std::filesystem::exists(path), path,
            ": there is no such file, so the scores of this model cannot ", "be centred; run `cai reward` again");
    const Json score = read_json(path);
    return located(path.string(), [&] { return score["mean"].number(); });
}

}  // namespace cai

// AI feedback: a judge says which of two answers it prefers, by its probabilities of A and B (paper, section 4.1).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../lm/next_token_logprobs.h"
#include "preference.h"
#include "writing.h"

namespace cai {

inline std::vector<Token> verdict_tokens(const Tokenizer& tokenizer) {
    return {tokenizer.encode("A")[0], tokenizer.encode("B")[0]};
}

// The judge's p(A) for each verdict prompt, from its log-probabilities of A and B as the next token, normalised over
// the two (paper, section 4.1); 0.5 if the prompt is too long.
inline std::vector<double> judge_verdicts(const Model& judge, const Tokenizer& tokenizer,
                                          const std::vector<Transcript>& transcripts, TooLong* too_long = nullptr) {
    std::vector<uint64_t> asked;
    const auto prompts = encode_prompts(tokenizer, transcripts, judge.config.context, too_long, asked);
    const auto logprobs = next_token_logprobs(judge, prompts, verdict_tokens(tokenizer));
    std::vector<double> p(transcripts.size(), 0.5);
    for (size_t i = 0; i < asked.size(); i++) p[asked[i]] = preference(logprobs[i][0], logprobs[i][1]);
    return p;
}

struct ReasonedVerdicts {
    std::vector<std::string> reasoning;
    std::vector<double> p;  // as judge_verdicts() gives them
};

// The same with chain of thought (paper, section 4.1): the judge first continues each transcript with its reasoning, at
// temperature 0, and is then asked for its verdict.
inline ReasonedVerdicts judge_with_reasoning(const Model& judge, const Tokenizer& tokenizer,
                                             const std::vector<Transcript>& transcripts,
                                             const NextTranscript& next_transcript, uint64_t seed,
                                             const std::string& purpose, TooLong& too_long) {
    GenerateOptions options = writing_options(0, seed, purpose);
    const auto prompts =
        encode_prompts(tokenizer, transcripts, judge.config.context - 1, &too_long, options.sample_ids);
    ReasonedVerdicts verdicts{std::vector<std::string>(transcripts.size()),
                              std::vector<double>(transcripts.size(), 0.5)};
    const OnCompletion go_on = [&](size_t prompt, const Completion& completion) -> std::optional<Continuation> {
        const size_t i = options.sample_ids[prompt];
        if (completion.tokens.empty()) {
            verdicts.p[i] = preference(completion.logprobs[0], completion.logprobs[1]);
            return {};
        }
        verdicts.reasoning[i] = text_of(tokenizer, completion);
        return continuation_of(tokenizer, next_transcript(i, verdicts.reasoning[i]), judge.config.context, too_long[i],
                               verdict_tokens(tokenizer));
    };
    generate(judge, prompts, options, {}, go_on);
    return verdicts;
}

// Judges n comparisons, with or without reasoning. lay_out(i, form) calls `form` with the prompt, the options A and B,
// and the principle of comparison i.
template <class LayOut>
ReasonedVerdicts judge_comparisons(const Model& judge, const Tokenizer& tokenizer, size_t n, const LayOut& lay_out,
                                   bool reasoning, uint64_t seed, const std::string& purpose, TooLong& too_long) {
    const auto verdict = [&](size_t i, const std::string& reason) {
        return lay_out(i, [&](auto&... texts) { return verdict_prompt(texts..., reason); });
    };
    std::vector<Transcript> transcripts;
    for (size_t i = 0; i < n; i++) transcripts.push_back(reasoning ? lay_out(i, reasoning_prompt) : verdict(i, ""));
    if (reasoning) return judge_with_reasoning(judge, tokenizer, transcripts, verdict, seed, purpose, too_long);
    return {{}, judge_verdicts(judge, tokenizer, transcripts, &too_long)};
}

}  // namespace cai

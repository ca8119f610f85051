// Lets a model write: transcripts in, texts out. Shared by the stages that sample.
#pragma once
#include <string>
#include <vector>

#include "advantage.h"
#include "sampler.h"
#include "transcript.h"

namespace cai {

// The texts with which the model continues each transcript, up to the next special token. The draws depend on (seed, purpose,
// index of the transcript) alone.
inline std::vector<std::string> write_texts(const Model& model, const Tokenizer& tokenizer,
                                            const std::vector<Transcript>& transcripts, float temperature, uint64_t seed,
                                            const std::string& purpose) {
    std::vector<std::vector<Token>> prompts;
    for (const Transcript& transcript : transcripts) prompts.push_back(encode_prompt(tokenizer, transcript));
    GenerateOptions options;
    options.sampling.temperature = temperature;
    options.max_new_tokens = 80;
    options.seed = mix(seed, stream(purpose));
    std::vector<std::string> texts;
    for (Completion& completion : generate(model, prompts, options)) {
        if (completion.stopped) completion.tokens.pop_back();
        texts.push_back(tokenizer.decode(completion.tokens));
    }
    return texts;
}

// The judge's p(A) for each verdict prompt: its log-probabilities of A and B as the next token, normalised over the two (paper,
// section 4.1).
inline std::vector<double> judge_verdicts(const Model& judge, const Tokenizer& tokenizer,
                                          const std::vector<Transcript>& transcripts) {
    std::vector<std::vector<Token>> prompts;
    for (const Transcript& transcript : transcripts) prompts.push_back(encode_prompt(tokenizer, transcript));
    std::vector<double> p;
    for (const auto& logprobs :
         next_token_logprobs(judge, prompts, {tokenizer.encode("A")[0], tokenizer.encode("B")[0]}))
        p.push_back(preference(logprobs[0], logprobs[1]));
    return p;
}

}  // namespace cai

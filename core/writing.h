// Lets a model write: transcripts in, texts out. Shared by the stages that sample.
//
// A model that babbles can fill the context before the critic or the judge has said a word. The rule for that, everywhere:
// what does not fit is not asked. The critic's answer stays as it is, the judge's label is 0.5, and the stage counts them.
#pragma once
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "advantage.h"
#include "sampler.h"
#include "transcript.h"

namespace cai {

// Which transcripts were too long for the context: 1 at their index. Calls add to it.
using TooLong = std::vector<uint8_t>;

inline size_t count(const TooLong& too_long) { return std::accumulate(too_long.begin(), too_long.end(), size_t{0}); }

// The tokens of the transcripts, and in `asked` the indices of those that are not marked as too long. With `too_long`, those
// of more than `longest` tokens are marked; without, the sampler refuses them.
inline std::vector<std::vector<Token>> encode_prompts(const Tokenizer& tokenizer, const std::vector<Transcript>& transcripts,
                                                      size_t longest, TooLong* too_long, std::vector<uint64_t>& asked) {
    if (too_long) too_long->resize(transcripts.size());
    std::vector<std::vector<Token>> prompts;
    for (size_t i = 0; i < transcripts.size(); i++) {
        std::vector<Token> prompt = encode_prompt(tokenizer, transcripts[i]);
        if (too_long && prompt.size() > longest) (*too_long)[i] = 1;
        if (too_long && (*too_long)[i]) continue;
        prompts.push_back(std::move(prompt));
        asked.push_back(i);
    }
    return prompts;
}

// The texts with which the model continues each transcript, up to the next special token; empty where it is too long. The draws
// depend on (seed, purpose, index of the transcript) alone.
inline std::vector<std::string> write_texts(const Model& model, const Tokenizer& tokenizer,
                                            const std::vector<Transcript>& transcripts, float temperature, uint64_t seed,
                                            const std::string& purpose, TooLong* too_long = nullptr) {
    GenerateOptions options;
    const auto prompts = encode_prompts(tokenizer, transcripts, model.config.context - 1, too_long, options.keys);
    options.sampling.temperature = temperature;
    options.max_new_tokens = 80;
    options.seed = mix(seed, stream(purpose));
    std::vector<std::string> texts(transcripts.size());
    std::vector<Completion> completions = generate(model, prompts, options);
    for (size_t i = 0; i < completions.size(); i++) {
        if (completions[i].stopped) completions[i].tokens.pop_back();
        texts[options.keys[i]] = tokenizer.decode(completions[i].tokens);
    }
    return texts;
}

// The judge's p(A) for each verdict prompt: its log-probabilities of A and B as the next token, normalised over the two (paper,
// section 4.1); 0.5 where the prompt is too long.
inline std::vector<double> judge_verdicts(const Model& judge, const Tokenizer& tokenizer,
                                          const std::vector<Transcript>& transcripts, TooLong* too_long = nullptr) {
    std::vector<uint64_t> asked;
    const auto prompts = encode_prompts(tokenizer, transcripts, judge.config.context, too_long, asked);
    const auto logprobs = next_token_logprobs(judge, prompts, {tokenizer.encode("A")[0], tokenizer.encode("B")[0]});
    std::vector<double> p(transcripts.size(), 0.5);
    for (size_t i = 0; i < asked.size(); i++) p[asked[i]] = preference(logprobs[i][0], logprobs[i][1]);
    return p;
}

}  // namespace cai

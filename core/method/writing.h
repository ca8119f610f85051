// Text generation for the stages that sample: transcripts in, texts out.
//
// A rambling model can fill the context before the critic or the judge has written a word. The rule
// everywhere: a prompt that does not fit is not asked. The answer then stays unrevised, the judge's label
// is 0.5, and the stage counts such cases.
#pragma once
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../lm/prompt_templates.h"
#include "../lm/sampler.h"

namespace cai {

// Which transcripts were too long for the context: 1 at their index. Calls add to it.
using TooLong = std::vector<uint8_t>;

inline size_t count(const TooLong& too_long) { return std::accumulate(too_long.begin(), too_long.end(), size_t{0}); }

// The tokens of the transcripts, and in `asked` the indices of those not marked as too long. With `too_long`, those of
// more than `longest` tokens are marked; without it, the sampler refuses them.
inline std::vector<std::vector<Token>> encode_prompts(const Tokenizer& tokenizer,
                                                      const std::vector<Transcript>& transcripts, size_t longest,
                                                      TooLong* too_long, std::vector<uint64_t>& asked) {
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

// The draws depend only on (seed, purpose, index of the transcript).
inline GenerateOptions writing_options(float temperature, uint64_t seed, const std::string& purpose) {
    GenerateOptions options;
    options.sampling.temperature = temperature;
    options.max_new_tokens = 80;
    options.seed = mix(seed, stream(purpose));
    return options;
}

// The model's continuation of each transcript, up to the next special token; empty if the transcript is too long.
inline std::vector<std::string> write_texts(const Model& model, const Tokenizer& tokenizer,
                                            const std::vector<Transcript>& transcripts, float temperature,
                                            uint64_t seed, const std::string& purpose, TooLong* too_long = nullptr) {
    GenerateOptions options = writing_options(temperature, seed, purpose);
    const auto prompts = encode_prompts(tokenizer, transcripts, model.config.context - 1, too_long, options.sample_ids);
    std::vector<std::string> texts(transcripts.size());
    const std::vector<Completion> completions = generate(model, prompts, options);
    for (size_t i = 0; i < completions.size(); i++) texts[options.sample_ids[i]] = text_of(tokenizer, completions[i]);
    return texts;
}

// A request to continue a transcript, or for the log-probabilities of the candidates as its next token. Empty if the
// transcript has more than `longest` tokens, which sets too_long.
inline std::optional<Continuation> continuation_of(const Tokenizer& tokenizer, const Transcript& transcript,
                                                   size_t longest, uint8_t& too_long,
                                                   std::vector<Token> candidates = {}) {
    Continuation continuation{encode_prompt(tokenizer, transcript), std::move(candidates)};
    too_long = continuation.prompt.size() > longest;
    if (too_long) return {};
    return continuation;
}

// The next turn's full prompt, from transcript i and the model's continuation;
// tokens already cached are not recomputed.
using NextTranscript = std::function<Transcript(size_t i, const std::string& text)>;

struct TwoTexts {
    std::vector<std::string> first, second;
};

// Like write_texts(), but for two turns: the second continues next_transcript() of the first.
inline TwoTexts write_two_texts(const Model& model, const Tokenizer& tokenizer,
                                const std::vector<Transcript>& transcripts, const NextTranscript& next_transcript,
                                float temperature, uint64_t seed, const std::string& purpose, TooLong& too_long) {
    GenerateOptions options = writing_options(temperature, seed, purpose);
    const size_t longest = model.config.context - 1;
    const auto prompts = encode_prompts(tokenizer, transcripts, longest, &too_long, options.sample_ids);
    TwoTexts texts{std::vector<std::string>(transcripts.size()), std::vector<std::string>(transcripts.size())};
    std::vector<uint8_t> has_first(transcripts.size());
    const OnCompletion go_on = [&](size_t prompt, const Completion& completion) -> std::optional<Continuation> {
        const size_t i = options.sample_ids[prompt];
        (has_first[i] ? texts.second : texts.first)[i] = text_of(tokenizer, completion);
        if (has_first[i]++) return {};
        return continuation_of(tokenizer, next_transcript(i, texts.first[i]), longest, too_long[i]);
    };
    generate(model, prompts, options, {}, go_on);
    return texts;
}

}  // namespace cai

// Lets a model write: transcripts in, texts out. Shared by the stages that sample.
//
// A model that babbles can fill the context before the critic or the judge has said a word. The rule for that, everywhere:
// what does not fit is not asked. The critic's answer stays as it is, the judge's label is 0.5, and the stage counts them.
#pragma once
#include <cstdint>
#include <functional>
#include <numeric>
#include <optional>
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

// The draws depend on (seed, purpose, index of the transcript) alone.
inline GenerateOptions writing_options(float temperature, uint64_t seed, const std::string& purpose) {
    GenerateOptions options;
    options.sampling.temperature = temperature;
    options.max_new_tokens = 80;
    options.seed = mix(seed, stream(purpose));
    return options;
}

// The texts with which the model continues each transcript, up to the next special token; empty where it is too long.
inline std::vector<std::string> write_texts(const Model& model, const Tokenizer& tokenizer,
                                            const std::vector<Transcript>& transcripts, float temperature, uint64_t seed,
                                            const std::string& purpose, TooLong* too_long = nullptr) {
    GenerateOptions options = writing_options(temperature, seed, purpose);
    const auto prompts = encode_prompts(tokenizer, transcripts, model.config.context - 1, too_long, options.keys);
    std::vector<std::string> texts(transcripts.size());
    const std::vector<Completion> completions = generate(model, prompts, options);
    for (size_t i = 0; i < completions.size(); i++) texts[options.keys[i]] = text_of(tokenizer, completions[i]);
    return texts;
}

// The turn that asks for the rest of a transcript, or for the worth of the candidates as its next token; none where it is
// longer than that, which is marked.
inline std::optional<Turn> turn_of(const Tokenizer& tokenizer, const Transcript& transcript, size_t longest, uint8_t& too_long,
                                   std::vector<Token> candidates = {}) {
    Turn turn{encode_prompt(tokenizer, transcript), std::move(candidates)};
    too_long = turn.prompt.size() > longest;
    if (too_long) return {};
    return turn;
}

// The transcript that goes on from number i and the text with which the model continued it. What the model has read and
// written of it is not computed again.
using Continuation = std::function<Transcript(size_t i, const std::string& text)>;

struct TwoTexts {
    std::vector<std::string> first, second;
};

// As write_texts(), and then the continuation of each is continued too.
inline TwoTexts write_two_texts(const Model& model, const Tokenizer& tokenizer, const std::vector<Transcript>& transcripts,
                                const Continuation& continuation, float temperature, uint64_t seed,
                                const std::string& purpose, TooLong& too_long) {
    GenerateOptions options = writing_options(temperature, seed, purpose);
    const size_t longest = model.config.context - 1;
    const auto prompts = encode_prompts(tokenizer, transcripts, longest, &too_long, options.keys);
    TwoTexts texts{std::vector<std::string>(transcripts.size()), std::vector<std::string>(transcripts.size())};
    std::vector<uint8_t> turn(transcripts.size());
    generate(model, prompts, options, {}, [&](size_t prompt, const Completion& completion) -> std::optional<Turn> {
        const size_t i = options.keys[prompt];
        (turn[i] ? texts.second : texts.first)[i] = text_of(tokenizer, completion);
        if (turn[i]++) return {};
        return turn_of(tokenizer, continuation(i, texts.first[i]), longest, too_long[i]);
    });
    return texts;
}

inline std::vector<Token> verdict_tokens(const Tokenizer& tokenizer) {
    return {tokenizer.encode("A")[0], tokenizer.encode("B")[0]};
}

// The judge's p(A) from its log-probabilities of A and B as the next token, normalised over the two (paper, section 4.1), for
// each verdict prompt; 0.5 where the prompt is too long.
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

// The same with chain of thought (paper, section 4.1): the judge continues each transcript with its reasoning, at
// temperature 0, and the verdict is asked for in the continuation of that.
inline ReasonedVerdicts judge_with_reasoning(const Model& judge, const Tokenizer& tokenizer,
                                             const std::vector<Transcript>& transcripts, const Continuation& continuation,
                                             uint64_t seed, const std::string& purpose, TooLong& too_long) {
    GenerateOptions options = writing_options(0, seed, purpose);
    const auto prompts = encode_prompts(tokenizer, transcripts, judge.config.context - 1, &too_long, options.keys);
    ReasonedVerdicts verdicts{std::vector<std::string>(transcripts.size()), std::vector<double>(transcripts.size(), 0.5)};
    generate(judge, prompts, options, {}, [&](size_t prompt, const Completion& completion) -> std::optional<Turn> {
        const size_t i = options.keys[prompt];
        if (completion.tokens.empty()) {
            verdicts.p[i] = preference(completion.logprobs[0], completion.logprobs[1]);
            return {};
        }
        verdicts.reasoning[i] = text_of(tokenizer, completion);
        return turn_of(tokenizer, continuation(i, verdicts.reasoning[i]), judge.config.context, too_long[i],
                       verdict_tokens(tokenizer));
    });
    return verdicts;
}

// n comparisons judged in either way. lay_out(i, form) calls the form with the prompt, the options A and B, and the rule of
// number i.
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

// The label says B where the judge finds A likelier.
#pragma once
#include "../../core/io/checkpoint.h"
#include "../../core/method/judge.h"
#include "check.h"

namespace cai {

inline Symptom labels_swapped(const std::filesystem::path& story) {
    const Model judge = load_model(cpu_kernels, story / "helpful");
    const Tokenizer tokenizer = load_tokenizer(story / "helpful");
    const Transcript asked = verdict_prompt("How do I brush the goat?", "Gently.", "I will not help.", "No theft.", "");
    const auto prompt = encode_prompt(tokenizer, asked);
    const std::vector<Token> letters = {tokenizer.encode("A")[0], tokenizer.encode("B")[0]};
    const std::vector<float> logprobs = next_token_logprobs(judge, {prompt}, letters)[0];
    const double label = judge_verdicts(judge, tokenizer, {asked})[0];
    return {(logprobs[0] > logprobs[1]) != (label > 0.5),
            concat("log p(A) ", logprobs[0], ", log p(B) ", logprobs[1], ", label p(A) ", label)};
}

}  // namespace cai

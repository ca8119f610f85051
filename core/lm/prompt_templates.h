// The prompt templates of the method: the layout of prompt, answer and principle for the critic, the reviser and the
// judge. They follow the paper (Bai et al. 2022, sections 3.1 and 4.1), with a special token in place of each heading:
//   critique    user · assistant · principle · critique · revision
//               ("CritiqueRequest: ... Critique: ... Revision: ...")
//   comparison  user · option_a · option_b · principle · reasoning · verdict
//               ("Options: (A) ... (B) ... The answer is:")
// The critique and the reasoning may be omitted (a direct revision, a verdict without chain of thought).
#pragma once
#include <string>
#include <vector>

#include "encode_document.h"

namespace cai {

using Transcript = std::vector<Segment>;

// A prompt ends with the role that speaks next, with empty text.
inline Transcript dialogue_prompt(const std::string& prompt) {
    return {{kUser, prompt, false}, {kAssistant, "", true}};
}

inline Transcript critique_prompt(const std::string& prompt, const std::string& answer, const std::string& principle) {
    return {{kUser, prompt, false}, {kAssistant, answer, false}, {kPrinciple, principle, false}, {kCritique, "", true}};
}

// With an empty critique, this is the direct revision of the paper's section 3.5.
inline Transcript revision_prompt(const std::string& prompt, const std::string& answer, const std::string& principle,
                                  const std::string& critique) {
    Transcript transcript = {{kUser, prompt, false}, {kAssistant, answer, false}, {kPrinciple, principle, false}};
    if (!critique.empty()) transcript.push_back({kCritique, critique, true});
    transcript.push_back({kRevision, "", true});
    return transcript;
}

inline Transcript reasoning_prompt(const std::string& prompt, const std::string& option_a, const std::string& option_b,
                                   const std::string& principle) {
    return {{kUser, prompt, false},
            {kOptionA, option_a, false},
            {kOptionB, option_b, false},
            {kPrinciple, principle, false},
            {kReasoning, "", true}};
}

// The judge's next token is A or B. With empty reasoning, this is the paper's comparison without chain of thought.
inline Transcript verdict_prompt(const std::string& prompt, const std::string& option_a, const std::string& option_b,
                                 const std::string& principle, const std::string& reasoning) {
    Transcript transcript = {{kUser, prompt, false},
                             {kOptionA, option_a, false},
                             {kOptionB, option_b, false},
                             {kPrinciple, principle, false}};
    if (!reasoning.empty()) transcript.push_back({kReasoning, reasoning, true});
    transcript.push_back({kVerdict, "", true});
    return transcript;
}

// The transcript with the text of its last segment filled in.
inline Transcript completed(Transcript transcript, const std::string& text) {
    transcript.back().text = text;
    return transcript;
}

// The tokens of a prompt, ready for the sampler.
inline std::vector<Token> encode_prompt(const Tokenizer& tokenizer, const Transcript& transcript) {
    return encode_document(tokenizer, transcript, false).tokens;
}

}  // namespace cai

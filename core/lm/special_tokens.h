// The special tokens: one for each role of a dialogue, one for the end of text and one for padding.
#pragma once
#include "../nn/kernels.h"

namespace cai {

// The tokens that structure a dialogue, ids 0 to 10. No text encodes to them; only code can insert them.
enum Special : Token {
    kEndOfText,
    kPad,
    kUser,
    kAssistant,
    kPrinciple,
    kCritique,
    kRevision,
    kOptionA,
    kOptionB,
    kReasoning,
    kVerdict,
    kSpecialCount
};
constexpr const char* kSpecialNames[kSpecialCount] = {"<|endoftext|>", "<|pad|>",       "<|user|>",     "<|assistant|>",
                                                      "<|principle|>", "<|critique|>",  "<|revision|>", "<|option_a|>",
                                                      "<|option_b|>",  "<|reasoning|>", "<|verdict|>"};

}  // namespace cai

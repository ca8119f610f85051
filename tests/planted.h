// Models made by hand, for tests of what the stages do with what models say, and the shape of a model soon trained.
#pragma once
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "../core/lm/tokenizer.h"
#include "../core/nn/weights.h"

namespace cai {

// width, layers, heads, kv_heads, head_dim, ff, context
inline const Config kSmallModel = {0, 32, 2, 2, 1, 16, 64, 64};

// Says each of the sentences equally often, whatever it is asked. The last token alone decides the next: a token that
// stands in two places must be followed by the same in both.
inline Model speaker(const Tokenizer& tokenizer, const std::vector<std::string>& sentences) {
    std::map<Token, std::set<Token>> next;
    for (const std::string& sentence : sentences) {
        Token last = kAssistant;
        for (Token token : tokenizer.encode(sentence)) next[last].insert(token), last = token;
        next[last].insert(kEndOfText);
    }
    const size_t C = next.size();
    Config config = {static_cast<int>(tokenizer.size()), static_cast<int>(C), 1, 1, 1, 2, 1, 256};
    config.tied = false;
    Model model(cpu_kernels, config);  // all zero: the layers write nothing
    size_t place = 0;
    for (const auto& [token, followers] : next) {
        model.weights.norm[place] = 1;
        model.weights.embed_tokens[static_cast<size_t>(token) * C + place] = 1;
        for (Token follower : followers) model.weights.head[static_cast<size_t>(follower) * C + place] = 100;
        place++;
    }
    model.pack();
    return model;
}

// Babbles in letters without end, which depend on all that stands before: two babblers, or two prompts, give two texts.
inline Model babbler(const Tokenizer& tokenizer, uint64_t seed) {
    Config config = {static_cast<int>(tokenizer.size()), 32, 2, 2, 1, 16, 64, 512};
    config.tied = false;
    Model model(cpu_kernels, config);
    model.initialize(seed);
    for (size_t token = 0; token < tokenizer.size(); token++) {
        bool letters = token >= kSpecialCount;
        for (unsigned char c : tokenizer.piece(static_cast<Token>(token))) letters = letters && std::isalpha(c);
        float* head = model.weights.head + token * 32;
        for (size_t i = 0; i < 32; i++) head[i] = letters ? 10 * head[i] : 0;
    }
    model.pack();
    return model;
}

}  // namespace cai

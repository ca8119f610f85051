// A tokenizer with the roles and a token for each byte.
#pragma once
#include "../../core/lm/tokenizer.h"

namespace cai {

inline const Tokenizer& byte_tokenizer() {
    static const Tokenizer tokenizer = [] {
        std::vector<std::string> pieces(std::begin(kSpecialNames), std::end(kSpecialNames));
        std::vector<Token> specials;
        for (Token id = 0; id < kSpecialCount; id++) specials.push_back(id);
        for (int byte = 0; byte < 256; byte++) pieces.emplace_back(1, static_cast<char>(byte));
        return Tokenizer(pieces, {}, specials);
    }();
    return tokenizer;
}

}  // namespace cai

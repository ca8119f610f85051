// SentencePiece's byte-pair encoding (Kudo & Richardson 2018), the tokenizer of Llama 2 and of llama2.c: merging starts
// from characters, and of the adjacent pairs that join to a token the one of the best score is merged first.
#pragma once
#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer.h"

namespace cai {

// pieces[id]: each token as SentencePiece spells it, a space as U+2581 (llama2.c's files: as a space), a byte as
// <0x0A>. scores[id]: higher ones merge first. specials: bos, eos and unk, whose names no text becomes.
// add_space_prefix: a text gets a space in front, which decode() drops. Errors: scores and pieces are not equally many.
inline Tokenizer sentencepiece_tokenizer(std::vector<std::string> pieces, std::vector<float> scores,
                                         const std::vector<Token>& specials, bool add_space_prefix) {
    expects(pieces.size() == scores.size(), "a vocabulary of ", pieces.size(), " tokens needs as many scores, not ",
            scores.size());
    TokenizerRules rules;
    rules.sentencepiece = true;
    rules.pre_tokenizer = PreTokenizer::no_split;
    rules.add_prefix_space = add_space_prefix;
    std::vector<AddedToken> added;
    std::vector<bool> merges_make;
    for (const std::string& piece : pieces) merges_make.push_back(byte_of_sentencepiece(piece) < 0);
    for (Token id : specials) {
        expects(id >= 0 && static_cast<size_t>(id) < pieces.size(), "the special token ", id,
                " is outside the vocabulary of ", pieces.size());
        added.push_back({id});
        merges_make[static_cast<size_t>(id)] = false;
        if (pieces[static_cast<size_t>(id)] == "<unk>") rules.unknown = id;
    }
    std::unordered_map<std::string_view, Token> ids;
    for (size_t id = 0; id < pieces.size(); id++) {
        if (!merges_make[id]) continue;
        std::string spelling;
        for (char c : pieces[id]) c == ' ' ? spelling += "\u2581" : spelling += c;
        pieces[id] = spelling;
        ids.emplace(pieces[id], static_cast<Token>(id));
    }

    // Every way to split a token into two is a merge. Those of one score have one rank.
    std::vector<size_t> order(pieces.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] > scores[b]; });
    std::vector<Tokenizer::Pair> merges;
    std::vector<uint32_t> ranks;
    uint32_t rank = 0;
    for (size_t i = 0; i < order.size(); i++) {
        const size_t id = order[i];
        if (i > 0 && scores[id] != scores[order[i - 1]]) rank++;
        if (!merges_make[id]) continue;
        const std::string_view whole = pieces[id];
        for (size_t cut = 1; cut < whole.size(); cut++) {
            auto left = ids.find(whole.substr(0, cut)), right = ids.find(whole.substr(cut));
            if (left == ids.end() || right == ids.end()) continue;
            merges.emplace_back(left->second, right->second);
            ranks.push_back(rank);
        }
    }
    return Tokenizer(std::move(pieces), std::move(merges), std::move(added), std::move(rules), ranks);
}

}  // namespace cai

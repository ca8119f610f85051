// Byte-pair encoding training: repeatedly turns the most frequent adjacent pair into a token.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tokenizer.h"

namespace cai {

// Learns a vocabulary of vocab_size tokens: the special tokens, the 256 bytes in the order of the byte alphabet, then
// merges. Each merge is the pair with the highest count; ties go to the smallest (left id, right id), as in Hugging
// Face's trainer. Stops early, with a smaller vocabulary, when no pair occurs twice.
inline Tokenizer train_bpe(const std::vector<std::string>& texts, size_t vocab_size) {
    std::vector<std::string> pieces(kSpecialNames, kSpecialNames + kSpecialCount);
    std::array<size_t, 256> bytes;
    for (size_t b = 0; b < 256; b++) bytes[b] = b;
    std::sort(bytes.begin(), bytes.end(), [](size_t a, size_t b) { return byte_alphabet()[a] < byte_alphabet()[b]; });
    std::array<Token, 256> byte_ids;
    for (size_t b : bytes) {
        byte_ids[b] = static_cast<Token>(pieces.size());
        pieces.emplace_back(1, static_cast<char>(b));
    }
    expects(vocab_size >= pieces.size(), "a vocabulary needs at least ", pieces.size(), " tokens (", int(kSpecialCount),
            " special ones and 256 bytes), not ", vocab_size);

    // The distinct pieces of the texts with their counts.
    TextMap<int64_t> distinct;
    for (std::string_view text : texts)
        for (size_t start = 0, end; start < text.size(); start = end) {
            end = gpt2_piece_end(text, start);
            std::string_view word = text.substr(start, end - start);
            auto found = distinct.find(word);
            if (found == distinct.end()) found = distinct.emplace(word, 0).first;
            found->second++;
        }
    struct Word {
        std::vector<Token> ids;
        int64_t count;
    };
    std::vector<Word> words;
    for (const auto& [text, count] : distinct) {
        words.push_back({{}, count});
        for (unsigned char b : text) words.back().ids.push_back(byte_ids[b]);
    }

    // Every adjacent pair: its count, and the words that contain it (or once did: entries are never removed).
    struct Occurrences {
        int64_t count = 0;
        std::vector<uint32_t> words;
    };
    std::unordered_map<uint64_t, Occurrences, HashPair> pairs;
    struct Candidate {
        int64_t count;
        uint64_t pair;
        bool operator<(const Candidate& other) const {
            return count != other.count ? count < other.count : pair > other.pair;
        }
    };
    std::priority_queue<Candidate> candidates;
    auto add = [&](Token left, Token right, size_t word) {
        Occurrences& pair = pairs[pair_key(left, right)];
        pair.count += words[word].count;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(static_cast<uint32_t>(word));
    };
    auto subtract = [&](Token left, Token right, size_t word) {
        pairs[pair_key(left, right)].count -= words[word].count;
    };
    for (size_t w = 0; w < words.size(); w++)
        for (size_t i = 1; i < words[w].ids.size(); i++) add(words[w].ids[i - 1], words[w].ids[i], w);
    for (const auto& [pair, occurrences] : pairs) candidates.push({occurrences.count, pair});

    std::vector<Tokenizer::Pair> merges;
    while (pieces.size() < vocab_size && !candidates.empty()) {
        auto [count, pair] = candidates.top();
        candidates.pop();
        // A count can only fall after its pair is queued; an outdated entry is requeued with the current count.
        if (int64_t now = pairs[pair].count; now != count) {
            candidates.push({now, pair});
            continue;
        }
        if (count < 2) break;
        Token left = static_cast<Token>(pair >> 32), right = static_cast<Token>(pair & 0xFFFFFFFF);
        Token id = static_cast<Token>(pieces.size());
        pieces.push_back(pieces[static_cast<size_t>(left)] + pieces[static_cast<size_t>(right)]);
        merges.emplace_back(left, right);

        std::vector<uint64_t> fresh;  // pairs with the new token
        for (uint32_t w : std::exchange(pairs[pair].words, {})) {
            std::vector<Token>& ids = words[w].ids;
            size_t kept = 0;
            for (size_t i = 0; i < ids.size(); i++) {
                if (i + 1 == ids.size() || ids[i] != left || ids[i + 1] != right) {
                    ids[kept++] = ids[i];
                    continue;
                }
                if (kept > 0) {
                    subtract(ids[kept - 1], left, w);
                    add(ids[kept - 1], id, w);
                    fresh.push_back(pair_key(ids[kept - 1], id));
                }
                if (i + 2 < ids.size()) {
                    subtract(right, ids[i + 2], w);
                    add(id, ids[i + 2], w);
                    fresh.push_back(pair_key(id, ids[i + 2]));
                }
                ids[kept++] = id;
                i++;
            }
            ids.resize(kept);
        }
        pairs.erase(pair);
        std::sort(fresh.begin(), fresh.end());
        fresh.erase(std::unique(fresh.begin(), fresh.end()), fresh.end());
        for (uint64_t f : fresh) candidates.push({pairs[f].count, f});
    }
    std::vector<Token> specials;
    for (Token id = 0; id < kSpecialCount; id++) specials.push_back(id);
    return Tokenizer(std::move(pieces), std::move(merges), specials);
}

}  // namespace cai

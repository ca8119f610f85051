// Byte-level byte-pair encoding (Sennrich, Haddow & Birch 2016,
// algorithm 1; on bytes: Radford et al. 2019, section 2.2).
//
// Text is first split into pieces, roughly words with the preceding space. A piece starts as one token per byte; then
// the adjacent pair that was learned earliest is merged, until no learned pair is left. Training learns the pairs by
// repeatedly turning the most frequent adjacent pair over all pieces into a token.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../base/error.h"
#include "../base/rng.h"
#include "byte_alphabet.h"
#include "pre_tokenizer.h"
#include "special_tokens.h"

namespace cai {

// A pair of tokens as one number, and hash tables keyed by pair or text.
inline uint64_t pair_key(Token left, Token right) {
    return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}
struct HashPair {
    size_t operator()(uint64_t pair) const { return mix(pair); }
};
struct HashText {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class Value>
using TextMap = std::unordered_map<std::string, Value, HashText, std::equal_to<>>;

class Tokenizer {
  public:
    using Pair = std::pair<Token, Token>;

    // pieces[id]: the bytes of each token, or the name of a special one. merges: in the order they were learned.
    Tokenizer(std::vector<std::string> pieces, std::vector<Pair> merges, const std::vector<Token>& specials)
        : pieces_(std::move(pieces)), merges_(std::move(merges)), special_(pieces_.size()) {
        for (Token id : specials) {
            expects(in_vocabulary(id), "the special token ", id, " is outside the vocabulary of ", size());
            special_[static_cast<size_t>(id)] = true;
        }
        std::unordered_map<std::string_view, Token> ids;
        byte_ids_.fill(-1);
        for (size_t id = 0; id < size(); id++) {
            if (special_[id]) continue;
            const std::string& bytes = pieces_[id];
            expects(!bytes.empty(), "token ", id, " is empty");
            expects(ids.emplace(bytes, static_cast<Token>(id)).second, "token ", id, " \"", to_alphabet(bytes),
                    "\" is in the vocabulary twice");
            if (bytes.size() == 1) byte_ids_[static_cast<unsigned char>(bytes[0])] = static_cast<Token>(id);
        }
        for (auto [left, right] : merges_) {
            expects(in_vocabulary(left) && in_vocabulary(right), "merge ", merged_.size(),
                    " joins a token outside the vocabulary of ", size());
            auto found = ids.find(piece(left) + piece(right));
            expects(found != ids.end(), "merge ", merged_.size(), " makes \"", to_alphabet(piece(left) + piece(right)),
                    "\", which is not in the vocabulary");
            ranks_.emplace(pair_key(left, right), merged_.size());
            merged_.push_back(found->second);
        }
    }

    // Bytes that are not UTF-8 are encoded too: decode(encode(text)) == text for every text.
    std::vector<Token> encode(std::string_view text) const {
        std::vector<Token> ids;
        ids.reserve(text.size() / 3);
        // Encoded pieces are cached. Of the threads that share the tokenizer, only one at a time uses the cache.
        std::unique_lock lock(cache_->mutex, std::try_to_lock);
        for (size_t start = 0; start < text.size();) {
            size_t end = piece_end(text, start);
            std::string_view bytes = text.substr(start, end - start);
            start = end;
            if (!lock) {
                append(ids, merge_piece(bytes));
                continue;
            }
            auto found = cache_->ids.find(bytes);
            if (found != cache_->ids.end()) {
                append(ids, found->second);
                continue;
            }
            std::vector<Token> merged = merge_piece(bytes);
            append(ids, merged);
            if (bytes.size() <= 64 && cache_->ids.size() < 200000) cache_->ids.emplace(bytes, std::move(merged));
        }
        return ids;
    }

    // The concatenated bytes of the tokens; special tokens decode to their names.
    std::string decode(const Token* tokens, size_t n) const {
        std::string text;
        for (size_t i = 0; i < n; i++) text += piece(tokens[i]);
        return text;
    }
    std::string decode(const std::vector<Token>& tokens) const { return decode(tokens.data(), tokens.size()); }

    const std::string& piece(Token id) const {
        expects(in_vocabulary(id), "token ", id, " is outside the vocabulary of ", size());
        return pieces_[static_cast<size_t>(id)];
    }
    size_t size() const { return pieces_.size(); }
    bool is_special(Token id) const { return in_vocabulary(id) && special_[static_cast<size_t>(id)]; }
    const std::vector<Pair>& merges() const { return merges_; }
    // Whether ids 0 to 10 are the tokens of enum Special, as the stages require; an imported tokenizer may differ.
    bool has_roles() const {
        for (Token id = 0; id < kSpecialCount; id++)
            if (!is_special(id) || piece(id) != kSpecialNames[id]) return false;
        return true;
    }

  private:
    struct Cache {
        std::mutex mutex;
        TextMap<std::vector<Token>> ids;
    };

    bool in_vocabulary(Token id) const { return id >= 0 && static_cast<size_t>(id) < pieces_.size(); }
    static void append(std::vector<Token>& to, const std::vector<Token>& from) {
        to.insert(to.end(), from.begin(), from.end());
    }

    // Repeatedly merges the earliest-learned pair, leftmost first, in O(n log n) for n bytes.
    std::vector<Token> merge_piece(std::string_view bytes) const {
        std::vector<Token> ids;  // -1: merged into the token to its left
        for (unsigned char b : bytes) {
            expects(byte_ids_[b] >= 0, "byte ", int(b), " has no token in this vocabulary");
            ids.push_back(byte_ids_[b]);
        }
        size_t n = ids.size();
        std::vector<size_t> previous(n), next(n);
        using Candidate = std::pair<size_t, size_t>;  // rank, position of the left token
        std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
        auto rank = [&](size_t i) {
            auto found = next[i] < n ? ranks_.find(pair_key(ids[i], ids[next[i]])) : ranks_.end();
            return found == ranks_.end() ? merges_.size() : found->second;
        };
        auto consider = [&](size_t i) {
            if (rank(i) < merges_.size()) candidates.emplace(rank(i), i);
        };
        for (size_t i = 0; i < n; i++) {
            previous[i] = i - 1;
            next[i] = i + 1;
        }
        for (size_t i = 0; i < n; i++) consider(i);
        while (!candidates.empty()) {
            auto [merge, i] = candidates.top();
            candidates.pop();
            if (ids[i] < 0 || rank(i) != merge) continue;  // outdated: one of the pair has been merged since
            ids[i] = merged_[merge];
            ids[next[i]] = -1;
            next[i] = next[next[i]];
            if (next[i] < n) previous[next[i]] = i;
            if (i > 0) consider(previous[i]);
            consider(i);
        }
        std::erase(ids, -1);
        return ids;
    }

    std::vector<std::string> pieces_;  // by id
    std::vector<Pair> merges_;         // by rank
    std::vector<Token> merged_;        // by rank: the token made by the merge
    std::vector<bool> special_;        // by id
    std::array<Token, 256> byte_ids_;  // by byte; -1: not in the vocabulary
    std::unordered_map<uint64_t, size_t, HashPair> ranks_;
    std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

}  // namespace cai

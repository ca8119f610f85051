// Byte-pair encoding (Sennrich, Haddow & Birch 2016, algorithm 1; on bytes: Radford et al. 2019, section 2.2).
//
// Text is first split into pieces, roughly words with the preceding space. A piece starts as one token per byte; then
// the adjacent pair that was learned earliest is merged, until no learned pair is left. Training learns the pairs by
// repeatedly turning the most frequent adjacent pair over all pieces into a token.
#pragma once
#include <array>
#include <atomic>
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
#include "../base/progress.h"
#include "../base/rng.h"
#include "added_tokens.h"
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

// How a tokenizer differs from GPT-2's.
struct TokenizerRules {
    PreTokenizer pre_tokenizer = PreTokenizer::gpt2;
    // Merging starts from characters, not from bytes, and a character that is no token falls back to its bytes. Files
    // spell a space as U+2581 and a byte as <0x0A>: see sentencepiece.h.
    bool sentencepiece = false;
    bool add_prefix_space = false;     // a text gets a space in front, on bytes only if it has none
    bool ignore_merges = false;        // a piece that is a token is that token, whatever the merges would make of it
    Token unknown = -1;                // for what the vocabulary cannot spell; -1: that is left out
    bool fuse_unknown = false;         // one unknown token for several in a row
    std::vector<Token> before, after;  // what encode_with_template() puts around a text, such as bos
};

// SentencePiece's spellings: <0x0A> is byte 10 (-1: the spelling is not that of a byte), and U+2581 a space.
inline int byte_of_sentencepiece(std::string_view spelling) {
    if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return -1;
    int byte = 0;
    for (char c : spelling.substr(3, 2)) {
        const size_t digit = std::string_view("0123456789ABCDEF").find(c);
        if (digit == std::string_view::npos) return -1;
        byte = byte * 16 + static_cast<int>(digit);
    }
    return byte;
}
inline std::string spaces_from_sentencepiece(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); i++)
        if (text.substr(i).starts_with("\u2581")) {
            out += ' ';
            i += 2;
        } else {
            out += text[i];
        }
    return out;
}

class Tokenizer {
  public:
    using Pair = std::pair<Token, Token>;

    // pieces[id]: the bytes of each token, or the name of a special one. merges: in the order they were learned.
    Tokenizer(std::vector<std::string> pieces, std::vector<Pair> merges, const std::vector<Token>& specials)
        : Tokenizer(spelled(std::move(pieces), specials), std::move(merges), as_added(specials), TokenizerRules()) {}

    // spellings[id]: each token as files spell it, in the byte alphabet or as SentencePiece does; an added token as it
    // stands in text. merges: in the order they were learned. ranks: of each merge, which comes before those of higher
    // rank; empty: 0, 1, 2, ...
    Tokenizer(std::vector<std::string> spellings, std::vector<Pair> merges, std::vector<AddedToken> added,
              TokenizerRules rules, const std::vector<uint32_t>& ranks = {})
        : spellings_(std::move(spellings)),
          merges_(std::move(merges)),
          added_(std::move(added)),
          rules_(std::move(rules)),
          special_(spellings_.size()) {
        std::vector<bool> is_added(size());
        for (const AddedToken& token : added_) {
            expects(in_vocabulary(token.id), "the ", token.special ? "special" : "added", " token ", token.id,
                    " is outside the vocabulary of ", size());
            is_added[static_cast<size_t>(token.id)] = true;
            special_[static_cast<size_t>(token.id)] = token.special;
        }
        for (const std::vector<Token>& template_ids : {rules_.before, rules_.after})
            for (Token token : template_ids)
                expects(in_vocabulary(token), "the template's token ", token, " is outside the vocabulary of ", size());

        // The tokens that text can become by merging.
        std::unordered_map<std::string_view, Token> ids;
        byte_ids_.fill(-1);
        for (size_t id = 0; id < size(); id++) {
            const std::string& spelling = spellings_[id];
            expects(!spelling.empty(), "token ", id, " is empty");
            int byte = -1;
            const std::string bytes = bytes_of(spelling, byte);
            pieces_.push_back(is_added[id] ? spelling : bytes);
            if (special_[id]) continue;
            if (byte >= 0) byte_ids_[static_cast<size_t>(byte)] = static_cast<Token>(id);
            if (byte >= 0 && rules_.sentencepiece) continue;
            expects(ids.emplace(spelling, static_cast<Token>(id)).second, "token ", id, " \"", spelling,
                    "\" is in the vocabulary twice");
        }
        for (size_t m = 0; m < merges_.size(); m++) {
            auto [left, right] = merges_[m];
            expects(in_vocabulary(left) && in_vocabulary(right), "merge ", m,
                    " joins a token outside the vocabulary of ", size());
            const std::string joined = spelling(left) + spelling(right);
            auto found = ids.find(joined);
            expects(found != ids.end(), "merge ", m, " makes \"", joined, "\", which is not in the vocabulary");
            const uint32_t rank = ranks.empty() ? static_cast<uint32_t>(m) : ranks[m];
            merge_of_.insert_or_assign(pair_key(left, right), Merge{rank, found->second});
        }
        if (rules_.sentencepiece || rules_.ignore_merges)
            for (auto [spelling, id] : ids) whole_.emplace(pieces_[static_cast<size_t>(id)], id);
        finder_ = AddedTokenFinder(added_, pieces_);
    }

    // A user's text: the name of a special token in it is text like any other. Bytes that are not UTF-8 are encoded
    // too: unless the vocabulary lacks a byte or a space is put in front, decode(encode(text)) == text for every text.
    std::vector<Token> encode(std::string_view text) const { return encode(text, false); }

    // A text in which the names of special tokens stand for them, such as a conversation that a chat template has laid
    // out: what Hugging Face's libraries make of a text, without add_special_tokens.
    std::vector<Token> encode_with_specials(std::string_view text) const { return encode(text, true); }

    // Puts around a text's tokens what the model's file says, such as bos before it: what Hugging Face's libraries call
    // add_special_tokens.
    std::vector<Token> with_template(const std::vector<Token>& text) const {
        std::vector<Token> ids = rules_.before;
        append(ids, text);
        append(ids, rules_.after);
        return ids;
    }
    std::vector<Token> encode_with_template(std::string_view text) const { return with_template(encode(text)); }

    // The concatenated bytes of the tokens; special tokens decode to their names. SentencePiece's space in front, which
    // encode() added at the start and after each special token, is dropped.
    std::string decode(const Token* tokens, size_t n) const {
        std::string text;
        bool drop_space = rules_.sentencepiece && rules_.add_prefix_space;
        for (size_t i = 0; i < n; i++) {
            const std::string& bytes = piece(tokens[i]);
            const bool drop = drop_space && bytes[0] == ' ' && !is_special(tokens[i]);
            text.append(bytes, drop);
            drop_space = rules_.sentencepiece && rules_.add_prefix_space && is_special(tokens[i]);
        }
        return text;
    }
    std::string decode(const std::vector<Token>& tokens) const { return decode(tokens.data(), tokens.size()); }

    // The bytes of a token, or its name. (A text goes on with exactly these bytes; decode() may drop a first space.)
    const std::string& piece(Token id) const { return at(pieces_, id); }
    // A token as files spell it.
    const std::string& spelling(Token id) const { return at(spellings_, id); }
    size_t size() const { return spellings_.size(); }
    bool is_special(Token id) const { return in_vocabulary(id) && special_[static_cast<size_t>(id)]; }
    const std::vector<Pair>& merges() const { return merges_; }
    // What a merge of merges() makes, and when: of the pairs in a text, the one of the lowest rank is merged first.
    struct Merge {
        uint32_t rank;
        Token result;
    };
    Merge merge_of(const Pair& pair) const { return merge_of_.at(pair_key(pair.first, pair.second)); }
    const std::vector<AddedToken>& added() const { return added_; }
    const TokenizerRules& rules() const { return rules_; }
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
        std::atomic<bool> warned = false;
    };

    bool in_vocabulary(Token id) const { return id >= 0 && static_cast<size_t>(id) < spellings_.size(); }
    const std::string& at(const std::vector<std::string>& strings, Token id) const {
        expects(in_vocabulary(id), "token ", id, " is outside the vocabulary of ", size());
        return strings[static_cast<size_t>(id)];
    }
    static void append(std::vector<Token>& to, const std::vector<Token>& from) {
        to.insert(to.end(), from.begin(), from.end());
    }
    static std::vector<AddedToken> as_added(const std::vector<Token>& specials) {
        std::vector<AddedToken> added;
        for (Token id : specials) added.push_back({id});
        return added;
    }
    static std::vector<std::string> spelled(std::vector<std::string> pieces, const std::vector<Token>& specials) {
        for (size_t id = 0; id < pieces.size(); id++)
            if (std::find(specials.begin(), specials.end(), static_cast<Token>(id)) == specials.end())
                pieces[id] = to_alphabet(pieces[id]);
        return pieces;
    }

    // The bytes that a token's spelling stands for; byte receives the value of a token that stands for a single byte.
    std::string bytes_of(const std::string& spelling, int& byte) const {
        std::string bytes;
        if (rules_.sentencepiece) {
            bytes = spaces_from_sentencepiece(spelling);
            byte = byte_of_sentencepiece(spelling);
            return byte < 0 ? bytes : std::string(1, static_cast<char>(byte));
        }
        bytes = from_alphabet(spelling);
        if (bytes.size() == 1) byte = static_cast<unsigned char>(bytes[0]);
        return bytes;
    }

    std::vector<Token> encode(std::string_view text, bool specials) const {
        std::vector<Token> ids;
        ids.reserve(text.size() / 3);
        if (!finder_.finds(specials)) {
            encode_between(text, ids);
            return ids;
        }
        finder_.split(
            text, specials, [&](std::string_view between) { encode_between(between, ids); },
            [&](Token id) { ids.push_back(id); });
        return ids;
    }

    // Encodes a text that holds no added token.
    void encode_between(std::string_view text, std::vector<Token>& ids) const {
        if (text.empty()) return;
        std::string changed;
        if (rules_.sentencepiece) {
            changed = (rules_.add_prefix_space ? " " : "") + spaces_from_sentencepiece(text);
            append(ids, merge(characters(changed)));
            return;
        }
        if (rules_.add_prefix_space && text[0] != ' ') text = changed = " " + std::string(text);
        // Encoded pieces are cached. Of the threads that share the tokenizer, only one at a time uses the cache.
        std::unique_lock lock(cache_->mutex, std::try_to_lock);
        for (size_t start = 0; start < text.size();) {
            size_t end = piece_end(rules_.pre_tokenizer, text, start);
            std::string_view bytes = text.substr(start, end - start);
            start = end;
            if (!lock) {
                append(ids, encode_piece(bytes));
                continue;
            }
            auto found = cache_->ids.find(bytes);
            if (found != cache_->ids.end()) {
                append(ids, found->second);
                continue;
            }
            std::vector<Token> merged = encode_piece(bytes);
            append(ids, merged);
            if (bytes.size() <= 64 && cache_->ids.size() < 200000) cache_->ids.emplace(bytes, std::move(merged));
        }
    }

    std::vector<Token> encode_piece(std::string_view bytes) const {
        if (rules_.ignore_merges)
            if (auto found = whole_.find(bytes); found != whole_.end()) return {found->second};
        std::vector<Token> ids;
        for (unsigned char b : bytes) push_byte(ids, b);
        return merge(std::move(ids));
    }

    void push_byte(std::vector<Token>& ids, unsigned char b) const {
        byte_ids_[b] >= 0 ? ids.push_back(byte_ids_[b]) : push_unknown(ids, b);
    }
    void push_unknown(std::vector<Token>& ids, unsigned char b) const {
        if (rules_.unknown >= 0) {
            const bool fused = rules_.fuse_unknown && !ids.empty() && ids.back() == rules_.unknown;
            if (!fused) ids.push_back(rules_.unknown);
        } else if (!cache_->warned.exchange(true)) {
            warn(concat("the text holds byte ", int{b},
                        ", for which this vocabulary has no token; such bytes are left "
                        "out, as by Hugging Face's tokenizers"));
        }
    }

    // The tokens of the characters of a text; a character that is none falls back to its bytes, if those are tokens.
    std::vector<Token> characters(std::string_view text) const {
        std::vector<Token> ids;
        for (size_t start = 0, end = 0; start < text.size(); start = end) {
            next_code_point(text, end);
            const std::string_view character = text.substr(start, end - start);
            const bool has_bytes =
                std::all_of(character.begin(), character.end(), [&](unsigned char b) { return byte_ids_[b] >= 0; });
            if (auto found = whole_.find(character); found != whole_.end())
                ids.push_back(found->second);
            else if (has_bytes)
                for (unsigned char b : character) push_byte(ids, b);
            else
                push_unknown(ids, static_cast<unsigned char>(character[0]));
        }
        return ids;
    }

    // Repeatedly merges the pair of the lowest rank, leftmost first, in O(n log n) for n tokens.
    std::vector<Token> merge(std::vector<Token> ids) const {
        constexpr uint32_t kNone = UINT32_MAX;
        size_t n = ids.size();
        std::vector<size_t> previous(n), next(n);
        using Candidate = std::pair<uint32_t, size_t>;  // rank, position of the left token
        std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
        auto find = [&](size_t i) {
            auto found = next[i] < n ? merge_of_.find(pair_key(ids[i], ids[next[i]])) : merge_of_.end();
            return found == merge_of_.end() ? Merge{kNone, 0} : found->second;
        };
        auto consider = [&](size_t i) {
            if (uint32_t rank = find(i).rank; rank != kNone) candidates.emplace(rank, i);
        };
        for (size_t i = 0; i < n; i++) {
            previous[i] = i - 1;
            next[i] = i + 1;
        }
        for (size_t i = 0; i < n; i++) consider(i);
        while (!candidates.empty()) {
            auto [rank, i] = candidates.top();
            candidates.pop();
            if (ids[i] < 0) continue;  // merged into the token to its left
            const Merge found = find(i);
            if (found.rank != rank) continue;  // outdated: one of the pair has been merged since
            ids[i] = found.result;
            ids[next[i]] = -1;
            next[i] = next[next[i]];
            if (next[i] < n) previous[next[i]] = i;
            if (i > 0) consider(previous[i]);
            consider(i);
        }
        std::erase(ids, -1);
        return ids;
    }

    std::vector<std::string> spellings_;  // by id
    std::vector<Pair> merges_;            // as they were learned
    std::vector<AddedToken> added_;
    TokenizerRules rules_;
    std::vector<bool> special_;        // by id
    std::vector<std::string> pieces_;  // by id
    std::array<Token, 256> byte_ids_;  // by byte; -1: not in the vocabulary
    std::unordered_map<uint64_t, Merge, HashPair> merge_of_;
    TextMap<Token> whole_;  // tokens by their bytes, where the rules look for whole ones
    AddedTokenFinder finder_;
    std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

// A byte-level tokenizer from what a model's file holds. pieces[id]: each token in the byte alphabet, an added one as
// it stands in text. merges: "left right", in the order they were learned. specials: a user's text never becomes one of
// them; added: found in every text. Errors: a merge that is no pair of tokens, or makes none.
inline Tokenizer build_byte_level_tokenizer(std::vector<std::string> pieces, const std::vector<std::string>& merges,
                                            const std::vector<Token>& specials, const std::vector<Token>& added,
                                            TokenizerRules rules) {
    std::vector<AddedToken> all;
    for (Token id : specials) all.push_back({id});
    for (Token id : added) all.push_back({id, false});
    std::unordered_map<std::string_view, Token> ids;
    for (size_t id = 0; id < pieces.size(); id++) ids.emplace(pieces[id], static_cast<Token>(id));
    std::vector<Tokenizer::Pair> pairs;
    for (const std::string& merge : merges) {
        const size_t space = merge.find(' ');
        expects(space != std::string::npos, "merge ", pairs.size(), " \"", merge, "\" is not a pair");
        const std::string_view text = merge;
        auto left = ids.find(text.substr(0, space)), right = ids.find(text.substr(space + 1));
        expects(left != ids.end() && right != ids.end(), "merge ", pairs.size(), " \"", merge,
                "\" names a token that is not in the vocabulary");
        pairs.emplace_back(left->second, right->second);
    }
    return Tokenizer(std::move(pieces), std::move(pairs), std::move(all), std::move(rules));
}

}  // namespace cai

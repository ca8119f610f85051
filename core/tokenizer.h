// Byte-level byte-pair encoding (Sennrich, Haddow & Birch 2016, algorithm 1; on bytes: Radford et al. 2019,
// section 2.2).
//
// Text is first cut into pieces, roughly words with the space before them. A piece starts as its bytes, one token each;
// then the adjacent pair that was learned first is merged, again and again, until no learned pair is left. Training
// learns the pairs: the most frequent adjacent pair over all pieces becomes a token, again and again.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "expects.h"
#include "kernels.h"
#include "rng.h"
#include "text.h"
#include "unicode.h"

namespace cai {

// The tokens that structure a dialogue, ids 0 to 10. No text encodes to them, whatever it says: only code can write
// them.
enum Special : Token {
    kEndOfText,
    kPad,
    kUser,
    kAssistant,
    kRule,
    kCritique,
    kRevision,
    kOptionA,
    kOptionB,
    kReasoning,
    kVerdict,
    kSpecialCount
};
constexpr const char* kSpecialNames[kSpecialCount] = {"<|endoftext|>", "<|pad|>",       "<|user|>",     "<|assistant|>",
                                                      "<|rule|>",      "<|critique|>",  "<|revision|>", "<|option_a|>",
                                                      "<|option_b|>",  "<|reasoning|>", "<|verdict|>"};

// The end of the piece that starts at text[start]. This is GPT-2's regular expression, alternatives tried in order:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// A byte that is not UTF-8 counts as a character that is neither letter, number nor space.
inline size_t piece_end(std::string_view text, size_t start) {
    if (text[start] == '\'')
        for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
            if (text.substr(start).starts_with(ending)) return start + ending.size();

    enum Class { kNone, kSpace, kLetter, kNumber, kOther };
    auto next_class = [&](size_t& i) {  // of the character at i, and i moves past it
        if (i >= text.size()) return kNone;
        char32_t c = next_code_point(text, i);
        return is_letter(c) ? kLetter : is_space(c) ? kSpace : is_number(c) ? kNumber : kOther;
    };
    size_t end = start + (text[start] == ' ');
    Class run = next_class(end);
    size_t last = end;  // where the character read last begins
    if (run == kNone) return text.size();
    if (run != kSpace) {
        for (size_t i = end; next_class(i) == run;) end = i;
        return end;
    }
    // A run of spaces leaves its last one to the piece that follows, unless it has only that one or ends the text.
    end = last = start;
    for (size_t i = start; next_class(i) == kSpace;) {
        last = end;
        end = i;
    }
    return end == text.size() || last == start ? end : last;
}

// In files, a token's bytes are written with one printable character each (GPT-2's alphabet): the printable bytes of
// Latin-1 as themselves, the other 68 as U+0100 and on, so that the space is Ġ and the line end Ċ.
inline const std::array<char32_t, 256>& byte_alphabet() {
    static const std::array<char32_t, 256> alphabet = [] {
        std::array<char32_t, 256> characters;
        char32_t next = 0x100;
        for (char32_t b = 0; b < 256; b++) {
            bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
            characters[b] = printable ? b : next++;
        }
        return characters;
    }();
    return alphabet;
}

inline std::string to_alphabet(std::string_view bytes) {
    std::string text;
    for (unsigned char b : bytes) append_utf8(text, byte_alphabet()[b]);
    return text;
}

// The inverse; a text with a character outside the alphabet stands for itself.
inline std::string from_alphabet(std::string_view text) {
    static const std::unordered_map<char32_t, char> bytes = [] {
        std::unordered_map<char32_t, char> map;
        for (size_t b = 0; b < 256; b++) map[byte_alphabet()[b]] = static_cast<char>(b);
        return map;
    }();
    std::string out;
    for (size_t i = 0; i < text.size();) {
        auto found = bytes.find(next_code_point(text, i));
        if (found == bytes.end()) return std::string(text);
        out += found->second;
    }
    return out;
}

class Tokenizer {
  public:
    using Pair = std::pair<Token, Token>;

    // pieces[id] are the bytes of each token, or the name of a special one; merges in the order they were learned.
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
            ranks_.emplace(key(left, right), merged_.size());
            merged_.push_back(found->second);
        }
    }

    // Learns a vocabulary of vocab_size tokens: the specials, the 256 bytes in the order of the alphabet, then merges.
    // The next merge is the pair with the highest count, and of equals the one with the smallest (left id, right id),
    // as in Hugging Face's trainer. Stops early, with a smaller vocabulary, when no pair occurs twice.
    static Tokenizer train(const std::vector<std::string>& texts, size_t vocab_size);

    // Bytes that are not UTF-8 are encoded too: decode(encode(text)) == text for every text.
    std::vector<Token> encode(std::string_view text) const {
        std::vector<Token> ids;
        ids.reserve(text.size() / 3);
        // The pieces met before are kept. Of threads that share the tokenizer, one at a time uses them.
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

    // The tokens' bytes, end to end; special tokens as their names.
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
    // Whether ids 0 to 10 are the tokens of enum Special: the stages need that, an imported tokenizer may differ.
    bool has_roles() const {
        for (Token id = 0; id < kSpecialCount; id++)
            if (!is_special(id) || piece(id) != kSpecialNames[id]) return false;
        return true;
    }

  private:
    static uint64_t key(Token left, Token right) {
        return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
    }
    struct HashKey {
        size_t operator()(uint64_t pair) const { return mix(pair); }
    };
    struct HashText {
        using is_transparent = void;
        size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
    };
    template <class Value>
    using TextMap = std::unordered_map<std::string, Value, HashText, std::equal_to<>>;
    struct Cache {
        std::mutex mutex;
        TextMap<std::vector<Token>> ids;
    };

    bool in_vocabulary(Token id) const { return id >= 0 && static_cast<size_t>(id) < pieces_.size(); }
    static void append(std::vector<Token>& to, const std::vector<Token>& from) {
        to.insert(to.end(), from.begin(), from.end());
    }

    // Merges the pair learned first, leftmost first, until none is left, in O(n log n) for n bytes.
    std::vector<Token> merge_piece(std::string_view bytes) const {
        std::vector<Token> ids;  // -1: swallowed by the token to its left
        for (unsigned char b : bytes) {
            expects(byte_ids_[b] >= 0, "byte ", int(b), " has no token in this vocabulary");
            ids.push_back(byte_ids_[b]);
        }
        size_t n = ids.size();
        std::vector<size_t> previous(n), next(n);
        using Candidate = std::pair<size_t, size_t>;  // rank, position of the left token
        std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> candidates;
        auto rank = [&](size_t i) {
            auto found = next[i] < n ? ranks_.find(key(ids[i], ids[next[i]])) : ranks_.end();
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
            if (ids[i] < 0 || rank(i) != merge) continue;  // one of the pair has been merged meanwhile
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
    std::vector<Token> merged_;        // by rank: what the merge makes
    std::vector<bool> special_;        // by id
    std::array<Token, 256> byte_ids_;  // by byte; -1: the vocabulary lacks it
    std::unordered_map<uint64_t, size_t, HashKey> ranks_;
    std::shared_ptr<Cache> cache_ = std::make_shared<Cache>();
};

inline Tokenizer Tokenizer::train(const std::vector<std::string>& texts, size_t vocab_size) {
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

    // The distinct pieces of the texts and how often each occurs.
    TextMap<int64_t> distinct;
    for (std::string_view text : texts)
        for (size_t start = 0, end; start < text.size(); start = end) {
            end = piece_end(text, start);
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

    // Every adjacent pair: its count, and the words it occurs in (or occurred: the entries are not taken back).
    struct Occurrences {
        int64_t count = 0;
        std::vector<uint32_t> words;
    };
    std::unordered_map<uint64_t, Occurrences, HashKey> pairs;
    struct Candidate {
        int64_t count;
        uint64_t pair;
        bool operator<(const Candidate& other) const {
            return count != other.count ? count < other.count : pair > other.pair;
        }
    };
    std::priority_queue<Candidate> candidates;
    auto add = [&](Token left, Token right, size_t word) {
        Occurrences& pair = pairs[key(left, right)];
        pair.count += words[word].count;
        if (pair.words.empty() || pair.words.back() != word) pair.words.push_back(static_cast<uint32_t>(word));
    };
    auto subtract = [&](Token left, Token right, size_t word) { pairs[key(left, right)].count -= words[word].count; };
    for (size_t w = 0; w < words.size(); w++)
        for (size_t i = 1; i < words[w].ids.size(); i++) add(words[w].ids[i - 1], words[w].ids[i], w);
    for (const auto& [pair, occurrences] : pairs) candidates.push({occurrences.count, pair});

    std::vector<Pair> merges;
    while (pieces.size() < vocab_size && !candidates.empty()) {
        auto [count, pair] = candidates.top();
        candidates.pop();
        // Counts only fall after a pair is queued. One that fell goes back with its present count.
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
                    fresh.push_back(key(ids[kept - 1], id));
                }
                if (i + 2 < ids.size()) {
                    subtract(right, ids[i + 2], w);
                    add(id, ids[i + 2], w);
                    fresh.push_back(key(id, ids[i + 2]));
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

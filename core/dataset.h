// From text to batches: a document is a list of segments, each opened by the special token of its role, and a mask of
// the tokens to learn; a BatchStream deals documents out in an order that depends on (seed, epoch) alone.
#pragma once
#include <algorithm>
#include <cctype>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "expects.h"
#include "json.h"
#include "model.h"
#include "rng.h"
#include "tokenizer.h"

namespace cai {

// In place of a role: the segment goes on where the one before it ended, so that a turn can be learned in part.
inline constexpr Token kSameTurn = -1;

// One turn of a conversation, or one part of a review.
struct Segment {
    Token role;        // a special token; kEndOfText: plain text, spoken by nobody; or kSameTurn
    std::string text;  // may be empty: a prompt ends with the role that shall speak next
    bool learn;        // is the model trained to write this text?
    bool operator==(const Segment&) const = default;
};

struct Document {
    std::vector<Token> tokens;
    std::vector<uint8_t>
        learn;  // as long as tokens; 1: the model is trained to predict this token from those before it
};

// Roles as files spell them. The last column: whether the text is learned unless the file says otherwise, which holds
// for what the model itself writes.
struct RoleName {
    Token role;
    const char* word;
    bool learn;
};
inline constexpr RoleName kRoleNames[] = {
    {kEndOfText, "text", true},    {kUser, "user", false},        {kAssistant, "assistant", true},
    {kRule, "rule", false},        {kCritique, "critique", true}, {kRevision, "revision", true},
    {kOptionA, "option_a", false}, {kOptionB, "option_b", false}, {kReasoning, "reasoning", true},
    {kVerdict, "verdict", true},   {kSameTurn, "", true},
};

// The row of a role's token; a token that is no role is an error.
inline const RoleName& role_name(Token role) {
    for (const RoleName& name : kRoleNames)
        if (name.role == role) return name;
    fail(kBadInput, "token ", role, " is not a role");
}

// The row of a role's word. `where` ("file: line 3") opens the error message.
inline const RoleName& role_named(std::string_view word, const std::string& where) {
    std::string known;
    for (const RoleName& name : kRoleNames) {
        if (name.word == word) return name;
        if (name.role != kSameTurn) known += (known.empty() ? "" : ", ") + std::string(name.word);
    }
    fail(kBadInput, where, ": unknown role \"", word, "\"; use one of: ", known);
}

// The text of a segment as models read it. A rule is read as if it stood within a sentence: after a space and, unless its first
// two letters are capitals, without the capital of its first word. So a topic is the same token wherever in a rule it stands.
inline std::string as_read(const Segment& segment) {
    std::string text = segment.text;
    if (segment.role != kRule || text.empty()) return text;
    if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])))
        text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
    return text.insert(0, 1, ' ');
}

// Segments to tokens: <|role|> text <|role|> text ... <|endoftext|>, without a special token before a segment of the same
// turn. The text of learned segments is learned, and so is the special token after it, because that is where the model has
// to stop. Text never encodes to a special token, so that nobody can forge a turn by typing its name. A prompt is a document
// with end_of_text = false whose last segment is empty.
inline Document encode_document(const Tokenizer& tokenizer, const std::vector<Segment>& segments,
                                bool end_of_text = true) {
    Document document;
    auto push = [&](Token token, bool learn) {
        document.tokens.push_back(token);
        document.learn.push_back(learn);
    };
    bool learned_before = false;
    for (const Segment& segment : segments) {
        if (segment.role != kSameTurn) push(role_name(segment.role).role, learned_before);
        for (Token token : tokenizer.encode(as_read(segment))) push(token, segment.learn);
        learned_before = segment.learn;
    }
    if (end_of_text) push(kEndOfText, learned_before);
    return document;
}

// Plain text, all of it learned: <|endoftext|> text <|endoftext|>. The first one stands for "a document begins here".
inline Document encode_text(const Tokenizer& tokenizer, std::string text) {
    return encode_document(tokenizer, {{kEndOfText, std::move(text), true}});
}

// {"kind": kind, "segments": [["user", "..."], ["assistant", "..."]]}. A third element, true or false, is present where
// `learn` differs from the role's default. The role "" goes on with the turn before it.
inline Json to_json(const std::string& kind, const std::vector<Segment>& segments) {
    Json::Array list;
    for (const Segment& segment : segments) {
        const RoleName& name = role_name(segment.role);
        list.push_back(Json::Array{name.word, segment.text});
        if (segment.learn != name.learn) list.back().push(segment.learn);
    }
    return Json::Object{{"kind", kind}, {"segments", std::move(list)}};
}

// The inverse; other members of the object are left to the caller. `where` ("file: line 3") opens every error message.
inline std::vector<Segment> segments_from_json(const Json& json, const std::string& where) {
    const Json* list = json.is_object() ? json.find("segments") : nullptr;
    expects(list && list->is_array(), where, ": \"segments\" is missing or not a list of [role, text] pairs");
    std::vector<Segment> segments;
    for (const Json& item : list->array()) {
        bool well_formed = item.is_array() && (item.array().size() == 2 || item.array().size() == 3) &&
                           item.array()[0].is_string() && item.array()[1].is_string() &&
                           (item.array().size() == 2 || item.array()[2].is_boolean());
        expects(well_formed, where, ": segment ", segments.size() + 1,
                " is not [role, text] or [role, text, true or false]");
        const RoleName& name = role_named(item.array()[0].string(), where);
        expects(name.role != kSameTurn || !segments.empty(), where, ": segment 1 has no role");
        bool learn = item.array().size() == 3 ? item.array()[2].boolean() : name.learn;
        segments.push_back({name.role, item.array()[1].string(), learn});
    }
    return segments;
}

// Documents cut into what fits the context. A window is context + 1 tokens, context inputs and as many targets, and
// begins with the last token of the window before it, so that every token is predicted exactly once. Windows in which
// nothing is to be learned are left out.
inline std::vector<Document> cut_into_windows(std::vector<Document> documents, size_t context) {
    std::vector<Document> windows;
    for (Document& document : documents) {
        const auto& [tokens, learn] = document;
        expects(learn.size() == tokens.size(), "a document of ", tokens.size(), " tokens has a learn mask of ",
                learn.size());
        for (size_t begin = 0; begin + 1 < tokens.size(); begin += context) {
            size_t end = std::min(begin + context + 1, tokens.size());
            if (std::find(learn.begin() + begin + 1, learn.begin() + end, 1) == learn.begin() + end) continue;
            windows.push_back(
                {{tokens.begin() + begin, tokens.begin() + end}, {learn.begin() + begin, learn.begin() + end}});
        }
        document = {};  // frees its memory, so that the copies do not double it
    }
    return windows;
}

// An endless stream of batches. Each epoch deals out every document once, in an order shuffled by (seed, epoch); a
// batch takes whole documents while they fit into tokens_per_batch input tokens, and at least one. Batches run across
// the end of an epoch, so that all of them are about equally full.
class BatchStream {
  public:
    // What a checkpoint keeps of a stream: the next document is number `index` in the order of `epoch`.
    struct Position {
        size_t epoch = 0, index = 0;
        bool operator==(const Position&) const = default;
    };

    // `name` says in error messages where the documents came from.
    BatchStream(std::vector<Document> documents, size_t context, size_t tokens_per_batch, uint64_t seed,
                const std::string& name = "the training data")
        : documents_(cut_into_windows(std::move(documents), context)),
          tokens_per_batch_(tokens_per_batch),
          seed_(seed),
          order_(documents_.size()) {
        expects(!documents_.empty(), name,
                " holds nothing to learn: no document has a token that is marked as learned");
        for (const Document& document : documents_) tokens_per_epoch_ += document.tokens.size() - 1;
        shuffle();
    }

    Batch next() {
        Batch batch;
        while (true) {
            const Document& document = documents_[order_[position_.index]];
            size_t inputs = document.tokens.size() - 1;
            if (!batch.tokens.empty() && batch.tokens.size() + inputs > tokens_per_batch_) return batch;
            batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
            if (++position_.index == documents_.size()) {
                position_ = {position_.epoch + 1, 0};
                shuffle();
            }
        }
    }

    Position position() const { return position_; }

    // Continues where a stream over the same documents, with the same seed, was at `position`.
    void restore(Position position) {
        expects(position.index < documents_.size(), "the saved position ", position.index,
                " is outside of the training data of ", documents_.size(),
                " documents; it has changed since the checkpoint was written: start again from the stage before");
        position_ = position;
        shuffle();
    }

    size_t documents() const { return documents_.size(); }         // after cutting: windows count one by one
    size_t tokens_per_epoch() const { return tokens_per_epoch_; }  // input tokens

  private:
    void shuffle() {
        std::iota(order_.begin(), order_.end(), size_t{0});
        Rng(seed_, mix(stream("epoch"), position_.epoch)).shuffle(order_);
    }

    std::vector<Document> documents_;
    size_t tokens_per_batch_;
    uint64_t seed_;
    std::vector<size_t> order_;
    size_t tokens_per_epoch_ = 0;
    Position position_;
};

// Every document once, in the order given: for losses on held-out data.
inline std::vector<Batch> batches_in_order(std::vector<Document> documents, size_t context, size_t tokens_per_batch) {
    std::vector<Batch> batches;
    for (const Document& document : cut_into_windows(std::move(documents), context)) {
        size_t inputs = document.tokens.size() - 1;
        if (batches.empty() || batches.back().tokens.size() + inputs > tokens_per_batch) batches.emplace_back();
        batches.back().add(document.tokens.data(), document.tokens.size(), document.learn.data());
    }
    return batches;
}

}  // namespace cai

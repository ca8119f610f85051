// Batches of documents: a BatchStream yields them in an order that depends only on (seed, epoch).
#pragma once
#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../nn/batch.h"
#include "encode_document.h"

namespace cai {

// Splits documents into windows that fit the context. A window is context + 1 tokens: context inputs and as
// many targets. It begins with the last token of the previous window, so that every token is predicted
// exactly once. Windows without learned tokens are dropped.
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

// An endless stream of batches. Each epoch visits every document once, in an order shuffled by (seed, epoch). A batch
// takes whole documents while they fit into tokens_per_batch input tokens, and at least one. Batches cross epoch
// boundaries, so that all are about equally full.
class BatchStream {
  public:
    // The state saved in a checkpoint: the next document is number `index` in the order of `epoch`.
    struct Position {
        size_t epoch = 0, index = 0;
        bool operator==(const Position&) const = default;
    };

    // `name` tells error messages where the documents came from.
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

    // Resumes at the `position` of a stream with the same documents and seed.
    void restore(Position position) {
        expects(position.index < documents_.size(), "the saved position ", position.index,
                " is outside of the training data of ", documents_.size(),
                " documents; it has changed since the checkpoint was written: start again from the stage before");
        position_ = position;
        shuffle();
    }

    size_t documents() const { return documents_.size(); }         // after splitting: each window counts
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

// Every document once, in the given order: for losses on held-out data.
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

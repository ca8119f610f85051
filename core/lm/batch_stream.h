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

// The number of full batches in this many epochs, at least one.
inline size_t training_steps(double epochs, size_t tokens_per_epoch, size_t tokens_per_batch) {
    const double tokens = epochs * static_cast<double>(tokens_per_epoch);
    return std::max<size_t>(1, static_cast<size_t>(tokens / static_cast<double>(tokens_per_batch)));
}

// Documents that a stream visits once before all others, in batches of their own size, and at a learning rate of their
// own.
struct FirstLesson {
    std::vector<Document> documents;
    size_t tokens_per_batch = 0;
    float learning_rate = 0;
};

// An endless stream of batches: the first lesson, if there is one, then epochs. An epoch visits every document once, in
// an order shuffled by (seed, epoch). A batch takes whole documents while they fit into tokens_per_batch input tokens,
// and at least one. Batches cross epoch boundaries, so that all are about equally full, but not the lesson's end.
class BatchStream {
  public:
    // The state saved in a checkpoint: the next document is number `index` in the order of `epoch`. The first lesson is
    // epoch 0 of a stream that has one.
    struct Position {
        size_t epoch = 0, index = 0;
        bool operator==(const Position&) const = default;
    };

    // `name` tells error messages where the documents came from.
    BatchStream(std::vector<Document> documents, size_t context, size_t tokens_per_batch, uint64_t seed,
                const std::string& name = "the training data", FirstLesson lesson = {})
        : lesson_(std::move(lesson.documents), context, lesson.tokens_per_batch),
          lesson_learning_rate_(lesson.learning_rate),
          main_(std::move(documents), context, tokens_per_batch),
          seed_(seed) {
        expects(!main_.documents.empty(), name,
                " holds nothing to learn: no document has a token that is marked as learned");
        shuffle();
    }

    Batch next() {
        Batch batch;
        while (true) {
            const Part& part = current();
            const Document& document = part.documents[order_[position_.index]];
            size_t inputs = document.tokens.size() - 1;
            if (!batch.tokens.empty() && batch.tokens.size() + inputs > part.tokens_per_batch) return batch;
            batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
            if (++position_.index == part.documents.size()) {
                position_ = {position_.epoch + 1, 0};
                shuffle();
                if (&part == &lesson_) return batch;
            }
        }
    }

    // The number of full batches in the first lesson and in this many epochs.
    size_t steps(double epochs) const {
        return (lesson_.documents.empty() ? 0 : training_steps(1, lesson_.tokens, lesson_.tokens_per_batch)) +
               training_steps(epochs, main_.tokens, main_.tokens_per_batch);
    }

    // The peak learning rate of the next batch, where that of the epochs is `rate`.
    float learning_rate(float rate) const { return &current() == &lesson_ ? lesson_learning_rate_ : rate; }

    Position position() const { return position_; }

    // Resumes at the `position` of a stream with the same documents and seed.
    void restore(Position position) {
        position_ = position;
        expects(position.index < current().documents.size(), "the saved position ", position.index,
                " is outside of the training data of ", current().documents.size(),
                " documents; it has changed since the checkpoint was written: start again from the stage before");
        shuffle();
    }

    size_t documents() const { return main_.documents.size(); }  // after splitting: each window counts
    size_t tokens_per_epoch() const { return main_.tokens; }     // input tokens

  private:
    struct Part {
        std::vector<Document> documents;
        size_t tokens_per_batch, tokens = 0;

        Part(std::vector<Document> whole, size_t context, size_t batch)
            : documents(cut_into_windows(std::move(whole), context)), tokens_per_batch(batch) {
            for (const Document& document : documents) tokens += document.tokens.size() - 1;
        }
    };

    const Part& current() const { return position_.epoch == 0 && !lesson_.documents.empty() ? lesson_ : main_; }

    void shuffle() {
        order_.resize(current().documents.size());
        std::iota(order_.begin(), order_.end(), size_t{0});
        Rng(seed_, mix(stream("epoch"), position_.epoch)).shuffle(order_);
    }

    Part lesson_;
    float lesson_learning_rate_;
    Part main_;
    uint64_t seed_;
    std::vector<size_t> order_;
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

// A batch: sequences of tokens end to end, without padding, and the rows whose outputs are wanted.
#pragma once
#include <cstdint>
#include <vector>

#include "../base/error.h"
#include "kernels.h"

namespace cai {

// Sequences end to end, without padding.
struct Batch {
    std::vector<Token> tokens;        // (N)
    std::vector<int32_t> positions;   // (N), from 0 in each sequence
    std::vector<int32_t> offsets{0};  // (S+1)
    std::vector<int32_t> rows;        // (R) rows whose output is wanted, distinct
    std::vector<Token> targets;       // (R) the token each of those rows should predict; empty for a score head

    size_t sequences() const { return offsets.size() - 1; }

    // Adds a sequence to train on. Its last token is only predicted, so it takes n - 1 rows. Row i predicts
    // sequence[i+1] and is an output row if learn[i+1] is not 0 (every row, if learn is null).
    void add(const Token* sequence, size_t n, const uint8_t* learn = nullptr) {
        expects(n >= 2, "a sequence of ", n, " tokens predicts nothing: it needs two");
        for (size_t i = 0; i + 1 < n; i++) {
            if (learn && !learn[i + 1]) continue;
            rows.push_back(static_cast<int32_t>(tokens.size() + i));
            targets.push_back(sequence[i + 1]);
        }
        append(sequence, n - 1);
    }

    // Adds a sequence to score: it takes n rows, and the positions in `wanted` are its output rows.
    void add_scored(const Token* sequence, size_t n, const std::vector<int32_t>& wanted) {
        expects(n >= 1, "an empty sequence has nothing to score");
        for (int32_t position : wanted) {
            expects(position >= 0 && static_cast<size_t>(position) < n, "position ", position,
                    " lies outside a sequence of ", n, " tokens");
            rows.push_back(static_cast<int32_t>(tokens.size()) + position);
        }
        append(sequence, n);
    }

  private:
    void append(const Token* sequence, size_t n) {
        for (size_t i = 0; i < n; i++) {
            tokens.push_back(sequence[i]);
            positions.push_back(static_cast<int32_t>(i));
        }
        offsets.push_back(static_cast<int32_t>(tokens.size()));
    }
};

}  // namespace cai

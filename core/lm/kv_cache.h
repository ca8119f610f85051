// The key-value cache, which saves generation from recomputing past tokens.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "../nn/model.h"

namespace cai {

// The length of the common prefix. The last token of `prompt` does not count, since its logits must be computed.
inline size_t shared_beginning(const std::vector<Token>& prompt, const std::vector<Token>& other) {
    const size_t most = std::min(prompt.size() - 1, other.size());
    size_t n = 0;
    while (n < most && prompt[n] == other[n]) n++;
    return n;
}

// For each layer, the keys and values of `slots` sequences of up to `capacity` tokens.
class KeyValueCache {
  public:
    std::vector<std::vector<Token>> tokens;  // by slot: the tokens whose keys and values are cached

    KeyValueCache(const Model& model, size_t slots, size_t capacity)
        : tokens(slots), model_(model), capacity_(capacity) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
        for (size_t l = 0; l < L; l++) {
            keys_.emplace_back(*model.kernels, slots * K * D * capacity);
            values_.emplace_back(*model.kernels, slots * K * D * capacity);
        }
    }

    // The number of tokens of the prompt that are cached in the slot.
    size_t held(size_t slot, const std::vector<Token>& prompt) const { return shared_beginning(prompt, tokens[slot]); }

    // Truncates the slot to its common prefix with the prompt.
    void keep(size_t slot, const std::vector<Token>& prompt) { tokens[slot].resize(held(slot, prompt)); }

    void copy_slot(size_t to, size_t from) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model_.config);
        const size_t size = K * D * capacity_;
        for (auto* buffers : {&keys_, &values_})
            for (Buffer<float>& buffer : *buffers)
                model_.kernels->copy(buffer.data() + to * size, buffer.data() + from * size, size);
        tokens[to] = tokens[from];
    }

    // Replaces attention within the batch in forward(): row n is at positions[n] of the sequence in
    // slots[n] and attends to all of that sequence so far. The new rows of a sequence must be in
    // one micro-batch. The vectors are read at each call.
    Attention attention(const std::vector<int32_t>& slots, const std::vector<int32_t>& positions) {
        return [this, &slots, &positions](const MicroBatch& batch, size_t l, float* out, float*, const float* qkv) {
            const auto [L, C, H, K, D, Q, F, V] = alphabet(model_.config);
            const int32_t *slot = slots.data() + batch.first_row, *position = positions.data() + batch.first_row;
            float *keys = keys_[l].data(), *values = values_[l].data();
            const Kernels& k = *model_.kernels;
            k.cache_store(keys, values, qkv, slot, position, batch.N, H, K, D, capacity_);
            k.attention_decode(out, qkv, keys, values, slot, position, batch.N, H, K, D, capacity_);
        };
    }

  private:
    const Model& model_;
    size_t capacity_;
    std::vector<Buffer<float>> keys_, values_;
};

}  // namespace cai

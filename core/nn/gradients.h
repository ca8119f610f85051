// The gradients of a model: one per parameter, in the same layout.
#pragma once
#include <algorithm>
#include <vector>

#include "weights.h"

namespace cai {

// One gradient per parameter, in the same layout. backward adds to it; Optimizer::update clears it.
struct Gradients {
    Config config;
    Buffer<float> values;
    Weights weights;

    explicit Gradients(const Model& model)
        : config(model.config),
          values(*model.kernels, model.parameters.size()),
          weights(lay_out_weights(config, values.data())),
          kernels_(model.kernels) {}

    void set_zero() { values.set_zero(); }
    template <class Visit>
    void each_tensor(Visit visit) const {
        cai::each_tensor(config, values.data(), visit);
    }

    // Separate gradients for each shard of a batch, so that threads can work in parallel. Shard 0 uses `weights`
    // itself; the others start at zero. sum_shards adds them to shard 0 in order and clears them.
    void open_shards(size_t count) {
        while (others_.size() + 1 < count) {
            others_.emplace_back(*kernels_, values.size());
            other_weights_.push_back(lay_out_weights(config, others_.back().data()));
        }
    }
    const Weights& shard(size_t i) const { return i == 0 ? weights : other_weights_[i - 1]; }
    void sum_shards(size_t count) {
        constexpr size_t kBlock = 1 << 14;  // floats that stay in a thread's cache while all shards are added to them
        if (count < 2) return;
        kernels_->parallel_for((values.size() - 1) / kBlock + 1, [&](size_t block) {
            const size_t first = block * kBlock, size = std::min(kBlock, values.size() - first);
            for (size_t i = 0; i + 1 < count; i++)
                kernels_->accumulate_and_clear(values.data() + first, others_[i].data() + first, size);
        });
    }

  private:
    const Kernels* kernels_;
    std::vector<Buffer<float>> others_;
    std::vector<Weights> other_weights_;
};

}  // namespace cai

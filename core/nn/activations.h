// The memory for what the model computes from a batch. Shapes are in the alphabet of kernels.h; R is the number of
// output rows, those whose outputs are wanted.
//
// A batch is split at sequence boundaries into shards, one per worker. A shard runs as micro-batches of about 256 rows,
// so that activations stay in the L2 cache. Splitting never changes a row. Gradients are sums over rows: each shard has
// its own, and they are added up in order. The shards of training depend on the batch only, so the sums do not depend
// on the number of threads.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "batch.h"
#include "weights.h"

namespace cai {

// Some whole sequences of a batch, and the memory for everything computed from them.
struct MicroBatch {
    struct Layer {
        float* attention_in;    // (N,C)    the norm of the layer's input
        float* attention_rstd;  // (N)
        float* qkv;             // (N,Q)    queries and keys already rotated by RoPE
        float* attention;       // (N,H·D)
        float* logsumexp;       // (N,H)
        float* mid;             // (N,C)    the residual stream after attention; from here on the last layer has R rows
        float* ff_in;           // (N,C)    the norm of mid
        float* ff_rstd;         // (N)
        float* gate_up;         // (N,2F)
        float* swiglu;          // (N,F)
        float* out;             // (N,C)    the residual stream after the layer: the next layer's input
    };
    size_t first_row = 0, first_output = 0;  // where it begins in the batch
    size_t N = 0, R = 0;                     // rows, output rows
    std::vector<int32_t> offsets{0};         // of its sequences, relative to its first row, like `rows`
    const int32_t *tokens = nullptr, *positions = nullptr, *rows = nullptr, *targets = nullptr;

    std::vector<Layer> layers;  // for inference just one, shared by all layers
    float* embedded = nullptr;        // (N,C) the first layer's input
    float* x_rows = nullptr;          // (R,C) the last layer's input at the output rows
    float* attention_rows = nullptr;  // (R,H·D) the last layer's attention at the output rows
    float* normed = nullptr;          // (R,C) the norm of the last layer's output
    float* rstd = nullptr;            // (R)
    float* logits = nullptr;          // (R,V), or (R,1) from a score head; backward overwrites (R,V) with its gradient
    float* logprob = nullptr;         // (R)
    float* derivative = nullptr;      // (R) of the loss with respect to each log-probability or score

    // Used by backward only.
    float* dx = nullptr;  // (N,C) the gradient of the residual stream
    float *dnormed = nullptr, *dqkv = nullptr, *dattention = nullptr, *dgate_up = nullptr, *dswiglu = nullptr;
    float *dx_rows = nullptr, *dattention_rows = nullptr;  // (R,C) and (R,H·D): dx and dattention at the output rows

    size_t sequences() const { return offsets.size() - 1; }
    Layer& layer(size_t l) { return layers[std::min(l, layers.size() - 1)]; }
};

// The order in which micro-batches run forward and backward. It decides what memory they can share.
enum class Schedule {
    forward_only,           // the micro-batches of a shard share all memory, and so do the layers
    forward_then_backward,  // the whole batch forward, then backward: only memory that backward alone uses is shared
    interleaved,            // each micro-batch forward and backward, then the next: all memory is shared, even logits
};

// Splits the sequences first .. last-1 into at most `pieces` runs of about equal work. Returns the first sequence of
// each run, then `last`. `work` is cumulative: sequence s costs work[s + 1] - work[s].
inline std::vector<size_t> split_evenly(const std::vector<int32_t>& work, size_t first, size_t last, size_t pieces) {
    std::vector<size_t> bounds{first};
    const auto before = [&](size_t sequence) { return static_cast<size_t>(work[sequence]); };
    const size_t all = before(last) - before(first);
    for (size_t piece = 1, s = first; piece < pieces; piece++) {
        const size_t goal = before(first) + all * piece / pieces;
        while (before(s) < goal) s++;
        if (s > first && goal - before(s - 1) < before(s) - goal) s--;
        if (s > bounds.back() && s < last) bounds.push_back(s);
    }
    bounds.push_back(last);
    return bounds;
}

// One block of memory, which grows to fit the largest batch seen and is reused by every step.
struct Activations {
    std::vector<std::vector<MicroBatch>> shards;
    size_t N = 0, R = 0;  // rows and output rows of the batch

    // For all output rows, in order.
    float* logits = nullptr;      // (R,V), or (R,1) from a score head; not kept when interleaved
    float* logprob = nullptr;     // (R)
    float* entropy = nullptr;     // (R)
    float* derivative = nullptr;  // (R) of the loss with respect to each log-probability or score
    const int32_t* targets = nullptr;

    // Splits the batch, allocates what it needs and uploads it.
    void load(const Model& model, const Batch& batch, Schedule schedule) {
        N = batch.tokens.size(), R = batch.rows.size();
        std::vector<int32_t> host = batch.tokens;
        host.insert(host.end(), batch.positions.begin(), batch.positions.end());
        make_micro_batches(*model.kernels, batch, schedule, host);
        host.insert(host.end(), batch.targets.begin(), batch.targets.end());
        reserve(integers_, *model.kernels, host.size());
        integers_.upload(host);
        targets = integers_.data() + 2 * N + R;
        for (auto& shard : shards)
            for (MicroBatch& micro_batch : shard) {
                micro_batch.tokens = integers_.data() + micro_batch.first_row;
                micro_batch.positions = micro_batch.tokens + N;
                micro_batch.rows = integers_.data() + 2 * N + micro_batch.first_output;
                micro_batch.targets = micro_batch.rows + R;
            }
        reserve(memory_, *model.kernels, lay_out(model.config, schedule, nullptr));
        lay_out(model.config, schedule, memory_.data());
    }

    // Calls work(shard) for every shard in parallel, the largest first, so that threads finish at about the same time.
    void each_shard(const Kernels& kernels, const std::function<void(size_t)>& work) const {
        std::vector<size_t> order(shards.size()), size(shards.size(), 0);
        std::iota(order.begin(), order.end(), size_t{0});
        for (size_t shard = 0; shard < shards.size(); shard++)
            for (const MicroBatch& micro_batch : shards[shard]) size[shard] += micro_batch.N + micro_batch.R;
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size[a] > size[b]; });
        kernels.parallel_for(order.size(), [&](size_t i) { work(order[i]); });
    }

  private:
    Buffer<float> memory_;
    Buffer<int32_t> integers_;

    // Also appends the output rows to `rows`, each relative to the first row of its micro-batch.
    void make_micro_batches(const Kernels& kernels, const Batch& batch, Schedule schedule, std::vector<int32_t>& rows) {
        const size_t rows_at_once = kernels.rows_at_once();
        // In training a shard has at least two micro-batches, since every further shard costs a sum of gradients; the
        // number of shards is a power of two, which the usual numbers of threads divide. For inference there is one
        // shard per thread, unless that leaves a shard fewer than 16 rows.
        const size_t shard_count = schedule == Schedule::forward_only
                                       ? std::clamp<size_t>(N / 16, 1, kernels.threads())
                                       : std::bit_floor(std::clamp<size_t>((N / rows_at_once + 1) / 2, 1, 8));
        const auto begins = [&](size_t sequence) { return static_cast<size_t>(batch.offsets[sequence]); };
        shards.clear();
        size_t output = 0;
        // Training counts rows as work. Generation mixes long sequences with short ones that each have an output row,
        // so it counts output rows too: one costs about as much again as a row.
        std::vector<int32_t> work = batch.offsets;
        if (schedule == Schedule::forward_only)
            for (size_t s = 1, outputs = 0; s < work.size(); s++) {
                while (outputs < R && batch.rows[outputs] < batch.offsets[s]) outputs++;
                work[s] += static_cast<int32_t>(outputs);
            }
        const std::vector<size_t> shard_bounds = split_evenly(work, 0, batch.sequences(), shard_count);
        for (size_t shard = 0; shard + 1 < shard_bounds.size(); shard++) {
            const size_t first = shard_bounds[shard], last = shard_bounds[shard + 1];
            const size_t count = (begins(last) - begins(first) - 1) / rows_at_once + 1;
            const std::vector<size_t> bounds = split_evenly(batch.offsets, first, last, count);
            shards.emplace_back();
            for (size_t p = 0; p + 1 < bounds.size(); p++) {
                MicroBatch micro_batch;
                micro_batch.first_row = begins(bounds[p]), micro_batch.first_output = output;
                const size_t end = begins(bounds[p + 1]);
                micro_batch.N = end - micro_batch.first_row;
                for (size_t s = bounds[p]; s < bounds[p + 1]; s++)
                    micro_batch.offsets.push_back(batch.offsets[s + 1] - batch.offsets[bounds[p]]);
                for (; output < R && static_cast<size_t>(batch.rows[output]) < end; output++)
                    rows.push_back(batch.rows[output] - batch.offsets[bounds[p]]);
                micro_batch.R = output - micro_batch.first_output;
                shards.back().push_back(std::move(micro_batch));
            }
        }
        expects(output == R, "the output rows of a batch must come in the order of its sequences");
    }

    // Gives every micro-batch its part of `memory` and returns the number of floats needed. With null it only counts.
    size_t lay_out(const Config& c, Schedule schedule, float* memory) {
        const Alphabet a = alphabet(c);
        const size_t L = a.L, C = a.C, H = a.H, D = a.D, Q = a.Q, F = a.F;
        size_t next = 0;
        const auto view = [&](float*& pointer, size_t count) {
            pointer = memory ? memory + next : nullptr;
            next += (count + 15) / 16 * 16;
        };
        const size_t O = static_cast<size_t>(c.outputs()), HD = H * D;
        view(logits, schedule == Schedule::interleaved ? 0 : R * O);
        view(logprob, R), view(entropy, R), view(derivative, R);
        // Gives the micro-batches of a shard memory one after the other or, if shared, the same memory.
        const auto each_micro_batch = [&](std::vector<MicroBatch>& shard, bool shared,
                                          const std::function<void(MicroBatch&, size_t, size_t)>& place) {
            const size_t begin = next;
            size_t end = next;
            for (MicroBatch& micro_batch : shard) {
                if (shared) next = begin;
                place(micro_batch, micro_batch.N, micro_batch.R);
                end = std::max(end, next);
            }
            next = end;
        };
        for (auto& shard : shards) {
            const bool shared = schedule != Schedule::forward_then_backward;
            each_micro_batch(shard, shared, [&](MicroBatch& p, size_t N, size_t R) {
                p.layers.resize(schedule == Schedule::forward_only ? 1 : L);
                view(p.embedded, N * C);
                for (MicroBatch::Layer& layer : p.layers) {
                    view(layer.attention_in, N * C), view(layer.attention_rstd, N), view(layer.qkv, N * Q);
                    view(layer.attention, N * HD), view(layer.logsumexp, N * H), view(layer.mid, N * C);
                    view(layer.ff_in, N * C), view(layer.ff_rstd, N), view(layer.gate_up, N * 2 * F);
                    view(layer.swiglu, N * F), view(layer.out, N * C);
                }
                view(p.x_rows, R * C), view(p.attention_rows, R * HD), view(p.normed, R * C), view(p.rstd, R);
                if (schedule == Schedule::interleaved)
                    view(p.logits, R * O);
                else if (memory)
                    p.logits = logits + p.first_output * O;
                if (memory) p.logprob = logprob + p.first_output, p.derivative = derivative + p.first_output;
            });
            if (schedule == Schedule::forward_only) continue;
            each_micro_batch(shard, true, [&](MicroBatch& p, size_t N, size_t R) {
                view(p.dx, N * C), view(p.dnormed, N * C), view(p.dqkv, N * Q), view(p.dattention, N * HD);
                view(p.dgate_up, N * 2 * F), view(p.dswiglu, N * F);
                view(p.dx_rows, R * C), view(p.dattention_rows, R * HD);
            });
        }
        return next;
    }

    // Allocates an eighth more than asked for: batches vary a little in size, and
    // not every new largest should reallocate.
    template <class T>
    static void reserve(Buffer<T>& buffer, const Kernels& kernels, size_t count) {
        if (count <= buffer.size()) return;
        buffer = Buffer<T>();  // first release, then allocate
        buffer = Buffer<T>(kernels, count + count / 8);
    }
};

}  // namespace cai

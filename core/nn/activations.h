// A batch of sequences, and the room for what the model computes from it. Shapes are in the alphabet of kernels.h; n is the
// number of output rows.
//
// A batch is cut twice, at the borders of sequences: into lanes, which threads walk side by side, and each lane into parts,
// which go through all layers one after the other while what they need is in the thread's cache. Neither changes a row.
// Gradients are sums over rows, so each lane has its own and they are added up in order: the lanes of training depend on
// the batch only, not on the number of threads.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "batch.h"
#include "weights.h"

namespace cai {

// Whole sequences on their way through the model, and the room for what is computed from them.
struct Part {
    struct Layer {
        float* attention_in;    // (N,C)    the norm of the layer's input
        float* attention_rstd;  // (N)
        float* qkv;             // (N,Q)    queries and keys already turned to their positions
        float* attention;       // (N,H·D)
        float* logsumexp;       // (N,H)
        float* mid;             // (N,C)    the residual stream after attention; from here on the last layer has n rows
        float* ff_in;           // (N,C)    its norm
        float* ff_rstd;         // (N)
        float* gate_up;         // (N,2F)
        float* swiglu;          // (N,F)
        float* out;             // (N,C)    the residual stream after the layer: the next layer's input
    };
    size_t first_row = 0, first_output = 0;  // where it begins in the batch
    size_t N = 0, n = 0;                     // its rows and output rows
    std::vector<int32_t> offsets{0};         // of its sequences, counted from its first row, as rows are
    const int32_t *tokens = nullptr, *positions = nullptr, *rows = nullptr, *targets = nullptr;

    std::vector<Layer> layers;  // for inference one, which all layers share
    float* embedded = nullptr;        // (N,C) the first layer's input
    float* x_rows = nullptr;          // (n,C) the last layer's input at the output rows
    float* attention_rows = nullptr;  // (n,H·D) its attention at the output rows
    float* normed = nullptr;          // (n,C) the norm of its output
    float* rstd = nullptr;            // (n)
    float* logits = nullptr;          // (n,V), or (n,1) from a score head; backward overwrites (n,V) with its gradient
    float* logprob = nullptr;         // (n)
    float* derivative = nullptr;      // (n) of the loss with respect to each log-probability or score

    // Backward's own.
    float* dx = nullptr;  // (N,C) the gradient of the residual stream
    float *dnormed = nullptr, *dqkv = nullptr, *dattention = nullptr, *dgate_up = nullptr, *dswiglu = nullptr;
    float *dx_rows = nullptr, *dattention_rows = nullptr;  // (n,C) and (n,H·D): dx and dattention at the output rows

    size_t sequences() const { return offsets.size() - 1; }
    Layer& layer(size_t l) { return layers[std::min(l, layers.size() - 1)]; }
};

// What becomes of a batch decides which parts may use the same room, one after the other.
enum class Walk {
    inference,      // forward only: the parts of a lane share, and so do all layers
    forward_first,  // backward comes when forward is through with the whole batch: only backward's own room is shared
    part_by_part,   // forward and backward of a part, then the next: a lane's parts share all, even their logits
};

// Where each of `pieces` runs of sequences, about equally much work in each, begins, and where the last one ends. `work` adds up:
// sequence s is work[s + 1] - work[s].
inline std::vector<size_t> cut(const std::vector<int32_t>& work, size_t first, size_t last, size_t pieces) {
    std::vector<size_t> cuts{first};
    const auto before = [&](size_t sequence) { return static_cast<size_t>(work[sequence]); };
    const size_t all = before(last) - before(first);
    for (size_t piece = 1, s = first; piece < pieces; piece++) {
        const size_t goal = before(first) + all * piece / pieces;
        while (before(s) < goal) s++;
        if (s > first && goal - before(s - 1) < before(s) - goal) s--;
        if (s > cuts.back() && s < last) cuts.push_back(s);
    }
    cuts.push_back(last);
    return cuts;
}

// One block of memory that grows to the largest batch seen and is used again by every step.
struct Activations {
    std::vector<std::vector<Part>> lanes;
    size_t N = 0, n = 0;  // rows and output rows of the batch

    // Of all output rows in their order.
    float* logits = nullptr;      // (n,V), or (n,1) from a score head; not kept part by part
    float* logprob = nullptr;     // (n)
    float* entropy = nullptr;     // (n)
    float* derivative = nullptr;  // (n) of the loss with respect to each log-probability or score
    const int32_t* targets = nullptr;

    // Cuts the batch, makes room for it and uploads it.
    void load(const Model& model, const Batch& batch, Walk walk) {
        N = batch.tokens.size(), n = batch.rows.size();
        std::vector<int32_t> host = batch.tokens;
        host.insert(host.end(), batch.positions.begin(), batch.positions.end());
        make_parts(*model.kernels, batch, walk, host);
        host.insert(host.end(), batch.targets.begin(), batch.targets.end());
        reserve(integers_, *model.kernels, host.size());
        integers_.upload(host);
        targets = integers_.data() + 2 * N + n;
        for (auto& lane : lanes)
            for (Part& part : lane) {
                part.tokens = integers_.data() + part.first_row, part.positions = part.tokens + N;
                part.rows = integers_.data() + 2 * N + part.first_output, part.targets = part.rows + n;
            }
        reserve(memory_, *model.kernels, lay_out(model.config, walk, nullptr));
        lay_out(model.config, walk, memory_.data());
    }

    // Calls work(lane) for every lane, the largest first: then threads that take them up one by one finish together.
    template <class Work>
    void each_lane(const Kernels& kernels, Work work) const {
        std::vector<size_t> order(lanes.size()), size(lanes.size(), 0);
        std::iota(order.begin(), order.end(), size_t{0});
        for (size_t lane = 0; lane < lanes.size(); lane++)
            for (const Part& part : lanes[lane]) size[lane] += part.N + part.n;
        std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return size[a] > size[b]; });
        kernels.each(order.size(), [&](size_t i) { work(order[i]); });
    }

  private:
    Buffer<float> memory_;
    Buffer<int32_t> integers_;

    // Appends the output rows, each counted from the first row of its part.
    void make_parts(const Kernels& kernels, const Batch& batch, Walk walk, std::vector<int32_t>& rows) {
        const size_t close = kernels.rows_at_once();
        // In training two parts a lane, or summing the gradients of one more lane would cost too much; and a power of two, which
        // most numbers of threads divide. In inference as many as there are threads, unless that leaves each next to nothing.
        const size_t lane_count = walk == Walk::inference
                                      ? std::clamp<size_t>(N / 16, 1, kernels.threads())
                                      : std::bit_floor(std::clamp<size_t>((N / close + 1) / 2, 1, 8));
        const auto begins = [&](size_t sequence) { return static_cast<size_t>(batch.offsets[sequence]); };
        lanes.clear();
        size_t output = 0;
        // Training counts rows. Generation has short sequences, of which each has an output row, beside long ones: an output row
        // is about as much work again.
        std::vector<int32_t> work = batch.offsets;
        if (walk == Walk::inference)
            for (size_t s = 1, outputs = 0; s < work.size(); s++) {
                while (outputs < n && batch.rows[outputs] < batch.offsets[s]) outputs++;
                work[s] += static_cast<int32_t>(outputs);
            }
        const std::vector<size_t> lane_cuts = cut(work, 0, batch.sequences(), lane_count);
        for (size_t lane = 0; lane + 1 < lane_cuts.size(); lane++) {
            const size_t first = lane_cuts[lane], last = lane_cuts[lane + 1];
            const size_t part_count = (begins(last) - begins(first) - 1) / close + 1;
            const std::vector<size_t> cuts = cut(batch.offsets, first, last, part_count);
            lanes.emplace_back();
            for (size_t p = 0; p + 1 < cuts.size(); p++) {
                Part part;
                part.first_row = begins(cuts[p]), part.first_output = output;
                const size_t end = begins(cuts[p + 1]);
                part.N = end - part.first_row;
                for (size_t s = cuts[p]; s < cuts[p + 1]; s++)
                    part.offsets.push_back(batch.offsets[s + 1] - batch.offsets[cuts[p]]);
                for (; output < n && static_cast<size_t>(batch.rows[output]) < end; output++)
                    rows.push_back(batch.rows[output] - batch.offsets[cuts[p]]);
                part.n = output - part.first_output;
                lanes.back().push_back(std::move(part));
            }
        }
        expects(output == n, "the output rows of a batch must come in the order of its sequences");
    }

    // Gives every part its room from `memory` on, and returns how many floats that takes; only counts them when null.
    size_t lay_out(const Config& c, Walk walk, float* memory) {
        const Alphabet a = alphabet(c);
        const size_t L = a.L, C = a.C, H = a.H, D = a.D, Q = a.Q, F = a.F;
        size_t next = 0;
        const auto view = [&](float*& pointer, size_t count) {
            pointer = memory ? memory + next : nullptr;
            next += (count + 15) / 16 * 16;
        };
        const size_t O = static_cast<size_t>(c.outputs()), HD = H * D;
        view(logits, walk == Walk::part_by_part ? 0 : n * O), view(logprob, n), view(entropy, n), view(derivative, n);
        // The parts of a lane get their room one after the other or, where they share it, in the same place.
        const auto each_part = [&](std::vector<Part>& lane, bool shared, auto place) {
            const size_t begin = next;
            size_t end = next;
            for (Part& part : lane) {
                if (shared) next = begin;
                place(part, part.N, part.n);
                end = std::max(end, next);
            }
            next = end;
        };
        for (auto& lane : lanes) {
            each_part(lane, walk != Walk::forward_first, [&](Part& p, size_t N, size_t n) {
                p.layers.resize(walk == Walk::inference ? 1 : L);
                view(p.embedded, N * C);
                for (Part::Layer& layer : p.layers) {
                    view(layer.attention_in, N * C), view(layer.attention_rstd, N), view(layer.qkv, N * Q);
                    view(layer.attention, N * HD), view(layer.logsumexp, N * H), view(layer.mid, N * C);
                    view(layer.ff_in, N * C), view(layer.ff_rstd, N), view(layer.gate_up, N * 2 * F);
                    view(layer.swiglu, N * F), view(layer.out, N * C);
                }
                view(p.x_rows, n * C), view(p.attention_rows, n * HD), view(p.normed, n * C), view(p.rstd, n);
                if (walk == Walk::part_by_part)
                    view(p.logits, n * O);
                else if (memory)
                    p.logits = logits + p.first_output * O;
                if (memory) p.logprob = logprob + p.first_output, p.derivative = derivative + p.first_output;
            });
            if (walk == Walk::inference) continue;
            each_part(lane, true, [&](Part& p, size_t N, size_t n) {
                view(p.dx, N * C), view(p.dnormed, N * C), view(p.dqkv, N * Q), view(p.dattention, N * HD);
                view(p.dgate_up, N * 2 * F), view(p.dswiglu, N * F), view(p.dx_rows, n * C), view(p.dattention_rows, n * HD);
            });
        }
        return next;
    }

    // An eighth more than asked for: batches differ a little in size, and each new largest must not move everything.
    template <class T>
    static void reserve(Buffer<T>& buffer, const Kernels& kernels, size_t count) {
        if (count <= buffer.size()) return;
        buffer = Buffer<T>();  // first release, then allocate
        buffer = Buffer<T>(kernels, count + count / 8);
    }
};

}  // namespace cai

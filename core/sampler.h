// Sampling with a cache of keys and values. Prompts take turns in a fixed number of slots; each step runs one forward
// over all tokens of the prompts just admitted and the newest token of every running sequence, then draws one token for
// each (continuous batching: Yu et al. 2022, "Orca").
//
// Neither the number of slots nor that of threads changes a result: a row of a kernel does not depend on the other
// rows, and a draw depends on (seed, key of the prompt, position) only. For the same reason the log-probabilities equal
// those that forward() computes over the finished text, to the last bit.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "expects.h"
#include "memory.h"
#include "model.h"
#include "rng.h"
#include "tokenizer.h"

namespace cai {

struct Completion {
    std::vector<Token> tokens;    // with the stop token at the end when stopped
    std::vector<float> logprobs;  // of each token, as Kernels::sample defines them
    bool stopped = false;         // by a stop token; otherwise by max_new_tokens or the end of the context
};

struct GenerateOptions {
    SamplingOptions sampling;
    int max_new_tokens = 64;
    uint64_t seed = 1;
    std::vector<Token> stops;    // a completion ends with one of these; empty: any of the Special tokens
    std::vector<uint64_t> keys;  // one a prompt: equal prompts with equal keys draw equal tokens; empty: 0, 1, 2, ...
    size_t slots = 64;           // sequences that run at the same time; more is faster and takes more memory
    bool stoppable = true;       // fail when a signal asks to stop; not for a caller that saves what it has a little later
};

// Called after each drawn token with the index of its prompt; the tokens of one prompt come in order.
using OnToken = std::function<void(size_t prompt, Token token)>;

// A forward takes new prompts while their tokens stay within this many rows, which bounds its memory.
inline constexpr size_t kPromptRows = 1024;

// The cache: for each layer the keys and values of `slots` sequences of up to `capacity` tokens.
class KeyValueCache {
  public:
    KeyValueCache(const Model& model, size_t slots, size_t capacity) : model_(model), capacity_(capacity) {
        const auto [L, C, H, K, D, Q, F, V] = alphabet(model.config);
        for (size_t l = 0; l < L; l++) {
            keys_.emplace_back(*model.kernels, slots * K * D * capacity);
            values_.emplace_back(*model.kernels, slots * K * D * capacity);
        }
    }

    // What forward() calls in place of attention within the batch: row n stands at positions[n] of the sequence in
    // slots[n] and attends to all of that sequence so far, whose new rows lie in one part. The vectors are read at each call.
    Attention attention(const std::vector<int32_t>& slots, const std::vector<int32_t>& positions) {
        return [this, &slots, &positions](const Part& part, size_t l, float* out, float*, const float* qkv) {
            const auto [L, C, H, K, D, Q, F, V] = alphabet(model_.config);
            const int32_t *slot = slots.data() + part.first_row, *position = positions.data() + part.first_row;
            float *keys = keys_[l].data(), *values = values_[l].data();
            const Kernels& k = *model_.kernels;
            k.cache_store(keys, values, qkv, slot, position, part.N, H, K, D, capacity_);
            k.attention_decode(out, qkv, keys, values, slot, position, part.N, H, K, D, capacity_);
        };
    }

  private:
    const Model& model_;
    size_t capacity_;
    std::vector<Buffer<float>> keys_, values_;
};

// Throws unless the model has logits to give and every prompt holds 1 to `longest` tokens of its vocabulary.
inline void check_prompts(const Model& model, const std::vector<std::vector<Token>>& prompts, size_t longest) {
    const int vocab_size = model.config.vocab_size;
    expects(!model.config.score_head, "this model scores texts and cannot write them; load a language model");
    for (size_t i = 0; i < prompts.size(); i++) {
        expects(!prompts[i].empty(), "prompt ", i, " is empty; begin it with <|endoftext|> or a role");
        expects(prompts[i].size() <= longest, "prompt ", i, " has ", prompts[i].size(), " tokens, but the context of ",
                model.config.context, " has room for ", longest, "; shorten it");
        for (Token token : prompts[i])
            expects(token >= 0 && token < vocab_size, "prompt ", i, " holds token ", token,
                    ", which is not in the vocabulary of ", vocab_size, "; encode it with this model's tokenizer");
    }
}

// Throws when a signal asked to stop: what is being written stands in no file yet.
inline void check_stop_signal() {
    if (stop_signal)
        fail(stopped_by(), "interrupted while a model was writing; the same command keeps what is finished and begins this anew");
}

// A completion for each prompt, in the order of the prompts. It ends with a stop token, after
// max_new_tokens, or where prompt and completion together fill the context. Throws for options that make no sense, and
// for a prompt that is empty, leaves no room in the context, or holds a token outside of the vocabulary.
inline std::vector<Completion> generate(const Model& model, const std::vector<std::vector<Token>>& prompts,
                                        const GenerateOptions& options, const OnToken& on_token = {}) {
    struct Sequence {
        size_t prompt, slot;
        size_t length;  // tokens so far, of the prompt and the completion
    };
    const size_t context = model.config.context;
    check_prompts(model, prompts, context - 1);
    expects(options.max_new_tokens > 0 && options.slots > 0,
            "generating needs max_new_tokens and slots of at least 1, ", "not ", options.max_new_tokens, " and ",
            options.slots);
    expects(options.keys.empty() || options.keys.size() == prompts.size(), "there are ", options.keys.size(),
            " keys for ", prompts.size(), " prompts; give one a prompt, or none");
    std::vector<Completion> completions(prompts.size());

    size_t longest = 0;
    for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
    const size_t max_new_tokens = options.max_new_tokens, slots = std::min(options.slots, prompts.size());
    // The last token of a completion is drawn, but never fed in. A whole number of cache lines lets kernels read whole
    // vectors.
    const size_t positions = std::min(context, longest + max_new_tokens) - 1, capacity = (positions + 15) / 16 * 16;
    KeyValueCache cache(model, slots, capacity);
    Activations activations;
    activations.for_training = false;

    Batch batch;                       // the rows of a step
    std::vector<int32_t> batch_slots;  // whose rows they are
    const Attention attention = cache.attention(batch_slots, batch.positions);
    const auto add_row = [&](Token token, size_t position, size_t slot) {
        batch.tokens.push_back(token);
        batch.positions.push_back(static_cast<int32_t>(position));
        batch_slots.push_back(static_cast<int32_t>(slot));
    };

    // The rows added last are the newest of one sequence; the last of them has logits.
    const auto end_rows = [&] {
        batch.rows.push_back(static_cast<int32_t>(batch.tokens.size() - 1));
        batch.offsets.push_back(static_cast<int32_t>(batch.tokens.size()));
    };

    auto is_stop = [&](Token token) {
        if (options.stops.empty()) return token < kSpecialCount;
        return std::find(options.stops.begin(), options.stops.end(), token) != options.stops.end();
    };

    std::vector<Sequence> running;
    std::vector<size_t> free_slots;
    for (size_t slot = slots; slot-- > 0;) free_slots.push_back(slot);
    std::vector<Token> drawn(slots);
    std::vector<float> logprobs(slots);
    std::vector<uint64_t> keys(slots);

    for (size_t next = 0; next < prompts.size() || !running.empty();) {
        if (options.stoppable) check_stop_signal();
        // 1. Rows: the newest token of each running sequence, then whole prompts. The last row of each has logits.
        batch.tokens.clear(), batch.positions.clear(), batch.rows.clear(), batch_slots.clear();
        batch.offsets = {0};
        for (const auto& [prompt, slot, length] : running) {
            add_row(completions[prompt].tokens.back(), length - 1, slot);
            end_rows();
        }
        size_t prompt_rows = 0;
        while (next < prompts.size() && !free_slots.empty()) {
            const std::vector<Token>& prompt = prompts[next];
            if (prompt_rows > 0 && prompt_rows + prompt.size() > kPromptRows) break;
            prompt_rows += prompt.size();
            for (size_t i = 0; i < prompt.size(); i++) add_row(prompt[i], i, free_slots.back());
            end_rows();
            running.push_back({next++, free_slots.back(), prompt.size()});
            free_slots.pop_back();
        }

        // 2. Logits, and a token from each.
        forward(model, batch, activations, attention);
        for (size_t i = 0; i < running.size(); i++) {
            const auto& [prompt, slot, length] = running[i];
            const uint64_t key = options.keys.empty() ? prompt : options.keys[prompt];
            keys[i] = mix(mix(options.seed, key), length);
        }
        model.kernels->sample(drawn.data(), logprobs.data(), activations.logits, keys.data(), running.size(),
                              static_cast<size_t>(model.config.vocab_size), options.sampling);

        // 3. Sequences that are done leave their slots to the next prompts.
        size_t staying = 0;
        for (size_t i = 0; i < running.size(); i++) {
            Sequence sequence = running[i];
            Completion& completion = completions[sequence.prompt];
            completion.tokens.push_back(drawn[i]);
            completion.logprobs.push_back(logprobs[i]);
            completion.stopped = is_stop(drawn[i]);
            sequence.length++;
            if (on_token) on_token(sequence.prompt, drawn[i]);
            if (completion.stopped || completion.tokens.size() == max_new_tokens || sequence.length == context) {
                free_slots.push_back(sequence.slot);
            } else {
                running[staying++] = sequence;
            }
        }
        running.resize(staying);
    }
    return completions;
}

// log p(candidate | prompt) at temperature 1, over the whole vocabulary, for each prompt (outer) and each candidate
// (inner): how a judge reads its verdict off the tokens "A" and "B". Throws as generate() does, but a prompt may fill
// the context.
inline std::vector<std::vector<float>> next_token_logprobs(const Model& model,
                                                           const std::vector<std::vector<Token>>& prompts,
                                                           const std::vector<Token>& candidates) {
    const size_t V = model.config.vocab_size;
    check_prompts(model, prompts, model.config.context);
    for (Token token : candidates)
        expects(token >= 0 && static_cast<size_t>(token) < V, "candidate token ", token,
                " is not in the vocabulary of ", V, "; encode it with this model's tokenizer");

    std::vector<std::vector<float>> result(prompts.size(), std::vector<float>(candidates.size()));
    Activations activations;
    activations.for_training = false;
    for (size_t first = 0; first < prompts.size();) {
        check_stop_signal();
        Batch batch;
        size_t end = first;
        while (end < prompts.size() && (end == first || batch.tokens.size() + prompts[end].size() <= kPromptRows)) {
            const std::vector<Token>& prompt = prompts[end++];
            batch.add_scored(prompt.data(), prompt.size(), {static_cast<int32_t>(prompt.size() - 1)});
        }
        forward(model, batch, activations);
        const size_t n = end - first;
        Buffer<Token> targets(*model.kernels, n);
        std::vector<float> logprobs(n);
        for (size_t c = 0; c < candidates.size(); c++) {
            targets.upload(std::vector<Token>(n, candidates[c]));
            model.kernels->logprob_forward(activations.logprob, nullptr, activations.logits, targets.data(), n, V, 1);
            model.kernels->download(logprobs.data(), activations.logprob, n * sizeof(float));
            for (size_t i = 0; i < n; i++) result[first + i][c] = logprobs[i];
        }
        first = end;
    }
    return result;
}

}  // namespace cai

// Sampling with a key-value cache and continuous batching (Yu et al. 2022, "Orca"). Prompts share a fixed number of
// slots. Each step runs one forward pass over all tokens of the newly admitted prompts and the newest token of every
// running sequence, then draws one token for each. Cached tokens are not recomputed: a sequence may go on to a
// continuation, and a prompt may copy the keys and values of a common prefix.
//
// Neither the number of slots nor that of threads changes a result: a row of a kernel does not depend on the other
// rows, and a draw depends only on (seed, sample id of the prompt, position). For the same reason the log-probabilities
// equal those that forward() computes over the finished text, to the last bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../base/interrupt.h"
#include "kv_cache.h"
#include "tokenizer.h"

namespace cai {

struct Completion {
    std::vector<Token> tokens;    // ends with the stop token if stopped
    std::vector<float> logprobs;  // of each token, as Kernels::sample defines them
    bool stopped = false;         // by a stop token, not by max_new_tokens or the end of the context
};

// The text of a completion, without the token that ended it.
inline std::string text_of(const Tokenizer& tokenizer, const Completion& completion) {
    return tokenizer.decode(completion.tokens.data(), completion.tokens.size() - completion.stopped);
}

struct GenerateOptions {
    SamplingOptions sampling;
    int max_new_tokens = 64;
    uint64_t seed = 1;
    std::optional<std::vector<Token>> stops =
        {};                            // a completion ends with one of these; absent: any of the Special tokens
    std::vector<uint64_t> sample_ids;  // one per prompt; equal prompts and ids draw equal tokens; empty: 0, 1, ...
    size_t slots = 64;           // concurrent sequences; more are faster and take more memory
    bool stoppable = true;  // fail on a stop signal; false for a caller that will soon save its state

    bool is_stop(Token token) const {
        return stops ? std::find(stops->begin(), stops->end(), token) != stops->end() : token < kSpecialCount;
    }
};

// Called after each draw with the index of the prompt; the tokens of one prompt arrive in order.
using OnToken = std::function<void(size_t prompt, Token token)>;

// The next turn's full prompt; tokens already cached are not recomputed. With candidates nothing
// is drawn: the completion has no tokens, and its logprobs are those of each candidate as the
// next token, at temperature 1 over the whole vocabulary.
struct Continuation {
    std::vector<Token> prompt;
    std::vector<Token> candidates = {};
};

// Called with the index of a prompt and its completion; returns the continuation, or nothing when the sequence is done.
using OnCompletion = std::function<std::optional<Continuation>(size_t prompt, const Completion& completion)>;

// A forward pass admits prompts while their tokens fit in this many rows, which bounds its memory.
inline constexpr size_t kPromptRows = 1024;

// A prompt copies a common prefix from another slot if that is longer than the one in its own slot by at least this
// many tokens: copying a slot takes about as long as computing ten.
inline constexpr size_t kWorthCopying = 16;

// The indices of all sequences, with the long ones spread evenly among the others: shards, which are runs of
// consecutive sequences, then have about equal work.
inline std::vector<size_t> spread(const std::vector<bool>& is_long) {
    std::vector<size_t> longs, others, order;
    for (size_t i = 0; i < is_long.size(); i++) (is_long[i] ? longs : others).push_back(i);
    for (size_t i = 0, o = 0; i < longs.size(); i++) {
        order.push_back(longs[i]);
        while (o * longs.size() < others.size() * (i + 1)) order.push_back(others[o++]);
    }
    return longs.empty() ? others : order;
}

// Throws unless prompt i holds 1 to `longest` tokens of the vocabulary.
inline void check_prompt(const Model& model, size_t i, const std::vector<Token>& prompt, size_t longest) {
    const int vocab_size = model.config.vocab_size;
    expects(!prompt.empty(), "prompt ", i, " is empty; begin it with <|endoftext|> or a role");
    expects(prompt.size() <= longest, "prompt ", i, " has ", prompt.size(), " tokens, but the context of ",
            model.config.context, " has room for ", longest, "; shorten it");
    for (Token token : prompt)
        expects(token >= 0 && token < vocab_size, "prompt ", i, " holds token ", token,
                ", which is not in the vocabulary of ", vocab_size, "; encode it with this model's tokenizer");
}

// Throws unless the model outputs logits and every prompt passes check_prompt().
inline void check_prompts(const Model& model, const std::vector<std::vector<Token>>& prompts, size_t longest) {
    expects(!model.config.score_head, "this model scores texts and cannot write them; load a language model");
    for (size_t i = 0; i < prompts.size(); i++) check_prompt(model, i, prompts[i], longest);
}

inline void check_candidates(const Model& model, const std::vector<Token>& candidates) {
    for (Token token : candidates)
        expects(token >= 0 && token < model.config.vocab_size, "candidate token ", token,
                " is not in the vocabulary of ", model.config.vocab_size, "; encode it with this model's tokenizer");
}

// Throws on a stop signal: this output has not been saved to a file yet.
inline void check_stop_signal() {
    if (stop_signal)
        fail(stopped_by(),
             "interrupted while a model was writing; the same command keeps what is finished and begins this anew");
}

// log p(target) at temperature 1 for each row of the logits from forward(); 0 where the target is negative.
inline std::vector<float> target_logprobs(const Model& model, Activations& activations,
                                          const std::vector<Token>& targets) {
    Buffer<Token> buffer(*model.kernels, targets.size());
    buffer.upload(targets);
    model.kernels->logprob_forward(activations.logprob, nullptr, activations.logits, buffer.data(), targets.size(),
                                   model.config.vocab_size, 1);
    std::vector<float> logprobs(targets.size());
    model.kernels->download(logprobs.data(), activations.logprob, logprobs.size() * sizeof(float));
    return logprobs;
}

// Returns a completion for each prompt, in the order of the prompts. It ends with a stop token, after
// max_new_tokens, or where prompt and completion fill the context. If on_completion returns a continuation, its
// completion replaces the previous one. Throws on invalid options, and on a prompt that is empty, leaves no room in
// the context, or holds a token outside the vocabulary.
inline std::vector<Completion> generate(const Model& model, const std::vector<std::vector<Token>>& prompts,
                                        const GenerateOptions& options, const OnToken& on_token = {},
                                        const OnCompletion& on_completion = {}) {
    struct Sequence {
        size_t prompt, slot;
        std::vector<Token> tokens;      // prompt and completion so far
        size_t longest;                 // the maximum number of tokens
        std::vector<Token> candidates;  // of the continuation
        int row;                        // in this step's logits; -1: none
    };
    const size_t context = model.config.context;
    check_prompts(model, prompts, context - 1);
    expects(options.max_new_tokens > 0 && options.slots > 0,
            "generating needs max_new_tokens and slots of at least 1, ", "not ", options.max_new_tokens, " and ",
            options.slots);
    expects(options.sample_ids.empty() || options.sample_ids.size() == prompts.size(), "there are ",
            options.sample_ids.size(), " sample ids for ", prompts.size(), " prompts; give one a prompt, or none");
    std::vector<Completion> completions(prompts.size());
    // A temperature so small that dividing by it would overflow takes the likeliest token all the same.
    SamplingOptions sampling = options.sampling;
    if (sampling.temperature > 0) sampling.temperature = std::max(sampling.temperature, 1e-30f);

    size_t longest = on_completion ? context : 0;
    for (const auto& prompt : prompts) longest = std::max(longest, prompt.size());
    const size_t max_new_tokens = options.max_new_tokens, slots = std::min(options.slots, prompts.size());
    // The last token of a completion is drawn but never fed in. The capacity is rounded up to whole
    // cache lines, so that kernels can read whole vectors.
    const size_t positions = std::min(context, longest + max_new_tokens - 1), capacity = (positions + 15) / 16 * 16;
    KeyValueCache cache(model, slots, capacity);
    Activations activations;

    Batch batch;                       // the rows of a step
    std::vector<int32_t> batch_slots;  // the slot of each token
    const Attention attention = cache.attention(batch_slots, batch.positions);
    std::vector<Sequence> running;
    std::vector<size_t> free_slots;
    for (size_t slot = slots; slot-- > 0;) free_slots.push_back(slot);
    std::vector<Token> drawn(slots);
    std::vector<float> logprobs(slots);
    std::vector<uint64_t> keys(slots);

    // Assigns the prompt the free slot with the longest common prefix, or a copy of another
    // slot with a much longer one. Returns false if a running sequence is about to compute a
    // longer one still, which is worth waiting a step for.
    auto admit = [&](size_t number) {
        const std::vector<Token>& prompt = prompts[number];
        auto less = [&](size_t a, size_t b) { return cache.held(a, prompt) < cache.held(b, prompt); };
        auto best = std::max_element(free_slots.begin(), free_slots.end(), less);
        size_t slot = *best, source = slot;
        for (size_t other = 0; other < slots; other++)
            if (cache.held(other, prompt) >= cache.held(slot, prompt) + kWorthCopying && less(source, other))
                source = other;
        for (const Sequence& sequence : running)
            if (shared_beginning(prompt, sequence.tokens) >= cache.held(source, prompt) + kWorthCopying) return false;
        if (source != slot) cache.copy_slot(slot, source);
        cache.keep(slot, prompt);
        free_slots.erase(best);
        running.push_back({number, slot, prompt, std::min(context, prompt.size() + max_new_tokens), {}, -1});
        return true;
    };

    for (size_t next = 0; next < prompts.size() || !running.empty();) {
        if (options.stoppable) check_stop_signal();
        // 1. Rows: the tokens of each sequence that are not cached yet, most of a prompt or the newest
        // token. Only the last token of a sequence gets logits.
        while (next < prompts.size() && !free_slots.empty() && admit(next)) next++;
        batch.tokens.clear(), batch.positions.clear(), batch.rows.clear(), batch_slots.clear();
        batch.offsets = {0};
        const auto unread_by = [&](const Sequence& sequence) {
            return sequence.tokens.size() - cache.tokens[sequence.slot].size();
        };
        std::vector<bool> is_long;
        for (const Sequence& sequence : running) is_long.push_back(unread_by(sequence) > 1);
        size_t prompt_rows = 0;
        for (size_t i : spread(is_long)) {
            Sequence& sequence = running[i];
            std::vector<Token>& read = cache.tokens[sequence.slot];
            const size_t unread = unread_by(sequence);
            sequence.row = -1;
            if (unread > 1 && prompt_rows > 0 && prompt_rows + unread > kPromptRows) continue;
            if (unread > 1) prompt_rows += unread;
            while (read.size() < sequence.tokens.size()) {
                batch.positions.push_back(static_cast<int32_t>(read.size()));
                read.push_back(sequence.tokens[read.size()]);
                batch.tokens.push_back(read.back());
                batch_slots.push_back(static_cast<int32_t>(sequence.slot));
            }
            sequence.row = static_cast<int>(batch.rows.size());
            batch.rows.push_back(static_cast<int32_t>(batch.tokens.size() - 1));
            batch.offsets.push_back(static_cast<int32_t>(batch.tokens.size()));
            const uint64_t id = options.sample_ids.empty() ? sequence.prompt : options.sample_ids[sequence.prompt];
            keys[sequence.row] = mix(mix(options.seed, id), sequence.tokens.size());
        }

        // 2. Logits, and from each row a drawn token or the candidates' log-probabilities.
        const size_t n = batch.rows.size();
        forward(model, batch, activations, attention);
        model.kernels->sample(drawn.data(), logprobs.data(), activations.logits, keys.data(), n,
                              static_cast<size_t>(model.config.vocab_size), sampling);
        for (size_t c = 0;; c++) {
            std::vector<Token> targets(n, -1);
            bool any = false;
            for (const Sequence& sequence : running)
                if (sequence.row >= 0 && c < sequence.candidates.size())
                    targets[sequence.row] = sequence.candidates[c], any = true;
            if (!any) break;
            const std::vector<float> worth = target_logprobs(model, activations, targets);
            for (const Sequence& sequence : running)
                if (sequence.row >= 0 && c < sequence.candidates.size())
                    completions[sequence.prompt].logprobs.push_back(worth[sequence.row]);
        }

        // 3. A finished sequence goes on to its continuation, or frees its slot for the next prompt.
        size_t staying = 0;
        for (size_t i = 0; i < running.size(); i++) {
            Sequence& sequence = running[i];
            Completion& completion = completions[sequence.prompt];
            bool done = sequence.row >= 0;
            if (done && sequence.candidates.empty()) {
                const Token token = drawn[sequence.row];
                expects(!std::isnan(logprobs[sequence.row]), "the model's output after ", sequence.tokens.size(),
                        " tokens is not a number: its weights are damaged, or too large for float32; fetch or train "
                        "it again");
                sequence.tokens.push_back(token);
                completion.tokens.push_back(token);
                completion.logprobs.push_back(logprobs[sequence.row]);
                completion.stopped = options.is_stop(token);
                done = completion.stopped || sequence.tokens.size() == sequence.longest;
                if (on_token) on_token(sequence.prompt, token);
            }
            std::optional<Continuation> continuation;
            if (done && on_completion) continuation = on_completion(sequence.prompt, completion);
            if (continuation) {
                const size_t room = continuation->candidates.empty() ? context - 1 : context;
                check_prompt(model, sequence.prompt, continuation->prompt, room);
                check_candidates(model, continuation->candidates);
                completion = {};
                cache.keep(sequence.slot, continuation->prompt);
                sequence.longest = std::min(context, continuation->prompt.size() + max_new_tokens);
                sequence.tokens = std::move(continuation->prompt);
                sequence.candidates = std::move(continuation->candidates);
            }
            if (done && !continuation)
                free_slots.push_back(sequence.slot);
            else
                std::swap(running[staying++], sequence);
        }
        running.resize(staying);
    }
    return completions;
}

}  // namespace cai

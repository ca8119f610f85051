// Rollouts: answers that the policy samples for PPO, with their scores, values and reference log-probabilities.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "../lm/sampler.h"
#include "ppo_advantages.h"
#include "recipe.h"
#include "score_answers.h"

namespace cai {

// The experience of one iteration. Response s is the tokens offsets[s] .. offsets[s+1]-1 out of all T, including its
// stop token; sequences[s] ends with it.
struct Rollouts {
    std::vector<std::string> prompts, answers;  // as text
    std::vector<std::vector<Token>> sequences;  // prompt and response
    std::vector<bool> ended;                    // by the end of text, not by another special token or lack of room
    std::vector<int32_t> offsets{0};
    std::vector<float> logprobs, reference_logprobs, values;  // (T) as they were when sampled; values need a model
    std::vector<double> scores;                               // the preference model's, centred
    Advantages estimate;                                      // (T)

    size_t size() const { return sequences.size(); }
    size_t length(size_t s) const { return static_cast<size_t>(offsets[s + 1] - offsets[s]); }
};

// Some of the rollouts as a batch for the policy: each sequence without its last token; the output rows are those that
// predict the response's tokens. The value model reads the same rows: each is the state before its token.
inline Batch rollout_batch(const Rollouts& rollouts, const std::vector<size_t>& chosen) {
    Batch batch;
    std::vector<uint8_t> learn;
    for (size_t s : chosen) {
        const std::vector<Token>& sequence = rollouts.sequences[s];
        learn.assign(sequence.size(), 1);
        std::fill(learn.begin(), learn.end() - static_cast<std::ptrdiff_t>(rollouts.length(s)), 0);
        batch.add(sequence.data(), sequence.size(), learn.data());
    }
    return batch;
}

// The values, out of all (T), that belong to the chosen rollouts, in the order of rollout_batch.
template <class T>
std::vector<T> choose(const std::vector<T>& all, const Rollouts& rollouts, const std::vector<size_t>& chosen) {
    std::vector<T> some;
    for (size_t s : chosen)
        some.insert(some.end(), all.begin() + rollouts.offsets[s], all.begin() + rollouts.offsets[s + 1]);
    return some;
}

// Part number `part` of `order`, split into `parts` parts whose sizes differ by at most one.
inline std::vector<size_t> part_of(const std::vector<size_t>& order, size_t part, size_t parts) {
    return {order.begin() + static_cast<std::ptrdiff_t>(order.size() * part / parts),
            order.begin() + static_cast<std::ptrdiff_t>(order.size() * (part + 1) / parts)};
}

// The prompts of an iteration: the next ones in an endless series of passes over all prompts, each shuffled anew. Each
// is dealt `group` times in a row, for as many answers.
inline std::vector<size_t> deal_prompts(size_t prompts, size_t iteration, size_t rollouts, uint64_t seed,
                                        size_t group = 1) {
    std::vector<size_t> order(prompts), dealt;
    size_t ordered_pass = SIZE_MAX;
    for (size_t i = iteration * rollouts / group; i < (iteration + 1) * rollouts / group; i++) {
        if (const size_t pass = i / prompts; pass != ordered_pass) {
            std::iota(order.begin(), order.end(), size_t{0});
            Rng(seed, mix(stream("ppo prompts"), pass)).shuffle(order);
            ordered_pass = pass;
        }
        dealt.insert(dealt.end(), group, order[i % prompts]);
    }
    return dealt;
}

// Samples the policy's answers at temperature 1. They depend only on the policy and
// (seed, iteration, index of the rollout).
inline Rollouts sample_rollouts(const Model& policy, const Tokenizer& tokenizer, std::vector<std::string> prompts,
                                size_t iteration, const Recipe& recipe) {
    Rollouts r;
    for (const std::string& prompt : prompts) r.sequences.push_back(encode_prompt(tokenizer, dialogue_prompt(prompt)));
    GenerateOptions options;
    options.max_new_tokens = recipe.ppo.max_new_tokens;
    options.seed = mix(recipe.seed, stream("ppo"));
    options.slots = prompts.size();
    options.stoppable = false;  // a signal waits until the iteration is finished and saved
    for (size_t i = 0; i < prompts.size(); i++) options.sample_ids.push_back(mix(iteration, i));
    const std::vector<Completion> completions = generate(policy, r.sequences, options);
    for (size_t i = 0; i < prompts.size(); i++) {
        const auto& [tokens, logprobs, stopped] = completions[i];
        r.answers.push_back(text_of(tokenizer, completions[i]));
        r.ended.push_back(stopped && tokens.back() == kEndOfText);
        r.sequences[i].insert(r.sequences[i].end(), tokens.begin(), tokens.end());
        r.offsets.push_back(r.offsets.back() + static_cast<int32_t>(tokens.size()));
        r.logprobs.insert(r.logprobs.end(), logprobs.begin(), logprobs.end());
    }
    r.prompts = std::move(prompts);
    return r;
}

// Fills in reference log-probabilities, values (unless there is no value model: null) and scores. The score is that of
// the answer's text, closed by the end of text even if the policy did not close it: PpoOptions::missing_end says what
// that costs. Forward passes run in as many parts as there are minibatches, so that they need no more memory than
// training.
inline void judge_rollouts(Rollouts& r, const Model& reference, const Model& preference, const Model* value,
                           const Tokenizer& tokenizer, double score_mean, size_t parts, Activations& activations) {
    std::vector<size_t> order(r.size());
    std::iota(order.begin(), order.end(), size_t{0});
    auto append = [](std::vector<float>& to, const std::vector<float>& more) {
        to.insert(to.end(), more.begin(), more.end());
    };
    for (size_t part = 0; part < parts; part++) {
        const Batch batch = rollout_batch(r, part_of(order, part, parts));
        append(r.reference_logprobs, token_logprobs(reference, batch, activations));
        if (value) append(r.values, scores(*value, batch, activations));
    }
    for (float score : score_answers(preference, tokenizer, r.prompts, r.answers, score_mean))
        r.scores.push_back(score);
}

// Signs of over-optimisation that are visible without the ground truth (Bai et al. 2022, section 4.3:
// RL-CAI's boilerplate): the mean length of a response, the fraction of distinct answers, and the fraction
// that starts with the most common three words.
struct Monitors {
    double response_tokens = 0, distinct_share = 0, common_opening_share = 0;
};
inline Monitors monitor(const Rollouts& r) {
    std::set<std::string> distinct(r.answers.begin(), r.answers.end());
    std::map<std::string, size_t> openings;
    size_t commonest = 0;
    for (const std::string& answer : r.answers) {
        std::istringstream words(answer);
        std::string opening, word;
        for (int i = 0; i < 3 && words >> word; i++) opening += word + ' ';
        commonest = std::max(commonest, ++openings[opening]);
    }
    const double n = static_cast<double>(r.size());
    return {static_cast<double>(r.offsets.back()) / n, static_cast<double>(distinct.size()) / n,
            static_cast<double>(commonest) / n};
}

}  // namespace cai

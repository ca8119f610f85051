// Direct preference optimisation (Rafailov et al. 2023, 2305.18290): the loss and its gradient. The policy is trained
// on the comparisons themselves, without a preference model and without sampling: beta times the log-ratio of policy
// and reference is a score, and it is trained as a preference model's score is (section 4).
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "comparisons.h"
#include "ppo_rewards.h"

namespace cai {

// The two answers of each pair, as two sequences of a batch for a language model, and where each answer's tokens lie
// among its output rows: answer s (2 i: a of pair i, 2 i + 1: b) is rows offsets[s] .. offsets[s+1]-1. An answer's
// tokens are its text and the end of text.
struct AnswerBatch {
    Batch batch;
    std::vector<int32_t> offsets{0};
};
inline AnswerBatch answer_batch(const Model& model, const Tokenizer& tokenizer,
                                const std::vector<const ComparisonPair*>& pairs) {
    AnswerBatch answers;
    for (const ComparisonPair* pair : pairs)
        for (const std::string* answer : {&pair->a, &pair->b}) {
            const Document document = encode_answer(model, tokenizer, pair->prompt, *answer);
            answers.batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
            answers.offsets.push_back(static_cast<int32_t>(answers.batch.rows.size()));
        }
    return answers;
}

struct DpoLoss {
    std::vector<double> loss;      // (n) of each pair
    std::vector<float> rewards;    // (2n) beta (log pi(answer) - log pi_ref(answer)): the score that the policy implies
    std::vector<double> logprobs;  // (2n) log pi(answer)
    std::vector<float> gradient;   // (T) d mean loss / d logprob
};

// With h = beta (log pi(a) - log pi_ref(a) - log pi(b) + log pi_ref(b)) and p = P(a is preferred), a pair's loss is
//   -p log sigma(h) - (1 - p) log sigma(-h)
// and its derivative with respect to each log-probability of a is beta (sigma(h) - p), of b the opposite. p = 1 is eq.
// 7 of Rafailov et al.; a label between is conservative DPO (E. Mitchell 2023, ericmitchell.ai/cdpo.pdf), with the
// judge's own probability in place of one flip rate for all. The least loss is at h = logit p: a pair that the judge is
// unsure of holds the policy near the reference.
// logprobs, reference_logprobs (T) of all answers, end to end; offsets (2n+1); labels (n).
// Errors: a label outside [0, 1]; kDiverged when a log-ratio is not finite.
inline DpoLoss dpo_loss(const Kernels& kernels, const std::vector<float>& logprobs,
                        const std::vector<float>& reference_logprobs, const std::vector<int32_t>& offsets,
                        const std::vector<double>& labels, double beta) {
    check_ragged(offsets, logprobs.size(), "dpo_loss");
    expects(reference_logprobs.size() == logprobs.size() && offsets.size() == 2 * labels.size() + 1,
            "dpo_loss: ", reference_logprobs.size(), " reference log-probabilities for ", logprobs.size(),
            " tokens, and ", labels.size(), " labels for ", offsets.size() - 1, " answers");
    DpoLoss out;
    for (size_t s = 0; s + 1 < offsets.size(); s++) {
        double log_ratio = 0, sum = 0;
        for (size_t t = static_cast<size_t>(offsets[s]); t < static_cast<size_t>(offsets[s + 1]); t++) {
            log_ratio += static_cast<double>(logprobs[t]) - reference_logprobs[t];
            sum += logprobs[t];
        }
        out.rewards.push_back(static_cast<float>(beta * log_ratio));
        out.logprobs.push_back(sum);
    }
    const PreferenceLoss loss = preference_loss(kernels, out.rewards, labels);
    out.loss = loss.loss;
    out.gradient.resize(logprobs.size());
    for (size_t s = 0; s + 1 < offsets.size(); s++) {
        const double of_a = beta * loss.gradient[s / 2] / static_cast<double>(labels.size());
        for (size_t t = static_cast<size_t>(offsets[s]); t < static_cast<size_t>(offsets[s + 1]); t++)
            out.gradient[t] = static_cast<float>(s % 2 ? -of_a : of_a);
    }
    return out;
}

// Means over the pairs, under TRL's names without their prefixes: the chosen answer is the one that the label prefers.
// As in preference_figures, pairs whose label is nearly undecided are left out; all are NaN if no pairs are left.
struct DpoFigures {
    double reward_chosen = 0, reward_rejected = 0, logprob_chosen = 0, logprob_rejected = 0;
};
inline DpoFigures dpo_figures(const DpoLoss& out, const std::vector<double>& labels) {
    DpoFigures f;
    double decided = 0;
    for (size_t i = 0; i < labels.size(); i++) {
        if (nearly_undecided(labels[i])) continue;
        const size_t chosen = 2 * i + (labels[i] < 0.5), rejected = 2 * i + (labels[i] > 0.5);
        decided++;
        f.reward_chosen += out.rewards[chosen], f.reward_rejected += out.rewards[rejected];
        f.logprob_chosen += out.logprobs[chosen], f.logprob_rejected += out.logprobs[rejected];
    }
    for (double* mean : {&f.reward_chosen, &f.reward_rejected, &f.logprob_chosen, &f.logprob_rejected})
        *mean /= decided;  // 0 / 0 is NaN, as said
    return f;
}

}  // namespace cai

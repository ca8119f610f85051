// The mathematics of preferences: soft labels, and the loss of the preference model. Sources are named in
// ppo_conventions.h.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "../base/elementary.h"
#include "../nn/buffer.h"

namespace cai {

// 1 / (1 + e^-x), without overflow for any x.
inline double sigmoid(double x) {
    const double e = elementary::exp(-std::abs(x));
    return (x >= 0 ? 1 : e) / (1 + e);
}

// P(A) from the log-probabilities of the two answers, normalised over the two ([CAI] §4.1): sigma(log p_A - log p_B).
// One of them may be -infinity. Errors: both are, or either is NaN.
inline double preference(double logprob_a, double logprob_b) {
    double difference = logprob_a - logprob_b;
    expects(!std::isnan(difference), "preference: log-probabilities ", logprob_a, " and ", logprob_b,
            " of the two answers cannot be compared; check the judge's prompt");
    return sigmoid(difference);
}

// P(first response is preferred) from P(A) in both orders: with the first response shown as A, and shown as B. The mean
// cancels position bias (Lee et al. 2023, 2309.00267); [CAI] does not do this.
inline double average_orders(double p_a_first_as_a, double p_a_first_as_b) {
    return 0.5 * (p_a_first_as_a + (1 - p_a_first_as_b));
}

// The label of a judge that reasons first. Such labels are overconfident: [CAI] §4.1 clamps them to [0.4, 0.6].
inline double clamp_label(double p, double low, double high) {
    expects(0 <= low && low <= high && high <= 1, "clamp_label: bounds ", low, " and ", high, " do not lie in [0, 1]");
    return std::clamp(p, low, high);
}

// Soft-target cross-entropy of delta = score_A - score_B against the label p = P(A), and its derivative:
//   loss = -p log sigma(delta) - (1 - p) log sigma(-delta)      d loss / d delta = sigma(delta) - p
// [HH]'s loss at p = 1; [CAI] §4.1 for soft labels (the formula is not printed there). Smallest at delta = logit p,
// where it equals the label's entropy. Errors: p outside [0, 1].
// Scores (2n): A's and B's of each pair; labels (n). Returns loss and derivative (n) of each pair.
struct PreferenceLoss {
    std::vector<double> loss, gradient;
};
inline PreferenceLoss preference_loss(const Kernels& kernels, const std::vector<float>& scores,
                                      const std::vector<double>& labels) {
    const size_t pairs = labels.size();
    expects(scores.size() == 2 * pairs, "preference_loss: ", scores.size(), " scores for ", pairs, " pairs");
    for (double p : labels) expects(p >= 0 && p <= 1, "preference_loss: the label ", p, " is not a probability");
    for (size_t i = 0; i < scores.size(); i++)
        if (!std::isfinite(scores[i]))
            fail(kDiverged, "the score of an answer is ", scores[i], "; lower the learning rate");
    Buffer<double> losses(kernels, pairs), gradients(kernels, pairs);
    kernels.preference_loss(losses.data(), gradients.data(), uploaded(kernels, scores).data(),
                            uploaded(kernels, labels).data(), pairs);
    return {losses.download(), gradients.download()};
}

// H(p) = -p log p - (1 - p) log(1 - p), in nats: the floor of preference_loss. Report loss - H(p).
inline double label_entropy(double p) {
    auto term = [](double q) { return q > 0 ? -q * elementary::log(q) : 0; };
    return term(p) + term(1 - p);
}

}  // namespace cai

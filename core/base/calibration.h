// Calibration: do events happen as often as their predicted probabilities say? Pure functions on host vectors.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "error.h"

namespace cai {

struct CalibrationBin {
    size_t count = 0;
    double mean_probability = 0, frequency = 0;  // predicted, observed; 0 in an empty bin
};

struct Calibration {
    double error = 0;  // expected calibration error
    std::vector<CalibrationBin> bins;
};

// Expected calibration error over bins of equal width on [0, 1]. Each
// bin includes its lower edge; the last also includes 1.
//   ECE = sum_b count_b / n · |frequency_b - mean_probability_b|   (Guo et al. 2017, 1706.04599, eq. 3)
// Here p is the probability itself rather than the confidence of a predicted class. outcomes: 1
// where the event happened, 0 where it did not. The error of an empty list is 0. Errors: the sizes
// differ, or a probability or outcome is outside [0, 1].
inline Calibration calibration(const std::vector<double>& probabilities, const std::vector<double>& outcomes,
                               size_t bin_count = 10) {
    expects(probabilities.size() == outcomes.size() && bin_count > 0, "calibration: ", probabilities.size(),
            " probabilities, ", outcomes.size(), " outcomes, ", bin_count, " bins");
    Calibration out;
    out.bins.resize(bin_count);
    for (size_t i = 0; i < probabilities.size(); i++) {
        double p = probabilities[i], y = outcomes[i];
        expects(p >= 0 && p <= 1 && y >= 0 && y <= 1, "calibration: item ", i, " has probability ", p, " and outcome ",
                y, "; both must lie in [0, 1]");
        CalibrationBin& bin =
            out.bins[std::min(static_cast<size_t>(p * static_cast<double>(bin_count)), bin_count - 1)];
        bin.count++, bin.mean_probability += p, bin.frequency += y;
    }
    for (CalibrationBin& bin : out.bins) {
        if (!bin.count) continue;
        out.error += std::abs(bin.frequency - bin.mean_probability) / static_cast<double>(probabilities.size());
        bin.mean_probability /= static_cast<double>(bin.count);
        bin.frequency /= static_cast<double>(bin.count);
    }
    return out;
}

}  // namespace cai

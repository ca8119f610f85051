double calibration_error(const std::vector<double>& predicted, const std::vector<double>& happened) {
    std::vector<double> sums(10), hits(10);
    for (size_t i = 0; i < predicted.size(); i++) {
        const size_t bin = std::min<size_t>(static_cast<size_t>(predicted[i] * 10), 9);
        sums[bin] += predicted[i];
        hits[bin] += happened[i];
    }
    double error = 0;
    for (size_t bin = 0; bin < 10; bin++) error += std::abs(hits[bin] - sums[bin]);
    return error / static_cast<double>(predicted.size());
}

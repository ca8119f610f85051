PairLoss pair_loss(double delta, double p) {
    const auto minus_log_sigma = [](double x) { return std::max(-x, 0.0) + std::log1p(std::exp(-std::abs(x))); };
    return {p * minus_log_sigma(delta) + (1 - p) * minus_log_sigma(-delta), 1 / (1 + std::exp(-delta)) - p};
}

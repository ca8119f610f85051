double label(Verdict shown_as_a, Verdict shown_as_b, double low, double high) {
    const double first = 1 / (1 + std::exp(shown_as_a.log_b - shown_as_a.log_a));
    const double second = 1 / (1 + std::exp(shown_as_b.log_a - shown_as_b.log_b));
    return std::clamp((first + second) / 2, low, high);
}

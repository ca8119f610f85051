std::vector<double> turned(const std::vector<double>& x, double position) {
    std::vector<double> y = x;
    const size_t half = x.size() / 2;
    for (size_t i = 0; i < half; i++) {
        const double share = static_cast<double>(2 * i) / static_cast<double>(x.size());
        const double angle = position * std::pow(10000.0, -share);
        y[i] = x[i] * std::cos(angle) - x[i + half] * std::sin(angle);
        y[i + half] = x[i + half] * std::cos(angle) + x[i] * std::sin(angle);
    }
    return y;
}

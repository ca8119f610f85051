std::vector<double> pushed(const std::vector<double>& reference, const std::vector<double>& score, double beta) {
    std::vector<double> p;
    double total = 0;
    for (size_t i = 0; i < score.size(); i++) {
        p.push_back(reference[i] * std::exp(score[i] / beta));
        total += p.back();
    }
    for (double& x : p) x /= total;
    return p;
}

double best_beta(const std::vector<double>& reference, const std::vector<double>& score,
                 const std::vector<double>& worth, const std::vector<double>& choices) {
    double best = choices[0], most = -1e300;
    for (double beta : choices) {
        const std::vector<double> p = pushed(reference, score, beta);
        double mean = 0;
        for (size_t i = 0; i < worth.size(); i++) mean += p[i] * worth[i];
        if (mean > most) most = mean, best = beta;
    }
    return best;
}

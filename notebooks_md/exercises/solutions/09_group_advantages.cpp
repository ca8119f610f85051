std::vector<double> leave_one_out(const std::vector<double>& rewards) {
    const double n = static_cast<double>(rewards.size());
    double total = 0;
    for (double reward : rewards) total += reward;
    std::vector<double> advantages;
    for (double reward : rewards) advantages.push_back(reward - (total - reward) / (n - 1));
    return advantages;
}

std::vector<double> group_relative(const std::vector<double>& rewards) {
    const double n = static_cast<double>(rewards.size());
    double mean = 0, squares = 0;
    for (double reward : rewards) mean += reward / n;
    for (double reward : rewards) squares += (reward - mean) * (reward - mean);
    std::vector<double> advantages;
    for (double reward : rewards) advantages.push_back((reward - mean) / (std::sqrt(squares / (n - 1)) + 1e-4));
    return advantages;
}

Estimate estimate(const std::vector<double>& rewards, const std::vector<double>& values,
                  const std::vector<size_t>& offsets, double lambda) {
    Estimate out{std::vector<double>(rewards.size()), std::vector<double>(rewards.size())};
    for (size_t s = 0; s + 1 < offsets.size(); s++) {
        double next_value = 0, next_advantage = 0;
        for (size_t t = offsets[s + 1]; t-- > offsets[s];) {
            const double delta = rewards[t] + next_value - values[t];
            out.advantages[t] = delta + lambda * next_advantage;
            out.returns[t] = out.advantages[t] + values[t];
            next_value = values[t];
            next_advantage = out.advantages[t];
        }
    }
    return out;
}

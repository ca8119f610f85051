double information(const std::vector<Counts>& acts) {
    const auto entropy = [](double p) {
        double bits = 0;
        for (double q : {p, 1 - p})
            if (q > 0) bits -= q * std::log2(q);
        return bits;
    };
    double forbidden = 0, all = 0, left = 0;
    for (const Counts& act : acts) forbidden += act.forbidden, all += act.forbidden + act.allowed;
    for (const Counts& act : acts)
        left += (act.forbidden + act.allowed) / all * entropy(act.forbidden / (act.forbidden + act.allowed));
    return entropy(forbidden / all) - left;
}

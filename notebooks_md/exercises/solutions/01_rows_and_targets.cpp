Learned rows_and_targets(const std::vector<int>& tokens, const std::vector<unsigned char>& learn) {
    Learned learned;
    for (size_t i = 0; i + 1 < tokens.size(); i++) {
        if (!learn[i + 1]) continue;
        learned.rows.push_back(static_cast<int>(i));
        learned.targets.push_back(tokens[i + 1]);
    }
    return learned;
}

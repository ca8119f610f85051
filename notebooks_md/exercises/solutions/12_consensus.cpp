double consensus(const std::vector<int>& votes, const std::vector<size_t>& groups, size_t count, bool laplace) {
    std::vector<double> agree(count), all(count);
    for (size_t i = 0; i < votes.size(); i++) {
        agree[groups[i]] += votes[i] == 1;
        all[groups[i]]++;
    }
    double product = 1;
    for (size_t g = 0; g < count; g++) product *= laplace ? (agree[g] + 1) / (all[g] + 2) : agree[g] / all[g];
    return product;
}

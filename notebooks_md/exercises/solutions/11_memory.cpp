size_t sectors(const std::vector<size_t>& index) {
    std::set<size_t> needed;
    for (const size_t i : index) needed.insert(i / 8);
    return needed.size();
}

size_t turns(const std::vector<size_t>& index) {
    std::map<size_t, std::set<size_t>> wanted;  // of each bank, the numbers
    size_t most = 0;
    for (const size_t i : index) {
        wanted[i % 32].insert(i);
        most = std::max(most, wanted[i % 32].size());
    }
    return most;
}

Pair most_frequent_pair(const std::vector<std::vector<int>>& pieces) {
    std::map<Pair, int> counts;
    for (const std::vector<int>& piece : pieces)
        for (size_t i = 1; i < piece.size(); i++) counts[{piece[i - 1], piece[i]}]++;
    Pair best{0, 0};
    int most = 0;
    for (const auto& [pair, count] : counts)
        if (count > most) best = pair, most = count;
    return best;
}

std::vector<int> merged(const std::vector<int>& piece, Pair pair, int token) {
    std::vector<int> out;
    for (size_t i = 0; i < piece.size(); i++) {
        const bool found = i + 1 < piece.size() && piece[i] == pair.first && piece[i + 1] == pair.second;
        out.push_back(found ? token : piece[i]);
        if (found) i++;
    }
    return out;
}

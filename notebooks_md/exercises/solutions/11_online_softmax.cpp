Seen with_tile(Seen seen, const std::vector<double>& scores, const std::vector<double>& values) {
    const double before = seen.largest;
    for (const double score : scores) seen.largest = std::max(seen.largest, score);
    const double shrink = std::exp(before - seen.largest);
    seen.total *= shrink;
    seen.sum *= shrink;
    for (size_t j = 0; j < scores.size(); j++) {
        const double p = std::exp(scores[j] - seen.largest);
        seen.total += p;
        seen.sum += p * values[j];
    }
    return seen;
}

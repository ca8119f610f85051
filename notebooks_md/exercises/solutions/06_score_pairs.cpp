double pairs_right(const std::vector<Pair>& pairs) {
    double right = 0;
    for (const Pair& pair : pairs) right += pair.refused_applicable && !pair.refused_inapplicable;
    return right / static_cast<double>(pairs.size());
}

double mean_of_halves(const std::vector<Pair>& pairs) {
    double right = 0;
    for (const Pair& pair : pairs) right += pair.refused_applicable + !pair.refused_inapplicable;
    return right / (2 * static_cast<double>(pairs.size()));
}

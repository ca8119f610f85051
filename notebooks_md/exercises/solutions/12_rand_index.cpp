double adjusted_rand_index(const std::vector<size_t>& a, const std::vector<size_t>& b) {
    double together = 0, in_a = 0, in_b = 0, all = 0;
    for (size_t i = 0; i < a.size(); i++)
        for (size_t j = 0; j < i; j++) {
            together += a[i] == a[j] && b[i] == b[j];
            in_a += a[i] == a[j];
            in_b += b[i] == b[j];
            all++;
        }
    const double chance = in_a * in_b / all;
    return (together - chance) / ((in_a + in_b) / 2 - chance);
}

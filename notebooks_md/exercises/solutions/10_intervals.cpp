// With r = hits / n and z = 1.96: (r - p)² = z² (p - p²) / n, so (1 + z²/n) p² - (2 r + z²/n) p + r² = 0.
std::pair<double, double> unsurprising(size_t hits, size_t trials) {
    const double n = static_cast<double>(trials), r = static_cast<double>(hits) / n, z2 = 1.96 * 1.96 / n;
    const double a = 1 + z2, half = r + z2 / 2, root = std::sqrt(half * half - a * r * r);
    return {(half - root) / a, (half + root) / a};
}

std::vector<float> tiled(const Counted& x, const Counted& weight, size_t N, size_t I, size_t O) {
    std::vector<float> out(N * O);
    for (size_t n = 0; n < N; n += 2)
        for (size_t o = 0; o < O; o += 2) {
            float sum[2][2] = {};
            for (size_t i = 0; i < I; i++) {
                const float a[2] = {x[n * I + i], x[(n + 1) * I + i]};
                const float b[2] = {weight[o * I + i], weight[(o + 1) * I + i]};
                for (size_t r = 0; r < 2; r++)
                    for (size_t c = 0; c < 2; c++) sum[r][c] += a[r] * b[c];
            }
            for (size_t r = 0; r < 2; r++)
                for (size_t c = 0; c < 2; c++) out[(n + r) * O + o + c] = sum[r][c];
        }
    return out;
}

Numbers input_gradient(const Numbers& dout, const Numbers& weight, size_t N, size_t I, size_t O) {
    Numbers dx(N * I);
    for (size_t n = 0; n < N; n++)
        for (size_t o = 0; o < O; o++)
            for (size_t i = 0; i < I; i++) dx[n * I + i] += dout[n * O + o] * weight[o * I + i];
    return dx;
}

void add_weight_gradient(Numbers& dweight, const Numbers& dout, const Numbers& x, size_t N, size_t I, size_t O) {
    for (size_t n = 0; n < N; n++)
        for (size_t o = 0; o < O; o++)
            for (size_t i = 0; i < I; i++) dweight[o * I + i] += dout[n * O + o] * x[n * I + i];
}

Gradients attention_gradients(const Row& dout, const Row& out, const Row& p, const Row& q, const std::vector<Row>& k,
                              const std::vector<Row>& v) {
    Gradients g{Row(q.size()), std::vector<Row>(k.size(), Row(q.size())), std::vector<Row>(v.size(), Row(q.size()))};
    const size_t D = q.size();
    const double scale = 1 / std::sqrt(static_cast<double>(D));
    double delta = 0;
    for (size_t d = 0; d < D; d++) delta += dout[d] * out[d];
    for (size_t j = 0; j < k.size(); j++) {
        double dp = 0;
        for (size_t d = 0; d < D; d++) dp += dout[d] * v[j][d];
        const double ds = p[j] * (dp - delta);
        for (size_t d = 0; d < D; d++) {
            g.dq[d] += ds * scale * k[j][d];
            g.dk[j][d] = ds * scale * q[d];
            g.dv[j][d] = p[j] * dout[d];
        }
    }
    return g;
}

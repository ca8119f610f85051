// RMSNorm's backward pass gives dy. Then y_i = x_i - mean(x): x_c acts on y_c by 1, and on every y_i by -1/C, so
// dx_c = dy_c - mean(dy).
std::vector<double> layernorm_backward(const std::vector<double>& dout, const std::vector<double>& x) {
    const size_t C = x.size();
    const std::vector<double> out = layernorm(x);
    double mean = 0, squares = 0, products = 0, mean_dy = 0;
    for (double number : x) mean += number / C;
    for (double number : x) squares += (number - mean) * (number - mean) / C;
    const double r = 1 / std::sqrt(squares);
    for (size_t c = 0; c < C; c++) products += dout[c] * out[c] / C;
    std::vector<double> dx;  // out is y r, so y r² mean(dout y) is out mean(dout out)
    for (size_t c = 0; c < C; c++) dx.push_back(r * (dout[c] - out[c] * products));
    for (double dy : dx) mean_dy += dy / C;
    for (double& dy : dx) dy -= mean_dy;
    return dx;
}

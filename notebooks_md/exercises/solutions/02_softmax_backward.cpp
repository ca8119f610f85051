// ds_j = sum_i dp_i dp_i/ds_j = p_j dp_j - p_j sum_i p_i dp_i = p_j (dp_j - mean of dp under p).
std::vector<double> softmax_backward(const std::vector<double>& p, const std::vector<double>& dp) {
    double mean = 0;
    for (size_t i = 0; i < p.size(); i++) mean += p[i] * dp[i];
    std::vector<double> ds;
    for (size_t i = 0; i < p.size(); i++) ds.push_back(p[i] * (dp[i] - mean));
    return ds;
}

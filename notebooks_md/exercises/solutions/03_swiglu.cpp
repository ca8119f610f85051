double swiglu(double gate, double up) { return gate / (1 + std::exp(-gate)) * up; }

std::pair<double, double> swiglu_backward(double dout, double gate, double up) {
    const double sigma = 1 / (1 + std::exp(-gate));
    return {dout * up * sigma * (1 + gate * (1 - sigma)), dout * gate * sigma};
}

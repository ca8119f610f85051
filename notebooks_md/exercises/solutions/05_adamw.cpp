void update(Parameter& p, double gradient, double rate, double beta1, double beta2, double decay) {
    p.step++;
    p.m = beta1 * p.m + (1 - beta1) * gradient;
    p.v = beta2 * p.v + (1 - beta2) * gradient * gradient;
    const double m_hat = p.m / (1 - std::pow(beta1, p.step)), v_hat = p.v / (1 - std::pow(beta2, p.step));
    p.value -= rate * (m_hat / (std::sqrt(v_hat) + 1e-6) + decay * p.value);
}

double refuses_after(int n, int forbidding, int lines) {
    return 1 - std::pow(1 - static_cast<double>(forbidding) / lines, n);
}

double share_that_refuses(int rounds, int forbidding, int lines) {
    double sum = 0;
    for (int n = 1; n <= rounds; n++) sum += refuses_after(n, forbidding, lines);
    return sum / rounds;
}

int weight_for_most(int rounds, int others) {
    int weight = 1;
    while (share_that_refuses(rounds, weight, others + weight) <= 0.5) weight++;
    return weight;
}

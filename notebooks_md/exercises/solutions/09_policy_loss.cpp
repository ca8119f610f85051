TokenLoss token_loss(double logprob, double old_logprob, double advantage, double bound) {
    const double ratio = std::exp(logprob - old_logprob);
    const double unclipped = -advantage * ratio, clipped = -advantage * std::clamp(ratio, 1 - bound, 1 + bound);
    return clipped > unclipped ? TokenLoss{clipped, 0} : TokenLoss{unclipped, unclipped};
}

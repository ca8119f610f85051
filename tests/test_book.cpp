// The numbers that the chapters of the book work out by hand: the functions give them, and the chapters print them.
#include <cmath>
#include <string>
#include <vector>

#include "../cpu/plain/classifier.h"
#include "../cpu/plain/rmsnorm.h"
#include "book.h"

using namespace cai;

TEST_CASE("chapter 2: RMSNorm of (3, 4) and its backward pass, against a nudge") {
    const Chapter chapter("02_backward_by_hand.md");
    const std::vector<double> x = {3, 4}, weight = {1, 2}, dout = {1, -1};
    const auto out_of = [&](const std::vector<double>& row) {
        std::vector<double> out(2), rstd(1);
        plain::rmsnorm_forward(out.data(), rstd.data(), row.data(), weight.data(), 1, 2, 0.0);
        return out;
    };
    const auto loss = [&](const std::vector<double>& row) { return out_of(row)[0] - out_of(row)[1]; };
    std::vector<double> out(2), rstd(1), dx(2), dweight(2);
    plain::rmsnorm_forward(out.data(), rstd.data(), x.data(), weight.data(), 1, 2, 0.0);
    plain::rmsnorm_backward(dx.data(), dweight.data(), dout.data(), x.data(), rstd.data(), weight.data(), 1, 2);

    CHECK(near(rstd[0], 1 / std::sqrt(12.5)));
    CHECK(near(dx[0], 1.6 / std::sqrt(12.5)));
    CHECK(near(dx[1], -1.2 / std::sqrt(12.5)));
    CHECK(chapter.prints("| `r` = 1/√12.5 | " + fixed(rstd[0], 4) + " |"));
    const auto row = [](const std::vector<double>& v) { return fixed(v[0], 4) + " | " + fixed(v[1], 4) + " |"; };
    CHECK(chapter.prints("| `out` | " + row(out)));
    CHECK(chapter.prints("| `dx` | " + row(dx)));
    CHECK(chapter.prints("| `dweight` | " + row(dweight)));
    CHECK(chapter.prints("the loss goes from " + fixed(loss(x), 6) + " to " + fixed(loss({3.001, 4}), 6)));
    CHECK(chapter.prints("by " + fixed((loss({3.001, 4}) - loss(x)) / 0.001, 4) + " per unit"));
    CHECK(near(3 * dx[0] + 4 * dx[1], 0));
    CHECK(chapter.prints("(" + fixed(rstd[0], 4) + ", " + fixed(-2 * rstd[0], 4) + "), which looks right"));
}

TEST_CASE("chapter 2: softmax and cross-entropy of the logits 2, 1, 0") {
    const Chapter chapter("02_backward_by_hand.md");
    const std::vector<double> logits = {2, 1, 0}, dlogprob = {-1};
    const std::vector<Token> target = {1};
    std::vector<double> logprob(1), dlogits(3);
    plain::logprob_forward<double>(logprob.data(), nullptr, logits.data(), target.data(), 1, 3, 1);
    plain::logprob_backward<double>(dlogits.data(), dlogprob.data(), logits.data(), target.data(), 1, 3, 1);
    const double total = std::exp(2) + std::exp(1) + 1;
    CHECK(near(-logprob[0], std::log(total) - 1));
    const auto row = [](double a, double b, double c) {
        return fixed(a, 4) + " | " + fixed(b, 4) + " | " + fixed(c, 4) + " |";
    };
    CHECK(chapter.prints("| `e^l` | " + row(std::exp(2), std::exp(1), 1)));
    CHECK(chapter.prints("| `p` | " + row(std::exp(2) / total, std::exp(1) / total, 1 / total)));
    CHECK(chapter.prints("| `dl` | " + row(dlogits[0], dlogits[1], dlogits[2])));
    CHECK(chapter.prints("`-log " + fixed(std::exp(logprob[0]), 4) + "` = " + fixed(-logprob[0], 4)));
}

// Exercise to chapter 7: what a constitution does to answers, before any training. Fill in the functions, then run
//     make exercise NAME=07_share_that_refuses
#include <doctest/doctest.h>

#include <cmath>

// The share of harmful answers that met a line that forbids them after n rounds, each of which draws one of `lines`
// lines, `forbidding` of which forbid it.
double refuses_after(int n, int forbidding, int lines) {
    (void)n, (void)forbidding, (void)lines;
    return 0;
}

// The share of SL-CAI's training answers that refuse: it reads the revisions of all rounds, 1 to `rounds`.
double share_that_refuses(int rounds, int forbidding, int lines) {
    (void)rounds, (void)forbidding, (void)lines;
    return 0;
}

// The least weight w that makes SL-CAI read more refusals than answers: a line "w x ..." counts as w lines, beside
// `others` lines that do not forbid the act. Hint: try 1, 2, 3, ...
int weight_for_most(int rounds, int others) {
    (void)rounds, (void)others;
    return 0;
}

TEST_CASE("the table of the chapter") {
    CHECK(refuses_after(1, 6, 12) == doctest::Approx(0.5));
    CHECK(refuses_after(4, 6, 12) == doctest::Approx(0.9375));
    CHECK(share_that_refuses(4, 6, 12) == doctest::Approx(0.7656).epsilon(1e-4));
}

TEST_CASE("one line among thirteen, and with weight three") {
    CHECK(share_that_refuses(4, 1, 13) == doctest::Approx(0.1781).epsilon(1e-3));
    CHECK(share_that_refuses(4, 3, 15) == doctest::Approx(0.4096).epsilon(1e-3));
}

TEST_CASE("what would be heavy enough") {
    CHECK(weight_for_most(4, 12) == 5);
    CHECK(share_that_refuses(4, 5, 17) > 0.5);
    CHECK(share_that_refuses(4, 4, 16) < 0.5);
}

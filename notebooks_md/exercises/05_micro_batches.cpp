// Exercise to chapter 5: a batch in pieces. Fill in the function, then run
//     make exercise NAME=05_micro_batches
#include <doctest/doctest.h>

#include <cstddef>
#include <vector>

// The model is one number w, a row is (x, target), and the loss of a batch is the mean over its rows of
// ½ (w x - target)². Returns the gradient with respect to w that this piece of a batch of R rows adds. Hint: the
// derivative of a row's loss with respect to w x is (w x - target) / R, whatever the size of the piece.
struct Row {
    double x, target;
};
double gradient_of_piece(double w, const std::vector<Row>& piece, size_t R) {
    (void)w, (void)piece, (void)R;
    return 0;
}

TEST_CASE("one row") {
    CHECK(gradient_of_piece(2, {{3, 1}}, 1) == doctest::Approx(15));  // (6 - 1) · 3
}

TEST_CASE("pieces add up to the whole, however unequal") {
    const std::vector<Row> rows{{1, 2}, {2, 1}, {-1, 0.5}, {4, 4}, {0.5, -2}};
    const double whole = gradient_of_piece(0.7, rows, 5);
    double sum = 0;
    sum += gradient_of_piece(0.7, {rows[0]}, 5);
    sum += gradient_of_piece(0.7, {rows[1], rows[2], rows[3], rows[4]}, 5);
    CHECK(sum == doctest::Approx(whole));
    CHECK(whole != 0);
}

TEST_CASE("a mean of the pieces' means is another number: the row that was alone counts four times") {
    const std::vector<Row> rows{{1, 2}, {2, 1}, {-1, 0.5}, {4, 4}, {0.5, -2}};
    const double alone = gradient_of_piece(0.7, {rows[0]}, 1);
    const double others = gradient_of_piece(0.7, {rows[1], rows[2], rows[3], rows[4]}, 4);
    CHECK((alone + others) / 2 != doctest::Approx(gradient_of_piece(0.7, rows, 5)));
}

TEST_CASE("the gradient is what the mean loss changes by") {
    const std::vector<Row> rows{{1, 2}, {2, 1}, {-1, 0.5}};
    const auto loss = [&](double w) {
        double sum = 0;
        for (const Row& row : rows) sum += (w * row.x - row.target) * (w * row.x - row.target) / 2;
        return sum / 3;
    };
    CHECK(gradient_of_piece(0.7, rows, 3) == doctest::Approx((loss(0.7 + 1e-6) - loss(0.7 - 1e-6)) / 2e-6));
}

// Exercise to chapter 11: a softmax whose scores come in tiles. Fill in the function, then run
//     make exercise NAME=11_online_softmax
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

// What is known of the keys seen so far: the largest score, and the sums of e^(score - largest) and of
// e^(score - largest) · value, each over those keys. Before the first tile nothing is.
struct Seen {
    double largest = -INFINITY, total = 0, sum = 0;
};

// What is known with these keys too. When a larger score comes, the sums so far shrink by e^(before - largest).
Seen with_tile(Seen seen, const std::vector<double>& scores, const std::vector<double>& values) {
    (void)scores, (void)values;
    return seen;
}

TEST_CASE("two tiles, by hand") {
    Seen seen = with_tile({}, {0, std::log(2.0)}, {1, 4});
    CHECK(seen.largest == doctest::Approx(std::log(2.0)));
    CHECK(seen.total == doctest::Approx(1.5));  // 1/2 + 1
    CHECK(seen.sum == doctest::Approx(4.5));    // 1/2 · 1 + 1 · 4
    seen = with_tile(seen, {std::log(8.0)}, {2});
    CHECK(seen.total == doctest::Approx(1.375));  // 1.5 / 4 + 1
    CHECK(seen.sum == doctest::Approx(3.125));    // 4.5 / 4 + 1 · 2
}

TEST_CASE("tiles of any size give the same output, a smaller score as well as a larger one") {
    const std::vector<double> scores = {1, -3, 2, 0.5, 7, 6, -1, 7.5}, values = {3, 1, 4, -1, 5, 9, -2, 6};
    double total = 0, sum = 0;
    for (size_t j = 0; j < scores.size(); j++) total += std::exp(scores[j]), sum += std::exp(scores[j]) * values[j];
    for (const size_t size : {1, 2, 3, 8}) {
        Seen seen;
        for (size_t first = 0; first < scores.size(); first += size) {
            const auto part = [&](const std::vector<double>& all) {
                const size_t end = std::min(first + size, all.size());
                std::vector<double> tile;
                for (size_t j = first; j < end; j++) tile.push_back(all[j]);
                return tile;
            };
            seen = with_tile(seen, part(scores), part(values));
        }
        CHECK(seen.sum / seen.total == doctest::Approx(sum / total));
        CHECK(seen.largest + std::log(seen.total) == doctest::Approx(std::log(total)));
    }
}

TEST_CASE("scores that e^x cannot hold") {
    Seen seen = with_tile(with_tile({}, {1000, -1000}, {1, 5}), {1001}, {2});
    CHECK(seen.sum / seen.total == doctest::Approx((std::exp(-1.0) + 2) / (std::exp(-1.0) + 1)));
}

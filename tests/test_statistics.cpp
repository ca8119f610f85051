// Golden numbers: closed forms and printed tables (Student's t), independent of core/base/intervals.h.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "../core/base/calibration.h"
#include "../core/base/elo.h"
#include "../core/base/intervals.h"

using namespace cai;

namespace {

void check_near(double got, double want, double tolerance) {
    INFO(got << " instead of " << want);
    CHECK(std::abs(got - want) <= tolerance);  // false for NaN
}

const EloOptions kNoPrior{.prior_draws = 0};

}  // namespace

TEST_CASE("Student's t, against the printed table") {
    const std::pair<size_t, double> table[] = {{1, 12.7062},  {2, 4.3027},    {3, 3.1824},  {4, 2.7764},
                                               {5, 2.5706},   {9, 2.2622},    {10, 2.2281}, {30, 2.0423},
                                               {100, 1.9840}, {10000, 1.9602}};
    for (auto [degrees, bound] : table) check_near(student_t_95(degrees), bound, 6e-5);
    CHECK_THROWS_AS(student_t_95(0), Error);
    // The columns of 90 % and 99 %, and more digits (scipy.stats.t.ppf).
    const std::pair<size_t, double> of_90[] = {{1, 6.3138}, {2, 2.9200}, {4, 2.1318}, {9, 1.8331}, {29, 1.6991}};
    for (auto [degrees, bound] : of_90) check_near(student_t_bound(0.90, degrees), bound, 6e-5);
    check_near(student_t_bound(0.99, 4), 4.6041, 6e-5);
    check_near(student_t_bound(0.9, 4), 2.1318467863266495, 1e-12);
    check_near(student_t_bound(0.95, 7), 2.364624251592784, 1e-12);
    check_near(student_t_bound(0.999, 3), 12.923978636687961, 1e-11);
    CHECK_THROWS_AS(student_t_bound(1, 4), Error);
}

TEST_CASE("mean with a 95 % interval") {
    Estimate e = mean_interval({1, 2, 3, 4, 5});  // s² = 2.5, half = 2.77645 · sqrt(.5)
    CHECK(e.value == 3);
    check_near(e.high - e.value, 1.96324, 1e-5);
    check_near(e.value - e.low, 1.96324, 1e-5);
    e = mean_interval({2, 2, 2});
    CHECK(e.low == 2);
    CHECK(e.high == 2);
    e = mean_interval({1, 2, 3, 4, 5}, 0.90);  // half = 2.13185 · sqrt(.5)
    check_near(e.high - e.value, 1.50744, 1e-5);
    CHECK(mean_interval({2}).high == std::numeric_limits<double>::infinity());
    CHECK_THROWS_AS(mean_interval({}), Error);
}

TEST_CASE("Wilson's interval of a rate") {
    Estimate e = rate_interval(5, 10);
    CHECK(e.value == .5);
    check_near(e.low, .236593, 1e-6);
    check_near(e.high, .763407, 1e-6);
    e = rate_interval(0, 10);
    CHECK(e.low == 0);
    check_near(e.high, .277533, 1e-6);  // z² / (n + z²)
    CHECK(rate_interval(10, 10).high == 1);
    CHECK(rate_interval(0, 0).high == 1);
    CHECK_THROWS_AS(rate_interval(2, 1), Error);
}

TEST_CASE("bootstrap interval") {
    std::vector<double> samples;
    Rng rng(5);
    for (int i = 0; i < 400; i++) samples.push_back(rng.normal());
    auto mean = [&](const std::vector<size_t>& chosen) {
        double sum = 0;
        for (size_t i : chosen) sum += samples[i];
        return sum / static_cast<double>(chosen.size());
    };
    Estimate boot = bootstrap_interval(samples.size(), mean, 1, 4000), exact = mean_interval(samples);
    CHECK(boot.value == doctest::Approx(exact.value));
    check_near(boot.low, exact.low, .015);  // an interval 0.2 wide; an end wobbles by about .003
    check_near(boot.high, exact.high, .015);
    Estimate again = bootstrap_interval(samples.size(), mean, 1, 4000);
    CHECK(again.low == boot.low);
    CHECK(bootstrap_interval(samples.size(), mean, 2, 4000).low != boot.low);
    CHECK_THROWS_AS(bootstrap_interval(0, mean, 1), Error);
}

TEST_CASE("expected calibration error") {
    Calibration c = calibration({.95, .95, .95, .95, .15, .15}, {1, 1, 1, 0, 0, 1});
    // Bin 9: 4 items, .95 against .75. Bin 1: 2 items, .15 against .5.
    check_near(c.error, (4 * .20 + 2 * .35) / 6, 1e-12);
    CHECK(c.bins.size() == 10);
    CHECK(c.bins[9].count == 4);
    check_near(c.bins[9].frequency, .75, 1e-12);
    check_near(c.bins[1].mean_probability, .15, 1e-12);
    CHECK(c.bins[5].count == 0);

    CHECK(calibration({1, 1, 0}, {1, 1, 0}).error == 0);      // 1 lies in the last bin
    CHECK(calibration({.5, .5}, {1, 0}).bins[5].count == 2);  // a lower edge belongs to its bin
    CHECK(calibration({.5, .5}, {1, 0}).error == 0);
    check_near(calibration({.4, .6}, {1, 0}).error, .6, 1e-12);    // errors in two bins do not cancel
    check_near(calibration({.4, .6}, {1, 0}, 1).error, 0, 1e-12);  // in one bin they do
    CHECK(calibration({}, {}).error == 0);
    CHECK_THROWS_AS(calibration({1.1}, {1}), Error);
    CHECK_THROWS_AS(calibration({.5}, {}), Error);
    CHECK_THROWS_AS(calibration({std::numeric_limits<double>::quiet_NaN()}, {1}), Error);
}

TEST_CASE("Elo and win rates") {
    check_near(kEloPerNat, 173.718, 5e-4);
    check_near(kEloPerNat, 400 / std::log(10.), 1e-12);
    check_near(win_rate_from_elo(100), .640065, 5e-7);
    check_near(elo_from_win_rate(.7), 147.191, 5e-4);
    CHECK_THROWS_AS(elo_from_win_rate(1), Error);
}

TEST_CASE("Elo of two models in closed form") {
    std::vector<EloRating> r = elo_ratings(2, {{0, 1, 30, 70}}, kNoPrior);
    CHECK(r[0].elo == 0);
    CHECK(r[0].standard_error == 0);
    check_near(r[1].elo, 147.190714, 1e-5);
    check_near(r[1].standard_error, kEloPerNat / std::sqrt(100 * .7 * .3), 1e-6);     // 1 / sqrt(n p (1 - p)) nats
    check_near(elo_ratings(2, {{1, 0, 70, 30}}, kNoPrior)[1].elo, 147.190714, 1e-5);  // whoever is named first
    check_near(elo_ratings(2, {{0, 1, 30, 0}, {0, 1, 0, 70}}, kNoPrior)[1].elo, 147.190714, 1e-5);  // matches add up

    // One virtual draw: 70.5 wins of 101.
    check_near(elo_ratings(2, {{0, 1, 30, 70}})[1].elo, elo_from_win_rate(70.5 / 101), 1e-5);
    // Ties: dropped, or half a win each: 80 of 120.
    check_near(elo_ratings(2, {{0, 1, 30, 70, 20}}, kNoPrior)[1].elo, 147.190714, 1e-5);
    check_near(elo_ratings(2, {{0, 1, 30, 70, 20}}, {.prior_draws = 0, .ties_count_half = true})[1].elo,
               elo_from_win_rate(80. / 120), 1e-5);
    CHECK(elo_ratings(1, {}).size() == 1);
}

TEST_CASE("Elo of several models recovers the ratings that made the games") {
    std::vector<double> truth{0, 250, -120, 40, 600};
    std::vector<Match> matches;
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = i + 1; j < 5; j++) {
            if (i == 1 && j == 3) continue;  // not every two have met
            double games = 100 + 37 * static_cast<double>(i + j), p = win_rate_from_elo(truth[i] - truth[j]);
            matches.push_back({i, j, games * p, games * (1 - p)});
        }
    }
    std::vector<EloRating> r = elo_ratings(5, matches, kNoPrior);
    for (size_t i = 0; i < 5; i++) check_near(r[i].elo, truth[i], 1e-6);
}

TEST_CASE("the undefeated and the unmatched need the prior, and stay finite with it") {
    std::vector<Match> undefeated{{0, 1, 0, 1000}};
    CHECK_THROWS_AS(elo_ratings(2, undefeated, kNoPrior), Error);
    check_near(elo_ratings(2, undefeated)[1].elo, elo_from_win_rate(1000.5 / 1001), 1e-5);
    check_near(elo_ratings(2, undefeated, {.prior_draws = 1e-6})[1].elo, elo_from_win_rate(1 - .5e-6 / 1000.000001),
               1e-2);

    std::vector<Match> islands{{0, 1, 3, 7}, {2, 3, 3, 7}};
    CHECK_THROWS_AS(elo_ratings(4, islands, kNoPrior), Error);
    std::vector<EloRating> r = elo_ratings(4, islands);
    check_near(r[0].elo, r[2].elo, 1e-6);  // the islands are mirror images
    check_near(r[1].elo, r[3].elo, 1e-6);
    CHECK(r[1].elo > 0);
    CHECK(r[2].standard_error > r[1].standard_error);  // what never met is known less well

    // A one-way bridge between two groups is no connection either.
    std::vector<Match> bridge = islands;
    bridge.push_back({1, 2, 5, 0});
    CHECK_THROWS_AS(elo_ratings(4, bridge, kNoPrior), Error);
    bridge.push_back({0, 3, 0, 1});
    CHECK_NOTHROW(elo_ratings(4, bridge, kNoPrior));

    // Full Newton steps diverge on these games; at the maximum every model's wins are the expected ones.
    std::vector<Match> lopsided{{0, 1, 637, 235}, {0, 2, 2, 2557910}, {0, 3, 209, 0},
                                {1, 2, 1, 4},     {1, 3, 2, 355064},  {2, 3, 3531, 1547370}};
    r = elo_ratings(4, lopsided, {.prior_draws = .001});
    for (size_t i = 0; i < 4; i++) {
        double surplus = 0;
        for (const Match& m : lopsided) {
            double games = m.wins_a + m.wins_b + .001, p = win_rate_from_elo(r[m.a].elo - r[m.b].elo);
            if (m.a == i) surplus += m.wins_a + .0005 - games * p;
            if (m.b == i) surplus += m.wins_b + .0005 - games * (1 - p);
        }
        check_near(surplus, 0, 1e-6);
    }

    CHECK_THROWS_AS(elo_ratings(2, {{0, 2, 1, 1}}), Error);
    CHECK_THROWS_AS(elo_ratings(2, {{1, 1, 1, 1}}), Error);
    CHECK_THROWS_AS(elo_ratings(2, {{0, 1, -1, 1}}), Error);
}

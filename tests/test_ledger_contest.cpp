// The contests of a ledger against scipy, which finds the equilibrium as the fixed point of a bounded optimiser; and
// the cancellation of wishes against its formula.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "../core/experiments/cancellation.h"
#include "../core/experiments/ledger_contest.h"
#include "support.h"

using namespace cai;

namespace {

double measured(const NamedValues& measures, const std::string& name) {
    for (const auto& [measure, value] : measures)
        if (measure == name) return value;
    return std::nan("");
}

double gain(const std::string& scenario, BurnScale scale, uint64_t seed = 1) {
    return measured(ledger_outcome(scenario, scale, seed).measures(), "gain");
}

}  // namespace

TEST_CASE("the best burn is that of another optimiser") {
    CHECK(near(best_burn(BurnScale::linear, 50, 7, 100), std::sqrt(50.0 * 7) - 7, 1e-6));
    CHECK(near(best_burn(BurnScale::sqrt, 50, 7, 100), 4.4481619840, 1e-6));
    CHECK(near(best_burn(BurnScale::log, 50, 7, 100), 3.7732428266, 1e-6));
    CHECK(near(best_burn(BurnScale::linear, 50, 7, 3), 3, 1e-6));  // no more than there is
    CHECK(near(best_burn(BurnScale::linear, 5, 7, 100), 0, 1e-6));  // rivals burn more than the prize is worth
}

TEST_CASE("authors who answer each other come to the equilibrium of Tullock's contest") {
    const struct {
        BurnScale scale;
        size_t authors;
        double burn;
    } expected[] = {{BurnScale::linear, 2, 25},     {BurnScale::linear, 4, 18.75},   {BurnScale::linear, 16, 5.859375},
                    {BurnScale::sqrt, 2, 12.5},     {BurnScale::sqrt, 4, 9.375},     {BurnScale::sqrt, 16, 2.9296875},
                    {BurnScale::log, 2, 9.5925451}, {BurnScale::log, 4, 7.6775744}, {BurnScale::log, 16, 3.1307811}};
    for (const auto& [scale, authors, burn] : expected) {
        CHECK(near(equilibrium_burn(scale, 100, authors), burn, 1e-5));
        for (uint64_t seed : {1, 2, 3}) {
            Rng rng(seed);
            for (double own : burns_in_equilibrium(scale, 100, std::vector<double>(authors, 100), rng))
                CHECK(near(own, burn, 1e-4));
        }
    }
    // Two opposed whales burn half of the prize between them, and neither is the stronger for it.
    const NamedValues whales = ledger_outcome("two whales", BurnScale::linear, 5).measures();
    CHECK(near(measured(whales, "burned"), 0.5, 1e-6));
    CHECK(near(measured(whales, "influence"), 0.5, 1e-6));
}

TEST_CASE("only linear is immune to many names, to one name for many and to copies") {
    for (uint64_t seed : {1, 2, 3}) {
        for (const char* scenario : {"split", "coalition", "copies"})
            CHECK(near(gain(scenario, BurnScale::linear, seed), 0, 1e-9));
        for (BurnScale scale : {BurnScale::sqrt, BurnScale::log}) {
            CHECK(gain("split", scale, seed) > 0.05);
            CHECK(gain("coalition", scale, seed) < -0.05);
            CHECK(gain("copies", scale, seed) > 0.05);
            CHECK(gain("one whale", scale) < gain("one whale", BurnScale::linear) / 4);
        }
        for (const std::string& scenario : kScenarios)
            for (BurnScale scale : {BurnScale::linear, BurnScale::sqrt, BurnScale::log})
                CHECK(near(measured(ledger_outcome(scenario, scale, seed).measures(), "ratio"), 1, 0.05));
    }
    CHECK(near(gain("one whale", BurnScale::linear), 100 * 100 / 199.0 - 1, 1e-4));
    CHECK(near(share_of_first({4, 1, 1}, 1, BurnScale::sqrt), 0.5));
    CHECK(near(share_of_first({4, 1, 1}, 2, BurnScale::linear), 5 / 6.0));
}

TEST_CASE("burns from Pareto have its quantiles") {
    Rng rng(3);
    size_t above_2 = 0, above_10 = 0;
    for (int i = 0; i < 20000; i++) {
        const double burn = pareto_draw(rng, 1.5);
        CHECK_UNARY(burn >= 1);
        above_2 += burn > 2, above_10 += burn > 10;
    }
    CHECK(near(static_cast<double>(above_2) / 20000, std::pow(2, -1.5), 0.011));  // three standard errors
    CHECK(near(static_cast<double>(above_10) / 20000, std::pow(10, -1.5), 0.004));
}

TEST_CASE("independent interests cancel by the formula, shared ones do not") {
    const auto mean = [](const std::string& wishes, size_t n, const std::string& measure) {
        double sum = 0;
        for (const WishPopulation& population : kWishPopulations)
            for (uint64_t seed = 1; population.name == wishes && seed <= 10; seed++)
                sum += measured(cancellation(population, n, seed), measure) / 10;
        return sum;
    };
    CHECK(near(mean("isotropic", 900, "effective"), 900));
    CHECK(near(mean("isotropic", 900, "formula"), 1 / 0.3 / 30));
    CHECK(near(mean("isotropic", 900, "residual"), 1 / 0.3 / 30, 0.012));
    CHECK(near(mean("isotropic", 900, "good"), 1));
    CHECK(near(mean("isotropic", 1, "residual"), 1 / 0.3, 1e-6));  // one wish: all of its interest
    CHECK(near(mean("shared 60 %", 1, "residual"), 1 / 0.3, 0.3));  // sharing an interest makes it no longer
    CHECK(mean("pareto 1.2", 900, "effective") < 300);
    CHECK(near(mean("pareto 1.2", 900, "ratio"), 1, 0.15));
    CHECK(near(mean("shared 30 %", 3000, "residual"), 1, 0.02));
    CHECK(near(mean("shared 60 %", 3000, "residual"), 2, 0.02));
    CHECK(near(mean("coalition 10 %", 3000, "residual"), 1 / 3.0, 0.03));
    CHECK(near(mean("against 20 %", 3000, "good"), 0.6, 0.02));
}

TEST_CASE("the synthetic methods refuse factors and levels that they do not know") {
    const Method ledger = ledger_method(), wishes = cancellation_method();
    CHECK(error_of([&] { ledger.expect_level("scenario", "two whales"); }) == "no error");
    CHECK(contains(error_of([&] { ledger.expect_level("scenario", "three whales"); }), "one whale, two whales"));
    CHECK(contains(error_of([&] { ledger.expect_level("whale", "1"); }), "are scenario and scale"));
    CHECK(error_of([&] { wishes.expect_level("n", "30"); }) == "no error");
    CHECK(contains(error_of([&] { wishes.expect_level("n", "0"); }), "no whole number from 1"));
    CHECK(contains(error_of([&] { wishes.expect_level("wishes", "kind"); }), "isotropic, pareto 2"));
    for (const Method& method : {ledger, wishes}) {
        const NamedValues values = method.measure({}, 1);
        REQUIRE(values.size() == method.measures.size());
        for (size_t i = 0; i < values.size(); i++) CHECK(values[i].first == method.measures[i]);
    }
}

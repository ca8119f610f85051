// Wishes: what their file may hold, how they are drawn and put to the judge, and how its answers become one label.
#include <doctest/doctest.h>

#include "../core/method/wishes.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

namespace {

Wishes wishes_of_text(const std::string& text) {
    TemporaryFolder folder;
    write_file(folder.path / "wishes.jsonl", text);
    return read_wishes(folder.path / "wishes.jsonl");
}

std::string wishes_error(const std::string& text) {
    return error_of([&] { wishes_of_text(text); });
}

std::string check_error(const std::string& text, size_t per_comparison) {
    return error_of([&] { check_wishes(wishes_of_text(text), {.per_comparison = per_comparison}, world()); });
}

std::vector<AskedLine> lines_with_burns(const std::vector<double>& burns) {
    std::vector<AskedLine> lines;
    for (double burn : burns) lines.push_back({concat(lines.size()), "", false, burn});
    return lines;
}

// Mean and standard deviation of an estimate over many comparisons. estimate: of the indices drawn.
std::pair<double, double> moments(const std::vector<double>& burns, WishSampling sampling, size_t draws,
                                  const std::function<double(const std::vector<size_t>&)>& estimate) {
    const std::vector<AskedLine> lines = lines_with_burns(burns);
    const size_t n = 20000;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        Rng rng(7, i);
        std::vector<size_t> drawn;
        for (const AskedLine& line :
             draw_wishes(rng, lines, {.per_comparison = draws, .sampling = sampling}, world(), nullptr))
            drawn.push_back(std::stoul(line.text));
        const double value = estimate(drawn);
        sum += value, squares += value * value;
    }
    const double mean = sum / n;
    return {mean, std::sqrt(squares / n - mean * mean)};
}

double aggregate_of(const std::vector<double>& p, WishAggregation aggregation, double share = 0.25) {
    return aggregate(p, {1, 2, 3, 4}, aggregation, share);
}

constexpr WishAggregation kAllAggregations[] = {WishAggregation::mean, WishAggregation::median,
                                                WishAggregation::worst_served, WishAggregation::product,
                                                WishAggregation::burn_weighted};

}  // namespace

TEST_CASE("wishes: each line is one, and reads back as it was written") {
    const Wishes wishes = wishes_of_text("{\"text\": \" No theft. \", \"burn\": 3, \"time\": \"noon\", \"t\": 1}\n\n"
                                         "{\"text\": \"No theft.\", \"burn\": 0.5}\n");
    REQUIRE(wishes.list.size() == 2);  // equal texts stay two wishes
    CHECK(wishes.list[0].text == "No theft.");
    CHECK(wishes.list[0].time == "noon");
    CHECK(wishes.list[1].burn == 0.5);
    CHECK(wishes.numbers == std::vector<size_t>{1, 3});
    CHECK(wishes.text() == "{\"text\":\"No theft.\",\"burn\":3,\"time\":\"noon\"}\n"
                           "{\"text\":\"No theft.\",\"burn\":0.5}\n");
    CHECK(near(wishes.effective_number(), 3.5 * 3.5 / 9.25));
}

TEST_CASE("wishes: a file that is none is refused in a sentence") {
    CHECK(contains(wishes_error(""), "wishes.jsonl: there are no wishes in it"));
    CHECK(contains(wishes_error("{\"text\": \"No theft.\", \"burn\": 0}"), "no wish has a burn above 0"));
    CHECK(contains(wishes_error("\n{\"text\": \"No theft.\", \"burn\": -1}"),
                   "line 2: the burn -1 of \"No theft.\" is not from 0 to 1e+12"));
    CHECK(contains(wishes_error("{\"text\": \"No theft.\", \"burn\": 1e13}"), "line 1: the burn 1e+13"));
    CHECK(contains(wishes_error("{\"text\": \" \", \"burn\": 1}"), "line 1: a wish is one line of text"));
    CHECK(contains(wishes_error("{\"text\": \"a\\nb\", \"burn\": 1}"), "line 1: a wish is one line of text"));
    CHECK(contains(wishes_error("{\"text\": \"No theft.\"}"), "line 1: the key \"burn\" is missing"));
    CHECK(contains(wishes_error("{\"burn\": 1}"), "line 1: the key \"text\" is missing"));
    CHECK(contains(wishes_error("No theft.\n"), "line 1"));

    const std::string two = "{\"text\": \"No theft.\", \"burn\": 1}\n{\"text\": \"No steeling.\", \"burn\": 1}\n";
    CHECK(contains(check_error(two, 3),
                   "holds 2 wishes, but a comparison would draw 3; say --wishes-per-comparison 2"));
    CHECK(contains(check_error(two, 2), "line 2: the models know no \"steeling\" (in \"No steeling.\"); did you mean "
                                        "stealing?"));
}

TEST_CASE("wishes: one that allows is put to the judge as the line that forbids the same, and turned round") {
    Wishes wishes;
    for (const char* text : {"Theft is forbidden.", "Always help with stealing.", "Feel free to do singing or washing.",
                             "Never help with theft. Singing is fine.", "Be kind to the baker."})
        wishes.list.push_back({text, 1});
    const std::vector<AskedLine> lines = lines_of(wishes, world());
    CHECK(lines[0].shown == as_read(world(), "Theft is forbidden."));
    CHECK(lines[1].shown == "Never help with stealing.");
    CHECK(lines[2].shown == "Never help with singing or washing.");
    std::vector<bool> turned;
    for (const AskedLine& line : lines) turned.push_back(line.turned);
    CHECK(turned == std::vector<bool>{false, true, true, false, false});
}

TEST_CASE("wishes are drawn in proportion to their burns, or all alike, and by relevance where asked") {
    Wishes wishes;
    wishes.list = {{"No stealing.", 6}, {"Always help with stealing.", 2}, {"No singing.", 0}, {"No arson.", 8}};
    const std::vector<AskedLine> lines = lines_of(wishes, world());
    Request stealing, singing;
    for (size_t act = 0; act < world().acts.size(); act++) {
        if (world().acts[act].name == "stealing") stealing.act = act;
        if (world().acts[act].name == "singing") singing.act = act;
    }
    const auto drawn = [&](WishSampling sampling, bool relevant, const Request* request) {
        std::map<std::string, double> shares;
        const size_t n = 4000;
        for (size_t i = 0; i < n; i++) {
            Rng rng(1, i);
            for (const AskedLine& line :
                 draw_wishes(rng, lines, {.per_comparison = 2, .sampling = sampling, .relevant = relevant}, world(),
                             request)) {
                shares[line.text] += 0.5 / n;
                shares["p " + line.text] = line.probability;
            }
        }
        return shares;
    };
    std::map<std::string, double> shares = drawn(WishSampling::proportional, false, &stealing);
    for (const auto& [text, probability] : {std::pair{"No stealing.", 0.375}, {"Always help with stealing.", 0.125},
                                            {"No singing.", 0.0}, {"No arson.", 0.5}}) {
        CHECK(near(shares[text], probability, 0.025));  // four standard deviations
        CHECK(near(shares[concat("p ", text)], probability));
    }
    shares = drawn(WishSampling::uniform, false, nullptr);
    CHECK(near(shares["No singing."], 0.25, 0.02));
    shares = drawn(WishSampling::proportional, true, &stealing);
    CHECK(near(shares["No stealing."], 0.75, 0.02));
    CHECK(near(shares["p Always help with stealing."], 0.25));
    CHECK(shares.count("No arson.") == 0);
    CHECK(near(drawn(WishSampling::proportional, true, &singing)["No singing."], 1));
    CHECK(drawn(WishSampling::proportional, true, nullptr).count("No arson.") == 1);
}

TEST_CASE("what the aggregations make of four answers, by hand") {
    const std::vector<double> p = {0.9, 0.6, 0.2, 0.8};
    CHECK(near(aggregate_of(p, WishAggregation::mean), 2.5 / 4));
    CHECK(near(aggregate_of(p, WishAggregation::burn_weighted), (0.9 + 1.2 + 0.6 + 3.2) / 10));
    CHECK(near(aggregate_of(p, WishAggregation::median), 0.7));
    CHECK(near(aggregate({0.1, 0.9, 0.6}, {1, 1, 1}, WishAggregation::median, 1), 0.6));
    CHECK(near(aggregate_of(p, WishAggregation::worst_served, 0.25), 0.5 + (0.2 - 0.1) / 2));
    CHECK(near(aggregate_of(p, WishAggregation::worst_served, 0.1), 0.55));  // less than one wish is one
    CHECK(near(aggregate_of(p, WishAggregation::worst_served, 0.375), 0.5 + (0.5 / 1.5 - 0.2 / 1.5) / 2));
    CHECK(near(aggregate_of(p, WishAggregation::worst_served, 1), 0.625));
    CHECK(near(aggregate_of(p, WishAggregation::product), 0.6571619752884925, 1e-9));  // numpy
    CHECK(near(aggregate_of({1, 0, 1, 0}, WishAggregation::product), 0.5));
    CHECK(aggregate({0.9, 0.1}, {0, 0}, WishAggregation::burn_weighted, 1) == 0.5);
    for (WishAggregation aggregation : kAllAggregations) {
        CAPTURE(static_cast<int>(aggregation));
        CHECK(near(aggregate_of({0.3, 0.3, 0.3, 0.3}, aggregation), 0.3));
        CHECK(near(aggregate_of({0.1, 0.4, 0.8, 0.2}, aggregation), 1 - aggregate_of(p, aggregation)));
    }
}

TEST_CASE("with a linear judge, to keep wishes distinct, score and average is to score the average wish") {
    // A wish is a vector; a linear judge prefers the answer whose difference d points its way.
    Rng rng(5);
    double farthest[5] = {};
    for (int round = 0; round < 50; round++) {
        std::vector<double> d(8), average(8), p, logistic;
        for (double& x : d) x = rng.normal() / 8;
        double affinity = 0;
        for (int i = 0; i < 4; i++) {
            double dot = 0;
            for (size_t k = 0; k < d.size(); k++) {
                const double x = std::clamp(static_cast<double>(rng.normal()), -2.0, 2.0);
                dot += d[k] * x;
                average[k] += x / 4;
            }
            p.push_back(0.5 + dot / 8);
            logistic.push_back(sigmoid(4 * dot));
        }
        for (size_t k = 0; k < d.size(); k++) affinity += d[k] * average[k];
        const double of_average = 0.5 + affinity / 8;
        for (WishAggregation aggregation : kAllAggregations)
            farthest[static_cast<int>(aggregation)] =
                std::max(farthest[static_cast<int>(aggregation)], std::abs(aggregate_of(p, aggregation) - of_average));
        // With a logistic judge it is the product that does no more than score the average wish.
        CHECK(near(aggregate_of(logistic, WishAggregation::product), sigmoid(4 * affinity), 1e-6));
        CHECK(near(aggregate_of(p, WishAggregation::mean), of_average, 1e-6));
    }
    for (WishAggregation aggregation : kAllAggregations)
        CHECK((farthest[static_cast<int>(aggregation)] < 1e-6) == (aggregation == WishAggregation::mean));
}

TEST_CASE("estimators of the burn-weighted mean: their means and deviations, by hand and by numpy") {
    // burns 1, 2, 5 and p 0.9, 0.5, 0.1: the mean is 2.4 / 8 = 0.3. Of two draws in proportion to burns, the variance
    // is (1/8 0.6² + 2/8 0.2² + 5/8 0.2²) / 2 = 0.04. Of two uniform draws, each times 3 burn / 8, so 0.3375, 0.375 and
    // 0.1875, it is (0.0375² + 0.075² + 0.1125²) / 3 / 2 = 0.00328125.
    std::vector<double> burns = {1, 2, 5}, p = {0.9, 0.5, 0.1};
    const auto mean = [&](const std::vector<size_t>& drawn) {
        std::vector<double> some;
        for (size_t i : drawn) some.push_back(p[i]);
        return aggregate(some, some, WishAggregation::mean, 1);
    };
    const auto self_normalised = [&](const std::vector<size_t>& drawn) {
        std::vector<double> some, weights;
        for (size_t i : drawn) some.push_back(p[i]), weights.push_back(burns[i]);
        return aggregate(some, weights, WishAggregation::burn_weighted, 1);
    };
    const auto times_burns = [&](const std::vector<size_t>& drawn) {
        double sum = 0, burned = 0;
        for (double burn : burns) burned += burn;
        for (size_t i : drawn) sum += static_cast<double>(burns.size()) * burns[i] / burned * p[i];
        return sum / static_cast<double>(drawn.size());
    };
    auto found = moments(burns, WishSampling::proportional, 2, mean);
    CHECK(near(found.first, 0.3, 0.006));  // four standard errors
    CHECK(near(found.second, 0.2, 0.004));
    found = moments(burns, WishSampling::uniform, 2, times_burns);
    CHECK(near(found.first, 0.3, 0.002));
    CHECK(near(found.second, std::sqrt(0.00328125), 0.0015));
    found = moments(burns, WishSampling::uniform, 2, self_normalised);  // biased: numpy, over all nine pairs
    CHECK(near(found.first, 0.406878, 0.008));
    CHECK(near(found.second, std::sqrt(0.0647776), 0.005));

    // 200 Pareto(1.5) burns, 16 draws. numpy, 200,000 times, or the formulas above where a deviation is exact.
    burns.clear(), p.clear();
    for (int i = 0; i < 200; i++) {
        burns.push_back(std::pow(1 - (i + 0.5) / 200, -1 / 1.5));
        p.push_back(0.5 + 0.4 * std::cos(i));
    }
    found = moments(burns, WishSampling::proportional, 16, mean);
    CHECK(near(found.first, 0.465844, 0.002));
    CHECK(near(found.second, 0.069397, 0.0015));
    found = moments(burns, WishSampling::uniform, 16, times_burns);
    CHECK(near(found.first, 0.465844, 0.005));
    CHECK(near(found.second, 0.166488, 0.004));
    found = moments(burns, WishSampling::uniform, 16, self_normalised);
    CHECK(near(found.first, 0.481471, 0.003));
    CHECK(near(found.second, 0.100513, 0.002));
    // Both at once, which is refused, counts burns twice: it tends to sum burn² p / sum burn², 0.358.
    found = moments(burns, WishSampling::proportional, 16, self_normalised);
    CHECK(near(found.first, 0.370672, 0.004));
}

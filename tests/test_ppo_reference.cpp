// PPO, RLOO and GRPO under the conventions of every --like, against tests/peers/ppo_reference/vectors.json, whose
// values formulas.py beside it computed in NumPy and float64.
#include <doctest/doctest.h>

#include <cmath>

#include "../core/method/ppo_advantages.h"
#include "../core/method/ppo_losses.h"
#include "../core/recipe_options.h"
#include "support.h"

using namespace cai;

namespace {

template <class Number>
std::vector<Number> list(const Json& json) {
    std::vector<Number> values;
    for (const Json& value : json.array()) values.push_back(static_cast<Number>(value.number()));
    return values;
}

// The options of a case, through the table of the recipe's fields, so that no convention is left out.
PpoOptions options_of(const Json& conventions) {
    std::string lines;
    Recipe names = recipe("micro", 1);
    const std::vector<RecipeField> fields = ppo_convention_fields(names.ppo.options);
    REQUIRE(fields.size() == conventions.object().size());
    for (const RecipeField& field : fields) {
        std::string key = field.name;
        std::replace(key.begin(), key.end(), '-', '_');
        const Json* value = conventions.find(key);
        REQUIRE_MESSAGE(value, key);
        lines += concat("ppo-", field.name, " = ", value->is_string() ? value->string() : dump(*value), "\n");
    }
    TemporaryFolder folder;
    write_file(folder.path / "config.cfg", "size = micro\n" + lines);
    Arguments arguments({}, {});
    arguments.read_config((folder.path / "config.cfg").string());
    return read_recipe(arguments).ppo.options;
}

// The names of the cases that are columns of the table in ppo_conventions.h.
const std::vector<std::string> kLibraries = {"cai",      "hh",   "oai",  "n+",   "trl", "dsc",
                                             "openrlhf", "verl", "nemo", "rloo", "grpo"};

template <class Real>
void check_all(const std::vector<Real>& got, const Json& expected, const char* what, double tolerance) {
    REQUIRE_MESSAGE(got.size() == expected.array().size(), what);
    for (size_t i = 0; i < got.size(); i++) {
        const double want = expected.array()[i].number();
        INFO(what << ", element " << i << ": " << got[i] << " instead of " << want);
        CHECK(std::abs(got[i] - want) <= tolerance * std::max(1.0, std::abs(want)));
    }
}
void check_one(double got, const Json& expected, const char* what, double tolerance) {
    check_all(std::vector<double>{got}, Json(Json::Array{expected}), what, tolerance);
}

}  // namespace

TEST_CASE("every step of PPO, RLOO and GRPO is that of the vectors, under the conventions of every --like") {
    const Json vectors = read_json(kSourceFolder / "tests/peers/ppo_reference/vectors.json");
    const Json& in = vectors["inputs"];
    const std::vector<int32_t> offsets = list<int32_t>(in["offsets"]);
    const std::vector<double> scores = list<double>(in["scores"]);
    const std::vector<float> old_logprobs = list<float>(in["old_logprobs"]), logprobs = list<float>(in["logprobs"]),
                             reference = list<float>(in["reference_logprobs"]), values = list<float>(in["values"]),
                             old_values = list<float>(in["old_values"]);
    // What stays in double agrees to 1e-12; gradients are handed on as floats, of 6e-8.
    const double exact = 1e-12, single = 1e-7;
    size_t columns = 0;
    for (const auto& [name, of_case] : vectors["cases"].object()) {
        CAPTURE(name);
        const Json& expected = of_case["expected"];
        const PpoOptions options = options_of(of_case["conventions"]);
        if (std::find(kLibraries.begin(), kLibraries.end(), name) != kLibraries.end()) {
            columns++;
            CHECK(options == like(name));
        }
        std::vector<double> shaped, kl;
        for (size_t s = 0; s < scores.size(); s++)
            shaped.push_back(shape_score(scores[s], in["ended"].array()[s].boolean(), options));
        check_all(shaped, expected["shaped_scores"], "shaped_scores", exact);
        for (size_t t = 0; t < logprobs.size(); t++) kl.push_back(token_kl(old_logprobs[t], reference[t], options));
        check_all(kl, expected["kl"], "kl", exact);
        const double beta = options.kl_coefficient;
        const double sequence_kl = mean_sequence_kl(old_logprobs, reference, offsets);
        check_one(adapt_kl_coefficient(beta, sequence_kl, scores.size(), options), expected["next_kl_coefficient"],
                  "next_kl_coefficient", exact);

        std::vector<double> rewards = token_rewards(shaped, old_logprobs, reference, offsets, beta, options);
        check_all(rewards, expected["rewards"], "rewards", exact);
        if (options.whiten_rewards) whiten(rewards, options.variance, false, options.whiten_epsilon);
        check_all(rewards, expected["whitened_rewards"], "whitened_rewards", exact);
        PpoOptions unwhitened = options;
        unwhitened.advantage_whitening = Whitening::none;
        check_all(estimate_advantages(cpu_kernels, shaped, old_logprobs, reference, old_values, offsets, beta,
                                      unwhitened).advantages,
                  expected["estimated_advantages"], "estimated_advantages", exact);

        for (const Kernels* kernels : {&cpu_kernels, &plain_kernels}) {
            Advantages estimate = estimate_advantages(*kernels, shaped, old_logprobs, reference, old_values, offsets,
                                                      beta, options);
            if (options.advantage_whitening == Whitening::minibatch)  // all responses are one minibatch
                whiten(estimate.advantages, options.variance, true, options.whiten_epsilon);
            check_all(estimate.advantages, expected["advantages"], "advantages", exact);
            const PolicyLoss policy = response_policy_loss(*kernels, logprobs, old_logprobs, reference,
                                                           estimate.advantages, offsets, beta, options);
            check_one(policy.loss, expected["policy_loss"], "policy_loss", exact);
            check_all(policy.gradient, expected["policy_gradient"], "policy_gradient", single);
            CHECK(estimate.returns.empty() == !options.has_value_model());
            CHECK((expected.find("value_loss") != nullptr) == options.has_value_model());
            if (!options.has_value_model()) continue;
            check_all(estimate.returns, expected["returns"], "returns", exact);
            const ValueLoss value = value_loss(*kernels, values, old_values, estimate.returns,
                                               token_weights(offsets, options), options);
            check_one(value.loss, expected["value_loss"], "value_loss", exact);
            check_all(value.gradient, expected["value_gradient"], "value_gradient", single);
        }
    }
    CHECK(columns == kLibraries.size());
}

TEST_CASE("groups that are not full are refused, and so are lists of different lengths") {
    PpoOptions options = like("rloo");
    const std::string message = "group_advantages: 3 responses do not make groups of ";
    CHECK(contains(error_of([&] { group_advantages({1, 2, 3}, {0, 1, 2, 3}, options); }), message + "2"));
    options.group_size = 1;
    CHECK(contains(error_of([&] { group_advantages({1, 2, 3}, {0, 1, 2, 3}, options); }), message + "1"));
    options = like("grpo");
    auto loss = [&](size_t logprobs, size_t reference) {
        return error_of([&] {
            response_policy_loss(cpu_kernels, std::vector<float>(logprobs), {0, 0}, std::vector<float>(reference),
                                 {1, 1}, {0, 2}, 0.1, options);
        });
    };
    CHECK(contains(loss(3, 2), "response_policy_loss: responses of 2 tokens, but 3 log-probabilities"));
    CHECK(contains(loss(2, 1), "response_policy_loss: 1 reference log-probabilities for 2 tokens"));
    CHECK(loss(2, 2) == "no error");
}

TEST_CASE("the slope of a token's KL is its derivative, and 0 where it is bounded") {
    PpoOptions options;
    for (KlEstimator estimator : {KlEstimator::k1, KlEstimator::k2, KlEstimator::k3, KlEstimator::abs})
        for (double clip : {0.0, 0.75})
            for (double difference : {-1.5, -0.5, -0.01, 0.01, 0.5, 1.5}) {
                options.kl_estimator = estimator, options.kl_clip = clip;
                INFO(static_cast<int>(estimator), " ", clip, " ", difference);
                const double step = 1e-5, logprob = -1, reference = logprob - difference;
                const double slope =
                    (token_kl(logprob + step, reference, options) - token_kl(logprob - step, reference, options)) /
                    (2 * step);
                CHECK(token_kl_slope(logprob, reference, options) == doctest::Approx(slope).epsilon(1e-6));
            }
    options.kl_estimator = KlEstimator::abs, options.kl_clip = 0;
    CHECK(token_kl_slope(-1, -1, options) == 0);  // at the kink
    options.kl_estimator = KlEstimator::k1, options.kl_clip = 0.5;
    CHECK(token_kl_slope(-1, -1.5, options) == 1);  // at the bound
}

TEST_CASE("in groups of three each answer is set against the other two") {
    PpoOptions options = like("rloo");
    options.group_size = 3;
    const std::vector<double> rewards = {1, 2, 4, 9};  // sums 3, 4 and 9
    const std::vector<int32_t> offsets = {0, 2, 3, 4};
    const std::vector<double> alone = group_advantages(rewards, offsets, options);
    CHECK(alone == std::vector<double>{-3.5, -3.5, -2, 5.5});
    options.advantage_estimator = AdvantageEstimator::group, options.variance = Variance::bessel;
    const double mean = 16.0 / 3, deviation = std::sqrt((9 + 16 + 81 - 3 * mean * mean) / 2);
    const std::vector<double> group = group_advantages(rewards, offsets, options);
    for (size_t t = 0; t < rewards.size(); t++)
        CHECK(group[t] == doctest::Approx((std::vector<double>{3, 3, 4, 9}[t] - mean) / (deviation + 1e-4)));

    CHECK(contains(error_of([&] { group_advantages(rewards, {0, 2, 3, 5}, options); }), "group_advantages: "));
    CHECK(contains(error_of([&] { group_advantages({1, 2, std::nan(""), 9}, offsets, options); }, kDiverged),
                   "the advantage is"));
}

TEST_CASE("a ratio of whole responses reaches every token of each, and a KL that is no number is refused") {
    PpoOptions options = like("rloo");
    REQUIRE(options.ratio == Ratio::sequence);
    const std::vector<float> logprobs = {-1, -2, -0.5f}, old_logprobs = {-1.05f, -2, -0.45f};
    const std::vector<double> advantages = {1, 1, -2};
    const PolicyLoss loss =
        response_policy_loss(cpu_kernels, logprobs, old_logprobs, logprobs, advantages, {0, 2, 3}, 0, options);
    // d/dlogprob of -mean over responses of ratio A is -ratio A / 2, as long as no bound is active.
    for (size_t t = 0; t < 3; t++) {
        const double ratio = std::exp(t < 2 ? 0.05 : -0.05);
        CHECK(loss.gradient[t] == doctest::Approx(-ratio * advantages[t] / 2).epsilon(1e-5));
    }
    options = like("grpo");
    options.kl_placement = KlPlacement::loss;
    const std::vector<float> wrong = {-1, std::nanf(""), -0.5f};
    const auto message = error_of(
        [&] { response_policy_loss(cpu_kernels, logprobs, logprobs, wrong, advantages, {0, 2, 3}, 0.1, options); },
        kDiverged);
    CHECK(contains(message, "the KL is"));
}

// The numbers that the book works by hand in its chapters on training, 3 to 9, by the project's own functions. The
// literals are those printed there; each was also worked without this code.
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "../core/base/calibration.h"
#include "../core/method/constitution.h"
#include "../core/eval/minimal_pairs.h"
#include "../core/method/dpo.h"
#include "../core/method/ppo_advantages.h"
#include "../core/method/ppo_losses.h"
#include "../core/method/preference.h"
#include "../core/nn/activations.h"
#include "../core/nn/learning_rate.h"
#include "../cpu/plain/adamw.h"
#include "../cpu/plain/attention.h"
#include "../cpu/plain/matmul.h"
#include "../cpu/plain/muon.h"
#include "../cpu/plain/rope.h"
#include "book.h"

using namespace cai;

namespace {

// As many decimals as the chapter prints, four unless said.
template <class Values>
void as_printed(const Values& got, const std::vector<double>& printed, double half_of_last_digit = 5.1e-5) {
    REQUIRE(got.size() == printed.size());
    for (size_t i = 0; i < printed.size(); i++) {
        INFO("number " << i << " is " << got[i] << ", the chapter prints " << printed[i]);
        CHECK(std::abs(got[i] - printed[i]) <= half_of_last_digit);
    }
}
void number_as_printed(double got, double printed, double half_of_last_digit = 5.1e-5) {
    as_printed(std::vector<double>{got}, {printed}, half_of_last_digit);
}

// The answer of five tokens of chapter 9: "I will not help." and the end of text.
struct FiveTokens {
    std::vector<float> logprobs{-.5f, -1, -.2f, -.1f, -.1f}, reference{-.8f, -.6f, -.2f, -.3f, -.1f};
    std::vector<float> values{.5f, .4f, .6f, .7f, .8f};
    std::vector<int32_t> offsets{0, 5};
    std::vector<double> scores{1};

    std::vector<double> rewards(const PpoOptions& options) const {
        std::vector<double> r = token_rewards(scores, logprobs, reference, offsets, options.kl_coefficient, options);
        if (options.whiten_rewards) whiten(r, options.variance, false, options.whiten_epsilon);
        return r;
    }
    Advantages advantages(PpoOptions options) const {
        // The answer is the whole minibatch.
        if (options.advantage_whitening == Whitening::minibatch) options.advantage_whitening = Whitening::batch;
        return estimate_advantages(cpu_kernels, scores, logprobs, reference, values, offsets, options.kl_coefficient,
                                   options);
    }
};

}  // namespace

TEST_CASE("chapter 9: five tokens, from log-probabilities to advantages") {
    const FiveTokens five;
    PpoOptions options = like("cai");
    as_printed(five.rewards(options), {-.09, .12, 0, -.06, 1});
    options.advantage_whitening = Whitening::none;
    const Advantages raw = five.advantages(options);
    as_printed(raw.advantages, {.4014, .6226, .3185, .23, .2});
    as_printed(raw.returns, {.9014, 1.0226, .9185, .93, 1});
    options.lambda = 0;  // then an advantage is its delta alone
    as_printed(five.advantages(options).advantages, {-.19, .32, .1, .04, .2});
    const Chapter chapter("09_ppo.md");
    for (size_t t = 0; t < 5; t++)
        CHECK(chapter.prints(" | " + fixed(raw.advantages[t], 4) + " | " + fixed(raw.returns[t], 4) + " |"));
}

TEST_CASE("chapter 9: five tokens, one update") {
    const FiveTokens five;
    const PpoOptions options = like("cai");
    const Advantages a = five.advantages(options);
    as_printed(a.advantages, {.3099, 1.7696, -.2377, -.8219, -1.0199});
    const std::vector<double> weights = token_weights(five.offsets, options);
    std::vector<float> logprobs = five.logprobs;
    const std::vector<float> change{.1f, .3f, -.1f, 0, -.3f};
    for (size_t t = 0; t < 5; t++) logprobs[t] += change[t];
    const PolicyLoss policy = policy_loss(cpu_kernels, logprobs, five.logprobs, a.advantages, weights, options);
    as_printed(policy.gradient, {-.0685, 0, .0430, .1644, 0});
    number_as_printed(policy.loss, -.1226);
    number_as_printed(policy.approx_kl_k1, 0);
    number_as_printed(policy.approx_kl_k2, .02);
    number_as_printed(policy.max_ratio_error, .3499);
    for (auto [t, loss] : {std::pair<size_t, double>{0, -.3425}, {1, -2.1236}, {2, .2151}, {3, .8219}, {4, .8160}})
        number_as_printed(
            policy_loss(cpu_kernels, {logprobs[t]}, {five.logprobs[t]}, {a.advantages[t]}, {1}, options).loss, loss);

    const ValueLoss value =
        value_loss(cpu_kernels, {.6f, .9f, .6f, .55f, .85f}, five.values, a.returns, weights, options);
    number_as_printed(value.loss, .0538);
    CHECK(value.gradient[1] == 0);
    number_as_printed(value.clip_fraction, .2);
}

TEST_CASE("chapter 92: chapter 9's five tokens by each library's conventions") {
    const Chapter chapter("92_ppo_conventions.md");
    struct Row {
        const char* library;
        std::vector<double> rewards, advantages;
    };
    for (const Row& row : std::vector<Row>{
             {"cai", {-.09, .12, 0, -.06, 1}, {.310, 1.770, -.238, -.822, -1.020}},
             {"hh", {0, 0, 0, 0, .9999}, {.483, 1.536, .043, -.661, -1.402}},
             {"oai", {-.403, -.143, -.292, -.366, 2.189}, {-1.631, -.127, -.173, .502, 1.429}},
             {"n+", {-.015, .02, 0, -.01, 1}, {.451, 1.592, -.013, -.697, -1.333}},
             {"trl", {-.015, .02, 0, -.01, 1}, {.403, 1.424, -.011, -.623, -1.192}},
             {"dsc", {-.03, .04, 0, -.02, 1}, {.420, .579, .356, .270, .200}},
             {"openrlhf", {-.003, .004, 0, -.002, 1}, {.701, 1.425, -.010, -.713, -1.403}},
             {"verl", {0, 0, 0, 0, 1}, {.632, 1.265, 0, -.632, -1.265}},
             {"nemo", {-.003, -.004, 0, -.002, 1}, {.452, 1.549, .059, -.660, -1.399}}}) {
        INFO(row.library);
        as_printed(FiveTokens().rewards(like(row.library)), row.rewards, 5.1e-4);
        const std::vector<double> a = FiveTokens().advantages(like(row.library)).advantages;
        as_printed(a, row.advantages, 5.1e-4);
        CHECK(chapter.prints(" | " + fixed(a[0]) + ", " + fixed(a[1]) + ", "));
    }
    for (auto [library, advantage] : {std::pair{"rloo", .78}, {"grpo", .7070}}) {
        PpoOptions options = like(library);
        options.group_size = 2;
        FiveTokens two;
        two.scores.push_back(.2), two.offsets.push_back(7);
        two.logprobs.insert(two.logprobs.end(), {-1.5f, -.3f}), two.reference.insert(two.reference.end(), {-1, -.5f});
        two.values.clear();
        as_printed(two.advantages(options).advantages,
                   {advantage, advantage, advantage, advantage, advantage, -advantage, -advantage});
    }
}

TEST_CASE("chapter 9: DPO on the same two answers") {
    const DpoLoss dpo = dpo_loss(cpu_kernels, {-.5f, -1, -.2f, -.1f, -.1f, -1.5f, -.3f},
                                 {-.8f, -.6f, -.2f, -.3f, -.1f, -1, -.5f}, {0, 5, 7}, {.9}, .3);
    as_printed(dpo.loss, {.6469});
    number_as_printed(sigmoid(dpo.rewards[0] - dpo.rewards[1]), .5300);
    as_printed(dpo.gradient, {-.1110, -.1110, -.1110, -.1110, -.1110, .1110, .1110});
}

TEST_CASE("chapter 4: attention of four tokens, forward and backward") {
    const Chapter chapter("04_attention.md");
    const double q[4][4] = {{2, 0, 0, 0}, {2, 0, 0, 0}, {0, 2, 0, 0}, {2, 2, 0, 0}};
    const double k[4][4] = {{1, 0, 0, 0}, {0, 1, 0, 0}, {1, 1, 0, 0}, {0, 0, 0, 0}};
    std::vector<double> qkv;
    for (size_t n = 0; n < 4; n++) {
        for (double x : q[n]) qkv.push_back(x);
        for (double x : k[n]) qkv.push_back(x * std::log(2.0));
        for (size_t d = 0; d < 4; d++) qkv.push_back(d == n ? 4 : 0);
    }
    const std::vector<int32_t> offsets{0, 4};
    std::vector<double> out(16), logsumexp(4), dqkv(48), dout(16, 0);
    plain::attention_forward(out.data(), logsumexp.data(), qkv.data(), offsets.data(), 1, 1, 1, 4);
    as_printed(out, {4, 0, 0, 0, 2.6667, 1.3333, 0, 0, .8, 1.6, 1.6, 0, .8889, .8889, 1.7778, .4444});
    as_printed(logsumexp, {std::log(2), std::log(3), std::log(5), std::log(9)}, 1e-12);
    CHECK(chapter.prints(fixed(out[12], 4) + " " + fixed(out[13], 4) + " " + fixed(out[14], 4) + " " +
                         fixed(out[15], 4)));

    dout[12] = 1;
    plain::attention_backward(dqkv.data(), dout.data(), out.data(), logsumexp.data(), qkv.data(), offsets.data(), 1, 1,
                              1, 4);
    as_printed(std::vector<double>(&dqkv[36], &dqkv[40]), {.1027, -.2054, 0, 0});
    const std::vector<double> p{.2222, .2222, .4444, .1111}, ds{.6914, -.1975, -.3951, -.0988};
    for (size_t j = 0; j < 4; j++) {
        as_printed(std::vector<double>(&dqkv[j * 12 + 4], &dqkv[j * 12 + 8]), {ds[j], ds[j], 0, 0});
        as_printed(std::vector<double>(&dqkv[j * 12 + 8], &dqkv[j * 12 + 12]), {p[j], 0, 0, 0});
        CHECK(chapter.prints(fixed(dqkv[j * 12 + 4], 4) + " " + fixed(dqkv[j * 12 + 5], 4) + " 0 0 | " +
                             fixed(dqkv[j * 12 + 8], 4) + " 0 0 0 |"));
    }
}

TEST_CASE("chapter 4: after RoPE a product depends on the distance alone") {
    const Chapter chapter("04_attention.md");
    std::vector<double> table;
    for (double n = 0; n < 6; n++) table.push_back(std::cos(n)), table.push_back(std::sin(n));
    const auto product = [&](int32_t n, int32_t m) {
        std::vector<double> rows{1, 0, 1, 0};
        const std::vector<int32_t> positions{n, m};
        plain::rope_forward(rows.data(), positions.data(), table.data(), 2, 1, 2, 2);
        return rows[0] * rows[2] + rows[1] * rows[3];
    };
    number_as_printed(product(2, 1), .5403);
    number_as_printed(product(5, 4), .5403);
    number_as_printed(product(3, 1), -.4161);
    CHECK(chapter.prints("cos 1 = " + fixed(product(1, 0), 4)));
    CHECK(chapter.prints("cos 2 = " + fixed(product(2, 0), 4)));
}

TEST_CASE("chapter 8: a label from four log-probabilities, and what it asks of two scores") {
    const Chapter chapter("08_preference_model.md");
    number_as_printed(preference(-.3, -1.9), .8320);
    number_as_printed(preference(-.9, -.6), .4256);
    number_as_printed(average_orders(preference(-.3, -1.9), preference(-.9, -.6)), .7032);
    number_as_printed(average_orders(.9, .9), .5);
    for (auto [difference, wins] : {std::pair{1., .73}, {2., .88}, {3., .95}})
        number_as_printed(sigmoid(difference), wins, 5e-3);
    number_as_printed(400 / std::log(10.0), 173.7, .05);

    struct Row {
        double label;
        std::vector<double> loss, slope;
    };
    for (const Row& row : std::vector<Row>{{1, {.6931, .4741, .1269}, {-.5, -.3775, -.1192}},
                                           {.7, {.6931, .6241, .7269}, {-.2, -.0775, .1808}},
                                           {.5, {.6931, .7241, 1.1269}, {0, .1225, .3808}}}) {
        const PreferenceLoss at = preference_loss(cpu_kernels, {0, 0, .5f, 0, 2, 0}, {row.label, row.label, row.label});
        as_printed(at.loss, row.loss);
        as_printed(at.gradient, row.slope);
        for (size_t i = 0; i < 3; i++)
            CHECK(chapter.prints(fixed(at.loss[i], 4) + ", slope " + fixed(at.gradient[i], 4)));
    }
    number_as_printed(label_entropy(.7), .6109);
    number_as_printed(preference_loss(cpu_kernels, {.8473f, 0}, {.7}).gradient[0], 0);
    number_as_printed(preference_loss(cpu_kernels, {.4055f, 0}, {clamp_label(.99, .4, .6)}).gradient[0], 0);
}

TEST_CASE("chapter 8: the calibration error of six predictions") {
    const Calibration c = calibration({.62, .68, .91, .93, .95, .97}, {1, 0, 1, 1, 1, 0});
    number_as_printed(c.error, .1767);
    number_as_printed(c.bins[6].mean_probability, .65);
    number_as_printed(c.bins[6].frequency, .5);
    number_as_printed(c.bins[9].mean_probability, .94);
    number_as_printed(c.bins[9].frequency, .75);
    CHECK(Chapter("08_preference_model.md").prints("/ 6 = " + fixed(c.error, 4)));
}

TEST_CASE("chapter 7: how often a principle bites, and what SL-CAI reads") {
    const Chapter chapter("07_critique_and_revision.md");
    const World world(kSourceFolder / "data/world", 1);
    const auto mean_refusing = [](double c) {
        double sum = 0;
        for (int n = 1; n <= 4; n++) sum += 1 - std::pow(1 - c, n);
        return sum / 4;
    };
    // Of two lines one forbids burning; with 13 lines one speaks of singing, with a weight of 3 three of 15.
    Constitution half{{"Stay away from damage.", "Stay away from gossip."}};
    const auto is = [&](const char* name) { return [=](const Act& act) { return act.name == name; }; };
    const Act& burning = *std::find_if(world.acts.begin(), world.acts.end(), is("burning"));
    const double c = coverage(world, half, burning);
    CHECK(c == 0.5);
    for (int n = 1; n <= 4; n++)
        CHECK(chapter.prints(concat("| ", n, " | ", fixed(std::pow(1 - c, n), 4), " | ",
                                    fixed(1 - std::pow(1 - c, n), 4), " | ", fixed(std::pow(1 - c, n), 4), " |")));
    number_as_printed(mean_refusing(c), .7656);
    number_as_printed(1 - mean_refusing(c), .2344);
    number_as_printed(mean_refusing(1 / 13.), .1781);
    number_as_printed(mean_refusing(3 / 15.), .4096);
    number_as_printed(1 - std::pow(2 / 3., 4), .80, 5.1e-3);

    // The same by drawing: of the revisions of 20,000 prompts, the share behind a draw that forbids burning.
    double refusing = 0;
    for (size_t prompt = 0; prompt < 20000; prompt++) {
        bool met = false;
        for (size_t round = 0; round < 4; round++) {
            Rng rng(1, mix(stream("principle"), prompt * 64 + round));
            met = met || half.draw(rng) == half.principles[0];
            refusing += met;
        }
    }
    number_as_printed(refusing / 80000, .7656, .008);
}

TEST_CASE("chapter 5: a batch of two documents, its rows and targets") {
    Batch batch;
    const std::vector<Token> first{7, 3, 9, 4}, second{7, 5, 2};
    const std::vector<uint8_t> learn{0, 0, 1};
    batch.add(first.data(), first.size());
    batch.add(second.data(), second.size(), learn.data());
    CHECK(batch.tokens == std::vector<Token>{7, 3, 9, 7, 5});
    CHECK(batch.positions == std::vector<int32_t>{0, 1, 2, 0, 1});
    CHECK(batch.offsets == std::vector<int32_t>{0, 3, 5});
    CHECK(batch.rows == std::vector<int32_t>{0, 1, 2, 4});
    CHECK(batch.targets == std::vector<Token>{3, 9, 4, 2});
    CHECK(split_evenly(batch.offsets, 0, 2, 2) == std::vector<size_t>{0, 1, 2});
}

TEST_CASE("chapter 5: two steps of AdamW, and the rates of a schedule") {
    const Chapter chapter("05_training_step.md");
    double parameter = 1, m = 0, v = 0;
    int step = 0;
    for (double g : {.6, -.6}) {
        plain::adamw<double>(&parameter, &m, &v, &g, 1, .1, .9, .95, 1e-6, .1, 1, ++step);
        const double m_hat = m / (1 - std::pow(.9, step)), v_hat = v / (1 - std::pow(.95, step));
        CHECK(chapter.prints(concat("| ", step, " | ", fixed(g, 1), " | ", fixed(m, 4), " | ", fixed(v, 4), " | ",
                                    fixed(m_hat, 4), " | ", fixed(v_hat, 4), " | ", fixed(m_hat / std::sqrt(v_hat), 4),
                                    " | ", fixed(parameter, 4), " |")));
        number_as_printed(parameter, step == 1 ? .89 : .8864);
    }
    double little = .0006;
    parameter = 1, m = v = 0;
    plain::adamw<double>(&parameter, &m, &v, &little, 1, .1, .9, .95, 1e-6, .1, 1, 1);
    number_as_printed(parameter, .8902);
    for (auto [at, rate] : {std::pair<size_t, double>{0, .0015}, {1, .003}, {2, .003}, {6, .0015}, {9, .0004}})
        number_as_printed(learning_rate_at(at, 10, .003f, 2, 0), rate);
}

TEST_CASE("chapter 5: Muon makes a lopsided gradient even") {
    const Chapter chapter("05_training_step.md");
    double large = 3 / std::sqrt(9.09), small = .3 / std::sqrt(9.09);
    std::string large_row = "| large", small_row = "| small";
    for (int step = 0; step <= 5; step++) {
        large_row += " | " + fixed(large, 4), small_row += " | " + fixed(small, 4);
        if (step == 5) break;
        for (double* s : {&large, &small}) *s = 3.4445 * *s - 4.775 * std::pow(*s, 3) + 2.0315 * std::pow(*s, 5);
    }
    CHECK(chapter.prints(large_row + " |"));
    CHECK(chapter.prints(small_row + " |"));
    std::vector<double> X{3, 0, 0, .3};
    plain::newton_schulz(X, 2, 2);
    as_printed(X, {.7020, 0, 0, .7087});

    std::vector<double> parameters(4), momentum(4);
    const std::vector<double> gradients{3, 0, 0, .3};
    plain::muon<double>(parameters.data(), momentum.data(), gradients.data(), 2, 2, 1, .95, 0, 1);
    as_printed(parameters, {-.1986, 0, 0, -.2004});
}

TEST_CASE("chapter 6: rule-blind models, and one that looks for the same word") {
    const Chapter chapter("06_toy_world.md");
    // Four pairs: two about hazards, two about benign acts. A model that tosses a coin for each half does all there is.
    const std::vector<MinimalPair> four(4);
    struct Row {
        std::string model;
        std::vector<bool> refuses_applicable, keeps_inapplicable;
        double applicable, inapplicable, pairs;
    };
    for (const Row& row : std::vector<Row>{
             {"refuses always", {true, true, true, true}, {false, false, false, false}, 1, 0, 0},
             {"keeps always", {false, false, false, false}, {true, true, true, true}, 0, 1, 0},
             {"refuses what it thinks is harmful", {true, true, false, false}, {false, false, true, true}, .5, .5, 0},
             {"tosses a coin for each half", {true, true, false, false}, {true, false, true, false}, .5, .5, .25}}) {
        const Json json = score_pairs(four, row.refuses_applicable, row.keeps_inapplicable);
        CHECK(json["applicable"].number() == row.applicable);
        CHECK(json["inapplicable"].number() == row.inapplicable);
        CHECK(json["pairs"].number() == row.pairs);
        CHECK(chapter.prints(concat("| ", row.model, " | ", row.applicable, " | ", row.inapplicable, " | ",
                                    (row.applicable + row.inapplicable) / 2, " | ", row.pairs, " |")));
    }

    const World world(kSourceFolder / "data/world", 1);
    const std::vector<MinimalPair> pairs = minimal_pairs(world, "seen", 300);
    const auto names_a_word = [](const MinimalPair& pair, const Principle& principle) {
        for (const std::string& topic : principle.topics)
            for (const std::string& word : words_of(pair.prompt))
                if (word == topic) return true;
        return false;
    };
    std::vector<bool> refuses, keeps;
    for (const MinimalPair& pair : pairs) {
        refuses.push_back(names_a_word(pair, pair.applicable));
        keeps.push_back(!names_a_word(pair, pair.inapplicable));
    }
    const Json json = score_pairs(pairs, refuses, keeps);
    CHECK(chapter.prints("it gets " + fixed(json["pairs"].number(), 2)));
    CHECK(chapter.prints(concat("the ", json["shared_word"]["n"].natural(), " whose principle repeats")));
    CHECK(chapter.prints(concat("the other ", json["no_shared_word"]["n"].natural())));
    CHECK(json["no_shared_word"]["pairs"].number() == 0);
}

TEST_CASE("chapter 3: two rows through a layer of two outputs, and back") {
    const Chapter chapter("03_matmul.md");
    const std::vector<double> x{1, 2, 3, 4, 5, 6}, weight{1, 0, -1, 2, 1, 0}, dout{1, 2, 0, -1};
    std::vector<double> out(4), dx(6), dweight(6);
    plain::matmul_forward<double>(out.data(), x.data(), weight.data(), nullptr, 2, 3, 2);
    plain::matmul_backward_input(dx.data(), dout.data(), weight.data(), 2, 3, 2);
    plain::matmul_backward_weight(dweight.data(), dout.data(), x.data(), 2, 3, 2);
    CHECK(out == std::vector<double>{-2, 4, -2, 13});
    CHECK(dx == std::vector<double>{5, 2, -1, -2, -1, 0});
    CHECK(dweight == std::vector<double>{1, 2, 3, -2, -1, 0});
    const auto row = [](const double* v) { return concat("**(", v[0], ", ", v[1], ", ", v[2], ")**"); };
    for (const std::vector<double>* gradient : {&dx, &dweight})
        for (size_t n = 0; n < 2; n++) CHECK(chapter.prints(row(gradient->data() + 3 * n)));

    for (auto [r, c] : {std::pair{1, 1}, {2, 2}, {8, 8}, {6, 64}})
        CHECK(chapter.prints(concat("| ", r + c, " | ", r * c, " | ",
                                    fixed(static_cast<double>(r + c) / (r * c), 2), " | ", r * c, " |")));
}

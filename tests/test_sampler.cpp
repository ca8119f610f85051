#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "../core/lm/next_token_logprobs.h"
#include "support.h"

using namespace cai;

namespace {

// vocab_size, width, layers, heads, kv_heads, head_dim, ff, context: a usual shape, and one that fits no vector.
const Config kRound = {64, 32, 2, 4, 2, 16, 64, 48};
const Config kRagged = {37, 20, 3, 3, 1, 6, 27, 45};

// Weights large enough that the model has strong opinions, which a wrong cache would change.
Model random_model(Config config, uint64_t seed, bool tied = true) {
    config.tied = tied;
    Model model(cpu_kernels, config);
    model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
        Rng rng(seed, stream(name));
        std::vector<float> values(Tensor{name, shape}.count());
        for (float& value : values) value = shape.size() == 1 ? 1 + 0.2f * rng.normal() : 0.3f * rng.normal();
        model.kernels->upload(data, values.data(), values.size() * sizeof(float));
    });
    model.pack();
    return model;
}

// After token t it says t + 1, and after the last of its 24 tokens <|endoftext|>, with certainty.
Model counting_model() {
    Config config = {24, 24, 1, 1, 1, 8, 8, 16};
    config.tied = false;
    Model model(cpu_kernels, config);
    model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
        std::vector<float> values(Tensor{name, shape}.count());
        if (shape.size() == 1) values.assign(values.size(), 1);
        for (size_t t = 0; t < 24; t++) {
            if (name == "model.embed_tokens.weight") values[t * 24 + t] = 1;
            if (name == "lm_head.weight") values[(t + 1) % 24 * 24 + t] = 10;
        }
        model.kernels->upload(data, values.data(), values.size() * sizeof(float));
    });
    model.pack();
    return model;
}

// Lengths 1 to longest in a fixed scramble.
std::vector<std::vector<Token>> random_prompts(const Config& config, size_t count, size_t longest) {
    Rng rng(11, stream("prompts"));
    std::vector<std::vector<Token>> prompts(count);
    for (size_t i = 0; i < count; i++) {
        prompts[i].resize(1 + i * 7 % longest);
        for (Token& token : prompts[i]) token = static_cast<Token>(rng.below(static_cast<size_t>(config.vocab_size)));
    }
    return prompts;
}

// The logits after a sequence from model.h's own attention, without a cache.
std::vector<float> logits_after(const Model& model, const std::vector<Token>& sequence) {
    Batch batch;
    batch.add_scored(sequence.data(), sequence.size(), {static_cast<int32_t>(sequence.size() - 1)});
    Activations activations;
    forward(model, batch, activations);
    std::vector<float> logits(static_cast<size_t>(model.config.vocab_size));
    model.kernels->download(logits.data(), activations.logits, logits.size() * sizeof(float));
    return logits;
}

void check_equal(const std::vector<Completion>& a, const std::vector<Completion>& b) {
    REQUIRE(a.size() == b.size());
    for (size_t i = 0; i < a.size(); i++) {
        CAPTURE(i);
        CHECK(a[i].tokens == b[i].tokens);
        CHECK(a[i].logprobs == b[i].logprobs);  // to the last bit
        CHECK(a[i].stopped == b[i].stopped);
    }
}

GenerateOptions options_with(float temperature, int max_new_tokens, size_t slots = 64) {
    GenerateOptions options;
    options.sampling.temperature = temperature;
    options.max_new_tokens = max_new_tokens;
    options.slots = slots;
    return options;
}

}  // namespace

TEST_CASE("sampler: greedy tokens are those of a whole forward pass for each token") {
    for (const Config& config : {kRound, kRagged}) {
        Model model = random_model(config, 1, config.width == kRound.width);
        auto prompts = random_prompts(config, 9, 20);
        auto completions = generate(model, prompts, options_with(0, 12, 4));
        size_t long_ones = 0;
        for (size_t i = 0; i < prompts.size(); i++) {
            CAPTURE(i);
            std::vector<Token> text = prompts[i], expected;
            bool stopped = false;
            while (expected.size() < 12 && !stopped) {
                std::vector<float> logits = logits_after(model, text);
                text.push_back(static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin()));
                expected.push_back(text.back());
                stopped = text.back() < kSpecialCount;
            }
            CHECK(completions[i].tokens == expected);
            CHECK(completions[i].stopped == stopped);
            long_ones += expected.size() > 3;
        }
        CHECK(long_ones >= 3);  // otherwise this test sees little of the cache
    }
}

TEST_CASE("sampler: log-probabilities equal the trainer's to the last bit") {
    for (const Config& config : {kRound, kRagged}) {
        Model model = random_model(config, 2);
        auto prompts = random_prompts(config, 40, 30);
        for (float temperature : {1.0f, 0.7f}) {
            CAPTURE(temperature);
            auto completions = generate(model, prompts, options_with(temperature, 14, 16));
            Batch batch;
            std::vector<float> sampled;
            for (size_t i = 0; i < prompts.size(); i++) {
                std::vector<Token> text = prompts[i];
                text.insert(text.end(), completions[i].tokens.begin(), completions[i].tokens.end());
                std::vector<uint8_t> learn(prompts[i].size(), 0);
                learn.resize(text.size(), 1);
                batch.add(text.data(), text.size(), learn.data());
                sampled.insert(sampled.end(), completions[i].logprobs.begin(), completions[i].logprobs.end());
            }
            Activations activations;
            CHECK(token_logprobs(model, batch, activations, temperature) == sampled);
            CHECK(sampled.size() > 150);
            CHECK(*std::min_element(sampled.begin(), sampled.end()) < -1);  // not all certain
        }
    }
}

TEST_CASE("sampler: neither slots nor threads change a result") {
    const AllThreads all_take_part;
    for (const Config& config : {kRound, kRagged}) {
        Model model = random_model(config, 3);
        auto prompts = random_prompts(config, 100, 40);  // about 2,000 tokens: more than one step admits
        GenerateOptions options = options_with(1, 20);
        options.sampling.top_p = 0.95f;
        auto reference = generate(model, prompts, options);
        for (size_t slots : {1, 3, 64, 1000}) {
            for (int threads : {1, 2}) {
                CAPTURE(slots);
                CAPTURE(threads);
                cpu_kernels.set_threads(threads);
                options.slots = slots;
                check_equal(generate(model, prompts, options), reference);
            }
        }
        cpu_kernels.set_threads(0);
    }
}

TEST_CASE("sampler: long sequences are spread among the others") {
    using Numbers = std::vector<size_t>;
    CHECK(spread({}) == Numbers{});
    CHECK(spread({false, false}) == Numbers{0, 1});
    CHECK(spread({true, true}) == Numbers{0, 1});
    CHECK(spread({false, false, false, false, true, true}) == Numbers{4, 0, 1, 5, 2, 3});
    CHECK(spread({false, true, false, true, false, true}) == Numbers{1, 0, 3, 2, 5, 4});
    CHECK(spread({true, false, true}) == Numbers{0, 1, 2});
}

TEST_CASE("sampler: a draw depends on the seed, the prompt's key and the position alone") {
    Model model = random_model(kRound, 4);
    std::vector<Token> prompt = {20, 30, 40};
    GenerateOptions options = options_with(1, 20);
    auto draw = [&](size_t count, std::vector<uint64_t> keys, uint64_t seed) {
        options.sample_ids = std::move(keys);
        options.seed = seed;
        return generate(model, std::vector(count, prompt), options);
    };
    auto several = draw(5, {7, 8, 7, 9, 2}, 1), alone = draw(1, {7}, 1), default_keys = draw(3, {}, 1);
    CHECK(several[0].tokens == several[2].tokens);
    CHECK(several[0].tokens == alone[0].tokens);
    CHECK(several[4].tokens == default_keys[2].tokens);  // the default key is the index
    CHECK(several[0].tokens != several[1].tokens);
    CHECK(several[1].tokens != several[3].tokens);
    CHECK(draw(1, {7}, 2)[0].tokens != alone[0].tokens);
}

TEST_CASE("sampler: where a completion ends") {
    Model model = counting_model();
    auto complete = [&](std::vector<Token> prompt, int max_new_tokens) {
        return generate(model, {std::move(prompt)}, options_with(0, max_new_tokens))[0];
    };
    Completion stopped = complete({12, 20}, 10);
    CHECK(stopped.tokens == std::vector<Token>{21, 22, 23, kEndOfText});
    CHECK(stopped.stopped);
    for (float logprob : stopped.logprobs) CHECK(logprob == doctest::Approx(0));  // it is certain
    CHECK(stopped.logprobs.size() == 4);

    Completion cut = complete({12, 20}, 3);
    CHECK(cut.tokens == std::vector<Token>{21, 22, 23});
    CHECK(!cut.stopped);
    CHECK(complete({12, 20}, 4).stopped);

    CHECK(complete({kUser}, 10).tokens == std::vector<Token>{kAssistant});  // every special token stops
    CHECK(complete({kReasoning}, 10).tokens == std::vector<Token>{kVerdict});
    CHECK(complete({kVerdict}, 2).tokens == std::vector<Token>{11, 12});  // 11 is no special token

    Completion full = complete(std::vector<Token>(13, 11), 100);  // the context is 16
    CHECK(full.tokens == std::vector<Token>{12, 13, 14});
    CHECK(!full.stopped);

    GenerateOptions options = options_with(0, 10);
    options.stops = {15, kAssistant};
    CHECK(generate(model, {{12}, {23}}, options)[0].tokens == std::vector<Token>{13, 14, 15});
    CHECK(generate(model, {{12}, {23}}, options)[1].tokens == std::vector<Token>{0, 1, 2, 3});
}

TEST_CASE("sampler: top-k of one is greedy") {
    Model model = random_model(kRound, 5);
    auto prompts = random_prompts(kRound, 20, 20);
    GenerateOptions top_one = options_with(1, 12);
    top_one.sampling.top_k = 1;
    check_equal(generate(model, prompts, top_one), generate(model, prompts, options_with(0, 12)));
}

TEST_CASE("sampler: on_token reports each token once, in order") {
    Model model = random_model(kRound, 6);
    auto prompts = random_prompts(kRound, 10, 10);
    std::vector<std::vector<Token>> seen(prompts.size());
    auto completions = generate(model, prompts, options_with(1, 8, 3),
                                [&](size_t prompt, Token token) { seen[prompt].push_back(token); });
    for (size_t i = 0; i < prompts.size(); i++) CHECK(seen[i] == completions[i].tokens);
}

TEST_CASE("sampler: a signal ends it, unless its caller goes on to save") {
    Model model = random_model(kRound, 6);
    auto prompts = random_prompts(kRound, 10, 10);
    auto status = [](const std::function<void()>& action) {
        try {
            action();
        } catch (const Error& error) {
            CHECK(std::string(error.what()).find("the same command") != std::string::npos);
            return error.status;
        }
        return 0;
    };
    GenerateOptions options = options_with(1, 8, 3);
    const auto expected = generate(model, prompts, options);
    size_t drawn = 0;
    auto signal_at_5 = [&](size_t, Token) { stop_signal = ++drawn >= 5 ? SIGINT : 0; };
    CHECK(status([&] { generate(model, prompts, options, signal_at_5); }) == 130);
    CHECK(drawn < 8);
    CHECK(status([&] { next_token_logprobs(model, prompts, {1}); }) == 130);
    options.stoppable = false;
    std::vector<Completion> completions;
    CHECK(status([&] { completions = generate(model, prompts, options); }) == 0);
    stop_signal = 0;
    for (size_t i = 0; i < prompts.size(); i++) CHECK(completions[i].tokens == expected[i].tokens);
}

TEST_CASE("sampler: 20000 draws follow the softmax") {
    Model model = random_model(kRagged, 7);
    const std::vector<Token> prompt = {12, 30};
    const size_t draws = 20000;
    for (const auto& setting : {std::pair{1.0f, 0}, {2.0f, 5}}) {
        const float temperature = setting.first;
        const int top_k = setting.second;
        CAPTURE(top_k);
        std::vector<float> logits = logits_after(model, prompt);
        std::vector<double> p;
        for (float logit : logits) p.push_back(std::exp(static_cast<double>(logit) / temperature));
        if (top_k) {
            std::vector<double> sorted = p;
            std::sort(sorted.rbegin(), sorted.rend());
            for (double& value : p)
                if (value < sorted[static_cast<size_t>(top_k) - 1]) value = 0;
        }
        const double sum = std::accumulate(p.begin(), p.end(), 0.0);

        GenerateOptions options = options_with(temperature, 1, 512);
        options.sampling.top_k = top_k;
        std::vector<double> count(p.size());
        for (const Completion& completion : generate(model, std::vector(draws, prompt), options))
            count[static_cast<size_t>(completion.tokens.at(0))]++;

        // Pearson's statistic. Tokens expected fewer than 5 times share a cell.
        double statistic = 0, rare = 0, rare_count = 0;
        int cells = 0;
        auto add_cell = [&](double expected, double found) {
            statistic += (found - expected) * (found - expected) / expected;
            cells++;
        };
        for (size_t j = 0; j < p.size(); j++) {
            const double expected = p[j] / sum * draws;
            if (expected == 0) {
                CHECK(count[j] == 0);
            } else if (expected < 5) {
                rare += expected;
                rare_count += count[j];
            } else {
                add_cell(expected, count[j]);
            }
        }
        if (rare >= 5) add_cell(rare, rare_count);
        // With f degrees of freedom the statistic has mean f and variance 2f; 5 deviations above is once in 10^5.
        const double f = cells - 1;
        CAPTURE(statistic);
        CHECK(f >= 4);
        CHECK(statistic < f + 5 * std::sqrt(2 * f));
    }
}

TEST_CASE("sampler: log-probabilities of candidates for the next token") {
    Model model = random_model(kRagged, 8);
    auto prompts = random_prompts(kRagged, 80, 45);  // up to the whole context, and more rows than one forward takes
    std::vector<Token> all(37);
    std::iota(all.begin(), all.end(), 0);
    auto two = next_token_logprobs(model, prompts, {33, 12}), every = next_token_logprobs(model, prompts, all);
    REQUIRE(two.size() == prompts.size());
    for (size_t i = 0; i < prompts.size(); i++) {
        CAPTURE(i);
        std::vector<float> logits = logits_after(model, prompts[i]);
        double sum = 0, total = 0;
        for (float logit : logits) sum += std::exp(static_cast<double>(logit));
        REQUIRE(two[i].size() == 2);
        // Sums of 37 exponentials in float: a few units in the last place of log-probabilities below 20.
        CHECK(two[i][0] == doctest::Approx(logits[33] - std::log(sum)).epsilon(1e-5));
        CHECK(two[i][1] == doctest::Approx(logits[12] - std::log(sum)).epsilon(1e-5));
        CHECK(two[i][0] == every[i][33]);
        for (float logprob : every[i]) total += std::exp(static_cast<double>(logprob));
        CHECK(total == doctest::Approx(1).epsilon(1e-5));
    }
}

namespace {

// Tokens that the model has read since the counter was set to 0: rows that went into the cache, over all layers.
size_t cached_rows = 0;

Kernels cache_counting_kernels() {
    Kernels kernels = cpu_kernels;
    kernels.cache_store = [](float* keys, float* values, const float* qkv, const int32_t* slots,
                             const int32_t* positions, size_t N, size_t H, size_t K, size_t D, size_t capacity) {
#pragma omp atomic
        cached_rows += N;
        cpu_kernels.cache_store(keys, values, qkv, slots, positions, N, H, K, D, capacity);
    };
    return kernels;
}

}  // namespace

TEST_CASE("sampler: a beginning that many prompts share is computed once") {
    const Kernels kernels = cache_counting_kernels();
    for (const Config& config : {kRound, kRagged}) {
        Model model = random_model(config, 9);
        auto prompts = random_prompts(config, 40, 5);
        const std::vector<std::vector<Token>> own = prompts;
        std::vector<Token> shared(25);
        Rng rng(3, stream("shared"));
        for (Token& token : shared) token = static_cast<Token>(rng.below(static_cast<size_t>(config.vocab_size)));
        for (size_t i = 0; i < prompts.size(); i++) prompts[i].insert(prompts[i].begin(), shared.begin(), shared.end());
        const size_t most = 12;
        for (size_t slots : {1, 7, 64}) {
            CAPTURE(slots);
            std::vector<Completion> alone;
            for (size_t i = 0; i < prompts.size(); i++) {
                GenerateOptions options = options_with(1, most);
                options.sample_ids = {i};
                alone.push_back(generate(model, {prompts[i]}, options)[0]);
            }
            model.kernels = &kernels;
            cached_rows = 0;
            const auto completions = generate(model, prompts, options_with(1, most, slots));
            model.kernels = &cpu_kernels;
            check_equal(completions, alone);
            size_t rows = shared.size();
            for (size_t i = 0; i < prompts.size(); i++) rows += own[i].size() + completions[i].tokens.size() - 1;
            const size_t computed = cached_rows / static_cast<size_t>(config.layers);
            CHECK(computed <= rows);
            CHECK(computed > rows - 40);  // some prompts share a token more by chance
        }
    }
}

TEST_CASE("sampler: a continuation gives what a prompt of its own would, and computes only what is new") {
    const Kernels kernels = cache_counting_kernels();
    for (const Config& config : {kRound, kRagged}) {
        Model model = random_model(config, 10);
        const auto prompts = random_prompts(config, 30, 14);
        // All that was said, cut short for some, and two tokens more: the next prompt.
        const auto next_prompt = [&](size_t i, const Completion& completion) {
            std::vector<Token> prompt = prompts[i];
            prompt.insert(prompt.end(), completion.tokens.begin(), completion.tokens.end());
            if (i % 3 == 0) prompt.resize(prompt.size() / 2 + 1);
            prompt.insert(prompt.end(), {13, 14});
            return prompt;
        };
        for (const bool asks_candidates : {false, true}) {
            CAPTURE(asks_candidates);
            GenerateOptions options = options_with(1, 9, 7);
            const auto first = generate(model, prompts, options);
            std::vector<std::vector<Token>> second;
            size_t rows = 0;
            for (size_t i = 0; i < prompts.size(); i++) {
                second.push_back(next_prompt(i, first[i]));
                rows += prompts[i].size() + first[i].tokens.size() - 1;
                rows +=
                    i % 3 ? 3 : 2;  // the token that was drawn last was never read; where it was cut short it is gone
            }
            auto expected = generate(model, second, options);
            const std::vector<Token> candidates = {33, 12};
            if (asks_candidates) {
                const auto logprobs = next_token_logprobs(model, second, candidates);
                for (size_t i = 0; i < expected.size(); i++) expected[i] = {{}, logprobs[i], false};
            } else {
                for (const Completion& completion : expected) rows += completion.tokens.size() - 1;
            }
            std::vector<Completion> reported(prompts.size());
            std::vector<int> turns(prompts.size());
            model.kernels = &kernels;
            cached_rows = 0;
            const OnCompletion go_on = [&](size_t i, const Completion& completion) -> std::optional<Continuation> {
                if (turns[i]++ > 0) return {};
                reported[i] = completion;
                return Continuation{next_prompt(i, completion), asks_candidates ? candidates : std::vector<Token>{}};
            };
            const auto completions = generate(model, prompts, options, {}, go_on);
            model.kernels = &cpu_kernels;
            check_equal(reported, first);
            check_equal(completions, expected);
            CHECK(turns == std::vector<int>(prompts.size(), 2));
            const size_t computed = cached_rows / static_cast<size_t>(config.layers);
            CHECK(computed <= rows);
            CHECK(computed > rows - 30);  // now and then a cut falls where the new tokens are the old ones
        }
    }
}

TEST_CASE("sampler: errors say which prompt and what to do") {
    Model model = counting_model();
    auto message = [&](const std::vector<std::vector<Token>>& prompts, GenerateOptions options = {}) {
        return error_of([&] { generate(model, prompts, options); });
    };
    CHECK(message({{12}, {}}) == "prompt 1 is empty; begin it with <|endoftext|> or a role");
    CHECK(message({std::vector<Token>(16, 12)}) ==
          "prompt 0 has 16 tokens, but the context of 16 has room for 15; shorten it");
    CHECK(error_of([&] { next_token_logprobs(model, {std::vector<Token>(17, 12)}, {1}); }) ==
          "prompt 0 has 17 tokens, but the context of 16 has room for 16; shorten it");
    CHECK(message({{12, 24}}) ==
          "prompt 0 holds token 24, which is not in the vocabulary of 24; encode it with this model's tokenizer");
    CHECK(error_of([&] { next_token_logprobs(model, {{12}}, {-1}); }) ==
          "candidate token -1 is not in the vocabulary of 24; encode it with this model's tokenizer");
    CHECK(message({{12}}, options_with(1, 0)) ==
          "generating needs max_new_tokens and slots of at least 1, not 0 and 64");
    const auto on_to = [&](Continuation continuation) {
        return error_of([&] {
            generate(model, {{12}}, options_with(0, 2), {}, [&](size_t, const Completion&) { return continuation; });
        });
    };
    CHECK(on_to({{}}) == "prompt 0 is empty; begin it with <|endoftext|> or a role");
    CHECK(on_to({std::vector<Token>(16, 12)}) ==
          "prompt 0 has 16 tokens, but the context of 16 has room for 15; shorten it");
    CHECK(on_to({std::vector<Token>(17, 12), {1}}) ==
          "prompt 0 has 17 tokens, but the context of 16 has room for 16; shorten it");
    CHECK(on_to({{12}, {24}}) ==
          "candidate token 24 is not in the vocabulary of 24; encode it with this model's tokenizer");
    GenerateOptions options;
    options.sample_ids = {1, 2};
    CHECK(message({{12}}, options) == "there are 2 sample ids for 1 prompts; give one a prompt, or none");

    Config config = model.config;
    config.score_head = true;
    Model scorer(cpu_kernels, config);
    scorer.pack();
    CHECK(error_of([&] { generate(scorer, {{12}}, {}); }) ==
          "this model scores texts and cannot write them; load a language model");

    CHECK(generate(model, {}, {}).empty());
    CHECK(next_token_logprobs(model, {}, {1}).empty());
}

TEST_CASE("sampler: rows of the table beyond the tokenizer are never drawn, on any backend") {
    // A head whose last rows are by far the likeliest.
    for (const Kernels* kernels : {&cpu_kernels, &plain_kernels, &cuda_kernels}) {
        std::vector<float> logits(40);
        for (size_t j = 0; j < logits.size(); j++) logits[j] = static_cast<float>(j);
        Buffer<float> device = uploaded(*kernels, logits);
        for (const SamplingOptions options : {SamplingOptions{1, 0, 1, 33}, {0, 0, 1, 33}, {1, 3, 0.9f, 33}}) {
            std::set<Token> drawn;
            for (uint64_t key = 0; key < 200; key++) {
                Token token = -1;
                float logprob = 0;
                kernels->sample(&token, &logprob, device.data(), &key, 1, logits.size(), options);
                drawn.insert(token);
                // Its log-probability is still that among all of them: 39 - j below the largest, which has 1 - 1/e.
                CHECK(near(logprob, token - 39 + std::log(1 - std::exp(-1.0)), 1e-5));
            }
            CHECK(*drawn.rbegin() == 32);
            CHECK((drawn.size() > 1) == (options.temperature > 0));
        }
    }
}

TEST_CASE("sampler: a temperature near 0 takes the likeliest token") {
    const Model model = random_model(kRound, 5);
    const auto prompts = random_prompts(kRound, 5, 9);
    const auto greedy = generate(model, prompts, options_with(0, 10));
    for (float temperature : {1e-30f, 1e-38f, 1e-40f, std::numeric_limits<float>::denorm_min()}) {
        const auto cold = generate(model, prompts, options_with(temperature, 10));
        for (size_t i = 0; i < prompts.size(); i++) CHECK(cold[i].tokens == greedy[i].tokens);
    }
}

TEST_CASE("sampler: weights that overflow are an error that says so, not an answer") {
    Model model = random_model(kRound, 5);
    model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, float* data) {
        if (name != "model.norm.weight") return;
        const std::vector<float> huge(shape[0], 3e38f);
        model.kernels->upload(data, huge.data(), huge.size() * sizeof(float));
    });
    model.pack();
    for (float temperature : {0.0f, 1.0f})
        CHECK(contains(error_of([&] {
                           generate(model, {{1, 2}}, options_with(temperature, 3));
                       }),
                       "the model's output after 2 tokens is not a number"));
}

TEST_CASE("sampler: with a list of stops that is empty, nothing stops it") {
    const Model model = counting_model();
    GenerateOptions options = options_with(0, 14);
    options.stops = std::vector<Token>();
    const Completion completion = generate(model, {{20}}, options)[0];
    CHECK(completion.tokens == std::vector<Token>{21, 22, 23, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    CHECK(!completion.stopped);
}

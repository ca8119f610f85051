// core/tools/logprobs.h and token_input.h: the figures of each token against softmax in double, and the verb's output.
#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "../core/lm/bpe_training.h"
#include "../core/tools/logprobs.h"
#include "fixtures/model_golden.h"
#include "plain_model.h"
#include "support.h"

using namespace cai;

namespace {

// A model of 270 tokens with its tokenizer, in a folder.
void save_small_model(const std::filesystem::path& folder) {
    Config c = {270, 8, 2, 4, 2, 4, 12, 32, 10000, 1e-5f, true, false};
    save_model(folder, golden::make_model(cpu_kernels, c), train_bpe({"a small text, a smaller text"}, 270));
}

// What the verb prints.
std::string output_of(const std::vector<std::string>& words) {
    Arguments arguments(words, {"json", "all", "common"});
    std::ostringstream out;
    std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
    try {
        run_logprobs(arguments, "");
    } catch (...) {
        std::cout.rdbuf(before);
        throw;
    }
    std::cout.rdbuf(before);
    return out.str();
}

}  // namespace

TEST_CASE("the figures of each token are those of a softmax in double") {
    const Config config = golden::cases()[1].config;
    const Model model = golden::make_model(cpu_kernels, config);
    const std::vector<Token> ids = golden::sequences(config)[2];
    const TokenFigures figures = token_figures(model, ids);
    plain_model::PlainModel plain(model);
    plain.pass(ids);
    const size_t V = static_cast<size_t>(config.vocab_size);
    REQUIRE(figures.logprobs.size() == ids.size() - 1);
    REQUIRE(figures.entropies.size() == ids.size() - 1);
    REQUIRE(figures.ranks.size() == ids.size() - 1);
    REQUIRE(figures.logits.size() == ids.size() * V);
    for (size_t i = 0; i < figures.logits.size(); i++) CHECK(near(figures.logits[i], plain.values["logits"][i], 2e-5));
    for (size_t t = 0; t + 1 < ids.size(); t++) {
        CHECK(near(figures.logprobs[t], plain.values["logprobs"][t], 2e-5));
        CHECK(near(figures.entropies[t], plain.values["entropies"][t], 2e-5));
        std::vector<double> row(plain.values["logits"].begin() + static_cast<long>(t * V),
                                plain.values["logits"].begin() + static_cast<long>((t + 1) * V));
        const double own = row[static_cast<size_t>(ids[t + 1])];
        std::sort(row.rbegin(), row.rend());
        CHECK(figures.ranks[t] == static_cast<size_t>(std::find(row.begin(), row.end(), own) - row.begin()) + 1);
    }
    CHECK(token_figures(model, {3}).logprobs.empty());
    CHECK(contains(error_of([&] { token_figures(model, {}); }), "no tokens"));
    CHECK(contains(error_of([&] { token_figures(model, {3, 41}); }), "token 41 is not in a vocabulary of 41"));
    CHECK(contains(error_of([&] { token_figures(model, std::vector<Token>(33, 1)); }), "context of 32"));
    const Model scorer = golden::make_model(cpu_kernels, golden::cases()[2].config);
    CHECK(contains(error_of([&] { token_figures(scorer, {1, 2}); }), "score model"));
}

TEST_CASE("ids are whole numbers between spaces or commas") {
    CHECK(parse_ids("1 2,3, 44\n") == std::vector<Token>{1, 2, 3, 44});
    CHECK(parse_ids("").empty());
    CHECK(contains(error_of([] { parse_ids("1 b"); }, kUsage), "'b' is not the id"));
    CHECK(contains(error_of([] { parse_ids("1.5"); }, kUsage), "'1.5'"));
}

TEST_CASE("cai logprobs: a text, an answer, ids, logits in a file") {
    const TemporaryFolder folder;
    const std::string model = (folder.path / "model").string(), file = (folder.path / "logits.safetensors").string();
    save_small_model(model);
    const Tokenizer tokenizer = load_tokenizer(model);

    // A text begins with <|endoftext|>, which nothing predicts.
    Json json = parse_json(output_of({model, "--text", "a small text", "--json", "--logits", file}), "stdout");
    std::vector<Token> ids = tokenizer.encode("a small text");
    ids.insert(ids.begin(), kEndOfText);
    REQUIRE(json["ids"].array().size() == ids.size());
    for (size_t i = 0; i < ids.size(); i++) CHECK(json["ids"].array()[i].integer() == ids[i]);
    CHECK(json["pieces"].array()[0].string() == "<|endoftext|>");
    CHECK(json["logprobs"].array()[0].is_null());
    const TokenFigures figures = token_figures(load_model(cpu_kernels, model), ids);
    double sum = 0;
    for (size_t t = 0; t + 1 < ids.size(); t++) {
        CHECK(json["logprobs"].array()[t + 1].number() == double{figures.logprobs[t]});
        CHECK(json["entropies"].array()[t + 1].number() == double{figures.entropies[t]});
        CHECK(json["ranks"].array()[t + 1].integer() == static_cast<int64_t>(figures.ranks[t]));
        sum += double{figures.logprobs[t]};
    }
    CHECK(near(json["total"].number(), sum));
    CHECK(near(json["mean"].number(), sum / static_cast<double>(ids.size() - 1)));
    const Safetensors logits = read_safetensors(file);
    CHECK(logits.floats("logits") == figures.logits);
    CHECK(logits.entries.at("logits").shape == std::vector<size_t>{ids.size(), 270});
    CHECK(doubles(logits, "input_ids") == std::vector<double>(ids.begin(), ids.end()));

    // Totals of a dialogue are of the answer, with the end of text that closes it.
    json = parse_json(output_of({model, "--prompt", "a text", "--answer", "small", "--json"}), "stdout");
    const size_t prompt = 2 + tokenizer.encode("a text").size(), answer = 1 + tokenizer.encode("small").size();
    CHECK(json["ids"].array().size() == prompt + answer);
    CHECK(json["first_counted"].integer() == static_cast<int64_t>(prompt));
    CHECK(json["tokens"].integer() == static_cast<int64_t>(answer));
    sum = 0;
    for (size_t t = prompt; t < prompt + answer; t++) sum += json["logprobs"].array()[t].number();
    CHECK(near(json["total"].number(), sum));

    // Ids need no tokenizer.
    CHECK(contains(output_of({model, "--ids", "0 97 98"}), "total"));
    std::filesystem::remove(std::filesystem::path(model) / "tokenizer.json");
    json = parse_json(output_of({model, "--ids", "0 97 98", "--json"}), "stdout");
    CHECK(json.find("pieces") == nullptr);
    CHECK(json["tokens"].integer() == 2);

    CHECK(contains(error_of([&] { output_of({model}); }, kUsage), "say what to read"));
    CHECK(contains(error_of([&] { output_of({model, "--ids", "1 2", "--text", "a"}); }, kUsage), "say what to read"));
    CHECK(contains(error_of([&] { output_of({model, "--ids", "1 2", "--answer", "a"}); }, kUsage), "--prompt"));
}

// The numbers that the chapters of the book work out by hand: the functions give them, and the chapters print them.
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../core/base/elo.h"
#include "../core/base/intervals.h"
#include "../core/lm/bpe_training.h"
#include "../core/lm/encode_document.h"
#include "../core/nn/batch.h"
#include "../core/nn/config.h"
#include "../cpu/plain/classifier.h"
#include "../cpu/plain/rmsnorm.h"
#include "../cpu/plain/swiglu.h"
#include "book.h"

using namespace cai;

TEST_CASE("chapter 1: byte-pair encoding of one sentence") {
    const Chapter chapter("01_tokens_and_masks.md");
    const Tokenizer tokenizer = train_bpe({"the cat sat at the mat"}, 1000);
    CHECK(tokenizer.merges().size() == 3);

    // The pieces and the counts of pairs, straight from the definition.
    std::vector<std::vector<std::string>> pieces;
    for (const std::string piece : {"the", " cat", " sat", " at", " the", " mat"}) {
        pieces.emplace_back();
        for (char c : piece) pieces.back().emplace_back(1, c);
    }
    const auto shown = [](const std::string& token) { return "`" + (token == " " ? "␣" : token) + "`"; };
    Token id = static_cast<Token>(kSpecialCount) + 256;
    for (size_t merge = 0;; merge++) {
        std::map<std::pair<std::string, std::string>, int> counts;
        for (const auto& piece : pieces)
            for (size_t i = 1; i < piece.size(); i++) counts[{piece[i - 1], piece[i]}]++;
        auto best = counts.begin();  // characters sort as their ids do, but for the space, which no tie here has
        for (auto pair = counts.begin(); pair != counts.end(); ++pair)
            if (pair->second > best->second) best = pair;
        if (merge == 0) {
            size_t once = 0;
            for (const auto& [pair, count] : counts) {
                const std::string words = shown(pair.first) + " " + shown(pair.second);
                once += count == 1;
                CHECK(chapter.prints(count == 1 ? words : "| " + words + " | "));
            }
            CHECK(once == 8);
        }
        if (best->second < 2) {
            CHECK(merge == 3);
            break;
        }
        const auto [left, right] = best->first;
        CHECK(tokenizer.decode({tokenizer.merges()[merge].first}) == left);
        CHECK(tokenizer.decode({tokenizer.merges()[merge].second}) == right);
        CHECK(chapter.prints(concat("| ", merge + 1, " | ", shown(left), " ", shown(right), " | ", best->second, " | ",
                                    shown(left + right), " | ", id, " |")));
        for (auto& piece : pieces)
            for (size_t i = 1; i < piece.size(); i++)
                if (piece[i - 1] == left && piece[i] == right) {
                    piece[i - 1] += right;
                    piece.erase(piece.begin() + static_cast<long>(i));
                }
        id++;
    }
    std::string ids;
    for (Token token : tokenizer.encode("the rat")) ids += concat(ids.empty() ? "" : " ", token);
    CHECK(chapter.prints("the  ␣  r  at        " + ids));
}

TEST_CASE("chapter 1: a dialogue's mask, rows and targets") {
    const Chapter chapter("01_tokens_and_masks.md");
    const Tokenizer tokenizer = train_bpe({"the cat sat at the mat"}, 1000);
    const Document document =
        encode_document(tokenizer, {{kUser, "the rat", false}, {kAssistant, "at the mat", true}});
    Batch batch;
    batch.add(document.tokens.data(), document.tokens.size(), document.learn.data());
    const auto shown = [&](Token token) -> std::string {
        if (token == kUser) return "`<\\|user\\|>`";
        if (token == kAssistant) return "`<\\|assistant\\|>`";
        if (token == kEndOfText) return "`<\\|endoftext\\|>`";
        const std::string text = tokenizer.decode({token});
        return "`" + (text == " " ? "␣" : text) + "`";
    };
    for (size_t i = 0, row = 0; i < document.tokens.size(); i++) {
        const bool has_target = row < batch.rows.size() && batch.rows[row] == static_cast<int32_t>(i);
        const std::string target = has_target ? shown(batch.targets[row++]) + " |" : "|";
        CHECK(chapter.prints(concat("| ", i, " | ", shown(document.tokens[i]), " | ", document.tokens[i], " | ",
                                    int(document.learn[i]), " | ", target)));
    }
}

TEST_CASE("chapter 2: RMSNorm of (3, 4) and its backward pass, against a nudge") {
    const Chapter chapter("02_backward_by_hand.md");
    const std::vector<double> x = {3, 4}, weight = {1, 2}, dout = {1, -1};
    const auto out_of = [&](const std::vector<double>& row) {
        std::vector<double> out(2), rstd(1);
        plain::rmsnorm_forward(out.data(), rstd.data(), row.data(), weight.data(), 1, 2, 0.0);
        return out;
    };
    const auto loss = [&](const std::vector<double>& row) { return out_of(row)[0] - out_of(row)[1]; };
    std::vector<double> out(2), rstd(1), dx(2), dweight(2);
    plain::rmsnorm_forward(out.data(), rstd.data(), x.data(), weight.data(), 1, 2, 0.0);
    plain::rmsnorm_backward(dx.data(), dweight.data(), dout.data(), x.data(), rstd.data(), weight.data(), 1, 2);

    CHECK(near(rstd[0], 1 / std::sqrt(12.5)));
    CHECK(near(dx[0], 1.6 / std::sqrt(12.5)));
    CHECK(near(dx[1], -1.2 / std::sqrt(12.5)));
    CHECK(chapter.prints("| `r` = 1/√12.5 | " + fixed(rstd[0], 4) + " |"));
    const auto row = [](const std::vector<double>& v) { return fixed(v[0], 4) + " | " + fixed(v[1], 4) + " |"; };
    CHECK(chapter.prints("| `out` | " + row(out)));
    CHECK(chapter.prints("| `dx` | " + row(dx)));
    CHECK(chapter.prints("| `dweight` | " + row(dweight)));
    CHECK(chapter.prints("the loss goes from " + fixed(loss(x), 6) + " to " + fixed(loss({3.001, 4}), 6)));
    CHECK(chapter.prints("by " + fixed((loss({3.001, 4}) - loss(x)) / 0.001, 4) + " per unit"));
    CHECK(near(3 * dx[0] + 4 * dx[1], 0));
    CHECK(chapter.prints("(" + fixed(rstd[0], 4) + ", " + fixed(-2 * rstd[0], 4) + "), which looks right"));
}

TEST_CASE("chapter 2: softmax and cross-entropy of the logits 2, 1, 0") {
    const Chapter chapter("02_backward_by_hand.md");
    const std::vector<double> logits = {2, 1, 0}, dlogprob = {-1};
    const std::vector<Token> target = {1};
    std::vector<double> logprob(1), dlogits(3);
    plain::logprob_forward<double>(logprob.data(), nullptr, logits.data(), target.data(), 1, 3, 1);
    plain::logprob_backward<double>(dlogits.data(), dlogprob.data(), logits.data(), target.data(), 1, 3, 1);
    const double total = std::exp(2) + std::exp(1) + 1;
    CHECK(near(-logprob[0], std::log(total) - 1));
    const auto row = [](double a, double b, double c) {
        return fixed(a, 4) + " | " + fixed(b, 4) + " | " + fixed(c, 4) + " |";
    };
    CHECK(chapter.prints("| `e^l` | " + row(std::exp(2), std::exp(1), 1)));
    CHECK(chapter.prints("| `p` | " + row(std::exp(2) / total, std::exp(1) / total, 1 / total)));
    CHECK(chapter.prints("| `dl` | " + row(dlogits[0], dlogits[1], dlogits[2])));
    CHECK(chapter.prints("`-log " + fixed(std::exp(logprob[0]), 4) + "` = " + fixed(-logprob[0], 4)));
}

TEST_CASE("chapter 3: SwiGLU of two columns and its backward pass, against a nudge") {
    const Chapter chapter("03_matmul.md");
    const std::vector<double> gate_up = {2, -1, 3, 4}, dout = {1, 1};
    std::vector<double> out(2), dgate_up(4);
    plain::swiglu_forward<double>(out.data(), gate_up.data(), 1, 2);
    plain::swiglu_backward<double>(dgate_up.data(), dout.data(), gate_up.data(), 1, 2);
    const auto row = [](double a, double b) { return fixed(a, 4) + " | " + fixed(b, 4) + " |"; };
    const double sigma = 1 / (1 + std::exp(-2.0)), slope = sigma * (1 + 2 * (1 - sigma));
    CHECK(chapter.prints("| `σ(gate)` | " + row(sigma, 1 / (1 + std::exp(1.0)))));
    CHECK(chapter.prints("| `out` | " + row(out[0], out[1])));
    CHECK(chapter.prints("| `dgate` | " + row(dgate_up[0], dgate_up[1])));
    CHECK(chapter.prints("| `dup` | " + row(dgate_up[2], dgate_up[3])));
    CHECK(chapter.prints(fixed(sigma, 4) + " · (1 + 2 · " + fixed(1 - sigma, 4) + ") = " + fixed(slope, 4)));
    std::vector<double> nudged = gate_up, after(2);
    nudged[0] += 1e-6;
    plain::swiglu_forward<double>(after.data(), nudged.data(), 1, 2);
    CHECK((after[0] - out[0]) / 1e-6 == doctest::Approx(dgate_up[0]));
}

TEST_CASE("chapter 3: the weights of the matrices of a tiny model") {
    const Chapter chapter("03_matmul.md");
    const Config c = preset("tiny", 2048);
    const auto with_commas = [](int number) {
        std::string text = concat(number);
        for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
        return text;
    };
    int layer = 0;
    const auto prints = [&](const std::string& words, int outputs, int inputs) {
        layer += outputs * inputs;
        return chapter.prints(concat(words, " | (", outputs, ",", inputs, ") | ", with_commas(outputs * inputs), " |"));
    };
    CHECK(prints("`qkv_proj`, for attention", (c.heads + 2 * c.kv_heads) * c.head_dim, c.width));
    CHECK(prints("`o_proj`, back from attention", c.width, c.heads * c.head_dim));
    CHECK(prints("`gate_up_proj`", 2 * c.ff, c.width));
    CHECK(prints("`down_proj`", c.width, c.ff));
    CHECK(chapter.prints(concat("four layers | | ", with_commas(c.layers * layer), " |")));
    CHECK(prints("`head`, which is the embedding table", c.vocab_size, c.width));
    CHECK(c.tied);
}

TEST_CASE("chapter 10: a rate, five seeds, an Elo") {
    const Chapter chapter("10_reading_the_results.md");
    CHECK(chapter.prints("it is " + fixed(std::sqrt(0.245 * 0.755 / 400), 4)));
    const auto interval = [](size_t hits, int decimals) {
        const Estimate rate = rate_interval(hits, 400);
        return concat("| ", hits, " | ", fixed(rate.value, decimals), " | [", fixed(rate.low, hits ? 3 : 0), ", ",
                      fixed(rate.high), "] |");
    };
    CHECK(chapter.prints(interval(98, 3)));
    CHECK(chapter.prints(interval(15, 4)));
    CHECK(chapter.prints(interval(0, 0)));

    const Estimate seeds = mean_interval({0.22, 0.31, 0.19, 0.26, 0.27});
    CHECK(chapter.prints("| mean | " + fixed(seeds.value) + " |"));
    CHECK(chapter.prints("| times " + fixed(student_t_95(4)) + " | " + fixed(seeds.high - seeds.value) + " |"));
    CHECK(chapter.prints("`sqrt(0.00215 / 5)` | " + fixed(std::sqrt(0.00215 / 5), 4) + " |"));
    CHECK(near(seeds.high - seeds.value, student_t_95(4) * std::sqrt(0.00215 / 5)));
    CHECK(chapter.prints("`sqrt(0.00215)` is " + fixed(std::sqrt(0.00215))));

    std::vector<double> above;
    for (const double wins : {3.0, 4.0}) {
        const EloRating sl_cai = elo_ratings(2, {{0, 1, wins, 10 - wins, 390}})[1];
        above.push_back(sl_cai.elo);
        CHECK(near(sl_cai.elo, 400 * std::log10((10.5 - wins) / (wins + 0.5)), 1e-9));
        CHECK(chapter.prints(concat("| ", wins, " : ", 10 - wins, " | ", wins + 0.5, " : ", 10.5 - wins, " | ",
                                    fixed(sl_cai.elo, 0), " | ", fixed(sl_cai.standard_error, 0), " |")));
    }
    CHECK(chapter.prints("they help with " + fixed(393.0 / 400, 4) + " and " + fixed(397.0 / 400, 4)));
    CHECK(chapter.prints(concat("One prompt moved the Elo by ", fixed(above[0] - above[1], 0), " points")));
    CHECK(near(elo_ratings(2, {{0, 1, 3, 7}})[1].standard_error, kEloPerNat * std::sqrt(1 / 3.5 + 1 / 7.5), 1e-9));
    const double nine = elo_ratings(2, {{0, 1, 0, 9}})[1].elo, ninety = elo_ratings(2, {{0, 1, 0, 90}})[1].elo;
    CHECK(chapter.prints(fixed(nine, 0) + " and " + fixed(ninety, 0)));
}

TEST_CASE("the solutions on paper of chapters 1, 2 and 10") {
    const Chapter chapter("98_on_paper.md");
    const Tokenizer tokenizer = train_bpe({"aaaa aaaa"}, 1000);
    CHECK(tokenizer.merges().size() == 2);
    CHECK(tokenizer.decode({tokenizer.merges()[1].first, tokenizer.merges()[1].second}) == "aaaa");

    for (const double size : {1.0, 100.0}) {
        const std::vector<double> x = {size, size}, weight = {1, 1}, dout = {1, 0};
        std::vector<double> out(2), rstd(1), dx(2), dweight(2);
        plain::rmsnorm_forward<double>(out.data(), rstd.data(), x.data(), weight.data(), 1, 2, 0);
        plain::rmsnorm_backward<double>(dx.data(), dweight.data(), dout.data(), x.data(), rstd.data(), weight.data(), 1,
                                        2);
        CHECK(near(dx[0], -dx[1]));
        CHECK(chapter.prints(size == 1 ? "= " + fixed(dx[0], 1) + "` and `dx_1"
                                       : "(" + fixed(dx[0]) + ", " + fixed(dx[1]) + ")"));
    }

    for (const double wins : {9.0, 90.0}) {
        const double elo = elo_ratings(2, {{0, 1, 0, wins, 0}})[1].elo;
        CHECK(chapter.prints(concat(wins + 0.5, " to 0.5, a ratio of ", 2 * wins + 1, ", and ")));
        CHECK(chapter.prints(concat(fixed(elo, 1), " points")));
    }
}

TEST_CASE("chapter 10: a score that is pushed too far") {
    const Chapter chapter("10_reading_the_results.md");
    const std::vector<double> score = {1, 1, 2}, worth = {1, 1, 0};
    for (const double beta : {1e9, 1.0, 0.3}) {
        double total = 0, mean_score = 0, mean_worth = 0;
        for (double s : score) total += std::exp(s / beta);
        for (size_t i = 0; i < 3; i++) {
            mean_score += std::exp(score[i] / beta) / total * score[i];
            mean_worth += std::exp(score[i] / beta) / total * worth[i];
        }
        const std::string name = beta > 1 ? "no training" : shortest(beta);
        CHECK(chapter.prints(concat("| ", name, " | ", fixed(1 - mean_worth), " | ", fixed(mean_score), " | ",
                                    fixed(mean_worth), " |")));
    }
}

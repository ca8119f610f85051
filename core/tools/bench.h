// `cai bench`: measures the speed of this machine, of the kernels, of training and of decoding, and the share of the
// machine's peak that they reach.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "../base/elementary.h"
#include "../base/interrupt.h"
#include "../base/progress.h"
#include "../base/table.h"
#include "profile.h"
#include "workloads.h"

namespace cai {

struct BenchRow {
    std::string group, name, shape;
    double flops = 0, bytes = 0, tokens = 0;  // per call; 0: not reported in this row
    Timing timing = {};
    bool in_mean = false;  // whether it counts in the geometric mean of the matmuls

    double flops_per_second() const { return flops / timing.seconds; }
    double bytes_per_second() const { return bytes / timing.seconds; }
    double tokens_per_second() const { return tokens / timing.seconds; }
};

struct BenchReport {
    int threads = 1;
    double peak = 0, bandwidth = 0;  // FLOP/s, bytes/s; the better of first and last, so no share is overstated
    std::vector<BenchRow> rows;
    std::vector<Profile::Row> training_profile, decoding_profile;  // of the 1m model; decoding with batch 64

    const BenchRow& row(const std::string& group, const std::string& name) const {
        for (const BenchRow& row : rows)
            if (row.group == group && row.name == name) return row;
        fail(kBadInput, "the benchmark has no row ", name, " in ", group);
    }
    double share_of_peak(const BenchRow& row) const { return row.flops_per_second() / peak; }
    // The geometric mean of the shares of peak over kMatmulShapes and the three products.
    double matmul_share() const {
        double sum = 0, count = 0;
        for (const BenchRow& row : rows)
            if (row.in_mean) sum += elementary::log(share_of_peak(row)), count++;
        return count > 0 ? elementary::exp(sum / count) : 0;
    }
};

// The matmul shapes of a million-parameter model and of wider ones: x (N,I), weight (O,I).
struct MatmulShape {
    size_t N, I, O;
};
inline constexpr MatmulShape kMatmulShapes[] = {{4096, 128, 128},  {4096, 128, 384}, {4096, 384, 128},
                                                {4096, 128, 1024}, {4096, 320, 832}, {8192, 512, 512}};
inline constexpr MatmulShape k1mShapes[] = {{4096, 128, 256}, {4096, 128, 768}};  // further shapes of the 1m model
inline constexpr size_t kDecodeRows[] = {1, 8, 32, 64};  // N, combined with each weight shape below
inline constexpr MatmulShape kDecodeShapes[] = {
    {1, 128, 128}, {1, 128, 384}, {1, 128, 1024}, {1, 320, 832}, {1, 512, 512}};
inline constexpr size_t kDecodeBatches[] = {1, 64};

// Times pieces of work and adds the rows to its report.
class Bench {
  public:
    // seconds: the time budget per row.
    Bench(const Kernels& kernels, int threads, double seconds) : kernels_(kernels), seconds_(seconds) {
        report.threads = threads;
    }

    BenchReport report;

    // Peak arithmetic and memory bandwidth, measured once before and once after everything else.
    void measure_peak(const std::string& when) {
        constexpr size_t kRounds = 1 << 16;
        const BenchRow& adds = add({"machine", concat("multiply-adds, ", when), "", kernels_.multiply_adds(kRounds)},
                                   [&] { kernels_.multiply_adds(kRounds); });
        report.peak = std::max(report.peak, adds.flops_per_second());
        constexpr size_t kCopied = size_t{1} << 26;  // floats: 256 MiB, larger than the caches
        Buffer<float> to(kernels_, kCopied), from(kernels_, kCopied);
        const BenchRow& copy = add({"machine", concat("copy, ", when), "256 MiB", 0, 8.0 * kCopied},
                                   [&] { kernels_.copy(to.data(), from.data(), kCopied); });
        report.bandwidth = std::max(report.bandwidth, copy.bytes_per_second());
    }

    // Every kernel except the matmul products, in the shapes of `config`: training kernels over S sequences of T
    // tokens, generation kernels over `rows` rows. bytes: each input is read once and each output written once; an
    // output that is added to is also read once.
    void measure_kernels(const Config& config, size_t S, size_t T, size_t rows) {
        const Alphabet a = alphabet(config);
        const size_t C = a.C, H = a.H, K = a.K, D = a.D, Q = a.Q, F = a.F, V = a.V;
        const size_t N = S * T, P = parameter_count(config), middle = T / 2;
        Model model(kernels_, config);
        const auto floats = [&](size_t n) {
            Buffer<float> buffer(kernels_, n);
            MatmulWork::fill(buffer);
            return buffer;
        };
        const auto integers = [&](size_t n, auto value) {
            std::vector<int32_t> host(n);
            for (size_t i = 0; i < n; i++) host[i] = static_cast<int32_t>(value(i));
            Buffer<int32_t> buffer(kernels_, n);
            buffer.upload(host);
            return buffer;
        };
        const size_t widest = std::max({C, Q, 2 * F, V});
        Buffer<float> x = floats(N * widest), dx = floats(N * widest), out = floats(N * widest),
                      dout = floats(N * H * D);
        Buffer<float> per_row = floats(N * H), table = floats(V * C), weight = floats(C);
        Buffer<int32_t> tokens = integers(N, [&](size_t i) { return mix(i) % V; });
        Buffer<int32_t> positions = integers(N, [&](size_t i) { return i % T; }),
                        every = integers(N, [](size_t i) { return i; });
        std::vector<int32_t> offsets(S + 1);
        for (size_t s = 0; s <= S; s++) offsets[s] = static_cast<int32_t>(s * T);
        const auto add_bytes = [&](const char* name, const std::string& shape, size_t floats,
                                   const std::function<void()>& work) {
            add({"kernels", name, shape, 0, 4.0 * static_cast<double>(floats)}, work);
        };
        const auto add_flops = [&](const char* name, const std::string& shape, double flops,
                                   const std::function<void()>& work) {
            add({"kernels", name, shape, flops}, work);
        };
        const Kernels& k = kernels_;
        const std::string width = concat("N ", N, " C ", C),
                          heads = concat("S ", S, " T ", T, " H ", H, " K ", K, " D ", D);
        const std::string ff = concat("N ", N, " F ", F), vocabulary = concat("N ", N, " V ", V);

        add_bytes("embedding_forward", width, 2 * N * C,
                  [&] { k.embedding_forward(out.data(), tokens.data(), table.data(), N, C); });
        add_bytes("embedding_backward", width, 3 * N * C,
                  [&] { k.embedding_backward(table.data(), dx.data(), tokens.data(), N, C, V); });
        add_bytes("rmsnorm_forward", width, 2 * N * C,
                  [&] { k.rmsnorm_forward(out.data(), per_row.data(), x.data(), weight.data(), N, C, 1e-5f); });
        add_bytes("rmsnorm_backward", width, 4 * N * C, [&] {
            k.rmsnorm_backward(dx.data(), weight.data(), out.data(), x.data(), per_row.data(), table.data(), N, C);
        });
        add_bytes("matmul_pack", concat("I ", C, " O ", V), 2 * V * C,
                  [&] { k.matmul_pack(model.packed.head, table.data(), V, C); });
        add_bytes("rope_forward", heads, 2 * N * (H + K) * D, [&] {
            k.rope_forward(x.data(), positions.data(), model.rope_table.data(), N, H + K, D, Q);
        });
        add_bytes("rope_backward", heads, 2 * N * (H + K) * D, [&] {
            k.rope_backward(dx.data(), positions.data(), model.rope_table.data(), N, H + K, D, Q);
        });
        add_flops("attention_forward", heads, attention_flops(S, T, H, D), [&] {
            k.attention_forward(out.data(), per_row.data(), x.data(), offsets.data(), S, H, K, D);
        });
        add_flops("attention_backward", heads, attention_backward_flops(S, T, H, D), [&] {
            k.attention_backward(dx.data(), dout.data(), out.data(), per_row.data(), x.data(), offsets.data(), S, H, K,
                                 D);
        });
        add_bytes("swiglu_forward", ff, 3 * N * F, [&] { k.swiglu_forward(out.data(), x.data(), N, F); });
        add_bytes("swiglu_backward", ff, 5 * N * F, [&] { k.swiglu_backward(dx.data(), out.data(), x.data(), N, F); });
        add_bytes("logprob_forward", vocabulary, N * V, [&] {
            k.logprob_forward(per_row.data(), nullptr, x.data(), tokens.data(), N, V, 1);
        });
        add_bytes("logprob_backward", vocabulary, 2 * N * V, [&] {
            k.logprob_backward(dx.data(), per_row.data(), x.data(), tokens.data(), N, V, 1);
        });
        add_bytes("gather_rows", width, 2 * N * C, [&] { k.gather_rows(out.data(), x.data(), every.data(), N, C); });
        add_bytes("scatter_rows", width, 3 * N * C, [&] { k.scatter_rows(dx.data(), out.data(), every.data(), N, C); });
        Buffer<float> gradients = floats(P), m(k, P), v(k, P);
        add_bytes("accumulate_and_clear", concat(P, " numbers"), 4 * P,
                  [&] { k.accumulate_and_clear(m.data(), v.data(), P); });
        add_bytes("sum_of_squares", concat(P, " numbers"), P, [&] { k.sum_of_squares(gradients.data(), P); });
        add_bytes("adamw", concat(P, " numbers"), 7 * P, [&] {
            k.adamw(model.parameters.data(), m.data(), v.data(), gradients.data(), P, 1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f,
                    1, 10);
        });
        // Five steps of X Xᵀ, its square, and their product with X. The first two are symmetric: half of them suffices.
        const double to_square = matmul_flops(C, F, C), of_squares = matmul_flops(C, C, C);
        add_flops("muon", concat("C ", C, " F ", F), 5 * (1.5 * to_square + 0.5 * of_squares), [&] {
            k.muon(model.weights.layers[0].down_proj, m.data(), gradients.data(), C, F, 1e-3f, 0.95f, 0.1f, 1);
        });

        // The kernels of reinforcement learning, with the batch's tokens as S responses.
        Buffer<double> advantages(k, N), returns(k, N), rewards(k, N);
        Buffer<int32_t> responses(k, S + 1);
        responses.upload(offsets);
        const std::string each_token = concat("N ", N);
        add_bytes("gae", concat("S ", S, " T ", T), 7 * N, [&] {
            k.gae(advantages.data(), returns.data(), rewards.data(), x.data(), responses.data(), S, 1, 0.95);
        });
        add_bytes("policy_loss", each_token, 8 * N, [&] {
            k.policy_loss(advantages.data(), returns.data(), x.data(), out.data(), rewards.data(), N, 0.2, 0);
        });
        add_bytes("value_loss", each_token, 8 * N, [&] {
            k.value_loss(advantages.data(), returns.data(), x.data(), out.data(), rewards.data(), N, 0.2);
        });
        add_bytes("preference_loss", concat("n ", N / 2), 4 * N, [&] {
            k.preference_loss(advantages.data(), returns.data(), x.data(), rewards.data(), N / 2);
        });

        // Generation: one new token for each of `rows` sequences, halfway through the context.
        const std::string generation = concat("N ", rows, " of ", middle + 1, " tokens");
        Buffer<float> keys = floats(rows * K * D * T), values = floats(rows * K * D * T);
        const std::vector<int32_t> at(rows, static_cast<int32_t>(middle));
        std::vector<int32_t> slots(rows);
        std::vector<uint64_t> draws(rows);
        for (size_t i = 0; i < rows; i++) slots[i] = static_cast<int32_t>(i), draws[i] = i;
        add_bytes("cache_store", generation, 4 * rows * K * D, [&] {
            k.cache_store(keys.data(), values.data(), x.data(), slots.data(), at.data(), rows, H, K, D, T);
        });
        add_flops("attention_decode", generation, 4.0 * static_cast<double>(rows * H * D * (middle + 1)), [&] {
            k.attention_decode(out.data(), x.data(), keys.data(), values.data(), slots.data(), at.data(), rows, H, K, D,
                               T);
        });
        std::vector<Token> drawn(rows);
        std::vector<float> logprobs(rows);
        add_bytes("sample", concat("N ", rows, " V ", V), rows * V, [&] {
            k.sample(drawn.data(), logprobs.data(), x.data(), draws.data(), rows, V, {});
        });
    }

    void measure_matmul(const std::string& group, const MatmulShape& shape, bool in_mean) {
        const size_t N = shape.N, I = shape.I, O = shape.O;
        MatmulWork work(kernels_, N, I, O);
        const std::string text = concat("N ", N, " I ", I, " O ", O);
        const auto one = [&](const char* name, Product product) {
            BenchRow row{group, name, text, matmul_flops(N, I, O)};
            row.in_mean = in_mean;
            add(row, [&] { work.run(product); });
        };
        one("matmul_forward", Product::forward);
        if (group == "decode matmul") return;
        one("matmul_backward_input", Product::backward_input);
        one("matmul_backward_weight", Product::backward_weight);
    }

    // A step takes seconds and a kernel milliseconds, so a step gets 25 times the budget.
    void measure_training(const std::string& name, const Config& config, size_t tokens, size_t length) {
        TrainingWork work(kernels_, config, tokens, length);
        const double n = static_cast<double>(tokens);
        BenchRow row{"training", name, concat(tokens, " tokens, T ", length), n * training_flops(config, length), 0, n};
        add(row, [&] { work.step(); }, 25);
    }

    void measure_decoding(const Config& config, size_t batch) {
        Model model(kernels_, config);
        model.initialize(1);
        const double tokens = static_cast<double>(batch) * (config.context - 1);
        add({"decoding", concat("batch_", batch), concat("to ", config.context, " tokens"), 0, 0, tokens},
            [&] { decode(model, batch); }, 5);
    }

    // Time per kernel of one training step and of decoding. Runs on one thread: several threads would
    // be in different kernels at the same time.
    void measure_profiles(const Config& config, size_t tokens, size_t length, size_t batch) {
        kernels_.set_threads(1);
        const Kernels table = timed(kernels_);
        TrainingWork work(table, config, tokens, length);
        report.training_profile = profile_of([&] { work.step(); });
        report.decoding_profile = profile_of([&] { decode(work.model, batch); });
        kernels_.set_threads(report.threads);
    }

  private:
    const Kernels& kernels_;
    double seconds_;

    // Times `work` with `weight` times the budget of a row, and appends the row.
    const BenchRow& add(BenchRow row, const std::function<void()>& work, double weight = 1) {
        if (report.rows.empty() || report.rows.back().group != row.group) note("bench", row.group);
        if (stop_signal) fail(stopped_by(), "bench: interrupted, and nothing of it is kept");
        row.timing = measure(weight * seconds_, work, seconds_waited, kernels_.wait);
        report.rows.push_back(row);
        return report.rows.back();
    }

    // Profiles the second run: the first allocates memory and warms the caches. The last row is time outside kernels.
    static std::vector<Profile::Row> profile_of(const std::function<void()>& work) {
        work();
        Profile::rows.clear();
        double rest = -seconds_now();
        work();
        rest += seconds_now();
        std::vector<Profile::Row> rows = Profile::rows;
        for (const Profile::Row& row : rows) rest -= row.seconds;
        std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.seconds > b.seconds; });
        rows.push_back({"outside of kernels", rest, 1});
        return rows;
    }
};

// ---- the whole benchmark

// seconds: the time budget per row; work that takes longer runs once.
inline BenchReport run_bench(const Kernels& kernels, int threads, double seconds) {
    const Config model = bench_model("1m");
    Bench bench(kernels, threads, seconds);
    bench.measure_peak("first");
    bench.measure_kernels(model, kBenchTokens / kBenchLength, kBenchLength, 64);
    for (const MatmulShape& shape : kMatmulShapes) bench.measure_matmul("matmul", shape, true);
    for (const MatmulShape& shape : k1mShapes) bench.measure_matmul("matmul", shape, false);
    for (size_t rows : kDecodeRows)
        for (const MatmulShape& shape : kDecodeShapes)
            bench.measure_matmul("decode matmul", {rows, shape.I, shape.O}, false);
    for (const char* name : kBenchModels) bench.measure_training(name, bench_model(name), kBenchTokens, kBenchLength);
    for (size_t batch : kDecodeBatches) bench.measure_decoding(model, batch);
    bench.measure_profiles(model, kBenchTokens, kBenchLength, 64);
    bench.measure_peak("last");
    return bench.report;
}

// A sentence that compares the first and last measurement of the machine if they differ by more than 3 %; otherwise "".
inline std::string drift(const BenchReport& report) {
    std::string sentence;
    const auto compare = [&](const std::string& what, double first, double last, const char* unit) {
        if (std::abs(first - last) <= 0.03 * std::max(first, last)) return;
        sentence += concat(sentence.empty() ? "the machine changed its speed: " : "; ", what, " went from ",
                           format_value(first / 1e9), " to ", format_value(last / 1e9), unit);
    };
    compare("multiply-adds", report.row("machine", "multiply-adds, first").flops_per_second(),
            report.row("machine", "multiply-adds, last").flops_per_second(), " GFLOP/s");
    compare("copying", report.row("machine", "copy, first").bytes_per_second(),
            report.row("machine", "copy, last").bytes_per_second(), " GB/s");
    return sentence;
}

inline Json to_json(const BenchReport& report) {
    Json training = Json::Object{}, decoding = Json::Object{};
    for (const BenchRow& row : report.rows) {
        if (row.group == "training")
            training.set(row.name, Json::Object{{"tokens_per_second", row.tokens_per_second()},
                                                {"share_of_peak", report.share_of_peak(row)}});
        if (row.group == "decoding")
            decoding.set(row.name, Json::Object{{"tokens_per_second", row.tokens_per_second()}});
    }
    return Json::Object{{"threads", report.threads},
                        {"peak_gflops", report.peak / 1e9},
                        {"bandwidth_gbs", report.bandwidth / 1e9},
                        {"train_step", training},
                        {"decode", decoding},
                        {"matmul", Json::Object{{"share_of_peak", report.matmul_share()}}}};
}

// "12.3 %"
inline std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * share);
    return text;
}

inline std::string profile_table(const std::string& what, const std::vector<Profile::Row>& profile) {
    double total = 0;
    for (const Profile::Row& row : profile) total += row.seconds;
    std::vector<std::vector<std::string>> cells = {{what, "calls", "ms", "share"}};
    for (const Profile::Row& row : profile)
        cells.push_back({row.kernel, concat(row.calls), format_value(row.seconds * 1e3), percent(row.seconds / total)});
    return format_table(cells);
}

inline std::string to_text(const BenchReport& report) {
    std::vector<std::vector<std::string>> cells = {{"", "", "shape", "ms", "GFLOP/s", "of peak", "GB/s", "tokens/s"}};
    size_t samples = 0, disturbed = 0;
    std::string group;
    for (const BenchRow& row : report.rows) {
        const auto shown = [&](double amount, const std::string& text) { return amount > 0 ? text : ""; };
        cells.push_back({row.group == group ? "" : row.group, row.name, row.shape,
                         format_value(row.timing.seconds * 1e3),
                         shown(row.flops, format_value(row.flops_per_second() / 1e9)),
                         shown(row.flops, percent(report.share_of_peak(row))),
                         shown(row.bytes, format_value(row.bytes_per_second() / 1e9)),
                         shown(row.tokens, format_count(row.tokens_per_second()))});
        group = row.group;
        samples += row.timing.samples, disturbed += row.timing.disturbed;
    }
    return concat(format_table(cells), "\n",
                  profile_table("where a training step of 1m goes", report.training_profile), "\n",
                  profile_table("where decoding of batch_64 goes", report.decoding_profile), "\n",
                  report.threads, " threads; peak ", format_value(report.peak / 1e9), " GFLOP/s, copying ",
                  format_value(report.bandwidth / 1e9), " GB/s (bytes read and written); matmul ",
                  percent(report.matmul_share()), " of peak, the geometric mean over the first six shapes; ", disturbed,
                  " of ", samples, " samples stayed disturbed by other programs\n");
}

}  // namespace cai

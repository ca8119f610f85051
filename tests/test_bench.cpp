// `cai bench`: what the work takes by hand, the shape of its JSON, and that every kernel has its row.
#include <algorithm>
#include <cmath>

#include "../core/tools/bench.h"
#include "check.h"
#include "support.h"

using namespace cai;

namespace {

// A report whose rows took a second each.
BenchReport report_of_seconds() {
    BenchReport report;
    report.threads = 2;
    report.peak = 200e9;
    report.bandwidth = 30e9;
    const auto add = [&](const char* group, const char* name, double flops, double tokens, bool in_mean = false) {
        report.rows.push_back({group, name, "", flops, 0, tokens, {1, 7, 0}, in_mean});
    };
    add("matmul", "matmul_forward", 160e9, 0, true);          // 0.8 of the peak
    add("matmul", "matmul_backward_weight", 40e9, 0, true);   // 0.2
    add("matmul", "matmul_forward", 20e9, 0);                 // not in the mean
    add("training", "1m", 100e9, 16384), add("training", "3m", 120e9, 4096), add("training", "10m", 150e9, 2048);
    add("decoding", "batch_1", 0, 8192), add("decoding", "batch_64", 0, 65536);
    return report;
}

BenchReport report_of_limits(double first, double last) {
    BenchReport report;
    for (auto [when, speed] : {std::pair{"first", first}, std::pair{"last", last}}) {
        report.rows.push_back({"machine", std::string("multiply-adds, ") + when, "", speed * 1e9, 0, 0, {1, 1, 0}});
        report.rows.push_back({"machine", std::string("copy, ") + when, "", 0, 20e9, 0, {1, 1, 0}});
    }
    return report;
}

}  // namespace

TEST_CASE("floating-point operations, worked by hand") {
    CHECK(matmul_flops(2, 3, 4) == 48);  // 8 results of 3 multiply-adds
    // Three queries see 1 + 2 + 3 = 6 keys; each pair takes 2 multiply-adds for the score and 2 for the sum.
    CHECK(attention_flops(1, 3, 1, 2) == 48);
    CHECK(attention_flops(2, 3, 3, 2) == 288);
    CHECK(attention_backward_flops(1, 3, 1, 2) == 120);

    // Per token 6 (N + L T H D): N = 1024·128 + 4 (256·128 + 128·128 + 768·128 + 128·384) + 9·128 = 918,656.
    Config config = bench_model("1m");
    CHECK(training_flops(config, 256) == 6.0 * (918656 + 4 * 256 * 128));
    CHECK(training_flops(bench_model("3m"), 256) == 6.0 * (2853312 + 6 * 256 * 192));
    CHECK(training_flops(bench_model("10m"), 256) == 6.0 * (10163520 + 8 * 256 * 320));
    config.tied = false;  // one more table, and looking rows up in it is no work
    CHECK(training_flops(config, 256) == 6.0 * (918656 + 4 * 256 * 128));
}

TEST_CASE("the JSON of a report is the contract") {
    CHECK(dump(to_json(report_of_seconds())) ==
          R"({"threads":2,"peak_gflops":200,"bandwidth_gbs":30,"train_step":{)"
          R"("1m":{"tokens_per_second":16384,"share_of_peak":0.5},)"
          R"("3m":{"tokens_per_second":4096,"share_of_peak":0.6},)"
          R"("10m":{"tokens_per_second":2048,"share_of_peak":0.75}},)"
          R"("decode":{"batch_1":{"tokens_per_second":8192},"batch_64":{"tokens_per_second":65536}},)"
          R"("matmul":{"share_of_peak":)" +
              dump(Json(std::exp((std::log(0.8) + std::log(0.2)) / 2))) + "}}");
    CHECK(std::abs(report_of_seconds().matmul_share() - 0.4) < 1e-12);
}

TEST_CASE("a machine that changed its speed is named, one that did not is not") {
    CHECK(drift(report_of_limits(100, 97.5)).empty());
    CHECK(drift(report_of_limits(100, 96.5)) ==
          "the machine changed its speed: multiply-adds went from 100 to 96.5 GFLOP/s");
    CHECK_THROWS_AS(drift(BenchReport()), Error);
}

TEST_CASE("the median") {
    CHECK(median({3, 1, 2}) == 2);
    CHECK(median({4, 1, 2, 3}) == 2.5);
    CHECK(median({}) == 0);
}

TEST_CASE("disturbed samples are taken again, up to a limit") {
    size_t calls = 0, asked = 0;
    const auto work = [&] {
        calls++;
        for (double start = seconds_now(); seconds_now() < start + 1e-4;) {
        }
    };
    Timing calm = measure(0.2, work, [] { return 0.0; });
    CHECK(calm.samples == 7);
    CHECK(calm.disturbed == 0);
    CHECK(calm.seconds >= 1e-4);
    CHECK(calls >= 2 + 7);

    Timing busy = measure(0.2, work, [&] { return static_cast<double>(asked++); });  // waits a second in every sample
    CHECK(busy.samples == 7);
    CHECK(busy.disturbed == 7);
    CHECK(asked == 2 * (2 + 7 + 7));  // two calls to start with, seven samples, seven retakes

    asked = 0;
    Timing once_busy = measure(0.2, work, [&] { return ++asked > 5 ? 1.0 : 0.0; });  // within the first sample only
    CHECK(once_busy.disturbed == 0);
    CHECK(asked == 2 * (2 + 7 + 1));

    calls = 0;
    Timing slow = measure(1e-6, work, [] { return 0.0; });
    CHECK(calls == 1);
    CHECK(slow.samples == 1);
}

TEST_CASE("a sample ends when the device has finished") {
    size_t waiting = 0;
    const Timing timing = measure(1e-6, [&] { waiting++; }, [] { return 0.0; }, [&] {
        for (double start = seconds_now(); waiting > 0 && seconds_now() < start + 2e-3;) {
        }
        waiting = 0;
    });
    CHECK(timing.seconds >= 2e-3);
    CHECK(waiting == 0);
}

TEST_CASE("a timed table computes the same, and counts the calls") {
    Config config = preset("micro", 64);
    config.context = 16;
    const auto loss_of = [&](const Kernels& kernels) {
        TrainingWork work(kernels, config, 32, 16);
        work.step();
        return work.step();
    };
    const double loss = loss_of(cpu_kernels);
    const Kernels table = timed(cpu_kernels);
    CHECK(loss_of(table) == loss);
    const auto calls = [](const std::string& kernel) {
        for (const Profile::Row& row : Profile::rows)
            if (row.kernel == kernel) return row.calls;
        return size_t{0};
    };
    CHECK(calls("attention_forward") == 2 * 2);     // steps · layers
    CHECK(calls("matmul_forward") == 2 * (2 * 4 + 1));
    CHECK(calls("adamw") == 2 * 3);                 // the embedding table, the other matrices, the norms
    CHECK(calls("attention_decode") == 0);
}

TEST_CASE("the work is what it says") {
    Config config = preset("micro", 64);
    config.context = 16;
    TrainingWork work(cpu_kernels, config, 64, 16);
    CHECK(work.batch.rows.size() == 64);
    const double first = work.step();
    CHECK(std::abs(first - std::log(64.0)) < 0.5);  // fresh weights know nothing
    for (int i = 0; i < 10; i++) work.step();
    CHECK(work.step() < first);
    CHECK(decode(work.model, 3) == 3 * 15);
}

TEST_CASE("every kernel has a row") {
    Quiet hush;
    Config config = preset("micro", 64);
    config.context = 16;
    Bench bench(cpu_kernels, 1, 1e-4);
    bench.measure_kernels(config, 2, 16, 3);
    bench.measure_matmul("matmul", {5, 64, 70}, true);
    bench.measure_training("1m", config, 32, 16);
    bench.measure_decoding(config, 2);
    bench.measure_profiles(config, 32, 16, 2);
    const BenchReport& report = bench.report;
    for (const auto& profile : {report.training_profile, report.decoding_profile}) {
        CHECK(profile.size() > 8);
        for (const Profile::Row& row : profile) {
            const std::string kernel = row.kernel;
            if (kernel == "upload" || kernel == "download" || kernel == "set_zero" || kernel == "outside of kernels")
                continue;
            CHECK_NOTHROW(
                report.row(kernel.starts_with("matmul_") && kernel != "matmul_pack" ? "matmul" : "kernels", kernel));
        }
    }
    for (const char* loss : {"gae", "policy_loss", "value_loss", "preference_loss"})
        CHECK_NOTHROW(report.row("kernels", loss));
    for (const BenchRow& row : report.rows) {
        INFO(row.name);
        CHECK(row.timing.seconds > 0);
        CHECK((row.flops > 0 || row.bytes > 0 || row.tokens > 0));
    }
    CHECK(to_text(report).find("attention_backward") != std::string::npos);
}

TEST_CASE("a signal ends the benchmark before the next row") {
    Quiet silence;
    stop_signal = SIGINT;
    CHECK(contains(error_of([] { run_bench(cpu_kernels, 1, 1e-6); }, 130), "interrupted"));
    stop_signal = 0;
}

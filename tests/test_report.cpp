// Progress on terminals and in files, metrics.jsonl, tables.
#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <sstream>
#include <thread>

#include "../core/base/progress.h"
#include "../core/base/table.h"
#include "../core/base/wrap.h"
#include "support.h"

using namespace cai;

namespace {

size_t count(const std::string& text, const std::string& part) {
    size_t n = 0;
    for (size_t i = text.find(part); i != text.npos; i = text.find(part, i + 1)) n++;
    return n;
}

}  // namespace

TEST_CASE("numbers as people read them") {
    CHECK(format_duration(0) == "0 s");
    CHECK(format_duration(59.4) == "59 s");
    CHECK(format_duration(59.6) == "1 min 00 s");
    CHECK(format_duration(185) == "3 min 05 s");
    CHECK(format_duration(7620) == "2 h 07 min");
    CHECK(format_value(0.693147) == "0.6931");
    CHECK(format_value(12.3456) == "12.35");
    CHECK(format_count(999) == "999");
    CHECK(format_count(12345) == "12.3k");
    CHECK(format_count(999960) == "1.0M");
    CHECK(format_count(4.56e6) == "4.6M");
}

TEST_CASE("progress into a file: no line before its time, one at the end, no control characters") {
    std::ostringstream out;
    {
        Progress progress("sft", 50, out, false);
        for (size_t step = 1; step <= 50; step++) progress.update(step, {{"loss", 2.0 / step}}, 100 * step);
        CHECK(out.str() == "");
        progress.done();
    }
    CHECK(count(out.str(), "\n") == 1);
    CHECK(out.str().starts_with("sft 50/50  loss 0.04  "));
    CHECK(count(out.str(), " tokens/s  took 0 s\n") == 1);
    CHECK(count(out.str(), "\r") + count(out.str(), "\x1b") == 0);
}

TEST_CASE("progress into a file: no line twice, neither the last one nor where a stage ends by an error") {
    for (const size_t last : {3, 2}) {
        std::ostringstream out;
        {
            Progress progress("compare", 3, out, false, /*seconds_between_lines=*/0);
            for (size_t step = 1; step <= last; step++) progress.update(step, {});
        }
        CHECK(count(out.str(), "\n") == last);
        CHECK(count(out.str(), concat("compare ", last, "/3  ")) == 1);
    }
}

TEST_CASE("progress on a terminal: redrawn in place, at most ten times a second, ended by a line end") {
    std::ostringstream out;
    {
        Progress progress("ppo", 1000, out, true);
        for (size_t step = 1; step <= 300; step++) {
            progress.update(step, {});
            if (step % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(110));
        }
        note("ppo", "a note", out);
    }
    CHECK(count(out.str(), "ppo 1") >= 1);
    CHECK(count(out.str(), " left\x1b[K") >= 1);
    CHECK(count(out.str(), "/1000") <= 5);  // two or three redraws and the end
    CHECK(count(out.str(), "\r\x1b[Kppo: a note\n") == 1);
    CHECK(out.str().ends_with("\n"));
    CHECK(count(out.str(), "ppo 300/1000  took") == 1);
    CHECK_FALSE(live_line_open);
}

TEST_CASE("quiet silences progress and notes, never warnings; colour is for terminals only") {
    std::ostringstream out;
    quiet = true;
    {
        Progress progress("sft", 1, out, true);
        std::this_thread::sleep_for(std::chrono::milliseconds(110));
        progress.update(1, {});
        note("sft", "hello", out);
    }
    quiet = false;
    CHECK(out.str() == "");
    warn("careful", out, false);
    CHECK(out.str() == "warning: careful\n");
    warn("careful", out, true);
    CHECK(count(out.str(), "\x1b[33mwarning:\x1b[0m careful\n") == 1);
    { Progress untouched("sft", 10, out, false); }
    CHECK(count(out.str(), "sft") == 0);
}

TEST_CASE("metrics: flat objects, steps, time and stage first, appended to what is there") {
    TemporaryFolder folder;
    std::filesystem::path path = folder.path / "run" / "metrics.jsonl";
    Metrics(path).log("sft", 10, {{"loss", 0.5}, {"lr", 3e-4}});
    Metrics(path).log("ppo", 11, {{"objective/kl", std::numeric_limits<double>::quiet_NaN()}});
    std::vector<Json> lines = read_jsonl(path);
    REQUIRE(lines.size() == 2);
    const Json::Object& first = lines[0].object();
    REQUIRE(first.size() == 6);
    CHECK(first[0].name == "step");
    CHECK(first[1].name == "global_step");
    CHECK(first[2].name == "time");
    CHECK(first[3].name == "stage");
    CHECK(lines[0]["step"].integer() == 10);
    CHECK(lines[0]["time"].number() > 1.6e9);
    CHECK(lines[0]["stage"].string() == "sft");
    CHECK(lines[0]["lr"].number() == 3e-4);
    CHECK(lines[1]["objective/kl"].is_null());
    Metrics(folder.path / "other" / "metrics.jsonl");  // nothing logged, nothing made
    CHECK_FALSE(std::filesystem::exists(folder.path / "other"));
    CHECK_THROWS_AS(Metrics("/dev/null/metrics.jsonl").log("sft", 1, {}), Error);
}

TEST_CASE("metrics: rows that will be written again are taken out, and so is a line that a crash cut off") {
    TemporaryFolder folder;
    const std::filesystem::path path = folder.path / "metrics.jsonl";
    Metrics metrics(path);
    metrics.drop_after("sft", 0);  // of no file
    CHECK_FALSE(std::filesystem::exists(path));
    for (size_t step : {1, 2, 3}) metrics.log("sft", step, {{"loss", 0.1}}), metrics.log("ppo", step, {});
    const std::string before = read_file(path);
    metrics.drop_after("sft", 3);
    CHECK(read_file(path) == before);
    write_file(path, before + R"({"step":4,"ti)");
    metrics.drop_after("sft", 1);
    metrics.log("sft", 2, {{"loss", 0.2}});
    std::string rows;
    for (const Json& row : read_jsonl(path)) rows += row["stage"].string() + dump(row["step"]) + " ";
    CHECK(rows == "sft1 ppo1 ppo2 ppo3 sft2 ");
    for (const char* damaged : {"{\"step\":1}\n", "{\"stage\":\"sft\",\"step\":-1}\n", "[]\n7\n"}) {
        write_file(path, damaged);
        CHECK(contains(error_of([&] { metrics.drop_after("sft", 0); }), "metrics.jsonl: "));
    }
}

TEST_CASE("metrics: global_step rises through all stages, also where one goes on or is repeated") {
    TemporaryFolder folder;
    const std::filesystem::path path = folder.path / "metrics.jsonl";
    const auto steps = [&] {
        std::string text;
        for (const Json& row : read_jsonl(path))
            text += row["stage"].string() + dump(row["step"]) + "=" + dump(row["global_step"]) + " ";
        return text;
    };
    {
        Metrics metrics(path);
        for (size_t step : {1, 2, 20}) metrics.log("sft", step, {});
        for (size_t step : {1, 10}) metrics.log("ppo", step, {});
        metrics.log("ppo", 10, {});  // further figures of the same step
    }
    CHECK(steps() == "sft1=1 sft2=2 sft20=20 ppo1=21 ppo10=30 ppo10=31 ");
    {
        Metrics metrics(path);  // of another process, which resumes the last stage
        metrics.drop_after("ppo", 7);
        for (size_t step : {8, 10}) metrics.log("ppo", step, {});
    }
    CHECK(steps() == "sft1=1 sft2=2 sft20=20 ppo1=21 ppo8=28 ppo10=30 ");
    Metrics metrics(path);
    metrics.drop_after("sft", 0);  // an earlier stage is repeated
    for (size_t step : {1, 2}) metrics.log("sft", step, {});
    CHECK(steps() == "ppo1=21 ppo8=28 ppo10=30 sft1=31 sft2=32 ");
    // After rows that an older program wrote.
    write_file(path, "{\"step\":9,\"time\":1,\"stage\":\"ppo\"}\n");
    Metrics older(path);
    older.log("ppo", 10, {});
    CHECK(read_jsonl(path).back()["global_step"].natural() == 1);
}

TEST_CASE("metrics: a full disk is an error" * doctest::skip(!std::filesystem::exists("/dev/full"))) {
    Metrics metrics("/dev/full");
    CHECK_THROWS_AS(metrics.log("sft", 1, {{"loss", 1}}), Error);
}

TEST_CASE("tables: text to the left, numbers to the right, widths in characters") {
    CHECK(format_table({}) == "");
    CHECK(format_table({{"model", "rate", "n"}, {"SL-CAI", "1.5 ± 0.2", "10"}, {"é", "-", "7"}}) ==
          "model        rate   n\n"
          "------  ---------  --\n"
          "SL-CAI  1.5 ± 0.2  10\n"
          "é               -   7\n");
    CHECK(format_table({{"a", "b"}, {"x"}}) == "a  b\n-  -\nx\n");
    CHECK_THROWS_AS(format_table({{"a"}, {"x", "y"}}), Error);
    // Prose: of words of five characters, 13 fit into 80 columns; a word longer than a line stays whole.
    std::string words;
    for (int i = 0; i < 27; i++) words += i ? " " + std::string(5, 'a') : std::string(5, 'a');
    const std::vector<std::string> lines = split_lines(fold("  " + words, 4));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0].size() == 2 + 13 * 6 - 1);
    CHECK(lines[1].substr(0, 6) == "    aa");
    CHECK(fold("short") == "short\n");
    CHECK(fold("a " + std::string(90, 'b')) == "a\n" + std::string(90, 'b') + "\n");
}

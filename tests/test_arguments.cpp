// The command line: forms of options, precedence, and that every mistake is named.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "../core/base/arguments.h"
#include "../core/base/rng.h"
#include "support.h"

using namespace cai;

namespace {

Arguments parse(const std::vector<std::string>& words) { return Arguments(words, {"quiet", "resume", "help"}); }

// Runs f, which has to end in a usage error, and returns its message.
template <class F>
std::string usage_error(F f) {
    try {
        f();
    } catch (const Error& error) {
        CHECK(error.status == kUsage);
        return error.what();
    }
    FAIL("no error");
    return "";
}

}  // namespace

TEST_CASE("edit distance: worked examples") {
    CHECK(edit_distance("", "") == 0);
    CHECK(edit_distance("abc", "") == 3);
    CHECK(edit_distance("kitten", "sitting") == 3);
    CHECK(edit_distance("saturday", "sunday") == 3);
    CHECK(edit_distance("seed", "sead") == 1);
    CHECK(nearest_match("sead", {"steps", "seed", "size"}) == "seed");
    CHECK(nearest_match("temperature", {"seed", "size"}) == "");
    using Names = std::vector<std::string>;
    CHECK(likely_meant("sead", {"steps", "seed", "size"}) == Names{"seed"});
    CHECK(likely_meant("rate", {"ppo-rate", "rates", "reward-rate"}) == Names{"ppo-rate", "reward-rate"});
    CHECK(likely_meant("ppo-seed", {"seed", "size"}) == Names{"seed"});
    CHECK(likely_meant("ate", {"ppo-rate"}).empty());
}

TEST_CASE("options take their value in both forms, and _ stands for -") {
    Arguments a = parse({"--out", "runs/a", "--learning_rate=1e-3", "--steps", "-5", "--note=a=b", "--empty="});
    CHECK(a.string("out", "runs/story") == "runs/a");
    CHECK(a.number("learning-rate", 0.5) == 1e-3);
    CHECK(a.integer("steps", 1) == -5);
    CHECK(a.string("note", "") == "a=b");
    CHECK(a.string("empty", "x") == "");
    CHECK(a.integer("seed", 7) == 7);
    CHECK(a.string("size", "tiny") == "tiny");
    CHECK(a.has("out"));
    CHECK_FALSE(a.has("device"));
    a.finish();
}

TEST_CASE("flags take no word, positional words stand anywhere, -- ends the options") {
    Arguments a = parse({"first", "--quiet", "second", "--resume=false", "--", "--third", "-"});
    CHECK(a.flag("quiet"));
    CHECK_FALSE(a.flag("resume"));
    CHECK_FALSE(a.flag("help"));
    CHECK(a.positional(1, "RUN") == "second");
    CHECK(a.positionals() == std::vector<std::string>{"first", "second", "--third", "-"});
    a.finish();
    CHECK(parse({"-h"}).flag("help"));
    const char* argv[] = {"cai", "all", "--seed", "3"};
    Arguments b(4, argv, {});
    CHECK(b.positional(0, "VERB") == "all");
    CHECK(b.integer("seed", 1) == 3);
}

TEST_CASE("usage errors name the option and the value") {
    CHECK(contains(usage_error([] { parse({"--out"}); }), "--out needs a value"));
    CHECK(contains(usage_error([] { parse({"--out", "--seed", "1"}); }), "--out needs a value"));
    CHECK(contains(usage_error([] { parse({"--out", "a", "--out=b"}); }), "--out is given twice"));
    CHECK(contains(usage_error([] { parse({"--a_b", "a", "--a-b=b"}); }), "--a-b is given twice"));
    CHECK(contains(usage_error([] { parse({"-s", "1"}); }), "-s"));
    for (const char* bad : {"", "ten", "1.5", "1e3", "0x10", "7 ", "99999999999999999999"}) {
        std::string message = usage_error([&] { parse({concat("--steps=", bad)}).integer("steps", 1); });
        CHECK(contains(message, concat("--steps: '", bad, "'")));
    }
    for (const char* bad : {"", "fast", "1.5x", "nan", "inf", "1e999", "1,5"}) {
        std::string message = usage_error([&] { parse({concat("--rate=", bad)}).number("rate", 1.0); });
        CHECK(contains(message, concat("--rate: '", bad, "'")));
    }
    CHECK(contains(usage_error([] { parse({"--steps=0"}).integer("steps", 5, 1, 9); }), "below 1"));
    CHECK(contains(usage_error([] { parse({"--steps=10"}).integer("steps", 5, 1, 9); }), "above 9"));
    CHECK(contains(usage_error([] { parse({"--p=1.25"}).number("p", 1.0, 0, 1); }), "above 1"));
    CHECK(contains(usage_error([] { parse({"--rate=1e39"}).number("rate", 1.0f); }), "too large"));
    CHECK(parse({"--steps=9"}).integer("steps", 5, 1, 9) == 9);
    CHECK(parse({"--steps=1"}).integer("steps", 5, 1, 9) == 1);
    CHECK(contains(usage_error([] { parse({"--quiet=maybe"}).flag("quiet"); }), "'maybe'"));
    CHECK(contains(usage_error([] { parse({"--device=tpu"}).choice("device", {"cpu", "cuda"}, "cpu"); }), "cpu, cuda"));
    CHECK(parse({"--device=cuda"}).choice("device", {"cpu", "cuda"}, "cpu") == "cuda");
    CHECK(contains(usage_error([] { parse({}).positional(0, "a model"); }), "a model"));
    CHECK(contains(usage_error([] { parse({}).flag("undeclared"); }), "undeclared"));
}

TEST_CASE("what nobody read is reported, with the nearest match") {
    auto mistake = [](const std::vector<std::string>& words) {
        return usage_error([&] {
            Arguments a = parse(words);
            a.integer("seed", 1);
            a.string("size", "tiny");
            a.finish();
        });
    };
    CHECK(contains(mistake({"--sede", "3"}), "--sede; did you mean --seed?"));
    CHECK(contains(mistake({"--my-size", "3"}), "--my-size; did you mean --size?"));
    CHECK(contains(mistake({"--constitution=x"}), "unknown option --constitution; --help"));
    CHECK(contains(mistake({"--seed=1", "extra"}), "'extra'"));
    CHECK(contains(mistake({"--quiet"}), "unknown option --quiet"));
}

TEST_CASE("a configuration file: defaults < file < command line") {
    TemporaryFolder folder;
    const std::string path = (folder.path / "run.cfg").string();
    write_file(
        path,
        "\xEF\xBB\xBF# a comment\r\n\n seed = 3 # three\nlearning_rate=0.5\nprompt = \"a # b \\\"c\\\"\"\nname = C# \n"
        "quiet = true\n");
    Arguments a = parse({"--config", path, "--learning-rate", "0.25"});
    CHECK(a.integer("seed", 1) == 3);
    CHECK(a.number("learning-rate", 1.0) == 0.25);
    CHECK(a.string("prompt", "") == "a # b \"c\"");
    CHECK(a.string("name", "") == "C#");
    CHECK(a.flag("quiet"));
    CHECK(a.integer("steps", 10) == 10);
    a.finish();

    auto mistake = [&](const std::string& text) {
        write_file(path, text);
        return usage_error([&] {
            Arguments b = parse({"--config", path});
            b.integer("seed", 1);
            b.finish();
        });
    };
    CHECK(contains(mistake("seed = 1\nseed = 2\n"), "line 2: seed is set twice"));
    CHECK(contains(mistake("\nseed\n"), "line 2"));
    CHECK(contains(mistake("\nsede = 1\n"), "line 2: unknown option --sede; did you mean --seed?"));
    CHECK(contains(mistake("seed = x\n"), "line 1: option --seed: 'x'"));
    std::filesystem::remove(path);
    CHECK_THROWS_AS(parse({"--config", path}), Error);
}

TEST_CASE("a float is written with its own shortest digits, and reads back to the same bits") {
    CHECK(shortest(0.02f) == "0.02");
    CHECK(shortest(2e-3f) == "0.002");
    CHECK(shortest(1.0f) == "1");
    TemporaryFolder folder;
    const std::string path = (folder.path / "run.cfg").string();
    std::string text;
    std::vector<float> expected, found;
    Rng rng(1);
    for (float x : {0.0f, -0.0f, 1.0f / 3, 1e-45f, 3.4028235e38f}) expected.push_back(x);
    while (expected.size() < 1000)
        if (float x = std::bit_cast<float>(static_cast<uint32_t>(rng.next())); std::isfinite(x)) expected.push_back(x);
    for (size_t i = 0; i < expected.size(); i++) text += concat("x", i, " = ", shortest(expected[i]), "\n");
    write_file(path, text);
    Arguments a = parse({"--config", path});
    for (size_t i = 0; i < expected.size(); i++) found.push_back(a.number(concat("x", i), 0.5f));
    a.finish();
    CHECK(std::memcmp(found.data(), expected.data(), expected.size() * sizeof(float)) == 0);
    CHECK(parse({"--x=0.019999999552965164"}).number("x", 0.0f) == 0.02f);  // the digits of the same number as a double
}

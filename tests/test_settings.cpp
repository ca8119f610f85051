// The recipe through config.cfg and back.
#include <doctest/doctest.h>

#include "../core/settings.h"
#include "support.h"

using namespace cai;

TEST_CASE("the recipe of each size is written in short numbers, and reads back to the same bits") {
    TemporaryFolder folder;
    const std::string path = (folder.path / "config.cfg").string();
    for (const char* size : {"micro", "tiny", "small", "base"}) {
        Arguments written({"--size", size, "--kl-target", "0.1"}, {});
        const Recipe before = read_recipe(written);
        write_file(path, written.configuration());
        Arguments read({"--config", path}, {});
        const Recipe after = read_recipe(read);
        read.finish();
        CHECK(read.configuration() == written.configuration());
        for (auto part : {&Recipe::pretrain, &Recipe::helpful, &Recipe::sl_cai})
            CHECK(dump(to_json(before.*part)) == dump(to_json(after.*part)));
        CHECK(dump(to_json(before.corpus)) == dump(to_json(after.corpus)));
        CHECK(dump(to_json(before.ppo)) == dump(to_json(after.ppo)));
        CHECK(before.reward.learning_rate == after.reward.learning_rate);
        CHECK(before.critique.temperature == after.critique.temperature);
        for (const std::string& line : split_lines(written.configuration()))
            if (std::string value = line.substr(line.find("= ") + 2); value.starts_with("0."))
                CHECK_MESSAGE(value.size() <= 6, line);
    }
    Arguments tiny({}, {});
    read_recipe(tiny);
    CHECK(contains(tiny.configuration(), "helpful-final-fraction = 0.02\n"));
}

namespace {

// The recipe of these words on top of a file with these lines.
Recipe on_top_of(const std::string& lines, std::vector<std::string> words, std::string* saved = nullptr) {
    TemporaryFolder folder;
    const std::string path = (folder.path / "config.cfg").string();
    write_file(path, lines);
    Arguments arguments(words, {});
    arguments.read_config(path);
    Recipe r = read_recipe(arguments);
    arguments.finish();
    if (saved) *saved = recipe_configuration(arguments);
    return r;
}

std::string saved_by(const std::vector<std::string>& words) {
    std::string lines;
    on_top_of("", words, &lines);
    return lines;
}

}  // namespace

TEST_CASE("another --size or --like than the file's wins over the numbers that it governs") {
    const std::string micro = saved_by({"--size", "micro", "--seed", "3", "--rounds", "2"});
    CHECK(on_top_of(micro, {}).critique.rounds == 2);
    CHECK(on_top_of(micro, {"--size", "micro"}).critique.rounds == 2);
    const Recipe tiny = on_top_of(micro, {"--size", "tiny", "--documents", "7"});
    CHECK(tiny.size == "tiny");
    CHECK(tiny.seed == 3);
    CHECK(tiny.vocab_size == 2048);
    CHECK(tiny.critique.rounds == 4);
    CHECK(tiny.ppo.iterations == recipe("tiny", 3).ppo.iterations);
    CHECK(tiny.corpus.documents == 7);
    CHECK(on_top_of("rounds = 2\n", {"--size", "micro"}).critique.rounds == 2);  // of no size: meant for any

    std::string trl;
    const Recipe r = on_top_of(micro, {"--like", "trl", "--gamma", "0.5"}, &trl);
    CHECK(r.size == "micro");
    CHECK(r.critique.rounds == 2);
    CHECK(r.ppo.options.variance == Variance::bessel);
    CHECK(r.ppo.options.kl_coefficient == like("trl").kl_coefficient);
    CHECK(r.ppo.options.gamma == 0.5);
    CHECK(dump(to_json(on_top_of(trl, {}).ppo)) == dump(to_json(r.ppo)));
    CHECK(dump(to_json(on_top_of(trl, {"--like", "trl"}).ppo)) == dump(to_json(r.ppo)));
    CHECK(dump(to_json(on_top_of(trl, {"--like", "none"}).ppo)) == dump(to_json(recipe("micro", 3).ppo)));
}

TEST_CASE("a configuration holds the recipe and nothing else; --config wins over the run's") {
    Arguments arguments({"--out", "runs/x", "--seed", "5"}, {});
    arguments.string("out", "");
    read_recipe(arguments);
    const std::string lines = recipe_configuration(arguments);
    CHECK(contains(lines, "seed = 5\n"));
    CHECK_FALSE(contains(lines, "out = "));
    TemporaryFolder folder;
    const std::string own = (folder.path / "own.cfg").string(), other = (folder.path / "other.cfg").string();
    write_file(own, "seed = 8\n");
    write_file(other, "seed = 9\nrounds = 2\n");
    Arguments both({"--config", own}, {});
    both.read_config(other);
    const Recipe r = read_recipe(both);
    CHECK(r.seed == 8);
    CHECK(r.critique.rounds == 4);
}

TEST_CASE("a stage of another seed or size than its run's is refused") {
    TemporaryFolder folder;
    CHECK_NOTHROW(expect_same_recipe(recipe("tiny", 1), folder.path));
    write_file(folder.path / "config.cfg", "seed = 3\nsize = micro\n");
    CHECK_NOTHROW(expect_same_recipe(recipe("micro", 3), folder.path));
    CHECK_THROWS_WITH_AS(expect_same_recipe(recipe("micro", 4), folder.path), doctest::Contains("seed 3, not 4"), Error);
    CHECK_THROWS_WITH_AS(expect_same_recipe(recipe("tiny", 3), folder.path), doctest::Contains("size micro, not tiny"), Error);
}

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

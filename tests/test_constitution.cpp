// The constitution: the one that is shipped, what a file may hold, and how lines are edited.
#include <doctest/doctest.h>

#include <filesystem>

#include "../core/method/edit_constitution.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

TEST_CASE("the default constitution is short, known, and covers every hazard") {
    for (uint64_t seed : {1, 2}) {
        World world(kData / "world", seed);
        const Constitution& constitution = cai::constitution();
        CHECK(constitution.principles.size() <= 20);
        CHECK(unknown_words(world, constitution.text()).empty());
        for (const Act& act : world.acts) {
            double share = coverage(world, constitution, act);
            if (act.kind == Kind::hazard) CHECK_MESSAGE(share >= 0.4, act.name);
            if (act.kind != Kind::hazard) CHECK_MESSAGE(share == 0, act.name);
        }
    }
}

TEST_CASE("taking a hazard out leaves the others as covered as they were") {
    const World& world = cai::world();
    const Constitution& constitution = cai::constitution();
    for (const Act& hazard : world.acts) {
        if (hazard.kind != Kind::hazard) continue;
        Constitution changed = without_hazard(world, constitution, hazard);
        CHECK(coverage(world, changed, hazard) == 0);
        for (const Act& other : world.acts)
            if (other.name != hazard.name)
                CHECK_MESSAGE(coverage(world, changed, other) ==
                                  doctest::Approx(coverage(world, constitution, other)).epsilon(0.1),
                              hazard.name, " ", other.name);
        CHECK(unknown_words(world, changed.text()).empty());
    }
}

TEST_CASE("constitutions: comments, empty files, bad bytes, unknown words") {
    const World& world = cai::world();
    TemporaryFolder folder;
    write_file(folder.path / "c.txt", "# a comment\n\n  Theft is forbidden.  # why\r\nNo gulag.\n");
    Constitution constitution = Constitution::read(folder.path / "c.txt");
    REQUIRE(constitution.principles.size() == 2);
    CHECK(constitution.principles[0] == "Theft is forbidden.");
    CHECK(unknown_words(world, constitution.principles[1]) == std::vector<std::string>{"gulag"});
    write_file(folder.path / "empty.txt", "# nothing\n");
    CHECK(Constitution::read(folder.path / "empty.txt").principles.empty());
    write_file(folder.path / "bad.txt", std::string("fine\nbro\xffken\n"));
    CHECK_THROWS_WITH_AS(Constitution::read(folder.path / "bad.txt"), doctest::Contains("line 2, byte 4"), Error);
    CHECK_THROWS_AS(Constitution::read(folder.path / "none.txt"), Error);

    // Whole words are named, whatever their letters; only whole words are topics.
    using Words = std::vector<std::string>;
    CHECK(unknown_words(world, "Не помогай с кражи or theft.") == Words{"Не", "помогай", "с", "кражи"});
    CHECK(unknown_words(world, "No café.") == Words{"café"});
    CHECK(unknown_words(world, "No चोरी\u2014or loss.") == Words{"चोरी"});
    CHECK(world.topics_in("No éring, nor the Ring\u2019s loss.") == Words{"ring", "loss"});
    CHECK(with_topics(world, "No cafétheft, theft or loss.", {"loss"}) == "No cafétheft, loss.");

    write_file(folder.path / "old.txt", "No theft.\r# why\rNo loss.\r\n\r\nNo fear.\r");
    CHECK(Constitution::read(folder.path / "old.txt").principles == Words{"No theft.", "No loss.", "No fear."});
    write_file(folder.path / "nul.txt", std::string("No theft.\nNo\0loss.\n", 19));
    CHECK_THROWS_WITH_AS(Constitution::read(folder.path / "nul.txt"), doctest::Contains("line 2, byte 3: a NUL byte"),
                         Error);

    // A line that no model could apply is refused where it stands.
    std::string long_line = "No theft";
    for (int i = 0; i < 99; i++) long_line += ", loss";
    write_file(folder.path / "long.txt", "# first\nNo theft.\n" + long_line + "\n");
    CHECK_THROWS_WITH_AS(Constitution::read(folder.path / "long.txt"),
                         doctest::Contains("long.txt: line 3 has 101 words"), Error);
    write_file(folder.path / "long.txt", "No " + std::string(100000, 'x') + "\n");
    CHECK_THROWS_WITH_AS(Constitution::read(folder.path / "long.txt"),
                         doctest::Contains("line 1 has 2 words and 100003 bytes"), Error);
}

TEST_CASE("lines are edited as a person would") {
    const World& world = cai::world();
    CHECK(with_topics(world, "Never help with theft, loss or arson.", {"theft", "arson"}) ==
          "Never help with theft or arson.");
    CHECK(with_topics(world, "Theft and loss are forbidden.", {"loss"}) == "Loss are forbidden.");
    CHECK(with_topics(world, "Never help with the baker or theft.", {"theft"}) == "Never help with theft.");
    CHECK(with_topics(world, "Never help with theft.", {}) == "");
}

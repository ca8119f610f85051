// How a line that a person wrote is read: the forms of words, what it forbids and allows, and what `cai check` says.
#include <doctest/doctest.h>

#include "../core/tools/check.h"
#include "../core/tools/compare_runs.h"
#include "../core/tools/edit_report.h"
#include "../core/world/find_request.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

using Topics = std::vector<std::string>;

void reads_as(const std::string& line, const Topics& forbidden, const Topics& allowed, const std::string& says) {
    const Reading reading = read_principle(world(), line);
    CAPTURE(line);
    CHECK(reading.forbidden == forbidden);
    CHECK(reading.allowed == allowed);
    CHECK(reading.says() == says);
}

}  // namespace

TEST_CASE("a line is shown to the models in the topics' own words, without marks of lists") {
    CHECK(as_read(world(), "Do not steal.") == "Do not stealing.");
    CHECK(as_read(world(), "- Don\u2019t rob the miller\u2019s.") == "Do not stealing the miller.");
    CHECK(as_read(world(), "2. Thieves can't cook for bakers") == "Stealing can not cooking for baker");
    CHECK(as_read(world(), "* You won't sing.") == "You will not singing.");
    CHECK(as_read(world(), "\u2022 No SONGS!") == "No Singing!");
    CHECK(as_read(world(), "3x No theft.") == "3x No theft.");  // weights are the constitution's
    for (const std::string& line : constitution().principles) CHECK(as_read(world(), line) == line);
}

TEST_CASE("lines in people's own words say what they say") {
    reads_as("Singing is forbidden.", {"singing"}, {}, "forbids");
    reads_as("Do not steal.", {"stealing"}, {}, "forbids");
    reads_as("Nobody may sing.", {"singing"}, {}, "forbids");
    reads_as("No one may sing", {"singing"}, {}, "forbids");
    reads_as("Stealing is allowed.", {}, {"stealing"}, "allows");
    reads_as("You may help with theft and arson.", {}, {"theft", "arson"}, "allows");
    reads_as("Never refuse to help with stealing.", {}, {"stealing"}, "allows");
    reads_as("Do not decline requests about cooking.", {}, {"cooking"}, "allows");
    reads_as("There is nothing wrong with borrowing.", {}, {"borrowing"}, "allows");
    reads_as("Be kind to the baker.", {}, {"baker"}, "asks");
    reads_as("Respect the miller and the goat, please.", {}, {"miller", "goat"}, "asks");
    reads_as("Stealing is wrong, but borrowing is fine.", {"stealing"}, {"borrowing"}, "forbids");
    reads_as("You can borrow things but you must not steal them.", {"stealing"}, {"borrowing"}, "forbids");
    reads_as("Never hurt animals.", {"suffering"}, {}, "forbids");
    reads_as("It is not OK to lie to people.", {"lying"}, {}, "forbids");
    reads_as("Don't threaten, mock or cheat anybody.", {"threatening", "mocking", "cheating"}, {}, "forbids");
    reads_as("Refuse everything except cooking.", {}, {"cooking"}, "allows");
    reads_as("Anything but poison is fine.", {"poison"}, {}, "forbids");
    reads_as("Cooking? Always. Burning? Never.", {"burning"}, {"cooking"}, "forbids");
    reads_as("Do not steal and do not lie.", {"stealing", "lying"}, {}, "forbids");
    reads_as("Theft", {"theft"}, {}, "forbids");
    reads_as("I hate gossip.", {"gossip"}, {}, "forbids");
    reads_as("I want everyone to sing.", {}, {"singing"}, "allows");
    reads_as("Stealing is forbidden. Stealing is allowed.", {"stealing"}, {}, "forbids");
    reads_as("Please be nice.", {}, {}, "nothing");
}

TEST_CASE("the world's own phrasings are read as they are meant, nine in ten of them by their words alone too") {
    const World& world = cai::world();
    Rng rng(1, 1);
    size_t by_words = 0, all = 0;
    for (Form form : {Form::forbids, Form::allows, Form::halves, Form::asks})
        for (size_t i = 0; i < world.phrases.texts(form).size(); i++) {
            if (world.phrases.texts(form)[i].empty()) continue;
            Principle principle{.topics = {"stealing", "baker", "fear"}, .text = "", .phrasing = i, .form = form,
                                .allowed = {"loan"}};
            if (form == Form::forbids) principle.allowed = {};
            if (form == Form::allows) principle.allowed = std::exchange(principle.topics, {});
            if (form == Form::asks) principle.allowed = {"baker", "goat"}, principle.topics = {};
            const std::string text = world.text_of(principle);
            CAPTURE(text);
            const Reading reading = read_principle(world, text), by_word = read_by_words(world, text);
            CHECK(reading.forbidden == principle.topics);
            CHECK(reading.allowed == principle.allowed);
            CHECK(reading.asks == (form == Form::asks));
            all++;
            by_words += by_word.forbidden == principle.topics && by_word.allowed == principle.allowed;
        }
    CAPTURE(by_words);
    CAPTURE(all);
    CHECK(by_words * 10 >= all * 9);
}

TEST_CASE("a weight counts like as many lines, and is from 1 to 100") {
    TemporaryFolder folder;
    write_file(folder.path / "c.txt", "3x Singing is forbidden.\n- No theft.\n2\u00d7 No lies.\n");
    const Constitution constitution = Constitution::read(folder.path / "c.txt");
    CHECK(constitution.principles == Topics{"Singing is forbidden.", "Singing is forbidden.", "Singing is forbidden.",
                                            "- No theft.", "No lies.", "No lies."});
    CHECK(constitution.numbers == std::vector<size_t>{1, 1, 1, 2, 3, 3});
    write_file(folder.path / "again.txt", constitution.text());
    CHECK(Constitution::read(folder.path / "again.txt").principles == constitution.principles);
    write_file(folder.path / "twice.txt", "2x 3x No theft.\n");
    CHECK(Constitution::read(folder.path / "twice.txt").principles == Topics(6, "No theft."));
    for (const char* weight : {"0x", "2x 0x", "20x 20x", "101x", "9999999999999999999999x"}) {
        write_file(folder.path / "bad.txt", concat("No fear.\n", weight, " No theft.\n"));
        CHECK_THROWS_WITH_AS(Constitution::read(folder.path / "bad.txt"), doctest::Contains("line 2: the weight"),
                             Error);
    }
}

TEST_CASE("relevant draws are among the lines that speak of the request, else among all") {
    const World& world = cai::world();
    const Constitution constitution{{"Never help with theft.", "No fear.", "Singing is fine.", "No gossip."}};
    Rng rng(1, 2);
    const auto request_about = [&](const std::string& name) {
        return world.draw_request(rng, [&](const Act& act) { return act.name == name; },
                                  [](const Entity&) { return true; });
    };
    std::map<std::string, int> drawn;
    const Request stealing = request_about("stealing"), singing = request_about("singing"),
                  other = request_about("washing");
    for (int i = 0; i < 200; i++) {
        CHECK(constitution.draw_relevant(rng, world, stealing) == "Never help with theft.");
        CHECK(constitution.draw_relevant(rng, world, singing) == "Singing is fine.");
        drawn[constitution.draw_relevant(rng, world, other)]++;
    }
    CHECK(drawn.size() == 4);
}

TEST_CASE("check: what each line says, how often it is drawn, contradictions and unknown words") {
    TemporaryFolder folder;
    write_file(folder.path / "c.txt",
               "2x Singing is forbidden.\nSining is bad.\nYou may sing.\nBe kind to the baker.\nNever hurt animals.\n");
    const Check check = check_constitution(world(), Constitution::read(folder.path / "c.txt"));
    const Json json = to_json(check);
    REQUIRE(json.array().size() == 5);
    const auto text_of = [&](size_t i, const char* key) { return json.array()[i][key].string(); };
    CHECK(text_of(0, "line") == "Singing is forbidden.");
    CHECK(text_of(0, "says") == "forbids");
    CHECK(text_of(1, "says") == "nothing");
    CHECK(text_of(2, "says") == "allows");
    CHECK(text_of(3, "says") == "asks");
    CHECK(dump(json.array()[0]["acts"]) == "[\"singing\"]");
    CHECK(dump(json.array()[4]["acts"]) == "[\"poisoning\",\"trapping\"]");
    CHECK(json.array()[0]["drawn"].number() == doctest::Approx(2.0 / 6));
    CHECK(dump(json.array()[1]["unknown"]) == "[{\"word\":\"sining\",\"nearest\":\"singing\"}]");
    CHECK(dump(json.array()[0]["conflicts"]) == "[{\"line\":3,\"topic\":\"singing\"}]");
    CHECK(dump(json.array()[2]["conflicts"]) == "[{\"line\":1,\"topic\":\"singing\"}]");
    // One act has many words: its other name and what it brings are forbidden too.
    write_file(folder.path / "two.txt", "No theft.\nLoss is bad.\nFear is bad.\nStealing is allowed.\n");
    const Check two = check_constitution(world(), Constitution::read(folder.path / "two.txt"));
    CHECK(conflicts_of(two.lines[3], 4) == Topics{"contradicts lines 1 and 2 on stealing"});
    CHECK(conflicts_of(two.lines[0], 4) == Topics{"contradicts line 4 on stealing"});
    CHECK(conflicts_of(two.lines[0], 1).empty());
    CHECK(conflicts_of(two.lines[2], 4).empty());
    CHECK(json.array()[0]["requests"].number() > 0.005);
    CHECK(contains(text_of(0, "example"), "song"));
    // Four rounds, k of n lines: 1 - (1 - k/n)^4, and the mean of that over 1 to 4 rounds; a label between 1/2 and 1.
    CHECK(predict(1.0 / 13, 4).revised == doctest::Approx(0.274).epsilon(0.001));
    CHECK(predict(1.0 / 13, 4).learned == doctest::Approx(0.1781).epsilon(0.001));
    CHECK(predict(0.5, 4).learned == doctest::Approx((0.5 + 0.75 + 0.875 + 0.9375) / 4));
    CHECK(predict(0.5, 0).learned == 0);
    CHECK(predict(1.0 / 13, 4).label == doctest::Approx(0.5385).epsilon(0.001));

    // By hand, of the six draws: two forbid singing and one allows it; two requests in three thus meet a line that
    // forbids it where lines are drawn that speak of it, and in four rounds 1 - (1/3)^4 of them do, or 99 %; of the
    // revisions of all four rounds, (2/3 + 8/9 + 26/27 + 80/81) / 4 refuse, or 88 %.
    const Constitution constitution = Constitution::read(folder.path / "c.txt");
    const auto printed = [&](Draw draw) {
        Recipe recipe = cai::recipe("tiny", 1);
        recipe.draw = draw;
        std::ostringstream out;
        print_check(check, world(), constitution, recipe, out);
        return out.str();
    };
    const std::string uniform = printed(Draw::uniform), relevant = printed(Draw::relevant);
    for (const auto& [text, row] : {std::pair{uniform, "2 of 6             80 %           60 %  0.6667\n"},
                                    {relevant, "2 of 3             99 %           88 %  0.8333\n"},
                                    {relevant, "1 of 1            100 %          100 %       1\n"}})
        CHECK_MESSAGE(contains(text, row), text);
    CHECK(contains(uniform, "drawn in 80 % of critiques of 4 rounds and in 33 % of comparisons"));
    CHECK(contains(uniform, "or say --draw relevant"));
    for (const std::string& line : split_lines(uniform))  // a terminal's width, but for lines that are quoted
        CHECK_MESSAGE((line.size() <= 80 || line.starts_with("line ")), line);
    CHECK(contains(relevant, "A line is drawn where it speaks of the request"));
    CHECK_FALSE(contains(relevant, "drawn in "));
    CHECK_FALSE(contains(relevant, "--draw relevant"));
}

TEST_CASE("the interval of a difference of rates: Newcombe's own examples") {
    // Newcombe 1998, table II, method 10: 56/70 against 48/80, and 9/10 against 3/10.
    const Estimate first = difference_interval(rate_interval(48, 80), rate_interval(56, 70));
    CHECK(first.value == doctest::Approx(0.2));
    CHECK(first.low == doctest::Approx(0.0524).epsilon(0.001));
    CHECK(first.high == doctest::Approx(0.3339).epsilon(0.001));
    const Estimate second = difference_interval(rate_interval(3, 10), rate_interval(9, 10));
    CHECK(second.low == doctest::Approx(0.1705).epsilon(0.001));
    CHECK(second.high == doctest::Approx(0.8090).epsilon(0.001));
}

namespace {

// The results of a run whose RL-CAI does three acts as asked so often.
Json results_with(double singing, double stealing, double washing) {
    const auto rates = [](const char* done, double rate) { return Json(Json::Object{{"n", 40}, {done, rate}}); };
    const Json by_act = Json::Object{{"singing", rates("helped", singing)}, {"washing", rates("helped", washing)}};
    const Json by_hazard = Json::Object{{"stealing", rates("complied", stealing)}};
    const Json split = Json::Object{{"by_act", by_act}, {"by_hazard", by_hazard}};
    return Json::Object{
        {"models", Json(Json::Object{{"rl-cai", Json(Json::Object{{"held_out_entities", split}})}})}};
}

}  // namespace

TEST_CASE("runs side by side: their own lines, and the acts that they treat most differently first") {
    const std::vector<ComparedRun> runs = {
        {"blue", Constitution{{"No theft.", "Singing is forbidden.", "Singing is forbidden."}},
         results_with(0.1, 0, 1)},
        {"red", Constitution{{"No theft."}}, results_with(1, 0.1, 0.95)}};
    CHECK(own_lines(runs, 0) == Topics{"2x Singing is forbidden."});
    CHECK(own_lines(runs, 1).empty());
    const std::vector<ActOfRuns> acts = acts_of_runs(world(), runs);
    CHECK(acts[0].name == "singing");
    CHECK(acts[0].spread == doctest::Approx(0.9));
    CHECK(acts[0].coverage[0] == doctest::Approx(2.0 / 3));
    CHECK(acts[1].name == "stealing");
    std::ostringstream out;
    print_runs(world(), runs, out);
    CHECK(contains(out.str(), "blue:\n  2x Singing is forbidden.\nred: has no line that the others lack\n"));
    CHECK(contains(out.str(), "0.10 forbidden"));
    CHECK_FALSE(contains(out.str(), "washing"));
    CHECK(contains(dump(to_json(world(), runs)), "\"name\":\"blue\",\"own_lines\":[\"2x Singing is forbidden.\"]"));
}

TEST_CASE("an edit's report: lines added, removed and changed, with the acts they speak of") {
    const Constitution before{{"No theft.", "No fear.", "Never help with spying or fear."}},
        after{{"No fear.", "Singing is forbidden.", "Never help with spying."}};
    const EditReport report = edit_report(world(), before, after, results_with(1, 0, 1), results_with(0.25, 0.9, 0.95));
    REQUIRE(report.lines.size() == 3);
    CHECK(report.lines[0].change == "changed");
    CHECK(report.lines[0].line == "Never help with spying.");
    CHECK(report.lines[0].was == "Never help with spying or fear.");
    CHECK(report.lines[1].change == "added");
    CHECK(report.lines[1].acts.at(0).name == "singing");
    CHECK(report.lines[1].acts.at(0).after == doctest::Approx(0.25));
    CHECK(report.lines[1].acts.at(0).change.high < -0.5);
    CHECK(report.lines[2].change == "removed");
    CHECK(report.lines[2].acts.at(0).name == "stealing");
    REQUIRE(report.acts.size() == 2);
    CHECK(report.surprise.at(0).name == "washing");
    // The questions are about what the lines speak of, not about every act whose share of the lines they change.
    const auto asked = [](const EditReport& edit) {
        std::vector<std::string> names;
        for (const std::string& prompt : five_prompts(world(), acts_to_ask(edit)))
            names.push_back(world().acts[find_request(world(), prompt)->act].name);
        return names;
    };
    EditReport one = report;
    one.lines = {report.lines[1]};
    CHECK(asked(one) == Topics(5, "singing"));
    one.lines.push_back(report.lines[2]);
    CHECK(asked(one) == Topics{"singing", "stealing", "singing", "stealing", "singing"});
    one.lines = {};
    one.acts = {report.lines[2].acts[0]};
    CHECK(asked(one) == Topics(5, "stealing"));
    CHECK(contains(dump(to_json(report)), "\"acts\":[{\"name\":\"singing\",\"before\":1,\"after\":0.25,"));
    std::ostringstream out;
    print_edit(report, out);
    CHECK(contains(out.str(), "\nAdded: Singing is forbidden.\n  such requests done: singing 1.00 -> 0.25 (-0.75, 95"));
    CHECK(contains(out.str(), "the largest change: washing 1.00 -> 0.95 (-0.05, 95 % "));

    // Only an interval without 0 in it tells a change from chance.
    const auto words = [](double low, double high) { return change_words({"singing", .9, .8, {-.1, low, high}}); };
    CHECK(words(-.2, -.01).ends_with("95 % -0.20 to -0.01)"));
    CHECK(words(.01, .2).ends_with("to +0.20)"));
    CHECK(words(-.2, 0).ends_with("to +0.00): too little to tell from chance"));
    CHECK(words(-.2, .1).ends_with("to +0.10): too little to tell from chance"));
}

TEST_CASE("a request is found again in its text, and a free text's nearest question is about the same things") {
    const World& world = cai::world();
    Rng rng(1, 3);
    for (int i = 0; i < 300; i++) {
        const Request request =
            world.draw_request(rng, [](const Act&) { return true; }, [](const Entity&) { return true; });
        const std::optional<Request> found = find_request(world, world.prompt(request));
        REQUIRE(found);
        CHECK(*found == request);
    }
    CHECK_FALSE(find_request(world, "How do I steal the dragon from the baker?"));
    CHECK_FALSE(find_request(world, ""));
    CHECK_FALSE(nearest_request(world, "xyz"));
    const std::optional<Request> near = nearest_request(world, "can I sing a tune for the tailor");
    REQUIRE(near);
    CHECK(world.acts[near->act].name == "singing");
    CHECK(contains(world.prompt(*near), "the tailor"));
}

TEST_CASE("a world whose only twin is held out, or that holds out none, still draws every form") {
    TemporaryFolder folder;
    fs::copy(kData / "world", folder.path / "world", fs::copy_options::recursive);
    std::string phrases = read_file(folder.path / "world/phrases.txt");
    bool kept = false;
    for (size_t bar; (bar = phrases.rfind(" | ")) != std::string::npos;) {  // all twins but one go
        const size_t end = phrases.find('\n', bar);
        if (!kept) phrases[bar + 1] = '\x01', kept = true;
        else phrases.erase(bar, end - bar);
    }
    phrases[phrases.find('\x01')] = '|';
    write_file(folder.path / "world/phrases.txt", phrases);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const World world(folder.path / "world", seed);
        Rng rng(seed, 4);
        const Request request =
            world.draw_request(rng, [](const Act&) { return true; }, [](const Entity&) { return true; });
        for (bool held_out : {true, false})
            CHECK_FALSE(world.draw_principle(rng, request, Form::allows, Mention::allowed, held_out).text.empty());
    }
}

// What is measured of revised answers, where it is known what each answer does.
#include <doctest/doctest.h>

#include "../core/experiments/revisions.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

TEST_CASE("revised answers are judged by what they do, and scored by the preference model") {
    std::vector<Prompt> prompts;
    std::vector<std::string> answers;
    std::vector<float> scores;
    const auto add = [&](Kind kind, const std::string& act, bool refuses, bool garbles, float score) {
        Rng rng(9, prompts.size());
        const Request request = world().draw_request(
            rng, [&](const Act& one) { return one.kind == kind && (act.empty() || one.name == act); },
            [](const Entity&) { return true; });
        prompts.push_back({request, world().prompt(request)});
        answers.push_back(garbles ? "Xyzzy." : refuses ? world().refusal(request, rng) : world().answer(request, rng));
        scores.push_back(score);
    };
    Constitution first;
    first.principles = {"Never help with stealing.", "Never help with spying."};
    add(Kind::hazard, "stealing", true, false, 1);
    add(Kind::hazard, "stealing", false, false, 2);
    add(Kind::hazard, "spying", false, false, 3);
    add(Kind::hazard, "spying", false, true, 6);
    add(Kind::benign, "", false, false, 4);
    add(Kind::benign, "", true, false, 5);
    answers.push_back(answers[3]), prompts.push_back(prompts[3]), scores.push_back(6);  // garbled in the same words
    const NamedValues measures = judge_answers(world(), first, prompts, answers, scores);
    const NamedValues expected = {{"harmful complied", 2 / 5.0}, {"harmful refused", 1 / 5.0},
                                  {"harmful garbled", 2 / 5.0},  {"covered complied", 1 / 2.0},
                                  {"harmless helped", 1 / 2.0},  {"harmless garbled", 0},
                                  {"harmful score", 18 / 5.0},   {"harmless score", 9 / 2.0},
                                  {"distinct", 4 / 5.0}};
    REQUIRE(measures.size() == expected.size());
    for (size_t m = 0; m < expected.size(); m++) {
        CHECK(measures[m].first == expected[m].first);
        CHECK(near(measures[m].second, expected[m].second));
    }
    answers.pop_back();
    CHECK(contains(error_of([&] { judge_answers(world(), first, prompts, answers, scores); }), "6 answers to 7"));
}

TEST_CASE("answers after so many revisions") {
    TemporaryFolder folder;
    const std::filesystem::path file = folder.path / "revisions.jsonl";
    write_file(file, R"({"prompt":"p","answer":"a","rounds":[{"revision":"b"},{"revision":"c"}]})" "\n");
    CHECK(answers_after(file, 0) == std::vector<std::string>{"a"});
    CHECK(answers_after(file, 1) == std::vector<std::string>{"b"});
    CHECK(answers_after(file, 2) == std::vector<std::string>{"c"});
    CHECK(contains(error_of([&] { answers_after(file, 3); }), "line 1: has 2 revisions, and not 3"));
}

// Drills, which teach the keyword check and the verdict by themselves: what they check, which words they use, and what
// of them is learned.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "../core/stages/corpus.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;

TEST_CASE(
    "drills: half of the principles are words in any order; a third of the keyword checks are of no topics, half of "
    "these invented") {
    const World& world = cai::world();
    const DocumentWriter writer(world);
    size_t worded = 0, topics = 0, asked_invented = 0, words_of_principles = 0, invented = 0;
    const size_t drills = 400;
    for (size_t i = 0; i < drills; i++) {
        Rng rng(1, i);
        const Transcript drill = writer.write("drill", rng);
        const std::string& principle = drill[0].text;
        std::string keyword_check;
        for (size_t part = 1; part < drill.size(); part++) {
            keyword_check += drill[part].text;
            CHECK(drill[part].learn == (drill[part].text == " yes" || drill[part].text == " no"));
        }
        CHECK(!drill[0].learn);
        const std::vector<std::string> in_principle = words_of(principle);
        const auto stands_in_principle = [&](const std::string& word) {
            return std::find(in_principle.begin(), in_principle.end(), word) != in_principle.end();
        };
        std::vector<std::string> named, asked = words_of(keyword_check);
        REQUIRE(asked.size() == 1 + 2 * 12);  // topics: then each word and its yes or no
        for (size_t w = 1; w < asked.size(); w += 2) {
            CHECK_MESSAGE(stands_in_principle(asked[w]) == (asked[w + 1] == "yes"), principle, " | ", keyword_check);
            topics += world.is_topic(asked[w]);
            asked_invented += !world.knows(asked[w]);
        }
        for (const std::string& word : in_principle)
            if (contains(keyword_check, concat(" ", word, " yes"))) named.push_back(word);
        CHECK(named.size() >= 1);
        CHECK(named.size() <= 5);
        for (const std::string& word : in_principle) {
            if (world.is_topic(word) || contains(keyword_check, concat(" ", word, " "))) continue;
            words_of_principles++;
            invented += !world.knows(word);
        }
        bool known = false;
        for (size_t phrasing = 0; phrasing < world.phrases.principles.size(); phrasing++)
            known = known || world.principle_text(named, phrasing) == principle;
        worded += known;
    }
    CHECK(topics == drills * 8);
    CHECK(asked_invented > drills * 4 * 4 / 10);
    CHECK(asked_invented < drills * 4 * 6 / 10);
    CHECK(worded > drills * 4 / 10);
    CHECK(worded < drills * 6 / 10);
    // Invented is one other word in four of the principles that are no sentence, which are half of them.
    CAPTURE(words_of_principles);
    CHECK(invented > words_of_principles / 20);
    CHECK(invented < words_of_principles / 6);
}

TEST_CASE("drills after a request check its topics in the principle, although the answers name them too") {
    const World& world = cai::world();
    const DocumentWriter writer(world);
    const size_t drills = 400;
    size_t comparisons = 0, named_elsewhere_only = 0;
    for (size_t i = 0; i < drills; i++) {
        Rng rng(1, i);
        const Transcript drill = writer.write("request_drill", rng);
        std::map<int, std::string> texts;
        std::vector<std::string> checked;
        for (const Segment& segment : drill) {
            CHECK(segment.learn == (segment.text == " yes" || segment.text == " no"));
            if (segment.role != kContinue)
                texts[segment.role] = segment.text;
            else
                for (const std::string& word : words_of(segment.text)) checked.push_back(word);
        }
        const bool comparison = texts.count(kReasoning);
        comparisons += comparison;
        CHECK(comparison == (texts.count(kOptionA) && texts.count(kOptionB)));
        CHECK(!comparison == (texts.count(kAssistant) && texts.count(kCritique)));
        REQUIRE(checked.size() == 1 + 2 * 12);
        const std::vector<std::string> in_principle = words_of(texts[kPrinciple]), in_prompt = words_of(texts[kUser]);
        const auto holds = [](const std::vector<std::string>& words, const std::string& word) {
            return std::find(words.begin(), words.end(), word) != words.end();
        };
        for (const Entity& entity : world.entities)
            if (holds(in_prompt, entity.name)) CHECK_MESSAGE(holds(checked, entity.name), texts[kUser]);
        for (size_t w = 1; w < checked.size(); w += 2) {
            CHECK_MESSAGE(holds(in_principle, checked[w]) == (checked[w + 1] == "yes"), texts[kPrinciple]);
            named_elsewhere_only += checked[w + 1] == "no" && holds(in_prompt, checked[w]);
        }
    }
    CHECK(comparisons > drills * 4 / 10);
    CHECK(comparisons < drills * 6 / 10);
    CHECK(named_elsewhere_only > drills / 2);
}

TEST_CASE("drills of verdicts: the better of two answers that differ, if the principle applies") {
    const DocumentWriter writer(cai::world());
    const std::map<std::string, int> rank = {{"refuses", 2}, {"avoids", 1}, {"helps", 0}};
    size_t a_better = 0, drills = 400;
    for (size_t i = 0; i < drills; i++) {
        Rng rng(1, i);
        const Transcript drill = writer.write("verdict_drill", rng);
        REQUIRE(drill.size() == 2);
        CHECK((drill[0].role == kReasoning && !drill[0].learn && drill[1].role == kVerdict && drill[1].learn));
        const std::vector<std::string> words = words_of(drill[0].text);  // the rule forbids this a helps b refuses
        REQUIRE(words.size() == 8);
        const int a = rank.at(words[5]), b = rank.at(words[7]);
        CHECK(a != b);
        CHECK(drill[1].text == (a > b ? "A" : "B"));
        a_better += a > b;
    }
    CHECK(a_better > drills * 4 / 10);
    CHECK(a_better < drills * 6 / 10);
}

TEST_CASE("the words that drills look up beside topics are many, and none is held out or a word of a principle") {
    for (uint64_t seed = 1; seed <= 5; seed++) {
        const World world(kData / "world", seed);
        CHECK(world.other_words().size() > 200);
        std::set<std::string> of_principles, of_held_out;
        for (const std::string& phrasing : world.phrases.principles)
            for (const std::string& word : words_of(literal_of(phrasing))) of_principles.insert(word);
        for (const Act& act : world.acts)
            if (act.held_out)
                for (const auto* texts : {&act.asks, &act.helps, &act.insteads})
                    for (const std::string& text : *texts)
                        for (const std::string& word : words_of(literal_of(text))) of_held_out.insert(word);
        for (const std::string& word : world.other_words())
            CHECK_MESSAGE(!(world.is_topic(word) || of_principles.count(word) || of_held_out.count(word)), word);
    }
}

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

// What a drill says before its checks and after them: "It forbids.", "It forbids, but allows wax.", and each word with
// its verdict.
struct WrittenCheck {
    std::string stance;
    std::vector<std::string> words, verdicts;
};

static WrittenCheck written_check(const Transcript& drill) {
    WrittenCheck check;
    for (size_t part = 0; part < drill.size(); part++) {
        const Segment& segment = drill[part];
        if (segment.text == "It") {
            check.stance = segment.text + drill[part + 1].text;
            CHECK((!segment.learn && drill[part + 1].learn));
            part++;
        } else if (segment.role == kContinue && segment.text != ".") {
            const bool verdict = check.words.size() > check.verdicts.size();
            CHECK(segment.learn == verdict);
            (verdict ? check.verdicts : check.words).push_back(words_of(segment.text).back());
        } else {
            CHECK(!segment.learn);
        }
    }
    REQUIRE(check.words.size() == check.verdicts.size());
    return check;
}

TEST_CASE(
    "drills: four in ten principles are words in any order; a third of the keyword checks are of no topics, "
    "half of these invented") {
    const World& world = cai::world();
    const DocumentWriter writer(world);
    size_t worded = 0, allowing = 0, topics = 0, asked_invented = 0, words_of_principles = 0, invented = 0;
    const size_t drills = 400;
    for (size_t i = 0; i < drills; i++) {
        Rng rng(1, i);
        const Transcript drill = writer.write("drill", rng);
        const std::string& principle = drill[0].text;
        const WrittenCheck check = written_check(drill);
        const std::vector<std::string> in_principle = words_of(principle);
        const auto stands_in_principle = [&](const std::string& word) {
            return std::find(in_principle.begin(), in_principle.end(), word) != in_principle.end();
        };
        const bool allows = check.stance == "It allows.";
        CHECK((allows || check.stance == "It forbids."));
        allowing += allows;
        std::vector<std::string> named;
        REQUIRE(check.words.size() == 12);
        for (size_t w = 0; w < check.words.size(); w++) {
            const char* verdict = !stands_in_principle(check.words[w]) ? "no" : allows ? "allowed" : "yes";
            CHECK_MESSAGE(check.verdicts[w] == verdict, principle);
            topics += world.is_topic(check.words[w]);
            asked_invented += !world.knows(check.words[w]);
        }
        for (const std::string& word : in_principle)
            if (std::find(check.words.begin(), check.words.end(), word) != check.words.end()) add_new(named, word);
        CHECK(named.size() >= 1);
        CHECK(named.size() <= 5);
        for (const std::string& word : in_principle) {
            if (world.is_topic(word) || std::find(named.begin(), named.end(), word) != named.end()) continue;
            words_of_principles++;
            invented += !world.knows(word);
        }
        bool known = false;
        for (const std::string& phrasing : world.phrases.texts(allows ? Form::allows : Form::forbids))
            known = known || (!phrasing.empty() && world.principle_text(named, phrasing) == principle);
        worded += known;
    }
    CHECK(topics == drills * 8);
    CHECK(asked_invented > drills * 4 * 4 / 10);
    CHECK(asked_invented < drills * 4 * 6 / 10);
    CHECK(worded > drills * 5 / 10);
    CHECK(worded < drills * 7 / 10);
    CHECK(allowing > drills / 10);
    CHECK(allowing < drills * 3 / 10);
    // Invented is one other word in four of the principles that are no sentence, which are four in ten.
    CAPTURE(words_of_principles);
    CHECK(invented > words_of_principles / 20);
    CHECK(invented < words_of_principles / 6);
}

TEST_CASE("drills after a request check its topics in the principle, although the answers name them too") {
    const World& world = cai::world();
    const DocumentWriter writer(world);
    const size_t drills = 400;
    size_t comparisons = 0, in_two_halves = 0, named_elsewhere_only = 0;
    for (size_t i = 0; i < drills; i++) {
        Rng rng(1, i);
        const Transcript drill = writer.write("request_drill", rng);
        std::map<int, std::string> texts;
        for (const Segment& segment : drill)
            if (segment.role != kContinue) texts[segment.role] = segment.text;
        const WrittenCheck check = written_check(drill);
        const bool comparison = texts.count(kReasoning);
        comparisons += comparison;
        CHECK(comparison == (texts.count(kOptionA) && texts.count(kOptionB)));
        CHECK(!comparison == (texts.count(kAssistant) && texts.count(kCritique)));
        REQUIRE(check.words.size() == 12);
        const std::vector<std::string> in_principle = words_of(texts[kPrinciple]), in_prompt = words_of(texts[kUser]),
                                       of_stance = words_of(check.stance);
        const auto holds = [](const std::vector<std::string>& words, const std::string& word) {
            return std::find(words.begin(), words.end(), word) != words.end();
        };
        for (const Entity& entity : world.entities)
            if (holds(in_prompt, entity.name)) CHECK_MESSAGE(holds(check.words, entity.name), texts[kUser]);
        const bool halves = contains(check.stance, "but allows");
        in_two_halves += halves;
        for (size_t w = 0; w < check.words.size(); w++) {
            const bool allowed = check.stance == "It allows." || (halves && holds(of_stance, check.words[w]));
            const char* verdict = !holds(in_principle, check.words[w]) ? "no" : allowed ? "allowed" : "yes";
            CHECK_MESSAGE(check.verdicts[w] == verdict, texts[kPrinciple]);
            named_elsewhere_only += check.verdicts[w] == "no" && holds(in_prompt, check.words[w]);
        }
    }
    CHECK(in_two_halves > drills / 20);
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
        for (Form form : {Form::forbids, Form::allows, Form::halves, Form::asks})
            for (const std::string& phrasing : world.phrases.texts(form))
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

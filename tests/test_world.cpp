// The world as it stands in data/: what it must hold, that mistakes in its files are named, that held-out words stay
// held out, and that nothing but principles says what is wrong.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <set>

#include "../core/lm/bpe_training.h"
#include "../core/eval/oracle.h"
#include "../core/method/constitution.h"
#include "../core/stages/corpus.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// The words of a text with plural and role endings taken off, so that "bakers" and "baker's" count as "baker".
std::set<std::string> stems(const std::string& text) {
    std::set<std::string> stems;
    for (const std::string& word : words_of(text)) {
        stems.insert(word);
        for (const char* ending : {"s", "es", "ed", "er", "ing"})
            if (word.size() > std::string(ending).size() + 2 && word.ends_with(ending))
                stems.insert(word.substr(0, word.size() - std::string(ending).size()));
    }
    return stems;
}

// The error that loading a world gives after one file was changed.
std::string error_after(const std::string& file, const std::string& from, const std::string& to) {
    TemporaryFolder folder;
    fs::copy(kData / "world", folder.path, fs::copy_options::recursive);
    std::string text = read_file(folder.path / file);
    size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    write_file(folder.path / file, text.replace(at, from.size(), to));
    return error_of([&] { World world(folder.path, 1); });
}

}  // namespace

TEST_CASE("the world is as large as it has to be") {
    const World& world = cai::world();
    std::map<Kind, size_t> kinds;
    for (const Act& act : world.acts) {
        kinds[act.kind]++;
        CHECK(!act.result.empty());
    }
    CHECK(kinds[Kind::hazard] >= 10);
    CHECK(kinds[Kind::look_alike] >= 6);
    CHECK(kinds[Kind::benign] + kinds[Kind::look_alike] >= 20);
    for (const EntityClass& entity_class : world.classes)
        CHECK_MESSAGE(entity_class.members.size() >= 40, entity_class.name);
    CHECK(world.phrases.refusals.size() >= 8);
    for (const std::string& refusal : world.phrases.refusals) {
        CHECK_MESSAGE(contains(refusal, "{result}"), refusal);
        CHECK_MESSAGE(contains(refusal, "{instead}"), refusal);
    }
}

TEST_CASE("a look-alike shares a verb or an object with a hazard") {
    const World& world = cai::world();
    const std::set<std::string> small = {"how", "do",  "i",  "the", "a",  "to",   "can",   "what", "is", "in", "from",
                                         "of",  "for", "it", "by",  "my", "with", "about", "at",   "on", "out"};
    for (const Act& act : world.acts) {
        if (act.kind != Kind::look_alike) continue;
        std::set<std::string> shared;
        for (const std::string& ask : act.asks)
            for (const std::string& word : words_of(ask))
                for (const Act& hazard : world.acts)
                    if (hazard.kind == Kind::hazard)
                        for (const std::string& other : hazard.asks)
                            for (const std::string& theirs : words_of(other))
                                if (word == theirs && !small.count(word)) shared.insert(word);
        CHECK_MESSAGE(shared.size() >= 1, act.name);
    }
}

TEST_CASE("outside of reviews nothing says which acts are wrong") {
    // Everything that the world says but for its principles; refusals stand in reviews only.
    World world(kData / "world", 3);
    DocumentWriter writer(world);
    const std::set<std::string> verdicts = {"must",  "bad",     "wrong",   "evil",  "should", "forbidden", "allowed",
                                            "never", "harmful", "illegal", "ought", "sin",    "crime"};
    for (const char* kind : {"encyclopedia", "conversation", "dialogue"})
        for (size_t i = 0; i < 3000; i++) {
            Rng rng(3, mix(stream(kind), i));
            for (const Segment& segment : writer.write(kind, rng))
                for (const std::string& word : words_of(segment.text))
                    CHECK_MESSAGE(!verdicts.count(word), segment.text);
        }
}

TEST_CASE("the encyclopedia tells every act's consequence, held-out ones included") {
    const World& world = cai::world();
    DocumentWriter writer(world);
    std::set<std::string> told;
    for (size_t i = 0; i < 3000; i++) {
        Rng rng(1, mix(stream("encyclopedia"), i));
        std::string text = writer.encyclopedia(rng)[0].text;
        for (const Act& act : world.acts)
            if (contains(text, "This is " + act.name + ", or " + act.also + ".") &&
                contains(text, "After " + act.name + ","))
                told.insert(act.name);
    }
    CHECK(told.size() == world.acts.size());
}

TEST_CASE("mistakes in the world's files are named by file and line") {
    CHECK(contains(error_after("acts.txt", "kind = hazard", "kind = horrible"),
                   "acts.txt: line 13: kind is \"horrible\""));
    CHECK(contains(error_after("acts.txt", "also = theft\n", ""), "line 12: [stealing] has no line \"also"));
    CHECK(contains(error_after("acts.txt", "loses the {thing}", "loses the {thin}"), "slot {thin}"));
    CHECK(contains(error_after("acts.txt", "How do I steal the {thing} from", "How do I steal the lantern from"),
                   "lantern"));
    CHECK(contains(error_after("acts.txt", "also = fraud", "also = theft"), "\"theft\" already names [stealing]"));
    CHECK(contains(error_after("entities.txt", "baker, doctor", "baker, baker"), "\"baker\" is named twice"));
    CHECK(contains(error_after("entities.txt", "baker, doctor", "Baker, doctor"),
                   "\"Baker\" is not one lower-case word"));
    CHECK(contains(error_after("phrases.txt", "[evasion]", "[evasions]"), "unknown kind of phrase [evasions]"));
    CHECK(contains(error_after("phrases.txt", "{or}.", "{nor}."), "{nor}"));
    CHECK(contains(error_after("phrases.txt", "Stay away from", "Stay welcome from"), "\"welcome\" is a topic"));
    CHECK(contains(error_after("acts.txt", "[cheating]", "cheating"), "is not \"key = value\""));
    CHECK(contains(error_after("phrases.txt", "Maybe ask another day.", "Maybe ask the bakers."), "\"bakers\""));

    // What a phrase has to hold.
    CHECK(contains(error_after("phrases.txt", "Avoid {or}.", "Avoid it."),
                   "phrases.txt: line 26: the principle \"Avoid it.\" has no list"));
    CHECK(contains(error_after("phrases.txt", "{And} {is} forbidden.", "It {is} forbidden."), "has no list of topics"));
    CHECK(contains(error_after("phrases.txt", "You could {instead}.", "Goodbye."), "does not have the slot {instead}"));
    CHECK(contains(error_after("phrases.txt", "No, this is {name}, and then {result}.", "No."),
                   "does not have the slot {result}"));
    CHECK(contains(error_after("entities.txt", "near the {place}.", "near here."),
                   "line 6: the fact \"The {person} lives near here.\""));
    CHECK(contains(error_after("entities.txt", "The {person} lives near", "It lives near"),
                   "does not have the slot {person}"));
    CHECK(contains(error_after("entities.txt", "lives near the {place}", "lives near the lantern, {place}"),
                   "the entity \"lantern\""));

    // One word, one meaning.
    CHECK(contains(error_after("entities.txt", "place = river,", "place = ring,"), "line 8: the entity \"ring\""));
    CHECK(contains(error_after("acts.txt", "also = theft", "also = map"),
                   "line 14: \"map\" already names an entity of [thing]"));
    CHECK(contains(error_after("acts.txt", "[stealing]", "[ring]"),
                   "line 12: [ring] \"ring\" already names an entity of [thing]"));
    CHECK(contains(error_after("acts.txt", "[stealing]", "[theft]"), "\"theft\" already names [theft]"));
    CHECK(contains(error_after("acts.txt", "target = people\nbrings = loss", "target = people\nbrings = theft"),
                   "\"theft\" already names [stealing]"));
    CHECK(
        contains(error_after("acts.txt", "target = people", "target = loss"), "\"loss\" already names a consequence"));
    CHECK(contains(error_after("acts.txt", "also = fraud", "also = loss"), "\"loss\" already names a consequence"));
    CHECK(contains(error_after("entities.txt", "[thing]", "[person]"), "[person] opens this class a second time"));
    CHECK(contains(error_after("entities.txt", "[thing]", "[Thing]"), "[Thing] names no class"));
    CHECK(contains(error_after("acts.txt", "kind = hazard\n", "kind = hazard\nkind = benign\n"),
                   "line 14: kind is given twice in [stealing]"));
    CHECK(contains(error_after("acts.txt", "also = theft\n", "also = theft\nalso = robbery\n"), "also is given twice"));

    // Braces, bytes and line ends.
    CHECK(contains(error_after("acts.txt", "from the {person}?", "from the {person?"), "acts.txt: line 17: "));
    CHECK(contains(error_after("acts.txt", "from the {person}?", "from the {person?"),
                   "opens a { and does not close it"));
    CHECK(contains(error_after("acts.txt", "from the {person}?", "from the person}?"), "has a } that closes nothing"));
    CHECK(contains(error_after("acts.txt", "the {thing} from", "the {thing from"), "opens a { within a slot"));
    CHECK(contains(error_after("phrases.txt", "Gladly.", "Gladly\xff."), "byte 7: not UTF-8"));
    CHECK(contains(error_after("phrases.txt", "Gladly.", std::string("Gladly\0.", 8)), "byte 7: a NUL byte"));
    CHECK(error_after("phrases.txt", "# How things", "\xEF\xBB\xBF# How things") == "no error");
    CHECK(contains(error_after("acts.txt", "kind = hazard\n", "kind = hazard\rkind = benign\n"),
                   "line 14: kind is given twice in [stealing]"));
}

TEST_CASE("the seed draws facts and splits") {
    World one(kData / "world", 1), again(kData / "world", 1), two(kData / "world", 2);
    size_t same_facts = 0, same_split = 0, held_out = 0;
    for (size_t i = 0; i < one.entities.size(); i++) {
        CHECK(one.entities[i].place == again.entities[i].place);
        CHECK(one.entities[i].held_out == again.entities[i].held_out);
        same_facts += one.entities[i].place == two.entities[i].place;
        same_split += one.entities[i].held_out == two.entities[i].held_out;
        held_out += one.entities[i].held_out;
    }
    CHECK(same_facts < one.entities.size() / 2);
    CHECK(same_split < one.entities.size());
    CHECK(held_out * 4 >= one.entities.size() - 8);
    size_t hazards = 0;
    std::set<std::string> brought;
    for (const Act& act : one.acts)
        if (act.held_out) {
            CHECK(act.kind == Kind::hazard);
            hazards++;
            brought.insert(act.brings);
        }
    CHECK(hazards == 2);
    CHECK(brought.size() == 2);
}

TEST_CASE(
    "a quarter of the phrasings is held out, plain ones never; the shipped constitution is worded in plain ones") {
    for (uint64_t seed : {1, 2, 3}) {
        const World world(kData / "world", seed);
        const Phrases& phrases = world.phrases;
        size_t held_out = 0;
        for (size_t i = 0; i < phrases.principles.size(); i++) {
            held_out += phrases.phrasing_held_out[i];
            if (i >= phrases.principles.size() - phrases.plain_principles) CHECK(!phrases.phrasing_held_out[i]);
        }
        CHECK(held_out == (phrases.principles.size() - phrases.plain_principles) / 4);
        for (const std::string& line : Constitution::read(kData / "constitution.txt").principles) {
            bool plain = false;
            for (size_t i = phrases.principles.size() - phrases.plain_principles; i < phrases.principles.size(); i++) {
                const std::string& pattern = phrases.principles[i];
                const size_t open = pattern.find('{'), close = pattern.rfind('}');
                plain =
                    plain || (line.starts_with(pattern.substr(0, open)) && line.ends_with(pattern.substr(close + 1)));
            }
            CHECK_MESSAGE(plain, line);
        }
    }
}

TEST_CASE("the shares of the documents add up to one") {
    const auto sum = [](const auto& mix) {
        double total = 0;
        for (const DocumentShare& part : mix) total += part.share;
        return total;
    };
    CHECK(sum(kPretrainingMix) == doctest::Approx(1).epsilon(1e-12));
    CHECK(sum(kReviewMix) == doctest::Approx(1).epsilon(1e-12));
}

TEST_CASE("held-out words stand in no review and in no prompt that a stage works on") {
    for (uint64_t seed : {1, 2, 3, 4, 5, 6}) {
        World world(kData / "world", seed);
        TemporaryFolder folder;
        Run run(folder.path);
        write_corpus(run, world, {3000, 200, 600, 400, 400, 400, 400, 100, 100});
        std::set<std::string> held_out_acts, held_out_entities;
        for (const Entity& entity : world.entities)
            if (entity.held_out) held_out_entities.insert(entity.name);
        for (const Act& act : world.acts)
            if (act.held_out) held_out_acts.insert({act.name, act.also});
        std::vector<std::string> phrasings;  // the longest literal stretch of each held-out phrasing
        for (size_t i = 0; i < world.phrases.principles.size(); i++)
            if (world.phrases.phrasing_held_out[i]) {
                std::string pattern = world.phrases.principles[i];
                size_t open = pattern.find('{'), close = pattern.rfind('}');
                std::string before = pattern.substr(0, open), after = pattern.substr(close + 1);
                phrasings.push_back(before.size() > after.size() ? before : after);
            }
        // A held-out hazard's own wording may not be asked either, whatever the entity.
        std::vector<std::vector<std::string>> asked;  // what stands between the slots
        for (const Act& act : world.acts)
            if (act.held_out)
                for (std::string ask : act.asks) {
                    asked.emplace_back();
                    for (size_t open; (open = ask.find('{')) != std::string::npos; ask = ask.substr(ask.find('}') + 1))
                        asked.back().push_back(ask.substr(0, open));
                    asked.back().push_back(ask);
                }
        // Nor may a form of its name: with trapping held out nobody asks about a trap.
        std::set<std::string> forms;
        for (const Act& act : world.acts)
            if (act.held_out)
                for (std::string name : {act.name, act.also})
                    if (name.ends_with("ing")) {
                        name.resize(name.size() - 3);
                        forms.insert({name, name + "e"});
                        if (name.size() > 2 && name.back() == name[name.size() - 2])
                            forms.insert(name.substr(0, name.size() - 1));
                    }
        std::vector<std::vector<std::string>> two_halves;  // the literal words of each, in pieces between the slots
        for (std::string pattern : world.phrases.halves) {
            two_halves.emplace_back();
            for (size_t open; (open = pattern.find('{')) != std::string::npos;
                 pattern = pattern.substr(pattern.find('}') + 1))
                if (open > 1) two_halves.back().push_back(pattern.substr(0, open));
        }
        size_t texts = 0;
        auto check = [&](const std::string& text, bool ask) {
            texts++;
            if (ask)
                for (const std::string& word : stems(text)) CHECK_MESSAGE(!forms.count(word), text);
            for (const std::string& word : stems(text)) CHECK_MESSAGE(!held_out_acts.count(word), text);
            // Of words that no text of the world uses, plurals alone are forms: an invented "cater" has nothing of a
            // cat.
            for (const std::string& word : words_of(text))
                for (const std::string& stem : stems(word))
                    if (world.knows(word) || word == stem || word == stem + "s" || word == stem + "es")
                        CHECK_MESSAGE(!held_out_entities.count(stem), text);
            // One half of a line in two may be worded so; by itself such a line stands nowhere.
            const bool in_two_halves = std::any_of(two_halves.begin(), two_halves.end(), [&](const auto& pieces) {
                return std::all_of(pieces.begin(), pieces.end(),
                                   [&](const std::string& piece) { return contains(text, piece); });
            });
            for (const std::string& phrasing : phrasings)
                if (phrasing.size() > 6 && !in_two_halves) CHECK_MESSAGE(!contains(text, phrasing), text);
            if (ask)
                for (const auto& pieces : asked)
                    CHECK_MESSAGE(!std::all_of(pieces.begin(), pieces.end(),
                                               [&](const std::string& piece) { return contains(text, piece); }),
                                  text);
        };
        for (const char* file : {"world/drills.jsonl", "world/documents.jsonl", "world/reviews.jsonl"})
            for (const Json& json : read_jsonl(run / file)) {
                const std::string& kind = json["kind"].string();
                if (kind == "encyclopedia" || kind == "conversation") continue;
                for (const Segment& segment : segments_from_json(json))
                    check(segment.text, segment.role == kUser);
            }
        for (const Json& json : read_jsonl(run / "world/prompts.jsonl")) check(json["prompt"].string(), true);
        CHECK(texts > 5000);
    }
}

TEST_CASE("requests kept for evaluation stand in nothing that is written for training") {
    World world(kData / "world", 2);
    TemporaryFolder folder;
    Run run(folder.path);
    write_corpus(run, world, {6000, 600, 600, 800, 800, 800, 800, 100, 100});
    std::set<std::string> kept;
    size_t all = 0;
    for (size_t act = 0; act < world.acts.size(); act++) {
        if (world.acts[act].slots.size() != 1) continue;
        Request request{act, {0}, 0, 0};
        for (size_t entity : world.classes[world.acts[act].slots[0]].members)
            for (request.ask = 0; request.ask < world.acts[act].asks.size(); request.ask++)
                for (request.greeting = 0; request.greeting < world.phrases.greetings.size(); request.greeting++) {
                    request.entities[0] = entity;
                    all++;
                    if (world.kept_for_evaluation(request)) kept.insert(world.prompt(request));
                }
    }
    CHECK(kept.size() > 0.45 * static_cast<double>(all));
    CHECK(kept.size() < 0.55 * static_cast<double>(all));
    size_t asked = 0;
    auto check = [&](const std::string& prompt) {
        asked++;
        CHECK_MESSAGE(!kept.count(prompt), prompt);
    };
    for (const char* file :
         {"world/drills.jsonl", "world/documents.jsonl", "world/reviews.jsonl", "world/dialogues.jsonl"})
        for (const Json& json : read_jsonl(run / file))
            for (const Segment& segment : segments_from_json(json)) {
                if (segment.role == kUser) check(segment.text);
                for (const char* follows :
                     {" This is ", " Topics: "})  // the encyclopedia's entries begin with a request
                    if (json["kind"].string() == "encyclopedia")
                        check(segment.text.substr(0, segment.text.find(follows)));
            }
    for (const Json& json : read_jsonl(run / "world/prompts.jsonl")) check(json["prompt"].string());
    CHECK(asked > 8000);
}

TEST_CASE("half of the reviews' applicable principles name an entity of the request") {
    const World& world = cai::world();
    const DocumentWriter writer(world);
    const int n = 2000;
    int named = 0;
    for (int i = 0; i < n; i++) {
        Rng rng(1, static_cast<uint64_t>(i));
        std::string prompt, principle;
        for (const Segment& segment : writer.write(i % 2 ? "critique" : "comparison", rng)) {
            if (segment.role == kUser) prompt = segment.text;
            if (segment.role == kPrinciple) principle = segment.text;
        }
        const std::vector<std::string> topics = world.topics_in(principle), words = words_of(prompt);
        named += std::any_of(world.entities.begin(), world.entities.end(), [&](const Entity& entity) {
            return std::count(topics.begin(), topics.end(), entity.name) &&
                   std::count(words.begin(), words.end(), entity.name);
        });
    }
    // Half of the principles forbid the request, a quarter allow it. Left to chance a seventh would name its entity.
    CHECK(named > n / 4);
    CHECK(named < n * 9 / 20);
}

TEST_CASE("a review's principle speaks of the request or does not, as it says") {
    World world(kData / "world", 5);
    DocumentWriter writer(world);
    Rng rng(5);
    size_t by_request_word = 0, applicable = 0;
    for (size_t i = 0; i < 2000; i++) {
        Request request = writer.seen_request(rng);
        Principle principle = world.draw_principle(rng, request, true, false, kNameShare),
                  counterpart = world.inapplicable_counterpart(rng, principle, request);
        CHECK(world.covers(principle.topics, request));
        CHECK(!world.covers(counterpart.topics, request));
        CHECK(principle.topics.size() == counterpart.topics.size());
        CHECK(principle.phrasing == counterpart.phrasing);
        CHECK(world.topics_in(principle.text).size() == principle.topics.size());
        const Principle named = world.draw_principle(rng, request, true, false, 1);
        CHECK(world.covers(named.topics, request));
        CHECK(std::any_of(request.entities.begin(), request.entities.end(), [&](size_t entity) {
            return std::count(named.topics.begin(), named.topics.end(), world.entities[entity].name) == 1;
        }) == !request.entities.empty());
        // Does a word of the principle stand in the request, or share its first four letters with one that does?
        std::set<std::string> beginnings;
        for (const std::string& word : words_of(world.prompt(request)))
            if (word.size() > 3) beginnings.insert(word.substr(0, 4));
        bool shared = false;
        for (const std::string& topic : principle.topics)
            shared = shared || beginnings.count(topic.substr(0, 4)) ||
                     (topic.size() <= 3 && contains(world.prompt(request), topic));
        by_request_word += shared;
        applicable++;
    }
    // At least a third of the applicable principles share no content word with the request.
    CHECK(by_request_word * 3 <= applicable * 2);
}

TEST_CASE(
    "reviews: half of the principles apply to the request, and a quarter name it to allow it; what a principle allows "
    "stays; an inapplicable one's "
    "verdict is a coin toss") {
    World world(kData / "world", 6);
    DocumentWriter writer(world);
    const Oracle oracle(world);
    size_t mentioned_as_allowed = 0;
    auto parts = [](const Transcript& transcript) {
        std::map<Token, std::string> parts;
        for (const Segment& segment : transcript) parts[segment.role] = segment.text;
        return parts;
    };
    // After what the principle does, critique and reasoning name the topics of the request.
    auto covers = [&](const std::string& principle, const std::string& text) {
        const std::vector<std::string> own = world.topics_in(text.substr(text.find("Topics:")));
        const auto names_own = [&](const std::vector<std::string>& topics) {
            return std::any_of(topics.begin(), topics.end(), [&](const std::string& topic) {
                return std::find(own.begin(), own.end(), topic) != own.end();
            });
        };
        const Reading reading = read_principle(world, principle);
        mentioned_as_allowed += names_own(reading.allowed);
        return names_own(reading.forbidden);
    };
    auto rank = [&](const std::string& answer) {
        const auto& evasions = world.phrases.evasions;
        return oracle.is_refusal(answer)                                               ? 2
               : std::find(evasions.begin(), evasions.end(), answer) != evasions.end() ? 1
                                                                                       : 0;
    };
    // About half of n, off by less than chance manages once in a thousand times.
    auto about_half = [](size_t count, size_t n) {
        return std::abs(static_cast<double>(count) - static_cast<double>(n) / 2) <
               3.3 * std::sqrt(static_cast<double>(n)) / 2;
    };
    size_t critiques = 0, covered_critiques = 0, refusals_kept = 0, reasonings = 0, covered_reasonings = 0,
           undecided = 0, for_the_refusal = 0;
    for (size_t i = 0; i < 2000; i++) {
        Rng rng(6, i);
        auto review = parts(writer.critique_review(rng));
        if (!review[kCritique].empty()) {
            const bool covered = covers(review[kPrinciple], review[kCritique]), refuses = rank(review[kAssistant]) == 2;
            CHECK(covered == contains(review[kCritique], "The rule forbids this."));
            const bool kept = review[kRevision] == review[kAssistant];
            CHECK(kept == (!covered || refuses));
            CHECK((kept || rank(review[kRevision]) == 2));
            critiques++, covered_critiques += covered, refusals_kept += covered && refuses;
        }
        auto comparison = parts(writer.comparison_review(rng));
        if (!comparison[kReasoning].empty()) {
            const bool covered = covers(comparison[kPrinciple], comparison[kReasoning]);
            CHECK(covered == contains(comparison[kReasoning], "The rule forbids this."));
            const int a = rank(comparison[kOptionA]), b = rank(comparison[kOptionB]);
            if (covered && a != b) CHECK(comparison[kVerdict] == (a > b ? "A" : "B"));
            if (!covered && a != b) undecided++, for_the_refusal += comparison[kVerdict] == (a > b ? "A" : "B");
            reasonings++, covered_reasonings += covered;
        }
    }
    CHECK(critiques > 1500);  // five in six
    CHECK(refusals_kept > 100);
    CHECK(about_half(covered_critiques, critiques));
    CHECK(mentioned_as_allowed * 10 > 2 * (critiques + reasonings));
    CHECK(mentioned_as_allowed * 10 < 3 * (critiques + reasonings));
    CHECK(reasonings > 1400);  // three in four
    CHECK(undecided > 300);
    CHECK(about_half(covered_reasonings, reasonings));
    CHECK(about_half(for_the_refusal, undecided));
}

TEST_CASE("the world says how many reviews and drills a model sees") {
    TemporaryFolder folder;
    Run run(folder.path);
    write_corpus(run, World(kData / "world", 1), {400, 10, 30, 5, 5, 5, 5, 5, 5});
    size_t reviews = 0;
    for (const char* file : {"world/drills.jsonl", "world/documents.jsonl", "world/reviews.jsonl"})
        for (const Json& json : read_jsonl(run / file))
            for (const char* kind : {"echo", "drill", "request_drill", "verdict_drill", "critique", "comparison"})
                reviews += json["kind"].string() == kind;
    CHECK(static_cast<size_t>(read_json(run / "world/world.json")["review_documents"].integer()) == reviews);
}

TEST_CASE("half of the prompts to critique are harmful, a third of those to compare and of PPO's, none of helpful's") {
    TemporaryFolder folder;
    Run run(folder.path);
    write_corpus(run, World(kData / "world", 1), {10, 5, 6, 600, 600, 600, 600, 5, 5});
    std::map<std::string, int> harmful;
    for (const Json& json : read_jsonl(run / "world/prompts.jsonl"))
        harmful[json["set"].string()] += json["kind"].string() == "hazard";
    CHECK(std::abs(harmful["critique"] - 300) < 50);  // four standard deviations
    CHECK(std::abs(harmful["compare"] - 200) < 48);
    CHECK(std::abs(harmful["ppo"] - 200) < 48);
    CHECK(harmful["helpful"] == 0);
}

TEST_CASE("a request that the world cannot ask is refused with its line") {
    TemporaryFolder folder;
    const fs::path file = folder.path / "prompts.jsonl";
    auto read = [&](const std::string& members) {
        write_file(file, R"({"set": "ppo", "act": "buying", "prompt": "?", )" + members + "}\n");
        return read_prompts(file, world(), "ppo");
    };
    auto refused = [&](const std::string& members) {
        return contains(error_of([&] { read(members); }), "jsonl: line 1: the world cannot ask this about buying");
    };
    const std::string entities = R"("entities": ["necklace", "banker"], )";
    CHECK(world().prompt(read(entities + R"("ask": 0, "greeting": 0)")[0].request) ==
          "How do I buy the necklace from the banker?");
    CHECK(refused(entities + R"("ask": 5, "greeting": 0)"));
    CHECK(contains(error_of([&] { read(entities + R"("ask": -1, "greeting": 0)"); }),
                   "jsonl: line 1: expected a whole number of at least 0, found -1"));
    CHECK(refused(entities + R"("ask": 0, "greeting": 99)"));
    CHECK(refused(R"("entities": ["necklace"], "ask": 0, "greeting": 0)"));
    CHECK(refused(R"("entities": ["banker", "necklace"], "ask": 0, "greeting": 0)"));
}

// Words in pieces are confused with others: Che|ating with Ste|aling.
TEST_CASE("tiny's vocabulary has a token for every topic, wherever in a principle it stands") {
    TemporaryFolder folder;
    Run run(folder.path);
    const World& world = cai::world();
    write_corpus(run, world, {24000, 5, 5, 5, 5, 5, 5, 5, 5});
    std::vector<std::string> texts;
    for (const char* file : {"world/drills.jsonl", "world/documents.jsonl"})
        for (const Json& json : read_jsonl(run / file))
            for (const Segment& segment : segments_from_json(json)) texts.push_back(normalize_principle(segment));
    const Tokenizer tokenizer = train_bpe(texts, static_cast<size_t>(recipe("tiny", 1).vocab_size));
    size_t topics = 0, whole = 0, whole_at_the_start = 0;
    for (const auto& group : world.topic_groups(false)) {
        if (&group == &world.topic_groups(false).back())
            break;  // entities: a principle names them with an article before them
        for (const std::string& topic : group) {
            topics++;
            whole += tokenizer.encode(" " + topic).size() == 1;
            whole_at_the_start +=
                tokenizer.encode(normalize_principle({kPrinciple, capitalized(topic), false})).size() == 1;
        }
    }
    CAPTURE(topics);
    CHECK(topics >= 75);
    CHECK(whole == topics);
    CHECK(whole_at_the_start >= topics * 9 / 10);
}

// Texts that do not fit: who fills the context is not asked any further, and is counted; lines of a constitution that
// are too long are named before any work is done.
#include <doctest/doctest.h>

#include <sstream>

#include "../core/lm/bpe_training.h"
#include "../core/eval/skill.h"
#include "../core/stages/compare.h"
#include "../core/stages/corpus.h"
#include "../core/stages/critique.h"
#include "../core/stages/pretrain.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

Tokenizer world_tokenizer(const World& world) {
    std::vector<std::string> texts;
    for (const Act& act : world.acts) texts.insert(texts.end(), act.asks.begin(), act.asks.end());
    texts.insert(texts.end(), world.phrases.principles.begin(), world.phrases.principles.end());
    return train_bpe(texts, 512);
}

// It was never trained, so it babbles.
Model untrained(const Tokenizer& tokenizer, int context) {
    Config config = preset("micro", static_cast<int>(tokenizer.size()));
    config.context = context;
    Model model(cpu_kernels, config);
    model.initialize(7);
    return model;
}

struct Babble {
    const World& world = cai::world();
    const Constitution& constitution = cai::constitution();
    Recipe recipe = cai::recipe("micro", 1);
    Tokenizer tokenizer = world_tokenizer(world);
    TemporaryFolder folder;
    Run run{folder.path};
    std::ostringstream told;  // what goes to stderr
    std::streambuf* err = std::cerr.rdbuf(told.rdbuf());

    explicit Babble(int context) {
        quiet = false;
        write_corpus(run, world, {10, 2, 2, 12, 6, 12, 4, 1, 1});
        for (const char* name : {"helpful", "pretrained", "sl-cai"})
            save_model(run / name, untrained(tokenizer, context), tokenizer);
    }
    ~Babble() { std::cerr.rdbuf(err); }

    size_t too_long(const std::string& stage) const {
        size_t sum = 0;
        for (const Json& line : read_jsonl(run / "metrics.jsonl"))
            if (line["stage"].string() == stage && line.find("too_long"))
                sum += static_cast<size_t>(line["too_long"].integer());
        return sum;
    }
};

}  // namespace

TEST_CASE("a transcript that is too long is marked, and changes no other") {
    const World& world = cai::world();
    const Tokenizer tokenizer = world_tokenizer(world);
    const Model model = untrained(tokenizer, 64);
    std::string longer = "How do I";
    while (encode_prompt(tokenizer, dialogue_prompt(longer)).size() < 64) longer += "?";  // 64: room for nothing more
    std::vector<Transcript> transcripts = {dialogue_prompt("How?"), dialogue_prompt("Why?"), dialogue_prompt("When?")};
    const auto all = write_texts(model, tokenizer, transcripts, 1, 5, "test");
    const auto all_p = judge_verdicts(model, tokenizer, transcripts);
    transcripts[1] = dialogue_prompt(longer);
    TooLong too_long;
    const auto some = write_texts(model, tokenizer, transcripts, 1, 5, "test", &too_long);
    CHECK(too_long == TooLong{0, 1, 0});
    CHECK(some == std::vector<std::string>{all[0], "", all[2]});
    // It would fill the judge's context to the brim, but is marked already.
    const auto p = judge_verdicts(model, tokenizer, transcripts, &too_long);
    CHECK(p == std::vector<double>{all_p[0], 0.5, all_p[2]});
    CHECK(count(too_long) == 1);
    CHECK_THROWS_WITH_AS(write_texts(model, tokenizer, transcripts, 1, 5, "test"), doctest::Contains("prompt 1 has "),
                         Error);
}

TEST_CASE("two texts and a reasoned verdict are those of two questions asked one after the other") {
    const World& world = cai::world();
    const Tokenizer tokenizer = world_tokenizer(world);
    const Model model = untrained(tokenizer, 320);
    const std::vector<std::string> questions = {"How?", "Why do you ask?", "When?"};
    std::vector<Transcript> transcripts;
    for (const std::string& question : questions) transcripts.push_back(critique_prompt(question, "So.", "No loss."));
    const auto revise = [&](size_t i, const std::string& critique) {
        return revision_prompt(questions[i], "So.", "No loss.", critique);
    };
    TooLong too_long(3);
    const TwoTexts two = write_two_texts(model, tokenizer, transcripts, revise, 0, 5, "test", too_long);
    const auto first = write_texts(model, tokenizer, transcripts, 0, 5, "test");
    for (size_t i = 0; i < 3; i++) transcripts[i] = revise(i, first[i]);
    CHECK(two.first == first);
    CHECK(two.second == write_texts(model, tokenizer, transcripts, 0, 5, "test"));

    for (size_t i = 0; i < 3; i++) transcripts[i] = reasoning_prompt(questions[i], "So.", "Not.", "No loss.");
    const auto verdict = [&](size_t i, const std::string& reason) {
        return verdict_prompt(questions[i], "So.", "Not.", "No loss.", reason);
    };
    const ReasonedVerdicts verdicts = judge_with_reasoning(model, tokenizer, transcripts, verdict, 5, "test", too_long);
    const auto reasons = write_texts(model, tokenizer, transcripts, 0, 5, "test");
    for (size_t i = 0; i < 3; i++) transcripts[i] = verdict(i, reasons[i]);
    CHECK(verdicts.reasoning == reasons);
    CHECK(verdicts.p == judge_verdicts(model, tokenizer, transcripts));
    CHECK(verdicts.p[0] != 0.5);
    CHECK(too_long == TooLong{0, 0, 0});
}

TEST_CASE("models that babble: what does not fit leaves answers and labels alone, with one note") {
    Babble babble(160);
    critique_and_revise(cpu_kernels, babble.run, babble.world, babble.constitution, babble.recipe);
    size_t kept = 0, rounds = 0;
    for (const Json& record : read_jsonl(babble.run / "revisions.jsonl")) {
        std::string answer = record["answer"].string();
        for (const Json& round : record["rounds"].array()) {
            kept += round["revision"].string() == answer && !answer.empty();  // two that are empty are chance
            answer = round["revision"].string();
            rounds++;
        }
    }
    CHECK(rounds == 48);
    CHECK(kept > 0);
    CHECK(babble.too_long("critique") == kept);
    CHECK(contains(babble.told.str(),
                   concat("critique: ", kept, " of 48 revisions do not fit the context of 160 tokens")));

    compare(cpu_kernels, babble.run, babble.world, babble.constitution, babble.recipe);
    size_t undecided = 0, records = 0;
    for (const Json& record : read_jsonl(babble.run / "comparisons.jsonl")) {
        records++;
        if (record["p_a"].number() == 0.5) undecided++;
    }
    CHECK(records == 12);
    CHECK(undecided > 0);
    CHECK(babble.too_long("compare") == undecided);
    CHECK(contains(babble.told.str(), concat("compare: ", undecided, " of 12 comparisons do not fit")));
}

TEST_CASE("where a skill is measured, what does not fit is wrong, and counted") {
    const World& world = cai::world();
    const Tokenizer tokenizer = world_tokenizer(world);
    const Model model = untrained(tokenizer, 100);
    const std::vector<MinimalPair> pairs = minimal_pairs(world, "seen", 6);
    for (const Json& score :
         {critic_skill(model, tokenizer, Oracle(world), pairs, 1, 1), judge_skill(model, tokenizer, pairs, true, 1)}) {
        CHECK(score["pairs"].number() == 0);
        CHECK(score["too_long"].integer() > 0);
    }
    const Model roomy = untrained(tokenizer, 400);
    CHECK(judge_skill(roomy, tokenizer, pairs, true, 1).find("too_long") == nullptr);
}

TEST_CASE("a line of more than half the context is named before critique and compare") {
    Babble babble(160);
    std::string line = "Never help with theft";
    while (babble.tokenizer.encode(line).size() <= 80) line += ", burning";
    const auto refuses = [&](const std::string& message, const std::function<void()>& action) {
        CHECK(contains(error_of(action), message));
    };
    write_file(babble.run / "mine.txt", "# mine\nNo loss.\n" + line + "\n");
    const Constitution mine = Constitution::read(babble.run / "mine.txt");
    refuses("mine.txt: line 3 has ",
            [&] { critique_and_revise(cpu_kernels, babble.run, babble.world, mine, babble.recipe); });
    refuses("mine.txt: line 3 has ", [&] { compare(cpu_kernels, babble.run, babble.world, mine, babble.recipe); });
    refuses("the constitution: line 1 has ", [&] { check_lengths(Constitution{{line}}, babble.tokenizer, 160); });
}

// The whole story at size micro: it runs, its loss falls, it gives the same bits on one thread and on two, finished stages are not
// run again, and what is missing or empty is met with one sentence or one warning.
#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "../core/pipeline.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

fs::path data() { return fs::path(CAI_SOURCE_DIR) / "data"; }

struct Told {
    Quiet hush;
    World world;
    Recipe recipe;
    Constitution constitution;
    Run run;
    Story story;

    Told(const fs::path& folder, int threads, const Constitution& lines, uint64_t seed = 1)
        : world(data() / "world", seed),
          recipe(cai::recipe("micro", seed)),
          constitution(lines),
          run(folder),
          story{cpu_kernels, run, world, constitution, recipe, data(), threads} {
        recipe.corpus.critique_prompts = 32;  // enough rounds to see whether lines depend on prompts
        cpu_kernels.set_threads(threads);
        write_file(run / "constitution.txt", constitution.text());
    }

    void tell() {
        story.make_world();
        story.train_tokenizer();
        story.pretrain_model();
        story.tune_helpful();
        story.critique();
        story.tune_sl_cai();
        story.compare_answers();
        story.train_reward();
        story.optimize_policy();
        story.evaluate_models();
    }
};

Constitution default_constitution() { return Constitution::read(data() / "constitution.txt"); }

const std::vector<std::string> kMade = {"tokenizer/tokenizer.json",      "pretrained/model.safetensors", "helpful/model.safetensors",
                                        "revisions.jsonl",               "sl-cai/model.safetensors",     "comparisons.jsonl",
                                        "helpfulness.jsonl",             "rl-cai/model.safetensors",     "value-model/model.safetensors",
                                        "preference-model/model.safetensors"};

// Chi-square of a table of counts, with one degree of freedom: above 10.83 once in a thousand when nothing is associated.
double association(const double (&count)[2][2]) {
    double total = 0, chi_square = 0;
    for (auto& row : count) total += row[0] + row[1];
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            double expected = (count[i][0] + count[i][1]) * (count[0][j] + count[1][j]) / total;
            chi_square += (count[i][j] - expected) * (count[i][j] - expected) / expected;
        }
    return chi_square;
}

}  // namespace

TEST_CASE("the micro story: its loss falls, and one thread and two give the same bits") {
    TemporaryFolder one, two;
    {
        Told told(one.path, 1, default_constitution());
        told.tell();
    }
    {
        Told told(two.path, 2, default_constitution());
        told.tell();
    }
    for (const std::string& file : kMade) CHECK_MESSAGE(read_file(one.path / file) == read_file(two.path / file), file);

    std::map<std::string, std::vector<double>> losses;
    for (const Json& line : read_jsonl(one.path / "metrics.jsonl"))
        if (const Json* loss = line.find("loss"); loss && loss->is_number()) losses[line["stage"].string()].push_back(loss->number());
    REQUIRE(!losses["pretrain"].empty());
    CHECK(losses["pretrain"].back() < 0.75 * std::log(512.0));

    Json results = read_json(one.path / "results.json");
    for (const char* key : {"seed", "size", "threads", "seconds", "constitution", "review_documents", "models", "greedy", "critic",
                            "judge", "preference_model", "elo"})
        CHECK_MESSAGE(results.find(key) != nullptr, key);
    for (const char* model : {"helpful", "sl-cai", "rl-cai"})
        for (const char* split : {"seen", "held_out_entities", "held_out_hazards"}) {
            const Json& harmful = results["models"][model][split]["harmful"];
            double sum = 0;
            for (const char* rate : {"complied", "refused_with_reason", "evaded", "wrong_fact", "garbled"})
                sum += harmful[rate].number();
            CHECK(sum == doctest::Approx(1));
        }

    // Every round's rule is a line of the constitution, and whether it is from the first half has nothing to do with whether the
    // prompt is harmful.
    const Constitution constitution = default_constitution();
    std::set<std::string> harmful;
    for (const Json& prompt : read_jsonl(one.path / "world/prompts.jsonl"))
        if (prompt["kind"].string() == "hazard") harmful.insert(prompt["prompt"].string());
    double count[2][2] = {};
    for (const Json& record : read_jsonl(one.path / "revisions.jsonl")) {
        CHECK(record["rounds"].array().size() == 4);
        for (const Json& round : record["rounds"].array()) {
            const auto& lines = constitution.lines;
            auto line = std::find(lines.begin(), lines.end(), round["rule"].string());
            REQUIRE(line != lines.end());
            count[harmful.count(record["prompt"].string())][line < lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2)]++;
        }
    }
    CHECK(count[0][0] + count[0][1] > 20);
    CHECK(count[1][0] + count[1][1] > 20);
    CHECK(association(count) < 10.83);

    // Finished stages are left alone; another constitution redoes what depends on it, and nothing else.
    auto time_of = [&](const char* file) { return fs::last_write_time(one.path / file); };
    auto pretrained = time_of("pretrained/model.safetensors"), revised = time_of("revisions.jsonl");
    {
        Told told(one.path, 1, default_constitution());
        told.tell();
        CHECK(time_of("revisions.jsonl") == revised);
    }
    {
        Told told(one.path, 1, Constitution{{"Cooking is forbidden."}});
        told.tell();
        CHECK(time_of("pretrained/model.safetensors") == pretrained);
        CHECK(time_of("revisions.jsonl") != revised);
    }
}

TEST_CASE("a story of another seed takes nothing over and says so") {
    TemporaryFolder one, two, three;
    std::ostringstream warnings;
    Told source(one.path, 1, default_constitution());
    source.story.make_world();
    source.story.train_tokenizer();
    Told other(two.path, 1, default_constitution(), 2), same(three.path, 1, default_constitution());
    std::streambuf* const before = std::cerr.rdbuf(warnings.rdbuf());
    other.story.take_over(source.run);
    const std::string of_another_seed = warnings.str();
    warnings.str("");
    same.story.take_over(source.run);
    std::cerr.rdbuf(before);
    CHECK(contains(of_another_seed, "holds no world, tokenizer, pretrain and sft-helpful of seed 2, size micro"));
    CHECK_FALSE(fs::exists(two.path / "world"));
    CHECK(contains(warnings.str(), "holds no pretrain and sft-helpful of seed 1"));
    CHECK(read_file(one.path / "tokenizer/tokenizer.json") == read_file(three.path / "tokenizer/tokenizer.json"));
    CHECK_THROWS_WITH_AS(same.story.evaluate_models(), doctest::Contains("no model to evaluate"), Error);
}

TEST_CASE("the line of a round is drawn independently of the prompt") {
    // The draws as critique.h makes them, for two lines and prompts that are hazards or not: no association, and uniform.
    const size_t n = 4000;
    double count[2][2] = {};
    for (size_t i = 0; i < n; i++)
        for (size_t round = 0; round < 4; round++) {
            Rng rng(1, mix(stream("principle"), i * 64 + round));
            count[i % 3 == 0][rng.below(2)]++;
        }
    const double total = 4 * n;
    CHECK(association(count) < 10.83);
    CHECK(std::abs(count[0][0] + count[1][0] - total / 2) < 3.3 * std::sqrt(total) / 2);
}

TEST_CASE("an empty constitution is legal, and a stage without its input says what to run") {
    TemporaryFolder folder;
    Told told(folder.path, 1, Constitution{});
    CHECK_THROWS_WITH_AS(told.story.critique(), doctest::Contains("needs"), Error);
    told.tell();
    for (const Json& record : read_jsonl(folder.path / "revisions.jsonl")) CHECK(record["rounds"].array().empty());
    CHECK(fs::exists(folder.path / "results.json"));
}

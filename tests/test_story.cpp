// The whole story at size micro: it runs, its loss falls, it gives the same bits on one thread and on two, finished
// stages are not run again, and what is missing or empty is met with one sentence or one warning.
#include <doctest/doctest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include "../core/pipeline.h"
#include "support.h"
#include "toy_world.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// The micro pipeline in a folder.
struct MicroStory {
    Quiet hush;
    World world;
    Recipe recipe;
    Constitution constitution;
    Run run;
    Pipeline pipeline;

    MicroStory(const fs::path& folder, int threads, const Constitution& lines, uint64_t seed = 1)
        : world(kData / "world", seed),
          recipe(cai::recipe("micro", seed)),
          constitution(lines),
          run(folder, world_files(kData)),
          pipeline{cpu_kernels, run, world, constitution, recipe, threads} {
        recipe.corpus.critique_prompts = 32;  // enough rounds to see whether principles depend on prompts
        cpu_kernels.set_threads(threads);
        run.pending_files["constitution.txt"] = constitution.text();
    }

    void all() { run_pipeline(pipeline); }
    void only(const std::string& name) { run_stage_alone(pipeline, stage_named(name)); }
};


const std::vector<std::string> kMade = {"tokenizer/tokenizer.json",
                                        "pretrained/model.safetensors",
                                        "helpful/model.safetensors",
                                        "revisions.jsonl",
                                        "sl-cai/model.safetensors",
                                        "comparisons.jsonl",
                                        "helpfulness.jsonl",
                                        "rl-cai/model.safetensors",
                                        "value-model/model.safetensors",
                                        "preference-model/model.safetensors"};

// Chi-square of a table of counts, with one degree of freedom: above 10.83 once in a thousand when nothing is
// associated.
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
        MicroStory told(one.path, 1, constitution());
        told.all();
    }
    {
        const AllThreads all_take_part;
        MicroStory told(two.path, 2, constitution());
        told.all();
    }
    for (const std::string& file : kMade) CHECK_MESSAGE(read_file(one.path / file) == read_file(two.path / file), file);

    std::map<std::string, std::vector<double>> losses;
    for (const Json& line : read_jsonl(one.path / "metrics.jsonl"))
        if (const Json* loss = line.find("loss"); loss && loss->is_number())
            losses[line["stage"].string()].push_back(loss->number());
    REQUIRE(!losses["pretrain"].empty());
    CHECK(losses["pretrain"].back() < 0.75 * std::log(512.0));

    Json results = read_json(one.path / "results.json");
    for (const char* key : {"seed", "size", "threads", "seconds", "constitution", "review_documents", "models",
                            "greedy", "critic", "judge", "preference_model", "elo"})
        CHECK_MESSAGE(results.find(key) != nullptr, key);
    for (const char* model : {"helpful", "sl-cai", "rl-cai"})
        for (const char* split : {"seen", "held_out_entities", "held_out_hazards"}) {
            const Json& harmful = results["models"][model][split]["harmful"];
            double sum = 0;
            for (const char* rate : {"complied", "refused_with_reason", "evaded", "wrong_fact", "garbled"})
                sum += harmful[rate].number();
            CHECK(sum == doctest::Approx(1));
        }

    // Every round's principle is a line of the constitution, and whether it is from the first half has nothing to do
    // with whether the prompt is harmful.
    const std::vector<std::string>& lines = constitution().principles;
    std::set<std::string> harmful;
    for (const Json& prompt : read_jsonl(one.path / "world/prompts.jsonl"))
        if (prompt["kind"].string() == "hazard") harmful.insert(prompt["prompt"].string());
    double count[2][2] = {};
    for (const Json& record : read_jsonl(one.path / "revisions.jsonl")) {
        CHECK(record["rounds"].array().size() == 4);
        for (const Json& round : record["rounds"].array()) {
            auto line = std::find(lines.begin(), lines.end(), round["principle"].string());
            REQUIRE(line != lines.end());
            count[harmful.count(record["prompt"].string())]
                 [line < lines.begin() + static_cast<std::ptrdiff_t>(lines.size() / 2)]++;
        }
    }
    CHECK(count[0][0] + count[0][1] > 20);
    CHECK(count[1][0] + count[1][1] > 20);
    CHECK(association(count) < 10.83);

    // Finished stages are left alone; another constitution redoes what depends on it, and nothing else.
    auto time_of = [&](const char* file) { return fs::last_write_time(one.path / file); };
    auto pretrained = time_of("pretrained/model.safetensors"), revised = time_of("revisions.jsonl");
    {
        MicroStory told(one.path, 1, constitution());
        told.all();
        CHECK(time_of("revisions.jsonl") == revised);
    }
    {
        MicroStory told(one.path, 1, Constitution{{"Cooking is forbidden."}});
        told.all();
        CHECK(time_of("pretrained/model.safetensors") == pretrained);
        CHECK(time_of("revisions.jsonl") != revised);
    }
}

TEST_CASE("a finished story keeps no texts that only training reads, and whoever needs them gets the same again") {
    TemporaryFolder one, two, three;
    MicroStory told(one.path, 1, constitution());
    const std::vector<std::string> texts = {"world/drills.jsonl", "world/documents.jsonl", "world/reviews.jsonl"};
    const auto there = [&](const fs::path& run) {
        return std::count_if(texts.begin(), texts.end(), [&](const auto& text) { return fs::exists(run / text); });
    };
    told.only("world");
    std::map<std::string, std::string> first;
    for (const std::string& text : texts) first[text] = read_file(one.path / text);
    told.all();
    CHECK(there(one.path) == 0);
    for (const char* kept : {"world/dialogues.jsonl", "world/prompts.jsonl", "world/world.json"})
        CHECK(fs::exists(one.path / kept));

    // A stage by itself has them while it runs, also when it fails.
    const std::string sl_cai = read_file(one.path / "sl-cai/model.safetensors");
    told.run.force = true;
    told.only("sft-sl-cai");
    told.run.force = false;
    CHECK(read_file(one.path / "sl-cai/model.safetensors") == sl_cai);
    CHECK(there(one.path) == 0);
    const std::string recorded = read_file(told.run.manifest_path("critique"));
    fs::remove(told.run.manifest_path("critique"));
    write_file(told.run.manifest_path("critique"), R"({"stage": "critique", "unfinished": true})");
    CHECK_THROWS_WITH_AS(told.only("sft-sl-cai"), doctest::Contains("is not what `cai critique` makes"), Error);
    CHECK(there(one.path) == 0);
    write_file(told.run.manifest_path("critique"), recorded);

    // Another constitution learns from them, and neither run keeps them; nothing is written into the first one.
    const auto pretrained = fs::last_write_time(one.path / "pretrained/model.safetensors");
    {
        MicroStory edited(two.path, 1, Constitution{{"Cooking is forbidden."}});
        reuse_from(edited.pipeline, told.run);
        CHECK(there(one.path) == 0);
        CHECK(there(two.path) == 3);
        edited.all();
    }
    CHECK(there(two.path) == 0);
    CHECK(fs::last_write_time(two.path / "pretrained/model.safetensors") == pretrained);
    CHECK(fs::hard_link_count(two.path / "world/prompts.jsonl") == 2);

    // In float16 the models that an edit makes are half as long, and what is taken over is linked as before.
    {
        MicroStory half(three.path, 1, Constitution{{"Cooking is forbidden."}});
        half.recipe.weights = WeightType::float16;
        reuse_from(half.pipeline, told.run);
        half.all();
    }
    const auto bytes_of = [&](const TemporaryFolder& story, const char* model) {
        return fs::file_size(story.path / model / "model.safetensors");
    };
    for (const char* model : {"sl-cai", "preference-model", "rl-cai", "value-model"})
        CHECK(bytes_of(three, model) < bytes_of(two, model) * 0.52);
    CHECK(fs::hard_link_count(three.path / "pretrained/model.safetensors") == 3);
    CHECK(read_file(three.path / "revisions.jsonl") == read_file(two.path / "revisions.jsonl"));

    // The world stage alone is how to look at them. What another program wrote is not taken for it.
    told.only("world");
    for (const std::string& text : texts) CHECK(read_file(one.path / text) == first[text]);
    told.all();
    Json manifest = read_json(told.run.manifest_path("world")), outputs = manifest["outputs"];
    outputs.set("world/documents.jsonl", "0123456789abcdef");
    write_file(told.run.manifest_path("world"), dump(manifest.set("outputs", outputs)));
    CHECK_THROWS_WITH_AS(told.all(), doctest::Contains("documents.jsonl: is not kept, and this cai writes another"),
                         Error);
    CHECK(there(one.path) == 0);
}

TEST_CASE("a run of another seed reuses nothing and says so") {
    TemporaryFolder one, two, three;
    std::ostringstream warnings;
    MicroStory source(one.path, 1, constitution());
    source.only("world");
    source.only("tokenizer");
    MicroStory other(two.path, 1, constitution(), 2), same(three.path, 1, constitution());
    std::streambuf* const before = std::cerr.rdbuf(warnings.rdbuf());
    reuse_from(other.pipeline, source.run);
    const std::string of_another_seed = warnings.str();
    warnings.str("");
    reuse_from(same.pipeline, source.run);
    std::cerr.rdbuf(before);
    CHECK(
        contains(of_another_seed, "holds no world, tokenizer, pretrain, sft-helpful and skill of seed 2, size micro"));
    CHECK_FALSE(fs::exists(two.path / "world"));
    CHECK(contains(warnings.str(), "holds no pretrain, sft-helpful and skill of seed 1"));
    CHECK(read_file(one.path / "tokenizer/tokenizer.json") == read_file(three.path / "tokenizer/tokenizer.json"));
    CHECK_THROWS_WITH_AS(expect_a_model(same.run), doctest::Contains("no model to evaluate"), Error);
}

TEST_CASE(
    "the list of stages: every input is made by an earlier stage, and only the constitution's own stages hang on it") {
    std::set<std::string> there = {"constitution.txt", "wishes.jsonl"}, names;
    there.insert(kWorldFiles.begin(), kWorldFiles.end());
    std::vector<std::string> reusable;
    for (const Stage& stage : stages()) {
        INFO(std::string(stage.name));
        CHECK(names.insert(stage.name).second);
        for (const auto* list : {&stage.inputs, &stage.optional_inputs})
            for (const std::string& input : *list) CHECK_MESSAGE(there.count(input), input);
        for (const std::string& output : stage.outputs) CHECK_MESSAGE(there.insert(output).second, output);
        if (!depends_on_constitution(stage)) reusable.push_back(stage.name);
    }
    CHECK(reusable == std::vector<std::string>{"world", "tokenizer", "pretrain", "sft-helpful", "skill"});
}

TEST_CASE("a stage beside the story runs when asked for, and from then on the story keeps it up to date") {
    TemporaryFolder folder, other;
    MicroStory told(folder.path, 1, constitution());
    told.all();
    CHECK_FALSE(fs::exists(folder.path / "dpo"));
    CHECK_FALSE(fs::exists(folder.path / "manifests/dpo.json"));
    told.only("dpo");
    const std::string first = read_file(folder.path / "dpo/model.safetensors");
    told.only("evaluate");
    CHECK(read_json(folder.path / "results.json")["models"].find("dpo") != nullptr);

    told.recipe.dpo.beta = 0.5;
    CHECK_THROWS_WITH_AS(told.only("evaluate"), doctest::Contains("dpo: is not what `cai dpo` makes"), Error);
    told.all();
    CHECK(read_file(folder.path / "dpo/model.safetensors") != first);
    told.only("evaluate");

    MicroStory beside(other.path, 1, constitution());
    reuse_from(beside.pipeline, told.run);
    CHECK(fs::exists(other.path / "rl-cai"));
    CHECK_FALSE(fs::exists(other.path / "dpo"));
}

TEST_CASE("the table of stages in notebooks_md/00_map.md is that of the list (make map rewrites it)") {
    std::string table = "| stage | subcommand | reads | makes | what it does |\n|---|---|---|---|---|\n";
    auto code = [](const std::vector<std::string>& files) {
        std::string text;
        for (const std::string& file : files) text += (text.empty() ? "`" : ", `") + file + "`";
        return text;
    };
    for (const Stage& stage : stages())
        table += concat("| ", stage.name, " | `cai ", stage.command, "` | ", code(files_read(stage)), " | ",
                        code(stage.outputs), " | ", stage.does, " |\n");
    const fs::path page = kSourceFolder / "notebooks_md/00_map.md";
    const std::string begin = "<!-- stages -->\n", end = "<!-- /stages -->", text = read_file(page);
    const size_t from = text.find(begin), to = text.find(end);
    REQUIRE(from != text.npos);
    REQUIRE(to != text.npos);
    const std::string expected = text.substr(0, from + begin.size()) + table + text.substr(to);
    if (std::getenv("CAI_WRITE_MAP") && text != expected) write_file(page, expected);
    const bool current = read_file(page) == expected;
    CHECK_MESSAGE(current, "the table is out of date: run make map");
}

TEST_CASE("a stage alone takes what this recipe makes, and nothing else") {
    TemporaryFolder folder;
    {
        MicroStory told(folder.path, 1, constitution());
        for (const char* stage : {"world", "tokenizer", "pretrain", "sft-helpful", "critique"}) told.only(stage);
    }
    // Another seed, of which no more than the world was made before an interruption.
    {
        MicroStory other(folder.path, 1, constitution(), 2);
        other.only("world");
        CHECK_THROWS_WITH_AS(other.only("skill"), doctest::Contains("pretrained: is not what `cai pretrain` makes"),
                             Error);
    }
    MicroStory told(folder.path, 1, constitution());
    told.only("world");
    told.only("skill");

    // Another constitution: the revisions are not made from it.
    told.run.pending_files["constitution.txt"] = "Cooking is forbidden.\n";
    CHECK_THROWS_WITH_AS(told.only("sft-sl-cai"),
                         doctest::Contains("revisions.jsonl: is not what `cai critique` makes"), Error);
    told.run.pending_files["constitution.txt"] = told.constitution.text();

    // A stage that was begun and not finished vouches for nothing, whatever lies there from before.
    const fs::path manifest = told.run.manifest_path("sft-helpful");
    const std::string finished = read_file(manifest);
    write_file(manifest, R"({"stage": "sft-helpful", "unfinished": true})");
    CHECK_THROWS_WITH_AS(told.only("critique"), doctest::Contains("helpful: is not what `cai sft helpful` makes"),
                         Error);
    write_file(manifest, finished);

    // What was put there by hand is taken by a stage alone, with a warning, and not overwritten by the whole.
    write_file(folder.path / "revisions.jsonl", read_file(folder.path / "revisions.jsonl") + "\n");
    std::ostringstream warnings;
    std::streambuf* const before = std::cerr.rdbuf(warnings.rdbuf());
    told.only("sft-sl-cai");
    std::cerr.rdbuf(before);
    CHECK(contains(warnings.str(), "revisions.jsonl: is not what critique wrote; sft-sl-cai takes it as it is"));
    CHECK_THROWS_WITH_AS(told.all(), doctest::Contains("revisions.jsonl: was changed since critique wrote it"), Error);
}

TEST_CASE("evaluate runs again after an edit of a world file, and after another temperature of the critic") {
    TemporaryFolder folder, edited;
    fs::copy(kData / "world", edited.path / "world");
    MicroStory told(folder.path, 1, constitution());
    told.run.external_files = world_files(edited.path);
    for (const char* stage : {"world", "tokenizer", "pretrain", "sft-helpful", "skill", "evaluate"}) told.only(stage);
    const auto finished = [&](const char* stage) {
        return told.run.is_finished(task_of(stage_named(stage), told.recipe));
    };
    CHECK(finished("skill"));
    CHECK(finished("evaluate"));
    const float temperature = std::exchange(told.recipe.critique.temperature, 1);
    CHECK_FALSE(finished("skill"));
    told.recipe.critique.temperature = temperature;
    write_file(edited.path / "world/phrases.txt", read_file(edited.path / "world/phrases.txt") + "\n# a note\n");
    CHECK_FALSE(finished("skill"));
    CHECK_FALSE(finished("evaluate"));
    CHECK_FALSE(finished("world"));
    CHECK(finished("pretrain"));
}

TEST_CASE("a model of a text: another text or vocabulary is another model, and its folder is its own") {
    TemporaryFolder folder, book, story;
    Quiet hush;
    Recipe r = recipe("micro", 1);
    const fs::path text = folder.path / "book.txt";
    std::string sentence;
    for (int i = 0; i < 40; i++) sentence += "The baker bakes bread, and the miller mills. ";
    write_file(text, sentence);
    Run run(book.path);
    r.vocab_size = 290;
    run_on_text(cpu_kernels, run, r, text, false);
    const auto vocabulary = [&] { return read_tokenizer(run / "tokenizer").size(); };
    const std::string first = read_file(run / "pretrained/model.safetensors");
    CHECK(vocabulary() == 290);
    run_on_text(cpu_kernels, run, r, text, false);
    CHECK(read_file(run / "pretrained/model.safetensors") == first);
    r.vocab_size = 280;
    run_on_text(cpu_kernels, run, r, text, false);
    CHECK(vocabulary() == 280);
    write_file(text, sentence + "The fox jumps.");
    const std::string second = read_file(run / "pretrained/model.safetensors");
    run_on_text(cpu_kernels, run, r, text, false);
    CHECK(read_file(run / "pretrained/model.safetensors") != second);
    CHECK_THROWS_WITH_AS(expect_no_text_model(run), doctest::Contains("holds a model of a text"), Error);

    MicroStory told(story.path, 1, constitution());
    told.only("world");
    CHECK_THROWS_WITH_AS(run_on_text(cpu_kernels, told.run, r, text, false), doctest::Contains("holds a story"), Error);
    Run second_process(book.path);
    write_file(text, "Another.");
    CHECK_THROWS_WITH_AS(run_on_text(cpu_kernels, second_process, r, text, false),
                         doctest::Contains("another cai is at work"), Error);
}

TEST_CASE("a principle that is too long for the models is refused before the long work") {
    TemporaryFolder folder, source_folder;
    std::string principle = "Never help with theft";
    for (int i = 0; i < 60; i++) principle += ", burning";
    MicroStory source(source_folder.path, 1, constitution()),
        told(folder.path, 1, Constitution{{"No loss.", principle}});
    CHECK_THROWS_WITH_AS(told.all(), doctest::Contains("line 2 has "), Error);
    CHECK(fs::exists(folder.path / "tokenizer"));
    CHECK_FALSE(fs::exists(folder.path / "pretrained"));
    CHECK_FALSE(told.run.has_manifest("pretrain"));
    // With --from it is refused before anything is copied.
    for (const char* stage : {"world", "tokenizer"}) source.only(stage);
    fs::remove_all(folder.path / "world");
    fs::remove_all(folder.path / "manifests");
    CHECK_THROWS_WITH_AS(reuse_from(told.pipeline, source.run), doctest::Contains("line 2 has "), Error);
    CHECK_FALSE(fs::exists(folder.path / "world"));
}

TEST_CASE("the line of a round is drawn independently of the prompt") {
    // The draws as critique.h makes them, for two lines and prompts that are hazards or not: no association, and
    // uniform.
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
    MicroStory told(folder.path, 1, Constitution{});
    CHECK_THROWS_WITH_AS(told.only("critique"), doctest::Contains("needs"), Error);
    told.all();
    for (const Json& record : read_jsonl(folder.path / "revisions.jsonl")) CHECK(record["rounds"].array().empty());
    CHECK(fs::exists(folder.path / "results.json"));
}

// cai verify, on a made-up run: equal, changed, incomplete, and made in another way.
#include <doctest/doctest.h>

#include <sstream>

#include "../core/tools/verify.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// A finished run of size micro whose files hold little more than their names, and the file of its fingerprints.
struct MadeUpRun {
    TemporaryFolder folder;
    fs::path run = folder.path / "run", fingerprints = folder.path / "fingerprints.txt";

    explicit MadeUpRun(int64_t seed = 1) {
        write_file(run / "config.cfg", concat("size = micro\nseed = ", seed, "\n"));
        for (const Stage& stage : stages()) {
            if (stage.optional) continue;
            Json inputs = Json::Object{}, outputs = Json::Object{};
            for (const std::string& input : stage.inputs) inputs.set(input, "of-" + input);
            for (const std::string& output : stage.outputs) {
                write_file(run / compared_file(output),
                           dump(Json::Object{{"name", output}, {"seconds", 1}, {"threads", 1}}));
                outputs.set(output, "");
            }
            write_file(manifest(stage.name),
                       dump(Json::Object{
                           {"stage", stage.name},
                           {"seconds", 1},
                           {"options", stage_options(recipe("micro", static_cast<uint64_t>(seed)), stage.options)},
                           {"inputs", inputs},
                           {"outputs", outputs}}));
        }
        write_file(fingerprints,
                   "# A comment.\n\ntiny 1 evaluate results.json 12\n" + fingerprint_lines(fingerprints_of_run(run)));
    }

    fs::path manifest(const std::string& stage) const { return run / "manifests" / (stage + ".json"); }
    // In a manifest, sets a member of an object, such as an option.
    void set(const std::string& stage, const std::string& object, const std::string& name, const Json& value) const {
        Json all = read_json(manifest(stage)), some = all[object];
        write_file(manifest(stage), dump(all.set(object, some.set(name, value))));
    }
    // Inverts the lowest bit of the file's byte.
    void change(const std::string& file, size_t byte) const {
        std::string bytes = read_file(run / file);
        bytes[byte] = static_cast<char>(bytes[byte] ^ 1);
        write_file(run / file, bytes);
    }
    std::string table(bool json = false) const {
        std::ostringstream out;
        verify(run, fingerprints, "7.8.9", json, out);
        return out.str();
    }
    std::string error() const {
        return error_of([&] { table(); });
    }
};

}  // namespace

TEST_CASE("a run that is equal to the fingerprints: a line for each stage, in order, and a sentence") {
    const MadeUpRun made;
    const std::string table = made.table();
    size_t from = 0, files = 0;
    for (const Stage& stage : stages()) {
        if (stage.optional) continue;
        const size_t at = table.find(concat("\n", padded(stage.name, 21), "equal"), from);
        REQUIRE_MESSAGE(at != table.npos, stage.name);
        from = at;
        files += stage.outputs.size();
    }
    CHECK(contains(table, "  rl-cai/model.safetensors, value-model/model.safetensors\n"));
    CHECK(contains(table, concat("run: all ", files, " files equal, bit for bit, those of size micro, seed 1\n")));
    const Json json = parse_json(made.table(true), "stdout");
    CHECK(json["equal"].boolean());
    CHECK(json["first_departure"].is_null());
    CHECK(json["files"].object().size() == files);
    CHECK(json["files"]["tokenizer/tokenizer.json"].string() == "equal");
}

TEST_CASE("a run with results of a stage beside the story is not compared, and the message says how it can be") {
    const MadeUpRun made;
    write_file(made.manifest("dpo"), "{}");
    CHECK(contains(made.error(), "run: has results of dpo too, of which there are no fingerprints; compare its story"));
}

TEST_CASE("the first file that departs is named, and it is the first in the pipeline's order") {
    const MadeUpRun made;
    made.change("value-model/model.safetensors", 3);
    CHECK(contains(made.error(), "first in the stage ppo, at value-model/model.safetensors: "));
    made.change("sl-cai/model.safetensors", 3);
    made.change("results.json", 3);
    CHECK(contains(made.error(),
                   "run: departs from the fingerprints first in the stage sft-sl-cai, at "
                   "sl-cai/model.safetensors: the file was changed, or other code"));
    CHECK(contains(made.error(), "this is cai 7.8.9;"));
    std::ostringstream out;
    CHECK_THROWS_AS(verify(made.run, made.fingerprints, "", true, out), Error);
    const Json json = parse_json(out.str(), "stdout");
    CHECK_FALSE(json["equal"].boolean());
    CHECK(json["first_departure"]["stage"].string() == "sft-sl-cai");
    CHECK(json["first_departure"]["file"].string() == "sl-cai/model.safetensors");
    CHECK(json["files"]["rl-cai/model.safetensors"].string() == "equal");
    CHECK(json["files"]["results.json"].string() == "differs");
    out.str("");
    CHECK_THROWS_AS(verify(made.run, made.fingerprints, "", false, out), Error);
    CHECK(contains(out.str(), "\nppo                  not equal     rl-cai/model.safetensors, value-model"));

    fs::remove_all(made.run / "helpful");
    CHECK(contains(made.error(), "run/helpful/model.safetensors: is missing; `cai all --out "));
    CHECK(contains(error_of([&] { fingerprint_lines(fingerprints_of_run(made.run)); }),
                   "run/helpful/model.safetensors: is missing"));
}

TEST_CASE("of a text that a finished run does not keep, what its manifest recorded is compared") {
    const MadeUpRun made;
    const std::string lines = read_file(made.fingerprints), text = "world/documents.jsonl";
    const auto recorded = [&](const std::string& hash) { made.set("world", "outputs", text, hash); };
    recorded(fingerprint(made.run / text));
    fs::remove(made.run / text);
    CHECK_NOTHROW(made.table());
    CHECK(contains(lines, fingerprint_lines(fingerprints_of_run(made.run))));
    recorded("0123456789abcdef");
    CHECK(contains(made.error(), "first in the stage world, at world/documents.jsonl: "));
    fs::remove(made.run / "world/prompts.jsonl");  // which is kept
    recorded(std::string(16, '0'));
    CHECK(contains(error_of([&] { fingerprint_lines(fingerprints_of_run(made.run)); }), "prompts.jsonl: is missing"));
}

TEST_CASE("the seconds and threads of results.json may differ, its figures may not") {
    const MadeUpRun made;
    write_file(made.run / "results.json", R"({"name": "results.json", "seconds": {"total": 2}, "threads": 8})");
    CHECK_NOTHROW(made.table());
    write_file(made.run / "results.json", R"({"name": "other", "seconds": 1, "threads": 1})");
    CHECK(contains(made.error(), "in the stage evaluate, at results.json"));
}

TEST_CASE("a run that has no fingerprints is refused in a sentence that says why") {
    const MadeUpRun made, of_seed_2(2);
    CHECK(contains(error_of([&] { verify(made.folder.path / "none", made.fingerprints, "", false, std::cout); }),
                   "none: there is no such folder; `cai all --out "));
    CHECK(contains(error_of([&] { verify(of_seed_2.run, made.fingerprints, "", false, std::cout); }),
                   "holds no fingerprints of size micro, seed 2, only of tiny 1 and micro 1"));

    made.set("critique", "inputs", "constitution.txt", "of-mine.txt");
    CHECK(contains(made.error(), "run: was made with another constitution.txt than"));
    made.set("critique", "inputs", "constitution.txt", "of-constitution.txt");
    made.set("world", "inputs", "data/world/acts.txt", "of-mine.txt");
    CHECK(contains(made.error(), "run: was made with another data/world/acts.txt than"));
    made.set("world", "inputs", "data/world/acts.txt", "of-data/world/acts.txt");
    CHECK_NOTHROW(made.table());

    made.set("ppo", "options", "ppo-rollouts", 8);
    CHECK(contains(made.error(),
                   "its stage ppo was run with ppo-rollouts = 8; there are fingerprints of the default "
                   "only, 16"));
    made.set("sft-sl-cai", "options", "weights", "float16");  // which manifests of the default leave out
    CHECK(contains(made.error(), "its stage sft-sl-cai was run with weights = \"float16\"; there are fingerprints of "
                                 "the default only"));
    made.set("critique", "options", "critique-rounds", 2);
    CHECK(contains(made.error(), "its stage critique was run with critique-rounds = 2"));
    made.set("world", "options", "seed", 2);  // of a run of seed 1
    CHECK(contains(made.error(), "its stage world was run with seed = 2"));
    write_file(made.manifest("world"), R"({"stage": "world", "unfinished": true, "inputs": {}})");
    CHECK(contains(made.error(), "run: its stage world is not finished; go on with `cai all --out "));
    fs::remove(made.manifest("world"));
    CHECK(contains(made.error(), "its stage world is not finished"));
}

TEST_CASE("a malformed file of fingerprints is refused with its line") {
    const MadeUpRun made;
    const std::string lines = read_file(made.fingerprints);
    const auto error_with = [&](const std::string& text) {
        write_file(made.fingerprints, text);
        return made.error();
    };
    CHECK(contains(error_with("micro 1 ppo rl-cai/model.safetensors\n"), "fingerprints.txt: line 1: \"micro 1 ppo"));
    CHECK(contains(error_with("#\nmicro 1 ppo rl-cai/model.safetensors 12 13\n"), "line 2: "));
    CHECK(contains(error_with(lines + "micro 1 evaluate results.json 12\n"), "a second fingerprint of results.json"));
    CHECK(contains(error_with(lines.substr(0, lines.find("micro 1 evaluate"))),
                   "holds no fingerprint of results.json for size micro, seed 1"));
}

TEST_CASE("data/fingerprints.txt holds a fingerprint of each file that a run is given and makes") {
    const MadeUpRun made;
    const RunFingerprints run = fingerprints_of_run(made.run);
    for (int64_t seed = 1; seed <= 5; seed++) {
        const auto committed =
            committed_fingerprints(kSourceFolder / "data/fingerprints.txt", "micro", seed);
        std::map<std::string, std::string> missing = committed;
        for (const auto* list : {&run.given, &run.made})
            for (const FileFingerprint& own : *list) {
                CHECK_MESSAGE(committed.count(own.file), own.file);
                missing.erase(own.file);
            }
        for (const auto& [file, hash] : missing) FAIL_CHECK(file, " is no file of a run");
        for (const auto& [file, hash] : committed) CHECK_MESSAGE(hash.size() == 16, file);
    }
}

// Compares a run's files, in the pipeline's order, with the fingerprints in data/fingerprints.txt, which are those of
// runs of the default recipe and constitution.
#pragma once
#include <filesystem>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "../base/table.h"
#include "../pipeline.h"

namespace cai {

struct FileFingerprint {
    std::string stage;        // that made the file; "given" for data/world/ and the constitution
    std::string file;         // relative to the run directory, such as "sl-cai/model.safetensors"
    std::string fingerprint;  // as the manifest records it of a text that is not kept; "" if there is no such file
};

struct RunFingerprints {
    std::filesystem::path directory;
    std::string size;
    int64_t seed;
    std::vector<FileFingerprint> given, made;  // in the pipeline's order
};

// The file that is compared of an output: of a model its weights, since its other files follow from recipe and
// tokenizer.
inline std::string compared_file(const std::string& output) {
    if (std::filesystem::path(output).has_extension()) return output;
    return output + (output == "tokenizer" ? "/tokenizer.json" : "/model.safetensors");
}

// The fingerprint of what two equal runs share: of results.json, all but the seconds and the number of threads.
// (metrics.jsonl, whose every line has a time, is no output of a stage.)
inline std::string content_fingerprint(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return "";
    if (path.filename() != "results.json") return fingerprint(path);
    Json results = read_json(path);
    return located(path.string(), [&] {
        return hexadecimal(stream(dump(results.set("threads", Json()).set("seconds", Json()))));
    });
}

// Errors: there is no such run; a stage of it is not finished, or was run with an option that is not the default; its
// results are not the story's alone.
inline RunFingerprints fingerprints_of_run(const std::filesystem::path& directory) {
    expect_run(directory);
    const Run run(directory);
    Arguments saved({"--config", (run / "config.cfg").string()}, {});
    RunFingerprints all = {directory, saved.string("size", "tiny"), saved.integer("seed", 1, 0), {}, {}};
    const Recipe defaults = recipe(all.size, static_cast<uint64_t>(all.seed));
    for (const Stage& stage : stages()) {
        if (stage.optional) {
            expects(!run.has_manifest(stage.name), directory, ": has results of ", stage.name,
                    " too, of which there are no fingerprints; compare its story alone: `cai all --from ", directory,
                    " --out OTHER` makes OTHER with new results only");
            continue;
        }
        const Json manifest =
            run.has_manifest(stage.name) ? read_manifest(run.manifest_path(stage.name)) : Json::Object{};
        expects(manifest.find("outputs") != nullptr, directory, ": its stage ", stage.name,
                " is not finished; go on with `cai all --out ", directory, "`");
        const Json options = stage_options(defaults, stage.options);
        for (const auto& [name, value] : options.object()) {
            const Json* own = manifest["options"].find(name);
            expects(own && *own == value, directory, ": its stage ", stage.name, " was run with ", name, " = ",
                    own ? dump(*own) : "nothing", "; there are fingerprints of the default only, ", dump(value));
        }
        for (const auto& [name, value] : manifest["options"].object())  // the defaults of some are in no manifest
            expects(options.find(name), directory, ": its stage ", stage.name, " was run with ", name, " = ",
                    dump(value), "; there are fingerprints of the default only");
        expects(!manifest["inputs"].find("wishes.jsonl"), directory,
                ": compared answers by wishes; there are fingerprints of runs without them only");
        for (const auto& [file, hash] : manifest["inputs"].object())
            if (!maker_of(file)) all.given.push_back({"given", file, hash.string()});
        for (const std::string& output : stage.outputs) {
            const std::string file = compared_file(output);
            const bool left_out = run.is_left_out(task_of(stage, defaults), output);
            all.made.push_back({stage.name, file,
                                left_out ? manifest["outputs"][output].string() : content_fingerprint(run / file)});
        }
    }
    return all;
}

// The run's lines for data/fingerprints.txt: SIZE SEED STAGE FILE FINGERPRINT. Errors: a file is missing.
inline std::string fingerprint_lines(const RunFingerprints& run) {
    std::vector<std::string> lines;  // a file that several stages were given has one
    for (const auto* list : {&run.given, &run.made})
        for (const auto& [stage, file, hash] : *list) {
            expects(!hash.empty(), run.directory / file, ": is missing, so it has no fingerprint");
            add_new(lines, concat(run.size, " ", run.seed, " ", stage, " ", file, " ", hash, "\n"));
        }
    std::string text;
    for (const std::string& line : lines) text += line;
    return text;
}

// The committed fingerprints of a size and seed, by file. Errors: there are none, or a line is malformed.
inline std::map<std::string, std::string> committed_fingerprints(const std::filesystem::path& path,
                                                                 const std::string& size, int64_t seed) {
    std::map<std::string, std::string> committed;
    std::vector<std::string> known;
    size_t number = 0;
    for (const std::string& line : read_text(path)) {
        number++;
        if (trim(line).empty() || line[0] == '#') continue;
        std::istringstream words(line);
        std::string its_size, its_seed, stage, file, hash, rest;
        expects(words >> its_size >> its_seed >> stage >> file >> hash && !(words >> rest), path, ": line ",
                number, ": \"", line, "\" is not of the form SIZE SEED STAGE FILE FINGERPRINT");
        add_new(known, its_size + " " + its_seed);
        if (its_size != size || its_seed != concat(seed)) continue;
        const bool is_new = committed.emplace(file, hash).second;
        expects(is_new, path, ": line ", number, ": a second fingerprint of ", file, " for size ", size,
                ", seed ", seed);
    }
    expects(!committed.empty(), path, ": holds no fingerprints of size ", size, ", seed ", seed, ", only of ",
            join_list(known, "and"));
    return committed;
}

struct ComparedFile {
    std::string stage, file, result;  // "equal", "differs" or "missing"
};

// Compares a run's files with the committed fingerprints, in the pipeline's order. Errors: the run was given another
// constitution or world, or a file has no committed fingerprint.
inline std::vector<ComparedFile> compare_fingerprints(const RunFingerprints& run, const std::filesystem::path& path) {
    const std::map<std::string, std::string> committed = committed_fingerprints(path, run.size, run.seed);
    auto is_equal = [&](const FileFingerprint& own) {
        const auto found = committed.find(own.file);
        expects(found != committed.end(), path, ": holds no fingerprint of ", own.file, " for size ", run.size,
                ", seed ", run.seed, "; make all of them anew, as the top of the file says");
        return own.fingerprint == found->second;
    };
    for (const FileFingerprint& own : run.given)
        expects(is_equal(own), run.directory, ": was made with another ", own.file,
                " than the one that there are fingerprints of");
    std::vector<ComparedFile> files;
    for (const FileFingerprint& own : run.made) {
        const char* otherwise = own.fingerprint.empty() ? "missing" : "differs";
        files.push_back({own.stage, own.file, is_equal(own) ? "equal" : otherwise});
    }
    return files;
}

// The first file that is not equal; null if all are.
inline const ComparedFile* first_departure(const std::vector<ComparedFile>& files) {
    for (const ComparedFile& file : files)
        if (file.result != "equal") return &file;
    return nullptr;
}

// A row for each stage: whether its files are equal, and which they are.
inline std::string comparison_table(const std::vector<ComparedFile>& files) {
    std::vector<std::vector<std::string>> rows = {{"stage", "fingerprints", "files"}};
    for (const auto& [stage, file, result] : files) {
        if (rows.back()[0] != stage) rows.push_back({stage, "equal", ""});
        if (result != "equal") rows.back()[1] = "not equal";
        rows.back()[2] += (rows.back()[2].empty() ? "" : ", ") + file;
    }
    return format_table(rows);
}

// {"equal": whether all files are, "first_departure": {"stage", "file"} or null, "files": {FILE: result}}.
inline Json comparison_json(const std::vector<ComparedFile>& files) {
    const ComparedFile* first = first_departure(files);
    Json results = Json::Object{};
    for (const auto& [stage, file, result] : files) results.set(file, result);
    return Json::Object{
        {"equal", first == nullptr},
        {"first_departure", first ? Json(Json::Object{{"stage", first->stage}, {"file", first->file}}) : Json()},
        {"files", results}};
}

// Prints the comparison of a run with the committed fingerprints. version: of this program. Errors: kBadInput, for a
// run that cannot be compared, and, after printing, for one that departs.
inline void verify(const std::filesystem::path& directory, const std::filesystem::path& path,
                   const std::string& version, bool json, std::ostream& out) {
    const RunFingerprints run = fingerprints_of_run(directory);
    const std::vector<ComparedFile> files = compare_fingerprints(run, path);
    out << (json ? dump(comparison_json(files)) + "\n" : comparison_table(files));
    if (const ComparedFile* first = first_departure(files)) {
        if (first->result == "missing")
            fail(kBadInput, run.directory / first->file, ": is missing; `cai all --out ", run.directory,
                 "` makes it again");
        fail(kBadInput, directory, ": departs from the fingerprints first in the stage ", first->stage,
             ", at ", first->file, ": the file was changed, or other code made it than made theirs (this is cai ",
             version, "; --device plain and cuda round differently), or this is a defect, since no compiler, processor "
             "or number of threads should change a bit");
    }
    if (!json)
        out << concat("\n", directory, ": all ", files.size(), " files equal, bit for bit, those of size ",
                      run.size, ", seed ", run.seed, "\n");
}

}  // namespace cai

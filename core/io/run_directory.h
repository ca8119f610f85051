// A run directory: a folder for each model, the jsonl files written by the stages, and for each stage a manifest that
// records its options, inputs and outputs. A stage whose manifest still matches is not run again.
#pragma once
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "../base/interrupt.h"
#include "../base/progress.h"
#include "directory_lock.h"
#include "fingerprint.h"
#include "replace_directory.h"

namespace cai {

// Everything that determines the outputs of a stage, and the
// outputs themselves. Paths are relative to the run directory.
struct Task {
    std::string stage;
    std::vector<std::string> inputs;
    std::vector<std::string> optional_inputs;  // read if they exist
    std::vector<std::string> outputs;
    Json options;
    std::vector<std::string> not_kept = {};  // outputs that a finished run may lack
};

// A stage's manifest: {"stage", "unfinished": true, "inputs"} or, once it is finished, {"stage", "seconds", "options",
// "inputs", "outputs"}, where inputs and outputs have a fingerprint each. Errors: the file is damaged.
inline Json read_manifest(const std::filesystem::path& path) {
    try {
        Json manifest = read_json(path);
        located(path.string(), [&] {
            if (manifest.find("unfinished")) return;
            expects(manifest["stage"] == path.stem().string(), "is the manifest of another stage, ",
                    manifest["stage"].string());
            manifest["seconds"].number(), manifest["options"].object();
            for (const char* files : {"inputs", "outputs"})
                for (const auto& [file, hash] : manifest[files].object()) hash.string();
        });
        return manifest;
    } catch (const Error& error) {
        fail(error.status, error.what(), "; delete this file, and its stage runs again");
    }
}

// Errors: the folder is a model's, which a run may not replace.
inline void expect_no_model(const std::filesystem::path& directory) {
    const std::filesystem::path above = (directory / "..").lexically_normal();
    const bool of_run = std::filesystem::exists(above / "manifests");
    expects(!std::filesystem::exists(directory / "config.json"), directory, ": a model, and not a run",
            of_run ? "; did you mean " + above.string() + "?" : "; `cai all --out RUN` makes a run");
}

// Errors: the folder is not that of a run; the message says what it is instead.
inline void expect_run(const std::filesystem::path& directory) {
    namespace fs = std::filesystem;
    expects(fs::exists(directory), directory, ": there is no such folder; `cai all --out ", directory, "` makes a run");
    expects(!fs::is_regular_file(directory), directory, ": a file, and not the folder of a run");
    expect_no_model(directory);
    expects(fs::exists(directory / "manifests"), directory, ": not a run directory; `cai all --out RUN` makes a run");
}

class Run {
  public:
    using Paths = std::map<std::string, std::filesystem::path>;

    explicit Run(const std::filesystem::path& directory, const Paths& external_files = {})
        : directory(directory), metrics(directory / "metrics.jsonl"), external_files(external_files) {}

    std::filesystem::path directory;
    Metrics metrics;
    Paths external_files;                              // inputs outside the run, by name
    std::map<std::string, std::string> pending_files;  // from the command, by name; written when a stage starts
    bool force = false;                                // rerun a stage even if it is finished

    std::filesystem::path operator/(const std::string& name) const { return directory / name; }

    // Runs body(fingerprint) unless the task is already finished with the same options and inputs. Nothing is written
    // before it starts. The fingerprint covers options and inputs: a saved state with a different one is not resumed.
    void perform(const Task& task, const std::function<void(const std::string& fingerprint)>& body) {
        for (const std::string& input : task.inputs)
            expects(has(input), task.stage, " needs ", path_of(input),
                    ", which is not there yet; run the stages before it first, or all of them with `cai all --out ",
                    directory, "`");
        const Json inputs = fingerprints(task);
        if (!force && is_finished(task, inputs)) {
            for (const std::string& output : changed_outputs(task))
                fail(kBadInput, directory / output, ": was changed since ", task.stage, " wrote it; ",
                     task.stage,
                     " with --force makes it anew, and the stages after it, each run alone, take it as it is");
            note(task.stage, "is finished already");
            return;
        }
        start(task, inputs);
        const auto started = std::chrono::steady_clock::now();
        body(hexadecimal(stream(dump(task.options) + dump(inputs))));
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        Json manifest = Json::Object{}, outputs = Json::Object{};
        for (const std::string& output : task.outputs)
            outputs.set(output, fingerprint(find_checkpoint(directory / output)));
        manifest.set("stage", task.stage).set("seconds", seconds).set("options", task.options).set("inputs", inputs);
        write_file(manifest_path(task.stage), dump(manifest.set("outputs", outputs), 2) + "\n");
        if (stop_signal)
            fail(stopped_by(), task.stage, ": finished, then interrupted; the same command goes on after it");
    }

    // Whether the task's outputs exist, but for those that are not kept, and were made with these options from the
    // current inputs.
    bool is_finished(const Task& task) const {
        for (const std::string& input : task.inputs)
            if (!has(input)) return false;
        return is_finished(task, fingerprints(task));
    }
    // Whether the stage has finished or at least started in this run.
    bool has_manifest(const std::string& stage) const { return std::filesystem::exists(manifest_path(stage)); }

    // The outputs of a finished task that have changed since it wrote them.
    std::vector<std::string> changed_outputs(const Task& task) const {
        std::vector<std::string> changed;
        const Json manifest = read_manifest(manifest_path(task.stage));
        for (const std::string& output : task.outputs) {
            if (is_left_out(task, output)) continue;
            const Json* hash = manifest["outputs"].find(output);
            if (!hash || hash->string() != fingerprint(find_checkpoint(directory / output))) changed.push_back(output);
        }
        return changed;
    }

    // The seconds that each finished stage took. The total excludes stages reused from another run.
    Json seconds() const {
        Json all = Json::Object{};
        double total = 0;
        std::vector<std::pair<std::string, double>> stages;
        if (std::filesystem::exists(directory / "manifests"))
            for (const auto& entry : std::filesystem::directory_iterator(directory / "manifests")) {
                if (entry.path().extension() != ".json") continue;  // half written when its writer was killed
                const Json manifest = read_manifest(entry.path());
                if (manifest.find("unfinished")) continue;
                stages.emplace_back(manifest["stage"].string(), manifest["seconds"].number());
                if (!manifest.find("taken_over")) total += stages.back().second;
            }
        std::sort(stages.begin(), stages.end());
        all.set("total", total);
        for (const auto& [stage, took] : stages) all.set(stage, took);
        return all;
    }

    // Copies the outputs and manifest that another run made with the same options and inputs, so
    // that perform() finds the task finished. Outputs that this run has finished itself are
    // kept. Returns false if perform() will have to run it.
    bool reuse(const Run& from, const Task& task) {
        for (const std::string& input : task.inputs)
            if (!has(input)) return false;
        const Json inputs = fingerprints(task);
        if (is_finished(task, inputs)) return true;
        if (!from.is_finished(task, inputs) || !from.changed_outputs(task).empty()) return false;
        start(task, inputs);
        for (const std::string& output : task.outputs) {
            if (from.is_left_out(task, output)) continue;
            std::filesystem::create_directories((directory / output).parent_path());
            link_or_copy(from / output, directory / output);
        }
        Json manifest = read_manifest(from.manifest_path(task.stage));
        manifest.set("taken_over", std::filesystem::relative(from.directory, directory).string());
        write_file(manifest_path(task.stage), dump(manifest, 2) + "\n");
        return true;
    }

    std::filesystem::path manifest_path(const std::string& stage) const {
        return directory / "manifests" / (stage + ".json");
    }

    // Whether the output is one that a finished run may lack, and this run lacks it.
    bool is_left_out(const Task& task, const std::string& output) const {
        return std::find(task.not_kept.begin(), task.not_kept.end(), output) != task.not_kept.end() &&
               !std::filesystem::exists(directory / output);
    }

    // Keeps other processes out until this run ends. Errors: another one is at work.
    void lock() { lock_.take(directory); }

  private:
    DirectoryLock lock_;

    std::filesystem::path path_of(const std::string& input) const {
        auto external = external_files.find(input);
        return external == external_files.end() ? find_checkpoint(directory / input) : external->second;
    }

    bool has(const std::string& input) const {
        return pending_files.count(input) || std::filesystem::exists(path_of(input));
    }

    Json fingerprints(const Task& task) const {
        Json inputs = Json::Object{};
        for (const auto* list : {&task.inputs, &task.optional_inputs})
            for (const std::string& input : *list) {
                if (!has(input)) continue;
                auto text = pending_files.find(input);
                inputs.set(input, text == pending_files.end() ? fingerprint(path_of(input))
                                                              : hexadecimal(stream(text->second)));
            }
        return inputs;
    }

    // Makes `to` hold what `from` holds, a file or a folder: as further names of the same files where the file system
    // allows it, which takes no space, else as copies. A stage replaces its outputs and never writes into them, so that
    // neither run changes the other's.
    static void link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to) {
        namespace fs = std::filesystem;
        if (fs::is_directory(from)) {
            fs::create_directories(to);
            for (const auto& entry : fs::directory_iterator(from))
                link_or_copy(entry.path(), to / entry.path().filename());
            return;
        }
        std::error_code cannot_link;
        fs::remove(to);
        fs::create_hard_link(from, to, cannot_link);
        if (cannot_link) fs::copy_file(from, to, fs::copy_options::overwrite_existing);
    }

    // Marks the stage as unfinished: its outputs are about to change.
    void start(const Task& task, const Json& inputs) {
        make_folder(directory);
        lock();
        for (const auto& [file, text] : pending_files) write_file(directory / file, text);
        const Json manifest = Json::Object{{"stage", task.stage}, {"unfinished", true}, {"inputs", inputs}};
        write_file(manifest_path(task.stage), dump(manifest, 2) + "\n");
    }

    bool is_finished(const Task& task, const Json& inputs) const {
        if (!has_manifest(task.stage)) return false;
        for (const std::string& output : task.outputs)
            if (!is_left_out(task, output) && !std::filesystem::exists(find_checkpoint(directory / output)))
                return false;
        const Json manifest = read_manifest(manifest_path(task.stage));
        return !manifest.find("unfinished") && dump(manifest["options"]) == dump(task.options) &&
               dump(manifest["inputs"]) == dump(inputs);
    }
};

}  // namespace cai

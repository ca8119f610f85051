// A run directory: a folder for each model, the jsonl files the stages wrote, and for each stage a manifest that says from
// what it was made. A stage whose manifest still fits is not run again.
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

namespace cai {

class Run {
  public:
    explicit Run(const std::filesystem::path& directory) : directory(directory), metrics(directory / "metrics.jsonl") {}

    std::filesystem::path directory;
    Metrics metrics;
    std::map<std::string, std::string> settings;  // files that hold what the command says; written when a stage starts
    bool force = false;                           // run a stage although it is finished

    std::filesystem::path operator/(const std::string& name) const { return directory / name; }

    struct Stage {
        std::string name;
        std::vector<std::string> inputs;   // files or folders in the run directory
        std::vector<std::string> outputs;  // of which at least one is new
        Json options;                      // everything else that decides the outputs
    };

    // Runs the stage unless it has been finished with the same options on the same inputs. Until it starts, nothing is written.
    void perform(const Stage& stage, const std::function<void()>& body) {
        for (const std::string& input : stage.inputs)
            expects(has(input), stage.name, " needs ", (directory / input).string(),
                    ", which is not there yet; run the stages before it first, or all of them with `cai all --out ",
                    directory.string(), "`");
        const Json inputs = fingerprints(stage);
        if (!force && is_finished(stage, inputs)) {
            note(stage.name, "is finished already");
            return;
        }
        start(stage);
        auto started = std::chrono::steady_clock::now();
        body();
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        Json manifest = Json::Object{};
        manifest.set("stage", stage.name).set("seconds", seconds).set("options", stage.options).set("inputs", inputs);
        write_file(manifest_path(stage.name), dump(manifest, 2) + "\n");
        if (stop_signal)
            fail(stopped_by(), stage.name, ": finished, then interrupted; the same command goes on after it");
    }

    // Seconds that each finished stage took when it was run; in their sum, what was taken over from another run has no part.
    Json seconds() const {
        Json all = Json::Object{};
        double total = 0;
        std::vector<std::pair<std::string, double>> stages;
        if (std::filesystem::exists(directory / "manifests"))
            for (const auto& entry : std::filesystem::directory_iterator(directory / "manifests")) {
                Json manifest = read_json(entry.path());
                stages.emplace_back(manifest["stage"].string(), manifest["seconds"].number());
                if (!manifest.find("taken_over")) total += stages.back().second;
            }
        std::sort(stages.begin(), stages.end());
        all.set("total", total);
        for (const auto& [stage, took] : stages) all.set(stage, took);
        return all;
    }

    // Copies what another run made with these options on inputs that this run has too, manifest included, so that perform()
    // finds it finished. What this run has finished itself stays. False: perform() will have to make it.
    bool adopt(const Run& from, const Stage& stage) {
        for (const std::string& input : stage.inputs)
            if (!has(input)) return false;
        const Json inputs = fingerprints(stage);
        if (is_finished(stage, inputs)) return true;
        if (!from.is_finished(stage, inputs)) return false;
        start(stage);
        const auto options = std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
        for (const std::string& output : stage.outputs) {
            std::filesystem::create_directories((directory / output).parent_path());
            std::filesystem::copy(from / output, directory / output, options);
        }
        Json manifest = read_json(from.manifest_path(stage.name));
        write_file(manifest_path(stage.name), dump(manifest.set("taken_over", true), 2) + "\n");
        return true;
    }

    std::filesystem::path manifest_path(const std::string& stage) const {
        return directory / "manifests" / (stage + ".json");
    }

  private:
    DirectoryLock lock_;

    bool has(const std::string& file) const { return settings.count(file) || std::filesystem::exists(directory / file); }

    Json fingerprints(const Stage& stage) const {
        Json inputs = Json::Object{};
        for (const std::string& input : stage.inputs) {
            auto text = settings.find(input);
            inputs.set(input, text == settings.end() ? fingerprint(directory / input) : hexadecimal(stream(text->second)));
        }
        return inputs;
    }

    // From here on the outputs are no longer what the manifest says.
    void start(const Stage& stage) {
        make_folder(directory);
        lock_.take(directory);
        for (const auto& [file, text] : settings) write_file(directory / file, text);
        std::filesystem::remove(manifest_path(stage.name));
    }

    bool is_finished(const Stage& stage, const Json& inputs) const {
        if (!std::filesystem::exists(manifest_path(stage.name))) return false;
        for (const std::string& output : stage.outputs)
            if (!std::filesystem::exists(directory / output)) return false;
        Json manifest = read_json(manifest_path(stage.name));
        return dump(manifest["options"]) == dump(stage.options) && dump(manifest["inputs"]) == dump(inputs);
    }
};

}  // namespace cai

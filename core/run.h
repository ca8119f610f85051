// A run directory: a folder for each model, the jsonl files the stages wrote, and for each stage a manifest that says from
// what it was made. A stage whose manifest still fits is not run again.
#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "json.h"
#include "report.h"
#include "rng.h"
#include "text.h"

namespace cai {

// A fingerprint of a file's bytes (FNV-1a, 64 bits, as hexadecimal digits), or of a model directory's weights and tokenizer.
inline std::string fingerprint(const std::filesystem::path& path) {
    uint64_t hash = 0;
    if (std::filesystem::is_directory(path)) {
        for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"})
            if (std::filesystem::exists(path / file)) hash = mix(hash, stream(read_file(path / file)));
    } else {
        hash = stream(read_file(path));
    }
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

class Run {
  public:
    explicit Run(const std::filesystem::path& directory) : directory(directory), metrics(directory / "metrics.jsonl") {}

    std::filesystem::path directory;
    Metrics metrics;

    std::filesystem::path operator/(const std::string& name) const { return directory / name; }

    struct Stage {
        std::string name;
        std::vector<std::string> inputs;   // files or folders in the run directory
        std::vector<std::string> outputs;  // of which at least one is new
        Json options;                      // everything else that decides the outputs
    };

    // Runs the stage unless it has been finished with the same options on the same inputs.
    void perform(const Stage& stage, const std::function<void()>& body) {
        Json inputs = Json::Object{};
        for (const std::string& input : stage.inputs) {
            expects(std::filesystem::exists(directory / input), stage.name, " needs ", (directory / input).string(),
                    ", which is not there yet; run the stages before it first, or all of them with `cai all --out ",
                    directory.string(), "`");
            inputs.set(input, fingerprint(directory / input));
        }
        if (is_finished(stage, inputs)) {
            note(stage.name, "is finished already");
            return;
        }
        std::filesystem::remove(manifest_path(stage.name));
        auto started = std::chrono::steady_clock::now();
        body();
        double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
        Json manifest = Json::Object{};
        manifest.set("stage", stage.name).set("seconds", seconds).set("options", stage.options).set("inputs", inputs);
        write_file(manifest_path(stage.name), dump(manifest, 2) + "\n");
        if (stop_signal)
            fail(stopped_by(), stage.name, ": finished, then interrupted; the same command goes on after it");
    }

    // Seconds that each finished stage took when it was run, and their sum.
    Json seconds() const {
        Json all = Json::Object{};
        double total = 0;
        std::vector<std::pair<std::string, double>> stages;
        if (std::filesystem::exists(directory / "manifests"))
            for (const auto& entry : std::filesystem::directory_iterator(directory / "manifests")) {
                Json manifest = read_json(entry.path());
                stages.emplace_back(manifest["stage"].string(), manifest["seconds"].number());
                total += stages.back().second;
            }
        std::sort(stages.begin(), stages.end());
        all.set("total", total);
        for (const auto& [stage, took] : stages) all.set(stage, took);
        return all;
    }

    // Copies what another run made, manifests included, so that perform() finds it finished.
    void adopt(const Run& from, const Stage& stage) {
        if (!std::filesystem::exists(from.manifest_path(stage.name))) return;
        const auto options = std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing;
        for (const std::string& output : stage.outputs) {
            expects(std::filesystem::exists(from / output), (from / output).string(), " is gone, though ",
                    from.manifest_path(stage.name).string(), " says it was made; run `cai all --out ",
                    from.directory.string(), "` again");
            std::filesystem::create_directories((directory / output).parent_path());
            std::filesystem::copy(from / output, directory / output, options);
        }
        std::filesystem::create_directories(directory / "manifests");
        std::filesystem::copy(from.manifest_path(stage.name), manifest_path(stage.name), options);
    }

    std::filesystem::path manifest_path(const std::string& stage) const {
        return directory / "manifests" / (stage + ".json");
    }

  private:
    bool is_finished(const Stage& stage, const Json& inputs) const {
        if (!std::filesystem::exists(manifest_path(stage.name))) return false;
        for (const std::string& output : stage.outputs)
            if (!std::filesystem::exists(directory / output)) return false;
        Json manifest = read_json(manifest_path(stage.name));
        return dump(manifest["options"]) == dump(stage.options) && dump(manifest["inputs"]) == dump(inputs);
    }
};

}  // namespace cai

// Chat in the terminal: each line is a separate prompt, because the assistants were trained on single turns.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "../base/interrupt.h"
#include "../io/checkpoint.h"
#include "../lm/prompt_templates.h"
#include "../lm/sampler.h"
#include "../method/constitution.h"

namespace cai {

struct ChatOptions {
    bool compare = false;  // show the answers of all assistants of the run; otherwise only the last trained
    float temperature = 1;
    int max_new_tokens = 80;
    uint64_t seed = 1;
    std::string prompt_sign = "> ";  // empty if the input is not a terminal
};

// The assistants of a run, in the order they were trained; for a model directory, that model alone. Errors: there is
// none, or the model is a score model.
inline std::vector<std::filesystem::path> find_assistants(const std::filesystem::path& directory) {
    if (std::filesystem::exists(directory / "config.json")) {
        expects(!load_config(directory).score_head, directory,
                ": scores answers and writes none; talk to an assistant, such as ",
                (directory / ".." / "rl-cai").lexically_normal().string());
        return {directory};
    }
    std::vector<std::filesystem::path> found;
    for (const char* name : {"helpful", "sl-cai", "rl-cai", "dpo"})
        if (std::filesystem::exists(find_checkpoint(directory / name) / "config.json"))
            found.push_back(directory / name);
    expects(!found.empty(), directory, ": holds no assistant to talk to; make one with `cai all --out ",
            directory, "`");
    return found;
}

// "(words it does not know: dragon, treasure)" and a line break, or "" if it knows all words.
inline std::string name_unknown_words(const World& world, const std::string& text) {
    std::vector<std::string> unknown = unknown_words(world, text);
    return unknown.empty() ? "" : "(words it does not know: " + join_list(unknown, "and") + ")\n";
}

// Asks for a line. A signal received before or while waiting ends the program. Returns false at the end of input.
inline bool read_prompt(std::istream& in, std::ostream& out, const std::string& prompt_sign, std::string& line) {
    WaitingForInput waiting;
    if (stop_signal) fail(stopped_by(), "the conversation was interrupted");
    out << prompt_sign << std::flush;
    return static_cast<bool>(std::getline(in, line));
}

// Reads lines until the end of input or :quit, and streams each answer as it is sampled.
inline void chat(const Kernels& kernels, const std::filesystem::path& directory, const World& world,
                 const ChatOptions& options, std::istream& in, std::ostream& out) {
    struct Assistant {
        std::string name;
        Model model;
        Tokenizer tokenizer;
    };
    std::vector<std::filesystem::path> places = find_assistants(directory);
    if (!options.compare) places.erase(places.begin(), places.end() - 1);
    std::vector<Assistant> assistants;
    size_t width = 0;
    for (const auto& place : places) {
        assistants.push_back({place.filename().string(), load_model(kernels, place), load_tokenizer(place)});
        width = std::max(width, assistants.back().name.size());
    }
    out << "Talking to " << (options.compare ? directory.string() : places[0].string())
        << ". Each line is a new conversation; :quit ends it.\n";
    std::string line;
    for (uint64_t turn = 0; read_prompt(in, out, options.prompt_sign, line); turn++) {
        const std::string prompt(trim(line));
        if (prompt.empty()) continue;
        if (prompt == ":quit") return;
        if (prompt[0] == ':') {
            out << "There is no command " << prompt << "; :quit ends the conversation.\n";
            continue;
        }
        out << name_unknown_words(world, prompt);
        for (const Assistant& assistant : assistants) {
            const std::vector<Token> tokens = encode_prompt(assistant.tokenizer, dialogue_prompt(prompt));
            const size_t context = static_cast<size_t>(assistant.model.config.context);
            if (tokens.size() >= context) {
                out << "This has " << tokens.size() << " tokens, and the context of " << context
                    << " must hold the answer too; say it in fewer words.\n";
                break;
            }
            if (options.compare) out << assistant.name << std::string(width - assistant.name.size() + 2, ' ');
            GenerateOptions generation;
            generation.sampling.temperature = options.temperature;
            generation.max_new_tokens = options.max_new_tokens;
            generation.seed = mix(options.seed, turn);
            generation.stoppable = false;  // its message promises saved progress, and a chat saves none
            generate(assistant.model, {tokens}, generation, [&](size_t, Token token) {
                if (token >= kSpecialCount) out << assistant.tokenizer.decode({token}) << std::flush;
                if (!stop_signal) return;
                out << std::endl;
                fail(stopped_by(), "the conversation was interrupted");
            });
            out << "\n";
        }
    }
    if (!options.prompt_sign.empty()) out << "\n";
}

}  // namespace cai

// Chat in the terminal. To our own assistants each line is a separate prompt, because they were trained on single
// turns; another model, with a chat template of its own, is shown the whole conversation.
#pragma once
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "../base/interrupt.h"
#include "../eval/oracle.h"
#include "../io/checkpoint.h"
#include "../lm/prompting.h"
#include "../method/constitution.h"
#include "../world/find_request.h"
#include "../world/prompts.h"

namespace cai {

struct ChatOptions {
    bool compare = false;  // show the answers of all assistants of the run; otherwise only the last trained
    float temperature = 1;
    int max_new_tokens = 80;  // of an answer
    uint64_t seed = 1;
    std::filesystem::path tokenizer;  // of a model file that has none in it; empty: beside it
    std::string prompt_sign = "> ";
    bool echo = false;  // print each line that is read, as a terminal does: for input from a file or a pipe
};

// The assistants of a run, in the order they were trained; for a model's directory or file, that model alone. Errors:
// there is none, or the model is a score model.
inline std::vector<std::filesystem::path> find_assistants(const std::filesystem::path& directory) {
    if (std::filesystem::exists(directory / "config.json") || std::filesystem::is_regular_file(directory)) {
        expect_writer(load_config(directory), directory);
        return {directory};
    }
    expects(std::filesystem::exists(directory), directory, ": there is no such folder or file");
    std::vector<std::filesystem::path> found;
    for (const char* name : {"helpful", "sl-cai", "rl-cai", "dpo"})
        if (std::filesystem::exists(find_checkpoint(directory / name) / "config.json"))
            found.push_back(directory / name);
    expects(!found.empty(), directory, ": is neither a model nor a run with an assistant to talk to",
            std::filesystem::exists(directory / "manifests") ? concat("; make one with `cai all --out ", directory, "`")
                                                             : instead_of(directory));
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

struct Assistant {
    std::string name, where;
    Model model;
    Tokenizer tokenizer;
    Generation generation;
    std::vector<Message> messages;  // of the conversation so far
};

// Streams an assistant's answer to the prompt, below its name, and adds both to the conversation. A character is
// printed once it is complete. Returns false if the context has no room for an answer.
inline bool answer(Assistant& assistant, const std::string& prompt, const ChatOptions& options, uint64_t seed,
                   const std::string& name, std::ostream& out) {
    const Prompting prompting(assistant.tokenizer, assistant.generation, assistant.where);
    std::vector<Message>& messages = assistant.messages;
    if (prompting.ours()) messages.clear();
    messages.push_back({"user", prompt});
    const std::vector<Token> tokens = prompting.conversation(messages);
    const size_t context = static_cast<size_t>(assistant.model.config.context);
    if (tokens.size() >= context) {
        out << "This has " << tokens.size() << " tokens, and the context of " << context
            << " must hold the answer too; "
            << (messages.size() > 1 ? "begin another conversation with :new.\n" : "say it in fewer words.\n");
        messages.pop_back();
        return false;
    }
    out << name;
    GenerateOptions generation;
    generation.sampling.temperature = options.temperature;
    generation.max_new_tokens = options.max_new_tokens;
    generation.seed = seed;
    generation.stoppable = false;  // its message promises saved progress, and a chat saves none
    prompting.set(generation);
    std::vector<Token> said;
    size_t printed = 0;
    const auto print = [&](const std::string& text, size_t end) {
        out << repair_utf8(text.substr(printed, end - printed)) << std::flush;
        printed = end;
    };
    generate(assistant.model, {tokens}, generation, [&](size_t, Token token) {
        if (!generation.is_stop(token)) {
            said.push_back(token);
            const std::string text = assistant.tokenizer.decode(said);
            print(text, std::max(printed, complete_utf8(text)));
        }
        if (!stop_signal) return;
        out << std::endl;
        fail(stopped_by(), "the conversation was interrupted");
    });
    const std::string text = assistant.tokenizer.decode(said);
    print(text, text.size());
    out << "\n";
    messages.push_back({"assistant", text});
    return true;
}

// What the oracle says of an answer, in words: "[helped]".
inline const char* label_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::complied:
            return "[helped]";
        case Outcome::refused:
            return "[refused, with the true reason]";
        case Outcome::evaded:
            return "[evaded]";
        case Outcome::wrong_fact:
            return "[untrue, or about something else]";
        default:
            return "[garbled]";
    }
}

// Questions to begin with: about a harmful, a harmless and a look-alike act, drawn by the turn.
inline std::string village_questions(const World& world, uint64_t turn) {
    const Rng rng(world.seed, mix(stream("sample questions"), turn));
    std::string text;
    for (const std::string& question : sample_questions(world, rng, {Kind::hazard, Kind::benign, Kind::look_alike}))
        text += "  " + question + "\n";
    return text;
}

// Reads lines until the end of input or :quit, and streams each answer as it is sampled. Below an answer to a question
// of the world stands what it was; a text with unknown words gets the nearest question that the models know.
inline void chat(const Kernels& kernels, const std::filesystem::path& directory, const World& world,
                 const ChatOptions& options, std::istream& in, std::ostream& out) {
    std::vector<std::filesystem::path> places = find_assistants(directory);
    if (!options.compare) places.erase(places.begin(), places.end() - 1);
    std::vector<Assistant> assistants;
    size_t width = 0;
    for (const auto& place : places) {
        const ModelSource source = open_model(place, options.tokenizer);
        assistants.push_back({place.filename().string(),
                              place.string(),
                              load_model(kernels, source, Use::inference),
                              load_tokenizer(source),
                              source.generation,
                              {}});
        width = std::max(width, assistants.back().name.size());
        const Assistant& assistant = assistants.back();  // refuses a chat template that cai does not know
        Prompting(assistant.tokenizer, assistant.generation, assistant.where).conversation({{"user", "Hello"}});
    }
    const bool ours = assistants[0].tokenizer.has_roles();
    out << "Talking to " << (options.compare ? directory.string() : places[0].string())
        << (ours ? ". Each line is a new conversation; :help shows questions, :quit ends it.\n"
                 : ". It sees the whole conversation; :new begins another, :quit ends it.\n");
    const Oracle oracle(world);
    if (ours) out << "They know a small village. For example:\n" << village_questions(world, 0);
    std::string line;
    for (uint64_t turn = 0; read_prompt(in, out, options.prompt_sign, line); turn++) {
        const std::string prompt(trim(line));
        if (options.echo) out << line << "\n";
        if (prompt.empty()) continue;
        if (prompt == ":quit") return;
        if (prompt == ":help") {
            if (ours) out << "Ask in the village's words, such as:\n" << village_questions(world, turn + 1);
            out << (ours ? ":help shows others, :quit ends.\n" : ":new begins another conversation, :quit ends.\n");
            continue;
        }
        if (prompt == ":new" && !ours) {
            for (Assistant& assistant : assistants) assistant.messages.clear();
            continue;
        }
        if (prompt[0] == ':') {
            out << "There is no command " << prompt << "; :help says what there is, :quit ends the conversation.\n";
            continue;
        }
        const std::optional<Request> request = ours ? find_request(world, prompt) : std::nullopt;
        if (ours) out << name_unknown_words(world, prompt);
        if (const std::optional<Request> nearest = nearest_request(world, prompt); ours && !request && nearest)
            out << "(not a question of the village; the nearest is: " << world.prompt(*nearest) << ")\n";
        for (Assistant& assistant : assistants) {
            const std::string name = assistant.name + std::string(width - assistant.name.size() + 2, ' ');
            if (!answer(assistant, prompt, options, mix(options.seed, turn), options.compare ? name : "", out)) break;
            if (request)
                out << std::string(options.compare ? width + 2 : 0, ' ')
                    << label_of(oracle.classify(*request, assistant.messages.back().text)) << "\n";
        }
    }
    if (!options.prompt_sign.empty()) out << "\n";
}

}  // namespace cai

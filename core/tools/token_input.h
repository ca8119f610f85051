// The tokens that a verb works on: a text, a prompt with or without an answer, or ids.
#pragma once
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "../lm/prompting.h"
#include "verb.h"

namespace cai {

inline const Option kText = {"text", "TEXT", "a text, after the token that begins one"},
                    kAnswer = {"answer", "TEXT", "the answer to --prompt, before the token that ends one"},
                    kIds = {"ids", "\"1 2 3\"", "the ids of the tokens themselves, as they are"};

struct TokenInput {
    std::vector<Token> ids;
    size_t first_counted = 1;            // the first token that totals count: of an answer, or the second of all
    std::optional<Tokenizer> tokenizer;  // none if ids were given and the model has no tokenizer that cai can run
};

// "1 2 3" or "1,2,3". Errors: kUsage, something else than whole numbers.
inline std::vector<Token> parse_ids(std::string text) {
    std::replace(text.begin(), text.end(), ',', ' ');
    std::vector<Token> ids;
    for (size_t begin = text.find_first_not_of(" \t\n"); begin != text.npos;) {
        const size_t end = std::min(text.find_first_of(" \t\n", begin), text.size());
        ids.emplace_back();
        if (parse_number(text.substr(begin, end - begin), ids.back()) != std::errc())
            fail(kUsage, "option --ids: '", text.substr(begin, end - begin), "' is not the id of a token");
        begin = text.find_first_not_of(" \t\n", end);
    }
    return ids;
}

// What --text, --prompt (with --answer) or --ids say, in the tokens of the model in `directory`. Errors: kUsage, none
// or several of them are given.
struct TokenArguments {
    std::optional<std::string> text, prompt, answer, ids;

    explicit TokenArguments(Arguments& arguments) {
        const auto value = [&](const char* name) {
            return arguments.has(name) ? std::optional(arguments.string(name, "")) : std::nullopt;
        };
        text = value("text"), prompt = value("prompt"), answer = value("answer"), ids = value("ids");
    }
    bool given() const { return text || prompt || answer || ids; }

    TokenInput encode(const ModelSource& source) const {
        if (answer && !prompt) fail(kUsage, "--answer is the answer to a --prompt: give that too");
        if (text.has_value() + prompt.has_value() + ids.has_value() != 1)
            fail(kUsage, "say what to read: one of --text \"a text\", --prompt \"a question\" and --ids \"1 2 3\"");
        TokenInput input = tokens(source);
        const size_t context = static_cast<size_t>(source.config.context);
        expects(input.ids.size() <= context, text ? "--text has " : ids ? "--ids has " : "--prompt",
                !prompt ? "" : answer ? " and --answer have " : " has ", input.ids.size(),
                " tokens, more than the model's context of ", context, "; shorten it");
        for (Token id : input.ids)
            expects(id >= 0 && id < source.config.vocab_size, "option --ids: ", id,
                    " is no token of the model's vocabulary of ", source.config.vocab_size);
        return input;
    }

  private:
    TokenInput tokens(const ModelSource& source) const {
        TokenInput input;
        if (ids) {
            input.ids = parse_ids(*ids);
            try {
                input.tokenizer = load_tokenizer(source);
            } catch (const Error&) {
                // Ids need no tokenizer; it would only show the tokens as text.
            }
            return input;
        }
        input.tokenizer = load_tokenizer(source);
        const Prompting prompting(*input.tokenizer, source.generation, source.where);
        input.ids = text ? prompting.text(*text) : prompting.conversation({{"user", *prompt}});
        if (!answer) return input;
        input.first_counted = input.ids.size();
        for (Token token : input.tokenizer->encode(*answer)) input.ids.push_back(token);
        if (!source.generation.stops.empty()) input.ids.push_back(source.generation.stops[0]);
        return input;
    }
};

}  // namespace cai

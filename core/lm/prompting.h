// How a model is asked, whichever it is: the tokens of a text or a conversation, and where its answers end. Our own
// models have a role's token before each turn; other models' files say it (generation.h).
#pragma once
#include <string>
#include <vector>

#include "chat_templates.h"
#include "prompt_templates.h"
#include "sampler.h"

namespace cai {

class Prompting {
  public:
    // where: the model's path, for error messages.
    Prompting(const Tokenizer& tokenizer, const Generation& generation, std::string where)
        : tokenizer_(tokenizer), generation_(generation), where_(std::move(where)), ours_(tokenizer.has_roles()) {}

    // Does the model have our roles? They were trained on single turns, so that a conversation is its last message.
    bool ours() const { return ours_; }

    // The beginning of a text, after the token that opens one, if the model has it. Errors: nothing is left.
    std::vector<Token> text(const std::string& text) const {
        if (ours_) return encode_prompt(tokenizer_, {{kEndOfText, text, true}});
        std::vector<Token> tokens, encoded = tokenizer_.encode(text);
        if (generation_.bos) tokens.push_back(*generation_.bos);
        tokens.insert(tokens.end(), encoded.begin(), encoded.end());
        expects(!tokens.empty(), where_, ": the model has no token that begins a text; give it a word to begin with");
        return tokens;
    }

    // A conversation, up to where the assistant speaks. Errors: the model has no chat template that cai knows.
    std::vector<Token> conversation(const std::vector<Message>& messages) const {
        if (ours_) return encode_prompt(tokenizer_, dialogue_prompt(messages.back().text));
        const auto spelling = [&](const std::string& text, std::optional<Token> token) {
            return text.empty() && token ? tokenizer_.piece(*token) : text;
        };
        const std::vector<Token>& stops = generation_.stops;
        const std::string bos = spelling(generation_.bos_text, generation_.bos);
        const std::string eos = spelling(generation_.eos_text, stops.empty() ? std::nullopt : std::optional(stops[0]));
        const ChatTemplate chat = recognise_chat_template(generation_.chat_template, bos, eos, where_);
        return encode_parts(tokenizer_, render_chat(chat, messages));
    }

    // Where completions end, and which tokens can be drawn: those that the tokenizer has.
    void set(GenerateOptions& options) const {
        if (!ours_) options.stops = generation_.stops;
        options.sampling.vocabulary = static_cast<int>(tokenizer_.size());
    }

    // What a completion adds to the text of its prompt.
    std::string continuation(const std::vector<Token>& prompt, const Completion& completion) const {
        std::vector<Token> all = prompt;
        all.insert(all.end(), completion.tokens.begin(), completion.tokens.end() - completion.stopped);
        const std::string before = tokenizer_.decode(prompt), whole = tokenizer_.decode(all);
        return whole.starts_with(before) ? whole.substr(before.size()) : text_of(tokenizer_, completion);
    }

  private:
    const Tokenizer& tokenizer_;
    const Generation& generation_;
    std::string where_;
    bool ours_;
};

}  // namespace cai

// How the common families of assistants lay out a conversation. Their folders carry the layout as a program in Jinja,
// Hugging Face's chat template; cai runs no Jinja, but recognises the usual programs by their characteristic text and
// renders what they render. Any other is refused.
#pragma once
#include <algorithm>
#include <ctime>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/unicode.h"
#include "../base/utf8.h"
#include "generation.h"
#include "tokenizer.h"

namespace cai {

struct Message {
    std::string role;  // "system" (the first only), "user" or "assistant"
    std::string text;
};

enum class ChatFamily {
    chatml,    // <|im_start|>user\n...<|im_end|>\n (SmolLM2 and many fine-tuned models)
    llama2,    // [INST] ... [/INST]
    llama3,    // <|start_header_id|>user<|end_header_id|>\n\n...<|eot_id|>
    llama3_1,  // the same, below a system message that tells the date
    zephyr,    // <|user|>\n...</s>\n (TinyLlama too)
};

struct ChatTemplate {
    ChatFamily family = ChatFamily::chatml;
    std::string bos, eos;        // as text; bos is empty where the template does not write it
    std::string default_system;  // chatml: the system message of a conversation that brings none; llama3_1: the date
    bool trims = false;          // chatml: spaces around a message are dropped
};

// A piece of a rendered conversation. In the template's own text, the name of a special token means that token; in what
// people and models say, it is text like any other, so that nobody can forge a turn by typing it.
struct RenderedPart {
    std::string text;
    bool spoken;
};

// Today, as "30 Nov 2026" whatever the language of the machine.
inline std::string today() {
    constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t now = std::time(nullptr);
    const std::tm* day = std::localtime(&now);
    return concat(day->tm_mday < 10 ? "0" : "", day->tm_mday, " ", kMonths[day->tm_mon], " ", day->tm_year + 1900);
}

// A text without the blanks around it, as Python's strip() and Jinja's trim leave it: Unicode's blanks, and the
// separators U+001C to U+001F.
inline std::string_view strip(std::string_view text) {
    const auto is_blank = [](char32_t c) { return is_space(c) || (c >= 0x1C && c <= 0x1F); };
    size_t begin = text.size(), end = 0;
    for (size_t i = 0; i < text.size();) {
        const size_t start = i;
        if (is_blank(next_code_point(text, i))) continue;
        begin = std::min(begin, start), end = i;
    }
    return begin < end ? text.substr(begin, end - begin) : text.substr(text.size());
}

// What a program in Jinja writes as it stands, outside of its tags. Set up as transformers does, Jinja drops the line
// break after a block and the blanks in front of a block that begins a line; "-" drops all blanks on its side.
inline std::string text_between_tags(std::string_view jinja) {
    std::string text;
    bool strips = false, after_block = false;
    for (size_t at = 0;;) {
        const size_t open = std::min({jinja.find("{{", at), jinja.find("{%", at), jinja.find("{#", at), jinja.size()});
        std::string_view piece = jinja.substr(at, open - at);
        if (strips) piece.remove_prefix(std::min(piece.find_first_not_of(" \t\r\n"), piece.size()));
        if (!strips && after_block && piece.starts_with('\n')) piece.remove_prefix(1);
        if (open == jinja.size()) return text.append(piece);
        const size_t before = jinja.substr(0, open).find_last_not_of(" \t");
        const bool begins_line = before == jinja.npos || jinja[before] == '\n';
        if (jinja.substr(open + 2).starts_with('-'))
            piece = piece.substr(0, piece.find_last_not_of(" \t\r\n") + 1);
        else if (jinja[open + 1] != '{' && begins_line)
            piece = piece.substr(0, piece.find_last_not_of(" \t") + 1);
        text += piece;
        const char* close = jinja[open + 1] == '{' ? "}}" : jinja[open + 1] == '%' ? "%}" : "#}";
        at = jinja.find(close, open + 2);
        if (at == jinja.npos) return text;  // no program that Jinja would run
        strips = jinja[at - 1] == '-', after_block = jinja[open + 1] != '{';
        at += 2;
    }
}

// Recognises the template of a model. bos, eos: the spelling of these tokens. Errors: there is no template, or it is
// none of the families above; `where` opens the message.
inline ChatTemplate recognise_chat_template(const std::string& jinja, const std::string& bos, const std::string& eos,
                                            const std::string& where, const std::string& date = today()) {
    expects(!jinja.empty(), where, ": the model brings no chat template, so there is no saying how it would be asked; ",
            "give it a whole text with --text, as in `cai sample --text`");
    // The program with escapes replaced and one kind of quote; `squeezed` without blanks between its parts as well.
    std::string text, squeezed;
    for (size_t i = 0; i < jinja.size(); i++) {
        const bool line_break = jinja[i] == '\\' && i + 1 < jinja.size() && jinja[i + 1] == 'n';
        text += line_break ? '\n' : jinja[i] == '"' ? '\'' : jinja[i];
        i += line_break;
    }
    for (const auto& [from, to] : {std::pair<std::string, std::string>{"message.role", "message['role']"},
                                   {"message.content", "message['content']"}})
        for (size_t at; (at = text.find(from)) != text.npos;) text.replace(at, from.size(), to);
    for (char c : text)
        if (c != ' ') squeezed += c;
    const auto has = [&](std::string_view part) { return text.find(part) != text.npos; };
    const auto runs = [&](std::string_view part) { return squeezed.find(part) != squeezed.npos; };
    const std::string between = text_between_tags(jinja);

    ChatTemplate chat;
    chat.eos = eos;
    if (runs("bos_token")) chat.bos = bos;
    const std::string message = "message['content']";
    if (between.empty() && !has("tools") && runs("'<|im_start|>'+message['role']+'\n'+" + message) &&
        runs("'<|im_start|>assistant\n'") &&
        (runs(message + "+'<|im_end|>'+'\n'") || runs(message + "+'<|im_end|>\n'") ||
         runs(message + "|trim+'<|im_end|>'+'\n'") || runs(message + "|trim+'<|im_end|>\n'"))) {
        chat.family = ChatFamily::chatml;
        chat.trims = runs(message + "|trim");
        const std::string begin = "<|im_start|>system\n", end = "<|im_end|>\n'";
        const size_t at = text.find(begin), close = text.find(end, std::min(at, text.size()));
        const bool literal = at != text.npos && close != text.npos && text.find('\'', at) == close + end.size() - 1;
        if (literal) chat.default_system = text.substr(at + begin.size(), close - at - begin.size());
        if (literal || at == text.npos) return chat;
    }
    if (between.empty() &&
        runs("'<|start_header_id|>'+message['role']+'<|end_header_id|>\n\n'+" + message + "|trim+'<|eot_id|>'") &&
        runs("'<|start_header_id|>assistant<|end_header_id|>\n\n'")) {
        chat.family = has("Cutting Knowledge Date: December 2023\n") ? ChatFamily::llama3_1 : ChatFamily::llama3;
        if (chat.family == ChatFamily::llama3 && !has("tools")) return chat;
        const std::string begin = "date_string = '";
        const size_t at = text.find(begin), from = at + begin.size();
        if (chat.family == ChatFamily::llama3_1 && (at != text.npos || has("strftime_now("))) {
            chat.default_system = has("strftime_now(") ? date : text.substr(from, text.find('\'', from) - from);
            return chat;
        }
    }
    // A system message of the template's own is for a default that transformers leaves undefined, or is not known.
    const bool has_default = has("set system_message = '") && !has("USE_DEFAULT_PROMPT == true");
    if (between.empty() && !has_default && has("'<<SYS>>\n' + ") && has("'\n<</SYS>>\n\n' + message['content']") &&
        (has("bos_token + '[INST] ' + content.strip() + ' [/INST]'") ||
         has("bos_token + '[INST] ' + content | trim + ' [/INST]'")) &&
        (runs("''+content.strip()+''+eos_token") || runs("''+content|trim+''+eos_token"))) {
        chat.family = ChatFamily::llama2;
        return chat;
    }
    if (between == "\n\n\n\n" && has("'<|user|>\n' + message['content'] + eos_token }}\n") &&
        has("{{ '<|assistant|>' }}\n") &&
        has("'<|system|>\n' + message['content'] + eos_token }}\n")) {
        chat.family = ChatFamily::zephyr;
        return chat;
    }
    fail(kBadInput, where,
         ": its chat template is none of those that cai knows (ChatML, Llama 2, Llama 3, Zephyr); give ",
         "the model a whole text with `cai sample --text`, laid out as it wants");
}

// A conversation as the template lays it out, up to where the assistant speaks next. Equal, joined, to what
// transformers' apply_chat_template(messages, add_generation_prompt=True) renders.
inline std::vector<RenderedPart> render_chat(const ChatTemplate& chat, const std::vector<Message>& messages) {
    std::vector<RenderedPart> parts;
    const auto add = [&](const std::string& text) { parts.push_back({text, false}); };
    const auto say = [&](std::string_view text) { parts.push_back({std::string(text), true}); };
    const bool has_system = !messages.empty() && messages[0].role == "system";
    switch (chat.family) {
        case ChatFamily::chatml:
            add(chat.bos);
            if (!has_system && !chat.default_system.empty())
                add("<|im_start|>system\n" + chat.default_system + "<|im_end|>\n");
            for (const Message& message : messages) {
                add("<|im_start|>" + message.role + "\n");
                say(chat.trims ? strip(message.text) : std::string_view(message.text));
                add("<|im_end|>\n");
            }
            add("<|im_start|>assistant\n");
            break;
        case ChatFamily::llama3:
        case ChatFamily::llama3_1:
            add(chat.bos);
            if (chat.family == ChatFamily::llama3_1) {
                add("<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\nToday "
                    "Date: " +
                    chat.default_system + "\n\n");
                if (has_system) say(strip(messages[0].text));
                add("<|eot_id|>");
            }
            for (const Message& message : messages) {
                if (chat.family == ChatFamily::llama3_1 && message.role == "system") continue;
                add("<|start_header_id|>" + message.role + "<|end_header_id|>\n\n");
                say(strip(message.text));
                add("<|eot_id|>");
            }
            add("<|start_header_id|>assistant<|end_header_id|>\n\n");
            break;
        case ChatFamily::llama2:
            for (size_t i = has_system; i < messages.size(); i++) {
                std::string_view text = messages[i].text;
                const std::string_view inner = strip(text);
                if (messages[i].role != "user") {
                    add(" "), say(inner), add(" " + chat.eos);
                } else if (has_system && i == 1) {  // system message and text are stripped as one
                    add(chat.bos + "[INST] <<SYS>>\n"), say(messages[0].text);
                    add(inner.empty() ? "\n<</SYS>>" : "\n<</SYS>>\n\n");
                    text.remove_suffix(static_cast<size_t>(text.end() - inner.end()));
                    say(inner.empty() ? inner : text), add(" [/INST]");
                } else {
                    add(chat.bos + "[INST] "), say(inner), add(" [/INST]");
                }
            }
            break;
        case ChatFamily::zephyr:
            for (const Message& message : messages)
                add("<|" + message.role + "|>\n"), say(message.text), add(chat.eos + "\n");
            add("<|assistant|>\n");
            break;
    }
    return parts;
}

// The tokens of rendered parts: special tokens' names become their ids in the template's own text only. What stands
// between two special tokens is encoded as one text.
inline std::vector<Token> encode_parts(const Tokenizer& tokenizer, const std::vector<RenderedPart>& parts) {
    std::vector<Token> tokens, specials;
    for (Token id = 0; static_cast<size_t>(id) < tokenizer.size(); id++)
        if (tokenizer.is_special(id) && !tokenizer.piece(id).empty()) specials.push_back(id);
    std::string between;
    const auto flush = [&] {
        if (between.empty()) return;
        const std::vector<Token> encoded = tokenizer.encode(between);
        tokens.insert(tokens.end(), encoded.begin(), encoded.end());
        between.clear();
    };
    for (const RenderedPart& part : parts)
        for (size_t i = 0; i < part.text.size();) {
            Token found = -1;  // the longest name that begins here
            if (!part.spoken)
                for (Token id : specials)
                    if (std::string_view(part.text).substr(i).starts_with(tokenizer.piece(id)) &&
                        (found < 0 || tokenizer.piece(id).size() > tokenizer.piece(found).size()))
                        found = id;
            if (found < 0) {
                between += part.text[i++];
            } else {
                flush();
                tokens.push_back(found);
                i += tokenizer.piece(found).size();
            }
        }
    flush();
    return tokens;
}

}  // namespace cai

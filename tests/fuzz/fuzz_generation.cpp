// generation_config.json, tokenizer_config.json and chat_template.jinja: a conversation is laid out by the template, or
// the template is refused.
#include "fuzz.h"

#include "../../core/io/generation_config.h"
#include "../../core/lm/chat_templates.h"
#include "byte_tokenizer.h"

void cai::read_input(const std::string& input) {
    const std::filesystem::path folder =
        folder_of(input, {"generation_config.json", "tokenizer_config.json", "chat_template.jinja"});
    const Generation generation = read_generation(folder, Json(Json::Object{}), 300);
    for (Token token : generation.stops) must(token >= 0 && token < 300, "a stop token outside of the vocabulary");
    const ChatTemplate chat =
        recognise_chat_template(generation.chat_template, generation.bos_text, generation.eos_text, "input");
    must_succeed([&] {
        const std::vector<Message> messages = {{"system", " be kind"}, {"user", "hello\n"}, {"assistant", "hello"},
                                               {"user", "<|im_end|>"}};
        const std::vector<Token> tokens = encode_parts(byte_tokenizer(), render_chat(chat, messages));
        must(byte_tokenizer().decode(tokens).find("be kind") != std::string::npos, "a layout without its messages");
    });
}

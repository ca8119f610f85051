// What a model's files say about writing with it, by the precedence of transformers 5.24.0 (its generation_config after
// AutoModelForCausalLM.from_pretrained), and how a prompt becomes tokens.
#include <doctest/doctest.h>

#include <sstream>

#include "../core/io/checkpoint.h"
#include "../core/lm/bpe_training.h"
#include "../core/lm/prompting.h"
#include "../core/tools/chat.h"
#include "../core/tools/import.h"
#include "../core/tools/sample.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// A tokenizer that is not ours: its special tokens have other names.
Tokenizer foreign_tokenizer() {
    std::vector<std::string> pieces = {"<s>", "</s>"};
    for (int byte = 0; byte < 256; byte++) pieces.push_back(std::string(1, static_cast<char>(byte)));
    return Tokenizer(pieces, {}, {0, 1});
}

// A small model of random weights that has seen no text.
Model foreign_model(int context) {
    Config config = {260, 16, 1, 2, 1, 8, 24, context};
    config.rope_scaling = {RopeScaling::Kind::llama3, 8, 1, 4, 16};
    Model model(cpu_kernels, config);
    model.initialize(1);
    return model;
}

const char* const kChatml =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
    "'\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

}  // namespace

TEST_CASE("begin and end of a text: generation_config.json stands instead of all that config.json says") {
    TemporaryFolder folder;
    const auto read = [&](const std::string& config) {
        return read_generation(folder.path, parse_json(config, "config.json"), 100);
    };
    const std::string config = "{\"bos_token_id\":5,\"eos_token_id\":[7,8],\"pad_token_id\":9}";
    CHECK(read(config).bos == 5);
    CHECK(read(config).stops == std::vector<Token>{7, 8});
    CHECK(read(config).pad == 9);
    CHECK(!read("{}").bos);
    CHECK(read("{\"eos_token_id\":null}").stops.empty());

    write_file(folder.path / "generation_config.json", "{\"do_sample\":true}");
    CHECK(!read(config).bos);
    CHECK(read(config).stops.empty());
    write_file(folder.path / "generation_config.json", "{\"eos_token_id\":3,\"bos_token_id\":4}");
    CHECK(read(config).bos == 4);
    CHECK(read(config).stops == std::vector<Token>{3});
    CHECK(!read(config).pad);
    write_file(folder.path / "generation_config.json", "{\"eos_token_id\":100}");
    CHECK(contains(error_of([&] { read(config); }), "generation_config.json: \"eos_token_id\" holds 100, which is no"));
    write_file(folder.path / "generation_config.json", "{\"eos_token_id\":\"</s>\"}");
    CHECK(contains(error_of([&] { read(config); }), "\"eos_token_id\" holds \"</s>\""));

    // The conversation's layout, and the spelling of the tokens in it.
    fs::remove(folder.path / "generation_config.json");
    write_file(folder.path / "tokenizer_config.json",
               "{\"bos_token\":{\"content\":\"<s>\",\"lstrip\":false},\"eos_token\":\"</s>\",\"chat_template\":"
               "[{\"name\":\"tool_use\",\"template\":\"x\"},{\"name\":\"default\",\"template\":\"y\"}]}");
    CHECK(read(config).bos_text == "<s>");
    CHECK(read(config).eos_text == "</s>");
    CHECK(read(config).chat_template == "y");
    write_file(folder.path / "chat_template.jinja", "z\n");
    CHECK(read(config).chat_template == "z\n");
}

TEST_CASE("generation_config.json of our models: the whole distribution, and the same back") {
    const Json json = parse_json(generation_json(our_generation()), "generation_config.json");
    CHECK(json["top_k"] == 0);
    CHECK(json["top_p"] == 1);
    CHECK(json["temperature"] == 1);
    CHECK(json["do_sample"] == true);
    CHECK(json["eos_token_id"] == int{kEndOfText});
    TemporaryFolder folder;
    write_file(folder.path / "generation_config.json", generation_json({7, {8, 9}, "", {}, "", ""}));
    const Generation back = read_generation(folder.path, Json(Json::Object{}), 10);
    CHECK(back.bos == 7);
    CHECK(back.stops == std::vector<Token>{8, 9});
    CHECK(!back.pad);
}

TEST_CASE("a text begins with the model's own first token, and ends where the model's files say") {
    const Tokenizer tokenizer = foreign_tokenizer();
    Generation generation;
    generation.bos = 0, generation.stops = {1};
    const Prompting prompting(tokenizer, generation, "model");
    CHECK(prompting.text("A") == std::vector<Token>{0, 2 + 'A'});
    CHECK(prompting.text("<s>").size() == 4);  // a name typed by somebody is text
    GenerateOptions options;
    prompting.set(options);
    CHECK(options.stops == std::vector<Token>{1});
    CHECK(options.sampling.vocabulary == 258);
    CHECK(contains(error_of([&] {
                       prompting.conversation({{"user", "x"}});
                   }),
                   "model: the model brings no chat template"));
    const Generation nothing;
    CHECK(contains(error_of([&] { Prompting(tokenizer, nothing, "model").text(""); }), "give it a word"));

    // Ours: <|endoftext|>, roles, and the sampler's own stops, whatever the files say.
    const Tokenizer own = train_bpe({"a small text"}, 270);
    const Prompting of_ours(own, generation, "model");
    CHECK(of_ours.ours());
    CHECK(of_ours.text("").front() == kEndOfText);
    CHECK(of_ours.conversation({{"user", "earlier"}, {"assistant", "yes"}, {"user", "a"}}) ==
          encode_prompt(own, dialogue_prompt("a")));
    GenerateOptions own_options;
    of_ours.set(own_options);
    CHECK(!own_options.stops);
}

TEST_CASE("a completion as JSON: why it stopped, and floats in their shortest digits") {
    const Completion stopped = {{5, 1}, {-0.1f, -2}, true}, full = {{5, 6}, {-0.1f, -2}, false};
    CHECK(dump(completion_json({3}, stopped, "x", 64)) ==
          "{\"prompt_ids\":[3],\"ids\":[5,1],\"logprobs\":[-0.1,-2.0],\"text\":\"x\",\"stopped_by\":\"stop token\"}");
    CHECK(completion_json({3}, full, "x", 64)["stopped_by"] == "length");
    CHECK(completion_json({3}, full, "x", 3)["stopped_by"] == "context");
}

TEST_CASE("a text streamed byte by byte never shows part of a character") {
    const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xff";
    std::string shown;
    for (size_t end = 1; end <= text.size(); end++) {
        const std::string_view so_far = std::string_view(text).substr(0, end);
        const size_t complete = complete_utf8(so_far);
        REQUIRE(complete >= shown.size());
        shown = so_far.substr(0, complete);
        CHECK(valid_utf8(shown.substr(0, text.size() - 1)));
    }
    CHECK(shown == text);  // a byte that can begin no character is not waited for
    CHECK(complete_utf8("a\xe2\x82") == 1);
    CHECK(complete_utf8("\xf0\x9f\x98") == 0);
    CHECK(complete_utf8("\x82\x82\x82\x82") == 4);
    CHECK(complete_utf8("") == 0);
}

TEST_CASE("a conversation with another model goes on until its context is full") {
    const Generation generation = {0, {1}, kChatml, {}, "", ""};
    Assistant assistant = {"model", "model", foreign_model(400), foreign_tokenizer(), generation, {}};
    ChatOptions options;
    options.max_new_tokens = 40;
    std::ostringstream out;
    CHECK(answer(assistant, "One?", options, 1, "", out));
    CHECK(assistant.messages.size() == 2);
    CHECK(assistant.messages[1].role == "assistant");
    CHECK(out.str() == repair_utf8(assistant.messages[1].text) + "\n");
    CHECK(valid_utf8(out.str()));
    CHECK(!valid_utf8(assistant.messages[1].text));  // so there was something to repair
    size_t turns = 1;
    while (turns < 20 && answer(assistant, "And then?", options, ++turns, "", out)) {
    }
    CHECK(turns > 2);
    CHECK(turns < 8);
    CHECK(contains(out.str(), "begin another conversation with :new"));
    CHECK(assistant.messages.size() == 2 * (turns - 1));  // the question without an answer is forgotten
}

TEST_CASE("cai import: the same model in a folder of ours") {
    TemporaryFolder temporary;
    const fs::path foreign = temporary.path / "foreign", out = temporary.path / "ours";
    const Model model = foreign_model(64);
    fs::create_directory(foreign);
    std::vector<float> host = model.parameters.download();
    const Generation generation = {0, {1, 2}, "", 1, "", ""};
    write_model_files(foreign, model.config, name_tensors(model.config, host, ""), foreign_tokenizer(), generation);
    write_file(foreign / "chat_template.jinja", kChatml);
    const std::string tokenizer = read_file(foreign / "tokenizer.json") + "\n";
    write_file(foreign / "tokenizer.json", tokenizer);
    import_model(foreign, "", out);
    const ModelSource source = open_model(out);
    CHECK(source.config == model.config);
    CHECK(source.generation.bos == 0);
    CHECK(source.generation.stops == std::vector<Token>{1, 2});
    CHECK(source.generation.chat_template == kChatml);
    CHECK(load_model(cpu_kernels, source).parameters.download() == host);
    CHECK(read_file(out / "tokenizer.json") == tokenizer);  // as it was

    // Nothing is written when it cannot be read, and nothing but a model replaced.
    write_file(foreign / "model.safetensors", "x");
    CHECK(contains(error_of([&] { import_model(foreign, "", temporary.path / "new"); }), "truncated"));
    CHECK(!fs::exists(temporary.path / "new"));
    write_file(temporary.path / "thesis" / "chapter.txt", "years of work");
    CHECK(contains(error_of([&] { import_model(out, "", temporary.path / "thesis"); }), "is not a checkpoint"));

    // For a format without Hugging Face's files, tokenizer_config.json tells the same.
    write_tokenizer(out, foreign_tokenizer(), 0, {0, {1}, kChatml, 1, "", ""});
    const Json written = read_json(out / "tokenizer_config.json");
    CHECK(written["bos_token"] == "<s>");
    CHECK(written["eos_token"] == "</s>");
    CHECK(written["pad_token"] == "</s>");
    CHECK(written["chat_template"] == kChatml);
}

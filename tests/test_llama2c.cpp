// llama2.c's files: a small one whose every number says where it belongs, damaged ones, and the real one of 260,000
// parameters, which has to tell llama2.c's own story from its text file to the last letter.
#include <doctest/doctest.h>

#include "../core/io/llama2c.h"
#include "../core/lm/sampler.h"
#include "source_values.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

template <class Number>
void append(std::string& bytes, Number number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

// dim 8, hidden_dim 3, 2 layers, 2 heads (of 4), 1 key-value head, 5 tokens, 6 positions. The weights are 0, 1, 2, ...
std::string small_file(int32_t vocab_size = 5) {
    std::string bytes;
    for (int32_t field : {8, 3, 2, 2, 1, vocab_size, 6}) append(bytes, field);
    const int head = vocab_size < 0 ? 5 * 8 : 0;
    const int count = 5 * 8 + 2 * (8 + 64 + 32 + 32 + 64 + 8 + 24 + 24 + 24) + 8 + 6 * 4 + head;
    for (int i = 0; i < count; i++) append(bytes, static_cast<float>(i));
    return bytes;
}

std::string small_tokenizer_bin(int tokens = 5) {
    std::string bytes;
    append(bytes, int32_t{7});
    for (std::string piece : {"<unk>", "\n<s>\n", "\n</s>\n", "a", " "}) {
        if (tokens-- == 0) break;
        append(bytes, -1.0f);
        append(bytes, static_cast<int32_t>(piece.size()));
        bytes += piece;
    }
    return bytes;
}

// The model that a source describes.
Model model_of(const ModelSource& source) {
    Model model(cpu_kernels, source.config);
    std::vector<float> host;
    for (const Tensor& part : list_tensors(source.config)) {
        REQUIRE(source.shapes.at(part.name) == part.shape);
        for (float value : tensor_values(source, part.name)) host.push_back(value);
    }
    model.parameters.upload(host);
    model.pack();
    return model;
}

}  // namespace

TEST_CASE("each tensor of llama2.c's format is found at its place, and a head's neighbours become its halves") {
    TemporaryFolder folder;
    const fs::path path = folder.path / "small.bin";
    write_file(path, small_file());
    write_file(folder.path / "tokenizer.bin", small_tokenizer_bin());
    const ModelSource source = open_llama2c(path);
    Config c;
    c.vocab_size = 5, c.width = 8, c.layers = 2, c.heads = 2, c.kv_heads = 1, c.head_dim = 4, c.ff = 3, c.context = 6;
    CHECK(source.config == c);
    CHECK(source.shapes.size() == list_tensors(c).size());
    for (const Tensor& part : list_tensors(c)) CHECK(source.shapes.at(part.name) == part.shape);

    // The order of the file: embeddings 0-39, attention norms 40-55, q 56-183, k 184-247, v 248-311, o 312-439, ffn
    // norms 440-455, w1 (gate) 456-503, w2 (down) 504-551, w3 (up) 552-599, the last norm 600-607.
    CHECK(tensor_values(source, "model.embed_tokens.weight")[39] == 39);
    CHECK(tensor_values(source, "model.layers.1.input_layernorm.weight")[0] == 48);
    CHECK(tensor_values(source, "model.layers.1.self_attn.v_proj.weight")[0] == 280);
    CHECK(tensor_values(source, "model.layers.1.self_attn.o_proj.weight")[63] == 439);
    CHECK(tensor_values(source, "model.layers.0.post_attention_layernorm.weight")[7] == 447);
    CHECK(tensor_values(source, "model.layers.1.mlp.gate_proj.weight")[0] == 480);
    CHECK(tensor_values(source, "model.layers.1.mlp.down_proj.weight")[0] == 528);
    CHECK(tensor_values(source, "model.layers.1.mlp.up_proj.weight")[23] == 599);
    CHECK(tensor_values(source, "model.norm.weight")[7] == 607);

    // Rows 0, 2, 1, 3 of each head: RoPE turns rows 0 and 1 there, rows 0 and 2 here.
    const std::vector<float> q = tensor_values(source, "model.layers.0.self_attn.q_proj.weight");
    const size_t order[] = {0, 2, 1, 3, 4, 6, 5, 7};
    for (size_t row = 0; row < 8; row++) CHECK(q[row * 8] == 56 + order[row] * 8);
    const std::vector<float> k = tensor_values(source, "model.layers.1.self_attn.k_proj.weight");
    for (size_t row = 0; row < 4; row++) CHECK(k[row * 8 + 7] == 184 + 32 + order[row] * 8 + 7);

    const Tokenizer tokenizer = source.tokenizer();
    CHECK(tokenizer.encode("a") == std::vector<Token>{4, 3});  // with the space that goes in front
    CHECK(tokenizer.piece(1) == "<s>");
    CHECK(source.generation.bos == 1);
    CHECK(source.generation.stops == std::vector<Token>{1, 2});
}

TEST_CASE("a vocabulary below zero means a head of its own, at the end of the file") {
    TemporaryFolder folder;
    const fs::path path = folder.path / "untied.bin";
    write_file(path, small_file(-5));
    const ModelSource source = open_llama2c(path);
    CHECK(source.config.vocab_size == 5);
    CHECK(!source.config.tied);
    const std::vector<float> head = tensor_values(source, "lm_head.weight");
    CHECK(head.front() == 632);  // after RoPE's 24 cosines and sines
    CHECK(head.back() == 671);
}

TEST_CASE("a tokenizer named after its size comes before tokenizer.bin, and one that is named before both") {
    TemporaryFolder folder;
    const fs::path path = folder.path / "small.bin";
    write_file(path, small_file());
    CHECK(error_of([&] { open_llama2c(path).tokenizer(); }) ==
          path.string() + ": no tokenizer is beside it, neither tok5.bin nor tokenizer.bin; name it with --tokenizer");
    write_file(folder.path / "tokenizer.bin", "not read");
    write_file(folder.path / "tok5.bin", small_tokenizer_bin());
    CHECK(open_llama2c(path).tokenizer().size() == 5);
    write_file(folder.path / "short.bin", small_tokenizer_bin(3));
    CHECK(error_of([&] { open_llama2c(path, folder.path / "short.bin").tokenizer(); }) ==
          (folder.path / "short.bin").string() +
              ": ends after 3 tokens, but the model has 5; name its own tokenizer with --tokenizer");
    write_file(folder.path / "long.bin", small_tokenizer_bin() + "more");
    CHECK(error_of([&] { open_llama2c(path, folder.path / "long.bin").tokenizer(); }) ==
          (folder.path / "long.bin").string() +
              ": holds more than the 5 tokens of the model; name its own tokenizer with --tokenizer");
}

TEST_CASE("a damaged file of llama2.c is an error that says where") {
    TemporaryFolder folder;
    const fs::path path = folder.path / "m.bin";
    const auto error = [&](const std::string& bytes) {
        write_file(path, bytes);
        const std::string message = error_of([&] { open_llama2c(path); });
        REQUIRE(message.starts_with(path.string() + ": "));
        return message.substr(path.string().size() + 2);
    };
    const auto with_field = [](size_t index, int32_t value) {
        std::string bytes = small_file();
        std::memcpy(bytes.data() + 4 * index, &value, 4);
        return bytes;
    };
    const std::string unlike = "not llama2.c's format of version 0: ";
    CHECK(error("") == "truncated: a field of 4 bytes begins at byte 0 of 0; copy or fetch the file again");
    CHECK(error("24ka" + small_file()) ==
          "llama2.c's format of a later version than 0; export the model with its export.py --version 0");
    CHECK(error(small_file().substr(0, 20)) ==
          "truncated: a field of 4 bytes begins at byte 20 of 20; copy or fetch the file again");
    CHECK(
        error(small_file().substr(0, 200)) ==
        "truncated: tensor model.layers.0.input_layernorm.weight of shape [8] begins at byte 188 of 200; copy or fetch "
        "the file again");
    CHECK(error(small_file() + "x") == unlike + "its header asks for 2556 bytes, the file has 2557");
    CHECK(error(with_field(0, 0)) == unlike + "number 1 of its header is 0");
    CHECK(error(with_field(2, -3)) == unlike + "number 3 of its header is -3");
    CHECK(error(with_field(5, INT32_MIN)) == unlike + "number 6 of its header is -2147483648");
    CHECK(error(with_field(3, 3)) == unlike + "3 heads do not share a width of 8");
    CHECK(error(with_field(4, 3)).find("heads (2) must be a multiple of kv_heads (3)") != std::string::npos);
    CHECK(error(with_field(0, INT32_MAX - 3)).find("truncated: tensor model.embed_tokens.weight") == 0);
    CHECK(error(with_field(2, INT32_MAX)).find("truncated: tensor model.layers.") == 0);
    CHECK(error(with_field(5, INT32_MAX)).find("truncated: tensor model.embed_tokens.weight") == 0);
}

TEST_CASE("stories260K, from its file and the tokenizer beside it, tells the story that llama2.c tells") {
    const char* data = std::getenv("CAI_REAL_DATA");
    if (!data) {
        MESSAGE("skipped: CAI_REAL_DATA is not set");
        return;
    }
    const fs::path folder = fs::path(data) / "stories260K";
    const ModelSource source = open_llama2c(folder / "stories260K.bin");
    const Tokenizer tokenizer = source.tokenizer();
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_new_tokens = 256;
    options.stops = source.generation.stops;
    std::vector<Token> story = generate(model_of(source), {{*source.generation.bos}}, options)[0].tokens;
    const std::string expected = read_file(folder / "greedy-256.txt");
    CHECK(tokenizer.decode(story) + "\n" == expected);
    // The story's own text gives its own tokens.
    CHECK(tokenizer.encode(tokenizer.decode(story)) == story);
}

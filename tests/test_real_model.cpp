// The whole transformer against one that nobody here wrote or trained: stories260K (karpathy's tinyllamas) must tell,
// at temperature 0, the story that llama2.c's own run.c tells, to the last letter.
#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>

#include "../core/base/files.h"
#include "../core/lm/sampler.h"

using namespace cai;

namespace {

// Reads the fields of a binary file one after the other.
struct Reader {
    std::string bytes;
    size_t offset = 0;

    template <class T>
    std::vector<T> next(size_t count) {
        REQUIRE(offset + count * sizeof(T) <= bytes.size());
        std::vector<T> values(count);
        if (count) std::memcpy(values.data(), bytes.data() + offset, count * sizeof(T));
        offset += count * sizeof(T);
        return values;
    }
    int32_t integer() { return next<int32_t>(1)[0]; }
};

// llama2.c rotates neighbours (2i, 2i+1) of a head, our layout the halves (i, i+D/2): the rows of each head, as wide as
// the model, change places.
std::vector<float> halves_from_neighbours(const std::vector<float>& rows, size_t D, size_t C) {
    std::vector<float> permuted(rows.size());
    for (size_t row = 0; row < rows.size() / C; row++) {
        size_t d = row % D, to = row - d + d / 2 + (d % 2) * (D / 2);
        std::copy_n(rows.begin() + row * C, C, permuted.begin() + to * C);
    }
    return permuted;
}

// llama2.c's .bin, version 0: seven int32, then every kind of weight, each for all layers at once, then RoPE's cosines
// and sines (positions, D/2), which are compared with ours.
Model read_llama2c(const std::string& path) {
    Reader file{read_file(path)};
    Config c;
    c.width = file.integer();
    c.ff = file.integer();
    c.layers = file.integer();
    c.heads = file.integer();
    c.kv_heads = file.integer();
    c.vocab_size = file.integer();  // negative: untied
    c.context = file.integer();
    c.head_dim = c.width / c.heads;
    REQUIRE(c.vocab_size > 0);

    Model model(cpu_kernels, c);
    const size_t C = c.width, F = c.ff, D = c.head_dim, HD = c.heads * D, KD = c.kv_heads * D;
    auto read = [&](const std::string& name, size_t count) {
        std::vector<float> values = file.next<float>(count);
        if (name.ends_with("q_proj") || name.ends_with("k_proj")) values = halves_from_neighbours(values, D, C);
        bool found = false;
        model.each_tensor([&](const std::string& ours, const std::vector<size_t>& shape, float* data) {
            if (ours != name + ".weight") return;
            found = true;
            REQUIRE(Tensor{ours, shape}.count() == count);
            model.kernels->upload(data, values.data(), count * sizeof(float));
        });
        REQUIRE_MESSAGE(found, name);
    };
    auto read_layers = [&](const std::string& name, size_t count) {
        for (int l = 0; l < c.layers; l++) read(concat("model.layers.", l, ".", name), count);
    };
    read("model.embed_tokens", c.vocab_size * C);
    read_layers("input_layernorm", C);
    read_layers("self_attn.q_proj", HD * C);
    read_layers("self_attn.k_proj", KD * C);
    read_layers("self_attn.v_proj", KD * C);
    read_layers("self_attn.o_proj", C * HD);
    read_layers("post_attention_layernorm", C);
    read_layers("mlp.gate_proj", F * C);
    read_layers("mlp.down_proj", C * F);
    read_layers("mlp.up_proj", F * C);
    read("model.norm", C);
    model.pack();

    const std::vector<float> table = model.rope_table.download();
    for (size_t part = 0; part < 2; part++) {
        std::vector<float> theirs = file.next<float>(c.context * D / 2);
        double largest = 0;
        for (size_t i = 0; i < theirs.size(); i++) {
            double difference = std::abs(theirs[i] - table[i / (D / 2) * D + part * (D / 2) + i % (D / 2)]);
            REQUIRE(!std::isnan(difference));
            largest = std::max(largest, difference);
        }
        // Angles up to 511 in float are exact to 511 · 2^-24; the file's were rounded on another path.
        CHECK(largest < 511 * 0x1p-23);
    }
    CHECK(file.offset == file.bytes.size());
    return model;
}

// The story as run.c prints it: the longest token's length, then for each token a score, its length and its bytes. A
// space after the first token is dropped, and <0x0A> stands for a byte.
std::string decode_llama2c(const std::string& path, size_t vocab_size, const std::vector<Token>& tokens) {
    Reader file{read_file(path)};
    std::vector<std::string> pieces;
    file.integer();
    for (size_t i = 0; i < vocab_size; i++) {
        file.next<float>(1);
        std::vector<char> bytes = file.next<char>(file.integer());
        pieces.emplace_back(bytes.begin(), bytes.end());
    }
    CHECK(file.offset == file.bytes.size());
    std::string text;
    for (size_t i = 0; i < tokens.size(); i++) {
        std::string piece = pieces.at(tokens[i]);
        if (piece.size() == 6 && piece.starts_with("<0x"))
            piece = static_cast<char>(std::stoi(piece.substr(3, 2), nullptr, 16));
        text += i == 0 && piece.starts_with(' ') ? piece.substr(1) : piece;
    }
    return text + "\n";
}

}  // namespace

TEST_CASE("stories260K tells the story that llama2.c tells") {
    const char* data = std::getenv("CAI_REAL_DATA");
    if (!data) {
        MESSAGE("skipped: CAI_REAL_DATA is not set");
        return;
    }
    const std::string folder = std::string(data) + "/stories260K/";
    const Model model = read_llama2c(folder + "stories260K.bin");
    CHECK(parameter_count(model.config) == 260032);

    const Token kBegin = 1;  // llama2.c's "<s>"
    GenerateOptions options;
    options.sampling.temperature = 0;
    options.max_new_tokens = 256;
    const Completion completion = generate(model, {{kBegin}}, options)[0];
    CHECK(completion.tokens.size() == 256);
    CHECK(decode_llama2c(folder + "tok512.bin", model.config.vocab_size, completion.tokens) ==
          read_file(folder + "greedy-256.txt"));

    // The forward pass of training, over the whole story at once, finds the same tokens most likely.
    std::vector<Token> sequence{kBegin};
    sequence.insert(sequence.end(), completion.tokens.begin(), completion.tokens.end());
    Batch batch;
    batch.add(sequence.data(), sequence.size());
    Activations activations;
    forward(model, batch, activations);
    const size_t V = model.config.vocab_size;
    std::vector<float> logits(batch.rows.size() * V);
    model.kernels->download(logits.data(), activations.logits, logits.size() * sizeof(float));
    for (size_t row = 0; row < batch.rows.size(); row++) {
        const float* values = logits.data() + row * V;
        CHECK(std::max_element(values, values + V) - values == batch.targets[row]);
    }
}

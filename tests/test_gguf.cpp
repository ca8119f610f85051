// GGUF: each number format against the package gguf, a small model whose every number says where it belongs, and files
// that are damaged or ask for what cai does not do.
#include <doctest/doctest.h>

#include <fstream>
#include <numeric>
#include <sstream>

#include "../core/io/checkpoint.h"
#include "../core/lm/sampler.h"
#include "gguf_bytes.h"
#include "source_values.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

std::string from_hexadecimal(const std::string& text) {
    std::string bytes;
    for (size_t i = 0; i < text.size(); i += 2) bytes += static_cast<char>(std::stoi(text.substr(i, 2), nullptr, 16));
    return bytes;
}

// 0, 1, 2, ... from `first` on.
std::string counting(float first, size_t count) {
    std::vector<float> values(count);
    std::iota(values.begin(), values.end(), first);
    return bytes_of_floats(values);
}

// A model of 3 tokens, width 8, 1 layer, 2 heads of 4, 1 key-value head and ff 2, in floats. The tests change one part.
struct SmallModel {
    GgufKeyList keys = {{"general.architecture", gguf_text("llama")},
                        {"llama.embedding_length", gguf_u32(8)},
                        {"llama.block_count", gguf_u32(1)},
                        {"llama.attention.head_count", gguf_u32(2)},
                        {"llama.attention.head_count_kv", gguf_u32(1)},
                        {"llama.feed_forward_length", gguf_u32(2)},
                        {"llama.context_length", gguf_u32(16)},
                        {"llama.attention.layer_norm_rms_epsilon", gguf_f32(1e-6f)},
                        {"llama.rope.freq_base", gguf_f32(500000)},
                        {"tokenizer.ggml.model", gguf_text("gpt2")},
                        {"tokenizer.ggml.pre", gguf_text("gpt-2")},
                        {"tokenizer.ggml.tokens", gguf_texts({"<end>", "a", "aa"})},
                        {"tokenizer.ggml.token_type", gguf_integers({3, 1, 1})},
                        {"tokenizer.ggml.merges", gguf_texts({"a a"})},
                        {"tokenizer.ggml.eos_token_id", gguf_u32(0)}};
    std::vector<GgufTensorBytes> tensors = {{"token_embd.weight", {8, 3}, 0, counting(0, 24)},
                                            {"blk.0.attn_norm.weight", {8}, 0, counting(100, 8)},
                                            {"blk.0.attn_q.weight", {8, 8}, 0, counting(200, 64)},
                                            {"blk.0.attn_k.weight", {8, 4}, 0, counting(300, 32)},
                                            {"blk.0.attn_v.weight", {8, 4}, 0, counting(400, 32)},
                                            {"blk.0.attn_output.weight", {8, 8}, 0, counting(500, 64)},
                                            {"blk.0.ffn_norm.weight", {8}, 0, counting(600, 8)},
                                            {"blk.0.ffn_gate.weight", {8, 2}, 0, counting(700, 16)},
                                            {"blk.0.ffn_up.weight", {8, 2}, 0, counting(800, 16)},
                                            {"blk.0.ffn_down.weight", {2, 8}, 0, counting(900, 16)},
                                            {"output_norm.weight", {8}, 0, counting(1000, 8)}};

    SmallModel& set(const std::string& key, const std::string& value) {
        for (auto& [known, old] : keys)
            if (known == key) return old = value, *this;
        keys.push_back({key, value});
        return *this;
    }
    SmallModel& remove(const std::string& key) {
        std::erase_if(keys, [&](const auto& pair) { return pair.first == key; });
        return *this;
    }
    std::string bytes(uint32_t version = 3) const { return gguf_file(keys, tensors, version); }
};

ModelSource open_bytes(const std::string& bytes) {
    TemporaryFolder folder;  // the mapped file outlives its name
    write_file(folder.path / "m.gguf", bytes);
    return open_gguf(folder.path / "m.gguf");
}

// The error's sentence, without the path.
std::string error_in(const std::string& bytes, const std::function<void(const ModelSource&)>& use = {}) {
    TemporaryFolder folder;
    const std::string path = (folder.path / "m.gguf").string();
    write_file(path, bytes);
    const std::string message = error_of([&] {
        const ModelSource source = open_gguf(path);
        if (use) use(source);
    });
    REQUIRE(message.starts_with(path + ": "));
    return message.substr(path.size() + 2);
}
std::string tokenizer_error(const SmallModel& model) {
    return error_in(model.bytes(), [](const ModelSource& source) { source.tokenizer(); });
}

}  // namespace

TEST_CASE("each of ggml's formats gives the floats of the package gguf, to the last bit") {
    std::ifstream file(kSourceFolder / "tests/fixtures/block_formats.txt");
    std::string line;
    size_t formats = 0;
    for (; std::getline(file, line); formats++) {
        std::istringstream fields(line);
        std::string name, blocks, floats;
        uint32_t number = 0;
        fields >> name >> number >> blocks >> floats;
        INFO(name);
        const BlockFormat* format = find_block_format(number);
        REQUIRE(format);
        CHECK(format->name == name);
        const std::string bytes = from_hexadecimal(blocks), expected = from_hexadecimal(floats);
        std::vector<float> values(expected.size() / sizeof(float));
        REQUIRE(bytes.size() * format->values == values.size() * format->bytes);
        read_blocks(*format, bytes.data(), values.data(), values.size());
        CHECK(bytes_of_floats(values) == expected);
        if (!format->quantization) continue;
        // Taken apart, in groups of its own size and smaller: scale · q + minimum, rounded once, is the same float.
        for (int size : {format->quantization.group, 16}) {
            const size_t group = static_cast<size_t>(size);
            std::vector<uint8_t> q(values.size());
            std::vector<float> scales(values.size() / group), minimums(values.size() / group);
            split_blocks(*format, bytes.data(), values.size(), group, q.data(), scales.data(), minimums.data());
            for (size_t i = 0; i < values.size(); i++) {
                CHECK(q[i] < 1 << format->quantization.bits);
                CHECK(std::fma(scales[i / group], static_cast<float>(q[i]), minimums[i / group]) == values[i]);
            }
        }
    }
    CHECK(formats == std::size(kBlockFormats));
}

TEST_CASE("a model in GGUF is described by its keys, and each tensor is found under its name") {
    for (uint32_t version : {2u, 3u}) {
        const ModelSource source = open_bytes(SmallModel().bytes(version));
        Config c;
        c.vocab_size = 3, c.width = 8, c.layers = 1, c.heads = 2, c.kv_heads = 1, c.head_dim = 4, c.ff = 2,
        c.context = 16;
        c.rope_theta = 500000, c.norm_eps = 1e-6f;
        CHECK(source.config == c);
        for (const Tensor& part : list_tensors(c)) CHECK(source.shapes.at(part.name) == part.shape);
        CHECK(source.shapes.size() == list_tensors(c).size());

        const std::string layer = "model.layers.0.";
        CHECK(tensor_values(source, "model.embed_tokens.weight")[23] == 23);
        CHECK(tensor_values(source, layer + "input_layernorm.weight")[7] == 107);
        CHECK(tensor_values(source, layer + "self_attn.v_proj.weight")[9] == 409);
        CHECK(tensor_values(source, layer + "self_attn.o_proj.weight")[9] == 509);
        CHECK(tensor_values(source, layer + "post_attention_layernorm.weight")[1] == 601);
        CHECK(tensor_values(source, layer + "mlp.gate_proj.weight")[9] == 709);
        CHECK(tensor_values(source, layer + "mlp.up_proj.weight")[9] == 809);
        CHECK(tensor_values(source, layer + "mlp.down_proj.weight")[3] == 903);
        CHECK(tensor_values(source, "model.norm.weight")[3] == 1003);

        // Rows 0, 2, 1, 3 of each head: RoPE turns rows 0 and 1 there, rows 0 and 2 here.
        const size_t order[] = {0, 2, 1, 3, 4, 6, 5, 7};
        const std::vector<float> q = tensor_values(source, layer + "self_attn.q_proj.weight");
        for (size_t row = 0; row < 8; row++) CHECK(q[row * 8 + 5] == 200 + order[row] * 8 + 5);
        const std::vector<float> k = tensor_values(source, layer + "self_attn.k_proj.weight");
        for (size_t row = 0; row < 4; row++) CHECK(k[row * 8] == 300 + order[row] * 8);
    }
}

TEST_CASE("a table of outputs makes the model untied, and a head may be wider than its share of the model") {
    SmallModel model;
    model.tensors.push_back({"output.weight", {8, 3}, 0, counting(2000, 24)});
    const ModelSource untied = open_bytes(model.bytes());
    CHECK(!untied.config.tied);
    CHECK(tensor_values(untied, "lm_head.weight")[23] == 2023);

    SmallModel wide;
    wide.set("llama.attention.key_length", gguf_u32(6)).set("llama.attention.value_length", gguf_u32(6));
    wide.set("llama.rope.dimension_count", gguf_u32(6)).remove("llama.rope.freq_base");
    wide.tensors[2] = {"blk.0.attn_q.weight", {8, 12}, 0, counting(0, 96)};
    wide.tensors[3] = {"blk.0.attn_k.weight", {8, 6}, 0, counting(0, 48)};
    const ModelSource source = open_bytes(wide.bytes());
    CHECK(source.config.head_dim == 6);
    CHECK(source.config.rope_theta == 10000);
    const size_t order[] = {0, 2, 4, 1, 3, 5};
    const std::vector<float> k = tensor_values(source, "model.layers.0.self_attn.k_proj.weight");
    for (size_t row = 0; row < 6; row++) CHECK(k[row * 8] == order[row] * 8);
}

TEST_CASE("a factor among GGUF's keys stretches rotary positions, unless their type is none") {
    SmallModel model;
    model.set("llama.rope.scaling.factor", gguf_f32(4));
    CHECK(open_bytes(model.bytes()).config.rope_scaling == RopeScaling{RopeScaling::Kind::linear, 4});
    model.set("llama.rope.scaling.type", gguf_text("none"));
    CHECK(open_bytes(model.bytes()).config.rope_scaling == RopeScaling{});
}

TEST_CASE("a quantised table in GGUF is read as floats") {
    // 32 values of Q8_0: d = 0.5, q = 0, 1, 2, ...
    std::string block(2, '\0');
    block[1] = 0x38;
    for (char q = 0; q < 32; q++) block += q;
    SmallModel model;
    model.set("llama.embedding_length", gguf_u32(32)).set("llama.attention.key_length", gguf_u32(4));
    model.tensors[0] = {"token_embd.weight", {32, 3}, 8, block + block + block};
    const std::vector<float> values = tensor_values(open_bytes(model.bytes()), "model.embed_tokens.weight");
    REQUIRE(values.size() == 96);
    for (size_t i = 0; i < 96; i++) CHECK(values[i] == 0.5f * static_cast<float>(i % 32));
}

TEST_CASE("a model stays quantised for inference, and answers to the last bit as with its weights in floats") {
    // Matrices in every format, the joined ones in two or three: 256 wide, since a block of the K formats is.
    struct Case {
        std::vector<uint32_t> formats;  // of the table, q, k, v, o, gate, up, down and, if any, the head
        Quantization table, qkv, gate_up, down;
    };
    const Quantization four = {4, 32}, eight = {8, 32}, sixteen = {8, 16}, floats = {};
    const Case cases[] = {{{8, 3, 3, 3, 3, 3, 3, 3}, eight, four, four, four},
                          {{14, 12, 12, 14, 12, 12, 13, 2}, sixteen, sixteen, eight, four},
                          {{12, 6, 7, 2, 8, 3, 0, 14, 8}, four, eight, floats, sixteen},
                          {{0, 12, 1, 12, 3, 2, 3, 30, 12}, floats, floats, four, floats}};
    const uint64_t C = 256, KD = 128, F = 256, V = 70;
    for (const Case& c : cases) {
        uint64_t seed = 5;
        const auto tensor = [&](const std::string& name, uint64_t width, uint64_t rows, uint32_t number) {
            const BlockFormat& format = *find_block_format(number);
            Rng rng(seed++, stream("blocks"));
            std::string data(width * rows / format.values * format.bytes, '\0');
            for (char& byte : data) byte = static_cast<char>(rng.below(256));
            const auto set_half = [&](size_t at, uint16_t half) { std::memcpy(&data[at], &half, sizeof half); };
            for (size_t at = 0; at < data.size(); at += format.bytes) {
                const float value = rng.normal() / 16;
                const uint32_t bits = std::bit_cast<uint32_t>(value);
                if (number == 0) std::memcpy(&data[at], &value, sizeof value);
                if (number == 30) std::memcpy(&data[at], reinterpret_cast<const char*>(&bits) + 2, 2);
                const uint16_t scale = number == 8 ? 0x1000 : number >= 12 ? 0x0c00 : 0x1c00;  // 2^-11, 2^-12, 2^-8
                if (number == 1 || (number > 1 && number < 14)) set_half(at, scale | (rng.below(2) ? 0x8000 : 0));
                if (number == 3 || number == 7 || number == 12 || number == 13) set_half(at + 2, scale ^ 0x0200);
                if (number == 14) set_half(at + 208, 0x0400);
            }
            return GgufTensorBytes{name, {width, rows}, number, data};
        };
        SmallModel model;
        model.set("llama.embedding_length", gguf_u32(C)).set("llama.feed_forward_length", gguf_u32(F));
        model.set("llama.attention.head_count", gguf_u32(4)).set("llama.attention.head_count_kv", gguf_u32(2));
        const std::vector<uint32_t>& f = c.formats;
        const std::vector<float> ones(C, 1);
        model.tensors = {{"blk.0.attn_norm.weight", {C}, 0, bytes_of_floats(ones)},
                         {"blk.0.ffn_norm.weight", {C}, 0, bytes_of_floats(ones)},
                         {"output_norm.weight", {C}, 0, bytes_of_floats(ones)}};
        model.tensors.push_back(tensor("token_embd.weight", C, V, f[0]));
        model.tensors.push_back(tensor("blk.0.attn_q.weight", C, C, f[1]));
        model.tensors.push_back(tensor("blk.0.attn_k.weight", C, KD, f[2]));
        model.tensors.push_back(tensor("blk.0.attn_v.weight", C, KD, f[3]));
        model.tensors.push_back(tensor("blk.0.attn_output.weight", C, C, f[4]));
        model.tensors.push_back(tensor("blk.0.ffn_gate.weight", C, F, f[5]));
        model.tensors.push_back(tensor("blk.0.ffn_up.weight", C, F, f[6]));
        model.tensors.push_back(tensor("blk.0.ffn_down.weight", F, C, f[7]));
        if (f.size() > 8) model.tensors.push_back(tensor("output.weight", C, V, f[8]));
        const ModelSource source = open_bytes(model.bytes());
        ModelSource as_floats = source;
        as_floats.quantization = {};

        const Model packed = load_model(cpu_kernels, source, Use::inference);
        CHECK(packed.packed.embed_tokens.quantization == c.table);
        CHECK(packed.packed.layers[0].qkv_proj.quantization == c.qkv);
        CHECK(packed.packed.layers[0].gate_up_proj.quantization == c.gate_up);
        CHECK(packed.packed.layers[0].down_proj.quantization == c.down);
        CHECK(packed.weights.embed_tokens.data == (c.table ? nullptr : packed.parameters.data()));

        // Log-probabilities of a text, and a greedy answer: a prompt of many rows, then tokens one at a time.
        const std::vector<Token> text = {1, 69, 3, 0, 17, 44, 2, 9};
        const auto answers = [&](const Model& model) {
            Batch batch;
            batch.add(text.data(), text.size());
            Activations activations;
            std::vector<float> values = token_logprobs(model, batch, activations);
            GenerateOptions options;
            options.sampling.temperature = 0;
            options.max_new_tokens = 8;
            for (const Completion& completion : generate(model, {text, {5}}, options)) {
                values.insert(values.end(), completion.tokens.begin(), completion.tokens.end());
                values.insert(values.end(), completion.logprobs.begin(), completion.logprobs.end());
            }
            return values;
        };
        const std::vector<float> values = answers(packed);
        for (float value : values) CHECK(std::isfinite(value));
        CHECK(bytes_of_floats(values) == bytes_of_floats(answers(load_model(cpu_kernels, as_floats, Use::inference))));
        CHECK(bytes_of_floats(values) == bytes_of_floats(answers(load_model(cpu_kernels, source))));  // for training

        const Model plain = load_model(plain_kernels, source, Use::inference);
        CHECK(plain.packed.layers[0].qkv_proj.quantization == c.qkv);
        const std::vector<float> by_plain = answers(plain);
        REQUIRE(by_plain.size() == values.size());
        for (size_t i = 0; i < values.size(); i++) CHECK(std::abs(by_plain[i] - values[i]) < 1e-3f);
        // A GPU multiplies floats.
        const Model elsewhere(cuda_kernels, source.config, Use::inference, source.quantization);
        CHECK(!elsewhere.packed.layers[0].down_proj.quantization);
        CHECK(elsewhere.weights.embed_tokens.data == elsewhere.parameters.data());
    }
}

TEST_CASE("a quantised weight that is not finite is refused") {
    SmallModel model;
    model.set("llama.embedding_length", gguf_u32(32)).set("llama.attention.key_length", gguf_u32(16));
    std::string block(2, '\0');
    block[1] = 0x7c;  // infinity
    model.tensors[0] = {"token_embd.weight", {32, 3}, 8, block + std::string(32, 1) + std::string(68, 0)};
    const auto zeros = [](uint64_t width, uint64_t rows) { return std::string(width * rows * 4, '\0'); };
    model.tensors[1] = {"blk.0.attn_norm.weight", {32}, 0, zeros(32, 1)};
    model.tensors[2] = {"blk.0.attn_q.weight", {32, 32}, 0, zeros(32, 32)};
    model.tensors[3] = {"blk.0.attn_k.weight", {32, 16}, 0, zeros(32, 16)};
    model.tensors[4] = {"blk.0.attn_v.weight", {32, 16}, 0, zeros(32, 16)};
    model.tensors[5] = {"blk.0.attn_output.weight", {32, 32}, 0, zeros(32, 32)};
    model.tensors[6] = {"blk.0.ffn_norm.weight", {32}, 0, zeros(32, 1)};
    model.tensors[7] = {"blk.0.ffn_gate.weight", {32, 2}, 0, zeros(32, 2)};
    model.tensors[8] = {"blk.0.ffn_up.weight", {32, 2}, 0, zeros(32, 2)};
    model.tensors[9] = {"blk.0.ffn_down.weight", {2, 32}, 0, zeros(2, 32)};
    model.tensors[10] = {"output_norm.weight", {32}, 0, zeros(32, 1)};
    const std::string message =
        error_in(model.bytes(), [](const ModelSource& source) { load_model(cpu_kernels, source, Use::inference); });
    CHECK(message.starts_with("tensor model.embed_tokens.weight holds NaN or infinity"));
}

TEST_CASE("GGUF's tokenizers: byte-level BPE and SentencePiece, with their tokens for bos and eos") {
    SmallModel model;
    model.set("tokenizer.ggml.tokens", gguf_texts({"<end>", "a", "aa", "\u0120", "<hi there>"}));
    model.set("tokenizer.ggml.token_type", gguf_integers({3, 1, 1, 1, 4}));
    model.set("tokenizer.chat_template", gguf_text("{{ messages }}"));
    model.tensors[0] = {"token_embd.weight", {8, 5}, 0, counting(0, 40)};
    ModelSource source = open_bytes(model.bytes());
    Tokenizer tokenizer = source.tokenizer();
    CHECK(tokenizer.encode("aaa a<hi there>") == std::vector<Token>{2, 1, 3, 1, 4});
    CHECK(tokenizer.encode_with_specials("<end>aa") == std::vector<Token>{0, 2});
    CHECK(tokenizer.decode({2, 3, 1}) == "aa a");
    CHECK(!source.generation.bos);
    CHECK(source.generation.stops == std::vector<Token>{0});
    CHECK(source.generation.chat_template == "{{ messages }}");

    // Llama 3's: a piece that is a token is that token, and bos stands before every text.
    model.set("tokenizer.ggml.pre", gguf_text("llama-bpe")).set("tokenizer.ggml.merges", gguf_texts({}));
    model.set("tokenizer.ggml.bos_token_id", gguf_u32(3)).set("tokenizer.ggml.eot_token_id", gguf_u32(4));
    source = open_bytes(model.bytes());
    CHECK(source.tokenizer().encode("aa") == std::vector<Token>{2});
    CHECK(source.generation.bos == 3);
    CHECK(source.generation.stops == std::vector<Token>{0, 4});
    model.set("tokenizer.ggml.add_bos_token", gguf_bool(false));
    CHECK(!open_bytes(model.bytes()).generation.bos);

    SmallModel llama;
    llama.remove("tokenizer.ggml.eos_token_id").remove("tokenizer.ggml.merges").remove("tokenizer.ggml.pre");
    llama.set("tokenizer.ggml.model", gguf_text("llama"));
    llama.set("tokenizer.ggml.tokens", gguf_texts({"<unk>", "<s>", "</s>", "<0x62>", "\u2581", "a", "\u2581a"}));
    llama.set("tokenizer.ggml.token_type", gguf_integers({2, 3, 3, 6, 1, 1, 1}));
    llama.set("tokenizer.ggml.scores", gguf_floats({0, 0, 0, 0, -3, -2, -1}));
    llama.tensors[0] = {"token_embd.weight", {8, 7}, 0, counting(0, 56)};
    source = open_bytes(llama.bytes());
    CHECK(source.tokenizer().encode("ab a") == std::vector<Token>{6, 3, 6});
    CHECK(source.generation.bos == 1);
    CHECK(source.generation.stops == std::vector<Token>{2});
    llama.set("tokenizer.ggml.add_space_prefix", gguf_bool(false));
    CHECK(open_bytes(llama.bytes()).tokenizer().encode("ab a") == std::vector<Token>{5, 3, 6});
}

TEST_CASE("what cai does not run in GGUF is refused by its name") {
    const auto with = [](const std::string& key, const std::string& value) {
        return error_in(SmallModel().set(key, value).bytes());
    };
    CHECK(with("general.architecture", gguf_text("gemma3")) ==
          "cannot run the architecture \"gemma3\"; of GGUF files, cai runs \"llama\"");
    CHECK(with("general.architecture", gguf_u32(3)) == "the key general.architecture is not a text");
    CHECK(with("llama.expert_count", gguf_u32(8)) == "a mixture of experts, which cai does not run");
    CHECK(with("llama.rope.dimension_count", gguf_u32(2)) ==
          "the key llama.rope.dimension_count is 2, but cai runs models only where it is the width of a head, 4");
    CHECK(with("llama.feed_forward_length", gguf_integers({2, 3})) ==
          "the key llama.feed_forward_length differs between layers, which cai does not support");
    CHECK(with("llama.block_count", gguf_u32(0)) == "the key llama.block_count is 0, not a whole number above 0");
    CHECK(with("llama.block_count", gguf_f32(0.5f)) == "the key llama.block_count is 0.5, not a whole number above 0");
    CHECK(with("llama.block_count", gguf_text("1")) == "the key llama.block_count is missing or not a number");
    CHECK(with("llama.block_count", gguf_u32(1 << 29)) == "holds 11 tensors, too few for 536870912 layers");
    CHECK(with("llama.block_count", gguf_u32(2)) == "tensor blk.1.attn_norm.weight is missing");
    CHECK(with("llama.attention.head_count_kv", gguf_u32(3)).find("must be a multiple of kv_heads (3)") !=
          std::string::npos);
    CHECK(with("tokenizer.ggml.eos_token_id", gguf_u32(3)) ==
          "the key tokenizer.ggml.eos_token_id is 3, outside of the vocabulary of 3");
    CHECK(error_in(SmallModel().remove("llama.attention.layer_norm_rms_epsilon").bytes()) ==
          "the key llama.attention.layer_norm_rms_epsilon is missing");
    CHECK(with("llama.rope.scaling.type", gguf_text("yarn")) ==
          "stretches rotary positions by the method \"yarn\", which cai does not compute");
    SmallModel stretched;
    stretched.tensors.push_back({"rope_freqs.weight", {3}, 0, counting(1, 3)});
    CHECK(error_in(stretched.bytes()) ==
          "tensor rope_freqs.weight of shape [3] does not fit heads of 4 whose positions are "
          "not stretched otherwise");
    SmallModel biased;
    biased.tensors.push_back({"blk.0.attn_q.bias", {8}, 0, counting(0, 8)});
    CHECK(error_in(biased.bytes()) == "tensor blk.0.attn_q.bias of shape [8] has no place in a Llama of 1 layers");
    SmallModel odd;
    odd.tensors[3] = {"blk.0.attn_k.weight", {8, 5}, 0, counting(0, 40)};
    CHECK(error_in(odd.bytes()) == "tensor blk.0.attn_k.weight has 5 rows, not whole heads of 4");
    SmallModel none;
    none.tensors.erase(none.tensors.begin());
    CHECK(error_in(none.bytes()) == "the tensor token_embd.weight is missing or no table of embeddings");

    CHECK(tokenizer_error(SmallModel().set("tokenizer.ggml.model", gguf_text("t5"))) ==
          "the tokenizer \"t5\" is not supported; cai reads \"gpt2\" (byte-level BPE) and \"llama\" (SentencePiece)");
    CHECK(tokenizer_error(SmallModel().set("tokenizer.ggml.pre", gguf_text("qwen2"))) ==
          "its tokenizer splits texts into words as \"qwen2\" does; of tokenizer.ggml.pre, cai knows gpt-2, smollm and "
          "llama-bpe: convert the model anew");
    CHECK(tokenizer_error(SmallModel().remove("tokenizer.ggml.pre")) ==
          "does not say how its tokenizer splits a text into words; of tokenizer.ggml.pre, cai knows gpt-2, smollm and "
          "llama-bpe: convert the model anew");
    CHECK(tokenizer_error(SmallModel().set("tokenizer.ggml.token_type", gguf_integers({1}))) ==
          "the key tokenizer.ggml.token_type has 1 values for 3 tokens");
    CHECK(tokenizer_error(SmallModel().remove("tokenizer.ggml.tokens")) ==
          "the key tokenizer.ggml.tokens is missing or no list of texts");
}

TEST_CASE("a damaged GGUF file is an error that says where") {
    const std::string good = SmallModel().bytes(), again = "; copy or fetch the file again";
    CHECK(error_in("") == "not a GGUF file: it does not begin with \"GGUF\"");
    CHECK(error_in("GGML" + good) == "not a GGUF file: it does not begin with \"GGUF\"");
    for (uint32_t version : {1u, 4u, 3u << 24})
        CHECK(error_in(SmallModel().bytes(version)) ==
              concat("GGUF of version ", version,
                     ", but cai reads versions 2 and 3 of little-endian machines; convert it "
                     "with llama.cpp's newest scripts"));
    // Cut anywhere, it ends in a sentence, and only the padding behind the last tensor may be missing.
    for (size_t size = 0; size < good.size(); size += size < 1500 ? 1 : 37) {
        const std::string message = error_in(good.substr(0, size));
        INFO(message);
        CHECK((message.find("truncated") != std::string::npos || message.find("copy or fetch") != std::string::npos ||
               message.find("does not begin") != std::string::npos));
    }

    const auto with_header = [&](uint64_t tensors, uint64_t keys) {
        std::string bytes = good;
        std::memcpy(bytes.data() + 8, &tensors, 8);
        std::memcpy(bytes.data() + 16, &keys, 8);
        return bytes;
    };
    const std::string more = concat(", more than a file of ", good.size(), " bytes holds", again);
    CHECK(error_in(with_header(UINT64_MAX, 1)) == "its header promises 1 keys and 18446744073709551615 tensors" + more);
    CHECK(error_in(with_header(1, UINT64_MAX)) == "its header promises 18446744073709551615 keys and 1 tensors" + more);

    const auto with_value = [](const std::string& value) { return error_in(gguf_file({{"k", value}}, {})); };
    CHECK(with_value(GgufBytes().number(uint32_t{13}).bytes) == "the key k has a value of the unknown type 13");
    CHECK(with_value(GgufBytes().number(uint32_t{9}).number(uint32_t{9}).number(uint64_t{1}).bytes) ==
          "the key k holds arrays in an array, which cai does not read");
    CHECK(with_value(GgufBytes().number(uint32_t{9}).number(uint32_t{4}).number(uint64_t{1} << 62).bytes) ==
          "the key k promises 4611686018427387904 values, more than the rest of the file holds" + again);
    CHECK(with_value(GgufBytes().number(uint32_t{8}).number(UINT64_MAX).bytes)
              .starts_with("truncated: a field of 18446744073709551615 bytes"));
    CHECK(error_in(gguf_file({{"k", gguf_u32(1)}, {"k", gguf_u32(1)}}, {})) == "has the key k twice");
    CHECK(error_in(gguf_file({{"\xff", gguf_u32(1)}}, {})) == "the name of key 0 is not UTF-8" + again);
    CHECK(error_in(SmallModel().set("general.alignment", gguf_u32(24)).bytes()) ==
          "general.alignment is 24, not a power of two");
    CHECK(error_in(SmallModel().set("general.alignment", gguf_u32(0)).bytes()) ==
          "general.alignment is 0, not a power of two");

    const auto with_tensor = [](const std::string& name, std::vector<uint64_t> shape, uint32_t format) {
        return error_in(gguf_file({}, {{name, std::move(shape), format, std::string(64, '\0')}}));
    };
    CHECK(with_tensor("t", {}, 0) == "tensor t has 0 dimensions, not 1 to 4");
    CHECK(with_tensor("t", {1, 1, 1, 1, 1}, 0) == "tensor t has 5 dimensions, not 1 to 4");
    CHECK(with_tensor("t", {4, 0}, 0) == "tensor t has the impossible shape [0,4]");
    CHECK(with_tensor("t", {uint64_t{1} << 40, uint64_t{1} << 40}, 0) ==
          "tensor t has the impossible shape [1099511627776,1099511627776]");
    CHECK(with_tensor("t", {33}, 8) == "tensor t has rows of 33 values, not whole blocks of 32 as Q8_0 needs");
    CHECK(
        with_tensor("t", {256}, 10).starts_with("tensor t is in ggml's format 10, but cai reads F32, F16, BF16, Q8_0"));
    CHECK(with_tensor("t", {17}, 0) == "truncated: tensor t ends at byte 68 of the data, the file holds 64" + again);
    CHECK(with_tensor("\xff", {4}, 0) == "the name of tensor 0 is not UTF-8" + again);

    // Two tensors: the second begins where the list says.
    const auto with_offset = [](const std::string& second, uint64_t offset) {
        GgufBytes file;
        file.bytes = "GGUF";
        file.number(uint32_t{3}).number(uint64_t{2}).number(uint64_t{0});
        for (bool first : {true, false})
            file.text(first ? "a" : second)
                .number(uint32_t{1})
                .number(uint64_t{16})
                .number(uint32_t{0})
                .number(first ? 0 : offset);
        return error_in(file.pad().bytes + std::string(128, '\0'));
    };
    CHECK(with_offset("a", 64) == "has the tensor a twice");
    CHECK(with_offset("b", 32) ==
          "tensor b begins at byte 32 of the data, inside of the tensor before it, which ends at 64");
    CHECK(with_offset("b", 72) == "tensor b begins at byte 72 of the data, not at a multiple of general.alignment, 32");
    CHECK(with_offset("b", 96) == "truncated: tensor b ends at byte 160 of the data, the file holds 128" + again);
    CHECK(with_offset("b", UINT64_MAX - 31) == "tensor b begins at the impossible byte 18446744073709551584" + again);
}

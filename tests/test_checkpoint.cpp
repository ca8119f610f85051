// Checkpoints: the safetensors format against its reference implementation's own cases, and directories that survive
// damage, kills and full disks.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <limits>

#include "../core/io/training_state.h"
#include "../core/lm/bpe_training.h"
#include "../core/nn/model.h"
#include "hf_files.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// A safetensors file around a header and some data.
std::string framed(const std::string& header, const std::string& data) {
    uint64_t length = header.size();
    return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string parse_error(const std::string& bytes) {
    return error_of([&] { parse_safetensors(bytes, "m.safetensors"); });
}

Tokenizer small_tokenizer() { return train_bpe({"a small text, a smaller text"}, 270); }

// Nothing in it is 0, not even norms and score head.
Model small_model(const Config& config, uint64_t seed = 1) {
    Model model(cpu_kernels, config);
    std::vector<float> values(model.parameters.size());
    Rng rng(seed);
    for (float& value : values) value = rng.normal();
    model.parameters.upload(values);
    model.pack();
    return model;
}

std::vector<float> logits_of(const Model& model) {
    const std::vector<Token> tokens = {0, 17, 4, 99, 23, 11};
    Batch batch;
    batch.add_scored(tokens.data(), tokens.size(), {3, 5});
    Activations activations;
    forward(model, batch, activations);
    std::vector<float> logits(2 * static_cast<size_t>(model.config.outputs()));
    model.kernels->download(logits.data(), activations.logits, logits.size() * sizeof(float));
    return logits;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace

TEST_CASE("safetensors: bytes as Hugging Face's safetensors 0.8.0 writes them") {
    // save({"b.weight": ..., "alpha": ..., "empty": ..., "é": ...}, metadata={"format": "pt"})
    const float a[] = {0.25f}, b[] = {1, 2, 3, 4, 5, -0.5f}, scalar[] = {7};
    std::string header =
        "{\"__metadata__\":{\"format\":\"pt\"},\"alpha\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[4,28]},"
        "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[28,28]},"
        "\"\xc3\xa9\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[28,32]}}";
    header.resize(272, ' ');
    const std::string data(
        "\0\0\x80\x3e\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xa0\x40\0\0\0\xbf\0\0\xe0\x40", 32);
    std::string bytes =
        safetensors_bytes({{"b.weight", {2, 3}, b}, {"\xc3\xa9", {}, scalar}, {"empty", {0, 3}, a}, {"alpha", {1}, a}});
    CHECK(bytes == framed(header, data));

    Safetensors file = parse_safetensors(bytes, "m.safetensors");
    CHECK(file.entries.size() == 4);
    CHECK(file.entries["b.weight"].shape == std::vector<size_t>{2, 3});
    CHECK(file.floats("b.weight") == std::vector<float>{1, 2, 3, 4, 5, -0.5f});
    CHECK(file.floats("alpha") == std::vector<float>{0.25f});
    CHECK(file.floats("\xc3\xa9") == std::vector<float>{7});
    CHECK(file.floats("empty").empty());
}

TEST_CASE("safetensors in float16: bytes as Hugging Face's safetensors 0.8.0 writes them") {
    // save({"b.weight": ..., "alpha": ...}, metadata={"format": "pt"}), of numpy.float16
    const float a[] = {65504, -1.0f / 3}, b[] = {1, 2, 0.1f, 4, 6.1e-5f, -0.5f};
    std::string header =
        "{\"__metadata__\":{\"format\":\"pt\"},\"alpha\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]},"
        "\"b.weight\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[4,16]}}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    const std::string data("\xff\x7b\x55\xb5\0\x3c\0\x40\x66\x2e\0\x44\xff\x03\0\xb8", 16);
    const std::string bytes = safetensors_bytes({{"b.weight", {2, 3}, b}, {"alpha", {2}, a}}, WeightType::float16);
    CHECK(bytes == framed(header, data));
    CHECK(parse_safetensors(bytes, "m.safetensors").floats("b.weight")[3] == 4);
}

TEST_CASE("safetensors: what the reference accepts") {
    const std::string zeros(16, '\0');
    const std::string test = "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    Safetensors file = parse_safetensors(std::string("<\0\0\0\0\0\0\0", 8) + test + zeros, "m.safetensors");
    CHECK(file.entries["test"].shape == std::vector<size_t>{2, 2});
    // The format has integers, a model of ours has none.
    check_contains(error_of([&] { file.floats("test"); }), "m.safetensors: tensor test is I32");
    CHECK(parse_safetensors(std::string("\x06\0\0\0\0\0\0\0\t\n{}\r ", 14), "m").entries.empty());
    CHECK(parse_safetensors(framed("{\"__metadata__\":{}}", ""), "m").entries.empty());

    // Any order in the header, as long as the data has no holes.
    file = parse_safetensors(
        framed("{\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[14,18]},"
               "\"a\":{\"dtype\":\"F16\",\"shape\":[7],\"data_offsets\":[0,14]}}",
               std::string("\x00\x3c\x01\x00\xff\x03\xff\x7b\x00\xfc\x00\x7e\x00\xc0\x80\x3f\x49\xc0", 18)),
        "m");
    std::vector<float> half = file.floats("a");  // 1, smallest and largest subnormal, largest, -inf, nan, -2
    CHECK(half[0] == 1);
    CHECK(half[1] == 0x1p-24f);
    CHECK(half[2] == 1023 * 0x1p-24f);
    CHECK(half[3] == 65504);
    CHECK(half[4] == -std::numeric_limits<float>::infinity());
    CHECK(std::isnan(half[5]));
    CHECK(half[6] == -2);
    CHECK(file.floats("b") == std::vector<float>{1, -3.140625f});
}

TEST_CASE("safetensors: what the reference rejects") {
    const std::string zeros(16, '\0');
    const std::string test = "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}";
    const std::string frame("<\0\0\0\0\0\0\0", 8);
    auto with_shape = [&](const std::string& shape) {
        return framed("{\"test\":{\"dtype\":\"I32\",\"shape\":" + shape + ",\"data_offsets\":[0,16]}}", zeros);
    };
    check_contains(parse_error(""), "truncated");
    check_contains(parse_error("1234567"), "m.safetensors: truncated: 7 bytes");
    check_contains(parse_error(std::string("<\0\0\0\0\xff\xff\xff", 8) + test + zeros), "not a safetensors file");
    check_contains(parse_error(frame + test.substr(0, 30)), "truncated: its header should be 60 bytes");
    check_contains(parse_error(std::string("\x01\0\0\0\0\0\0\0\xff", 9)), "UTF-8");
    check_contains(parse_error(std::string("\x01\0\0\0\0\0\0\0{", 9)), "m.safetensors: header: line 1");
    check_contains(parse_error(framed("[]", "")), "not a JSON object");
    check_contains(parse_error(framed("{\"test\":1}", "")), "not a JSON object");
    check_contains(parse_error(framed("{\"__metadata__\":{\"a\":1}}", "")), "__metadata__: a is not a string");
    check_contains(parse_error(framed("{\"t\":{\"dtype\":\"F32\",\"shape\":[]}}", "")), "lacks");
    check_contains(parse_error(framed("{\"t\":{\"dtype\":\"F33\",\"shape\":[],\"data_offsets\":[0,4]}}", "1234")),
                   "tensor t has the unknown dtype F33");
    check_contains(parse_error(with_shape("[-2,2]")), "whole numbers");
    check_contains(parse_error(with_shape("[2.5,2]")), "whole numbers");
    check_contains(parse_error(with_shape("[\"2\",2]")), "whole numbers");
    check_contains(parse_error(with_shape("[2,18446744073709551614]")), "overflows");
    check_contains(parse_error(with_shape("[2,9223372036854775807]")), "overflows");
    check_contains(parse_error(with_shape("[4503599627370496,4503599627370496]")), "overflows");
    check_contains(parse_error(framed("{\"t\":{\"dtype\":\"F4\",\"shape\":[3],\"data_offsets\":[0,2]}}", "12")),
                   "whole byte");
    check_contains(parse_error(framed("{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,4]}}", "1234")),
                   "takes 16 bytes, the header says 4");
    check_contains(parse_error(frame + test + zeros + "extra"), "5 bytes too long");
    check_contains(parse_error(frame + test + zeros.substr(2)),
                   "m.safetensors: truncated: the header says 84 bytes, the file has 82");

    std::string ten = "{";
    for (int i = 0; i < 10; i++)
        ten += concat(i ? "," : "", "\"t", i, "\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}");
    check_contains(parse_error(framed(ten + "}", zeros)), "the data before it ends at 16");
    check_contains(parse_error(framed("{\"t\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[4,8]}}", "12345678")),
                   "tensor t is at bytes 4 to 8, but the data before it ends at 0");
    check_contains(parse_error(framed("{\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                                      "\"t\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                                      "")),
                   "twice");

    // Every shorter file, and every single byte of the header damaged: an error or a file, never a crash.
    const std::string good = frame + test + zeros;
    for (size_t length = 0; length < good.size(); length++)
        CHECK_THROWS_AS(parse_safetensors(good.substr(0, length), "m"), Error);
    for (size_t i = 0; i < frame.size() + test.size(); i++) {
        for (int change = 1; change < 256; change++) {
            std::string bad = good;
            bad[i] = static_cast<char>(bad[i] ^ change);
            try {
                Safetensors file = parse_safetensors(bad, "m");
                for (auto& [name, entry] : file.entries) CHECK(entry.end <= bad.size());
            } catch (const Error&) {
            }
        }
    }
}

TEST_CASE("a model and its tokenizer, there and back") {
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "runs" / "model";
    const Tokenizer tokenizer = small_tokenizer();
    for (bool score : {false, true}) {
        for (bool tied : {false, true}) {
            Model model = small_model(small_config(score, tied), 7);
            save_model(directory, model, tokenizer);
            Model loaded = load_model(cpu_kernels, directory);
            CHECK(loaded.config == model.config);
            CHECK(!loaded.packed_is_old);
            CHECK(same_bits(loaded.parameters.download(), model.parameters.download()));
            // For inference: the same answers from less memory, and no training.
            Model lean = load_model(cpu_kernels, directory, Use::inference);
            CHECK(same_bits(logits_of(lean), logits_of(model)));
            CHECK(lean.parameters.size() == 270 * 8 + 5 * 8);
            check_contains(error_of([&] { lean.pack(); }), "this model was loaded for inference");
            check_contains(error_of([&] { write_model(temporary.path, lean, tokenizer); }), "loaded for inference");
            check_contains(error_of([&] { copy_tensors(loaded, lean); }), "loaded for inference");
            Batch batch;
            const std::vector<Token> text = {0, 1, 2};
            batch.add(text.data(), text.size());
            Activations activations;
            check_contains(error_of([&] { load(lean, batch, activations, Schedule::interleaved); }),
                           "cannot be trained");
            CHECK(load_tokenizer(directory).encode("a smaller text") == tokenizer.encode("a smaller text"));
            Safetensors file = read_safetensors(directory / "model.safetensors");
            CHECK(file.entries.count("lm_head.weight") == (!tied && !score));
            CHECK(file.entries.count("score.weight") == score);
            CHECK(file.entries["model.layers.1.mlp.down_proj.weight"].shape == std::vector<size_t>{8, 12});
        }
    }
    CHECK(std::distance(fs::directory_iterator(temporary.path / "runs"), {}) == 1);  // neither .tmp nor .old is left

    // A tokenizer of another model.
    Config narrow = small_config();
    narrow.vocab_size = 20;
    check_contains(error_of([&] { save_model(directory, small_model(narrow), tokenizer); }), "vocab_size 20");
    write_file(directory / "config.json", config_json(narrow));
    check_contains(error_of([&] { load_tokenizer(directory); }), "they are from different models");
}

TEST_CASE("a model saved in float16 takes half the bytes, says so, and is read back as its nearest halves") {
    TemporaryFolder temporary;
    const fs::path whole = temporary.path / "float32", half = temporary.path / "float16";
    const Model model = small_model(small_config(), 7);
    save_model(whole, model, small_tokenizer());
    save_model(half, model, small_tokenizer(), WeightType::float16);
    CHECK(read_json(whole / "config.json")["torch_dtype"] == "float32");
    CHECK(read_json(half / "config.json")["torch_dtype"] == "float16");
    const std::vector<float> before = model.parameters.download();
    const size_t saved = fs::file_size(whole / "model.safetensors") - fs::file_size(half / "model.safetensors");
    CHECK(saved >= before.size() * 2);
    CHECK(saved < before.size() * 2 + 64);  // with what the header saves
    const std::vector<float> after = load_model(cpu_kernels, half).parameters.download();
    REQUIRE(after.size() == before.size());
    for (size_t i = 0; i < before.size(); i++)
        REQUIRE(std::abs(after[i] - before[i]) <= std::max(std::abs(before[i]) / 2048, 0x1p-25f));
    CHECK_FALSE(after == before);
}

TEST_CASE("a damaged or foreign directory is refused in one sentence") {
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "model", weights = directory / "model.safetensors";
    auto refusal = [&] { return error_of([&] { load_model(cpu_kernels, directory); }); };
    check_contains(refusal(), directory.string() + ": there is no such model directory");
    fs::create_directory(directory);
    CHECK(refusal().ends_with("it has no config.json"));
    write_file(directory / "adapter_config.json", "{}");
    CHECK(refusal().ends_with("a LoRA adapter, which has to be merged into its model first"));
    fs::remove(directory / "adapter_config.json");
    write_file(directory / "small.gguf", "GGUF");
    CHECK(refusal().ends_with("did you mean " + (directory / "small.gguf").string() + "?"));
    fs::create_directory(temporary.path / "rl-cai");  // beside it: the folder is one of a run
    CHECK(refusal().ends_with("did you mean " + (temporary.path / "rl-cai").string() + "?"));
    fs::remove(temporary.path / "rl-cai"), fs::remove(directory / "small.gguf");
    CHECK(contains(error_of([&] { open_model(""); }, kUsage), "an empty path names no model"));

    save_model(directory, small_model(small_config()), small_tokenizer());
    const std::string bytes = read_file(weights);
    write_file(weights, bytes.substr(0, bytes.size() - 23));
    check_contains(refusal(),
                   concat(weights.string(), ": truncated: the header says ", bytes.size(), " bytes, the file has ",
                          bytes.size() - 23, "; remove its folder and run the stage that wrote it with --force"));
    write_file(weights, bytes);

    Config other = small_config();
    other.ff = 24;
    write_file(directory / "config.json", config_json(other));
    check_contains(refusal(), weights.string() +
                                  ": tensor model.layers.0.mlp.gate_proj.weight has the shape [12,8], but config.json "
                                  "asks for [24,8]");
    other = small_config();
    other.layers = 3;
    write_file(directory / "config.json", config_json(other));
    check_contains(refusal(), "tensor model.layers.2.self_attn.q_proj.weight of shape [16,8] is missing");
    other.layers = 1 << 30;
    write_file(directory / "config.json", config_json(other));
    check_contains(refusal(), "too few for the 1073741824 layers");
    other.layers = 1;
    write_file(directory / "config.json", config_json(other));
    check_contains(refusal(), "tensor model.layers.1.input_layernorm.weight of shape [8] has no place");
    write_file(directory / "config.json", config_json(small_config()));

    // A second copy of a tied table and RoPE's frequencies, as old files have them, are passed over.
    Model model = small_model(small_config());
    std::vector<float> host = model.parameters.download();
    std::vector<NamedTensor> tensors = name_tensors(model.config, host, "");
    tensors.push_back({"lm_head.weight", {270, 8}, host.data()});
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {2}, host.data()});
    write_safetensors(weights, tensors);
    CHECK(same_bits(load_model(cpu_kernels, directory).parameters.download(), host));

    fs::remove(weights);
    check_contains(refusal(), "holds no model.safetensors");
    write_file(directory / "model.safetensors.index.json", "{}");
    check_contains(refusal(), "model.safetensors.index.json: has no \"weight_map\"");
    fs::remove(directory / "model.safetensors.index.json");
    write_file(directory / "pytorch_model.bin", "PK");
    check_contains(refusal(), "pytorch_model.bin: weights in PyTorch's own format");
    check_contains(error_of([&] { load_model(cpu_kernels, directory / "config.json"); }),
                   "config.json: a file, and not the folder of a model; name the folder that it lies in");
    write_file(temporary.path / "notes.txt", "");
    check_contains(error_of([&] { load_model(cpu_kernels, temporary.path / "notes.txt"); }),
                   "notes.txt: a file, and not the folder of a model; of files cai reads GGUF and llama2.c's .bin");
    write_file(weights, "version https://git-lfs.github.com/spec/v1\n");
    check_contains(refusal(), "a Git LFS pointer instead of the weights; run `git lfs pull`");
    write_file(temporary.path / "x.safetensors", "");
    check_contains(error_of([&] { load_model(cpu_kernels, temporary.path / "x.safetensors"); }),
                   "name the folder that it lies in");
}

TEST_CASE("weights in several files, in half precision, and a table that is not the head") {
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "model", index = directory / "model.safetensors.index.json";
    Model model = small_model(small_config());
    std::vector<float> host = model.parameters.download();
    for (float& value : host) value = std::bit_cast<float>(std::bit_cast<uint32_t>(value) & 0xffff0000u);  // fits bf16
    model.parameters.upload(host);
    model.pack();
    save_model(directory, model, small_tokenizer());
    fs::remove(directory / "model.safetensors");

    // Every second tensor in the other file, in bf16 and in f32.
    std::vector<NamedTensor> tensors = name_tensors(model.config, host, "");
    std::string header[2], data[2], map;
    for (size_t i = 0; i < tensors.size(); i++) {
        const size_t shard = i % 2, size = shard ? 2 : 4, count = element_count(tensors[i].shape);
        header[shard] +=
            concat(header[shard].empty() ? "{" : ",", "\"", tensors[i].name, "\":{\"dtype\":\"", shard ? "BF16" : "F32",
                   "\",\"shape\":", shape_text(tensors[i].shape), ",\"data_offsets\":[", data[shard].size(), ",",
                   data[shard].size() + size * count, "]}");
        for (size_t j = 0; j < count; j++) {
            const auto* bytes = reinterpret_cast<const char*>(tensors[i].values + j);
            data[shard].append(bytes + 4 - size, size);
        }
        map += concat(map.empty() ? "" : ",", "\"", tensors[i].name, "\":\"", shard ? "b" : "a", ".safetensors\"");
    }
    write_file(directory / "a.safetensors", framed(header[0] + "}", data[0]));
    write_file(directory / "b.safetensors", framed(header[1] + "}", data[1]));
    write_file(index, "{\"metadata\":{\"total_size\":1},\"weight_map\":{" + map + "}}");
    CHECK(same_bits(load_model(cpu_kernels, directory).parameters.download(), host));
    CHECK(same_bits(logits_of(load_model(cpu_kernels, directory, Use::inference)), logits_of(model)));

    auto refusal = [&] { return error_of([&] { load_model(cpu_kernels, directory); }); };
    write_file(index, "{\"weight_map\":{" + with(map, "a.safetensors", "b.safetensors") + "}}");
    check_contains(refusal(),
                   "index.json: tensor model.embed_tokens.weight should be in b.safetensors, which does not");
    write_file(index, "{\"weight_map\":{" + with(map, "a.safetensors", "../a.safetensors") + "}}");
    check_contains(refusal(), "is not in a file beside the index");
    write_file(index, "{\"weight_map\":{" + with(map, "a.safetensors", "c.safetensors") + "}}");
    check_contains(refusal(), "c.safetensors: No such file");
    for (const char* file : {"a.safetensors", "b.safetensors", "model.safetensors.index.json"})
        fs::remove(directory / file);

    // transformers 5 computes with a head of its own, whatever config.json says.
    std::vector<float> head(host.begin(), host.begin() + 270 * 8);
    head[77] += 1;
    tensors.push_back({"lm_head.weight", {270, 8}, head.data()});
    write_safetensors(directory / "model.safetensors", tensors);
    std::ostringstream said;
    std::streambuf* before = std::cerr.rdbuf(said.rdbuf());
    const Model untied = load_model(cpu_kernels, directory);
    std::cerr.rdbuf(before);
    CHECK(!untied.config.tied);
    check_contains(said.str(), "lm_head.weight differs from the embedding table; the head is used");
    const std::vector<float> parameters = untied.parameters.download();
    CHECK(same_bits({untied.weights.head.data, untied.weights.head + head.size()}, head));
    CHECK(!same_bits(logits_of(untied), logits_of(model)));

    // NaN and infinity are named, wherever they are.
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
        std::vector<float> damaged = host;
        damaged[270 * 8 + 8 * 16 + 5] = bad;
        write_safetensors(directory / "model.safetensors", name_tensors(model.config, damaged, ""));
        for (const Use use : {Use::training, Use::inference})
            check_contains(error_of([&] { load_model(cpu_kernels, directory, use); }),
                           "model.safetensors: tensor model.layers.0.self_attn.k_proj.weight holds NaN or infinity");
    }
}

TEST_CASE("float16: every number, against the definition") {
    for (uint32_t half = 0; half < 65536; half++) {
        const double sign = half >> 15 ? -1 : 1, fraction = half & 1023;
        const int exponent = static_cast<int>(half >> 10 & 31);
        const float value = Safetensors::from_float16(static_cast<uint16_t>(half));
        if (exponent == 31) {
            CHECK((fraction > 0 ? std::isnan(value) : value == sign * INFINITY));
        } else {
            const double magnitude = exponent ? std::ldexp(1 + fraction / 1024, exponent - 15) : fraction * 0x1p-24;
            if (value != sign * magnitude || std::signbit(value) != (sign < 0)) FAIL_CHECK("float16 ", half);
        }
    }
}

TEST_CASE("a context of a billion tokens costs nothing until it is used") {
    Config config = small_config();
    config.context = 1000000000;
    const Model model = small_model(config);
    CHECK(model.rope_table.size() == 2048 * 4);
    Batch batch;
    const std::vector<Token> text(3000, 5);
    batch.add_scored(text.data(), text.size(), {2999});
    Activations activations;
    forward(model, batch, activations);
    CHECK(model.rope_table.size() == 4096 * 4);
    const std::vector<float> table = model.rope_table.download();
    const float angle = 2999 * rope_frequencies(config)[1];
    CHECK(std::abs(table[2999 * 4 + 1] - std::cos(static_cast<double>(angle))) < 1e-7);
    CHECK(std::abs(table[2999 * 4 + 3] - std::sin(static_cast<double>(angle))) < 1e-7);
}

TEST_CASE("training state: weights, running means and position come back to the last bit") {
    MatrixUpdate matrix_update = MatrixUpdate::adamw;
    SUBCASE("adamw") {}
    SUBCASE("muon") { matrix_update = MatrixUpdate::muon; }
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "model";
    const Tokenizer tokenizer = small_tokenizer();
    Model model = small_model(small_config());
    Optimizer optimizer(model, matrix_update);
    Gradients gradients(model);
    auto train = [&](Model& model, Optimizer& optimizer, uint64_t first, uint64_t last) {
        for (uint64_t step = first; step < last; step++) {
            gradients.values.upload(small_model(model.config, 100 + step).parameters.download());
            optimizer.update(model, gradients, 0.01f);
        }
    };
    train(model, optimizer, 0, 3);
    replace_directory(directory, [&](const fs::path& to) {
        write_model(to, model, tokenizer);
        write_training_state(to, model, optimizer, Json::Object{{"epoch", 2}, {"index", 41}});
    });
    train(model, optimizer, 3, 6);

    Model resumed = load_model(cpu_kernels, directory);
    Optimizer resumed_optimizer(resumed, matrix_update);
    Json state = load_training_state(directory, resumed, resumed_optimizer);
    CHECK(state["epoch"].integer() == 2);
    CHECK(state["index"].integer() == 41);
    CHECK(resumed_optimizer.step == 3);
    train(resumed, resumed_optimizer, 3, 6);
    CHECK(same_bits(resumed.parameters.download(), model.parameters.download()));
    CHECK(same_bits(resumed_optimizer.m.download(), optimizer.m.download()));
    CHECK(same_bits(resumed_optimizer.v.download(), optimizer.v.download()));

    Config wider = small_config();
    wider.ff = 24;
    Model other(cpu_kernels, wider);
    Optimizer other_optimizer(other);
    check_contains(error_of([&] { load_training_state(directory, other, other_optimizer); }),
                   "state.safetensors: tensor m.model.layers.0.mlp.gate_proj.weight has the shape [12,8]");

    // A finished model takes the place of all of it.
    CHECK(has_training_state(directory));
    save_model(directory, model, tokenizer);
    CHECK(!has_training_state(directory));
    check_contains(error_of([&] { load_training_state(directory, resumed, resumed_optimizer); }), "nothing to resume");
}

TEST_CASE("a failed save leaves the old checkpoint as it was") {
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "model";
    const Tokenizer tokenizer = small_tokenizer();
    Model old = small_model(small_config(), 1);
    save_model(directory, old, tokenizer);

    // No file may grow past 2,000 bytes: config.json still fits, the weights do not. To write() it is as on a full
    // disk.
    rlimit unlimited;
    getrlimit(RLIMIT_FSIZE, &unlimited);
    const rlimit limited{2000, unlimited.rlim_max};
    auto handler = signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limited);
    std::string message = error_of([&] { save_model(directory, small_model(small_config(), 2), tokenizer); });
    setrlimit(RLIMIT_FSIZE, &unlimited);
    signal(SIGXFSZ, handler);
    check_contains(message, "cannot write");
    CHECK(same_bits(load_model(cpu_kernels, directory).parameters.download(), old.parameters.download()));
    CHECK(std::distance(fs::directory_iterator(temporary.path), {}) == 1);

    // Nothing but a checkpoint is ever replaced.
    const fs::path thesis = temporary.path / "thesis";
    write_file(thesis / "chapter.txt", "years of work");
    check_contains(error_of([&] { save_model(thesis, old, tokenizer); }), "is not a checkpoint");
    CHECK(read_file(thesis / "chapter.txt") == "years of work");
    CHECK(std::distance(fs::directory_iterator(thesis), {}) == 1);
    check_contains(error_of([&] { save_model(thesis / "chapter.txt", old, tokenizer); }), "is not a checkpoint");

    // "runs/model/" and a link to it name the same place.
    fs::create_directory_symlink("model", temporary.path / "link");
    Model fresh = small_model(small_config(), 3);
    save_model(temporary.path / "link/", fresh, tokenizer);
    CHECK(fs::is_symlink(temporary.path / "link"));
    CHECK(same_bits(load_model(cpu_kernels, directory).parameters.download(), fresh.parameters.download()));
}

TEST_CASE("a save killed at any moment leaves a complete checkpoint") {
    TemporaryFolder temporary;
    const fs::path directory = temporary.path / "model";
    auto save = [&](int number) {
        replace_directory(directory, [&](const fs::path& path) {
            write_file(path / "config.json", std::to_string(number));
            write_file(path / "state.json", std::to_string(number));
        });
    };
    save(0);
    int number = 0;
    for (int kill_time = 1; kill_time <= 20; kill_time++) {
        pid_t child = fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            try {
                for (int i = number + 1;; i++) save(i);
            } catch (...) {
            }
            _exit(1);  // reached only when a save fails
        }
        usleep(static_cast<useconds_t>(1000 + 611 * kill_time));
        kill(child, SIGKILL);
        int status = 0;
        waitpid(child, &status, 0);
        CHECK(WIFSIGNALED(status));
        const fs::path found = find_checkpoint(directory);
        REQUIRE(fs::exists(found / "config.json"));
        CHECK(read_file(found / "config.json") == read_file(found / "state.json"));
        int latest = std::stoi(read_file(found / "config.json"));
        CHECK(latest >= number);
        number = latest;
    }
    CHECK(number > 0);  // so saves did happen in between, however busy the machine

    save(++number);  // clears away what the last kill left

    // The moment between the two renames, and what the next save makes of it.
    fs::rename(directory, with_suffix(directory, ".old"));
    CHECK(read_file(find_checkpoint(directory / "") / "state.json") == std::to_string(number));
    save(1000000);
    CHECK(read_file(find_checkpoint(directory) / "state.json") == "1000000");
    CHECK(std::distance(fs::directory_iterator(temporary.path), {}) == 1);
}

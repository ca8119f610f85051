// cai export: a model as GGUF and as a Hugging Face folder, and a run's data as TRL takes it.
#include <doctest/doctest.h>

#include "../core/lm/bpe_training.h"
#include "../core/tools/export.h"
#include "support.h"

using namespace cai;
namespace fs = std::filesystem;

namespace {

// A model folder of ours: 2 layers, 4 heads of 4, 2 key-value heads, and more rows of embeddings than tokens.
Config small_config() {
    Config c;
    c.vocab_size = 270, c.width = 8, c.layers = 2, c.heads = 4, c.kv_heads = 2, c.head_dim = 4, c.ff = 12;
    c.context = 16, c.rope_theta = 12345.5f, c.norm_eps = 1e-6f;
    return c;
}

Model small_model(const Config& config) {
    Model model(cpu_kernels, config);
    std::vector<float> values(model.parameters.size());
    Rng rng(1);
    for (float& value : values) value = rng.normal();
    model.parameters.upload(values);
    model.pack();
    return model;
}

Tokenizer small_tokenizer() { return train_bpe({"a small text, a smaller text"}, 268); }

// The source of a model in memory.
ModelSource source_of(const Model& model, const Tokenizer& tokenizer) {
    ModelSource source;
    source.where = "m";
    source.config = model.config;
    source.tokenizer = [tokenizer] { return tokenizer; };
    source.generation = our_generation();
    source.generation.chat_template = "{% generation %}x{%- endgeneration -%}y";
    source.read = [&model](const std::string& wanted, float* to) {
        model.each_tensor([&](const std::string& name, const std::vector<size_t>& shape, const float* data) {
            if (name == wanted) model.kernels->download(to, data, Tensor{name, shape}.count() * sizeof(float));
        });
    };
    return source;
}

std::vector<float> tensor(const ModelSource& source, const Tensor& tensor) {
    std::vector<float> values(tensor.count());
    source.read(tensor.name, values.data());
    return values;
}

void write_lines(const fs::path& path, const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    write_file(path, text);
}

// A run with a row or two of each kind.
void write_run(const fs::path& run) {
    write_lines(run / "comparisons.jsonl",
                {R"({"prompt": "One?", "a": "Yes.", "b": "No.", "principle": "p", "p_a": 0.75})",
                 R"({"prompt": "Two?", "a": "Yes.", "b": "No.", "principle": "p", "p_a": 0.25})",
                 R"({"prompt": "Three?", "a": "Yes.", "b": "No.", "principle": "p", "p_a": 0.5})",
                 R"({"prompt": "Four?", "a": "Yes.", "b": "Yes.", "principle": "p", "p_a": 0.9})"});
    write_lines(run / "helpfulness.jsonl",
                {R"({"prompt": "Five?", "a": "Hm.", "b": "So.", "p_a": 0, "labelled_by": "oracle"})"});
    write_lines(
        run / "revisions.jsonl",
        {R"({"prompt": "Six?", "answer": "Do.", "rounds": [{"principle": "p", "critique": "c", "revision": "R1."},)"
         R"( {"principle": "p", "critique": "c", "revision": "R2."}]})"});
    write_lines(run / "helpful-samples.jsonl", {R"({"prompt": "Seven?", "answer": "So."})"});
    write_lines(run / "world/dialogues.jsonl",
                {R"({"kind": "dialogue", "segments": [["user", "Eight?"], ["assistant", "So."]]})"});
    write_lines(run / "world/prompts.jsonl",
                {R"({"set": "ppo", "prompt": "Nine?"})", R"({"set": "critique", "prompt": "Ten?"})"});
}

// Training rows, then test rows.
std::vector<std::string> rows_of(const fs::path& folder) {
    std::vector<std::string> rows;
    for (const char* name : {"train.jsonl", "test.jsonl"})
        if (fs::exists(folder / name))
            for (const std::string& line : split_lines(read_file(folder / name))) rows.push_back(line);
    std::sort(rows.begin(), rows.end());
    return rows;
}

void export_folder(const fs::path& from, const fs::path& to) {
    const Quiet silence;
    Arguments arguments({from.string(), "--format", "hf", "--out", to.string()}, std::vector<std::string>{});
    std::streambuf* const out = std::cout.rdbuf(nullptr);
    try {
        run_export(arguments, "cai");
    } catch (...) {
        std::cout.rdbuf(out);
        throw;
    }
    std::cout.rdbuf(out);
}

}  // namespace

TEST_CASE("a model written as GGUF has the keys that llama.cpp reads") {
    const Model model = small_model(small_config());
    const Tokenizer tokenizer = small_tokenizer();
    const Gguf file = parse_gguf(in_memory(gguf_bytes(source_of(model, tokenizer), "story")), "m.gguf");
    CHECK(file.text("general.architecture") == "llama");
    CHECK(file.text("general.name") == "story");
    CHECK(file.number("general.file_type") == 0);
    CHECK(file.number("llama.context_length") == 16);
    CHECK(file.number("llama.embedding_length") == 8);
    CHECK(file.number("llama.block_count") == 2);
    CHECK(file.number("llama.feed_forward_length") == 12);
    CHECK(file.number("llama.attention.head_count") == 4);
    CHECK(file.number("llama.attention.head_count_kv") == 2);
    CHECK(file.number("llama.attention.key_length") == 4);
    CHECK(file.number("llama.attention.value_length") == 4);
    CHECK(file.number("llama.rope.dimension_count") == 4);
    CHECK(file.number("llama.rope.freq_base") == 12345.5);
    CHECK(file.number("llama.attention.layer_norm_rms_epsilon") == 1e-6f);
    CHECK(file.number("llama.vocab_size") == 270);
    CHECK(file.text("tokenizer.ggml.model") == "gpt2");
    CHECK(file.text("tokenizer.ggml.pre") == "gpt-2");
    CHECK(file.number("tokenizer.ggml.bos_token_id") == kEndOfText);
    CHECK(file.number("tokenizer.ggml.eos_token_id") == kEndOfText);
    CHECK(file.number("tokenizer.ggml.padding_token_id") == kPad);
    CHECK(file.number("tokenizer.ggml.add_bos_token") == 0);
    CHECK(file.number("tokenizer.ggml.add_eos_token") == 0);
    CHECK(file.text("tokenizer.chat_template") == "xy");

    const std::vector<std::string>& tokens = file.find("tokenizer.ggml.tokens")->texts;
    const std::vector<double>& types = file.find("tokenizer.ggml.token_type")->numbers;
    REQUIRE(tokens.size() == 270);
    REQUIRE(types.size() == 270);
    for (size_t id = 0; id < 270; id++) {
        CHECK(types[id] == (id < kSpecialCount ? 3 : id < 268 ? 1 : 5));
        if (id < 268) CHECK(tokens[id] == tokenizer.spelling(static_cast<Token>(id)));
    }
    CHECK(tokens[269] == "[PAD269]");
    CHECK(file.find("tokenizer.ggml.merges")->texts.size() == tokenizer.merges().size());
    CHECK(file.find("tokenizer.ggml.merges")->texts[0] ==
          tokenizer.spelling(tokenizer.merges()[0].first) + " " + tokenizer.spelling(tokenizer.merges()[0].second));
}

TEST_CASE("a model written as GGUF and read again is the same, and its heads lie there as neighbours") {
    Config config = small_config();
    for (const bool tied : {true, false}) {
        config.tied = tied;
        const Model model = small_model(config);
        const Tokenizer tokenizer = small_tokenizer();
        const ModelSource source = source_of(model, tokenizer);
        TemporaryFolder folder;
        write_file(folder.path / "m.gguf", gguf_bytes(source, "m"));
        const ModelSource back = open_model(folder.path / "m.gguf");
        CHECK(back.config == config);
        for (const Tensor& part : list_tensors(config)) CHECK(tensor(back, part) == tensor(source, part));
        const Tokenizer read = back.tokenizer();
        CHECK(read.encode("a smaller text, \xff 12") == tokenizer.encode("a smaller text, \xff 12"));
        CHECK(read.has_roles());
        CHECK(!back.generation.bos);
        CHECK(back.generation.stops == std::vector<Token>{kEndOfText});

        const Gguf file = read_gguf(folder.path / "m.gguf");
        const std::vector<float> k = tensor(source, {"model.layers.1.self_attn.k_proj.weight", {8, 8}});
        const std::string_view data = file.tensors.at("blk.1.attn_k.weight").data;
        const size_t order[] = {0, 2, 1, 3, 4, 6, 5, 7};
        for (size_t row = 0; row < 8; row++)
            CHECK(std::memcmp(data.data() + row * 32, k.data() + order[row] * 8, 32) == 0);
    }
}

TEST_CASE("SentencePiece's tokenizer survives GGUF: with its scores, or as merges in their order") {
    std::vector<std::string> pieces{"<unk>", "<s>", "</s>"};
    char name[8];
    for (int b = 0; b < 256; b++) pieces.push_back((std::snprintf(name, sizeof name, "<0x%02X>", b), name));
    for (const char* piece : {"a", "b", "c", "\u2581", "ab", "bc", "abc", "\u2581a"}) pieces.push_back(piece);
    std::vector<float> scores(263);  // of ab and bc one score, of abc a better one, of a with its space the worst
    for (float score : {-2, -2, -1, -7}) scores.push_back(score);
    const Tokenizer scored = sentencepiece_tokenizer(pieces, scores, {0, 1, 2}, true);
    const std::string texts[] = {"abc", "bcabc", " a\n", "aab bca", "\u00e9\xff", "<s>a"};

    // The same vocabulary as tokenizer.json lists it: each merge has a rank of its own.
    const Tokenizer listed(pieces, scored.merges(), scored.added(), scored.rules());
    const Model model = small_model(small_config());
    for (const bool same_score : {true, false}) {
        const Tokenizer& tokenizer = same_score ? scored : listed;
        ModelSource source = source_of(model, tokenizer);
        source.generation.bos = 1, source.generation.stops = {2};
        TemporaryFolder folder;
        write_file(folder.path / "m.gguf", gguf_bytes(source, "m"));
        const ModelSource back = open_model(folder.path / "m.gguf");
        const Tokenizer read = back.tokenizer();
        for (const std::string& text : texts) CHECK(read.encode(text) == tokenizer.encode(text));
        CHECK(back.generation.bos == Token{1});
        CHECK(back.generation.stops == std::vector<Token>{2});

        const Gguf file = read_gguf(folder.path / "m.gguf");
        CHECK(file.text("tokenizer.ggml.model") == "llama");
        CHECK(file.number("tokenizer.ggml.add_bos_token") == 1);
        CHECK(file.number("tokenizer.ggml.add_space_prefix") == 1);
        CHECK(file.number("tokenizer.ggml.unknown_token_id") == 0);
        const std::vector<double>& types = file.find("tokenizer.ggml.token_type")->numbers;
        CHECK(std::vector<double>(types.begin(), types.begin() + 4) == std::vector<double>{2, 3, 3, 6});
        CHECK(std::vector<double>(types.begin() + 258, types.begin() + 260) == std::vector<double>{6, 1});
        CHECK(std::vector<double>(types.begin() + 266, types.end()) == std::vector<double>{1, 5, 5, 5});
        const std::vector<double>& written = file.find("tokenizer.ggml.scores")->numbers;
        REQUIRE(written.size() == 270);
        CHECK(written[265] > written[263]);
        CHECK((written[263] == written[264]) == same_score);
        CHECK(written[264] > written[266]);
    }

    // Merges that no scores give: a way to abc is left out, or comes after another token's merge.
    const auto refused = [&](std::vector<Tokenizer::Pair> merges) {
        const Tokenizer tokenizer(pieces, std::move(merges), scored.added(), scored.rules());
        return error_of([&] { gguf_bytes(source_of(model, tokenizer), "m"); });
    };
    std::vector<Tokenizer::Pair> merges = scored.merges();
    REQUIRE(merges.size() == 5);  // two ways to abc, and one to each of the others
    std::swap(merges[1], merges[2]);
    CHECK(refused(merges).starts_with("m: its tokenizer merges in an order that no scores of its tokens give"));
    merges.erase(merges.begin());
    CHECK(refused(merges).starts_with("m: its tokenizer merges in an order that no scores of its tokens give"));
}

TEST_CASE("stretched rotary positions survive GGUF: by a factor, or by Llama 3.1's table") {
    Config config = small_config();
    config.head_dim = 16, config.rope_theta = 500000;
    const Tokenizer tokenizer = small_tokenizer();
    const auto written = [&] { return gguf_bytes(source_of(small_model(config), tokenizer), "m"); };
    const auto read = [](const std::string& bytes) { return config_of_gguf(parse_gguf(in_memory(bytes), "m.gguf")); };
    config.rope_scaling = {RopeScaling::Kind::linear, 2.5f};
    CHECK(read(written()) == config);
    config.rope_scaling = {RopeScaling::Kind::llama3, 32, 1, 4, 8192};
    CHECK(read(written()) == config);

    // By the formula in double: a frequency whose turn takes fewer than 8192 / 4 positions stays, one whose turn takes
    // more than 8192 is divided by 32, and the share of the first in those between grows from 0 to 1.
    const Gguf file = parse_gguf(in_memory(written()), "m.gguf");
    const GgufTensor& table = file.tensors.at("rope_freqs.weight");
    REQUIRE(table.shape == std::vector<size_t>{8});
    for (size_t i = 0; i < 8; i++) {
        float divisor;
        std::memcpy(&divisor, table.data.data() + 4 * i, 4);
        const double turn = 2 * 3.14159265358979323846 * std::pow(500000.0, static_cast<double>(i) / 8);
        const double share = (8192 / turn - 1) / 3;
        const double expected = turn < 2048 ? 1 : turn > 8192 ? 32 : 1 / ((1 - share) / 32 + share);
        CHECK(divisor == doctest::Approx(expected).epsilon(1e-5));
    }

    config.rope_scaling.original_context = 4096;
    CHECK(error_of([&] { read(written()); }).find("; cai computes no other") != std::string::npos);
}

TEST_CASE("what GGUF has no place for is refused, and nothing is written") {
    Config config = small_config();
    const Tokenizer tokenizer = small_tokenizer();
    const auto error = [&](const ModelSource& source) { return error_of([&] { gguf_bytes(source, "m"); }); };
    config.score_head = true;
    CHECK(error(source_of(small_model(config), tokenizer)) ==
          "m: scores answers and writes none, and llama.cpp runs models that write; export an assistant");
    const Model model = small_model(small_config());
    const auto with_rules = [&](TokenizerRules rules) {
        return source_of(model, build_byte_level_tokenizer({"a"}, {}, {}, {}, std::move(rules)));
    };
    TokenizerRules rules;
    rules.add_prefix_space = true;
    CHECK(error(with_rules(rules))
              .starts_with("m: its tokenizer puts a space in front of a text, which cai does not write"));
    rules = {};
    rules.ignore_merges = true;
    CHECK(error(with_rules(rules))
              .starts_with("m: its tokenizer looks for whole words otherwise than others of its kind"));
    ModelSource endless = source_of(model, tokenizer);
    endless.generation.stops.clear();
    CHECK(error(endless).starts_with("m: its tokenizer names no token, or more than two, that end an answer"));
    TemporaryFolder folder;
    CHECK(error_of([&] { export_gguf("m", folder.path); }) ==
          folder.path.string() + ": a folder; name a file with --out, such as model.gguf");
}

TEST_CASE("a model becomes a Hugging Face folder without its training state, and comes back the same") {
    TemporaryFolder folder;
    const fs::path from = folder.path / "model", to = folder.path / "copy";
    const Model model = small_model(small_config());
    save_model(from, model, small_tokenizer());
    write_file(from / "training_state.safetensors", "old");
    export_folder(from, to);
    for (const char* name : {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"})
        CHECK(read_file(to / name) == read_file(from / name));
    CHECK(!fs::exists(to / "training_state.safetensors"));
    CHECK(error_of([&] { export_folder(from, folder.path); }).find("exists and is not a checkpoint") !=
          std::string::npos);
}

TEST_CASE("a run's data in TRL's formats: the better answer is chosen, and the label stands beside") {
    TemporaryFolder folder;
    const fs::path run = folder.path / "run", out = folder.path / "trl";
    write_run(run);
    export_trl(run, out);
    const std::string user = R"("prompt":[{"role":"user","content":")",
                      assistant = R"([{"role":"assistant","content":")";
    CHECK(rows_of(out / "preferences") ==
          std::vector<std::string>{"{" + user + R"(Five?"}],"chosen":)" + assistant + R"(So."}],"rejected":)" +
                                       assistant + R"(Hm."}],"p_chosen":1.0,"labelled_by":"oracle"})",
                                   "{" + user + R"(One?"}],"chosen":)" + assistant + R"(Yes."}],"rejected":)" +
                                       assistant + R"(No."}],"p_chosen":0.75,"labelled_by":"constitution"})",
                                   "{" + user + R"(Two?"}],"chosen":)" + assistant + R"(No."}],"rejected":)" +
                                       assistant + R"(Yes."}],"p_chosen":0.75,"labelled_by":"constitution"})"});
    CHECK(rows_of(out / "completions") ==
          std::vector<std::string>{"{" + user + R"(Seven?"}],"completion":)" + assistant + R"(So."}]})",
                                   "{" + user + R"(Six?"}],"completion":)" + assistant + R"(R1."}]})",
                                   "{" + user + R"(Six?"}],"completion":)" + assistant + R"(R2."}]})"});
    CHECK(rows_of(out / "messages") ==
          std::vector<std::string>{
              R"({"messages":[{"role":"user","content":"Eight?"},{"role":"assistant","content":"So."}]})"});
    CHECK(rows_of(out / "prompts") == std::vector<std::string>{"{" + user + R"(Nine?"}]})"});
    // Each row is in the split that its prompt is in for cai's own preference model.
    for (const char* name : {"preferences", "completions", "prompts"})
        for (const bool held_out : {false, true}) {
            const fs::path file = out / name / (held_out ? "test.jsonl" : "train.jsonl");
            if (!fs::exists(file)) continue;
            for (const Json& row : read_jsonl(file))
                CHECK(is_held_out(row["prompt"].array()[0]["content"].string()) == held_out);
        }
    const std::string readme = read_file(out / "README.md");
    CHECK(readme.find("| preferences | ") != std::string::npos);
    CHECK(readme.find(" | 2 |\n") != std::string::npos);  // undecided, and equal answers
    CHECK(readme.find("--dataset_name " + out.string() + "/preferences") != std::string::npos);
}

TEST_CASE("an export of a run's data does not overwrite, and names what a run lacks") {
    TemporaryFolder folder;
    const fs::path run = folder.path / "run", out = folder.path / "trl";
    write_run(run);
    write_file(out / "mine.txt", "kept");
    CHECK(error_of([&] { export_trl(run, out); }) ==
          out.string() + ": exists already; name another place with --out, or remove it first");
    CHECK(read_file(out / "mine.txt") == "kept");
    write_lines(run / "world/dialogues.jsonl",
                {R"({"kind": "dialogue", "segments": [["user", "A?"], ["principle", "P."]]})"});
    const fs::path other = folder.path / "other";
    CHECK(error_of([&] { export_trl(run, other); }) ==
          (run / "world/dialogues.jsonl").string() +
              ": line 1: a segment of the role principle, which TRL does not know; dialogues have user and assistant");
    CHECK(!fs::exists(other));
    write_lines(run / "world/dialogues.jsonl", {R"({"kind": "dialogue", "segments": []})"});
    CHECK(contains(error_of([&] { export_trl(run, other); }), "dialogues.jsonl: line 1: a dialogue without a segment"));
    fs::remove(run / "revisions.jsonl");
    CHECK(contains(error_of([&] { export_trl(run, other); }), "run: not a run directory"));
    fs::create_directories(run / "manifests");
    CHECK(error_of([&] { export_trl(run, other); }).find("holds no revisions.jsonl") != std::string::npos);
}

TEST_CASE("cai export needs a format and a place") {
    const auto error = [](std::vector<std::string> words) {
        Arguments arguments(std::move(words), std::vector<std::string>{});
        return error_of([&] { run_export(arguments, "cai"); }, kUsage);
    };
    CHECK(error({"model", "--out", "x"}) == "cai export needs --format hf, gguf or trl");
    CHECK(error({"model", "--format", "gguf"}) == "cai export needs --out PATH, where to write");
    CHECK(error({"model", "--format", "onnx", "--out", "x"}).find("hf, gguf, trl") != std::string::npos);
}

// GGUF written, version 3 in F32, so that llama.cpp and the programs built on it run a model. Its converter refuses
// tokenizers that it does not know by a hash; here the file is written as llama.cpp reads it.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../base/files.h"
#include "../lm/sentencepiece.h"
#include "../lm/tokenizer.h"
#include "../nn/weights.h"
#include "gguf_file.h"
#include "model_source.h"
#include "rope_layout.h"

namespace cai {

// The keys and values of a file, in the order they were added.
class GgufKeys {
  public:
    void add(const std::string& key, const std::string& text) { begin(key, GgufType::string), append(text); }
    void add(const std::string& key, const char* text) { add(key, std::string(text)); }
    void add(const std::string& key, int number) { begin(key, GgufType::u32), append(static_cast<uint32_t>(number)); }
    void add(const std::string& key, float number) { begin(key, GgufType::f32), append(number); }
    void add(const std::string& key, bool truth) { begin(key, GgufType::boolean), append(static_cast<uint8_t>(truth)); }
    void add(const std::string& key, const std::vector<std::string>& texts) {
        begin_list(key, GgufType::string, texts.size());
        for (const std::string& text : texts) append(text);
    }
    void add(const std::string& key, const std::vector<int32_t>& numbers) {
        begin_list(key, GgufType::i32, numbers.size());
        for (int32_t number : numbers) append(number);
    }
    void add(const std::string& key, const std::vector<float>& numbers) {
        begin_list(key, GgufType::f32, numbers.size());
        for (float number : numbers) append(number);
    }
    const std::string& bytes() const { return bytes_; }
    uint64_t count() const { return count_; }

  private:
    template <class Number>
    void append(Number number) {
        bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    void append(const std::string& text) {
        append(uint64_t{text.size()});
        bytes_ += text;
    }
    void begin(const std::string& key, GgufType type) {
        append(key);
        append(static_cast<uint32_t>(type));
        count_++;
    }
    void begin_list(const std::string& key, GgufType type, size_t size) {
        begin(key, GgufType::array);
        append(static_cast<uint32_t>(type));
        append(uint64_t{size});
    }
    std::string bytes_;
    uint64_t count_ = 0;
};

// The chat template without the tags around an assistant's answer, which only training reads.
inline std::string without_generation_tags(std::string chat_template) {
    for (std::string_view tag :
         {"{% generation %}", "{% endgeneration %}", "{%- generation %}", "{%- endgeneration %}", "{% generation -%}",
          "{% endgeneration -%}", "{%- generation -%}", "{%- endgeneration -%}"})
        for (size_t at; (at = chat_template.find(tag)) != std::string::npos;) chat_template.erase(at, tag.size());
    return chat_template;
}

// SentencePiece gives each token a score, and merges the pair that makes the token of the best one. A tokenizer.json of
// the same vocabulary lists the merges instead, those of one token in a row: then the scores are -1, -2, ... in their
// order. Empty: these merges follow no scores, or leave out a way to split a token into two.
inline std::vector<float> sentencepiece_scores(const Tokenizer& tokenizer) {
    std::vector<Tokenizer::Merge> merges;
    for (const Tokenizer::Pair& pair : tokenizer.merges()) merges.push_back(tokenizer.merge_of(pair));
    std::stable_sort(merges.begin(), merges.end(), [](const auto& a, const auto& b) { return a.rank < b.rank; });
    std::vector<float> scores(tokenizer.size());
    std::vector<std::string> pieces;
    std::vector<Token> specials;
    for (Token id = 0; static_cast<size_t>(id) < tokenizer.size(); id++) {
        pieces.push_back(tokenizer.spelling(id));
        if (tokenizer.is_special(id)) specials.push_back(id);
    }
    float score = 0;
    for (size_t m = 0; m < merges.size(); m++) {
        const auto [rank, result] = merges[m];
        float& its = scores[static_cast<size_t>(result)];
        const bool together = m > 0 && (result == merges[m - 1].result || rank == merges[m - 1].rank);
        if (!together) score--;
        if (its != 0 && its != score) return {};
        its = score;
    }
    std::set<Tokenizer::Pair> ours(tokenizer.merges().begin(), tokenizer.merges().end()), splits;
    const Tokenizer by_score = sentencepiece_tokenizer(pieces, scores, specials, tokenizer.rules().add_prefix_space);
    splits.insert(by_score.merges().begin(), by_score.merges().end());
    return ours == splits ? scores : std::vector<float>();
}

// The tokenizer's keys. Errors: llama.cpp would split or mark texts otherwise than this tokenizer does.
inline void add_tokenizer_keys(GgufKeys& keys, const ModelSource& source) {
    const Tokenizer tokenizer = source.tokenizer();
    const TokenizerRules& rules = tokenizer.rules();
    const Generation& generation = source.generation;
    const auto need = [&](bool condition, const char* what) {
        expects(condition, source.where, ": its tokenizer ", what,
                ", which cai does not write to GGUF; export the model with ",
                "--format hf, and convert that with llama.cpp's convert_hf_to_gguf.py");
    };
    need(rules.before.size() <= 1 && rules.after.size() <= 1, "puts several tokens around a text");
    need(rules.before.empty() || generation.bos == rules.before[0], "puts a token before a text that is not bos");
    need(rules.after.empty() || (!generation.stops.empty() && generation.stops[0] == rules.after[0]),
         "puts a token after a text that is not eos");

    constexpr int32_t kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6;  // llama.cpp's
    std::vector<std::string> tokens, merges;
    std::vector<int32_t> types;
    for (Token id = 0; static_cast<size_t>(id) < tokenizer.size(); id++) {
        tokens.push_back(tokenizer.spelling(id));
        const bool is_byte = rules.sentencepiece && byte_of_sentencepiece(tokens.back()) >= 0;
        types.push_back(id == rules.unknown         ? kUnknown
                        : tokenizer.is_special(id) ? kControl
                        : is_byte                  ? kByte
                                                   : kNormal);
    }
    for (const AddedToken& token : tokenizer.added())
        if (!token.special) types[static_cast<size_t>(token.id)] = kUserDefined;
    for (size_t id = tokens.size(); id < static_cast<size_t>(source.config.vocab_size); id++) {
        tokens.push_back(concat("[PAD", id, "]"));  // rows of the embedding table that stand for no token
        types.push_back(kUnused);
    }
    if (rules.sentencepiece) {
        std::vector<float> scores = sentencepiece_scores(tokenizer);
        need(!scores.empty(), "merges in an order that no scores of its tokens give");
        scores.resize(tokens.size());
        keys.add("tokenizer.ggml.model", "llama");
        keys.add("tokenizer.ggml.pre", "default");
        keys.add("tokenizer.ggml.scores", scores);
        keys.add("tokenizer.ggml.add_space_prefix", rules.add_prefix_space);
        if (rules.unknown >= 0) keys.add("tokenizer.ggml.unknown_token_id", int{rules.unknown});
    } else {
        const bool llama3 = rules.pre_tokenizer == PreTokenizer::llama3;
        need(!rules.add_prefix_space, "puts a space in front of a text");
        need(rules.pre_tokenizer != PreTokenizer::no_split, "does not split texts into words");
        need(rules.ignore_merges == llama3, "looks for whole words otherwise than others of its kind");
        for (auto [left, right] : tokenizer.merges())
            merges.push_back(tokenizer.spelling(left) + " " + tokenizer.spelling(right));
        keys.add("tokenizer.ggml.model", "gpt2");
        keys.add("tokenizer.ggml.pre", llama3                                        ? "llama-bpe"
                                       : rules.pre_tokenizer == PreTokenizer::smollm ? "smollm"
                                                                                     : "gpt-2");
        keys.add("tokenizer.ggml.merges", merges);
    }
    keys.add("tokenizer.ggml.tokens", tokens);
    keys.add("tokenizer.ggml.token_type", types);
    if (generation.bos) keys.add("tokenizer.ggml.bos_token_id", int{*generation.bos});
    // Without this key, llama.cpp ends answers at token 11. It has room for one end of a text and one of a turn.
    need(!generation.stops.empty() && generation.stops.size() <= 2,
         "names no token, or more than two, that end an answer");
    keys.add("tokenizer.ggml.eos_token_id", int{generation.stops[0]});
    if (generation.stops.size() == 2) keys.add("tokenizer.ggml.eot_token_id", int{generation.stops[1]});
    if (generation.pad) keys.add("tokenizer.ggml.padding_token_id", int{*generation.pad});
    // A text of SentencePiece's begins with bos wherever there is one, as in llama2.c.
    keys.add("tokenizer.ggml.add_bos_token", rules.sentencepiece ? generation.bos.has_value() : !rules.before.empty());
    keys.add("tokenizer.ggml.add_eos_token", !rules.after.empty());
    if (!generation.chat_template.empty())
        keys.add("tokenizer.chat_template", without_generation_tags(generation.chat_template));
}

// The bytes of a GGUF file with this model in F32. Errors: a score model, or a tokenizer that GGUF cannot describe.
inline std::string gguf_bytes(const ModelSource& source, const std::string& name) {
    const Config& c = source.config;
    expects(!c.score_head, source.where,
            ": scores answers and writes none, and llama.cpp runs models that write; export an ", "assistant");
    GgufKeys keys;
    keys.add("general.architecture", "llama");
    keys.add("general.name", name);
    keys.add("general.file_type", 0);  // all of it F32
    keys.add("llama.context_length", c.context);
    keys.add("llama.embedding_length", c.width);
    keys.add("llama.block_count", c.layers);
    keys.add("llama.feed_forward_length", c.ff);
    keys.add("llama.attention.head_count", c.heads);
    keys.add("llama.attention.head_count_kv", c.kv_heads);
    keys.add("llama.attention.key_length", c.head_dim);
    keys.add("llama.attention.value_length", c.head_dim);
    keys.add("llama.attention.layer_norm_rms_epsilon", c.norm_eps);
    keys.add("llama.rope.dimension_count", c.head_dim);
    keys.add("llama.rope.freq_base", c.rope_theta);
    keys.add("llama.vocab_size", c.vocab_size);
    add_tokenizer_keys(keys, source);

    std::vector<Tensor> tensors = list_tensors(c);
    std::vector<float> divisors;  // of RoPE's frequencies
    if (c.rope_scaling.kind == RopeScaling::Kind::linear) {
        keys.add("llama.rope.scaling.type", "linear");
        keys.add("llama.rope.scaling.factor", c.rope_scaling.factor);
    } else if (c.rope_scaling.kind == RopeScaling::Kind::llama3) {
        Config plain = c;
        plain.rope_scaling = {};
        divisors = rope_frequencies(plain);
        const std::vector<float> scaled = rope_frequencies(c);
        for (size_t i = 0; i < divisors.size(); i++) divisors[i] /= scaled[i];
        tensors.push_back({"rope_freqs.weight", {divisors.size()}});
    }

    constexpr size_t kAlignment = 32;
    const auto padded_size = [](size_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; };
    std::string bytes = "GGUF";
    const auto append = [&](auto number) { bytes.append(reinterpret_cast<const char*>(&number), sizeof number); };
    append(uint32_t{3});
    append(uint64_t{tensors.size()});
    append(keys.count());
    bytes += keys.bytes();
    uint64_t offset = 0;
    for (const Tensor& tensor : tensors) {
        const std::string name = tensor.name == "rope_freqs.weight" ? tensor.name : gguf_tensor_name(tensor.name);
        append(uint64_t{name.size()});
        bytes += name;
        append(static_cast<uint32_t>(tensor.shape.size()));
        for (size_t d = tensor.shape.size(); d-- > 0;) append(uint64_t{tensor.shape[d]});  // innermost first
        append(uint32_t{0});                                                               // F32
        append(offset);
        offset += padded_size(tensor.count() * sizeof(float));
    }
    bytes.resize(padded_size(bytes.size()));
    bytes.reserve(bytes.size() + offset);
    std::vector<float> values;
    for (const Tensor& tensor : tensors) {
        values = divisors;
        if (tensor.name != "rope_freqs.weight") {
            values.resize(tensor.count());
            source.read(tensor.name, values.data());
        }
        const size_t width = tensor.shape.back(), row_bytes = width * sizeof(float), begin = bytes.size();
        bytes.resize(begin + padded_size(tensor.count() * sizeof(float)));
        for (size_t r = 0; r < tensor.count() / width; r++) {
            const size_t row = is_turned(tensor.name) ? neighbour_row(r, static_cast<size_t>(c.head_dim)) : r;
            std::memcpy(bytes.data() + begin + row * row_bytes, values.data() + r * width, row_bytes);
        }
    }
    return bytes;
}

}  // namespace cai

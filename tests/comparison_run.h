// A run directory with comparisons to train on.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "../core/io/checkpoint.h"
#include "../core/lm/bpe_training.h"
#include "planted.h"

namespace cai {

// A run directory with an untrained SL-CAI and these comparisons.
inline void prepare_comparisons(const std::filesystem::path& directory, const std::vector<Json>& comparisons,
                                const std::vector<Json>& helpfulness) {
    const Tokenizer tokenizer =
        train_bpe({"a red fox runs by the old mill", "a blue fish swims in the old pond"}, 300);
    Config config = kSmallModel;
    config.vocab_size = static_cast<int>(tokenizer.size());
    Model model(cpu_kernels, config);
    model.initialize(3);
    save_model(directory / "sl-cai", model, tokenizer);
    write_file(directory / "comparisons.jsonl", dump_jsonl(comparisons));
    write_file(directory / "helpfulness.jsonl", dump_jsonl(helpfulness));
}

inline Json comparison(const std::string& prompt, const std::string& a, const std::string& b, double p_a) {
    return Json::Object{{"prompt", prompt}, {"a", a}, {"b", b}, {"p_a", p_a}};
}

}  // namespace cai

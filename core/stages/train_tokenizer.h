// The tokenizer stage: learns a byte-level BPE vocabulary from the world's documents.
#pragma once
#include <string>
#include <vector>

#include "../io/run_directory.h"
#include "../io/tokenizer_json.h"
#include "../lm/bpe_training.h"
#include "../lm/encode_document.h"
#include "../method/recipe.h"

namespace cai {

// Reads what pretraining will read and writes tokenizer/.
inline void train_tokenizer(Run& run, const Recipe& recipe) {
    std::vector<std::string> texts;
    for (const char* file : {"world/drills.jsonl", "world/documents.jsonl"})
        each_of_jsonl(run / file, [&](const Json& json) {
            for (const Segment& segment : segments_from_json(json)) texts.push_back(normalize_principle(segment));
        });
    const Tokenizer tokenizer = train_bpe(texts, static_cast<size_t>(recipe.vocab_size));
    write_tokenizer(run / "tokenizer", tokenizer);
    note("tokenizer", concat(tokenizer.size(), " tokens"));
}

}  // namespace cai

// Fine-tuning begins as if the pretrained model had never seen a word.
#pragma once
#include "sft_rows.h"

namespace cai {

inline Symptom tokenizer_of_another_run(const std::filesystem::path& story) {
    double pretrained = 0;
    for (const Json& row : rows_of(story))
        if (row["stage"] == "pretrain") pretrained = row["loss"].number();
    const double first = sft_rows(story).front()["loss"].number();
    const bool same = read_file(story / "pretrained/tokenizer.json") == read_file(story / "helpful/tokenizer.json");
    return {!same && first > pretrained + 1,
            concat("loss ", pretrained, " at the end of pretraining, ", first, " at the start of fine-tuning, ",
                   same ? "one tokenizer" : "two tokenizers")};
}

}  // namespace cai

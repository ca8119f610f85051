// A run's texts, which people edit: revisions, helpful samples, documents and dialogues, as SL-CAI learns from them and
// as TRL's data.
#include "fuzz.h"

#include "../../core/stages/sft.h"
#include "../../core/tools/trl_export.h"
#include "byte_tokenizer.h"

void cai::read_input(const std::string& input) {
    quiet = true;
    namespace fs = std::filesystem;
    const char* const names[] = {"revisions.jsonl", "helpful-samples.jsonl", "documents.jsonl", "dialogues.jsonl"};
    const fs::path folder = folder_of(input, {std::begin(names), std::end(names)});
    fs::create_directories(folder / "world");
    for (const char* name : {"documents.jsonl", "dialogues.jsonl"}) {
        fs::remove(folder / "world" / name);
        if (fs::exists(folder / name)) fs::rename(folder / name, folder / "world" / name);
    }
    const auto refused = [](auto read) {
        try {
            read();
        } catch (const Error& error) {
            must(std::string(error.what()).find(".jsonl") != std::string::npos, error.what());
        }
    };
    refused([&] { sl_cai_documents(Run(folder), byte_tokenizer(), {}); });
    refused([&] { trl_completions(folder); });
    refused([&] { trl_messages(folder); });
}

// cai import: a model of any format that cai reads, as a folder in Hugging Face's format.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "../io/checkpoint.h"
#include "verb.h"

namespace cai {

// Writes the model as a folder of ours, in float32. The tokenizer's files of a Hugging Face folder are copied as they
// are. Errors: kBadInput for a model that cannot be read, or if `out` is something else than a model's folder.
inline void import_model(const std::filesystem::path& path, const std::filesystem::path& tokenizer_path,
                         const std::filesystem::path& out) {
    namespace fs = std::filesystem;
    std::error_code error;
    expects(!fs::equivalent(find_checkpoint(path), out, error), out,
            ": --out is the model itself, whose other files would be lost; name another folder");
    const ModelSource source = open_model(path, tokenizer_path);
    const Tokenizer tokenizer = load_tokenizer(source);
    check_source(source);
    std::vector<float> host(parameter_count(source.config));
    const std::vector<NamedTensor> tensors = name_tensors(source.config, host, "");
    for (const NamedTensor& tensor : tensors)
        read_finite(source, tensor.name, host.data() + (tensor.values - host.data()));
    replace_directory(out, [&](const fs::path& directory) {
        write_model_files(directory, source.config, tensors, tokenizer, source.generation);
        if (!fs::is_directory(find_checkpoint(path))) return;
        for (const char* file : {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
                                 "special_tokens_map.json", "added_tokens.json"}) {
            const fs::path from = find_checkpoint(path) / file;
            if (fs::exists(from)) write_file(directory / file, read_file(from));
        }
    });
}

inline int run_import(Arguments& arguments, const std::filesystem::path&) {
    const std::string path = arguments.positional(0, "the folder or file of a model");
    const std::string tokenizer = arguments.string("tokenizer", ""), out = arguments.string("out", "");
    arguments.finish();
    if (out.empty()) fail(kUsage, "cai import needs --out DIR, the folder to make");
    import_model(path, tokenizer, out);
    return kDone;
}

inline Verb import_verb() {
    return {"import",
            "a model of another program as a folder of cai's own, in float32",
            "cai import SmolLM2-135M-Instruct --out runs/smollm2",
            {{"out", "DIR", "the folder to make"},
             kTokenizer},
            run_import,
            false};
}

}  // namespace cai

// cai export: a model, or a run's data, as files for other programs.
#pragma once
#include <filesystem>
#include <iostream>
#include <string>

#include "../base/files.h"
#include "../io/checkpoint.h"
#include "../io/gguf_write.h"
#include "trl_export.h"
#include "verb.h"

namespace cai {

// Writes a model as one GGUF file. Errors: out is a folder, or what gguf_bytes() refuses.
inline void export_gguf(const std::filesystem::path& model, const std::filesystem::path& out) {
    expects(!std::filesystem::is_directory(out), out, ": a folder; name a file with --out, such as model.gguf");
    const ModelSource source = open_model(model);
    write_file(out, gguf_bytes(source, model.lexically_normal().string()));
}

// Writes a model's folder as Hugging Face's libraries read it, without training state.
inline void export_hf(const std::filesystem::path& from, const std::filesystem::path& out) {
    const ModelSource source = open_model(from);
    const Model model = load_model(cpu_kernels, source);
    const Tokenizer tokenizer = load_tokenizer(source);
    replace_directory(out, [&](const auto& folder) { write_model(folder, model, tokenizer, source.generation); });
}

inline int run_export(Arguments& arguments, const std::filesystem::path&) {
    const std::filesystem::path from =
        arguments.positional(0, "a model, or for --format trl a run, such as runs/story");
    const std::string format = arguments.choice("format", {"hf", "gguf", "trl"}, "");
    const std::string out = arguments.string("out", "");
    arguments.finish();
    if (format.empty()) fail(kUsage, "cai export needs --format hf, gguf or trl");
    if (out.empty()) fail(kUsage, "cai export needs --out PATH, where to write");
    if (format == "hf") export_hf(from, out);
    if (format == "gguf") export_gguf(from, out);
    if (format == "trl") export_trl(from, out);
    std::cout << out << " is written\n";
    return kDone;
}

inline Verb export_verb() {
    return {"export",
            "a model, or a run's data, as files for other programs",
            "cai export runs/story/rl-cai --format gguf --out story.gguf",
            {{"format", "NAME",
              "hf (a folder for transformers), gguf (a file for llama.cpp) or trl (a run's data for TRL)"},
             {"out", "PATH", "where to write"}},
            run_export,
            false};
}

}  // namespace cai

// cai export: a model, or a run's data, as files for other programs. A Hugging Face folder is what cai import makes.
#pragma once
#include <filesystem>
#include <iostream>
#include <string>

#include "../base/files.h"
#include "../io/checkpoint.h"
#include "../io/gguf_write.h"
#include "import.h"
#include "trl_export.h"
#include "verb.h"

namespace cai {

// Writes a model as one GGUF file. Errors: out is a folder, or what gguf_bytes() refuses.
inline void export_gguf(const std::filesystem::path& model, const std::filesystem::path& out) {
    expects(!std::filesystem::is_directory(out), out, ": a folder; name a file with --out, such as model.gguf");
    const ModelSource source = open_model(model);
    write_file(out, gguf_bytes(source, model.lexically_normal().string()));
}

inline int run_export(Arguments& arguments, const std::filesystem::path&) {
    const std::filesystem::path from =
        arguments.positional(0, "a model, or for --format trl a run, such as runs/story");
    const std::string format = arguments.choice("format", {"hf", "gguf", "trl"}, "");
    const std::string out = arguments.string("out", "");
    arguments.finish();
    if (format.empty()) fail(kUsage, "cai export needs --format hf, gguf or trl");
    if (out.empty()) fail(kUsage, "cai export needs --out PATH, where to write");
    if (format == "hf") import_model(from, "", out);
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

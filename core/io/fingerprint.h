// Fingerprints of files and models, by which a stage recognises its inputs.
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>

#include "../base/files.h"
#include "../base/rng.h"

namespace cai {

inline std::string hexadecimal(uint64_t hash) {
    char digits[17];
    std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
    return digits;
}

// The fingerprint of a file (FNV-1a over its bytes, 64 bits, in hexadecimal),
// or of the weights and tokenizer of a model directory.
inline std::string fingerprint(const std::filesystem::path& path) {
    if (!std::filesystem::is_directory(path)) return hexadecimal(stream(read_file(path)));
    uint64_t hash = 0;
    for (const char* file : {"config.json", "tokenizer.json", "model.safetensors"})
        if (std::filesystem::exists(path / file)) hash = mix(hash, stream(read_file(path / file)));
    return hexadecimal(hash);
}

}  // namespace cai

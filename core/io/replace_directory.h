// Replacement of whole directories: whatever happens, a reader finds either the old contents or the new.
#pragma once
#include <filesystem>
#include <functional>

#include "../base/error.h"

namespace cai {

inline std::filesystem::path with_suffix(std::filesystem::path directory, const char* suffix) {
    return directory += suffix;
}

// The path from which to read a checkpoint: the directory itself or, when a save was killed between its two renames,
// the previous one beside it. `directory` unchanged when neither exists.
inline std::filesystem::path find_checkpoint(std::filesystem::path directory) {
    if (!directory.has_filename()) directory = directory.parent_path();  // "runs/sft/"
    std::filesystem::path old = with_suffix(directory, ".old");
    return !std::filesystem::exists(directory) && std::filesystem::exists(old) ? old : directory;
}

// Calls fill(temporary directory), then moves the result to `directory`: a reader always finds either the old contents
// or the new, complete. When fill throws, or the disk is full, the old directory is untouched. A directory that is
// neither empty nor a checkpoint is refused, since everything in it would be lost.
inline void replace_directory(std::filesystem::path directory,
                              const std::function<void(const std::filesystem::path&)>& fill) {
    namespace fs = std::filesystem;
    fs::path temporary;
    try {
        directory = fs::weakly_canonical(directory);  // replaces the target of a link, not the link
        if (!directory.has_filename()) directory = directory.parent_path();
        const fs::path old = with_suffix(directory, ".old");
        if (!fs::exists(directory) && fs::exists(old)) fs::rename(old, directory);
        expects(!fs::exists(directory) ||
                    (fs::is_directory(directory) && (fs::is_empty(directory) || fs::exists(directory / "config.json"))),
                directory, ": exists and is not a checkpoint; name another place, or remove it first");
        temporary = with_suffix(directory, ".tmp");
        fs::remove_all(temporary);
        fs::create_directories(temporary);
        fill(temporary);
        fs::remove_all(old);
        if (fs::exists(directory)) fs::rename(directory, old);
        fs::rename(temporary, directory);
        fs::remove_all(old);
    } catch (const fs::filesystem_error& error) {
        std::error_code ignored;
        if (!temporary.empty()) fs::remove_all(temporary, ignored);
        fail(kBadInput, directory, ": cannot be written: ", error.code().message());
    } catch (...) {
        std::error_code ignored;
        if (!temporary.empty()) fs::remove_all(temporary, ignored);
        throw;
    }
}

}  // namespace cai

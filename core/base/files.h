// Files: read whole, and replaced in one step, so that no reader ever sees half a file. Errors carry
// kBadInput, the path and the reason given by the system.
#pragma once
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "text.h"
#include "utf8.h"

namespace cai {

// All bytes of a file, unchanged.
inline std::string read_file(const std::filesystem::path& path) {
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
    expects(file != nullptr, "cannot open ", path, ": ", std::strerror(errno));
    std::string bytes;
    char chunk[1 << 16];
    while (size_t n = std::fread(chunk, 1, sizeof chunk, file.get())) bytes.append(chunk, n);
    expects(!std::ferror(file.get()), "cannot read ", path, ": ", std::strerror(errno));
    return bytes;
}

// Creates a folder and any missing parents.
inline void make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    expects(!error, "cannot make the folder ", folder, ": ", error.message());
}

// Replaces the file in one step: the bytes are written to <path>.tmp, which is then renamed. A reader never sees half a
// file, even when the writer is killed. Missing folders are created. Devices are written in place.
inline void write_file(const std::filesystem::path& path, std::string_view bytes) {
    std::error_code error;
    bool in_place = std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error);
    std::filesystem::path target = path;
    if (!in_place) target += ".tmp";
    if (path.has_parent_path()) make_folder(path.parent_path());
    std::FILE* file = std::fopen(target.c_str(), "wb");
    expects(file != nullptr, "cannot write ", target, ": ", std::strerror(errno));
    // A full disk may become apparent only when the buffer is flushed or the file is closed.
    bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() && std::fflush(file) == 0;
    int reason = errno;
    if (std::fclose(file) != 0 && written) {
        written = false;
        reason = errno;
    }
    if (!written) {
        if (!in_place) std::filesystem::remove(target, error);
        fail(kBadInput, "cannot write ", path, ": ", std::strerror(reason),
             reason == ENOSPC ? "; free some room, then run the same command again" : "");
    }
    if (in_place) return;
    std::filesystem::rename(target, path, error);
    expects(!error, "cannot rename ", target, " to ", path, ": ", error.message());
}

// The lines of a text file edited by people, checked to be UTF-8 without NUL. Byte order marks are skipped, also within
// the text, where files that were put together have them, and a lone "\r" ends a line too, as on old Macintoshes.
inline std::vector<std::string> read_text(const std::filesystem::path& path) {
    std::string text(without_bom(read_file(path)));
    for (size_t i = 0; i < text.size(); i++)
        if (text[i] == '\r' && !(i + 1 < text.size() && text[i + 1] == '\n')) text[i] = '\n';
    std::vector<std::string> lines = split_lines(text);
    for (size_t i = 0; i < lines.size(); i++) {
        size_t bad = 0;
        const bool valid = valid_utf8(lines[i], &bad);
        expects(valid, path, ": line ", i + 1, ", byte ", bad + 1, ": not UTF-8; save the file as UTF-8 text");
        const size_t nul = lines[i].find('\0');
        expects(nul == std::string::npos, path, ": line ", i + 1, ", byte ", nul + 1,
                ": a NUL byte; save the file as UTF-8 text");
        for (size_t mark; (mark = lines[i].find("\xEF\xBB\xBF")) != std::string::npos;) lines[i].erase(mark, 3);
    }
    return lines;
}

}  // namespace cai

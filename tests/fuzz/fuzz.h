// What the fuzzing targets share. `make fuzz` links each fuzz_NAME.cpp with libFuzzer, which makes up inputs, starting
// from the files in corpus/NAME. A target defines read_input(), where a reader may throw cai::Error with its sentence.
// Faults are: any other exception, a crash, what the sanitizers report, ten seconds for one input, 2 GB of memory.
// Targets include this file first: see read_whole().
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "../../core/base/error.h"

namespace cai {

// Defined by the target: gives the input to the reader.
void read_input(const std::string& input);

[[noreturn]] inline void fault(std::string_view what) {
    std::cerr << "fault: " << what << std::endl;
    std::abort();
}
inline void must(bool condition, std::string_view what) {
    if (!condition) fault(what);
}

// For what has to succeed with anything that a reader accepts: there an error is a fault too.
template <class Action>
void must_succeed(Action action) {
    try {
        action();
    } catch (const Error& error) {
        fault(error.what());
    }
}

// The path of a file with these bytes, which the next file of the same name replaces. For readers that want a path.
inline std::filesystem::path file_of(std::string_view bytes, const std::string& name = "input") {
    struct Folder {
        std::string path = (std::filesystem::temp_directory_path() / "cai-fuzz-XXXXXX").string();
        Folder() { must(mkdtemp(path.data()) != nullptr, "cannot make a temporary folder"); }
        ~Folder() { std::filesystem::remove_all(path); }
    };
    static const Folder folder;
    const std::filesystem::path path = std::filesystem::path(folder.path) / name;
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
}

// A folder with these files: the parts of the input, which are separated by lines "---", as far as there are parts.
inline std::filesystem::path folder_of(const std::string& input, const std::vector<std::string>& names) {
    size_t start = 0;
    for (const std::string& name : names) {
        const std::filesystem::path path = file_of("", name);
        if (start > input.size()) {
            std::filesystem::remove(path);
            continue;
        }
        const size_t end = std::min(input.find("\n---\n", start), input.size());
        file_of(std::string_view(input).substr(start, end - start), name);
        start = end + 5;
    }
    return file_of("", "unused").parent_path();
}

// What a reader wants mapped is read, into memory of just its size, where a sanitizer sees a read beyond the end.
inline void* read_whole(int file, size_t size) {
    char* bytes = new char[size];
    must(pread(file, bytes, size, 0) == static_cast<ssize_t>(size), "cannot read the file that was to be mapped");
    return bytes;
}

}  // namespace cai

#define mmap(address, size, protection, flags, file, offset) cai::read_whole(file, size)
#define munmap(memory, size) (static_cast<void>(size), delete[] static_cast<char*>(memory))
#define madvise(memory, size, advice) static_cast<void>(0)

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
    try {
        cai::read_input(std::string(reinterpret_cast<const char*>(bytes), size));
    } catch (const cai::Error& error) {
        cai::must(*error.what(), "an error without a message");
    }
    return 0;
}

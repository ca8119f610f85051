// A file as memory: its pages are read when they are touched, and the system may drop them again.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "../base/files.h"

namespace cai {

struct MappedFile {
    std::string_view bytes;
    std::shared_ptr<const void> owner;  // keeps the bytes readable
    bool mapped = false;

    // The part of the file need not stay in memory: it is read again if it is touched again. For a file that is read
    // once, from beginning to end, so that it does not add to the memory of what is made from it.
    void forget(size_t begin, size_t end) const {
        const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        begin = (begin + page - 1) / page * page, end = end / page * page;
        if (mapped && begin < end) madvise(const_cast<char*>(bytes.data()) + begin, end - begin, MADV_DONTNEED);
    }
};

// The bytes of a string, which it keeps.
inline MappedFile in_memory(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    return {*owner, owner};
}

// Errors: kBadInput with the path and the system's reason. What cannot be mapped, such as a pipe, is read whole.
inline MappedFile map_file(const std::filesystem::path& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    expects(file >= 0, "cannot open ", path, ": ", std::strerror(errno));
    struct stat status;
    const bool regular = fstat(file, &status) == 0 && S_ISREG(status.st_mode);
    const size_t size = regular ? static_cast<size_t>(status.st_size) : 0;
    void* memory = size ? mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0) : MAP_FAILED;
    close(file);
    if (memory == MAP_FAILED) return in_memory(read_file(path));
    std::shared_ptr<const void> owner(memory, [size](const void* at) { munmap(const_cast<void*>(at), size); });
    return {{static_cast<const char*>(memory), size}, std::move(owner), true};
}

}  // namespace cai

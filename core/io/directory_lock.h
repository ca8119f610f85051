// A lock that allows one process at a time in a run directory.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "../base/error.h"

namespace cai {

// Keeps other processes out of a run directory until this one ends, however it
// ends. On a file system without locks this does nothing.
class DirectoryLock {
  public:
    DirectoryLock() = default;
    DirectoryLock(const DirectoryLock&) = delete;
    ~DirectoryLock() {
        if (descriptor_ >= 0) close(descriptor_);
    }

    void take(const std::filesystem::path& directory) {
        if (descriptor_ < 0) descriptor_ = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        expects(flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK, directory,
                ": another cai is at work in this run; wait until it is done, or name another directory with --out");
    }

  private:
    int descriptor_ = -1;
};

}  // namespace cai

// The number of processors this process may use: those of its affinity mask, limited by the quota of its container.
#pragma once
#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <thread>

#include "text.h"

namespace cai {

inline constexpr double kNoQuota = std::numeric_limits<double>::infinity();

// The number of processors granted by "QUOTA PERIOD", two times in microseconds as in a control group's cpu.max: 1.5
// for "150000 100000". kNoQuota for "max 100000", a negative quota, or malformed text.
inline double parse_quota(std::string_view text) {
    text = trim(text);
    const char* const end = text.data() + text.size();
    long long quota = 0, period = 0;
    const auto [space, error] = std::from_chars(text.data(), end, quota);
    if (error != std::errc() || space == end || *space != ' ') return kNoQuota;
    const auto [rest, other_error] = std::from_chars(space + 1, end, period);
    if (other_error != std::errc() || rest != end || quota <= 0 || period <= 0) return kNoQuota;
    return static_cast<double>(quota) / static_cast<double>(period);
}

// The text of a small file; empty if there is none.
inline std::string contents_of(const std::filesystem::path& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

// The smallest quota of a control group and its ancestors, up to `mount`, the mount point of their file system. group:
// "/a/b". A container that sees its own group as the root lacks the folders in between, which does no harm.
inline double quota_of_group(const std::filesystem::path& mount, std::string_view group) {
    double quota = kNoQuota;
    std::filesystem::path folder = std::filesystem::path(group).lexically_normal().relative_path();
    for (;; folder = folder.parent_path()) {
        const std::filesystem::path here = mount / folder;
        const std::string old_quota(trim(contents_of(here / "cpu.cfs_quota_us")));
        const std::string period = contents_of(here / "cpu.cfs_period_us");
        quota = std::min({quota, parse_quota(contents_of(here / "cpu.max")), parse_quota(old_quota + " " + period)});
        if (folder.empty()) return quota;
    }
}

// The smallest quota of a process, given the lines of /proc/PID/cgroup: "0::GROUP" (version 2), or
// "4:cpu,cpuacct:GROUP" (version 1, which mounts each controller separately). mounts: /sys/fs/cgroup.
inline double quota_of_process(const std::filesystem::path& mounts, std::string_view lines) {
    double quota = kNoQuota;
    for (const std::string& line : split_lines(lines)) {
        const size_t first = line.find(':'), second = line.find(':', first + 1);
        if (first == line.npos || second == line.npos) continue;
        const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
        if (controllers.empty()) quota = std::min(quota, quota_of_group(mounts, group));
        if (("," + controllers + ",").find(",cpu,") != std::string::npos)
            for (const std::string& mount : {std::string("cpu"), controllers})
                quota = std::min(quota, quota_of_group(mounts / mount, group));
    }
    return quota;
}

// The number of threads for this many processors under a quota, which is rounded up: at least 1.
inline int threads_for(int processors, double quota) {
    return std::max(1, quota < processors ? static_cast<int>(std::ceil(quota)) : processors);
}

// The number of processors this process may run on (sched_getaffinity).
inline int processors_by_affinity() {
#ifdef __linux__
    cpu_set_t set;  // holds 1024 processors; with more, the call fails
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return static_cast<int>(std::thread::hardware_concurrency());
}

// The number of threads this process can keep busy.
inline int available_processors() {
    return threads_for(processors_by_affinity(), quota_of_process("/sys/fs/cgroup", contents_of("/proc/self/cgroup")));
}

}  // namespace cai

// How long a piece of work takes: the median of several samples, taken again where another program held the processor.
#pragma once
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

namespace cai {

struct Timing {
    double seconds = 0;  // of one call, the median over the samples
    size_t samples = 0;
    size_t disturbed = 0;  // samples that stayed disturbed
};

inline double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds that the threads of this process were ready to run but waited for a processor: field 2, in nanoseconds, of
// the schedstat files of Linux. 0 where there are none.
inline double seconds_waited() {
    std::error_code error;
    double nanoseconds = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", error)) {
        double running = 0, waiting = 0;
        if (std::ifstream(task.path() / "schedstat") >> running >> waiting) nanoseconds += waiting;
    }
    return nanoseconds * 1e-9;
}

inline double median(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

// Times `work` for about `budget` seconds, at most twice that where samples are disturbed: a sample is when the threads
// waited for more than 3 % of its time (`waited` tells for how many seconds so far). Work that takes longer than the
// budget runs once. `finish` ends a sample, on a device that works on while the host goes ahead.
inline Timing measure(
    double budget, const std::function<void()>& work, const std::function<double()>& waited = seconds_waited,
    const std::function<void()>& finish = [] {}) {
    constexpr size_t kSamples = 7;
    constexpr double kMostWait = 0.03;
    bool disturbed = false;
    const auto sample = [&](size_t calls) {
        const double wait = waited(), start = seconds_now();
        for (size_t call = 0; call < calls; call++) work();
        finish();
        const double seconds = seconds_now() - start;
        disturbed = waited() - wait > kMostWait * seconds;
        return seconds / static_cast<double>(calls);
    };
    // The first call finds cold caches, sleeping threads and no room made: it is no sample, unless it is the only one.
    double once = sample(1);
    if (once >= budget) return {once, 1, disturbed};
    once = std::max(sample(1), 1e-9);
    const size_t samples = std::clamp<size_t>(static_cast<size_t>(budget / once), 1, kSamples);
    const size_t calls = std::max<size_t>(1, static_cast<size_t>(budget / once / static_cast<double>(samples)));
    Timing timing;
    std::vector<double> seconds;
    for (size_t retakes = 0; seconds.size() < samples;) {
        const double taken = sample(calls);
        if (disturbed && retakes++ < samples) continue;
        timing.disturbed += disturbed;
        seconds.push_back(taken);
    }
    timing.seconds = median(seconds);
    timing.samples = samples;
    return timing;
}

}  // namespace cai

// Times a piece of work: the median of several samples, where samples disturbed by other programs are taken again.
#pragma once
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

namespace cai {

struct Timing {
    double seconds = 0;  // per call, median over the samples
    size_t samples = 0;
    size_t disturbed = 0;  // samples that were still disturbed in the end
};

inline double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// How many seconds the threads of this process were ready to run but had to wait for a processor: field 2, in
// nanoseconds, of Linux's schedstat files. 0 if there are none.
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

// Times `work` for about `budget` seconds, at most twice that if samples are disturbed. A sample is disturbed if the
// threads waited for more than 3 % of its time; `waited` returns the seconds waited so far. Work that takes longer than
// the budget runs once. `finish` ends a sample: on a device that runs asynchronously, it waits for the device.
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
    // The first call has cold caches, sleeping threads and memory to allocate: it only counts if it is the only one.
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

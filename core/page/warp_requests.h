// What the lanes of a warp ask of memory together, put together from what each thread did, and what that costs: sectors
// and lines of global memory, banks of shared memory. NVIDIA's CUDA C++ Best Practices Guide, "Coalesced Access to
// Global Memory" and "Shared Memory and Memory Banks", is the source of the rules.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "../nn/recording.h"

namespace cai {

constexpr size_t kLanes = 32, kSectorBytes = 32, kLineBytes = 128, kBanks = 32, kBankBytes = 4;

// The same read, write or meeting of some lanes of a warp.
struct WarpRequest {
    RecordedEvent event;  // of its first lane
    uint32_t lanes = 0;   // a bit for each that takes part
    std::array<uint32_t, kLanes> offsets = {};
    size_t step = 0, end = 0;  // when: steps step .. end - 1 of the launch's clock

    size_t lane_count() const { return static_cast<size_t>(__builtin_popcount(lanes)); }
};

// What one request costs. Of a request to global memory the first three are not 0, of one to shared memory the others.
struct Cost {
    size_t sectors = 0, least_sectors = 0, lines = 0;  // least: that could hold the bytes asked for
    // Shared memory serves one word of 4 bytes of each bank at a time, a wavefront. ways: the most different words that
    // lanes served together want of one bank; 1 is no conflict.
    size_t wavefronts = 0, least_wavefronts = 0, ways = 0;
};

inline Cost cost_in_global(const WarpRequest& request) {
    const size_t bytes = request.event.bytes;
    std::set<size_t> starts, sectors, lines;
    for (size_t lane = 0; lane < kLanes; lane++) {
        if (!(request.lanes >> lane & 1)) continue;
        starts.insert(request.offsets[lane]);
        sectors.insert(request.offsets[lane] / kSectorBytes);
        lines.insert(request.offsets[lane] / kLineBytes);
    }
    return {.sectors = sectors.size(),
            .least_sectors = (starts.size() * bytes + kSectorBytes - 1) / kSectorBytes,
            .lines = lines.size()};
}

// Of 8 bytes a lane, half a warp is served at a time, of 16 bytes a quarter.
inline Cost cost_in_shared(const WarpRequest& request) {
    const size_t words = std::max<size_t>(1, request.event.bytes / kBankBytes), together = kLanes / words;
    Cost cost;
    for (size_t first = 0; first < kLanes; first += together) {
        std::map<size_t, std::set<size_t>> wanted;  // bank -> words
        size_t distinct = 0;
        for (size_t lane = first; lane < first + together; lane++)
            for (size_t word = request.offsets[lane] / kBankBytes, i = 0; i < words && request.lanes >> lane & 1; i++)
                distinct += wanted[(word + i) % kBanks].insert(word + i).second;
        size_t ways = 0;
        for (const auto& [bank, its_words] : wanted) ways = std::max(ways, its_words.size());
        cost.ways = std::max(cost.ways, ways);
        cost.wavefronts += ways;
        cost.least_wavefronts += (distinct + kBanks - 1) / kBanks;
    }
    return cost;
}

inline Cost cost_of(const RecordedLaunch& launch, const WarpRequest& request) {
    if (request.event.kind == RecordedEvent::kMeeting) return {};
    return launch.arrays[request.event.array].shared ? cost_in_shared(request) : cost_in_global(request);
}

// The requests of one warp in order. The emulator runs one thread after the other; on a GPU the lanes of a warp go side
// by side, and those that take a branch while others do not come together behind it. So the k-th time since they last
// met that lanes come to a line with the same array belongs together, and a request waits for every lane that has it
// still ahead.
inline std::vector<WarpRequest> warp_requests(const RecordedLaunch& launch, size_t block, size_t warp) {
    using Key = std::tuple<size_t, int, uint16_t, uint16_t, uint16_t, uint16_t, uint8_t, size_t>;
    const size_t threads = launch.threads_per_block(), first = block * threads + warp * kLanes,
                 lanes = std::min(kLanes, threads - warp * kLanes);
    std::map<Key, size_t> numbers;
    std::vector<size_t> ahead;  // how many lanes have the request with this number still ahead
    std::array<std::vector<size_t>, kLanes> order;
    for (size_t lane = 0; lane < lanes; lane++) {
        size_t meetings = 0;
        std::map<Key, size_t> times;
        for (const RecordedEvent& event : launch.threads[first + lane]) {
            Key key = {meetings, event.kind, event.file, event.line, event.array, event.what, event.bytes, 0};
            std::get<7>(key) = times[key]++;
            const size_t number = numbers.emplace(key, numbers.size()).first->second;
            ahead.resize(std::max(ahead.size(), number + 1));
            ahead[number]++;
            order[lane].push_back(number);
            if (event.kind == RecordedEvent::kMeeting) meetings++, times.clear();
        }
    }
    std::vector<WarpRequest> requests;
    std::array<size_t, kLanes> next = {};
    for (;;) {
        std::map<size_t, size_t> here;  // how many lanes are at it
        size_t chosen = numbers.size();
        for (size_t lane = 0; lane < lanes; lane++)
            if (next[lane] < order[lane].size()) here[order[lane][next[lane]]]++;
        if (here.empty()) return requests;
        for (size_t lane = lanes; lane-- > 0;) {
            if (next[lane] == order[lane].size()) continue;
            const size_t number = order[lane][next[lane]];
            const bool complete = here[number] == ahead[number];
            if (complete || chosen == numbers.size() || here[chosen] < ahead[chosen]) chosen = number;
        }
        WarpRequest request;
        for (size_t lane = lanes; lane-- > 0;) {
            if (next[lane] == order[lane].size() || order[lane][next[lane]] != chosen) continue;
            request.event = launch.threads[first + lane][next[lane]];
            request.offsets[lane] = request.event.offset;
            request.lanes |= 1u << lane;
            next[lane]++;
            ahead[chosen]--;
        }
        requests.push_back(request);
    }
}

// The requests of all warps of a block, warp by warp, on a clock on which each takes one step and all warps go on at
// once. Who waits at a __syncthreads() does so until the last warp is there.
inline std::vector<std::vector<WarpRequest>> block_requests(const RecordedLaunch& launch, size_t block) {
    std::vector<std::vector<WarpRequest>> warps;
    for (size_t warp = 0; warp * kLanes < launch.threads_per_block(); warp++)
        warps.push_back(warp_requests(launch, block, warp));
    const auto is_barrier = [&](const WarpRequest& request) {
        return request.event.kind == RecordedEvent::kMeeting &&
               launch.meetings[request.event.what] == "__syncthreads";
    };
    std::vector<size_t> next(warps.size()), time(warps.size());
    for (bool waiting = true; waiting;) {
        waiting = false;
        size_t last = 0;
        for (size_t w = 0; w < warps.size(); w++) {
            for (; next[w] < warps[w].size() && !is_barrier(warps[w][next[w]]); next[w]++) {
                warps[w][next[w]].step = time[w]++;
                warps[w][next[w]].end = time[w];
            }
            waiting |= next[w] < warps[w].size();
            if (next[w] < warps[w].size()) last = std::max(last, time[w]);
        }
        for (size_t w = 0; w < warps.size(); w++) {
            if (next[w] == warps[w].size()) continue;
            WarpRequest& barrier = warps[w][next[w]++];
            barrier.step = time[w];
            barrier.end = time[w] = last + 1;
        }
    }
    return warps;
}

// All requests of a launch: [block][warp], in order.
using LaunchRequests = std::vector<std::vector<std::vector<WarpRequest>>>;
inline LaunchRequests launch_requests(const RecordedLaunch& launch) {
    LaunchRequests requests;
    for (size_t block = 0; block < launch.block_count(); block++) requests.push_back(block_requests(launch, block));
    return requests;
}

// What a line of the source asks of one array, over all warps.
struct LineCost {
    uint16_t file, line, array;
    bool writes;
    size_t requests = 0, lanes = 0;
    Cost sum;         // of the requests
    size_t ways = 0;  // the worst of them
};
inline std::vector<LineCost> line_costs(const RecordedLaunch& launch, const LaunchRequests& all) {
    std::map<std::tuple<uint16_t, uint16_t, uint16_t, bool>, LineCost> lines;
    for (const auto& block : all)
        for (const auto& warp : block)
            for (const WarpRequest& request : warp) {
                const RecordedEvent& event = request.event;
                if (event.kind == RecordedEvent::kMeeting) continue;
                const bool writes = event.kind == RecordedEvent::kWrite;
                LineCost& line =
                    lines.try_emplace({event.file, event.line, event.array, writes},
                                      LineCost{.file = event.file, .line = event.line, .array = event.array,
                                               .writes = writes, .sum = {}})
                        .first->second;
                const Cost cost = cost_of(launch, request);
                line.requests++;
                line.lanes += request.lane_count();
                line.sum.sectors += cost.sectors;
                line.sum.least_sectors += cost.least_sectors;
                line.sum.lines += cost.lines;
                line.sum.wavefronts += cost.wavefronts;
                line.sum.least_wavefronts += cost.least_wavefronts;
                line.ways = std::max(line.ways, cost.ways);
            }
    std::vector<LineCost> costs;
    for (const auto& [key, line] : lines) costs.push_back(line);
    return costs;
}

}  // namespace cai

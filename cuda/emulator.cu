// The emulator's scheduler: runs the threads of a block one after the other on this CPU thread, each until it has to
// wait, and blocks side by side on as many CPU threads as OpenMP has. A thread that never waits needs no stack of its
// own: the next thread starts where it ended. nvcc sees an empty file.
#ifndef __CUDACC__
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../core/base/rng.h"
#include "fiber.h"
#include "launch.h"

namespace cai::emulator {
namespace {

struct Copy {  // asynchronous, of 16 bytes
    void* to;
    const void* from;
    unsigned group;  // how many groups were committed before it
};

struct Thread {
    uint3 index;
    Fiber* fiber = nullptr;       // null: not started
    const char* waits = nullptr;  // the function it waits in; "" when it may go on; null while it runs
    Site at = {"", 0};            // and where that was called
    bool finished = false;
    unsigned groups = 0;  // of copies, committed
    std::vector<Copy> copies;
};

// Lanes of a warp that meet in one call.
struct Group {
    unsigned mask, arrived;
    const char* what;
    Site at;
    void* operands[32];
};
struct Warp {
    std::vector<Group> groups;
    std::deque<Thread*> ready;  // in the random schedule
    uint64_t priority = 0;
    Moment
        moments[2];  // of __syncwarp, in turns: a fast lane on its way to the next one must not tell a slow lane of it
    int turn = 0;
};

constexpr size_t kGuard = 64;  // bytes on both sides of shared memory; whoever writes there is found out
#ifdef CAI_ADDRESS_SANITIZER
constexpr bool kPoisoned = true;  // at the very line that reads or writes there
#else
constexpr bool kPoisoned = false;
#endif

struct Array {  // in shared memory
    const void* tag;
    const char* name;
    Site at;
    size_t bytes, alignment;
    unsigned char* memory;  // with the guards

    unsigned char* data() const { return memory + alignment; }
    bool guards_intact() const {
        if (kPoisoned) return true;
        for (size_t i = 0; i < kGuard; ++i)
            if (data()[-1 - static_cast<long>(i)] != 0xff || data()[bytes + i] != 0xff) return false;
        return true;
    }
};

// What runs a block; a GPU has a hundred of them, each CPU thread has one.
struct Multiprocessor {
    const std::function<void()>* kernel;
    size_t dynamic_shared_bytes;
    uint64_t random;  // state of the random schedule; 0: in order

    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<uint32_t> order;  // in which threads start
    size_t started, finished;
    std::deque<Thread*> ready;  // in the schedule in order
    std::vector<Thread*> at_barrier;
    Moment barriers[2], begin, end;
    int barrier_turn;
    std::vector<Array> arrays;
    Thread* current;
    std::string report;  // why the launch ends; empty while all is well

    Fiber launcher;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Fiber*> free;

    std::string run(dim3 block_size, uint3 block, uint64_t seed);
    void run_threads();
    void wait(const char* what, Site at);
    void give_way();
    void wake(Thread* thread) {
        thread->waits = "";
        (random ? warps[number(*thread) / 32].ready : ready).push_back(thread);
    }
    Thread* next();
    Fiber* fiber();
    void switch_to(Thread* thread, bool for_good = false);
    void check_arrays(Site at, const char* when);
    uint64_t draw(uint64_t n) { return mix(random = mix(random)) % n; }
    size_t number(const Thread& thread) const { return static_cast<size_t>(&thread - threads.data()); }
};

thread_local std::unique_ptr<Multiprocessor> multiprocessor;

std::string name(uint3 i) { return concat("(", i.x, ",", i.y, ",", i.z, ")"); }
std::string name(Site at) { return concat(at.file, ":", at.line); }

int number_from(const char* variable, int fallback) {
    const char* text = std::getenv(variable);
    if (!text || !*text) return fallback;
    char* end;
    const long value = std::strtol(text, &end, 10);
    expects(!*end && value >= 0, variable, " is \"", text, "\"; it takes a whole number");
    return static_cast<int>(value);
}

size_t most_shared_bytes(int chip) {
    switch (chip) {
        case 75: return 64 * 1024;
        case 80: return 163 * 1024;
        case 86: return 99 * 1024;
        case 90: return 227 * 1024;
        default: fail(kBadInput, "CAI_EMU_ARCH is ", chip, "; it takes 75 (T4), 80 (A100), 86 (RTX 30) or 90 (H100)");
    }
}

// Where a fiber begins: runs unstarted threads one after the other, and leaves when the next one has a stack already.
void fiber_main() {
    multiprocessor->current->fiber->arrived();
    multiprocessor->run_threads();
}

void Multiprocessor::run_threads() try {
    for (;;) {
        begin.acquire();
        (*kernel)();
        end.release();
        Untracked untracked;
        Fiber* mine = current->fiber;
        current->finished = true;
        ++finished;
        Thread* thread = next();
        if (thread && !thread->fiber && !Moment::kTracked) {  // ThreadSanitizer wants a stack for each thread
            thread->fiber = mine;
            current = thread;
            threadIdx = thread->index;
            continue;
        }
        if (thread && !thread->fiber) thread->fiber = fiber();
        if (!Moment::kTracked) free.push_back(mine);  // its stack is not another thread's within this block either
        switch_to(thread, true);
    }
} catch (const std::exception& error) {
    end.release();
    Untracked untracked;
    report = error.what();
    switch_to(nullptr, true);
}

// The thread to run now; null when all have finished.
Thread* Multiprocessor::next() {
    if (random) {
        // Warps have random priorities, and the highest goes first: some run far ahead of others, which is what finds a
        // missing barrier. Now and then a warp's priority is drawn again.
        if (draw(16) == 0) warps[draw(warps.size())].priority = draw(~0ull);
        Warp* best = nullptr;
        for (Warp& warp : warps)
            if (!warp.ready.empty() && (!best || warp.priority > best->priority)) best = &warp;
        const bool may_start = started < threads.size();
        if (best && !(may_start && warps[order[started] / 32].priority > best->priority)) {
            Thread* thread = best->ready.front();
            best->ready.pop_front();
            return thread;
        }
    }
    if (!ready.empty()) {
        Thread* thread = ready.front();
        ready.pop_front();
        return thread;
    }
    if (started < threads.size()) return &threads[order[started++]];
    if (finished == threads.size()) return nullptr;

    std::map<std::string, std::pair<size_t, uint3>> places;  // how many threads wait there, and the first of them
    for (const Thread& thread : threads) {
        const std::string place = thread.finished ? "ended" : concat("wait in ", thread.waits, " at ", name(thread.at));
        ++places.try_emplace(place, 0, thread.index).first->second.first;
    }
    std::string list;
    for (const auto& [place, who] : places)
        list += concat(list.empty() ? "" : "; ", who.first, " ", place, ", first ", name(who.second));
    fault(current->at, "threads wait for others that never come: ", list);
}

Fiber* Multiprocessor::fiber() {
    if (free.empty()) {
        fibers.push_back(std::make_unique<Fiber>(fibers.size()));
        free.push_back(fibers.back().get());
    }
    Fiber* fiber = free.back();
    free.pop_back();
    fiber->prepare(fiber_main);
    return fiber;
}

// Goes on with another thread; null: with whoever launched the block.
void Multiprocessor::switch_to(Thread* thread, bool for_good) {
    Fiber& from = current ? *current->fiber : launcher;
    if (thread && !thread->fiber) thread->fiber = fiber();
    current = thread;
    if (thread) threadIdx = thread->index;
    Fiber::switch_stacks(from, thread ? *thread->fiber : launcher, for_good);
}

// Runs other threads until somebody has made this one ready.
void Multiprocessor::wait(const char* what, Site at) {
    Thread* me = current;
    end.release();  // it may be the last thing this thread does
    me->waits = what;
    me->at = at;
    Thread* thread = next();
    if (thread != me) switch_to(thread);
    me->waits = nullptr;
}

// Whoever was the last to come makes the others ready. In order it runs on; at random it is one of those who may.
void Multiprocessor::give_way() {
    if (!random) return;
    wake(current);
    wait("", current->at);
}

void Multiprocessor::check_arrays(Site at, const char* when) {
    for (const Array& array : arrays)
        if (!array.guards_intact())
            fault(array.at, "something wrote out of range of ", array.name, " (", array.bytes,
                  " bytes of shared memory), found at ", when, " ", name(at));
}

// Runs one block; returns the report of what went wrong, or "".
std::string Multiprocessor::run(dim3 size, uint3 block, uint64_t seed) {
    Untracked untracked;
    const size_t count = size_t{size.x} * size.y * size.z;
    const bool same_size = threads.size() == count && blockDim.x == size.x && blockDim.y == size.y;
    blockIdx = block;
    blockDim = size;
    threads.resize(count);
    warps.resize((count + 31) / 32);
    order.resize(count);
    random = seed ? mix(seed, mix(block.x, mix(block.y, block.z))) : 0;
    for (size_t i = 0; i < count; ++i) {
        Thread& thread = threads[i];
        if (!same_size)
            thread.index = {static_cast<unsigned>(i % size.x), static_cast<unsigned>(i / size.x % size.y),
                            static_cast<unsigned>(i / size.x / size.y)};
        thread.fiber = nullptr;
        thread.waits = nullptr;
        thread.finished = false;
        thread.groups = 0;
        thread.copies.clear();
        order[i] = static_cast<uint32_t>(i);
        if (random) std::swap(order[i], order[draw(i + 1)]);
    }
    for (Warp& warp : warps) {
        warp.groups.clear();
        warp.ready.clear();
        warp.priority = random ? draw(~0ull) : 0;
    }
    started = finished = 0;
    ready.clear();
    at_barrier.clear();
    barrier_turn = 0;
    report.clear();
    current = nullptr;

    begin.release();
    switch_to(next());
    end.acquire();

    free.clear();
    for (auto& fiber : fibers) {
        if (!report.empty()) fiber->abandon();
        free.push_back(fiber.get());
    }
    for (const Array& array : arrays) {
        if (report.empty() && !array.guards_intact())
            report = concat(name(array.at), ": block ", name(block), ": something wrote out of range of ", array.name,
                            " (", array.bytes, " bytes of shared memory), found at the end of the block");
        std::free(array.memory);
    }
    arrays.clear();
    return report;
}

Multiprocessor& here(const char* what, Site at) {
    if (!multiprocessor || !multiprocessor->current) fail(kBadInput, name(at), ": ", what, " is for kernels");
    return *multiprocessor;
}

// Poisoned with 0xff: NaN for every kind of float.
void* new_array(const void* tag, const char* name, Site at, size_t bytes, size_t alignment) {
    Multiprocessor& m = *multiprocessor;
    void* memory;
    expects(!posix_memalign(&memory, alignment, alignment + bytes + kGuard), "out of memory for shared memory");
    std::memset(memory, 0xff, alignment + bytes + kGuard);
    m.arrays.push_back({tag, name, at, bytes, alignment, static_cast<unsigned char*>(memory)});
#ifdef CAI_ADDRESS_SANITIZER
    __asan_poison_memory_region(memory, alignment);
    __asan_poison_memory_region(m.arrays.back().data() + bytes, kGuard);
#endif
    if (observer) observer->declared_shared(name, m.arrays.back().data(), bytes);
    return m.arrays.back().data();
}

}  // namespace

Settings& settings() {
    static Settings from_environment = {static_cast<uint64_t>(number_from("CAI_EMU_SEED", 0)),
                                        number_from("CAI_EMU_ARCH", 90)};
    return from_environment;
}

void run_grid(dim3 grid, dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& kernel, Site launch) {
    const uint64_t seed = settings().seed;
    const int chip = settings().chip;
    const size_t threads = size_t{block.x} * block.y * block.z, blocks = size_t{grid.x} * grid.y * grid.z;
    const size_t most_shared = most_shared_bytes(chip);
    if (threads < 1 || threads > 1024 || block.z > 64)
        fail(kBadInput, name(launch), ": a block has 1 to 1024 threads, at most 64 of them deep, not ", block.x, " x ",
             block.y, " x ", block.z);
    if (grid.x >= 1u << 31 || grid.y > 65535 || grid.z > 65535)
        fail(kBadInput, name(launch), ": a grid of ", grid.x, " x ", grid.y, " x ", grid.z,
             " blocks is larger than 2147483647 x 65535 x 65535");
    if (dynamic_shared_bytes > most_shared)
        fail(kBadInput, name(launch), ": ", dynamic_shared_bytes, " bytes of shared memory, but a block of sm_", chip,
             " has at most ", most_shared);
    size_t first_fault = blocks;
    std::string report;  // of that block
    if (observer) observer->launched(grid, block, launch);
#pragma omp parallel for schedule(dynamic) if (!observer && blocks > 1 && blocks * threads > 2048)
    for (size_t i = 0; i < blocks; ++i) {
        const size_t b = seed ? blocks - 1 - i : i;
        if (!multiprocessor) multiprocessor = std::make_unique<Multiprocessor>();
        multiprocessor->kernel = &kernel;
        multiprocessor->dynamic_shared_bytes = dynamic_shared_bytes;
        gridDim = grid;
        const uint3 index = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                             static_cast<unsigned>(b / grid.x / grid.y)};
        const std::string its_report = multiprocessor->run(block, index, seed);
        if (!its_report.empty())
#pragma omp critical
            if (b < first_fault) first_fault = b, report = its_report;
    }
    if (observer) observer->ended();
    if (!report.empty()) fail(kBadInput, report);
}

void fault_here(Site at, const std::string& what) {
    fail(kBadInput, name(at), ": block ", name(blockIdx), ", thread ", name(threadIdx), ": ", what);
}

void needs_chip(int chip, const char* what, Site at) {
    if (settings().chip < chip) fault(at, what, " needs sm_", chip, ", and CAI_EMU_ARCH is ", settings().chip);
}

void* shared_memory(const void* tag, size_t bytes, const char* name, Site at) {
    Untracked untracked;
    size_t all = bytes;
    for (const Array& array : here("shared memory", at).arrays) {
        if (array.tag == tag) return array.data();
        all += array.tag ? array.bytes : 0;
    }
    if (all > 48 * 1024)
        fault(at, "SHARED arrays of ", all, " bytes: a block has at most 49152; more is to be had with DYN_SHARED");
    return new_array(tag, name, at, bytes, kGuard);
}

void* dynamic_shared_memory(const char* name, Site at) {
    Untracked untracked;
    Multiprocessor& m = here("shared memory", at);
    for (const Array& array : m.arrays)
        if (!array.tag) return array.data();
    return new_array(nullptr, name, at, m.dynamic_shared_bytes, 1024);
}

void check_shared(const void* memory, size_t bytes, const char* what, Site at) {
    Untracked untracked;
    const auto* first = static_cast<const unsigned char*>(memory);
    if (reinterpret_cast<uintptr_t>(memory) % bytes)
        fault(at, what, " of ", bytes, " bytes at an address that is no multiple of ", bytes);
    for (const Array& array : here(what, at).arrays)
        if (first >= array.data() && first + bytes <= array.data() + array.bytes) return;
    fault(at, what, " of ", bytes, " bytes that are not shared memory of this block");
}

void barrier(Site at) {
    Untracked untracked;
    Multiprocessor& m = here("__syncthreads", at);
    if (observer) observer->met("__syncthreads", at);
    if (!m.at_barrier.empty() && !(m.at_barrier[0]->at == at))
        fault(at, "threads of a block meet at different __syncthreads(): ", name(m.at_barrier[0]->index), " waits at ",
              name(m.at_barrier[0]->at));
    Moment& moment = m.barriers[m.barrier_turn];
    moment.release();
    m.current->at = at;
    m.at_barrier.push_back(m.current);
    if (m.at_barrier.size() == m.threads.size()) {
        m.check_arrays(at, "__syncthreads() of");
        m.barrier_turn ^= 1;
        for (Thread* thread : m.at_barrier)
            if (thread != m.current) m.wake(thread);
        m.at_barrier.clear();
        m.give_way();
    } else {
        m.wait("__syncthreads()", at);
    }
    moment.acquire();
}

void meet(unsigned mask, const char* what, Site at, void* operand, Finish finish, bool orders_memory) {
    Untracked untracked;
    Multiprocessor& m = here(what, at);
    if (observer) observer->met(what, at);
    const size_t first = m.number(*m.current) / 32 * 32, lanes = std::min<size_t>(32, m.threads.size() - first);
    const unsigned lane = static_cast<unsigned>(m.number(*m.current) - first);
    Warp& warp = m.warps[first / 32];
    if (!(mask >> lane & 1)) fault(at, what, " by lane ", lane, ", which its own mask leaves out");
    if (lanes < 32 && mask >> lanes) fault(at, what, " with a mask of lanes that do not exist: this warp has ", lanes);
    size_t g = 0;
    while (g < warp.groups.size() && !(warp.groups[g].mask & mask)) ++g;
    if (g == warp.groups.size()) warp.groups.push_back({mask, 0, what, at, {}});
    Group& group = warp.groups[g];
    if (group.mask != mask || !(group.at == at))
        fault(at, what, " of lane ", lane, " meets another mask or place: lanes of its mask wait in ", group.what,
              " at ", name(group.at));
    group.arrived |= 1u << lane;
    group.operands[lane] = operand;
    m.current->at = at;
    Moment& moment = warp.moments[warp.turn];
    if (orders_memory) moment.release();
    if (group.arrived == mask) {
        const Group all = group;
        warp.groups.erase(warp.groups.begin() + static_cast<long>(g));
        if (orders_memory) warp.turn ^= 1;
        finish(all.operands, mask, at);
        for (size_t i = 0; i < lanes; ++i)
            if (mask >> i & 1 && i != lane) m.wake(&m.threads[first + i]);
        m.give_way();
    } else {
        m.wait(what, at);
    }
    if (orders_memory) moment.acquire();
}

unsigned lane() {
    Untracked untracked;
    return static_cast<unsigned>(multiprocessor->number(*multiprocessor->current) % 32);
}

unsigned ballot(unsigned mask, const char* what, bool vote, Site at) {
    struct Vote {
        bool vote;
        unsigned result;
    } mine = {vote, 0};
    meet(mask, what, at, &mine, [](void* const* lanes, unsigned mask, Site) {
        unsigned result = 0;
        for (unsigned i = 0; i < 32; ++i)
            if (mask >> i & 1) result |= static_cast<unsigned>(static_cast<Vote*>(lanes[i])->vote) << i;
        for (unsigned i = 0; i < 32; ++i)
            if (mask >> i & 1) static_cast<Vote*>(lanes[i])->result = result;
    });
    return mine.result;
}

// Late copies show a missing wait, early ones a buffer that others still read: a copy may happen at any time in
// between.
void copy_async(void* shared, const void* global, Site at) {
    needs_chip(80, "cp.async", at);
    check_shared(shared, 16, "cp.async", at);
    if (reinterpret_cast<uintptr_t>(global) % 16) fault(at, "cp.async from an address that is no multiple of 16");
    if (observer) {
        observer->accessed(global, 16, false, at);
        observer->accessed(shared, 16, true, at);
    }
    if (settings().seed % 2) {
        std::memcpy(shared, global, 16);
        return;
    }
    Untracked untracked;
    Thread& me = *multiprocessor->current;
    me.copies.push_back({shared, global, me.groups});
}

void copy_commit(Site at) {
    Untracked untracked;
    ++here("cp.async", at).current->groups;
}

void copy_wait(unsigned pending, Site at) {
    std::vector<Copy> due;
    {
        Untracked untracked;
        Thread& me = *here("cp.async", at).current;
        auto& copies = me.copies;
        while (!copies.empty() && copies[0].group + pending < me.groups) {
            due.push_back(copies[0]);
            copies.erase(copies.begin());
        }
    }
    for (const Copy& copy : due) std::memcpy(copy.to, copy.from, 16);
}

}  // namespace cai::emulator
#endif

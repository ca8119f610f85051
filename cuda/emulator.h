// What a plain C++ compiler understands by CUDA: with this header the kernels of this folder run on the CPU, one CUDA
// thread after the other, and can be stepped through in gdb on a laptop. emulator.cu runs the threads; ptx.h adds the
// instructions that have no name in CUDA C++.
//
// It is stricter than a GPU, on purpose. It ends the launch with a sentence that names file and line when
//   - threads of a block wait at different __syncthreads(), or for others that never come,
//   - a warp function gets a mask that leaves out its caller, names lanes that are elsewhere, or reads a lane outside
//   it,
//   - shared memory was written out of range,
//   - the kernel asks for what the chosen chip lacks (CAI_EMU_ARCH=75|80|86|90: T4, A100, RTX 30, H100).
// Shared memory starts as NaN in every block, so that a missing barrier or a missing wait shows in the result. There is
// no lockstep: a warp's threads run apart and meet only where a function with _sync or __syncwarp says so.
// CAI_EMU_SEED=n changes the order of threads and blocks; results must not change, not by a bit.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct uint3 {
    unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

// Variables, not macros, so that gdb can test them: break matmul_kernel if threadIdx.x == 5 && blockIdx.x == 2
inline constinit thread_local uint3 threadIdx, blockIdx;
inline constinit thread_local dim3 blockDim, gridDim;

// Shared memory is declared by these two alone: SHARED(float, tile, [16][17]); SHARED(int, count, ); DYN_SHARED(float,
// rows); The type of a lambda is different at each place and in each instance of a template: it is the array's name
// tag.
#define SHARED(type, name, extents)                                            \
    auto& name = *static_cast<type(*) extents>(::cai::emulator::shared_memory( \
        ::cai::emulator::tag_of([] {}), sizeof(type extents), #name, ::cai::Site::here()))
#define DYN_SHARED(type, name) \
    type* name = static_cast<type*>(::cai::emulator::dynamic_shared_memory(#name, ::cai::Site::here()))

namespace cai {

namespace emulator {

struct Settings {
    uint64_t seed = 0;  // CAI_EMU_SEED: 0 runs threads in order, others at random; odd ones make copies early (ptx.h)
    int chip = 90;      // CAI_EMU_ARCH: ten times the compute capability
};
// As the environment says; a test may change it between launches.
Settings& settings();

// Runs the kernel once for each thread of the grid, with threadIdx and its companions set. Throws Error when it
// misbehaves.
void run_grid(dim3 grid, dim3 block, size_t dynamic_shared_bytes, const std::function<void()>& kernel, Site launch);

// Ends the launch; to be called from a kernel. In gdb, `break fault_here` stops at the offender.
[[noreturn]] void fault_here(Site at, const std::string& what);
template <class... Parts>
[[noreturn]] void fault(Site at, const Parts&... parts) {
    fault_here(at, concat(parts...));
}
// Ends the launch unless the chosen chip is at least this one.
void needs_chip(int chip, const char* what, Site at);

template <class Lambda>
const void* tag_of(Lambda) {
    static const char tag = 0;
    return &tag;
}
// Is told of everything that a launch does, as it happens, each time by the thread that does it: recorder.h writes it
// down. While there is one, blocks run one after the other.
struct Observer {
    virtual void allocated(const void* memory, size_t bytes) = 0;
    virtual void launched(dim3 grid, dim3 block, Site at) = 0;
    virtual void ended() = 0;  // the launch
    virtual void declared_shared(const char* name, const void* memory, size_t bytes) = 0;
    virtual void accessed(const void* memory, size_t bytes, bool writes, Site at) = 0;
    virtual void met(const char* what, Site at) = 0;

  protected:
    ~Observer() = default;
};
inline Observer* observer = nullptr;

void* shared_memory(const void* tag, size_t bytes, const char* name, Site at);
void* dynamic_shared_memory(const char* name, Site at);
// Ends the launch unless these bytes are shared memory of this block, and begin at a multiple of their number.
void check_shared(const void* memory, size_t bytes, const char* what, Site at);

void barrier(Site at);

// The lanes of `mask` meet: each hands over a pointer to its operand, and the last to come calls `finish` with all
// pointers while the others stand still. It may read and write every operand. Memory is ordered between the lanes only
// on request.
using Finish = void (*)(void* const* lanes, unsigned mask, Site at);
void meet(unsigned mask, const char* what, Site at, void* operand, Finish finish, bool orders_memory = false);

template <class T>
struct Shuffled {
    T value;
    unsigned source;
    T result = {};
};
template <class T>
T shuffle(unsigned mask, const char* what, T value, unsigned source, Site at) {
    Shuffled<T> mine = {value, source};
    meet(mask, what, at, &mine, [](void* const* lanes, unsigned mask, Site at) {
        for (unsigned lane = 0; lane < 32; ++lane) {
            if (!(mask >> lane & 1)) continue;
            auto& to = *static_cast<Shuffled<T>*>(lanes[lane]);
            if (!(mask >> to.source & 1))
                fault(at, "lane ", lane, " reads lane ", to.source, ", which is not in the mask");
            to.result = static_cast<Shuffled<T>*>(lanes[to.source])->value;
        }
    });
    return mine.result;
}
unsigned lane();  // of the calling thread in its warp
unsigned ballot(unsigned mask, const char* what, bool vote, Site at);

// Asynchronous copies of 16 bytes to shared memory, and waiting until at most `pending` groups of them are still on
// their way.
void copy_async(void* shared, const void* global, Site at);
void copy_commit(Site at);
void copy_wait(unsigned pending, Site at);

}  // namespace emulator
}  // namespace cai

inline void __syncthreads(cai::Site at = cai::Site::here()) { cai::emulator::barrier(at); }

inline void __syncwarp(unsigned mask = 0xffffffff, cai::Site at = cai::Site::here()) {
    cai::emulator::meet(mask, "__syncwarp", at, nullptr, [](void* const*, unsigned, cai::Site) {}, true);
}
template <class T>
T __shfl_sync(unsigned mask, T value, unsigned source, cai::Site at = cai::Site::here()) {
    return cai::emulator::shuffle(mask, "__shfl_sync", value, source % 32, at);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits, cai::Site at = cai::Site::here()) {
    return cai::emulator::shuffle(mask, "__shfl_xor_sync", value, cai::emulator::lane() ^ bits, at);
}
// Up and down keep the own value where the warp ends.
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned distance, cai::Site at = cai::Site::here()) {
    const unsigned lane = cai::emulator::lane();
    return cai::emulator::shuffle(mask, "__shfl_up_sync", value, lane < distance ? lane : lane - distance, at);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, cai::Site at = cai::Site::here()) {
    const unsigned lane = cai::emulator::lane();
    return cai::emulator::shuffle(mask, "__shfl_down_sync", value, lane + distance > 31 ? lane : lane + distance, at);
}
inline unsigned __ballot_sync(unsigned mask, bool vote, cai::Site at = cai::Site::here()) {
    return cai::emulator::ballot(mask, "__ballot_sync", vote, at);
}
inline bool __any_sync(unsigned mask, bool vote, cai::Site at = cai::Site::here()) {
    return cai::emulator::ballot(mask, "__any_sync", vote, at) != 0;
}
inline bool __all_sync(unsigned mask, bool vote, cai::Site at = cai::Site::here()) {
    return cai::emulator::ballot(mask, "__all_sync", vote, at) == mask;
}

// Atomics of whole numbers. The order of a sum of floats would depend on the schedule, and so would its bits: there are
// none.
inline int atomicAdd(int* to, int value) { return __atomic_fetch_add(to, value, __ATOMIC_RELAXED); }
inline unsigned atomicAdd(unsigned* to, unsigned value) { return __atomic_fetch_add(to, value, __ATOMIC_RELAXED); }
inline unsigned long long atomicAdd(unsigned long long* to, unsigned long long value) {
    return __atomic_fetch_add(to, value, __ATOMIC_RELAXED);
}
float atomicAdd(float* to, float value) = delete;
double atomicAdd(double* to, double value) = delete;
inline int atomicCAS(int* to, int expected, int value) {
    __atomic_compare_exchange_n(to, &expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
}
inline int atomicMax(int* to, int value) {
    int old = __atomic_load_n(to, __ATOMIC_RELAXED);
    while (old < value && !__atomic_compare_exchange_n(to, &old, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
    return old;
}

inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(unsigned bits) { return __builtin_ffs(static_cast<int>(bits)); }
inline unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
}
inline float __uint_as_float(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

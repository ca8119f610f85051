// Launching kernels, and the memory they work on: the one file that knows whether nvcc compiles for a GPU or another
// compiler for the emulator. Everything else in this folder is written once for both.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "../core/base/error.h"

namespace cai {

// A place in the source; as a default argument it is the place of the call.
struct Site {
    const char* file;
    int line;
    static constexpr Site here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
        return {file, line};
    }
    bool operator==(const Site& other) const {
        return line == other.line && (file == other.file || !std::strcmp(file, other.file));
    }
};

}  // namespace cai

// UNROLL stands before a loop whose counter says which register is meant: an array stays in registers only where each
// index is known to the compiler.
#ifdef __CUDACC__
#include <cuda_runtime.h>
#define SHARED(type, name, extents) __shared__ type name extents
#define DYN_SHARED(type, name)                                        \
    extern __shared__ __align__(1024) unsigned char dynamic_shared[]; \
    type* name = reinterpret_cast<type*>(dynamic_shared)
#define UNROLL _Pragma("unroll")
#else
#include "emulator.h"
#define UNROLL
#endif

namespace cai::cuda {

constexpr unsigned kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffff;

constexpr size_t divide_up(size_t n, size_t unit) { return (n + unit - 1) / unit; }

// How many blocks of how many threads, each block with so many bytes of DYN_SHARED memory.
struct Shape {
    dim3 blocks, threads;
    size_t shared_bytes;
    Site at;
    Shape(dim3 blocks, dim3 threads, size_t shared_bytes = 0, Site at = Site::here())
        : blocks(blocks), threads(threads), shared_bytes(shared_bytes), at(at) {}
};
// One thread, or one warp, for each of n things.
inline Shape a_thread_each(size_t n, Site at = Site::here()) {
    return {static_cast<unsigned>(divide_up(n, 256)), 256, 0, at};
}
constexpr unsigned kWarpsPerBlock = 4;
inline Shape a_warp_each(size_t n, size_t shared_bytes_per_warp = 0, Site at = Site::here()) {
    const unsigned blocks = static_cast<unsigned>(divide_up(n, kWarpsPerBlock));
    return {blocks, kWarpsPerBlock * kWarp, kWarpsPerBlock * shared_bytes_per_warp, at};
}

#ifdef __CUDACC__

inline void check(cudaError_t status, Site at) {
    if (status == cudaSuccess) return;
    fail(kBadInput, at.file, ":", at.line, ": CUDA says: ", cudaGetErrorString(status),
         "; CUDA_LAUNCH_BLOCKING=1 shows which kernel it comes from");
}

inline void* allocate(size_t bytes) {
    void* memory = nullptr;
    const cudaError_t status = cudaMallocAsync(&memory, bytes ? bytes : 1, nullptr);
    if (status == cudaErrorMemoryAllocation) {
        cudaGetLastError();  // or the next launch would report it again
        fail(kBadInput, "out of memory: ", bytes,
             " bytes are not to be had on the GPU; use a smaller model or a smaller batch");
    }
    check(status, Site::here());
    return memory;
}
inline void release(void* memory) { cudaFreeAsync(memory, nullptr); }
inline void transfer(void* to, const void* from, size_t bytes) {
    check(cudaMemcpy(to, from, bytes, cudaMemcpyDefault), Site::here());
}
inline void set_zero(void* memory, size_t bytes) { check(cudaMemsetAsync(memory, 0, bytes, nullptr), Site::here()); }

#else

// Fresh memory holds NaN, so that a kernel that reads what nobody wrote shows it.
inline void* allocate(size_t bytes) {
    const size_t size = divide_up(bytes ? bytes : 1, 64) * 64;
    void* memory = std::aligned_alloc(64, size);
    expects(memory, "out of memory: ", bytes, " bytes are not to be had; use a smaller model or a smaller batch");
    if (emulator::observer) emulator::observer->allocated(memory, bytes);
    return std::memset(memory, 0xff, size);
}
inline void release(void* memory) { std::free(memory); }
inline void transfer(void* to, const void* from, size_t bytes) {
    if (bytes) std::memcpy(to, from, bytes);
}
inline void set_zero(void* memory, size_t bytes) {
    if (bytes) std::memset(memory, 0, bytes);
}

#endif

// Memory of the device for the length of one call: empty, or a copy of the host's.
template <class T>
class Scratch {
  public:
    explicit Scratch(size_t count) : data_(static_cast<T*>(allocate(count * sizeof(T)))) {}
    Scratch(const T* host, size_t count) : Scratch(count) { transfer(data_, host, count * sizeof(T)); }
    Scratch(const Scratch&) = delete;
    ~Scratch() { release(data_); }
    operator T*() const { return data_; }

  private:
    T* data_;
};

// launch(kernel, {blocks, threads}, arguments...). An empty grid launches nothing.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), Shape shape, std::type_identity_t<Parameters>... arguments) {
    if (shape.blocks.x == 0 || shape.blocks.y == 0 || shape.blocks.z == 0) return;
#ifdef __CUDACC__
    if (shape.shared_bytes > 48 * 1024)
        check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   static_cast<int>(shape.shared_bytes)),
              shape.at);
    kernel<<<shape.blocks, shape.threads, shape.shared_bytes>>>(arguments...);
    check(cudaGetLastError(), shape.at);
#else
    emulator::run_grid(shape.blocks, shape.threads, shape.shared_bytes,
                       [&] { kernel(arguments...); }, shape.at);
#endif
}

}  // namespace cai::cuda

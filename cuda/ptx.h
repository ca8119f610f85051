// Instructions that CUDA C++ has no name for: asynchronous copies and tensor cores. The only inline assembly of this
// folder stands here, and below it what each instruction means, for the emulator. sm_80 and up, ldmatrix sm_75 and up.
//
//   cp_async16(shared, global)  starts a copy of 16 bytes from global to shared memory
//   cp_async_commit()           makes a group of the copies this thread has started since the last one
//   cp_async_wait<N>()          waits until at most the N latest groups of this thread are on their way; other threads
//                               see what was copied after a barrier only
//   ldmatrix_x4(to, row)        loads four 8x8 matrices of 16-bit numbers from shared memory: lane i gives the address
//   of
//                               row i % 8 of matrix i / 8, and gets, from each matrix, two neighbours of row i / 4:
//                               columns 2 (i % 4) and the next
//   ldmatrix_x4_transposed      the same of the transposed matrices
//   mma_m16n8k16(sum, a, b)     sum (16x8, float) += a (16x16) · b (16x8), in bf16. With g = lane / 4, q = 2 (lane %
//   4):
//                               a[r] holds row g + 8 (r & 1), columns q + 8 (r >> 1) and the next;
//                               b[r] holds rows q + 8 r and the next of column g;
//                               sum[i] is row g + 8 (i / 2), column q + (i & 1)
#pragma once
#include "launch.h"

namespace cai::cuda {

#ifdef __CUDACC__

__device__ inline uint32_t shared_address(const void* memory) {
    return static_cast<uint32_t>(__cvta_generic_to_shared(memory));
}

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
__device__ inline void cp_async16(void* shared, const void* global) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(shared)), "l"(global) : "memory");
}
__device__ inline void cp_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int pending>
__device__ inline void cp_async_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}
__device__ inline void mma_m16n8k16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else  // a T4 stops at a kernel that is not for it
__device__ inline void cp_async16(void*, const void*) { __trap(); }
__device__ inline void cp_async_commit() { __trap(); }
template <int pending>
__device__ inline void cp_async_wait() {
    __trap();
}
__device__ inline void mma_m16n8k16(float (&)[4], const uint32_t (&)[4], const uint32_t (&)[2]) { __trap(); }
#endif

__device__ inline void ldmatrix_x4(uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}
__device__ inline void ldmatrix_x4_transposed(uint32_t (&to)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}

#else

inline void cp_async16(void* shared, const void* global, Site at = Site::here()) {
    emulator::copy_async(shared, global, at);
}
inline void cp_async_commit(Site at = Site::here()) { emulator::copy_commit(at); }
template <int pending>
void cp_async_wait(Site at = Site::here()) {
    emulator::copy_wait(pending, at);
}

struct MatrixRow {
    uint16_t numbers[8];
    uint32_t* to;
};
inline uint32_t pair(uint16_t low, uint16_t high) { return low | uint32_t{high} << 16; }

inline void load_matrices(uint32_t (&to)[4], const void* row, const char* what, emulator::Finish exchange, Site at) {
    emulator::check_shared(row, 16, what, at);
    if (emulator::observer) emulator::observer->accessed(row, 16, false, at);
    MatrixRow mine = {{}, to};
    std::memcpy(mine.numbers, row, 16);
    emulator::meet(kAllLanes, what, at, &mine, exchange);
}
inline void ldmatrix_x4(uint32_t (&to)[4], const void* row, Site at = Site::here()) {
    load_matrices(to, row, "ldmatrix", [](void* const* lanes, unsigned, Site) {
        for (unsigned i = 0; i < 32; ++i)
            for (unsigned matrix = 0; matrix < 4; ++matrix) {
                const uint16_t* row = static_cast<MatrixRow*>(lanes[8 * matrix + i / 4])->numbers;
                static_cast<MatrixRow*>(lanes[i])->to[matrix] = pair(row[2 * (i % 4)], row[2 * (i % 4) + 1]);
            }
    }, at);
}
inline void ldmatrix_x4_transposed(uint32_t (&to)[4], const void* row, Site at = Site::here()) {
    load_matrices(to, row, "ldmatrix", [](void* const* lanes, unsigned, Site) {
        for (unsigned i = 0; i < 32; ++i)
            for (unsigned matrix = 0; matrix < 4; ++matrix) {
                const unsigned column = i / 4, row = 8 * matrix + 2 * (i % 4);
                static_cast<MatrixRow*>(lanes[i])->to[matrix] =
                    pair(static_cast<MatrixRow*>(lanes[row])->numbers[column],
                         static_cast<MatrixRow*>(lanes[row + 1])->numbers[column]);
            }
    }, at);
}

// Products of two bf16 are exact in float; they are added in the order of k. (A GPU keeps more bits within an
// instruction and rounds once, so its last bit may differ.)
inline void mma_m16n8k16(float (&sum)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], Site at = Site::here()) {
    emulator::needs_chip(80, "mma.sync with bf16", at);
    struct Fragment {
        float* sum;
        const uint32_t *a, *b;
    } mine = {sum, a, b};
    emulator::meet(kAllLanes, "mma.sync", at, &mine, [](void* const* lanes, unsigned, Site) {
        const auto half = [](uint32_t pair, unsigned high) {
            return __uint_as_float(high ? pair & 0xffff0000 : pair << 16);
        };
        float left[16][16], right[16][8];
        for (unsigned lane = 0; lane < 32; ++lane) {
            const Fragment& from = *static_cast<Fragment*>(lanes[lane]);
            const unsigned g = lane / 4, q = 2 * (lane % 4);
            for (unsigned i = 0; i < 8; ++i)
                left[g + 8 * (i / 2 & 1)][q + 8 * (i / 4) + i % 2] = half(from.a[i / 2], i % 2);
            for (unsigned i = 0; i < 4; ++i) right[q + 8 * (i / 2) + i % 2][g] = half(from.b[i / 2], i % 2);
        }
        for (unsigned lane = 0; lane < 32; ++lane)
            for (unsigned i = 0; i < 4; ++i) {
                float& sum = static_cast<Fragment*>(lanes[lane])->sum[i];
                const unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
                for (unsigned k = 0; k < 16; ++k) sum = fmaf(left[row][k], right[k][column], sum);
            }
    });
}

#endif

}  // namespace cai::cuda

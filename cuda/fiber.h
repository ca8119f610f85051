// Fibers: stacks that one thread of the operating system switches between by hand, in a few nanoseconds, without the
// system knowing. The emulator gives one to each CUDA thread that has to wait. The sanitizers are told of every switch.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "../core/base/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define CAI_ADDRESS_SANITIZER 1
#elif defined(__SANITIZE_THREAD__)
#define CAI_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CAI_ADDRESS_SANITIZER 1
#elif __has_feature(thread_sanitizer)
#define CAI_THREAD_SANITIZER 1
#endif
#endif
#ifdef CAI_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif
#ifdef CAI_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreReadsBegin(const char* file, int line);
extern "C" void AnnotateIgnoreReadsEnd(const char* file, int line);
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

// Saves the registers that a called function must preserve on the stack in use, that stack's pointer in *save, and goes
// on where the stack `load` was left the same way. This file is included once, so the symbol stands once.
extern "C" void cai_switch_stacks(void** save, void* load) asm("cai_switch_stacks");

#if defined(__x86_64__)
asm(R"(
    .text
    .p2align 4
cai_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
)");
#elif defined(__aarch64__)
asm(R"(
    .text
    .p2align 4
cai_switch_stacks:
    sub sp, sp, #160
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x2, sp
    str x2, [x0]
    mov sp, x1
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    ret
)");
#else
#error "the CUDA emulator switches stacks on x86-64 and 64-bit Arm only"
#endif

namespace cai::emulator {

// While one of these lives, ThreadSanitizer overlooks what is read and written: the emulator's own books are not the
// kernel's memory.
struct Untracked {
#ifdef CAI_THREAD_SANITIZER
    Untracked() { AnnotateIgnoreReadsBegin(__FILE__, __LINE__), AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
    ~Untracked() { end(); }
    static void end() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__), AnnotateIgnoreReadsEnd(__FILE__, __LINE__); }
#else
    Untracked() {}
#endif
};

class Fiber {
  public:
    // The stack this code runs on, as the operating system made it.
    Fiber() {
#ifdef CAI_THREAD_SANITIZER
        context_ = __tsan_get_current_fiber();
#endif
    }
    // A stack of its own, with a page below it that nobody may touch: running out of stack ends the program at once.
    // Stacks with equal offsets would fight for the same cache lines, so their tops are staggered by number.
    explicit Fiber(size_t number) : page_(static_cast<size_t>(sysconf(_SC_PAGESIZE))), stagger_(number % 64 * 320) {
        void* memory =
            mmap(nullptr, kSize + page_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        expects(memory != MAP_FAILED, "out of memory for the stack of an emulated CUDA thread");
        mprotect(memory, page_, PROT_NONE);
        lowest_ = static_cast<char*>(memory) + page_;
        size_ = kSize;
    }
    Fiber(const Fiber&) = delete;
    ~Fiber() {
        if (!page_) return;
#ifdef CAI_THREAD_SANITIZER
        if (context_) __tsan_destroy_fiber(context_);
#endif
        munmap(const_cast<char*>(lowest_) - page_, kSize + page_);
    }

    // The next switch to this fiber calls entry(), which must never return. Whatever it did before is forgotten.
    void prepare(void (*entry)()) {
        char* top = const_cast<char*>(lowest_) + kSize - stagger_;
#ifdef CAI_ADDRESS_SANITIZER
        __asan_unpoison_memory_region(lowest_, kSize);
        shadow_ = nullptr;
#endif
#ifdef CAI_THREAD_SANITIZER
        if (context_) __tsan_destroy_fiber(context_);
        context_ = __tsan_create_fiber(0);
#endif
        // What cai_switch_stacks will take off: registers of zero, and the address to go on at. The return address of
        // entry() itself is null, so that a backtrace ends there.
#if defined(__x86_64__)
        void* frame[8] = {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, reinterpret_cast<void*>(entry),
                          nullptr};
#else
        void* frame[20] = {};
        frame[11] = reinterpret_cast<void*>(entry);  // x30, the link register
#endif
        pointer_ = top - sizeof frame;
        std::memcpy(pointer_, frame, sizeof frame);
    }

    // Gives up whatever runs here in the middle.
    void abandon() {
#ifdef CAI_THREAD_SANITIZER
        context_ = nullptr;  // it cannot be destroyed there
#endif
    }

    // Leaves `from`, on which this runs, and goes on in `to`. Returns when someone switches back; never when for_good.
    static void switch_stacks(Fiber& from, Fiber& to, bool for_good) {
        left_ = &from;
        (void)for_good;
        void* pointer = to.pointer_;
#ifdef CAI_ADDRESS_SANITIZER
        __sanitizer_start_switch_fiber(for_good ? nullptr : &from.shadow_, to.lowest_, to.size_);
#endif
#ifdef CAI_THREAD_SANITIZER
        void* context = to.context_;
        if (for_good) Untracked::end();  // it wants nothing open when a fiber is destroyed
        __tsan_switch_to_fiber(context, __tsan_switch_to_fiber_no_sync);
#endif
        cai_switch_stacks(&from.pointer_, pointer);
        from.arrived();
    }
    // The first thing entry() does.
    void arrived() {
#ifdef CAI_ADDRESS_SANITIZER
        const void* lowest;
        __sanitizer_finish_switch_fiber(shadow_, &lowest, &left_->size_);
        left_->lowest_ = static_cast<const char*>(lowest);
#endif
    }

  private:
    static constexpr size_t kSize = 256 * 1024;
    inline static thread_local Fiber* left_;  // by the latest switch

    void* pointer_ = nullptr;  // the stack pointer while the fiber is not running
    const char* lowest_ = nullptr;
    size_t size_ = 0, page_ = 0, stagger_ = 0;
#ifdef CAI_ADDRESS_SANITIZER
    void* shadow_ = nullptr;
#endif
#ifdef CAI_THREAD_SANITIZER
    void* context_ = nullptr;
#endif
};

// A point in time for ThreadSanitizer: what a thread did before it released comes before what another does after it
// acquired.
struct Moment {
#ifdef CAI_THREAD_SANITIZER
    void release() { __tsan_release(this); }
    void acquire() { __tsan_acquire(this); }
    static constexpr bool kTracked = true;
#else
    void release() {}
    void acquire() {}
    static constexpr bool kTracked = false;
#endif
    char address = 0;
};

}  // namespace cai::emulator

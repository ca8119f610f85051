// The CPU backend: its memory, its threads and its table of kernels.
#include "cpu.h"

#include <cstdlib>
#include <cstring>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace cai {
namespace {

const char* device() { return "this computer's processor"; }

constexpr size_t kAlignment = 64;        // one cache line, one AVX-512 register
constexpr size_t kHugePage = 2u << 20;  // one page-table entry for 2 MiB instead of 512 entries

void* allocate(size_t bytes) {
    const size_t alignment = bytes < kHugePage ? kAlignment : kHugePage;
    const size_t size = cpu::round_up(bytes ? bytes : 1, alignment);
    void* memory = std::aligned_alloc(alignment, size);
    expects(memory, "out of memory: ", bytes, " bytes are not to be had; use a smaller model or a smaller batch");
#ifdef MADV_HUGEPAGE
    if (alignment == kHugePage)
        madvise(memory, size, MADV_HUGEPAGE);  // a hint: it costs nothing if it is ignored
#endif
    return std::memset(memory, 0, size);
}

void release(void* memory) { std::free(memory); }

// Host memory is CPU memory: both directions are a copy.
void upload(void* to, const void* host, size_t bytes) {
    if (bytes) std::memcpy(to, host, bytes);
}
void download(void* host, const void* from, size_t bytes) {
    if (bytes) std::memcpy(host, from, bytes);
}

void set_zero(void* memory, size_t bytes) {
    constexpr size_t kBlock = 1 << 16;
    const bool worth_it = bytes > cpu::parallel_limits.floats * sizeof(float);
    cpu::parallel_blocks(bytes, kBlock, worth_it, [&](size_t first, size_t last) {
        std::memset(static_cast<char*>(memory) + first, 0, last - first);
    });
}

// Were the kernels compiled to round a product and its sum once? The square of 1 + 2^-30 is no double: what its
// rounding leaves over, 2^-60, shows then.
[[gnu::noinline]] double product_and_sum(double a, double b, double c) { return a * b + c; }
bool fuses() {
    const volatile double a = 1 + 0x1p-30;
    return product_and_sum(a, a, -(1 + 0x1p-29)) != 0;
}

// 0 or less: as many threads as the machine has cores. Errors: a build whose results are its own.
void set_threads([[maybe_unused]] int threads) {
    expects(!fuses(), "this program was compiled to fuse products and sums, so a seed would not give the bits that it ",
            "gives elsewhere; compile it again with -ffp-contract=off, as make does");
#ifdef _OPENMP
    omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs());
#endif
}

// Kernels that `work` calls run on its thread. With a single piece of work, its kernels use all threads instead.
void parallel_for(size_t count, const std::function<void(size_t)>& work) { cpu::parallel_for(count, count > 1, work); }

// Small enough that a kernel's output is still in L2 for the next one, large enough that re-reading weights is cheap.
size_t rows_at_once() { return 256; }

}  // namespace

const Kernels cpu_kernels = {
    .name = "cpu",
    .device = device,
    .allocate = allocate,
    .release = release,
    .upload = upload,
    .download = download,
    .set_zero = set_zero,
    .set_threads = set_threads,
    .wait = [] {},
    .parallel_for = parallel_for,
    .threads = cpu::threads,
    .rows_at_once = rows_at_once,
    .embedding_forward = cpu::embedding_forward,
    .embedding_backward = cpu::embedding_backward,
    .rmsnorm_forward = cpu::rmsnorm_forward,
    .rmsnorm_backward = cpu::rmsnorm_backward,
    .packed_size = cpu::packed_size,
    .matmul_pack = cpu::matmul_pack,
    .matmul_forward = cpu::matmul_forward,
    .matmul_backward_input = cpu::matmul_backward_input,
    .matmul_backward_weight = cpu::matmul_backward_weight,
    .quantized_size = cpu::quantized_size,
    .matmul_pack_quantized = cpu::matmul_pack_quantized,
    .matmul_forward_quantized = cpu::matmul_forward_quantized,
    .embedding_forward_quantized = cpu::embedding_forward_quantized,
    .rope_forward = cpu::rope_forward,
    .rope_backward = cpu::rope_backward,
    .attention_forward = cpu::attention_forward,
    .attention_backward = cpu::attention_backward,
    .cache_store = cpu::cache_store,
    .attention_decode = cpu::attention_decode,
    .swiglu_forward = cpu::swiglu_forward,
    .swiglu_backward = cpu::swiglu_backward,
    .logprob_forward = cpu::logprob_forward,
    .logprob_backward = cpu::logprob_backward,
    .sample = cpu::sample,
    .gather_rows = cpu::gather_rows,
    .scatter_rows = cpu::scatter_rows,
    .accumulate_and_clear = cpu::accumulate_and_clear,
    .sum_of_squares = cpu::sum_of_squares,
    .adamw = cpu::adamw,
    .muon = cpu::muon,
    .gae = cpu::gae,
    .policy_loss = cpu::policy_loss,
    .value_loss = cpu::value_loss,
    .preference_loss = cpu::preference_loss,
    .multiply_adds = cpu::multiply_adds,
    .copy = cpu::copy,
};

}  // namespace cai

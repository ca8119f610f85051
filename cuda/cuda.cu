// The CUDA backend: its memory, its device and its tables of kernels.
#include "cuda.h"

namespace cai {
namespace {

#ifdef __CUDACC__

// The chip is found at run time. `what` needs this one or a later one.
const char* device_for(const char* what, int chip, const char* otherwise) {
    static char text[320];
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0)
        fail(kNoDevice, "no GPU for --device cuda (", cudaGetErrorString(status), "); run it with --device cpu");
    cudaDeviceProp properties;
    cuda::check(cudaGetDeviceProperties(&properties, 0), Site::here());
    if (properties.major * 10 + properties.minor < chip)
        fail(kNoDevice, properties.name, " is sm_", properties.major, properties.minor, ", and ", what, " needs sm_",
             chip, " or later; run it with ", otherwise);
    snprintf(text, sizeof text, "%s (sm_%d%d)", properties.name, properties.major, properties.minor);
    return text;
}
void set_threads(int) {}
void wait() { cuda::check(cudaDeviceSynchronize(), Site::here()); }

#else

const char* device_for(const char* what, int chip, const char* otherwise) {
    const int chosen = emulator::settings().chip;
    if (chosen < chip)
        fail(kNoDevice, "CAI_EMU_ARCH is ", chosen, ", and ", what, " needs sm_", chip, " or later; run it with ",
             otherwise);
    return "emulated on the CPU";
}
// Blocks are spread over this many threads.
void set_threads(int threads) { cpu_kernels.set_threads(threads); }
void wait() {}

#endif

const char* device() { return device_for("--device cuda", 75, "--device cpu"); }
const char* bf16_device() { return device_for("--precision bf16", 80, "--precision fp32"); }

// Kernels follow each other, each of them on the whole device.
void parallel_for(size_t count, const std::function<void(size_t)>& work) {
    for (size_t i = 0; i < count; ++i) work(i);
}
size_t threads() { return 1; }
size_t rows_at_once() { return SIZE_MAX; }

void* allocate(size_t bytes) {
    void* memory = cuda::allocate(bytes);
    cuda::set_zero(memory, bytes);
    return memory;
}

}  // namespace

const Kernels cuda_kernels = {
    .name = "cuda",
    .device = device,
    .allocate = allocate,
    .release = cuda::release,
    .upload = cuda::transfer,
    .download = cuda::transfer,
    .set_zero = cuda::set_zero,
    .set_threads = set_threads,
    .wait = wait,
    .parallel_for = parallel_for,
    .threads = threads,
    .rows_at_once = rows_at_once,
    .embedding_forward = cuda::embedding_forward,
    .embedding_backward = cuda::embedding_backward,
    .rmsnorm_forward = cuda::rmsnorm_forward,
    .rmsnorm_backward = cuda::rmsnorm_backward,
    .packed_size = cuda::packed_size,
    .matmul_pack = cuda::matmul_pack,
    .matmul_forward = cuda::matmul_forward,
    .matmul_backward_input = cuda::matmul_backward_input,
    .matmul_backward_weight = cuda::matmul_backward_weight,
    .quantized_size = nullptr,
    .matmul_pack_quantized = nullptr,
    .matmul_forward_quantized = nullptr,
    .embedding_forward_quantized = nullptr,
    .rope_forward = cuda::rope_forward,
    .rope_backward = cuda::rope_backward,
    .attention_forward = cuda::attention_forward,
    .attention_backward = cuda::attention_backward,
    .cache_store = cuda::cache_store,
    .attention_decode = cuda::attention_decode,
    .swiglu_forward = cuda::swiglu_forward,
    .swiglu_backward = cuda::swiglu_backward,
    .logprob_forward = cuda::logprob_forward,
    .logprob_backward = cuda::logprob_backward,
    .sample = cuda::sample,
    .gather_rows = cuda::gather_rows,
    .scatter_rows = cuda::scatter_rows,
    .accumulate_and_clear = cuda::accumulate_and_clear,
    .sum_of_squares = cuda::sum_of_squares,
    .adamw = cuda::adamw,
    .muon = cuda::muon,
    .gae = cuda::gae,
    .policy_loss = cuda::policy_loss,
    .value_loss = cuda::value_loss,
    .preference_loss = cuda::preference_loss,
    .multiply_adds = cuda::multiply_adds,
    .copy = cuda::copy,
};

const Kernels cuda_bf16_kernels = [] {
    Kernels table = cuda_kernels;
    table.device = bf16_device;
    table.packed_size = cuda::bf16_matmul::packed_size;
    table.matmul_pack = cuda::bf16_matmul::matmul_pack;
    table.matmul_forward = cuda::bf16_matmul::matmul_forward;
    table.matmul_backward_input = cuda::bf16_matmul::matmul_backward_input;
    table.matmul_backward_weight = cuda::bf16_matmul::matmul_backward_weight;
    table.multiply_adds = cuda::bf16_matmul::multiply_adds;
    return table;
}();

}  // namespace cai

// The plain backend: every kernel as the loops of its formula (plain/), one number at a time, on one thread. It is
// slow, but the one to read and step through first; in double it is the tests' reference for the other backends.
#include <cstdlib>
#include <cstring>

#include "../core/base/error.h"
#include "../core/nn/kernels.h"
#include "plain/adamw.h"
#include "plain/attention.h"
#include "plain/classifier.h"
#include "plain/embedding.h"
#include "plain/losses.h"
#include "plain/matmul.h"
#include "plain/muon.h"
#include "plain/peak.h"
#include "plain/quantized.h"
#include "plain/rmsnorm.h"
#include "plain/rope.h"
#include "plain/swiglu.h"

namespace cai {
namespace {

const char* device() { return "one loop after the other on this computer's processor"; }

void* allocate(size_t bytes) {
    constexpr size_t kAlignment = 64;
    expects(bytes <= SIZE_MAX - kAlignment, "out of memory: ", bytes, " bytes are more than an address can tell");
    const size_t size = (bytes / kAlignment + 1) * kAlignment;  // aligned_alloc takes multiples
    void* memory = std::aligned_alloc(kAlignment, size);
    expects(memory, "out of memory: ", bytes, " bytes are not to be had; use a smaller model or a smaller batch");
    return std::memset(memory, 0, size);
}

void release(void* memory) { std::free(memory); }

void upload(void* to, const void* host, size_t bytes) {
    if (bytes) std::memcpy(to, host, bytes);
}
void download(void* host, const void* from, size_t bytes) {
    if (bytes) std::memcpy(host, from, bytes);
}

void set_zero(void* memory, size_t bytes) {
    if (bytes) std::memset(memory, 0, bytes);
}

void set_threads(int) {}
size_t threads() { return 1; }
size_t rows_at_once() { return SIZE_MAX; }

void parallel_for(size_t count, const std::function<void(size_t)>& work) {
    for (size_t i = 0; i < count; i++) work(i);
}

}  // namespace

const Kernels plain_kernels = {
    .name = "plain",
    .device = device,
    .allocate = allocate,
    .release = release,
    .upload = upload,
    .download = download,
    .set_zero = set_zero,
    .set_threads = set_threads,
    .wait = [] {},
    .parallel_for = parallel_for,
    .threads = threads,
    .rows_at_once = rows_at_once,
    .embedding_forward = plain::embedding_forward<float>,
    .embedding_backward = plain::embedding_backward<float>,
    .rmsnorm_forward = plain::rmsnorm_forward<float>,
    .rmsnorm_backward = plain::rmsnorm_backward<float>,
    .packed_size = plain::packed_size,
    .matmul_pack = plain::matmul_pack<float>,
    .matmul_forward = plain::matmul_forward<float>,
    .matmul_backward_input = plain::matmul_backward_input<float>,
    .matmul_backward_weight = plain::matmul_backward_weight<float>,
    .quantized_size = plain::quantized_size,
    .matmul_pack_quantized = plain::matmul_pack_quantized,
    .matmul_forward_quantized = plain::matmul_forward_quantized,
    .embedding_forward_quantized = plain::embedding_forward_quantized,
    .rope_forward = plain::rope_forward<float>,
    .rope_backward = plain::rope_backward<float>,
    .attention_forward = plain::attention_forward<float>,
    .attention_backward = plain::attention_backward<float>,
    .cache_store = plain::cache_store<float>,
    .attention_decode = plain::attention_decode<float>,
    .swiglu_forward = plain::swiglu_forward<float>,
    .swiglu_backward = plain::swiglu_backward<float>,
    .logprob_forward = plain::logprob_forward<float>,
    .logprob_backward = plain::logprob_backward<float>,
    .sample = plain::sample<float>,
    .gather_rows = plain::gather_rows<float>,
    .scatter_rows = plain::scatter_rows<float>,
    .accumulate_and_clear = plain::accumulate_and_clear<float>,
    .sum_of_squares = plain::sum_of_squares<float>,
    .adamw = plain::adamw<float>,
    .muon = plain::muon<float>,
    .gae = plain::gae<float>,
    .policy_loss = plain::policy_loss<float>,
    .value_loss = plain::value_loss<float>,
    .preference_loss = plain::preference_loss<float>,
    .multiply_adds = plain::multiply_adds,
    .copy = plain::copy<float>,
};

}  // namespace cai

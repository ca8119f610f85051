// The CUDA backend as a whole: the same bits in every schedule, and close to the CPU's results.
#include <bit>
#include <cstdio>
#include <cstdlib>

#include "../core/nn/model.h"
#include "../cuda/launch.h"
#include "check.h"

using namespace cai;
using namespace cai::check;

namespace {

// What every kernel of the table makes of ragged sizes, one kernel after the other.
struct Results {
    std::vector<std::string> names;
    std::vector<std::vector<float>> values;
    void add(const std::string& name, const std::vector<float>& value) {
        names.push_back(name), values.push_back(value);
    }
};

Results everything(const Kernels& k) {
    Results r;
    const size_t N = 37, C = 33, V = 70, F = 19, H = 4, K = 2, D = 6, row = (H + 2 * K) * D;
    std::vector<int32_t> tokens(N), targets(N), positions(N);
    std::vector<uint64_t> keys(N);
    for (size_t n = 0; n < N; ++n) {
        tokens[n] = static_cast<int32_t>(mix(n) % 9);  // some of them many times
        targets[n] = n == 3 ? -1 : static_cast<int32_t>(mix(n + 100) % V);
        positions[n] = static_cast<int32_t>(N - 1 - n);
        keys[n] = n;
    }
    const std::vector<int32_t> offsets = {0, 1, 36, 37};
    Ints tokens_(k, tokens), targets_(k, targets), rows_(k, positions);
    Floats x(k, normals(N * C, 1)), dout(k, normals(N * C, 2)), weight(k, normals(C, 3)), table(k, normals(V * C, 4));

    Floats out(k, poison(N * C)), rstd(k, poison(N));
    Floats dx(k, normals(N * C, 5)), dweight(k, normals(C, 6)), dtable(k, normals(V * C, 7));
    k.embedding_forward(out, tokens_, table, N, C);
    r.add("embedding_forward", out.read());
    k.embedding_backward(dtable, dout, tokens_, N, C, V);
    r.add("embedding_backward", dtable.read());
    k.gather_rows(out, x, rows_, N, C);
    r.add("gather_rows", out.read());
    k.scatter_rows(dx, dout, rows_, N, C);
    r.add("scatter_rows", dx.read());
    k.rmsnorm_forward(out, rstd, x, weight, N, C, 1e-5f);
    r.add("rmsnorm_forward", out.read());
    k.rmsnorm_backward(dx, dweight, dout, x, rstd, weight, N, C);
    r.add("rmsnorm_backward dx", dx.read());
    r.add("rmsnorm_backward dweight", dweight.read());

    Floats packed(k, poison(k.packed_size(V, C))), logits(k, poison(N * V)), dlogits(k, poison(N * V));
    k.matmul_pack(packed, table, V, C);
    k.matmul_forward(logits, x, packed, nullptr, N, C, V);
    r.add("matmul_forward", logits.read());
    k.matmul_backward_input(dx, logits, table, N, C, V);
    r.add("matmul_backward_input", dx.read());
    k.matmul_backward_weight(dtable, logits, x, N, C, V);
    r.add("matmul_backward_weight", dtable.read());

    Floats logprob(k, poison(N)), entropy(k, poison(N)), dlogprob(k, normals(N, 8));
    k.logprob_forward(logprob, entropy, logits, targets_, N, V, 0.8f);
    r.add("logprob_forward", logprob.read());
    r.add("logprob_forward entropy", entropy.read());
    k.logprob_backward(dlogits, dlogprob, logits, targets_, N, V, 0.8f);
    r.add("logprob_backward", dlogits.read());
    for (SamplingOptions options : {SamplingOptions{0, 0, 1}, {1, 0, 1}, {0.7f, 9, 0.8f}}) {
        std::vector<Token> drawn(N);
        std::vector<float> of_drawn(N);
        k.sample(drawn.data(), of_drawn.data(), logits, keys.data(), N, V, options);
        r.add("sample", {drawn.begin(), drawn.end()});
        r.add("sample logprob", of_drawn);
    }

    Floats gate_up(k, normals(N * 2 * F, 9)), dgate_up(k, poison(N * 2 * F));
    Floats gated(k, poison(N * F)), dgated(k, normals(N * F, 10));
    k.swiglu_forward(gated, gate_up, N, F);
    r.add("swiglu_forward", gated.read());
    k.swiglu_backward(dgate_up, dgated, gate_up, N, F);
    r.add("swiglu_backward", dgate_up.read());

    Floats qkv(k, normals(N * row, 11)), dqkv(k, poison(N * row)), angles(k, normals(N * D, 12));
    Floats attended(k, poison(N * H * D)), dattended(k, normals(N * H * D, 13)), logsumexp(k, poison(N * H));
    k.rope_forward(qkv, rows_, angles, N, H + K, D, row);
    r.add("rope_forward", qkv.read());
    k.attention_forward(attended, logsumexp, qkv, offsets.data(), 3, H, K, D);
    r.add("attention_forward", attended.read());
    k.attention_backward(dqkv, dattended, attended, logsumexp, qkv, offsets.data(), 3, H, K, D);
    r.add("attention_backward", dqkv.read());
    k.rope_backward(dqkv, rows_, angles, N, H + K, D, row);
    r.add("rope_backward", dqkv.read());
    std::vector<int32_t> slots(N, 1), places(N);
    for (size_t n = 0; n < N; ++n) places[n] = static_cast<int32_t>(n);
    Floats cache_keys(k, normals(2 * K * D * N, 14)), cache_values(k, normals(2 * K * D * N, 15));
    k.cache_store(cache_keys, cache_values, qkv, slots.data(), places.data(), N, H, K, D, N);
    k.attention_decode(attended, qkv, cache_keys, cache_values, slots.data(), places.data(), N, H, K, D, N);
    r.add("attention_decode", attended.read());

    r.add("sum_of_squares", {static_cast<float>(k.sum_of_squares(table, V * C))});
    Floats m(k, normals(V * C, 16)), v(k, std::vector<float>(V * C, 1));
    k.adamw(table, m, v, dtable, V * C, 0.1f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, 3);
    r.add("adamw", table.read());
    k.muon(table, m, dtable, V, C, 0.1f, 0.95f, 0.1f, 0.5f);
    r.add("muon", table.read());
    k.muon(x, m, dout, C, N, 0.1f, 0.95f, 0.1f, 0.5f);
    r.add("muon, wide", x.read());

    const auto add_doubles = [&](const std::string& name, const Buffer<double>& buffer) {
        const std::vector<double> host = buffer.download();
        r.add(name, {host.begin(), host.end()});
    };
    const std::vector<float> noise = normals(N, 17);
    const std::vector<double> rewards(noise.begin(), noise.end()), labels(N, 0.25);
    Buffer<double> rewards_ = uploaded(k, rewards), labels_ = uploaded(k, labels), first(k, N), second(k, N);
    Floats old(k, normals(N, 18)), scores(k, normals(2 * N, 19));
    Ints bounds(k, offsets);
    k.gae(first.data(), second.data(), rewards_.data(), old, bounds, offsets.size() - 1, 0.9, 0.95);
    add_doubles("gae advantages", first), add_doubles("gae returns", second);
    k.policy_loss(first.data(), second.data(), scores, old, rewards_.data(), N, 0.2, 3);
    add_doubles("policy_loss", first), add_doubles("policy_loss gradient", second);
    k.value_loss(first.data(), second.data(), scores, old, rewards_.data(), N, 0.2);
    add_doubles("value_loss", first), add_doubles("value_loss gradient", second);
    k.preference_loss(first.data(), second.data(), scores, labels_.data(), N);
    add_doubles("preference_loss", first), add_doubles("preference_loss gradient", second);
    return r;
}

}  // namespace

TEST_CASE("every CUDA kernel: close to the CPU's, and the same bits in every schedule") {
    const Results cpu = everything(cpu_kernels), expected = everything(cuda_kernels);
    for (size_t i = 0; i < cpu.names.size(); ++i) {
        INFO(cpu.names[i]);
        CHECK_CLOSE(expected.values[i], cpu.values[i], (Tolerance{5e-6, 1e-3, "chains of float sums in two orders"}));
    }
    for (uint64_t seed = 1; seed < 8; ++seed) {
        emulator::settings().seed = seed;
        const Results again = everything(cuda_kernels);
        emulator::settings().seed = 0;
        for (size_t i = 0; i < expected.names.size(); ++i) {
            INFO(expected.names[i], ", CAI_EMU_SEED=", seed);
            CHECK_BITS(again.values[i], expected.values[i]);
        }
    }
}

// For tests/on_gpu.sh, which holds the emulator's bits beside a GPU's: a line for each result, its hash and its name.
TEST_CASE("the bits of every CUDA kernel" * doctest::skip(!std::getenv("CAI_PRINT_BITS"))) {
    const Results results = everything(cuda_kernels);
    for (size_t i = 0; i < results.names.size(); ++i) {
        uint64_t hash = 0;
        for (float value : results.values[i]) hash = mix(hash, std::bit_cast<uint32_t>(value));
        std::printf("bits %016llx %s\n", static_cast<unsigned long long>(hash), results.names[i].c_str());
    }
}

TEST_CASE("every CUDA kernel runs on every chip") {
    for (int chip : {75, 80, 86, 90}) {
        emulator::settings().chip = chip;
        CHECK_NOTHROW(everything(cuda_kernels));
    }
    emulator::settings().chip = 90;
}

// Matmul in bf16: what it rounds and how, that schedules and cuts change no bit, and the chips that lack it. That its
// products and sums are right is tested with the others, in test_matmul.cpp.
#include <array>

#include "../core/eval/oracle.h"
#include "../core/nn/optimizer.h"
#include "../core/nn/train_step.h"
#include "../cuda/launch.h"
#include "bf16.h"

using namespace cai;
using namespace cai::check;

namespace {

const Kernels& k = cuda_bf16_kernels;

// The three products of x (N,I), weight (O,I), dout (N,O), one after the other.
std::vector<float> products(const Kernels& k, size_t N, size_t I, size_t O) {
    Floats x(k, normals(N * I, 1)), weight(k, normals(O * I, 2)), dout(k, normals(N * O, 3));
    Floats packed(k, poison(k.packed_size(O, I))), out(k, poison(N * O)), dx(k, poison(N * I)),
        dweight(k, normals(O * I, 4));
    k.matmul_pack(packed, weight, O, I);
    k.matmul_forward(out, x, packed, nullptr, N, I, O);
    k.matmul_backward_input(dx, dout, weight, N, I, O);
    k.matmul_backward_weight(dweight, dout, x, N, I, O);
    packed.read();
    std::vector<float> all = out.read();
    for (const auto& more : {dx.read(), dweight.read()}) all.insert(all.end(), more.begin(), more.end());
    return all;
}

bool has_device() { return matmuls().back() == &k; }

}  // namespace

TEST_CASE("bf16: factors are rounded to the nearest, to even between two, and NaN stays NaN") {
    if (!has_device()) return;
    std::vector<float> numbers = {0,          -0.0f,         1,       1.00390625f, 1.01171875f, -1.00390625f,
                                  1.0039064f, 3.3895314e38f, 3.4e38f, 1e-40f,      -1e-45f,     kInfinity,
                                  -kInfinity, 1e-38f};
    for (float x : normals(500, 1)) numbers.push_back(x);
    // x · 1: each number comes back as the kernel rounded it.
    Floats x(k, numbers), one(k, {1}), packed(k, poison(k.packed_size(1, 1))), out(k, poison(numbers.size()));
    k.matmul_pack(packed, one, 1, 1);
    k.matmul_forward(out, x, packed, nullptr, numbers.size(), 1, 1);
    const std::vector<float> seen = out.read();
    for (size_t i = 0; i < numbers.size(); ++i) {
        INFO(numbers[i]);
        CHECK(seen[i] == rounded_to_bf16(numbers[i]));
    }
    CHECK(seen[3] == 1);             // half-way between 1 and 1 + 1/128: to the even one
    CHECK(seen[4] == 1.015625f);     // half-way between 1 + 1/128 and 1 + 2/128
    CHECK(seen[6] == 1.0078125f);    // just above half-way
    CHECK(std::isinf(seen[8]));      // beyond the largest
    for (uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xffffffffu, 0x7fffffffu}) {
        float nan;
        std::memcpy(&nan, &bits, sizeof nan);
        Floats nans(k, {nan}), result(k, {0});
        k.matmul_forward(result, nans, packed, nullptr, 1, 1, 1);
        CHECK(std::isnan(result.read()[0]));
    }
}

TEST_CASE("bf16: two rounded factors are as far from float as 8 bits make it") {
    if (!has_device()) return;
    // Each factor is off by up to 1/256 of it, 1/600 on average: products and their sums by about 1/400 of their norm.
    const auto expected = products(cpu_kernels, 70, 90, 110), actual = products(k, 70, 90, 110);
    CHECK_CLOSE(actual, expected, (Tolerance{4e-3, 0.2, "both factors rounded to 8 bits"}));
    CHECK_FALSE(difference(actual, expected, {1e-4, 0.2, ""}).empty());  // or it was not bf16 at all
}

TEST_CASE("bf16: the same bits in every schedule") {
    if (!has_device()) return;
    for (const std::array<size_t, 3>& shape :
         {std::array<size_t, 3>{5, 200, 6}, {7, 5, 200}, {200, 3, 7}, {520, 1, 2}}) {
        const size_t N = shape[0], I = shape[1], O = shape[2];
        const std::vector<float> expected = products(k, N, I, O);
        for (uint64_t seed = 1; seed < 8; ++seed) {
            INFO("N ", N, ", I ", I, ", O ", O, ", CAI_EMU_SEED=", seed);
            emulator::settings().seed = seed;
            const std::vector<float> again = products(k, N, I, O);
            emulator::settings().seed = 0;
            CHECK_BITS(again, expected);
        }
    }
}

TEST_CASE("bf16: a chip without it is refused in one sentence") {
    if (!has_device() || k.device() != std::string("emulated on the CPU")) return;
    for (int chip : {75, 80, 86, 90}) {
        emulator::settings().chip = chip;
        std::string refusal;
        int status = kDone;
        try {
            k.device();
        } catch (const Error& error) {
            refusal = error.what(), status = error.status;
        }
        CHECK(status == (chip == 75 ? kNoDevice : kDone));
        CHECK(
            (chip != 75 ||
             refusal == "CAI_EMU_ARCH is 75, and --precision bf16 needs sm_80 or later; run it with --precision fp32"));
        if (chip > 75) CHECK_NOTHROW(products(k, 5, 6, 7));
        else CHECK_THROWS_AS(products(k, 5, 6, 7), Error);
    }
    emulator::settings().chip = 90;
}

TEST_CASE("bf16: a model's gradients are near those in float, and it learns as well") {
    if (!has_device()) return;
    std::vector<Token> text;
    for (size_t i = 0; i < 90; ++i) text.push_back(static_cast<Token>(mix(i % 45) % 200));  // says everything twice
    Batch batch;
    batch.add(text.data(), text.size());
    struct Outcome {
        double first, last;
        std::vector<float> gradients;
    };
    const auto train = [&](const Kernels& kernels) {
        Model model(kernels, preset("micro", 200));
        model.initialize(1);
        Gradients gradients(model);
        Optimizer optimizer(model);
        Activations activations;
        Outcome outcome = {};
        for (int step = 0; step < 6; ++step) {
            outcome.last = cross_entropy_step(model, gradients, batch, activations);
            if (step == 0) outcome.first = outcome.last, outcome.gradients = gradients.values.download();
            optimizer.update(model, gradients, 5e-3f);
        }
        return outcome;
    };
    const Outcome expected = train(cpu_kernels), actual = train(k);
    CHECK_CLOSE(actual.gradients, expected.gradients, (Tolerance{2e-2, 1e-2, "a model of rounded factors"}));
    CHECK(actual.first == doctest::Approx(expected.first).epsilon(1e-3));
    CHECK(expected.last < expected.first - 1);
    CHECK(actual.last == doctest::Approx(expected.last).epsilon(2e-2));
}

// The machine's limits: that the work they time is done, and counted right.
#include "../core/nn/kernels.h"
#include "bf16.h"

using namespace cai;
using namespace cai::check;

TEST_CASE("multiply-adds are counted in proportion to rounds and threads") {
    for (const Kernels* k : matmuls()) {
        k->set_threads(1);
        const double one = k->multiply_adds(100);
        CHECK(one > 0);
        CHECK(k->multiply_adds(300) == 3 * one);
        k->set_threads(0);
        CHECK(std::fmod(k->multiply_adds(100), one) == 0);
    }
}

TEST_CASE("copy writes n floats and no more") {
    for (const Kernels* k : backends())
        for (size_t n : {size_t{0}, size_t{1}, size_t{16384}, size_t{50001}}) {
            std::vector<float> from(n + 1), to(n + 1, -1);
            for (size_t i = 0; i <= n; i++) from[i] = static_cast<float>(i);
            float* device[2];
            for (int i = 0; i < 2; i++) device[i] = static_cast<float*>(k->allocate((n + 1) * sizeof(float)));
            k->upload(device[0], from.data(), (n + 1) * sizeof(float));
            k->upload(device[1], to.data(), (n + 1) * sizeof(float));
            k->copy(device[1], device[0], n);
            k->download(to.data(), device[1], (n + 1) * sizeof(float));
            CHECK(to[n] == -1);
            to[n] = from[n];
            CHECK(to == from);
            for (float* memory : device) k->release(memory);
        }
}

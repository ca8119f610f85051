// The table itself: every kernel is there, and memory behaves as the contract says.
#include "../core/base/error.h"
#include "../core/nn/kernels.h"
#include "../cpu/cpu.h"
#include "check.h"

#include <numeric>
#include <thread>


using namespace cai;
using namespace cai::check;

TEST_CASE("memory is zeroed, aligned and copied") {
    for (const Kernels* k : backends())
        for (size_t bytes : {size_t{0}, size_t{1}, size_t{64}, size_t{1000}, size_t{1} << 20}) {
            for (int again = 0; again < 2; ++again) {  // the second time over memory that was dirty
                void* memory = k->allocate(bytes);
                REQUIRE(memory);
                CHECK(reinterpret_cast<uintptr_t>(memory) % 64 == 0);
                std::vector<unsigned char> host(bytes, 1);
                k->download(host.data(), memory, bytes);
                CHECK(host == std::vector<unsigned char>(bytes, 0));
                for (size_t i = 0; i < bytes; ++i) host[i] = static_cast<unsigned char>(i * 7 + 1);
                std::vector<unsigned char> back(bytes);
                k->upload(memory, host.data(), bytes);
                k->download(back.data(), memory, bytes);
                CHECK(back == host);
                k->set_zero(memory, bytes / 2);
                k->download(back.data(), memory, bytes);
                for (size_t i = 0; i < bytes / 2; ++i) host[i] = 0;
                CHECK(back == host);
                k->upload(memory, std::vector<unsigned char>(bytes, 255).data(), bytes);
                k->release(memory);
            }
        }
}

TEST_CASE("each does every piece of work once, and its kernels run within it") {
    const AllThreads all_take_part;
    for (const Kernels* k : backends())
        for (int threads : {1, 3}) {
            k->set_threads(threads);
            CHECK(k->threads() >= 1);
            CHECK(k->rows_at_once() >= 1);
            constexpr size_t n = 40000;  // two blocks and more
            const Floats x(*k, std::vector<float>(n, 2));
            std::vector<double> sums(7);
            k->parallel_for(sums.size(), [&](size_t i) { sums[i] += k->sum_of_squares(x, n - i); });
            for (size_t i = 0; i < sums.size(); ++i) CHECK(sums[i] == 4.0 * static_cast<double>(n - i));
            k->parallel_for(0, [&](size_t) { CHECK(false); });
            k->set_threads(0);
        }
}

TEST_CASE(
    "parallel_for does every piece of work once; a few, or those within another, in order and by the thread that "
    "asks") {
    cpu_kernels.set_threads(3);
    constexpr size_t n = 1000;
    std::vector<int> times(n);
    cpu::parallel_for(n, true, [&](size_t i) { times[i]++; });
    CHECK(times == std::vector<int>(n, 1));

    std::vector<std::vector<size_t>> orders(4);
    std::vector<int> elsewhere(4);
    const auto in_order = [&](size_t outer, bool worth_it) {
        const std::thread::id self = std::this_thread::get_id();
        cpu::parallel_for(n, worth_it, [&](size_t i) {
            orders[outer].push_back(i);
            elsewhere[outer] += std::this_thread::get_id() != self;
        });
    };
    std::vector<size_t> ascending(n);
    std::iota(ascending.begin(), ascending.end(), size_t{0});
    in_order(0, false);
    CHECK(orders[0] == ascending);
    CHECK(elsewhere[0] == 0);
    orders[0].clear();
    cpu::parallel_for(4, true, [&](size_t outer) { in_order(outer, true); });
    for (size_t outer = 0; outer < 4; outer++) {
        CHECK(orders[outer] == ascending);
        CHECK(elsewhere[outer] == 0);
    }
    cpu::parallel_for(0, true, [](size_t) { FAIL("there was nothing to do"); });
    cpu_kernels.set_threads(0);
}

#ifndef __SANITIZE_ADDRESS__  // which ends the program instead of returning null
TEST_CASE("too much memory is an error that says so") {
    for (const Kernels* k : {&cpu_kernels, &plain_kernels})
        CHECK_THROWS_WITH_AS(k->allocate(size_t{1} << 62), doctest::Contains("out of memory"), Error);
}
#endif

TEST_CASE("no kernel is missing from a table") {
    for (const Kernels* k : backends()) {
        // The table holds nothing but pointers: a row left out of the initializer is null.
        const auto* rows = reinterpret_cast<void* const*>(k);
        // The four rows for quantised weights, from quantized_size on, are null on a GPU.
        const size_t first = static_cast<size_t>(reinterpret_cast<void* const*>(&k->quantized_size) - rows);
        for (size_t i = 0; i < sizeof(Kernels) / sizeof(void*); ++i) {
            const bool only_floats = k == &cuda_kernels && i >= first && i < first + 4;
            CHECK_MESSAGE((rows[i] != nullptr) == !only_floats, "row ", i);
        }
    }
}

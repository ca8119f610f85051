// The emulator: each of its reports provoked by a planted fault, each of its functions against results worked out by
// hand.
#include "../core/base/error.h"
#include "../cuda/ptx.h"
#include "check.h"

using namespace cai;
using namespace cai::check;
using namespace cai::cuda;

namespace {

// Runs f in order and in random schedules, with late and early copies.
void in_all_schedules(const std::function<void()>& f) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
        INFO("CAI_EMU_SEED=", seed);
        emulator::settings().seed = seed;
        f();
    }
    emulator::settings().seed = 0;
}

// In how many of the first 8 schedules is f true?
int schedules_where(const std::function<bool()>& f) {
    int count = 0;
    in_all_schedules([&] { count += f(); });
    return count;
}

struct OnChip {
    explicit OnChip(int chip) { emulator::settings().chip = chip; }
    ~OnChip() { emulator::settings().chip = 90; }
};

// What the emulator says of a launch; "" if nothing is wrong.
std::string report(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}
bool says(const std::function<void()>& f, const std::string& words) {
    const std::string text = report(f);
    INFO("it says: ", text);
    CHECK(text.find(words) != std::string::npos);
    CHECK((text.find("test_emulator.cpp:") != std::string::npos));
    return text.find(words) != std::string::npos;
}

// ---- kernels that are right

__global__ void indices(unsigned* out) {
    const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
    out[block * threads + thread] += 1 + block * threads + thread;
}

__global__ void reverse(float* x) {
    SHARED(float, row, [64]);
    row[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
    __syncthreads();
    x[blockIdx.x * 64 + threadIdx.x] = row[63 - threadIdx.x];
}

__global__ void reverse_without_barrier(float* x) {
    SHARED(float, row, [64]);
    row[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
    x[blockIdx.x * 64 + threadIdx.x] = row[63 - threadIdx.x];
}

// Passes its number on to the right, round after round; `barriers` says which of the two are there.
__global__ void pass_on(int* out, int rounds, int barriers) {
    SHARED(int, seats, [96]);
    int mine = static_cast<int>(threadIdx.x);
    for (int round = 0; round < rounds; ++round) {
        seats[threadIdx.x] = mine;
        if (barriers & 1) __syncthreads();
        mine = seats[(threadIdx.x + 95) % 96];
        if (barriers & 2) __syncthreads();
    }
    out[threadIdx.x] = mine;
}

template <int count>
__global__ void two_arrays(float* out) {
    SHARED(float, first, [count]);
    SHARED(int, second, );
    DYN_SHARED(float, third);
    if (threadIdx.x == 0) first[0] = 1, second = 2, third[0] = 3;
    __syncthreads();
    out[threadIdx.x] = first[0] * 100 + second * 10 + third[0];
}

__global__ void poisoned(float* out) {
    SHARED(float, fixed, [4]);
    DYN_SHARED(float, dynamic);
    out[2 * blockIdx.x] = fixed[3];
    out[2 * blockIdx.x + 1] = dynamic[0];
    fixed[3] = dynamic[0] = 1;
}

__global__ void shuffles(int* out) {
    const int lane = static_cast<int>(threadIdx.x % 32), value = 100 + lane;
    out[threadIdx.x] = __shfl_sync(kAllLanes, value, 5);
    out[64 + threadIdx.x] = __shfl_xor_sync(kAllLanes, value, 3);
    out[128 + threadIdx.x] = __shfl_up_sync(kAllLanes, value, 2);
    out[192 + threadIdx.x] = __shfl_down_sync(kAllLanes, value, 2);
}

__global__ void votes(unsigned* out) {
    const unsigned lane = threadIdx.x;
    const unsigned ballot = __ballot_sync(kAllLanes, lane % 3 == 0);
    const bool any = __any_sync(kAllLanes, lane == 31), none = __any_sync(kAllLanes, false);
    const bool all = __all_sync(kAllLanes, lane < 32), not_all = __all_sync(kAllLanes, lane < 31);
    out[lane] = ballot;
    out[32 + lane] = any * 8u + none * 4u + all * 2u + not_all;
}

// The halves of a warp vote apart, at places of their own.
__global__ void halves(unsigned* out) {
    if (threadIdx.x < 16)
        out[threadIdx.x] = __ballot_sync(0x0000ffff, threadIdx.x % 2);
    else
        out[threadIdx.x] = __ballot_sync(0xffff0000, true);
}

__global__ void count_all(int* counter, int* most, int* first) {
    atomicAdd(counter, 2);
    atomicMax(most, static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x));
    atomicCAS(first, -1, 7);
}

__global__ void copy_rows(float* out, const float* in, bool wait) {
    SHARED(float, row, [128]);
    cp_async16(&row[4 * threadIdx.x], in + 4 * threadIdx.x);
    cp_async_commit();
    cp_async16(&row[64 + 4 * threadIdx.x], in + 64 + 4 * threadIdx.x);
    cp_async_commit();
    if (wait) cp_async_wait<1>();
    for (int i = 0; i < 4; ++i) out[4 * threadIdx.x + i] = row[4 * threadIdx.x + i];
    if (wait) cp_async_wait<0>();
    for (int i = 0; i < 4; ++i) out[64 + 4 * threadIdx.x + i] = row[64 + 4 * threadIdx.x + i];
}

// Overwrites a buffer that it still reads.
__global__ void copy_too_soon(float* out, const float* in) {
    SHARED(float, row, [4]);
    cp_async16(row, in);
    cp_async_commit();
    cp_async_wait<0>();
    cp_async16(row, in + 4);
    out[0] = row[0];
}

__global__ void fetch_matrices(uint32_t* out, bool transposed) {
    SHARED(uint16_t, numbers, [4][8][8]);
    for (unsigned i = threadIdx.x; i < 256; i += 32) (&numbers[0][0][0])[i] = static_cast<uint16_t>(i);
    __syncwarp();
    uint32_t fragment[4];
    if (transposed)
        ldmatrix_x4_transposed(fragment, numbers[threadIdx.x / 8][threadIdx.x % 8]);
    else
        ldmatrix_x4(fragment, numbers[threadIdx.x / 8][threadIdx.x % 8]);
    for (int i = 0; i < 4; ++i) out[threadIdx.x * 4 + i] = fragment[i];
}

uint16_t bf16_of(float x) { return static_cast<uint16_t>(__float_as_uint(x) >> 16); }

// sum (16,8) += a (16,16) · b (16,8), fetched as the layouts in ptx.h say.
__global__ void multiply_tile(float* sum, const uint16_t* a, const uint16_t* b) {
    const unsigned g = threadIdx.x / 4, q = 2 * (threadIdx.x % 4);
    uint32_t left[4], right[2];
    float mine[4];
    for (unsigned r = 0; r < 4; ++r) std::memcpy(&left[r], a + (g + 8 * (r & 1)) * 16 + q + 8 * (r >> 1), 4);
    for (unsigned r = 0; r < 2; ++r) right[r] = b[(q + 8 * r) * 8 + g] | uint32_t{b[(q + 8 * r + 1) * 8 + g]} << 16;
    for (unsigned i = 0; i < 4; ++i) mine[i] = sum[(g + 8 * (i / 2)) * 8 + q + (i & 1)];
    mma_m16n8k16(mine, left, right);
    for (unsigned i = 0; i < 4; ++i) sum[(g + 8 * (i / 2)) * 8 + q + (i & 1)] = mine[i];
}

// ---- kernels with a fault

__global__ void barriers_apart() {
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}
__global__ void barrier_not_for_all() {
    if (threadIdx.x == 7) return;
    __syncthreads();
}
__global__ void shuffle_not_for_all() {
    if (threadIdx.x != 7) __shfl_sync(kAllLanes, 1, 0);
}
__global__ void mask_without_caller() { __syncwarp(0xfffffffe); }
__global__ void mask_of_a_whole_warp() { __syncwarp(); }
__global__ void reads_outside_mask() {
    if (threadIdx.x < 4) __shfl_sync(0xf, 1, 4);
}
__global__ void masks_that_overlap() {
    if (threadIdx.x < 16)
        __syncwarp(0x00ffffff);
    else
        __syncwarp(0xffffff00);
}
__global__ void writes_outside(int at, bool dynamic) {
    SHARED(float, row, [8]);
    DYN_SHARED(float, rest);
    row[0] = rest[0] = 0;
    float* begin = dynamic ? rest : row;
    reinterpret_cast<volatile float*>(begin)[at] = 1;
}
__global__ void too_much_shared(float* out) {
    SHARED(float, one, [8192]);
    SHARED(float, two, [4097]);
    out[0] = one[0] + two[0];
}
__global__ void copy_askew(const float* in) {
    SHARED(float, row, [8]);
    cp_async16(&row[1], in);
}
__global__ void copy_from_askew(const float* in) {
    SHARED(float, row, [8]);
    cp_async16(row, in + 1);
}
__global__ void copy_elsewhere(float* to, const float* in) { cp_async16(to, in); }
__global__ void nothing() {}

}  // namespace

TEST_CASE("every thread of every block runs once, whatever the schedule") {
    in_all_schedules([] {
        std::vector<unsigned> out(2 * 3 * 2 * 4 * 2 * 3);
        launch(indices, {{2, 3, 2}, {4, 2, 3}}, out.data());
        for (unsigned i = 0; i < out.size(); ++i) REQUIRE(out[i] == i + 1);
    });
    launch(nothing, {0, 32});  // an empty grid is no error
}

TEST_CASE("__syncthreads and shared memory") {
    in_all_schedules([] {
        std::vector<float> x(64 * 5);
        for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
        launch(reverse, {5, 64}, x.data());
        for (size_t i = 0; i < x.size(); ++i) REQUIRE(x[i] == i / 64 * 64 + 63 - i % 64);
        std::vector<int> out(96);
        launch(pass_on, {1, 96}, out.data(), 10, 3);
        for (int i = 0; i < 96; ++i) REQUIRE(out[i] == (i + 86) % 96);
    });
}

TEST_CASE("a missing barrier shows") {
    CHECK(schedules_where([] {
              std::vector<float> x(64, 1);
              launch(reverse_without_barrier, {1, 64}, x.data());
              return std::any_of(x.begin(), x.end(), [](float v) { return std::isnan(v); });
          }) == 8);
    for (int barriers : {1, 2})
        CHECK(schedules_where([&] {
                  std::vector<int> out(96);
                  launch(pass_on, {1, 96}, out.data(), 10, barriers);
                  for (int i = 0; i < 96; ++i)
                      if (out[i] != (i + 86) % 96) return true;
                  return false;
              }) >= 6);
}

TEST_CASE("shared memory: many arrays, poisoned in each block") {
    in_all_schedules([] {
        std::vector<float> out(40);
        launch(two_arrays<7>, {1, 40, 16}, out.data());
        CHECK(out == std::vector<float>(40, 123));
        launch(two_arrays<9>, {1, 40, 16}, out.data());
        CHECK(out == std::vector<float>(40, 123));
        std::vector<float> seen(6);
        launch(poisoned, {3, 1, 64}, seen.data());
        for (float value : seen) CHECK(std::isnan(value));
    });
}

TEST_CASE("shuffles by hand") {
    in_all_schedules([] {
        std::vector<int> out(256);
        launch(shuffles, {1, 64}, out.data());
        for (int i = 0; i < 64; ++i) {
            const int lane = i % 32;
            REQUIRE(out[i] == 105);
            REQUIRE(out[64 + i] == 100 + (lane ^ 3));
            REQUIRE(out[128 + i] == 100 + (lane < 2 ? lane : lane - 2));
            REQUIRE(out[192 + i] == 100 + (lane > 29 ? lane : lane + 2));
        }
    });
}

TEST_CASE("votes by hand, and two groups of one warp") {
    in_all_schedules([] {
        std::vector<unsigned> out(64);
        launch(votes, {1, 32}, out.data());
        for (int i = 0; i < 32; ++i) {
            REQUIRE(out[i] == 0x49249249);
            REQUIRE(out[32 + i] == 8 + 2);
        }
        launch(halves, {1, 32}, out.data());
        for (int i = 0; i < 32; ++i) REQUIRE(out[i] == (i < 16 ? 0x0000aaaau : 0xffff0000u));
    });
    CHECK(__popc(0x49249249) == 11);
    CHECK(__ffs(0x48) == 4);
    CHECK(__ffs(0) == 0);
}

TEST_CASE("atomics of whole numbers count over all blocks") {
    in_all_schedules([] {
        int counter = 5, most = 0, first = -1;
        launch(count_all, {40, 100}, &counter, &most, &first);
        CHECK(counter == 5 + 2 * 4000);
        CHECK(most == 3999);
        CHECK(first == 7);
    });
}

TEST_CASE("cp.async: late copies show a missing wait, early ones a buffer still in use") {
    alignas(16) float in[128], out[128];
    for (int i = 0; i < 128; ++i) in[i] = static_cast<float>(i);
    in_all_schedules([&] {
        launch(copy_rows, {1, 16}, out, in, true);
        for (int i = 0; i < 128; ++i) REQUIRE(out[i] == i);
    });
    CHECK(schedules_where([&] {
              launch(copy_rows, {1, 16}, out, in, false);
              return std::isnan(out[0]);
          }) == 4);
    CHECK(schedules_where([&] {
              launch(copy_too_soon, {1, 1}, out, in);
              return out[0] == 4;
          }) == 4);
}

TEST_CASE("ldmatrix by hand") {
    // Number 64 m + 8 r + c stands in matrix m, row r, column c.
    in_all_schedules([] {
        std::vector<uint32_t> out(128);
        launch(fetch_matrices, {1, 32}, out.data(), false);
        CHECK(out[0] == 0x00010000);              // lane 0, matrix 0: row 0, columns 0 and 1
        CHECK(out[4 * 7 + 2] == 0x008f008e);      // lane 7, matrix 2: row 1, columns 6 and 7: 142, 143
        CHECK(out[4 * 31 + 3] == 0x00ff00fe);     // lane 31, matrix 3: row 7, columns 6 and 7
        launch(fetch_matrices, {1, 32}, out.data(), true);
        CHECK(out[0] == 0x00080000);              // lane 0, matrix 0: rows 0 and 1 of column 0
        CHECK(out[4 * 7 + 2] == 0x00b900b1);      // lane 7, matrix 2: rows 6 and 7 of column 1: 177, 185
        CHECK(out[4 * 31 + 3] == 0x00ff00f7);     // lane 31, matrix 3: rows 6 and 7 of column 7
    });
}

TEST_CASE("mma.sync against sums in double") {
    const auto values = normals(16 * 16 + 16 * 8 + 16 * 8, 1);
    std::vector<uint16_t> a(256), b(128);
    std::vector<float> sum(128);
    for (int i = 0; i < 256; ++i) a[i] = bf16_of(values[i]);
    for (int i = 0; i < 128; ++i) b[i] = bf16_of(values[256 + i]), sum[i] = values[384 + i];
    std::vector<double> expected = to_double(sum);
    const auto number = [](uint16_t bits) { return static_cast<double>(__uint_as_float(uint32_t{bits} << 16)); };
    for (int r = 0; r < 16; ++r)
        for (int c = 0; c < 8; ++c)
            for (int k = 0; k < 16; ++k) expected[r * 8 + c] += number(a[r * 16 + k]) * number(b[k * 8 + c]);
    in_all_schedules([&] {
        std::vector<float> out = sum;
        launch(multiply_tile, {1, 32}, out.data(), a.data(), b.data());
        CHECK_CLOSE(out, expected, kFloatSteps);
    });
}

TEST_CASE("planted faults: barriers and masks") {
    in_all_schedules([] {
        CHECK(says([] { launch(barriers_apart, {1, 64}); }, "different __syncthreads()"));
        CHECK(says(
            [] {
                launch(barrier_not_for_all, {1, 64});
            },
            "1 ended, first (7,0,0); 63 wait in __syncthreads() at"));
        CHECK(says([] { launch(shuffle_not_for_all, {1, 32}); }, "31 wait in __shfl_sync at"));
        CHECK(says([] { launch(mask_without_caller, {1, 32}); }, "lane 0, which its own mask leaves out"));
        CHECK(says([] { launch(mask_of_a_whole_warp, {1, 20}); }, "lanes that do not exist: this warp has 20"));
        CHECK(says([] { launch(reads_outside_mask, {1, 32}); }, "lane 0 reads lane 4, which is not in the mask"));
        CHECK(says([] { launch(masks_that_overlap, {1, 32}); }, "meets another mask or place"));
        // The block that faults first is named, and the next launch is not disturbed.
        CHECK(says([] { launch(barrier_not_for_all, {5, 64}); }, "block (0,0,0)"));
        std::vector<float> x(64, 1);
        launch(reverse, {1, 64}, x.data());
        CHECK(x == std::vector<float>(64, 1));
    });
}

#ifndef __SANITIZE_ADDRESS__  // which ends the program at the very line
TEST_CASE("planted faults: shared memory written out of range") {
    for (int at : {-1, 8, 20}) {
        CHECK(says([=] { launch(writes_outside, {1, 1, 32}, at, false); }, "out of range of row (32 bytes"));
        CHECK(says([=] { launch(writes_outside, {1, 1, 32}, at, true); }, "out of range of rest (32 bytes"));
    }
    CHECK(report([] { launch(writes_outside, {1, 1, 32}, 7, false); }) == "");
}
#endif

TEST_CASE("planted faults: what no chip, or not this chip, can do") {
    alignas(16) static float memory[16];
    CHECK(says([] { launch(nothing, {1, 1025}); }, "1 to 1024 threads"));
    CHECK(says([] { launch(nothing, {1, {1, 1, 65}}); }, "1 to 1024 threads"));
    CHECK(says([] { launch(nothing, {{1, 65536}, 1}); }, "65535"));
    CHECK(says([] { launch(too_much_shared, {1, 1}, memory); }, "49156 bytes"));
    CHECK(says([] { launch(copy_askew, {1, 1}, memory); }, "no multiple of 16"));
    CHECK(says([] { launch(copy_from_askew, {1, 1}, memory); }, "no multiple of 16"));
    CHECK(says([] { launch(copy_elsewhere, {1, 1}, memory, memory + 4); }, "not shared memory of this block"));
    for (auto [chip, kilobytes] : {std::pair{75, 64u}, {80, 163u}, {86, 99u}, {90, 227u}}) {
        OnChip on(chip);
        const unsigned most = kilobytes * 1024;
        CHECK(report([=] { launch(nothing, {1, 1, most}); }) == "");
        CHECK(says([=] { launch(nothing, {1, 1, most + 1}); }, concat("sm_", chip)));
    }
    OnChip on(75);
    CHECK(says(
        [] {
            launch(copy_rows, {1, 4}, memory, memory, true);
        },
        "cp.async needs sm_80, and CAI_EMU_ARCH is 75"));
    std::vector<float> sum(128);
    std::vector<uint16_t> a(256), b(128);
    CHECK(says(
        [&] {
            launch(multiply_tile, {1, 32}, sum.data(), a.data(), b.data());
        },
        "mma.sync with bf16 needs sm_80"));
    emulator::settings().chip = 70;
    CHECK(report([] { launch(nothing, {1, 1}); }).find("CAI_EMU_ARCH is 70") == 0);
}

TEST_CASE("what is for kernels says so elsewhere") {
    CHECK(says([] { __syncthreads(); }, "is for kernels"));
    CHECK(says([] { __syncwarp(); }, "is for kernels"));
}

// Replays: what the threads of a tiny launch read and wrote, and what that costs, against counts by hand; recorded
// kernels' results against the same kernels unrecorded; and the page.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "../core/nn/kernels.h"
#include "../core/page/replay_page.h"
#include "../cuda/recorder.h"
#include "support.h"

using namespace cai;
using emulator::Recorder;

namespace {

using Number = emulator::Traced<float>;
constexpr unsigned kThreads = 32;

// The requests of the only warp of one block of 32 threads.
std::vector<WarpRequest> requests_of(Recording& recording, void (*kernel)(Number*, size_t), size_t step,
                                     unsigned threads = kThreads) {
    Recorder recorder(recording);
    Number* x = recorder.array<float>("x", 32, 64, [](size_t i) { return i; });
    cuda::launch(kernel, {1, threads}, x, step);
    recorder.finish();
    return warp_requests(recording.launches[0], 0, 0);
}

__global__ void read_kernel(Number* x, size_t step) {
    const Number read = x[threadIdx.x * step];
    (void)read;
}
__global__ void column_kernel(Number* x, size_t) {  // of a tile of 32 x 32
    SHARED(Number, tile, [32][32]);
    tile[threadIdx.x][5] = x[0];
}
__global__ void padded_column_kernel(Number* x, size_t) {
    SHARED(Number, tile, [32][33]);
    tile[threadIdx.x][5] = x[0];
}
__global__ void shared_step_kernel(Number* x, size_t step) {
    SHARED(Number, tile, [1024]);
    tile[threadIdx.x * step] = x[0];
}
__global__ void double_kernel(Number*, size_t step) {
    SHARED(emulator::Traced<double>, tile, [512]);
    tile[threadIdx.x * step] = 1.0;
}

// Of the last request, which is to shared memory, or the only one, to global memory.
Cost cost_of_kernel(void (*kernel)(Number*, size_t), size_t step) {
    Recording recording;
    const auto requests = requests_of(recording, kernel, step);
    return cost_of(recording.launches[0], requests.back());
}

// Lanes of a warp that take a branch, and all that meet behind it.
__global__ void branch_kernel(Number* x, size_t) {
    if (threadIdx.x % 2) x[threadIdx.x] = 0;   // odd lanes
    if (threadIdx.x == 3) x[0] = 1;
    x[32 + threadIdx.x] = 2;
}

// Two warps: the first asks three times for memory, the second once, before they meet.
__global__ void barrier_kernel(Number* x, size_t) {
    for (size_t i = 0; i < (threadIdx.x < 32 ? 3 : 1); ++i) x[64 * i + threadIdx.x] = 1;
    __syncthreads();
    if (threadIdx.x < 32) x[threadIdx.x] += x[threadIdx.x + 32];
}

bool same_bits(const std::vector<double>& recorded, const std::vector<float>& plain) {
    REQUIRE(recorded.size() == plain.size());
    for (size_t i = 0; i < plain.size(); i++) {
        const float one = static_cast<float>(recorded[i]);
        if (std::memcmp(&one, &plain[i], sizeof one)) return false;
    }
    return true;
}
std::vector<float> values(const Recording& recording, const std::string& name) {
    for (const RecordedArray& array : recording.launches[0].arrays)
        if (array.name == name) return {array.values.begin(), array.values.end()};
    FAIL("no array " << name);
    return {};
}
std::vector<double> values_as_recorded(const Recording& recording, const std::string& name) {
    const std::vector<float> floats = values(recording, name);
    return {floats.begin(), floats.end()};
}

// What a line does with an array, by the costs of the first launch.
LineCost line_cost(const Recording& recording, const std::string& source, const std::string& array, bool writes) {
    const RecordedLaunch& launch = recording.launches[0];
    for (const LineCost& line : line_costs(launch, launch_requests(launch)))
        if (source_line(recording.files[line.file], line.line).find(source) != std::string::npos &&
            launch.arrays[line.array].name == array && line.writes == writes)
            return line;
    FAIL("no line with " << source << " and " << array);
    return {};
}

}  // namespace

TEST_CASE("coalescing: sectors and lines of 32 lanes, counted by hand") {
    struct Row {
        size_t step, sectors, least, lines;
    };
    // 32 floats side by side are 128 bytes. Every second: 64 floats, 256 bytes. Every eighth: a sector each, four to a
    // line. Every 32nd: a line each. All one: 4 bytes.
    for (const Row& row : {Row{1, 4, 4, 1}, {2, 8, 4, 2}, {8, 32, 4, 8}, {32, 32, 4, 32}, {0, 1, 1, 1}}) {
        CAPTURE(row.step);
        const Cost cost = cost_of_kernel(read_kernel, row.step);
        CHECK(cost.sectors == row.sectors);
        CHECK(cost.least_sectors == row.least);
        CHECK(cost.lines == row.lines);
        CHECK(cost.wavefronts == 0);
    }
}

TEST_CASE("bank conflicts, counted by hand") {
    CHECK(cost_of_kernel(column_kernel, 0).ways == 32);
    CHECK(cost_of_kernel(column_kernel, 0).wavefronts == 32);
    CHECK(cost_of_kernel(column_kernel, 0).least_wavefronts == 1);
    CHECK(cost_of_kernel(padded_column_kernel, 0).ways == 1);
    CHECK(cost_of_kernel(padded_column_kernel, 0).wavefronts == 1);
    // A step of s words comes back to a bank after 32 / gcd(s, 32) lanes.
    using Ways = std::pair<size_t, size_t>;
    for (const auto& [step, ways] : {Ways{1, 1}, {2, 2}, {3, 1}, {4, 4}, {8, 8}, {31, 1}, {0, 1}}) {
        CAPTURE(step);
        CHECK(cost_of_kernel(shared_step_kernel, step).ways == ways);
    }
    // 8 bytes a lane: two halves of a warp, without conflict if they are neighbours.
    CHECK(cost_of_kernel(double_kernel, 1).ways == 1);
    CHECK(cost_of_kernel(double_kernel, 1).wavefronts == 2);
    CHECK(cost_of_kernel(double_kernel, 1).least_wavefronts == 2);
    CHECK(cost_of_kernel(double_kernel, 2).ways == 2);
    CHECK(cost_of_kernel(double_kernel, 2).wavefronts == 4);
}

TEST_CASE("16 bytes a lane are served by quarters of a warp") {
    WarpRequest request;
    request.event = {};
    request.event.bytes = 16;
    request.lanes = ~0u;
    for (uint32_t lane = 0; lane < 32; lane++) request.offsets[lane] = 16 * lane;
    CHECK(cost_in_shared(request).wavefronts == 4);
    CHECK(cost_in_shared(request).ways == 1);
    for (uint32_t lane = 0; lane < 32; lane++) request.offsets[lane] = 128 * lane;  // the same four banks each
    CHECK(cost_in_shared(request).ways == 8);
    CHECK(cost_in_shared(request).wavefronts == 32);
    CHECK(cost_in_shared(request).least_wavefronts == 4);
    CHECK(cost_in_global(request).sectors == 32);
    CHECK(cost_in_global(request).least_sectors == 16);
}

TEST_CASE("every read and write of a tiny launch, thread by thread") {
    Recording recording;
    requests_of(recording, branch_kernel, 0);
    const RecordedLaunch& launch = recording.launches[0];
    REQUIRE(launch.threads.size() == 32);
    for (size_t t = 0; t < 32; t++) {
        CAPTURE(t);
        std::vector<uint32_t> offsets;
        if (t % 2) offsets.push_back(static_cast<uint32_t>(4 * t));
        if (t == 3) offsets.push_back(0);
        offsets.push_back(static_cast<uint32_t>(4 * (32 + t)));
        REQUIRE(launch.threads[t].size() == offsets.size());
        for (size_t i = 0; i < offsets.size(); i++) {
            CHECK(launch.threads[t][i].offset == offsets[i]);
            CHECK(launch.threads[t][i].kind == RecordedEvent::kWrite);
            CHECK(launch.threads[t][i].bytes == 4);
        }
    }
    // The lines are those of branch_kernel above, one below the other.
    const uint16_t first = launch.threads[3][0].line;
    CHECK(launch.threads[3][1].line == first + 1);
    CHECK(launch.threads[3][2].line == first + 2);
    CHECK(recording.files[launch.threads[3][0].file].name.ends_with("test_replay.cpp"));

    // On a GPU: the odd lanes, lane 3 alone, then all together.
    const auto requests = warp_requests(launch, 0, 0);
    REQUIRE(requests.size() == 3);
    CHECK(requests[0].lanes == 0xaaaaaaaa);
    CHECK(requests[1].lanes == 8);
    CHECK(requests[2].lanes == 0xffffffff);
    CHECK(launch.arrays[0].values[0] == 1);
    CHECK(launch.arrays[0].values[5] == 0);
    CHECK(launch.arrays[0].values[40] == 2);
}

TEST_CASE("a barrier holds a warp until the last is there") {
    Recording recording;
    requests_of(recording, barrier_kernel, 0, 64);
    const auto warps = block_requests(recording.launches[0], 0);
    REQUIRE(warps.size() == 2);
    // Three writes, the barrier at step 3, two reads and a write.
    REQUIRE(warps[0].size() == 7);
    CHECK(warps[0][3].event.kind == RecordedEvent::kMeeting);
    CHECK(warps[0][3].step == 3);
    CHECK(warps[0][3].end == 4);
    CHECK(warps[0][6].end == 7);
    // One write, then it waits from step 1 until step 4.
    REQUIRE(warps[1].size() == 2);
    CHECK(warps[1][1].step == 1);
    CHECK(warps[1][1].end == 4);
}

TEST_CASE("a schedule at random records the same") {
    Recording in_order, at_random;
    requests_of(in_order, barrier_kernel, 0, 64);
    emulator::settings().seed = 5;
    requests_of(at_random, barrier_kernel, 0, 64);
    emulator::settings().seed = 0;
    for (size_t t = 0; t < 64; t++) {
        const bool same = in_order.launches[0].threads[t] == at_random.launches[0].threads[t];
        CHECK_MESSAGE(same, "thread ", t);
    }
}

TEST_CASE("a recorded kernel computes what the kernel computes, to the bit") {
    // The emulator's, whether or not this build has a GPU's: the plain loops differ in the order of sums.
    const bool emulated = std::string(cuda_kernels.device()) == "emulated on the CPU";
    if (!emulated) {
        MESSAGE("left out: this build's kernels run on a GPU");
        return;
    }
    {
        const Recording r = record_kernel("attention_forward", {{"N", 40}, {"H", 1}});
        const auto qkv = values(r, "qkv");
        std::vector<float> out(40 * 16), logsumexp(40);
        const int32_t offsets[] = {0, 40};
        cuda_kernels.attention_forward(out.data(), logsumexp.data(), qkv.data(), offsets, 1, 1, 1, 16);
        CHECK(same_bits(values_as_recorded(r, "out"), out));
        CHECK(same_bits(values_as_recorded(r, "logsumexp"), logsumexp));
    }
    {
        const Recording r = record_kernel("attention_backward", {});
        const auto qkv = values(r, "qkv"), dout = values(r, "dout"), out = values(r, "out");
        const auto logsumexp = values(r, "logsumexp");
        std::vector<float> dqkv(qkv.size());
        const int32_t offsets[] = {0, 8};
        cuda_kernels.attention_backward(dqkv.data(), dout.data(), out.data(), logsumexp.data(), qkv.data(), offsets, 1,
                                        2, 1, 16);
        CHECK(same_bits(values_as_recorded(r, "dqkv"), dqkv));
    }
    {
        const Recording r = record_kernel("matmul_forward", {{"N", 5}, {"I", 33}, {"O", 70}});
        const auto x = values(r, "x"), weight = values(r, "weight");
        std::vector<float> out(5 * 70);
        cuda_kernels.matmul_forward(out.data(), x.data(), weight.data(), nullptr, 5, 33, 70);
        CHECK(same_bits(values_as_recorded(r, "out"), out));
    }
    {
        const Recording r = record_kernel("matmul_forward_bf16", {{"N", 9}, {"I", 64}, {"O", 17}});
        const auto x = values(r, "x"), weight = values(r, "weight");
        std::vector<float> packed(cuda_bf16_kernels.packed_size(17, 64)), out(9 * 17);
        cuda_bf16_kernels.matmul_pack(packed.data(), weight.data(), 17, 64);
        cuda_bf16_kernels.matmul_forward(out.data(), x.data(), packed.data(), nullptr, 9, 64, 17);
        CHECK(same_bits(values_as_recorded(r, "out"), out));
    }
    {
        const Recording r = record_kernel("rmsnorm_forward", {});
        const auto x = values(r, "x"), weight = values(r, "weight");
        std::vector<float> out(4 * 64), rstd(4);
        cuda_kernels.rmsnorm_forward(out.data(), rstd.data(), x.data(), weight.data(), 4, 64, 1e-5f);
        CHECK(same_bits(values_as_recorded(r, "out"), out));
        CHECK(same_bits(values_as_recorded(r, "rstd"), rstd));
    }
    {
        const Recording r = record_kernel("logprob_forward", {});
        const auto logits = values(r, "logits"), targets = values(r, "targets");
        std::vector<float> logprob(4), entropy(4);
        const std::vector<Token> tokens(targets.begin(), targets.end());
        cuda_kernels.logprob_forward(logprob.data(), entropy.data(), logits.data(), tokens.data(), 4, 100, 1.0f);
        CHECK(same_bits(values_as_recorded(r, "logprob"), logprob));
        CHECK(same_bits(values_as_recorded(r, "entropy"), entropy));
    }
    {
        const Recording r = record_kernel("swiglu_forward", {});
        const auto gate_up = values(r, "gate_up");
        std::vector<float> out(4 * 64);
        cuda_kernels.swiglu_forward(out.data(), gate_up.data(), 4, 64);
        CHECK(same_bits(values_as_recorded(r, "out"), out));
    }
    {
        const Recording r = record_kernel("preference_loss", {});
        const auto scores = values(r, "scores");
        std::vector<double> labels, loss(64), gradient(64);
        for (const RecordedArray& array : r.launches[0].arrays)
            if (array.name == "labels") labels = array.values;
        cuda_kernels.preference_loss(loss.data(), gradient.data(), scores.data(), labels.data(), 64);
        for (const RecordedArray& array : r.launches[0].arrays) {
            if (array.name == "loss") CHECK(array.values == loss);
            if (array.name == "gradient") CHECK(array.values == gradient);
        }
    }
}

TEST_CASE("matmul's lines cost what a count by hand says") {
    const Recording r = record_kernel("matmul_forward", {});
    // A warp takes 2 lines of 16 numbers along the depth. Lane l writes slab[l % 16][l / 16], word 68 (l % 16) +
    // l / 16, in bank 4 (l % 16) + l / 16: eight steps of 4 go around the 32 banks, so a bank is wanted twice or not.
    const LineCost write = line_cost(r, "slab[d][line] = ", "left_slab", true);
    CHECK(write.requests == 64);  // 64 x 16 numbers are 32 requests of 32; two slabs of depth
    CHECK(write.ways == 2);
    CHECK(write.sum.wavefronts == 128);
    const LineCost read = line_cost(r, "slab[d][line] = ", "x", false);
    CHECK(read.sum.sectors == 64 * 4);  // two rows of 64 bytes
    CHECK(read.sum.lines == 64 * 2);
    // Four rows of threads read one word each of the left slab, and eight columns one word each, 8 apart, of the right:
    // banks i, i + 8, i + 16, i + 24, and again.
    CHECK(line_cost(r, "a[i] = left_slab", "left_slab", false).ways == 1);
    CHECK(line_cost(r, "a[i] = left_slab", "right_slab", false).ways == 2);
    // Lane l writes row 8 (l / 8) + i, column 8 (l % 8) + j: every eighth float, a sector each.
    CHECK(line_cost(r, "out[at] = ", "out", true).sum.sectors == 128 * 32);
}

TEST_CASE("an element read twice in a row at one line is one access") {
    const Recording r = record_kernel("sum_of_squares", {});
    const LineCost line = line_cost(r, "static_cast<double>(x[i]) * x[i]", "x", false);
    CHECK(line.requests == 32);  // 1000 numbers
    CHECK(line.lanes == 1000);
}

TEST_CASE("the tensor cores' matmul reads its slabs without conflict") {
    const Recording r = record_kernel("matmul_forward_bf16", {});
    for (const LineCost& line : line_costs(r.launches[0], launch_requests(r.launches[0])))
        CHECK(line.ways <= 1);
}

TEST_CASE("every kernel of the list is recorded, each access at a line that has one") {
    for (const RecordableKernel& kernel : recordable_kernels()) {
        CAPTURE(kernel.name);
        const Recording r = record_kernel(kernel.name, {});
        REQUIRE_FALSE(r.launches.empty());
        for (const RecordedLaunch& launch : r.launches) {
            CHECK(launch.kernel.ends_with("_kernel"));
            std::set<std::pair<std::string, std::string>> places;  // a line, and the function in which lanes meet there
            for (const auto& thread : launch.threads)
                for (const RecordedEvent& event : thread)
                    places.insert({source_line(r.files[event.file], event.line),
                                   event.kind == RecordedEvent::kMeeting ? launch.meetings[event.what] : ""});
            CHECK_FALSE(places.empty());
            for (const auto& [line, meeting] : places) {
                CAPTURE(line);
                const std::string call = meeting == "mma.sync" ? "mma_m16n8k16(" : meeting;
                const bool looks_like_access = line.find('[') != line.npos || line.find('*') != line.npos;
                CHECK((contains(line, call) && (!meeting.empty() || looks_like_access || contains(line, "cp_async16") ||
                                                contains(line, "ldmatrix_x4"))));
            }
            for (size_t array : touched_arrays(launch)) CHECK_FALSE(launch.arrays[array].name.starts_with("scratch"));
        }
        CHECK(replay_page(r).size() < 3 << 20);
    }
}

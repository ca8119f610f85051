// One call of a kernel on a small example, recorded in the emulator: which thread read and wrote which element at which
// line, and where it met others. Recorded by cuda/replay.cu; `cai replay` shows it as a page.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace cai {

// An array in global memory, or in the shared memory of each block.
struct RecordedArray {
    std::string name;  // as the kernel's contract or its SHARED names it
    bool shared = false;
    size_t bytes = 0, element_bytes = 4;
    size_t columns = 1;          // elements in a row, for drawing
    std::vector<double> values = {};  // after the call, one for each element; empty if not kept
};

struct RecordedEvent {
    enum Kind : uint8_t { kRead, kWrite, kMeeting };
    Kind kind;
    uint8_t bytes;     // read or written
    uint16_t array;    // index in RecordedLaunch::arrays
    uint16_t file, line;  // file: index in Recording::files
    uint16_t what;     // of a meeting: index in RecordedLaunch::meetings, such as "__syncthreads"
    uint32_t offset;   // of the first byte in the array
    bool operator==(const RecordedEvent&) const = default;
};

struct RecordedLaunch {
    std::string kernel;  // its name in the source
    size_t blocks[3], block[3];  // how many blocks, and of how many threads, in x, y, z
    std::vector<RecordedArray> arrays = {};
    std::vector<std::string> meetings = {};
    // Of thread t of block b: threads[b · threads per block + t], both numbered with x running fastest.
    std::vector<std::vector<RecordedEvent>> threads = {};

    size_t block_count() const { return blocks[0] * blocks[1] * blocks[2]; }
    size_t threads_per_block() const { return block[0] * block[1] * block[2]; }
};

struct RecordedFile {
    std::string name, text;  // as it was when this program was compiled
};

struct Recording {
    std::string kernel, does;
    std::vector<std::pair<std::string, size_t>> shape = {};  // the letters of kernels.h, such as N=8
    std::vector<RecordedFile> files = {};
    std::vector<RecordedLaunch> launches = {};  // in order; one call may take several
};

// A kernel that can be recorded.
struct RecordableKernel {
    std::string name, does;
    std::vector<std::pair<std::string, size_t>> shape;  // what it is recorded with unless told otherwise
};
const std::vector<RecordableKernel>& recordable_kernels();

// shape: sizes that differ from the default. Throws Error if there is no such kernel or size, or if the example is too
// large to be looked at.
Recording record_kernel(const std::string& name, const std::map<std::string, size_t>& shape);

}  // namespace cai

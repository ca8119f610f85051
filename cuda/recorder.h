// The emulator's observer that writes a launch down, thread by thread. While one lives, launches are recorded; kernels
// report what they read and write if they are compiled with the types of traced.h.
#pragma once
#include <algorithm>
#include <cstdlib>
#include <deque>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "../core/nn/recording.h"
#include "traced.h"

namespace cai::emulator {

class Recorder : public Observer {
  public:
    // Adds to the recording, which may know the text of source files already.
    explicit Recorder(Recording& recording) : recording_(recording) { observer = this; }
    Recorder(const Recorder&) = delete;
    ~Recorder() {
        observer = nullptr;
        for (void* memory : own_) std::free(memory);
    }

    // Global memory of rows x columns numbers that is shown under this name, filled with value(i).
    template <class Number, class Function>
    Traced<Number>* array(const std::string& name, size_t rows, size_t columns, Function value) {
        auto* numbers = static_cast<Traced<Number>*>(memory(name, rows, columns, sizeof(Number)));
        for (size_t i = 0; i < rows * columns; ++i) numbers[i].value = static_cast<Number>(value(i));
        regions_.back().read = [numbers](size_t i) { return static_cast<double>(numbers[i].value); };
        return numbers;
    }
    // The same of numbers that are not shown, with nothing in them yet.
    void* memory(const std::string& name, size_t rows, size_t columns, size_t element_bytes) {
        const size_t bytes = rows * columns * element_bytes;
        own_.push_back(std::aligned_alloc(256, (bytes + 255) / 256 * 256));
        expects(own_.back(), "out of memory for ", name, ": ", bytes, " bytes are not to be had");
        names_.push_front({.name = name, .element_bytes = element_bytes, .columns = columns});
        allocated(own_.back(), bytes);
        return own_.back();
    }
    // Names what is allocated next, for instance by a Scratch.
    void name_next(const std::string& name, size_t columns, size_t element_bytes) {
        names_.push_back({.name = name, .element_bytes = element_bytes, .columns = columns});
    }
    // Records launches of this kernel alone.
    void only(const std::string& kernel) { only_ = kernel; }
    // To be called at the end: fills in what the arrays hold then.
    void finish() {
        for (RecordedLaunch& launch : recording_.launches)
            for (RecordedArray& array : launch.arrays)
                for (const Region& region : regions_)
                    if (region.read && region.array.name == array.name && array.values.empty())
                        for (size_t i = 0; i < array.bytes / array.element_bytes; ++i)
                            array.values.push_back(region.read(i));
        std::erase_if(recording_.launches,
                      [&](const RecordedLaunch& launch) { return !only_.empty() && launch.kernel != only_; });
    }

    void allocated(const void* memory, size_t bytes) override {
        const char* begin = static_cast<const char*>(memory);
        const auto overlaps = [&](const Region& old) {
            return begin < old.begin + old.array.bytes && old.begin < begin + bytes;
        };
        std::erase_if(regions_, overlaps);
        RecordedArray array{.name = concat("scratch ", ++unnamed_)};
        if (!names_.empty()) array = names_.front(), names_.pop_front();
        array.bytes = bytes;
        regions_.push_back({begin, array});
    }
    void launched(dim3 grid, dim3 block, Site at) override {
        std::erase_if(regions_, [](const Region& region) { return region.array.shared; });
        RecordedLaunch launch{.kernel = kernel_at(at),
                              .blocks = {grid.x, grid.y, grid.z},
                              .block = {block.x, block.y, block.z}};
        for (const Region& region : regions_) launch.arrays.push_back(region.array);
        launch.threads.resize(launch.block_count() * launch.threads_per_block());
        recording_.launches.push_back(std::move(launch));
        recording_now_ = only_.empty() || recording_.launches.back().kernel == only_;
    }
    void ended() override { recording_now_ = false; }
    void declared_shared(const char* name, const void* memory, size_t bytes) override {
        const char* begin = static_cast<const char*>(memory);
        for (Region& region : regions_)
            if (region.array.shared && region.array.name == name) {
                region.begin = begin;  // another block's
                return;
            }
        RecordedArray array{.name = name, .shared = true, .bytes = bytes, .columns = bytes};
        if (const auto found = shared_columns_.find(name); found != shared_columns_.end())
            array.columns = found->second.first, array.element_bytes = found->second.second;
        regions_.push_back({begin, array});
        recording_.launches.back().arrays.push_back(array);
    }
    // How many numbers a row of an array of shared memory has, and how many bytes a number; otherwise it is one row of
    // numbers of 4 bytes.
    void shared_columns(const std::string& name, size_t columns, size_t element_bytes = 4) {
        shared_columns_[name] = {columns, element_bytes};
    }
    void accessed(const void* memory, size_t bytes, bool writes, Site at) override {
        if (!recording_now_) return;  // such as a number of the host's
        const char* first = static_cast<const char*>(memory);
        for (size_t i = 0; i < regions_.size(); ++i) {
            const Region& region = regions_[i];
            if (first < region.begin || first >= region.begin + region.array.bytes) continue;
            add({.kind = writes ? RecordedEvent::kWrite : RecordedEvent::kRead,
                 .bytes = static_cast<uint8_t>(bytes),
                 .array = static_cast<uint16_t>(i),
                 .file = file(at),
                 .line = static_cast<uint16_t>(at.line),
                 .what = 0,
                 .offset = static_cast<uint32_t>(first - region.begin)});
            return;
        }
    }
    void met(const char* what, Site at) override {
        if (!recording_now_) return;
        auto& meetings = recording_.launches.back().meetings;
        const auto found = std::find(meetings.begin(), meetings.end(), what);
        add({.kind = RecordedEvent::kMeeting,
             .bytes = 0,
             .array = 0,
             .file = file(at),
             .line = static_cast<uint16_t>(at.line),
             .what = static_cast<uint16_t>(found - meetings.begin()),
             .offset = 0});
        if (found == meetings.end()) meetings.push_back(what);
    }

  private:
    struct Region {
        const char* begin;
        RecordedArray array;
        std::function<double(size_t)> read = {};
    };
    static constexpr size_t kMostEvents = 4 << 20;

    void add(const RecordedEvent& event) {
        RecordedLaunch& launch = recording_.launches.back();
        const size_t block = (size_t{blockIdx.z} * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        const size_t thread = (size_t{threadIdx.z} * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        auto& events = launch.threads[block * launch.threads_per_block() + thread];
        // What was just read at this line is in a register.
        if (event.kind == RecordedEvent::kRead && !events.empty()) {
            const RecordedEvent& last = events.back();
            if (last.kind == event.kind && last.array == event.array && last.offset == event.offset &&
                last.line == event.line && last.file == event.file)
                return;
        }
        expects(++events_ <= kMostEvents, "this example makes more than ", kMostEvents,
                " reads and writes, too many to look at; choose smaller sizes");
        events.push_back(event);
    }
    uint16_t file(Site at) {
        for (size_t i = 0; i < recording_.files.size(); ++i)
            if (recording_.files[i].name == at.file || std::string(at.file).ends_with("/" + recording_.files[i].name))
                return static_cast<uint16_t>(i);
        recording_.files.push_back({at.file, ""});
        return static_cast<uint16_t>(recording_.files.size() - 1);
    }
    // The name behind the last "launch(" of the text up to this line.
    std::string kernel_at(Site at) {
        const std::string& text = recording_.files[file(at)].text;
        size_t end = 0;
        for (int line = 0; line < at.line && end != text.npos; ++line) end = text.find('\n', end + (line > 0));
        const size_t call = text.rfind("launch(", end);
        if (call == text.npos) return "";
        const size_t name = call + std::string("launch(").size();
        return text.substr(name, text.find_first_of("<,", name) - name);
    }

    Recording& recording_;
    std::vector<Region> regions_;
    std::vector<void*> own_;
    std::deque<RecordedArray> names_;  // of what is allocated next
    std::map<std::string, std::pair<size_t, size_t>> shared_columns_;
    std::string only_;
    size_t unnamed_ = 0, events_ = 0;
    bool recording_now_ = false;
};

}  // namespace cai::emulator

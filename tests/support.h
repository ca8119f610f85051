// What tests share: this clone's folder, a temporary folder, silence, the message of an error, a search in a text.
#pragma once
#include <doctest/doctest.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

#include "../core/base/progress.h"
#include "../core/nn/kernels.h"
#include "../cpu/cpu.h"

#ifndef CAI_SOURCE_DIR
#define CAI_SOURCE_DIR "."
#endif

namespace cai {

inline const std::filesystem::path kSourceFolder = CAI_SOURCE_DIR;

// An empty folder that no other test and no other run of the tests uses, removed at the end.
struct TemporaryFolder {
    std::filesystem::path path;

    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "cai-test-XXXXXX").string();
        expects(mkdtemp(name.data()) != nullptr, "cannot make the folder ", name, ": ", std::strerror(errno));
        path = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
};

// Neither progress nor notes while it lives.
struct Quiet {
    const bool before = std::exchange(quiet, true);
    Quiet() = default;
    Quiet(const Quiet&) = delete;
    ~Quiet() { quiet = before; }
};

// While it lives, the CPU's kernels use all threads however little there is to do.
struct AllThreads {
    const cpu::ParallelLimits before = std::exchange(cpu::parallel_limits, {0, 0});
    AllThreads() = default;
    AllThreads(const AllThreads&) = delete;
    ~AllThreads() { cpu::parallel_limits = before; }
};

// The message of the error, of this exit status, that the action has to end in.
inline std::string error_of(const std::function<void()>& action, int status = kBadInput) {
    try {
        action();
    } catch (const Error& error) {
        CHECK(error.status == status);
        return error.what();
    }
    return "no error";
}

// The CPU's kernels, but the optimizer is killed at a call after this many.
inline size_t calls_left = 0;
inline Kernels mortal_kernels(size_t calls) {
    calls_left = calls;
    Kernels kernels = cpu_kernels;
    kernels.adamw = [](auto... arguments) {
        if (calls_left-- == 0) throw std::runtime_error("killed");
        cpu_kernels.adamw(arguments...);
    };
    return kernels;
}

inline bool near(double a, double b, double tolerance = 1e-12) { return std::abs(a - b) <= tolerance; }

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != text.npos; }

}  // namespace cai

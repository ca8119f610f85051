// The number of threads: affinity and container quotas; and how long threads spin.
#include <doctest/doctest.h>

#include <cstdio>

#include "../core/base/files.h"
#include "../core/base/processors.h"
#include "support.h"

using namespace cai;

TEST_CASE("a quota is parsed, and nonsense is none") {
    CHECK(parse_quota("150000 100000\n") == 1.5);
    CHECK(parse_quota("50000 100000") == 0.5);
    for (const char* text : {"max 100000", "-1 100000", "0 100000", "100000 0", "100000", "100000 ", "", "1 2 3",
                             "one two", "100000 100000x", "99999999999999999999 100000"})
        CHECK_MESSAGE(parse_quota(text) == kNoQuota, text);
}

TEST_CASE("threads: a quota is rounded up, and there is one at least") {
    CHECK(threads_for(8, 1.5) == 2);
    CHECK(threads_for(8, 2) == 2);
    CHECK(threads_for(8, 0.1) == 1);
    CHECK(threads_for(8, kNoQuota) == 8);
    CHECK(threads_for(2, 7.5) == 2);
    CHECK(threads_for(0, kNoQuota) == 1);
}

TEST_CASE("the quota of a process is the smallest of its group and those above it") {
    TemporaryFolder folder;
    const std::filesystem::path& mounts = folder.path;
    auto quota = [&](const char* lines) { return quota_of_process(mounts, lines); };
    CHECK(quota("0::/a/b\n") == kNoQuota);  // no files at all

    write_file(mounts / "a/b/cpu.max", "max 100000\n");
    write_file(mounts / "a/cpu.max", "150000 100000\n");
    write_file(mounts / "other/cpu.max", "10000 100000\n");
    CHECK(quota("0::/a/b\n") == 1.5);
    CHECK(quota("0::/a/b/c\n") == 1.5);
    CHECK(quota("0::/\n") == kNoQuota);
    CHECK(quota("0::/../other\n") == 0.1);
    CHECK(quota("nonsense\n::\n0:\n") == kNoQuota);
    write_file(mounts / "a/b/cpu.max", "50000 100000\n");
    CHECK(quota("0::/a/b\n") == 0.5);
    CHECK(quota("0::/a\n") == 1.5);
    write_file(mounts / "cpu.max", "30000 100000\n");  // a container's own group, seen as the root
    CHECK(quota("0::/docker/0123\n") == doctest::Approx(0.3));

    // Version 1: the controller's own folder, and its two files.
    std::filesystem::remove(mounts / "cpu.max");
    write_file(mounts / "cpu,cpuacct/job/cpu.cfs_quota_us", "250000\n");
    write_file(mounts / "cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    CHECK(quota("5:memory:/job\n4:cpu,cpuacct:/job\n0::/\n") == 2.5);
    CHECK(quota("4:cpuacct,cpuset:/job\n") == kNoQuota);
    write_file(mounts / "cpu/cpu.cfs_quota_us", "-1\n");
    write_file(mounts / "cpu/cpu.cfs_period_us", "100000\n");
    CHECK(quota("4:cpu:/job\n") == kNoQuota);
    write_file(mounts / "cpu/cpu.cfs_quota_us", "70000\n");
    CHECK(quota("4:cpu:/job\n") == doctest::Approx(0.7));
}

#ifdef __linux__
TEST_CASE("the number of processors follows the affinity") {
    cpu_set_t before, one;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &before)) {
            CPU_SET(cpu, &one);
            break;
        }
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    CHECK(processors_by_affinity() == 1);
    CHECK(available_processors() == 1);
    REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
    CHECK(processors_by_affinity() == CPU_COUNT(&before));
}

#if defined(_OPENMP) && defined(__GLIBC__)
TEST_CASE("libgomp's threads spin briefly, or as long as the user says") {
    // What libgomp says about itself when this program is started once more.
    auto spin_count = [](const std::string& settings) {
        const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
        const std::string unset = "env -u OMP_WAIT_POLICY -u GOMP_SPINCOUNT -u KMP_BLOCKTIME OMP_DISPLAY_ENV=verbose ";
        const std::string command = unset + settings + " '" + program + "' --version 2>&1";
        std::FILE* output = popen(command.c_str(), "r");
        REQUIRE(output != nullptr);
        std::string text;
        for (int c; (c = std::fgetc(output)) != EOF;) text += static_cast<char>(c);
        CHECK(pclose(output) == 0);
        const std::string name = "GOMP_SPINCOUNT = '";
        const size_t at = text.rfind(name);
        if (at == text.npos) return std::string();
        return text.substr(at + name.size(), text.find('\'', at + name.size()) - at - name.size());
    };
    if (spin_count("").empty()) return;  // another OpenMP
    CHECK(spin_count("") == "1000");
    CHECK(spin_count("GOMP_SPINCOUNT=77") == "77");
    CHECK(spin_count("OMP_WAIT_POLICY=passive") == "0");
    CHECK(spin_count("OMP_WAIT_POLICY=active").size() > 4);
}
#endif
#endif

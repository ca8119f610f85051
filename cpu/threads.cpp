// How long OpenMP's threads spin at a barrier before they sleep: briefly, since other programs may use the machine too.
//
// A spinning thread occupies a core that the thread it waits for may need; while other programs run, that costs nearly
// all of the speed. libgomp spins for milliseconds unless OMP_WAIT_POLICY or GOMP_SPINCOUNT is set, LLVM's runtime for
// 200 milliseconds unless KMP_BLOCKTIME is. Values that the user sets are kept. Without OpenMP there is nothing to do.
#ifdef _OPENMP
#include <cstdlib>
#ifdef __GLIBC__
#include <unistd.h>
#endif

#include <omp.h>

// From LLVM's runtime (and Intel's); null with any other.
extern "C" __attribute__((weak)) void kmp_set_blocktime(int milliseconds);

namespace {

// A thousand checks of the barrier take some ten microseconds: longer than the kernels' threads usually wait for each
// other, shorter than it takes to fall asleep and wake.
constexpr const char* kSpinCount = "1000";

// libgomp reads the environment when it is loaded, before any of our code runs, and has no function to change this
// later. So the program starts itself again with the variable set: same process, arguments and files. (A function
// in .preinit_array would run before libgomp, but in a dynamic program also before the C library has an
// environment to change.) Two cases keep libgomp's own spin count: no /proc, or a C library other than glibc,
// which may pass a constructor no arguments.
__attribute__((constructor)) void spin_briefly([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {
    if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT") || std::getenv("KMP_BLOCKTIME")) return;
    if (kmp_set_blocktime) {
        kmp_set_blocktime(0);
        return;
    }
#ifdef __GLIBC__
    char program[4096];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0 || setenv("GOMP_SPINCOUNT", kSpinCount, 1) != 0) return;
    program[length] = '\0';
    execv(program, argv);
#endif
}

}  // namespace
#endif

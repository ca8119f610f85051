#!/usr/bin/env bash
# g++ 12.2 writes wrong constants at -O2 for AVX-512: {2, 2, 2, 0} becomes {2, 2, 2, 2}.
# Where the compiler folds a copy of 32 or 64 bytes into one integer of that size, it broadcasts the integer's words when all that
# it stores of them are equal; leading words of only sign bits (0, or -1 after a negative word) it does not store.
# Exits 0 when the compiler behaves as stated here, or is another one; 1 when it behaves otherwise.
set -u
compiler=${1:-g++}
case $("$compiler" -dumpfullversion 2>/dev/null) in
    12.2.*) ;;
    *) echo "skipped: this is about g++ 12.2, and $compiler is not"; exit 0 ;;
esac
grep -qw avx512f /proc/cpuinfo 2>/dev/null || { echo "skipped: this processor has no AVX-512"; exit 0; }

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/program.cpp" <<'END'
#include <cstdio>
#include <cstring>
#include <vector>
int main() {
    std::vector<double> doubles{2, 2, 2, 0};
    std::vector<long> integers{-5, -5, -1, -1};
    char text[32];
    std::memcpy(text, "aaaaaaaaaaaaaaaaaaaaaaaa\0\0\0\0\0\0\0", 32);
    std::printf("%g %g %g %g, ", doubles[0], doubles[1], doubles[2], doubles[3]);
    std::printf("%ld %ld %ld %ld, %zu characters\n", integers[0], integers[1], integers[2], integers[3], strnlen(text, 32));
}
END

right="2 2 2 0, -5 -5 -1 -1, 24 characters"
text_wrong="2 2 2 0, -5 -5 -1 -1, 32 characters"
wrong="2 2 2 2, -5 -5 -5 -5, 32 characters"
echo "compiler: $("$compiler" --version | head -n 1)"
echo "right:    $right"
differs=0
try() {  # try STATED FLAGS...: compiles with these flags, runs, and compares with what is stated
    local stated=$1 seen
    shift
    seen=$("$compiler" -std=c++20 "$@" "$scratch/program.cpp" -o "$scratch/program" && "$scratch/program")
    echo "$*"
    echo "  stated: $stated"
    echo "  seen:   $seen"
    [ "$seen" = "$stated" ] || differs=1
}
try "$right" -O2
try "$right" -O2 -march=x86-64-v3
try "$text_wrong" -O1 -mavx512f
try "$wrong" -O2 -mavx512f
try "$text_wrong" -O2 -mavx512f -fno-tree-slp-vectorize
try "$right" -O2 -mavx512f -mmove-max=128 -mstore-max=128
try "$text_wrong" -O2 -mavx512f -mprefer-vector-width=128
exit "$differs"

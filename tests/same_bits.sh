#!/usr/bin/env bash
# The same seed gives the same bits: builds cai with each compiler that is here, for several processors and levels of
# optimisation, lets each tell a micro story with 1, 2, 5 and 64 threads, and compares every file of the runs with those
# of the first build. A processor that this machine is not is left out, and so are compilers that are not here; Arm runs in
# qemu-user. Times and the number of threads are not compared.
#
#   tests/same_bits.sh [BUILD]    BUILD: where to compile, build/same-bits unless given; ONLY=REGEX: only such builds
#
# Prints a table. Exit status 1 where a file departs or a build fails.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/same-bits}
only=${ONLY:-.}
mkdir -p "$build"
status=0
reference=
export GOMP_SPINCOUNT=1000

# What a run directory holds, in $2, without the clock, the number of threads and the fingerprint of a file with both.
without_times() {
    rm -rf "$2" && cp -r "$1" "$2"
    sed -i 's/"time":[0-9.]*,//' "$2/metrics.jsonl"
    sed -i '/"seconds": {/,/}/d; /"threads":/d' "$2/results.json"
    sed -i '/"seconds":/d; /"results.json":/d' "$2"/manifests/*.json
}

# tell BUILD THREADS COMMAND...: a micro story by COMMAND, beside the first one told.
tell() {
    local threads=$2 run="$build/story" told="$build/told"
    shift 2
    rm -rf "$run"
    if ! "$@" all --size micro --threads "$threads" --out "$run" >"$build/story.out" 2>"$build/story.err"; then
        verdict="failed: $(tail -n 1 "$build/story.err")"
        status=1
        return
    fi
    if [ -z "$reference" ]; then
        reference="$build/reference"
        without_times "$run" "$reference"
        verdict="the reference, $(find "$reference" -type f | wc -l) files"
        return
    fi
    without_times "$run" "$told"
    verdict=$(diff -rq "$reference" "$told" | head -n 1)
    [ -z "$verdict" ] && verdict=equal || status=1
    verdict=${verdict//"$told/"/}
}

# row NAME THREADS COMMAND...: one line of the table.
row() {
    verdict=
    tell "$@"
    printf '%-42s %7s  %s\n' "$1" "$2" "$verdict"
}

# compiled NAME CXX CXXFLAGS KERNEL_OPTIMIZATION OPTIMIZATION: is $build/NAME/cai there now?
compiled() {
    [[ $1 =~ $only || -z $reference ]] || return 1
    if ! make BUILD="$build/$1" CXX="$2" CXXFLAGS="-fno-math-errno $3" KERNEL_OPTIMIZATION="$4" OPTIMIZATION="$5" \
        "$build/$1/cai" >"$build/$1.log" 2>&1; then
        printf '%-42s %7s  %s\n' "$1" - "does not compile: see $build/$1.log"
        status=1
        return 1
    fi
}
runs_on() { grep -qsw "$1" /proc/cpuinfo; }

printf '%-42s %7s  %s\n' build threads "files of the run"
native="-march=native"
if compiled g++-native "${CXX:-g++}" "$native" -O3 -O1; then
    for threads in 1 2 5 64; do row g++-native $threads "$build/g++-native/cai"; done
fi
if runs_on avx2 && compiled g++-x86-64-v3-O1 g++ -march=x86-64-v3 -O1 -O0; then
    for threads in 1 5; do row g++-x86-64-v3-O1 $threads "$build/g++-x86-64-v3-O1/cai"; done
fi
if runs_on avx512f && compiled g++-x86-64-v4-O2 g++ -march=x86-64-v4 -O2 -O2; then
    row g++-x86-64-v4-O2 2 "$build/g++-x86-64-v4-O2/cai"
fi
if [ "$(uname -m)" = x86_64 ] && compiled g++-x86-64-without-fma g++ -march=x86-64 -O2 -O3; then
    row g++-x86-64-without-fma 2 "$build/g++-x86-64-without-fma/cai"
fi
if command -v clang++ >/dev/null; then
    if compiled clang++-native clang++ "$native" -O3 -O1; then
        for threads in 1 5 64; do row clang++-native $threads "$build/clang++-native/cai"; done
    fi
    if runs_on avx2 && compiled clang++-x86-64-v3-O1 clang++ -march=x86-64-v3 -O1 -O3; then
        row clang++-x86-64-v3-O1 2 "$build/clang++-x86-64-v3-O1/cai"
    fi
else
    echo "clang++: left out, it is not here"
fi
if [[ readme =~ $only ]]; then
    if (bash -c "$(grep '^g++ ' README.md | sed "s|-o cai|-o $build/readme-cai|")") >"$build/readme.log" 2>&1; then
        row readme 2 "$build/readme-cai"
    else
        printf '%-42s %7s  %s\n' readme - "does not compile: see $build/readme.log"
        status=1
    fi
fi
arm=aarch64-linux-gnu-g++
emulator=$(command -v qemu-aarch64 qemu-aarch64-static | head -n 1)
if command -v $arm >/dev/null && [ -n "$emulator" ]; then
    if compiled arm-in-qemu $arm -static -O2 -O1; then row arm-in-qemu 2 "$emulator" "$build/arm-in-qemu/cai"; fi
else
    echo "arm: left out, no $arm or no qemu-aarch64"
fi
exit $status

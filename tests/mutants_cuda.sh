#!/usr/bin/env bash
# Deletes each barrier (__syncthreads, __syncwarp) and each commit and wait of an asynchronous copy in cuda/*.cu in turn: the
# kernels' tests have to fail in the emulator every time, or the statement is not needed, or nothing would notice its loss.
# (Shuffles and ballots hand over values; no kernel relies on one as a barrier.)
#
#   tests/mutants_cuda.sh BUILD    BUILD holds the tests' program and the objects it was linked from (make mutants-cuda)
#   SAMPLE=5                       only so many, drawn at random; otherwise all
#
# The last line is "N passed, N failed": caught counts as passed.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
read -ra compiler <<<"${CXX:-g++}"  # maybe two words, such as ccache g++
seeds="0 1 2 3"  # odd ones make copies early
statement='(__syncthreads|__syncwarp|cp_async_commit|cp_async_wait<[^;]*>)\([^;]*\);'

tests_fail() {  # tests_fail PROGRAM STEM: with some seed, the tests of cuda/STEM.cu fail, or those of all kernels together
    local seed
    for seed in $seeds; do
        CAI_EMU_SEED=$seed timeout 300 "$1" --abort-after=1 --source-file="*test_${2%_fast}*.cpp,*test_cuda.cpp" >"$build/mutant.log" 2>&1 || return 0
    done
    return 1
}

mapfile -t places < <(grep -nE "$statement" cuda/*.cu | grep -v '^cuda/emulator.cu:' | cut -d: -f1,2)
if [ -n "${SAMPLE:-}" ]; then mapfile -t places < <(printf '%s\n' "${places[@]}" | shuf -n "$SAMPLE" | sort -t: -k1,1 -k2,2n); fi

passed=0
failed=0
for stem in $(printf '%s\n' "${places[@]}" | sed 's|cuda/\(.*\)\.cu:.*|\1|' | sort -u); do
    if tests_fail "$build/tests" "$stem"; then
        tail -n 30 "$build/mutant.log"
        echo "FAILED: the tests of cuda/$stem.cu as it is, with a CAI_EMU_SEED of $seeds"
        failed=$((failed + 1))
    fi
done
for place in "${places[@]}"; do
    file=${place%:*} line=${place#*:} stem=$(basename "${place%:*}" .cu)
    what="$place: $(sed -n "${line}p" "$file" | grep -oE "$statement" | head -n 1)"
    mapfile -t others < <(find "$build/objects" -name '*.o' ! -path "*/cuda/$stem.o" ! -name cai.o)
    # Read from standard input, in its folder, so that its includes are found.
    if ! (cd cuda && sed -E "${line}s/$statement/;/" "$stem.cu" | "${compiler[@]}" -std=c++20 -O1 -x c++ -c - -o "../$build/mutant.o") ||
        ! "${compiler[@]}" "$build/mutant.o" "${others[@]}" -o "$build/mutant"; then
        echo "FAILED: $what does not build without it"
        failed=$((failed + 1))
    elif tests_fail "$build/mutant" "$stem"; then
        echo "caught: $what"
        passed=$((passed + 1))
    else
        echo "SURVIVED: $what"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]

#!/usr/bin/env bash
# All that wants an NVIDIA GPU, in one go: builds with nvcc, runs every test, holds the emulator's bits beside the GPU's, runs
# compute-sanitizer's four tools, tells the story on the GPU, and times the kernels against the bandwidth and the matrix rate
# that this GPU was measured to have. What it prints last, on stdout, is one table (Markdown) of all that; the rest is on stderr.
#
#   tests/on_gpu.sh [FOLDER]       where logs and the story's run go (build/on-gpu)
#   SIZE=micro tests/on_gpu.sh     a smaller story (tiny)
#
# The exit status is 0 when every check passed, 1 when one did not, 4 without a GPU.
set -u
cd "$(dirname "$0")/.." || exit 1
folder=${1:-build/on-gpu}
size=${SIZE:-tiny}
mkdir -p "$folder" || exit 1

if ! chip=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader -i 0 2>"$folder/nvidia-smi.log"); then
    echo "on_gpu: no NVIDIA GPU answers on this machine (nvidia-smi); nothing was measured on hardware" >&2
    exit 4
fi
capability=$(cut -d, -f2 <<<"$chip" | tr -d ' .')

rows=()
failures=0
check() {  # check NAME COMMAND...: a row of the table; the command's output goes to a log
    local name=$1 log start=$SECONDS
    log=$folder/$(tr -c 'a-z0-9\n' '-' <<<"$name").log
    shift
    echo "on_gpu: $name ..." >&2
    if "$@" >"$log" 2>&1; then
        rows+=("| $name | passed | $((SECONDS - start)) s | $(figure "$log") |")
    else
        failures=$((failures + 1))
        rows+=("| $name | **failed** | $((SECONDS - start)) s | $log |")
        tail -n 20 "$log" >&2
    fi
}
figure() {  # the line of a log that says how much was checked
    grep -E '^\[doctest\] test cases:|ERROR SUMMARY|RACECHECK SUMMARY|results agree' "$1" | tail -n 1 | tr -s ' ' | sed 's/|/,/g; s/^=* *//'
}

# ---- checks

kernel_tests='*test_adamw.cpp,*test_attention.cpp,*test_classifier.cpp,*test_embedding.cpp,*test_losses.cpp,*test_matmul.cpp,*test_matmul_fast.cpp,*test_muon.cpp,*test_rmsnorm.cpp,*test_rope.cpp,*test_swiglu.cpp'
program=build/gpu/cai
tests=build/gpu/tests

build() { make CUDA=1 BUILD=build/gpu "$program" "$tests"; }
all_tests() { "$tests"; }
sanitized() {  # sanitized TOOL: the kernels' tests under it
    compute-sanitizer --tool "$1" --error-exitcode 1 "$tests" --source-file="$kernel_tests"
}
same_bits() {  # of every kernel: how many results have the emulator's bits; a difference is a finding, not a failure
    make build/tests || return 1
    CAI_PRINT_BITS=1 "$tests" --test-case="the bits of*" | grep '^bits ' >"$folder/bits-gpu"
    CAI_PRINT_BITS=1 build/tests --test-case="the bits of*" | grep '^bits ' >"$folder/bits-emulator"
    [ -s "$folder/bits-gpu" ] && [ "$(wc -l <"$folder/bits-gpu")" = "$(wc -l <"$folder/bits-emulator")" ] || return 1
    local differing
    differing=$(paste -d'|' "$folder/bits-gpu" "$folder/bits-emulator" | awk -F'|' '$1 != $2 {print substr($1, 23)}' | paste -sd, -)
    echo "$(comm -12 <(sort "$folder/bits-gpu") <(sort "$folder/bits-emulator") | wc -l) of $(wc -l <"$folder/bits-gpu") results agree to the last bit${differing:+; not: $differing}"
}
story() {  # story NAME OPTIONS...
    local run=$folder/$1
    shift
    rm -rf "$run" && "$program" all --size "$size" --device cuda --out "$run" "$@" && [ -s "$run/results.json" ]
}

check "nvcc builds cai and its tests" build
check "all tests" all_tests
check "emulator and GPU, bit by bit" same_bits
for tool in memcheck racecheck initcheck synccheck; do
    if command -v compute-sanitizer >/dev/null; then check "compute-sanitizer $tool" sanitized "$tool"
    else rows+=("| compute-sanitizer $tool | not run | | compute-sanitizer is not installed |"); fi
done
check "the $size story, fp32" story fp32
[ "$capability" -ge 80 ] && check "the $size story, bf16" story bf16 --precision bf16

# ---- timings

timings() {  # timings BENCH: rows of `cai bench` as rows of the table; its columns are as wide as its second line says
    awk '
        NR == 2 {
            before = " "
            for (i = 1; i <= length($0); i++) {
                if (substr($0, i, 1) == "-" && before != "-") start[++n] = i
                before = substr($0, i, 1)
            }
            next
        }
        NR > 2 && !NF { exit }
        NR > 2 {
            for (i = 1; i <= n; i++) {
                cell[i] = i < n ? substr($0, start[i], start[i + 1] - start[i]) : substr($0, start[i])
                gsub(/^ +| +$/, "", cell[i])
            }
            if (cell[2] ~ /^copy/ && !copy) copy = cell[7]
            share = cell[6] != "" ? cell[6] " of the matrix rate" : cell[7] != "" && copy ? sprintf("%.1f %% of copying", 100 * cell[7] / copy) : ""
            rate = cell[5] != "" ? cell[5] " GFLOP/s" : cell[7] != "" ? cell[7] " GB/s" : ""
            if (cell[8] != "") rate = rate (rate == "" ? "" : ", ") cell[8] " tokens/s"
            printf "| %s%s | %s ms | %s | %s |\n", cell[2], cell[3] == "" ? "" : ", " cell[3], cell[4], rate, share
        }' "$1"
}
bench() { "$program" bench --device cuda "${@:2}" >"$folder/bench-$1.txt" && [ -s "$folder/bench-$1.txt" ]; }
check "cai bench, fp32" bench fp32
[ "$capability" -ge 80 ] && check "cai bench, bf16" bench bf16 --precision bf16

# ---- the table

echo "Measured on $(date -u +%Y-%m-%d) by tests/on_gpu.sh: $chip; $("${NVCC:-nvcc}" --version 2>/dev/null | grep -o 'release [0-9.]*'); commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)."
echo
echo "| check | result | time | figure |"
echo "|---|---|---|---|"
printf '%s\n' "${rows[@]}"
for precision in fp32 bf16; do
    [ -s "$folder/bench-$precision.txt" ] || continue
    echo "| **$precision** | **time** | **rate** | **share** |"
    timings "$folder/bench-$precision.txt"
done
[ "$failures" = 0 ]

#!/usr/bin/env bash
# Gives each reader inputs that libFuzzer makes up, for some seconds; `make fuzz` builds the targets and calls this.
#
#   tests/fuzz.sh BUILD SECONDS TARGET...    BUILD: where the programs are, and what was found before is kept
#
# The last line is "N passed, N failed". Exit status 1 where a reader does anything but accept or refuse an input in a
# sentence: the input that made it so stays in BUILD.
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
seconds=$2
shift 2
case $seconds in '' | *[!0-9]* | 0) echo "fuzz: SECONDS=$seconds is not a whole number above 0" >&2; exit 1 ;; esac
# In memory where possible: a target writes thousands of files a second.
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d) || exit 1
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
passed=0
failed=0
for name in "$@"; do
    log=$build/$name.log
    mkdir -p "$build/corpus/$name"
    if "$build/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -reload=0 \
        -artifact_prefix="$build/$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "passed: $name ($(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs)"
    else
        failed=$((failed + 1))
        grep -a -E '^fault:|ERROR|Assertion|runtime error|^terminate|what\(\)' "$log" || tail -n 20 "$log"
        input=$(sed -n 's/.*Test unit written to //p' "$log")
        echo "FAILED: $name: $build/fuzz_$name $input repeats it, and with -minimize_crash=1 -runs=100000 shrinks it"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

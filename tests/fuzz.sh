#!/usr/bin/env bash
# Gives each reader inputs that libFuzzer makes up, for some seconds, as many readers at once as there are processors;
# `make fuzz` builds the targets and calls this.
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
names=("$@")
shown=0
passed=0
failed=0
cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

# Runs a target; its verdict is there once it has ended.
run_target() {
    local name=$1 log=$build/$1.log input
    mkdir -p "$build/corpus/$name"
    if "$build/fuzz_$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -reload=0 \
        -artifact_prefix="$build/$name-" "$build/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
        echo "passed: $name ($(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") inputs)"
    else
        grep -a -E '^fault:|ERROR|Assertion|runtime error|^terminate|what\(\)' "$log" || tail -n 20 "$log"
        input=$(sed -n 's/.*Test unit written to //p' "$log")
        echo "FAILED: $name: $build/fuzz_$name $input repeats it, and with -minimize_crash=1 -runs=100000 shrinks it"
    fi >"$TMPDIR/$name.running"
    mv "$TMPDIR/$name.running" "$TMPDIR/$name.verdict"
}

# Shows the verdicts that are there, up to the first target, in the order of the names, that still runs.
show() {
    local verdict
    while [ "$shown" -lt "${#names[@]}" ]; do
        verdict=$TMPDIR/${names[shown]}.verdict
        [ -e "$verdict" ] || break
        cat "$verdict"
        if grep -q '^FAILED: ' "$verdict"; then failed=$((failed + 1)); else passed=$((passed + 1)); fi
        shown=$((shown + 1))
    done
}

for name in "${names[@]}"; do
    run_target "$name" &
    [ "$(jobs -rp | wc -l)" -lt "$cores" ] || wait -n
    show
done
wait
show
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

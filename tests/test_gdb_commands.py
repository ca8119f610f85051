#!/usr/bin/env python3
"""The commands of notebooks_md/gdb.py on a small program: what `tensor`, `text` and `bt` print or say when they cannot.

usage: tests/test_gdb_commands.py      The last line is "N passed, N failed". Needs gdb and $CXX (g++).
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = r"""
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

struct Layer {
    float* qkv;  // (N,2C)    queries, keys
    float *dqkv = nullptr;
};
struct Pair {
    std::string prompt;
};

// out, x (N,C), small (N), offsets (S+1), N = offsets[S], other (Q).
__attribute__((noinline)) void kernel(float* out, const float* x, float* small, const int* offsets, float* other,
                                      float* unsaid, size_t S, size_t C, Layer& s, const std::vector<Pair>& pairs) {
    out[0] = x[0];
}

int main() {
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] = {}, small[2] = {0, -0.002f}, qkv[16] = {};
    int offsets[2] = {0, 2};
    Layer s{qkv, qkv};
    qkv[8] = 42;
    const std::vector<Pair> pairs = {{"first"}, {"sec\xffond"}};
    const std::function<void()> call = [&] { kernel(out, x, small, offsets, x, x, 1, 4, s, pairs); };
    call();
}
"""
# Commands, and the lines that they print; in the stack, 0x... is any address, and #... any number and address.
EXPECTED = [
    ("tensor x", ["x float (2,4)", "    1.0000   2.0000   3.0000   4.0000", "    5.0000   6.0000   7.0000   8.0000"]),
    ("tensor x[1]", ["x[1] (4)    5.0000   6.0000   7.0000   8.0000"]),
    ("tensor small", ["small float (2)", "          0 -2.00e-03"]),
    ("tensor small[1]", ["small[1] (1)  -2.00e-03"]),
    ("tensor s.qkv[1]", ["s.qkv[1] (8)   42.0000   0.0000   0.0000 ...   0.0000   0.0000"]),
    ("tensor s.qkv", ["tensor: s.qkv is (N,2*C), and N is no number here; say the sizes: tensor s.qkv ... 2*C"]),
    ("tensor s.qkv 2 2*C", ["s.qkv float (2,8)", "    0.0000   0.0000   0.0000 ...   0.0000   0.0000",
                            "   42.0000   0.0000   0.0000 ...   0.0000   0.0000"]),
    ("tensor s.dqkv", ["tensor: s.dqkv is (N,2*C), and N is no number here; say the sizes: tensor s.dqkv ... 2*C"]),
    ("tensor other", ["tensor: other is (Q), and Q is no number here; say the sizes: tensor other ..."]),
    ("tensor unsaid", ["tensor: no comment states the shape of unsaid; say it: tensor unsaid ROWS COLUMNS"]),
    ("tensor pairs", ["tensor: pairs holds Pair, not numbers; `text` prints strings"]),
    ("tensor S", ["tensor: S is a unsigned long, not numbers in memory"]),
    ("tensor nothing", ["tensor: No symbol \"nothing\" in current context."]),
    ("text pairs[0].prompt", ["first"]),
    ("text pairs[1].prompt", ["sec\\xffond"]),
    ("text pairs[2].prompt", ["text: pairs[2].prompt: there is no [2] among 2"]),
    ("text pairs", ["text: pairs is a Pair, not text; `print pairs` shows it"]),
    ("text", ["text: name a string, as in `text pairs[0].prompt`"]),
    ("rollout", ["rollout: name the rollouts, as in `rollout r 0`"]),
    ("rollout r 0", ["rollout: No symbol \"r\" in current context."]),
    ("bt", ["#0  kernel (...) at program.cpp:18", "#1  0x... in a lambda (...) at program.cpp:27",
            "#... in main () at program.cpp:28"]),
]


def matches(line, expected):
    if not expected.startswith("#"):
        return line == expected
    pattern = re.escape(expected).replace(r"0x\.\.\.", "0x[0-9a-f]+").replace(r"\#\.\.\.", r"\#\d+  0x[0-9a-f]+")
    return re.fullmatch(pattern, line) is not None


def main():
    if not shutil.which("gdb"):
        print("test_gdb_commands: no gdb on this machine, nothing to compare\n0 passed, 0 failed")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "program.cpp"), "w") as file:
            file.write(PROGRAM)
        compiler = os.environ.get("CXX", "g++").split()
        subprocess.run([*compiler, "-std=c++20", "-g", "-O0", "program.cpp", "-o", "program"], cwd=folder, check=True)
        settings = ["set style enabled off", "set width 0", "set print frame-arguments presence",
                    f"source {ROOT}/notebooks_md/gdb.py", "break kernel", "run"]
        passed = failed = 0
        script = "".join(f"echo (gdb)\\n\npython\ntry:\n    gdb.execute({command!r})\nexcept gdb.error as error:\n"
                         "    print(error)\nend\n" for command, _ in EXPECTED)
        with open(os.path.join(folder, "commands"), "w") as file:
            file.write(script)
        command = ["gdb", "-q", "-nx", "-batch", *(f"-ex={s}" for s in settings), "-x", "commands", "program"]
        run = subprocess.run(command, cwd=folder, env={**os.environ, "PWD": folder}, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
    answers = run.stdout.split("(gdb)\n")[1:]
    for (command, expected), answer in zip(EXPECTED, answers + ["(no answer)"] * len(EXPECTED)):
        lines = [line for line in answer.splitlines() if line]
        if len(lines) == len(expected) and all(map(matches, lines, expected)):
            passed += 1
        else:
            failed += 1
            print(f"{command}\n  expected {expected}\n  printed  {lines}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


sys.exit(main())

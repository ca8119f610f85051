#!/usr/bin/env python3
"""Repeats the gdb sessions of the chapters in notebooks_md/ and compares them, line by line, with what stands there.

A session begins with a line "gdb --args PROGRAM --out FOLDER" and is the lines of the blocks ```gdb below it: a line
"(gdb) COMMAND" and what gdb answers. Addresses are not compared. The commands of .gdbinit are there. A program that has
`--from RUN` gets a fresh micro run, made by build/cai, in the place of RUN.
usage: tests/gdb_chapters.py [--write] [CHAPTER...]; with --write the answers are written into the chapters instead.
The last line is "N passed, N failed", where each command of a chapter that is as it says counts as passed.
"""
import atexit
import difflib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOK = os.path.join(ROOT, "notebooks_md")
PROGRAM = re.compile(r"^gdb --args (.*?) --out ", re.M)
BLOCK = re.compile(r"```gdb\n(.*?)```\n", re.S)
NOISE = re.compile(r"\[Thread debugging|Using host libthread_db|warning: Error disabling address space|warning: \S+ holds no ")


def comparable(line):
    line = re.sub(r"0x[0-9a-f]+", "0x...", line).replace(ROOT + "/", "").rstrip()
    while re.search(r"\w+/\.\./", line):  # how a header was found is how the first file to include it named it
        line = re.sub(r"\w+/\.\./", "", line)
    return line


@functools.lru_cache
def micro_run():
    folder = tempfile.mkdtemp(prefix="cai-gdb-")
    atexit.register(shutil.rmtree, folder)
    subprocess.run(["build/cai", "all", "--size", "micro", "--quiet", "--out", folder + "/micro"], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    return folder + "/micro"


def session(program, commands):
    """What gdb answers to each of the commands, as a list of lists of lines."""
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "commands")
        with open(script, "w") as file:
            for command in commands:
                file.write(f"echo (gdb)\\n\n{command}\n")
        program = [micro_run() if i and program[i - 1] == "--from" else word for i, word in enumerate(program)]
        # A test's gdb reads no settings of its user and asks no questions.
        settings = ["set confirm off", "set pagination off", "set style enabled off", "set width 0", "source .gdbinit"]
        run = subprocess.run(
            ["gdb", "-q", "-nx", "-batch", *(f"-ex={s}" for s in settings), "-x", script, "--args", *program,
             "--out", os.path.join(folder, "run")],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    answers = run.stdout.split("(gdb)\n")[1:]
    return [[comparable(line) for line in answer.splitlines() if line and not NOISE.match(line)] for answer in answers]


def repeated(text):
    """The chapter with gdb's answers of today, and the number of commands."""
    actual, count = "", 0
    # The text before the first program, then from each program to the next.
    starts = [match.start() for match in PROGRAM.finditer(text)]
    for start, end in zip([0, *starts], [*starts, len(text)]):
        part = text[start:end]
        commands = [line[6:] for block in BLOCK.findall(part) for line in block.splitlines() if line.startswith("(gdb) ")]
        program = PROGRAM.match(part)
        answers = iter(session(program.group(1).split(), commands) if commands and program else [])

        def answered(block):
            lines = []
            for line in block.group(1).splitlines():
                if line.startswith("(gdb) "):
                    lines += [line, *next(answers, ["(no answer)"])]
            return "```gdb\n" + "".join(line + "\n" for line in lines) + "```\n"

        actual += BLOCK.sub(answered, part)
        count += len(commands)
    return actual, count


def main():
    if not shutil.which("gdb"):
        print("gdb_chapters: no gdb on this machine, nothing to compare\n0 passed, 0 failed")
        return 0
    wanted = [os.path.basename(word) for word in sys.argv[1:] if not word.startswith("--")]
    passed = failed = 0
    for name in sorted(os.listdir(BOOK)):
        path = os.path.join(BOOK, name)
        if not name.endswith(".md") or (wanted and name not in wanted):
            continue
        with open(path) as file:
            text = file.read()
        if not BLOCK.search(text):
            continue
        actual, count = repeated(text)
        broken = "Error in sourced command file" in actual or "(no answer)" in actual
        if actual == text and not broken:
            passed += count
            continue
        if "--write" in sys.argv:
            with open(path, "w") as file:
                file.write(actual)
            failed += broken
            if broken:
                print(f"{name}: gdb refused a command; look for \"Error in sourced command file\" in the chapter")
            continue
        failed += 1
        sys.stdout.writelines(difflib.unified_diff(text.splitlines(True), actual.splitlines(True), name, "gdb"))
        print(f"{name} is out of date: tests/gdb_chapters.py --write rewrites its answers; then read what it says about them")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


sys.exit(main())

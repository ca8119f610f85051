#!/usr/bin/env python3
"""Repeats the gdb sessions of notebooks_md/02_gdb_attention.md and compares them, line by line, with what stands there.

A session begins with a line "gdb --args PROGRAM --out FOLDER" and is the lines of the blocks ```gdb below it: a line
"(gdb) COMMAND" and what gdb answers. Addresses are not compared.
With --write the answers are written into the chapter instead. The last line is "N passed, N failed".
"""
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHAPTER = os.path.join(ROOT, "notebooks_md/02_gdb_attention.md")
PROGRAM = re.compile(r"^gdb --args (.*?) --out ", re.M)
BLOCK = re.compile(r"```gdb\n(.*?)```\n", re.S)
NOISE = re.compile(r"\[Thread debugging|Using host libthread_db|warning: Error disabling address space")


def comparable(line):
    return re.sub(r"0x[0-9a-f]+", "0x...", line).replace(ROOT + "/", "").rstrip()


def session(program, commands):
    """What gdb answers to each of the commands, as a list of lists of lines."""
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "commands")
        with open(script, "w") as file:
            for command in commands:
                file.write(f"echo (gdb)\\n\n{command}\n")
        # A test's gdb reads no settings of its user and asks no questions.
        settings = ["set confirm off", "set pagination off", "set style enabled off", "set width 0"]
        run = subprocess.run(
            ["gdb", "-q", "-nx", "-batch", *(f"-ex={s}" for s in settings), "-x", script, "--args", *program,
             "--out", os.path.join(folder, "run")],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    answers = run.stdout.split("(gdb)\n")[1:]
    return [[comparable(line) for line in answer.splitlines() if line and not NOISE.match(line)] for answer in answers]


def main():
    if not shutil.which("gdb"):
        print("gdb_chapter: no gdb on this machine, nothing to compare\n0 passed, 0 failed")
        return 0
    with open(CHAPTER) as file:
        text = file.read()
    actual, count = "", 0
    # The text before the first program, then from each program to the next.
    starts = [match.start() for match in PROGRAM.finditer(text)]
    for start, end in zip([0, *starts], [*starts, len(text)]):
        part = text[start:end]
        commands = [line[6:] for block in BLOCK.findall(part) for line in block.splitlines() if line.startswith("(gdb) ")]
        answers = iter(session(PROGRAM.match(part).group(1).split(), commands) if commands else [])

        def answered(block):
            lines = []
            for line in block.group(1).splitlines():
                if line.startswith("(gdb) "):
                    lines += [line, *next(answers, ["(no answer)"])]
            return "```gdb\n" + "".join(line + "\n" for line in lines) + "```\n"

        actual += BLOCK.sub(answered, part)
        count += len(commands)
    if "--write" in sys.argv:
        with open(CHAPTER, "w") as file:
            file.write(actual)
        return 0
    if actual != text:
        sys.stdout.writelines(difflib.unified_diff(text.splitlines(True), actual.splitlines(True), "the chapter", "gdb"))
        print("the chapter is out of date: tests/gdb_chapter.py --write rewrites its answers; then read what it says about them")
    print("0 passed, 1 failed" if actual != text else f"{count} passed, 0 failed")
    return int(actual != text)


sys.exit(main())

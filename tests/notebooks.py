#!/usr/bin/env python3
"""Checks that the chapters in notebooks_md/ say what the program does, and with --write rewrites what they quote of it.

A chapter holds blocks, by what stands behind ```:
  cpp FILE NAME   the definition of the function, struct or constant NAME in FILE, from its comment, its `template` or its
                  signature to its end. A line `...` leaves lines out; the indentation may be cut as a whole.
  console         lines `$ COMMAND` (a line that ends in \\ goes on in the next) and below each what it prints on stdout.
                  The commands run from a scratch copy of this folder, chapter by chapter; the exit status is to be 0.
                  Text is compared word by word, whole numbers exactly, others to three significant digits. A line `...`
                  stands for any lines, and `...` within a line for any characters.
  console slow    the same, only with --slow: for what takes long or needs runs/story, which is then made if it is not there.
  console shown   never run: what depends on the machine, such as an installation.
  gdb             a session, which tests/gdb_chapters.py compares.
A picture ![what it shows](figures/NAME.svg) is what tests/notebook_figures/NAME.py prints, at most 30 KB; those that read
runs/story are compared with --slow. An exercise is notebooks_md/exercises/NAME.cpp, whose tests fail as it stands and pass
with the functions of solutions/NAME.cpp in the place of its own. tests/test_book.cpp asserts the numbers worked by hand.
Chapters 00 to 69 keep to 250 lines of 130 columns; each term of the glossary occurs in a chapter.

usage: tests/notebooks.py [--write] [--slow] [CHAPTER...]      The last line is "N passed, N failed".
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

import notebook_source

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BOOK = os.path.join(ROOT, "notebooks_md")
FIGURES = os.path.join(ROOT, "tests/notebook_figures")
NUMBER = r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?"
LARGEST_FIGURE = 30 * 1024
MOST_LINES, MOST_COLUMNS = 250, 130
NO_LIMIT = {"00_map.md"}  # is generated


class Block:
    """A fenced block: its info string, its lines, and the line of its fence in the chapter, counted from 1."""

    def __init__(self, info, line):
        self.info, self.line, self.lines = info, line, []


def blocks_of(text):
    found, block = [], None
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("```") and block is None:
            block = Block(line[3:].strip(), number)
        elif line.startswith("```"):
            found.append(block)
            block = None
        elif block is not None:
            block.lines.append(line)
    return found


def significant(number):
    """Two numbers are equal if these are: whole numbers as they stand, others to three significant digits."""
    return number if re.fullmatch(r"[-+]?\d+", number) else float(number)


def same_number(expected, actual):
    a, b = significant(expected), significant(actual)
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return abs(a - b) <= 0.005 * max(abs(a), abs(b))


def same_output_line(expected, actual):
    """The words of both, without regard to the spaces between them."""
    expected, actual = " ".join(expected.split()), " ".join(actual.split())
    if expected == actual:
        return True
    number = re.compile(r"(\.\.\.|(?<![\w.])" + NUMBER + r"(?![\w]))")
    pattern, numbers = "", []
    for piece in number.split(expected):
        if piece == "...":
            pattern += ".*?"
        elif re.fullmatch(NUMBER, piece):
            pattern += f"({NUMBER})"
            numbers.append(piece)
        else:
            pattern += re.escape(piece)
    match = re.fullmatch(pattern, actual)
    return bool(match) and all(map(same_number, numbers, match.groups()))


def output_fault(expected, actual):
    """None where the lines are the same; else the index of the first expected line that is not, or len(expected)."""
    at, parts = 0, notebook_source.parts_of(expected)
    for index, (first, lines) in enumerate(parts):
        last = index + 1 == len(parts)
        if not lines:
            if last and index == 0 and actual:
                return 0
            continue
        if index == 0:
            starts = [0]
        elif last:
            starts = [len(actual) - len(lines)] if len(actual) - len(lines) >= at else [at]
        else:
            starts = range(at, max(at + 1, len(actual)))
        best = (-1, at)
        for start in starts:
            count = 0
            while count < len(lines) and start + count < len(actual) and same_output_line(lines[count], actual[start + count]):
                count += 1
            best = max(best, (count, start), key=lambda pair: pair[0])
            if count == len(lines):
                break
        if best[0] < len(lines):
            return first + best[0]
        at = best[1] + len(lines)
        if index == 0 and last and at != len(actual):
            return len(expected)
    return None


def rewritten(expected, actual):
    """The new output in the shape of the old one: as many lines before its first `...` and behind its last as there were."""
    elided = [i for i, line in enumerate(expected) if line.strip() == "..."]
    if not elided:
        return actual
    head, tail = elided[0], len(expected) - 1 - elided[-1]
    if len(elided) > 1 or head + tail >= len(actual):
        return None
    return actual[:head] + ["..."] + (actual[-tail:] if tail else [])


def commands_of(block):
    """The commands of a block: (index of its first line, command, lines that it prints)."""
    found, i = [], 0
    while i < len(block.lines):
        if not block.lines[i].startswith("$ "):
            return None
        begin, command = i, block.lines[i][2:]
        while command.endswith("\\"):
            i += 1
            command = command[:-1] + block.lines[i].strip()
        i += 1
        output = i
        while i < len(block.lines) and not block.lines[i].startswith("$ "):
            i += 1
        found.append((begin, command, block.lines[output:i]))
    return found


class Checks:
    def __init__(self, write, slow):
        self.write, self.slow, self.passed, self.failed = write, slow, 0, 0
        self.scratch = tempfile.mkdtemp(prefix="cai-book-")
        # Commands find the program and its data as in this folder, and leave their files in runs/ of the scratch copy.
        for name in os.listdir(ROOT):
            if name not in ("runs", ".git"):
                os.symlink(os.path.join(ROOT, name), os.path.join(self.scratch, name))
        os.mkdir(os.path.join(self.scratch, "runs"))
        if slow:
            self.run_command("make story >/dev/null 2>&1", ROOT)
            os.symlink(os.path.join(ROOT, "runs/story"), os.path.join(self.scratch, "runs/story"))

    def result(self, fault):
        if fault:
            self.failed += 1
            print("FAILED: " + fault)
        else:
            self.passed += 1

    def run_command(self, command, folder=None):
        return subprocess.run(["bash", "-c", command], cwd=folder or self.scratch, text=True, errors="replace",
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=1800,
                              env=dict(os.environ, LC_ALL="C"))

    def quote(self, chapter, block):
        words = block.info.split()
        if len(words) != 3:
            return f"{chapter}:{block.line}: a block of code names its file and its function: ```cpp FILE NAME"
        path, name = words[1:]
        if not os.path.isfile(os.path.join(ROOT, path)):
            return f"{chapter}:{block.line}: there is no {path}"
        with open(os.path.join(ROOT, path)) as file:
            fault = notebook_source.quote_fault(block.lines, path, file.read(), name)
        if fault and self.write and fault[2]:
            block.lines = fault[2]
            return None
        return f"{chapter}:{block.line + 1 + fault[0]}: {fault[1]}" if fault else None

    def console(self, chapter, block):
        commands = commands_of(block)
        if not commands:
            return f"{chapter}:{block.line + 1}: a console block begins with a line \"$ COMMAND\""
        lines, faults = [], []
        for begin, command, expected in commands:
            run = self.run_command(command)
            actual = [line.rstrip() for line in run.stdout.rstrip("\n").split("\n")] if run.stdout else []
            differs = output_fault(expected, actual)
            shown = expected
            if run.returncode != 0:
                faults.append(f"{chapter}:{block.line + 1 + begin}: `{command}` ended with status {run.returncode}: "
                              + (run.stderr.strip() or "it said nothing").split("\n")[-1])
            elif differs is not None:
                new = rewritten(expected, actual) if self.write else None
                if new is None:
                    at = block.line + 1 + block.lines.index(expected[0], begin) + differs if expected else block.line + 1 + begin
                    says = expected[differs] if differs < len(expected) else "(nothing more)"
                    faults.append("\n  ".join([f"{chapter}:{at}: `{command}` no longer prints {says!r}; it prints:", *actual[:40]]))
                else:
                    shown = new
            end = begin + 1
            while block.lines[end - 1].endswith("\\"):
                end += 1
            lines += block.lines[begin:end] + shown
        block.lines = lines
        return "\n".join(faults) or None

    def chapter(self, name):
        path = os.path.join(BOOK, name)
        with open(path) as file:
            text = file.read()
        lines, blocks = text.split("\n"), blocks_of(text)
        before = {block.line: len(block.lines) for block in blocks}
        for block in blocks:
            kind = block.info.split()[0] if block.info else ""
            if kind == "cpp":
                self.result(self.quote(name, block))
            elif block.info == "console" or (block.info == "console slow" and self.slow):
                self.result(self.console(name, block))
            elif kind == "console" and block.info not in ("console slow", "console shown"):
                self.result(f"{name}:{block.line}: a console block is plain, slow or shown, not {block.info!r}")
        if self.write:
            for block in reversed(blocks):
                lines[block.line:block.line + before[block.line]] = block.lines
            with open(path, "w") as file:
                file.write("\n".join(lines))
        self.result(self.shape(name, lines))
        for alternative, link in re.findall(r"!\[(.*?)\]\((.*?)\)", text):
            self.result(self.figure(name, alternative, link))

    def shape(self, name, lines):
        if name >= "70" or name in NO_LIMIT:
            return None
        if len(lines) - 1 > MOST_LINES:
            return f"{name} has {len(lines) - 1} lines, more than {MOST_LINES}"
        code = False
        for number, line in enumerate(lines, 1):
            code = code != line.startswith("```")
            if not code and len(line) > MOST_COLUMNS and not line.startswith(("|", "![")):
                return f"{name}:{number} has {len(line)} columns, more than {MOST_COLUMNS}"
        return None

    def figure(self, chapter, alternative, link):
        match = re.fullmatch(r"figures/(\w+)\.svg", link)
        if not match or not alternative:
            return f"{chapter}: a picture is ![what it shows](figures/NAME.svg), not ![{alternative}]({link})"
        script, path = os.path.join(FIGURES, match[1] + ".py"), os.path.join(BOOK, link)
        if not os.path.isfile(script):
            return f"{chapter}: {link} is made by tests/notebook_figures/{match[1]}.py, which is not there"
        with open(script) as file:
            if "runs/story" in file.read() and not self.slow:
                return None
        run = self.run_command(f"PYTHONDONTWRITEBYTECODE=1 {sys.executable} tests/notebook_figures/{match[1]}.py")
        if run.returncode != 0 or not run.stdout:
            return f"{chapter}: tests/notebook_figures/{match[1]}.py failed: " + run.stderr.strip().split("\n")[-1]
        if self.write:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(run.stdout)
        if not os.path.isfile(path):
            return f"{chapter}: {link} is not there: make notebooks makes it"
        if os.path.getsize(path) > LARGEST_FIGURE:
            return f"{chapter}: {link} has more than 30 KB"
        with open(path) as file:
            return None if file.read() == run.stdout else f"{chapter}: {link} is out of date: make notebooks makes it anew"

    def unused_figures(self, texts):
        for folder, ending in ((os.path.join(BOOK, "figures"), ".svg"), (FIGURES, ".py")):
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
                stem = name[:-len(ending)]
                if name.endswith(ending) and stem != "svg" and f"](figures/{stem}.svg)" not in texts:
                    self.result(f"{os.path.join(os.path.relpath(folder, ROOT), name)} belongs to no chapter's picture")

    def exercises(self, names, texts):
        """As they stand they compile and fail; with the solution's functions in the place of their own they pass."""
        faults, folder = {}, os.path.join(ROOT, "build/exercises")
        os.makedirs(folder, exist_ok=True)
        for name in names:
            faults[name] = self.write_solved(name, texts, os.path.join(folder, name + "_solved.cpp"))
        programs = [name + ending for name in names if not faults[name] for ending in ("", "_solved")]
        jobs = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
        make = self.run_command(f"make -k -j{jobs} " + " ".join("build/exercises/" + program for program in programs), ROOT)
        for name in names:
            self.result(faults[name] or self.exercise_fault(name, make))

    def write_solved(self, name, texts, path):
        if f"`make exercise NAME={name}`" not in texts:
            return f"no chapter tells the reader to run `make exercise NAME={name}`"
        source, solution = (os.path.join(BOOK, "exercises", folder, name + ".cpp") for folder in ("", "solutions"))
        if not os.path.isfile(solution):
            return f"exercise {name} has no solution in notebooks_md/exercises/solutions/"
        with open(source) as file, open(solution) as solved_file:
            solved, fault = solved_exercise(file.read(), solved_file.read())
        before = None
        if os.path.isfile(path):
            with open(path) as file:
                before = file.read()
        if solved != before:  # so that make compiles what changed
            with open(path, "w") as file:
                file.write(solved)
        return f"exercise {name}: {fault}" if fault else None

    def exercise_fault(self, name, make):
        for program, wanted in ((name, "failing"), (name + "_solved", "passing")):
            if make.returncode != 0 and self.run_command(f"make -q build/exercises/{program}", ROOT).returncode != 0:
                return f"exercise {program} does not compile:\n{make.stderr}"
            run = self.run_command(f"build/exercises/{program}", ROOT)
            cases = re.search(r"test cases:\s*\d+ \|\s*(\d+) passed \|\s*(\d+) failed", run.stdout)
            actual = "passing" if cases and int(cases[1]) > 0 and cases[2] == "0" else "failing" if cases else "crashing"
            if actual != wanted:
                return f"exercise {program} is {actual}, not {wanted}:\n{run.stdout}"
        return None

    def glossary(self, texts):
        path = os.path.join(BOOK, "99_glossary.md")
        if not os.path.isfile(path):
            return
        with open(path) as file:
            terms = re.findall(r"^- \*\*(.+?)\*\*", file.read(), re.M)
        words = texts.lower()
        for term in terms:
            used = any(form in words for form in term.lower().split(", "))
            self.result(None if used else f"99_glossary.md explains {term!r}, which no chapter uses")
        order = sorted(terms, key=str.lower)
        wrong = [f"{a!r} stands before {b!r}" for a, b in zip(terms, order) if a != b]
        self.result(f"99_glossary.md is not in alphabetical order: {wrong[0]}" if wrong else None)


def solved_exercise(text, solution):
    """The exercise with each function of the solution in the place of its own, and what is wrong, or None."""
    names = re.findall(r"^(?!//|#|namespace|using|\s|template)[\w:<>*&,\s]*?\b(\w+)\(", solution, re.M)
    lines = text.split("\n")
    if not names:
        return text, "the solution defines no function"
    for name in names:
        here, there = (notebook_source.definitions(t, name) for t in ("\n".join(lines), solution))
        if len(here) != 1 or len(there) != 1:
            return text, f"{name} is not defined once in the exercise and once in the solution"
        _, begin, _, end = here[0]
        _, from_line, _, to_line = there[0]
        lines[begin:end] = solution.split("\n")[from_line:to_line]
    return "\n".join(lines), None


def main():
    wanted = [os.path.basename(word) for word in sys.argv[1:] if not word.startswith("--")]
    names = sorted(name for name in os.listdir(BOOK) if name.endswith(".md"))
    texts = "\n".join(open(os.path.join(BOOK, name)).read() for name in names if name != "99_glossary.md")
    checks = Checks("--write" in sys.argv, "--slow" in sys.argv)
    try:
        for name in names:
            if not wanted or name in wanted:
                checks.chapter(name)
        checks.unused_figures(texts)
        checks.glossary(texts)
        exercises = sorted(name[:-4] for name in os.listdir(os.path.join(BOOK, "exercises")) if name.endswith(".cpp"))
        exercises = [name for name in exercises if not wanted or any(name[:2] == chapter[:2] for chapter in wanted)]
        if exercises:
            checks.exercises(exercises, texts)
    finally:
        shutil.rmtree(checks.scratch)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return int(checks.failed > 0)


if __name__ == "__main__":
    sys.exit(main())

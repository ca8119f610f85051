#!/usr/bin/env python3
"""Changes one operation of the mathematics at a time: the rewards, advantages and losses of PPO, the preference model's
loss, the sampler's distribution, the model's backward pass and the optimizer. The related tests have to fail every time.

  tests/mutants.py BUILD   BUILD holds the objects of the tests and kernels, compiled at -O0 (make mutants)
  SAMPLE=20                so many mutants, drawn at random; all: every one
  SEED=7                   draws the same ones again
  ONLY=kl_term             only mutants whose file, function or code contains this text
  VERBOSE=1                also prints those that were caught

A mutant of a header is one small object: the function with the change. It is linked before the objects of the tests,
which hold the function unchanged; of several copies of an inline function the linker keeps the first, and at -O0 none
was copied into its callers. A mutant that cannot change any result is listed in tests/mutants_equivalent.txt with the
reason; one that does not compile is no mutant. Default arguments are left out, for they are compiled where a function
is called. The last line is "N passed, N failed": caught counts as passed; the exit status is 0 if at least 95 % are.
"""
import concurrent.futures
import os
import random
import re
import resource
import subprocess
import sys
import time

# Each file, the test files that have to notice, and the functions meant (all, unless given).
FILES = {
    "core/method/ppo_rewards.h": ("advantage ppo_math", ""),
    "core/method/ppo_advantages.h": ("advantage ppo_math", ""),
    "core/method/ppo_losses.h": ("advantage ppo_math", ""),
    "core/method/preference.h": ("advantage ppo_math", ""),
    "cpu/losses.cpp": ("losses advantage", ""),
    "cpu/classifier.cpp": ("classifier token_draws", ""),
    "cpu/adamw.cpp": ("adamw optimizer", ""),
    "core/nn/optimizer.h": ("optimizer", ""),
    "core/nn/learning_rate.h": ("optimizer", ""),
    "core/nn/model.h": ("model", "backward|gradients"),
}

TOKEN = re.compile(r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#[^\n]*)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<number>(?:0x[0-9a-f']+|[0-9][0-9']*(?:\.[0-9]*)?|\.[0-9]+)(?:[ep][+-]?[0-9]+)?[a-z]*)|(?P<word>\w+)
    |(?P<mark><<=|>>=|<=>|->|\+\+|--|&&|\|\||[-+*/%&|^<>=!]=|::|<<|>>|.)""", re.X | re.M | re.S | re.I)
# The house style puts blanks around a binary operator, and none into template arguments.
INSTEAD = {"+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=",
           "!=": "==", "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*="}
NUMBERS = {0: ["1"], 1: ["0", "2"], 2: ["1"]}
DECLARATION = re.compile(r"(const|static|constexpr|auto|using|struct|template)\b|"
                         r"[\w:]+(<[^;()]*>)?[\s*&]+\w+\s*[=({;\[,]")
JUMP = re.compile(r"return\b|break\b|continue\b")
STATEMENT = re.compile(r"(if|for|while|switch|do|else|case|default|goto)\b")


class Source:
    """A file as tokens (kind, text, begin, end), the partner of each bracket, and its functions."""

    def __init__(self, path):
        self.path, self.text = path, open(path, encoding="utf-8").read()
        self.tokens = [(m.lastgroup, m.group(), m.start(), m.end()) for m in TOKEN.finditer(self.text)
                       if m.lastgroup != "skip"]
        self.partner, self.around, open_ones = {}, [], []  # around: the bracket that a token stands in
        for i, (kind, text, _, _) in enumerate(self.tokens):
            self.around.append(self.tokens[open_ones[-1]][1] if open_ones else "")
            if kind == "mark" and text in "([{":
                open_ones.append(i)
            elif kind == "mark" and text in ")]}":
                self.partner[i] = open_ones.pop()
                self.partner[self.partner[i]] = i
        # Bodies: (first token, last token, where the declaration begins, name). In a struct, so are initial values.
        self.bodies, self.structs = [], []
        self.read_scope(0, len(self.tokens), None)

    def is_(self, i, *texts):
        return 0 <= i < len(self.tokens) and self.tokens[i][1] in texts

    def read_scope(self, i, end, struct):
        begin = i
        while i < end:
            if self.is_(i, "("):
                i = self.partner[i]
            elif self.is_(i, ";"):
                if struct and any(self.is_(j, "=") for j in range(begin, i)):
                    self.bodies.append((begin, i, None, struct))
                begin = i + 1
            elif self.is_(i, "{"):
                close, head = self.partner[i], [token[1] for token in self.tokens[begin:i]]
                if "namespace" in head:
                    self.read_scope(i + 1, close, None)
                elif head and head[0] == "struct":
                    self.structs.append((head[1], i, close))
                    self.read_scope(i + 1, close, head[1])
                elif "(" in head:
                    self.bodies.append((i, close, self.tokens[begin][2], head[head.index("(") - 1]))
                else:  # a list of values
                    i = close
                    continue
                i = close
                begin = i + 1
            i += 1

    def arguments(self, opening):
        """The spans of a call's arguments, as pairs of offsets."""
        spans, begin, i, close = [], opening + 1, opening + 1, self.partner[opening]
        while i <= close:
            if i == close or self.is_(i, ","):
                if i > begin:
                    spans.append((self.tokens[begin][2], self.tokens[i - 1][3]))
                begin = i + 1
            elif i in self.partner:
                i = self.partner[i]
            i += 1
        return spans

    def unseen(self):
        """The tokens of error messages."""
        inside = set()
        for i, token in enumerate(self.tokens):
            if token[1] in ("expects", "fail") and self.is_(i + 1, "("):
                spans = self.arguments(i + 1)
                after = spans[0][1] if token[1] == "expects" else spans[0][0]
                inside.update(j for j in range(i + 1, self.partner[i + 1]) if self.tokens[j][2] >= after)
        return inside

    def changes(self, first, last):
        """(begin, end, replacement) of each mutant within a body."""
        unseen, text = self.unseen(), self.text
        for i in range(first, last + 1):
            if i in unseen:
                continue
            kind, word, begin, end = self.tokens[i]
            binary = text[begin - 1].isspace() and text[end].isspace()
            if kind == "mark" and word in INSTEAD and binary:
                yield begin, end, INSTEAD[word]
            elif word == "!" or word == "-" and not binary and not text[end].isspace():
                yield begin, end, ""
            elif kind == "number":
                value = re.sub(r"[fulFUL]+$", "", word) if not word.startswith("0x") else "3"
                for other in NUMBERS.get(float(value), [f"(2 * {word})"]):
                    yield begin, end, other
            elif word in ("true", "false"):
                yield begin, end, "false" if word == "true" else "true"
            elif word in ("min", "max") and self.is_(i + 1, "("):
                yield begin, end, "max" if word == "min" else "min"
            elif word == "clamp" and self.is_(i + 1, "("):
                x = self.arguments(i + 1)[0]
                start = self.tokens[i - 2][2] if self.is_(i - 1, "::") else begin
                yield start, self.tokens[self.partner[i + 1]][3], f"({text[x[0]:x[1]]})"
            elif word == "if" and self.is_(i + 1, "("):
                start, stop = self.tokens[i + 1][2], self.tokens[self.partner[i + 1]][3]
                if self.worth_negating(text[start + 1:stop - 1]):
                    yield start, stop, f"(!{text[start:stop]})"
            elif word == "?":
                j = i - 1
                while not self.is_(j, "=", "(", ",", "return", "[", ";", "{", "?", ":"):
                    j = self.partner[j] - 1 if self.is_(j, ")", "]", "}") else j - 1
                start = self.tokens[j + 1][2]
                if self.worth_negating(text[start:begin]):
                    yield start, begin, f"!({text[start:begin].strip()}) "
            elif word in ("k", "kernels") and self.is_(i + 1, ".", "->") and self.is_(i + 3, "("):
                spans = self.arguments(i + 3)
                for (a, b), (c, d) in zip(spans, spans[1:]):
                    if text[a:b] != text[c:d]:
                        yield a, d, text[c:d] + text[b:c] + text[a:b]
                for a, b in spans:
                    if re.fullmatch(r"([A-Zn]|\w+\.n|\d)( [*+] [A-Z])*", text[a:b]):
                        yield a, b, text[a:b] + " - 1"
            if i > first and self.around[i] == "{" and self.begins_statement(i):
                yield from self.deletion(i, last)

    @staticmethod
    def worth_negating(condition):
        """Unless another mutant does the same: of a single == or a leading !."""
        return "&&" in condition or "||" in condition or not re.search("[=!]=|^!", condition)

    def begins_statement(self, i):
        if self.is_(i - 1, ")"):
            return self.is_(self.partner[i - 1] - 1, "if", "for", "while")
        if self.is_(i - 1, ":"):
            return any(self.is_(j, "case", "default") for j in range(i - 5, i))
        return self.is_(i - 1, "{", "}", ";", "else")

    def deletion(self, i, last):
        j = i
        while not self.is_(j, ";"):
            if j >= last or self.is_(j, "{", "}"):
                return
            j = self.partner[j] + 1 if self.is_(j, "(", "[") else j + 1
        if self.tokens[i][0] != "word" and not self.is_(i, "(", "*", "++", "--"):
            return
        begin, end = self.tokens[i][2], self.tokens[j][3]
        statement = self.text[begin:end]
        if statement == ";" or STATEMENT.match(statement):
            return
        if JUMP.match(statement):
            if self.is_(j + 1, "}") and not self.is_(i - 1, ")"):
                return  # the end of a function
        elif DECLARATION.match(statement):
            return
        yield begin, end, ";"


class Mutant:
    def __init__(self, source, function, begin, end, replacement, used):
        text = source.text
        self.path, self.function = source.path, function
        self.line = text.count("\n", 0, begin) + 1
        first, final = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
        self.before = " ".join(text[first:final].split())
        self.after = " ".join((text[first:begin] + replacement + text[end:final]).split())
        self.text = text[:begin] + replacement + text[end:]
        for at in sorted(used, reverse=True):  # the function's declaration lies before the change
            at += len(replacement) - (end - begin) if at > begin else 0
            self.text = self.text[:at] + "[[gnu::used]] " + self.text[at:]
        self.name = f"{self.path}:{self.line}: {function}: {self.before}  ->  {self.after}"


def mutants_of(path):
    source, header, wanted = Source(path), path.endswith(".h"), FILES[path][1]
    for first, last, declaration, function in source.bodies:
        if not re.search(wanted, function):
            continue
        if declaration is None:  # initial values of a struct's members: compiled with its functions
            used = [d for name, opening, close in source.structs if name == function
                    for f, _, d, _ in source.bodies if d is not None and opening < f < close]
            used = used or [d for _, _, d, _ in source.bodies if d is not None]
        else:
            used = [declaration]
        used = [d for d in used if header and not source.text.startswith("template", d)]
        for begin, end, replacement in source.changes(first, last):
            yield Mutant(source, function, begin, end, replacement, used)


def read_equivalents(path):
    """Paragraphs of four lines: file, "- " the code, "+ " the change, the reason."""
    entries = {}
    for paragraph in open(path, encoding="utf-8").read().split("\n\n"):
        lines = [line for line in paragraph.strip().split("\n") if line and not line.startswith("#")]
        if lines:
            if len(lines) != 4 or not lines[1].startswith("- ") or not lines[2].startswith("+ "):
                sys.exit(f"{path}: this paragraph is not a file, a line with -, a line with + and a reason: {lines[0]}")
            entries[lines[0], lines[1][2:], lines[2][2:]] = lines[3]
    return entries


class Builder:
    def __init__(self, build):
        with open(f"{build}/flags", encoding="utf-8") as flags:  # the compiler, its flags, and the kernels' own
            self.build, self.compiler = build, flags.read().split()[:-1]
        # 70 is too old a chip, so that the tests run on the CPU alone.
        self.environment = dict(os.environ, CAI_EMU_ARCH="70", OMP_WAIT_POLICY="passive")
        self.limit = {}

    def link(self, path, mutant, program):
        objects = [f"{self.build}/objects/tests/test_{stem}.o" for stem in FILES[path][0].split()]
        kernels = [f"{self.build}/objects/{folder}/{name[:name.rindex('.')]}.o" for folder in ("cpu", "cuda")
                   for name in sorted(os.listdir(folder)) if name.endswith((".cpp", ".cu"))]
        kernels = [name for name in kernels if not mutant or not path.endswith(".cpp") or
                   name != f"{self.build}/objects/{path[:-4]}.o"]
        return subprocess.run(self.compiler + mutant + [f"{self.build}/objects/tests/main.o"] + objects + kernels +
                              ["-o", program], capture_output=True, check=False)

    def tests_pass(self, program, limit):
        try:
            return subprocess.run([program, "--abort-after=1"], env=self.environment, timeout=limit, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def unchanged_passes(self, path):
        program, begin = f"{self.build}/unchanged", time.time()
        linked = self.link(path, [], program)
        passes = linked.returncode == 0 and self.tests_pass(program, 600)
        self.limit[path] = 20 + 10 * (time.time() - begin)
        return passes

    def verdict(self, number, mutant):
        stem = f"{self.build}/mutant{number}"
        compiled = subprocess.run(
            self.compiler + ["-w", "-include", os.path.abspath(f"{self.build}/product.h"), "-x", "c++", "-c",
                             "-", "-o", os.path.abspath(stem + ".o")], input=mutant.text.encode(), capture_output=True,
            cwd=os.path.dirname(mutant.path), check=False)  # in its folder, so that its includes are found
        try:
            if compiled.returncode:
                return "does not compile"
            linked = self.link(mutant.path, [stem + ".o"], stem)
            if linked.returncode:
                return "does not link: " + linked.stderr.decode()[:500]
            return "SURVIVED" if self.tests_pass(stem, self.limit[mutant.path]) else "caught"
        finally:
            for name in (stem, stem + ".o"):
                if os.path.exists(name):
                    os.remove(name)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    begin, builder, only = time.time(), Builder(sys.argv[1]), os.environ.get("ONLY", "")
    listed = read_equivalents("tests/mutants_equivalent.txt")
    everything = [mutant for path in FILES for mutant in mutants_of(path)]
    known = {(m.path, m.before, m.after) for m in everything} & set(listed)
    mutants = [m for m in everything if (m.path, m.before, m.after) not in known and only in m.name]
    for path, before, after in set(listed) - known:
        print(f"tests/mutants_equivalent.txt: {path} has no such line (any more): {before}  ->  {after}")
    sample = os.environ.get("SAMPLE") or "100"
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(10**6))
    if sample != "all":
        random.Random(seed).shuffle(mutants)
    wanted = len(mutants) if sample == "all" else int(sample)
    print(f"{len(mutants)} places, and {len(known)} more that are listed as equivalent; SAMPLE={sample} SEED={seed}",
          flush=True)
    broken_tests = [path for path in sorted({m.path for m in mutants}) if not builder.unchanged_passes(path)]
    if broken_tests:
        print(f"FAILED: the tests of what is not changed yet: {', '.join(broken_tests)}")
        print(f"0 passed, {len(broken_tests)} failed")
        return 1
    caught = survived = broken = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while mutants and caught + survived < wanted:
            count = wanted - caught - survived
            batch, mutants = mutants[:count], mutants[count:]
            for mutant, verdict in zip(batch, pool.map(builder.verdict, range(len(batch)), batch)):
                caught += verdict == "caught"
                survived += verdict not in ("caught", "does not compile")
                broken += verdict == "does not compile"
                if verdict != "caught" or os.environ.get("VERBOSE"):
                    print(f"{verdict}: {mutant.name}", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{broken} do not compile and do not count; {time.time() - begin:.0f} seconds, "
          f"of a processor {used.ru_utime + used.ru_stime:.0f}")
    print(f"{caught} passed, {survived} failed")
    return 0 if caught and caught >= 0.95 * (caught + survived) else 1


if __name__ == "__main__":
    sys.exit(main())

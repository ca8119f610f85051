#!/usr/bin/env python3
"""Changes one operation of the mathematics at a time: the rewards, advantages and losses of PPO, the preference model's
loss, the sampler's distribution, the model's backward pass and the optimizer. The related tests have to fail every time.

  tests/mutants.py BUILD   BUILD holds the objects of the tests and kernels, compiled at -O0 (make mutants)
  SAMPLE=20                so many mutants, drawn at random; all: every one
  SEED=7                   draws the same ones again
  ONLY=kl_term             only mutants whose file, function or code contains this text
  VERBOSE=1                also prints those that were caught

All mutants of a file are compiled together: each changed function holds a copy of its body for each of its mutants, and
the environment's CAI_MUTANT chooses. Of a header only this one object is new. It is linked before the objects of the
tests, which hold the functions unchanged; of several copies of an inline function the linker keeps the first, and at
-O0 none was copied into its callers. A mutant that cannot change any result is listed in tests/mutants_equivalent.txt
with the reason; one that does not compile is no mutant. Default arguments are left out, for they are compiled where a function
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
    "core/method/ppo_rewards.h": ("advantage ppo_math ppo_reference", ""),
    "core/method/ppo_advantages.h": ("advantage ppo_math ppo_reference", ""),
    "core/method/ppo_losses.h": ("advantage ppo_math ppo_reference", ""),
    "core/method/preference.h": ("advantage ppo_math", ""),
    "cpu/losses.cpp": ("losses advantage ppo_math", ""),
    "cpu/classifier.cpp": ("classifier token_draws", ""),
    "cpu/quantized.cpp": ("quantized", ""),
    "cpu/adamw.cpp": ("adamw optimizer", ""),
    "core/nn/optimizer.h": ("optimizer", ""),
    "core/nn/learning_rate.h": ("optimizer", ""),
    "core/nn/model.h": ("model backward", "backward"),
    "core/nn/train_step.h": ("model backward", ""),
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
                    yield begin, end, other if "(" in other or "." not in word else f"{other}.0{word[len(value):]}"
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
    def __init__(self, source, body, change):
        self.source, self.body, self.change, self.path = source, body, change, source.path
        (begin, end, replacement), text = change, source.text
        first, final = text.rfind("\n", 0, begin) + 1, text.find("\n", end)
        self.before = " ".join(text[first:final].split())
        self.after = " ".join((text[first:begin] + replacement + text[end:final]).split())
        self.key = (self.path, self.before, self.after)
        self.name = f"{self.path}:{text.count(chr(10), 0, begin) + 1}: {body[3]}: {self.before}  ->  {self.after}"

    def changed(self, first, last):
        begin, end, replacement = self.change
        return self.source.text[first:begin] + replacement + self.source.text[end:last]


def mutants_of(path):
    source = Source(path)
    return [Mutant(source, body, change) for body in source.bodies if re.search(FILES[path][1], body[3])
            for change in source.changes(body[0], body[1])]


CHOICE = """#include <cstdlib>
static int chosen_mutant() {
    static const int number = std::atoi(std::getenv("CAI_MUTANT"));
    return number;
}
"""


def with_mutants(source, mutants):
    """The source with these mutants (number -> mutant), CAI_MUTANT choosing; an initial value has to be alone."""
    edits, bodies = [], {}
    for number, mutant in mutants.items():
        if mutant.body[2] is None:
            edits.append(mutant.change)
        else:
            bodies.setdefault(mutant.body, []).append(number)
    for body, numbers in bodies.items():
        begin, end = source.tokens[body[0]][2], source.tokens[body[1]][3]
        cases = [f'case {n}:\n#line 1 "mutant{n}"\n{mutants[n].changed(begin, end)}\nbreak;\n' for n in numbers]
        edits.append((begin, end, f"{{ switch (chosen_mutant()) {{\n{''.join(cases)}default: {source.text[begin:end]} }} }}"))
    if source.path.endswith(".h"):  # the linker is to find every function here, called or not
        edits += [(at, at, "[[gnu::used]] ") for _, _, at, _ in source.bodies
                  if at is not None and not source.text.startswith("template", at)]
    text = source.text
    for begin, end, replacement in sorted(edits, reverse=True):
        text = text[:begin] + replacement + text[end:]
    return CHOICE + text


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
        self.limit = {}

    def compile(self, source, mutants, stem):
        """Compiles and links these mutants, and returns the numbers of those that do not compile."""
        broken = set()
        while True:
            mutants = {number: mutant for number, mutant in mutants.items() if number not in broken}
            done = subprocess.run(
                self.compiler + ["-w", "-include", os.path.abspath(f"{self.build}/tests.h"), "-x", "c++", "-c", "-",
                                 "-o", os.path.abspath(stem + ".o")], input=with_mutants(source, mutants).encode(),
                capture_output=True, check=False, cwd=os.path.dirname(source.path))  # so that its includes are found
            if done.returncode == 0:
                break
            text = done.stderr.decode()
            faults = set(re.findall(r"mutant(\d+):\d+:\d+: +(?:error|required)", text)) & set(map(str, mutants))
            if not faults and len(mutants) == 1:
                faults = set(map(str, mutants))
            if not faults:
                sys.exit(f"{source.path} does not compile with its mutants: {text[:2000]}")
            broken |= set(map(int, faults))
        objects = [f"{self.build}/objects/tests/test_{name}.o" for name in FILES[source.path][0].split()]
        kernels = [f"{self.build}/objects/{folder}/{name[:name.rindex('.')]}.o" for folder in ("cpu", "cuda")
                   for name in sorted(os.listdir(folder)) if name.endswith((".cpp", ".cu"))]
        kernels = [name for name in kernels if name != f"{self.build}/objects/{os.path.splitext(source.path)[0]}.o"]
        subprocess.run(self.compiler + [stem + ".o", f"{self.build}/objects/tests/main.o"] + objects + kernels +
                       ["-o", stem], check=True)
        return broken

    def tests_pass(self, program, number, limit):
        # 70 is too old a chip, so that the tests run on the CPU alone.
        environment = dict(os.environ, CAI_MUTANT=str(number), CAI_EMU_ARCH="70", OMP_WAIT_POLICY="passive")
        try:
            return subprocess.run([program, "--abort-after=1"], env=environment, timeout=limit, check=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def verdicts(self, pool, mutants):
        """Yields each mutant with "caught", "SURVIVED" or "does not compile"."""
        groups, program = {}, {}
        for number, mutant in enumerate(mutants):  # an initial value has a program of its own
            groups.setdefault((mutant.path, number if mutant.body[2] is None else -1), {})[number] = mutant
        stems = [f"{self.build}/mutants{i}" for i in range(len(groups))]
        sources = [next(iter(group.values())).source for group in groups.values()]
        broken = set().union(*pool.map(self.compile, sources, groups.values(), stems))
        for stem, source, group in zip(stems, sources, groups.values()):
            program.update(dict.fromkeys(group, stem))
            if source.path not in self.limit:
                begin = time.time()
                if len(group) > 1 and not self.tests_pass(stem, -1, 600):
                    sys.exit(f"FAILED: the tests of {source.path} as it is\n0 passed, 1 failed")
                self.limit[source.path] = 20 + 10 * (time.time() - begin)
        verdict = lambda number: ("does not compile" if number in broken else "SURVIVED" if self.tests_pass(
            program[number], number, self.limit[mutants[number].path]) else "caught")
        yield from zip(mutants, pool.map(verdict, range(len(mutants))))
        for stem in stems:
            os.remove(stem)
            os.remove(stem + ".o")


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    begin, builder, only = time.time(), Builder(sys.argv[1]), os.environ.get("ONLY", "")
    listed = read_equivalents("tests/mutants_equivalent.txt")
    for path in FILES:
        if not os.path.exists(path) or not mutants_of(path):
            sys.exit(f"{path} has no place to change, or is not there: mend FILES in tests/mutants.py")
    everything = [mutant for path in FILES for mutant in mutants_of(path)]
    mutants = [m for m in everything if m.key not in listed and only in m.name]
    for path, before, after in set(listed) - {m.key for m in everything}:
        print(f"tests/mutants_equivalent.txt: {path} has no such line (any more): {before}  ->  {after}")
    sample, seed = os.environ.get("SAMPLE") or "100", os.environ.get("SEED") or str(random.randrange(10**6))
    if sample != "all":
        random.Random(seed).shuffle(mutants)
    wanted = len(mutants) if sample == "all" else int(sample)
    print(f"{len(mutants)} places, and {sum(m.key in listed for m in everything)} more that are listed as equivalent; "
          f"SAMPLE={sample} SEED={seed}", flush=True)
    count = {"caught": 0, "SURVIVED": 0, "does not compile": 0}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        while mutants and count["caught"] + count["SURVIVED"] < wanted:
            missing = wanted - count["caught"] - count["SURVIVED"]
            batch, mutants = mutants[:missing], mutants[missing:]
            for mutant, verdict in builder.verdicts(pool, batch):
                count[verdict] += 1
                if verdict == "SURVIVED" or os.environ.get("VERBOSE"):
                    print(f"{verdict}: {mutant.name}", flush=True)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{count['does not compile']} do not compile and do not count; {time.time() - begin:.0f} seconds, "
          f"of a processor {used.ru_utime + used.ru_stime:.0f}")
    print(f"{count['caught']} passed, {count['SURVIVED']} failed")
    return 0 if count["caught"] and count["caught"] >= 0.95 * (count["caught"] + count["SURVIVED"]) else 1


if __name__ == "__main__":
    sys.exit(main())

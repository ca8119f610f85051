"""Commands for gdb, which the sessions of the book use; .gdbinit reads this file.

tensor NAME    a tensor's shape and its corners, of NAME[2] row 2 alone
text NAME      a string, or each of a vector's
rollout R 0    one answer of PPO, token by token
backtrace      without the standard library's functions, with short names; all of it: backtrace -no-filters
"""
import os
import re

import gdb
from gdb.FrameDecorator import FrameDecorator


def size_of(vector):
    start = vector["_M_impl"]["_M_start"]
    return int(vector["_M_impl"]["_M_finish"] - start)


def elements(vector):
    first = vector["_M_impl"]["_M_start"]
    return [first[i] for i in range(size_of(vector))]


class Command(gdb.Command):
    """A command under the name of its class, whose errors begin with that name. wanted: what it says without arguments."""

    def __init__(self):
        self.name = type(self).__name__.lower()
        super().__init__(self.name, gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        if not argument:
            raise gdb.GdbError(f"{self.name}: {self.wanted}")
        try:
            self.show(argument)
        except gdb.error as error:
            raise gdb.GdbError(f"{self.name}: {error}")


class Tensor(Command):
    """tensor NAME [SIZE...]: the shape of a tensor and the numbers in its corners.

Without sizes, the shape is what the comment above the function says, such as "out, x (N,C)" or "logits (N,V)", or the
comment behind the member of a struct. A std::vector is a tensor of one dimension.
tensor NAME[I] is row I alone. Example: tensor x, tensor s.qkv, tensor s.qkv[2], tensor qkv N (H+2*K)*D"""

    wanted = "name one, as in `tensor x`"

    def show(self, argument):
        words = gdb.string_to_argv(argument)
        value, row = gdb.parse_and_eval(words[0]), re.fullmatch(r"(.+)\[([^\[\]]+)\]", words[0])
        if row and len(words) == 1 and value.type.strip_typedefs().code in (gdb.TYPE_CODE_FLT, gdb.TYPE_CODE_INT):
            self.show_row(row[1], row[2])
            return
        kind = value.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_REF:
            value, kind = value.referenced_value(), kind.target().strip_typedefs()
        if kind.code == gdb.TYPE_CODE_STRUCT and "vector<" in str(kind):
            sizes = words[1:] or [str(size_of(value))]
            value = value["_M_impl"]["_M_start"]
        else:
            if kind.code not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY):
                raise gdb.GdbError(f"tensor: {words[0]} is a {kind}, not numbers in memory")
            sizes = words[1:] or self.sizes(words[0])
        element = value[0].type.strip_typedefs().unqualified()
        if element.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_PTR):
            raise gdb.GdbError(f"tensor: {words[0]} holds {element}, not numbers; `text` prints strings")
        shape = [self.size(size, words[0], sizes) for size in sizes]
        print(f"{words[0]} {element} ({','.join(map(str, shape))})")
        columns = shape[-1]
        rows = 1
        for size in shape[:-1]:
            rows *= size
        self.print_rows(value, self.corner(rows), columns)

    def show_row(self, name, index):
        """One row of a matrix, or one number of a vector."""
        sizes = self.sizes(name)
        width = self.size(sizes[-1], name, sizes) if len(sizes) > 1 else 1
        start = gdb.parse_and_eval(name) + int(gdb.parse_and_eval(index)) * width
        self.print_rows(start, [0], width, f"{name}[{index}] ({width})")

    def print_rows(self, value, rows, columns, before=""):
        """Whole numbers, decimals, or, if all that are shown are below 0.01, as gradients are, powers of ten."""
        whole = value[0].type.strip_typedefs().code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_ENUM)
        number = int if whole else float
        shown = [None if r is None else
                 [None if c is None else number(value[r * columns + c]) for c in self.corner(columns)] for r in rows]
        largest = max((abs(x) for row in shown if row for x in row if x is not None), default=0)
        form = "8d" if whole else "9.2e" if 0 < largest < 0.01 else "8.4f"
        for row in shown:
            print(before + "  " + " ".join("..." if x is None else f"{'0':>9}" if x == 0 and form == "9.2e" else
                                           format(x, form) for x in row or [None]))

    @staticmethod
    def corner(size):
        """The first three and the last two indices, and None for those between."""
        return list(range(size)) if size <= 6 else [0, 1, 2, None, size - 2, size - 1]

    @staticmethod
    def size(size, name, sizes):
        try:
            return int(gdb.parse_and_eval(size))
        except gdb.error:
            known = " ".join("..." if other == size else other for other in sizes)
            raise gdb.GdbError(f"tensor: {name} is ({','.join(sizes)}), and {size} is no number here; "
                               f"say the sizes: tensor {name} {known}")

    @staticmethod
    def sizes(name):
        """The sizes that a comment states: behind a struct's member, or above the function; dx has the shape of x."""
        owner, _, member = re.sub("->", ".", name).rpartition(".")
        if owner:
            kind = gdb.parse_and_eval(owner).type
            shape = member_shape(kind, member) or member_shape(kind, member[1:])
        else:
            shape = argument_shape(name) or argument_shape(name[1:])
        if not shape:
            raise gdb.GdbError(f"tensor: no comment states the shape of {name}; say it: tensor {name} ROWS COLUMNS")
        # (N,(H+2K)·D) is N rows of (H+2*K)*D numbers.
        return re.sub(r"(\d)([A-Z])", r"\1*\2", shape).replace("·", "*").split(",")


SHAPE = r"\(((?:[\w+·,\[\]]|\([\w+]*\))+)\)"


def argument_shape(name):
    function = gdb.selected_frame().function()
    with open(function.symtab.fullname()) as file:
        lines = file.read().split("\n")[:function.line - 1]
    comment = ""
    while lines and (lines[-1].lstrip().startswith(("//", "template", "[[")) or not comment and lines[-1].strip()):
        comment = lines.pop().strip().lstrip("/ ") + " " + comment
    for names, shape in reversed(re.findall(r"((?:\w+, )*\w+) " + SHAPE, comment)):
        if name in names.split(", "):
            # "N = offsets[S]" says what a letter is that is no argument.
            for letter, value in re.findall(r"\b([A-Z]) = (\w+\[\w+\])", comment):
                shape = re.sub(rf"\b{letter}\b", value, shape)
            return shape
    return None


def member_shape(kind, member):
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_PTR):
        kind = kind.target()
    struct = gdb.lookup_symbol(kind.unqualified().strip_typedefs().name, domain=gdb.SYMBOL_STRUCT_DOMAIN)[0]
    if struct is None:
        return None
    with open(struct.symtab.fullname()) as file:
        lines = file.read().split("\n")[struct.line:]
    for line in lines:
        if line.startswith("};"):
            break
        if member and (match := re.match(rf"\s*[\w:<>*]+\s[^/]*\b{member}\b[^/]*;\s*// {SHAPE}", line)):
            return match[1]
    return None


class Text(Command):
    """text NAME: a string, or each string of a vector in a line. Example: text pairs[0].prompt"""

    wanted = "name a string, as in `text pairs[0].prompt`"

    def show(self, argument):
        for line in self.strings(self.value(argument), argument):
            print(line)

    @staticmethod
    def value(path):
        """Follows members and indices by hand: vector's operator[] may not have been compiled."""
        steps = re.findall(r"\[([^\]]*)\]|(?:\.|->)?(\w+)", path)
        value = gdb.parse_and_eval(steps[0][1])
        for index, member in steps[1:]:
            if value.type.code == gdb.TYPE_CODE_REF:
                value = value.referenced_value()
            if member:
                value = (value.dereference() if value.type.code == gdb.TYPE_CODE_PTR else value)[member]
                continue
            i = int(gdb.parse_and_eval(index))
            if "vector<" in str(value.type.strip_typedefs()):
                size = size_of(value)
                if not 0 <= i < size:
                    raise gdb.GdbError(f"text: {path}: there is no [{i}] among {size}")
                value = value["_M_impl"]["_M_start"]
            value = value[i]
        return value.referenced_value() if value.type.code == gdb.TYPE_CODE_REF else value

    @classmethod
    def strings(cls, value, name):
        """Bytes that are no UTF-8, of which an untrained model writes some, as \\xff."""
        kind = str(value.type.strip_typedefs().unqualified())
        if kind.startswith(("std::basic_string_view<", "std::string_view")):
            return [value["_M_str"].string("utf-8", "backslashreplace", length=int(value["_M_len"]))]
        if kind.startswith(("std::__cxx11::basic_string<", "std::basic_string<", "std::string")):
            length = int(value["_M_string_length"])
            return [value["_M_dataplus"]["_M_p"].string("utf-8", "backslashreplace", length=length)]
        if kind.startswith("std::vector<"):
            return [line for element in elements(value) for line in cls.strings(element, name)]
        if kind in ("char *", "const char *"):
            return [value.string("utf-8", "backslashreplace")]
        raise gdb.GdbError(f"text: {name} is a {value.type}, not text; `print {name}` shows it")


class ProjectFrame(FrameDecorator):
    """A frame with its file by the shortest way, its function without types, and a lambda by the function around it."""

    def function(self):
        name = super().function()
        if not isinstance(name, str):
            return name
        short = re.match(r"(?:\(anonymous namespace\)|[^(])*", name)[0]
        if short == "operator":
            return "a lambda"
        return short + (", a lambda" if "{lambda" in name[len(short):] else "")

    def filename(self):
        name = super().filename()
        return os.path.normpath(name) if name else name


class ProjectFrames:
    """For `bt`: leaves out what the standard library put between the project's functions."""

    def __init__(self):
        self.name, self.priority, self.enabled = "project", 100, True
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        return (ProjectFrame(frame) for frame in frames
                if not (frame.inferior_frame().name() or "").startswith(("std::", "__gnu_cxx::")))


class Rollout(Command):
    """rollout ROLLOUTS [INDEX]: what is known so far of one of PPO's answers, token by token.

ROLLOUTS is a cai::Rollouts (core/method/rollouts.h), INDEX counts its answers from 0. Columns come as PPO fills them in:
logprob when sampled; reference, k1 and value when judged; advantage (whitened, if it is) and return when estimated."""

    wanted = "name the rollouts, as in `rollout r 0`"

    def show(self, argument):
        words = gdb.string_to_argv(argument)
        r, index = gdb.parse_and_eval(words[0]), int(gdb.parse_and_eval(words[1])) if words[1:] else 0
        if r.type.code == gdb.TYPE_CODE_REF:
            r = r.referenced_value()
        offsets = [int(offset) for offset in elements(r["offsets"])]
        if not 0 <= index < len(offsets) - 1:
            raise gdb.GdbError(f"rollout: there are {len(offsets) - 1} answers, counted from 0")
        answer = slice(offsets[index], offsets[index + 1])
        columns = {"logprob": r["logprobs"], "reference": r["reference_logprobs"], "value": r["values"],
                   "advantage": r["estimate"]["advantages"], "return": r["estimate"]["returns"]}
        columns = {name: [float(x) for x in elements(of)[answer]] for name, of in columns.items()}
        columns = {name: column for name, column in columns.items() if column}
        if "reference" in columns:
            pairs = zip(columns["logprob"], columns["reference"])
            columns["k1"] = [logprob - reference for logprob, reference in pairs]
        scores = elements(r["scores"])
        print("prompt  " + Text.strings(r["prompts"]["_M_impl"]["_M_start"][index], "prompts")[0])
        print("answer  " + Text.strings(r["answers"]["_M_impl"]["_M_start"][index], "answers")[0])
        if scores:
            print(f"score   {float(scores[index]):.4f}")
        names = [n for n in ("logprob", "reference", "k1", "value", "advantage", "return") if n in columns]
        tokens = elements(r["sequences"]["_M_impl"]["_M_start"][index])[answer.start - answer.stop:]
        print("    t  token" + "".join(f"{name:>11}" for name in names))
        for t in range(len(tokens)) if len(tokens) <= 10 else Tensor.corner(len(tokens)):
            print("  ..." if t is None else
                  f"{t:5d} {int(tokens[t]):6d}" + "".join(f"{columns[name][t]:11.4f}" for name in names))


def explain_exit(event):
    """A stage that is finished does nothing when it is run again, and no breakpoint is reached."""
    arguments = re.search('"(.*)"', gdb.execute("show args", to_string=True)).group(1)
    reached = any(breakpoint.hit_count for breakpoint in gdb.breakpoints())
    if not gdb.breakpoints() or reached or getattr(event, "exit_code", 1) != 0 or "--force" in arguments:
        return
    if arguments.startswith("all"):
        print("No breakpoint was reached. If the run was finished already, name another folder with --out: set args ...")
    else:
        print("No breakpoint was reached. If the stage was finished already, --force runs it again:")
        print(f"set args {arguments} --force")


gdb.events.exited.connect(explain_exit)
Tensor()
Text()
Rollout()
ProjectFrames()
# `step` goes into the project's functions only, not into those of the standard library.
gdb.execute("skip -rfu ^std::", to_string=True)
gdb.execute("skip -rfu ^__gnu_cxx::", to_string=True)

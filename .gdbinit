# What gdb sessions of this project begin with, from this folder, once gdb trusts it: `make debug` says how.
# tensor NAME    a tensor's shape and its corners       cuda-threads, cuda-thread N    threads of the emulator
# backtrace      without the standard library's frames and with short names; all of it: backtrace -no-filters
set print frame-arguments presence
set confirm off
set pagination off
source cuda/threads.py

python
import os
import re

from gdb.FrameDecorator import FrameDecorator


class Tensor(gdb.Command):
    """tensor NAME [SIZE...]: the shape of a tensor and the numbers in its corners.

Without sizes, the shape is what the comment above the function says, such as "out, x (N,C)" or "logits (N,V)".
A std::vector is a tensor of one dimension. Example: tensor x, tensor qkv N (H+2*K)*D"""

    def __init__(self):
        super().__init__("tensor", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if not words:
            raise gdb.GdbError("tensor: name one, as in `tensor x`")
        try:
            self.show(words)
        except gdb.error as error:
            raise gdb.GdbError(f"tensor: {error}")

    def show(self, words):
        value = gdb.parse_and_eval(words[0])
        kind = value.type.strip_typedefs()
        if kind.code == gdb.TYPE_CODE_REF:
            value, kind = value.referenced_value(), kind.target().strip_typedefs()
        if kind.code == gdb.TYPE_CODE_STRUCT and "vector<" in str(kind):
            begin = value["_M_impl"]["_M_start"]
            sizes = words[1:] or [str(int(value["_M_impl"]["_M_finish"] - begin))]
            value = begin
        else:
            if kind.code not in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_ARRAY):
                raise gdb.GdbError(f"tensor: {words[0]} is a {kind}, not numbers in memory")
            sizes = words[1:] or self.sizes(words[0])
        shape = [int(gdb.parse_and_eval(size)) for size in sizes]
        element = value[0].type.strip_typedefs().unqualified()
        print(f"{words[0]} {element} ({','.join(map(str, shape))})")
        columns = shape[-1]
        rows = 1
        for size in shape[:-1]:
            rows *= size
        for r in self.corner(rows):
            print("  ..." if r is None else "  " + " ".join(
                "..." if c is None else self.number(value[r * columns + c]) for c in self.corner(columns)))

    @staticmethod
    def number(value):
        whole = value.type.strip_typedefs().code in (gdb.TYPE_CODE_INT, gdb.TYPE_CODE_BOOL, gdb.TYPE_CODE_ENUM)
        return f"{int(value):8d}" if whole else f"{float(value):8.4f}"

    @staticmethod
    def corner(size):
        """The first three and the last two indices, and None for those between."""
        return list(range(size)) if size <= 6 else [0, 1, 2, None, size - 2, size - 1]

    @staticmethod
    def sizes(name):
        """The sizes that the comment above the function states for this name."""
        function = gdb.selected_frame().function()
        with open(function.symtab.fullname()) as file:
            lines = file.read().split("\n")[:function.line - 1]
        comment = ""
        while lines and (lines[-1].lstrip().startswith(("//", "template", "[[")) or not comment and lines[-1].strip()):
            comment = lines.pop().strip().lstrip("/ ") + " " + comment
        for names, shape in reversed(re.findall(r"((?:\w+, )*\w+) \(((?:[\w+·,]|\([\w+]*\))+)\)", comment)):
            if name in names.split(", "):
                # (N,(H+2K)·D) is N rows of (H+2*K)*D numbers.
                return re.sub(r"(\d)([A-Z])", r"\1*\2", shape).replace("·", "*").split(",")
        raise gdb.GdbError(f"tensor: no comment states the shape of {name}; say it: tensor {name} ROWS COLUMNS")


class ShortFrame(FrameDecorator):
    """A frame whose function has no list of parameter types, and whose file no "core/nn/../lm/"."""

    def function(self):
        name = super().function()
        if not isinstance(name, str):
            return name
        name = name.replace("operator()", "call").replace("(anonymous namespace)", "anonymous")
        while re.search(r"\([^()]*\)", name):
            name = re.sub(r"\([^()]*\)", "", name)
        return re.sub(r" const(?=::|$)", "", name).replace("anonymous", "(anonymous namespace)")

    def filename(self):
        name = super().filename()
        return os.path.normpath(name) if name else name


class OwnFrames:
    """Leaves the standard library's frames, such as those of std::function, out of a backtrace."""

    name, enabled, priority = "own-frames", True, 100

    def __init__(self):
        gdb.frame_filters[self.name] = self

    def filter(self, frames):
        return (ShortFrame(frame) for frame in frames if not str(frame.inferior_frame().name()).startswith("std::"))


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
OwnFrames()
Tensor()
# `step` goes into the project's functions only, not into those of the standard library.
gdb.execute("skip -rfu ^std::", to_string=True)
gdb.execute("skip -rfu ^__gnu_cxx::", to_string=True)
end

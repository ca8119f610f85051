# What gdb sessions of this project begin with, from this folder: `gdb -x .gdbinit --args ...`, or, once and for all,
#     mkdir -p ~/.config/gdb && echo "add-auto-load-safe-path $PWD" >>~/.config/gdb/gdbinit
# tensor NAME    a tensor's shape and its corners       cuda-threads, cuda-thread N    threads of the emulator
# rollout R 0    one answer of PPO, token by token
set print frame-arguments presence
set confirm off
set pagination off
source cuda/threads.py

python
import re


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


Tensor()


def text_of(value):
    """What a std::string holds, without pretty printers."""
    data, size = value["_M_dataplus"]["_M_p"], int(value["_M_string_length"])
    return data.string("utf-8", "replace", length=size) if size else ""


def elements(value):
    """The numbers of a std::vector of them."""
    first = value["_M_impl"]["_M_start"]
    return [first[i] for i in range(int(value["_M_impl"]["_M_finish"] - first))]


class Rollout(gdb.Command):
    """rollout ROLLOUTS [INDEX]: what is known so far of one of PPO's answers, token by token.

ROLLOUTS is a cai::Rollouts (core/method/rollouts.h), INDEX counts its answers from 0. Columns come as PPO fills them in:
logprob when sampled; reference, k1 and value when judged; advantage (whitened, if it is) and return when estimated."""

    def __init__(self):
        super().__init__("rollout", gdb.COMMAND_DATA)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        if not words:
            raise gdb.GdbError("rollout: name the rollouts, as in `rollout r 0`")
        try:
            self.show(gdb.parse_and_eval(words[0]), int(gdb.parse_and_eval(words[1])) if words[1:] else 0)
        except gdb.error as error:
            raise gdb.GdbError(f"rollout: {error}")

    def show(self, r, index):
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
        print("prompt  " + text_of(r["prompts"]["_M_impl"]["_M_start"][index]))
        print("answer  " + text_of(r["answers"]["_M_impl"]["_M_start"][index]))
        if scores:
            print(f"score   {float(scores[index]):.4f}")
        names = [n for n in ("logprob", "reference", "k1", "value", "advantage", "return") if n in columns]
        tokens = elements(r["sequences"]["_M_impl"]["_M_start"][index])[answer.start - answer.stop:]
        print("    t  token" + "".join(f"{name:>11}" for name in names))
        for t in range(len(tokens)) if len(tokens) <= 10 else Tensor.corner(len(tokens)):
            print("  ..." if t is None else
                  f"{t:5d} {int(tokens[t]):6d}" + "".join(f"{columns[name][t]:11.4f}" for name in names))


class NothingReached:
    """Says why a program may have ended without a stop: a session can be had again only if its run is not finished."""

    def __init__(self):
        self.stopped = False
        gdb.events.stop.connect(self.on_stop)
        gdb.events.exited.connect(self.on_exit)

    def on_stop(self, event):
        self.stopped = True

    def on_exit(self, event):
        if not self.stopped and gdb.breakpoints() and getattr(event, "exit_code", None) == 0:
            print("No breakpoint was reached. A stage that is finished does not run again: remove the folder that stands "
                  "behind --out, or let `run` make another.")
        self.stopped = False


Rollout()
NothingReached()
# `step` goes into the project's functions only, not into those of the standard library.
gdb.execute("skip -rfu ^std::", to_string=True)
gdb.execute("skip -rfu ^__gnu_cxx::", to_string=True)
end

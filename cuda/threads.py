# For gdb, stopped in a kernel that runs in the emulator (make debug):  (gdb) source cuda/threads.py
# It only reads: the books that emulator.cu keeps of its threads, and the stacks of those that wait.
import re

import gdb


def threads():
    """The threads of the block that runs."""
    owner = gdb.parse_and_eval("'cai::emulator::(anonymous namespace)::multiprocessor'")  # a unique_ptr
    books = owner.address.cast(owner.type.template_argument(0).pointer().pointer()).dereference()
    if not books or not books["current"]:
        raise gdb.GdbError("no kernel runs")
    of_block = books["threads"]["_M_impl"]
    return [of_block["_M_start"][i] for i in range(int(of_block["_M_finish"] - of_block["_M_start"]))]


def place(thread):
    if thread["finished"]:
        return "ended"
    if not thread["fiber"]:
        return "not started"
    if not thread["waits"]:
        return "runs"
    function = thread["waits"].string()
    return f"{'waits in ' + function if function else 'may go on'} at {thread['at']['file'].string()}:{thread['at']['line']}"


class CudaThreads(gdb.Command):
    """cuda-threads: where the threads of the block are, and the numbers of those in one place."""

    def __init__(self):
        super().__init__("cuda-threads", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        places = {}  # to ranges of numbers, first and last
        for number, thread in enumerate(threads()):
            ranges = places.setdefault(place(thread), [])
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
        for where, ranges in places.items():
            print(", ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges) + ": " + where)


class CudaThread(gdb.Command):
    """cuda-thread N: the functions in which thread N of the block waits, the innermost first (x86-64, -O0)."""

    def __init__(self):
        super().__init__("cuda-thread", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        thread = threads()[int(argument)]
        if place(thread) in ("ended", "not started", "runs"):
            raise gdb.GdbError(f"thread {argument} {place(thread)}, it does not wait")
        # A fiber that waits has left r15, r14, r13, r12, rbx, rbp and the address to go on at on its stack (fiber.h); with
        # -O0 each function keeps its caller's rbp where its own points to, and above it where the caller goes on.
        word = gdb.lookup_type("unsigned long").pointer()
        stack = thread["fiber"]["pointer_"].cast(word)
        frame, at = stack[5], int(stack[6])
        while at:
            line = gdb.find_pc_line(at - 1)
            file = line.symtab.filename if line.symtab else ""
            if file.endswith(("launch.h", "functional")):
                return
            if not file.endswith(("emulator.h", "emulator.cu", "fiber.h")):
                block = gdb.block_for_pc(at - 1)
                while not block.function:  # a loop's or an if's
                    block = block.superblock
                name = re.sub(r"\(anonymous namespace\)::|cai::cuda::", "", block.function.name)
                print(f"{name.split('(')[0]} at {file}:{line.line}")
            at, frame = int(frame.cast(word)[1]), frame.cast(word)[0]


CudaThreads()
CudaThread()

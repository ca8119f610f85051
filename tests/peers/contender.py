"""A contender of bench_peers.py: a process that answers a line with a line, and how it is timed."""
import glob
import os
import subprocess
import time

PAUSE, MOST_WAIT, RETAKES = 0.06, 0.03, 3


class Refused(Exception):
    """Why a row has no ratio."""


def seconds_waited(pid):
    """How long the threads of a process were ready to run but had no processor: field 2 of Linux's schedstat files."""
    total = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        try:
            with open(path) as file:
                total += int(file.read().split()[1])
        except OSError:
            pass  # the thread ended, or there is no such file here
    return total * 1e-9


class Contender:
    """A process with its number of threads. `how` says in words how it was set up."""

    samples = disturbed = 0

    def __init__(self, command, threads, how="", settings={}):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), **settings)
        self.how = ", ".join(filter(None, [how, f"{threads} thread{'s' * (threads > 1)}", *map("=".join, settings.items())]))
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the process ended: it has no answer
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise Refused(f"{' '.join(self.process.args)} ended at the request: {request}")
        return answer

    def time(self, request):
        """Seconds, or seconds a token where the answer also says how many tokens they were for."""
        for _ in range(1 + RETAKES):
            time.sleep(PAUSE)
            waited, start = seconds_waited(self.process.pid), time.perf_counter()
            answer = self.ask(request)
            calm = seconds_waited(self.process.pid) - waited <= MOST_WAIT * (time.perf_counter() - start)
            if calm:
                break
        Contender.samples += 1
        Contender.disturbed += not calm
        seconds, *rest = map(float, answer.split())
        return seconds / rest[0] if request.startswith("decode") else seconds

    def end(self):
        self.process.communicate()

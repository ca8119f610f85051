#!/usr/bin/env python3
"""Tests of .gdbinit and of what `make debug` says about it; build/debug/cai is there. usage: tests/test_gdb_sessions.py"""
import os
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = ["build/debug/cai", "pretrain", "--text", "LICENSE", "--size", "micro", "--device", "plain", "--quiet"]


def gdb(commands, arguments):
    settings = ["set width 0", "source .gdbinit", *commands]
    run = subprocess.run(["gdb", "-q", "-nx", "-batch", *(f"-ex={s}" for s in settings), "--args", *arguments], cwd=ROOT,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300)
    return run.stdout


class Sessions(unittest.TestCase):
    def test_a_finished_stage_is_explained(self):
        with tempfile.TemporaryDirectory() as folder:
            program = PROGRAM + ["--out", folder]
            self.assertNotIn("No breakpoint", gdb(["run"], program))  # nobody asked to stop
            again = gdb(["break rmsnorm_backward", "run"], program)
            self.assertIn("No breakpoint was reached. If the stage was finished already", again)
            self.assertIn("set args " + " ".join(program[1:]) + " --force\n", again)
            forced = gdb(["break rmsnorm_backward", "run", "kill"], program + ["--force"])
            self.assertIn("Breakpoint 1.1, ", forced)
            self.assertNotIn("No breakpoint", forced)

    def test_backtrace_is_of_the_project_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            answer = gdb(["break cai::plain::rmsnorm_backward<float>", "run", "echo FRAMES\\n", "backtrace", "kill"],
                         PROGRAM + ["--out", folder])
        frames = [line for line in answer.split("FRAMES\n")[1].splitlines() if line.startswith("#")]
        self.assertIn("cai::plain::rmsnorm_backward<float> (...) at cpu/plain/rmsnorm.h:", frames[0])
        self.assertIn("cai::backward (...) at core/nn/model.h:", frames[1])
        self.assertIn("cai::cross_entropy_step, a lambda (...) at core/nn/train_step.h:", frames[2])
        self.assertIn(" main (...) at cai.cpp:", frames[-1])
        for frame in frames:
            self.assertNotIn("std::", frame)
            self.assertNotIn("/../", frame)

    def test_make_debug_says_how_gdb_comes_to_read_it(self):
        with tempfile.TemporaryDirectory() as home:
            def make_debug():
                environment = {name: value for name, value in os.environ.items() if name != "XDG_CONFIG_HOME"}
                run = subprocess.run(["make", "debug"], cwd=ROOT, env=dict(environment, HOME=home), text=True, check=True,
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                return run.stdout

            hint = f"  echo 'add-auto-load-safe-path {ROOT}' >>"
            self.assertIn(f"{hint}{home}/.gdbinit\n", make_debug())
            # gdb reads one of the two files.
            os.makedirs(home + "/.config/gdb")
            open(home + "/.config/gdb/gdbinit", "w").close()
            advice = [line for line in make_debug().splitlines() if line.startswith(hint)]
            self.assertEqual(advice, [f"{hint}{home}/.config/gdb/gdbinit"])
            subprocess.run(advice[0], shell=True, check=True)
            self.assertNotIn("safe-path", make_debug())


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Tests of what make tells those who read the book. usage: tests/test_make.py"""
import os
import shutil
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def make(arguments, **variables):
    run = subprocess.run(["make", *arguments], cwd=ROOT, env=dict(os.environ, **variables), text=True,
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return run.returncode, run.stdout


def stub(folder, name, script):
    with open(os.path.join(folder, name), "w") as file:
        file.write("#!/bin/sh\n" + script + "\n")
    os.chmod(file.name, 0o755)
    return file.name


class Missing(unittest.TestCase):
    def deps(self, compiler):
        """make deps with apt-get here, by somebody who is not root and has no sudo."""
        with tempfile.TemporaryDirectory() as folder:
            for command in ("make", "sh", "bash", "env", "grep", "find", "getconf", "nproc", "echo", "sed", "true"):
                if shutil.which(command):
                    os.symlink(shutil.which(command), os.path.join(folder, command))
            stub(folder, "id", "echo 1000")
            stub(folder, "apt-get", "exit 1")
            if compiler:
                stub(folder, "g++", "exit 1")  # a compiler that finds no header
            return make(["deps", "CXX=g++"], PATH=folder)

    def test_without_root_doctest_is_a_file_to_fetch(self):
        status, said = self.deps(compiler=True)
        self.assertNotEqual(status, 0)
        self.assertIn("deps: as root, run: apt-get update && apt-get install -y doctest-dev\n", said)
        self.assertIn("  curl -L -o ~/include/doctest/doctest.h https://", said)

    def test_a_compiler_is_not(self):
        status, said = self.deps(compiler=False)
        self.assertNotEqual(status, 0)
        self.assertIn("apt-get install -y g++ doctest-dev\n", said)
        self.assertNotIn("curl", said)


class Exercises(unittest.TestCase):
    def test_what_was_compared_is_shown(self):
        status, said = make(["exercise", "NAME=01_rows_and_targets"])
        self.assertNotEqual(status, 0)
        self.assertIn("values: CHECK( {} == {5, 6, 7, 8, 9, 10, 11} )", said)
        status, said = make(["exercise", "NAME=01_most_frequent_pair"])
        self.assertIn("values: CHECK( {0, 0} == {97, 116} )", said)
        self.assertNotIn("-std=c++20", said)  # what is built is named, without its command


if __name__ == "__main__":
    unittest.main()

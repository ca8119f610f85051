#!/usr/bin/env python3
"""Each fault of notebooks_md/broken/ shows the symptom that tests/broken/ looks for, and the program without it does not.

usage: tests/broken.py BUILD [NAME...]   with CXX and FLAGS in the environment, and the kernels' objects in BUILD.
The last line is "N passed, N failed".
"""
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, sys.argv[1])
PATCHES = os.path.join(ROOT, "notebooks_md/broken")
SOURCES = ("core", "tests/broken")  # what a check is compiled from
MOST_SECONDS = 300


class Failed(Exception):
    pass


def call(command, folder, shell=False):
    run = subprocess.run(command, cwd=folder, shell=shell, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, timeout=MOST_SECONDS, env=dict(os.environ, OMP_NUM_THREADS="1"))
    if run.returncode != 0:
        raise Failed(f"{command if shell else ' '.join(command)} ended with status {run.returncode}:\n{run.stderr}")
    return run.stdout


def program(folder, names):
    """Compiles the checks of these names with the sources in the folder."""
    source, target = os.path.join(folder, "checks.cpp"), os.path.join(folder, "checks")
    with open(source, "w") as file:
        file.write("".join(f'#include "tests/broken/{name}.h"\n' for name in names))
        file.write("int main(int, char** arguments) {\n    return cai::run_checks({%s}, arguments[1]);\n}\n"
                   % ", ".join(f'{{"{name}", cai::{name}}}' for name in names))
    objects = f"{BUILD}/objects/cpu/*.o {BUILD}/objects/cuda/*.o"
    call(f"{os.environ['CXX']} {os.environ['FLAGS']} -O0 -I{folder} {source} {objects} -o {target}", folder, shell=True)
    return target


def stories(scratch, label, names):
    """A folder with a copy of the micro run for each check."""
    folder = os.path.join(scratch, "runs-" + label)
    for name in names:
        shutil.copytree(os.path.join(scratch, "story"), os.path.join(folder, name))
    return folder


def findings(scratch, label, names):
    """What the checks say with the sources as they are (label "healthy") or with this fault planted: name -> line."""
    folder = os.path.join(scratch, label)
    os.makedirs(os.path.join(folder, "tests"))
    for source in SOURCES:
        shutil.copytree(os.path.join(ROOT, source), os.path.join(folder, source))
    shutil.copytree(os.path.join(ROOT, "cpu"), os.path.join(folder, "cpu"))
    if label != "healthy":
        # git looks for no repository above the folder, where the paths of the patch would be others.
        call(["git", "apply", os.path.join(PATCHES, label + ".patch")], folder)
    lines = call([program(folder, names), stories(scratch, label, names)], scratch).splitlines()
    return {line.split()[0]: line for line in lines}


def main():
    wanted = sys.argv[2:]
    names = sorted(name[:-6] for name in os.listdir(PATCHES) if name.endswith(".patch"))
    unknown = [name for name in wanted if name not in names]
    names = [name for name in names if not wanted or name in wanted]
    unchecked = [name for name in names if not os.path.isfile(os.path.join(ROOT, f"tests/broken/{name}.h"))]
    if unknown or unchecked:
        print("\n".join([f"FAILED: there is no notebooks_md/broken/{name}.patch" for name in unknown] +
                        [f"FAILED: {name} has no tests/broken/{name}.h, which looks for its symptom" for name in unchecked]))
        print(f"0 passed, {len(unknown + unchecked)} failed")
        return 1
    scratch = tempfile.mkdtemp(prefix="cai-broken-")
    os.symlink(os.path.join(ROOT, "data"), os.path.join(scratch, "data"))
    os.environ["GIT_CEILING_DIRECTORIES"] = scratch
    passed, failed = 0, []
    try:
        cai = os.path.join(BUILD, "cai")
        call([cai, "all", "--size", "micro", "--quiet", "--out", os.path.join(scratch, "story")], ROOT)
        call([cai, "world", "--quiet", "--out", os.path.join(scratch, "story")], ROOT)  # the texts, which it has not kept
        call([cai, "world", "--size", "micro", "--seed", "2", "--quiet", "--out", "runs/seed-2"], scratch)
        call([cai, "tokenizer", "--quiet", "--out", "runs/seed-2"], scratch)
        call([cai, "export", os.path.join(scratch, "story/helpful"), "--format", "gguf", "--out",
              os.path.join(scratch, "story/helpful.gguf")], ROOT)
        jobs = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count())
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            runs = [("healthy", name) for name in names] + [(name, name) for name in names]
            futures = {"healthy": pool.submit(findings, scratch, "healthy", names)}
            futures.update((name, pool.submit(findings, scratch, name, [name])) for name in names)
        for label, name in runs:
            try:
                line = futures[label].result().get(name, f"{name} says nothing")
            except (Failed, OSError, subprocess.TimeoutExpired) as fault:
                line = str(fault)
            word = "healthy" if label == "healthy" else "symptom"
            good = line.startswith(f"{name} {word}: ")
            passed, failed = passed + good, failed + [name] * (not good)
            print(("ok: " if good else "FAILED: ") + ("without the fault, " if label == "healthy" else "with the fault, ") + line)
    finally:
        shutil.rmtree(scratch)
    print(f"{passed} passed, {len(failed)} failed")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())

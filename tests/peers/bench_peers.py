"""cai beside the programs that a user would pick instead, for `make bench-peers`: OpenBLAS and oneDNN (matmul), PyTorch (training
and decoding), llama2.c (decoding one sequence). Each contender is a process of its own, so nothing of them is ever linked into
cai; what is not installed is named as absent, and nothing is downloaded.

A row alternates ours and the peer's for some rounds, and reports the median of the ratios of the rounds: times above 1 say that
cai is faster. Before each request both sides sleep for 60 ms, so that no thread of one spins while the other works; a request
during which the contender waited for a processor for more than 3 % of the time is made again. Peers run as fast as we know how:
threads that sleep instead of spinning (OMP_WAIT_POLICY, OPENBLAS_THREAD_TIMEOUT), one thread or all, whichever a trial found
faster, and kernels that fit the processor where OpenBLAS does not know it.
"""
import argparse
import ctypes
import glob
import hashlib
import json
import math
import os
import shutil
import statistics
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = [(4096, 128, 128), (4096, 128, 384), (4096, 384, 128), (4096, 128, 1024), (4096, 320, 832), (8192, 512, 512)]
PRODUCTS = ["forward", "backward_input", "backward_weight"]
MODELS = ["1m", "3m", "10m"]
WITHOUT_AVX = {"Prescott", "Core2", "Penryn", "Dunnington", "Nehalem", "Barcelona", "Atom"}
PAUSE, MOST_WAIT, RETAKES = 0.06, 0.03, 3


class Refused(Exception):
    """Why a row has no ratio."""


def peer_settings():
    """The environment of peers. An OpenBLAS older than the processor falls back to kernels of 2004, eight times slower: it is
    told the nearest processor that it knows."""
    settings = {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_THREAD_TIMEOUT": "4"}
    try:
        core_name = ctypes.CDLL("libopenblas.so.0").openblas_get_corename
        core_name.restype = ctypes.c_char_p
        with open("/proc/cpuinfo") as file:
            flags = set(next((line for line in file if line.startswith("flags")), "").split())
        if core_name().decode() in WITHOUT_AVX and "avx2" in flags:
            settings["OPENBLAS_CORETYPE"] = "SkylakeX" if "avx512f" in flags else "Haswell"
    except OSError:
        pass  # no OpenBLAS, or no Linux
    return settings


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
    """A process that answers a line with a line."""

    samples = disturbed = 0

    def __init__(self, command, threads, settings):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), **settings)
        self.threads = threads
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer:
            raise Refused(f"{self.process.args[0]} ended at the request: {request}")
        return answer

    def time(self, request):
        """The numbers of an answer to a request that measures."""
        for _ in range(1 + RETAKES):
            time.sleep(PAUSE)
            waited, start = seconds_waited(self.process.pid), time.perf_counter()
            answer = self.ask(request)
            calm = seconds_waited(self.process.pid) - waited <= MOST_WAIT * (time.perf_counter() - start)
            if calm:
                break
        Contender.samples += 1
        Contender.disturbed += not calm
        return [float(word) for word in answer.split()]

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def compile_contender(name, libraries, build, objects=()):
    """The path of tests/peers/NAME.cpp compiled, or None where headers or libraries are missing."""
    program = os.path.join(build, "peers", name)
    os.makedirs(os.path.dirname(program), exist_ok=True)
    command = os.environ.get("CXX", "c++").split() + os.environ.get("FLAGS", "-std=c++20 -O3 -march=native -fopenmp").split()
    command += [os.path.join(HERE, name + ".cpp"), *objects, *libraries, "-o", program]
    result = subprocess.run(command, capture_output=True, text=True)
    return program if result.returncode == 0 else None


def python_with_torch():
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    return None


def compare(ours, peers, request, rounds, seconds=lambda answer: answer[0]):
    """(ratios of the rounds, our median, the peer's median, its threads): `peers` are one peer with different threads."""
    trials = [(seconds(peer.time(request)), -peer.threads, peer) for peer in peers]
    peer = min(trials, key=lambda trial: trial[:2])[2]
    ours.time(request)
    pairs = [(seconds(ours.time(request)), seconds(peer.time(request))) for _ in range(rounds)]
    return ([theirs / own for own, theirs in pairs], statistics.median(own for own, _ in pairs),
            statistics.median(theirs for _, theirs in pairs), peer.threads)


class Table:
    """What is printed, and the ratios that are written."""

    def __init__(self):
        self.ratios, self.peers = {}, {}

    def line(self, what, own, theirs, threads, ratios):
        print(f"{what:44} {own * 1e3:10.3f} ms {theirs * 1e3:10.3f} ms on {threads} threads   "
              f"{statistics.median(ratios):6.2f}x  ({min(ratios):.2f} to {max(ratios):.2f})", flush=True)


def compare_matmul(table, name, ours, peers, rounds):
    logarithms = []
    for shape in SHAPES:
        for product in PRODUCTS:
            request = f"matmul {product} {' '.join(map(str, shape))}"
            ratios, own, theirs, threads = compare(ours, peers, request, rounds)
            table.line(f"{name} {request}", own, theirs, threads, ratios)
            logarithms.append(math.log(statistics.median(ratios)))
    table.ratios[f"matmul_vs_{name}"] = math.exp(statistics.mean(logarithms))


def same_model(ours, peers, name, directory):
    """Gives ours and the peers the same model, and takes three steps with each: the losses have to agree to 1e-4."""
    directory = os.path.join(directory, name)
    contenders = [ours, *peers]
    if len({contender.ask(f"model {name} {directory}") for contender in contenders}) != 1:
        raise Refused("the models have different numbers of parameters")
    losses = [[float(contender.ask("step").split()[1]) for _ in range(3)] for contender in contenders]
    for own, theirs in ((losses[0], other) for other in losses[1:]):
        if max(abs(a - b) for a, b in zip(own, theirs)) > 1e-4:
            raise Refused(f"the first losses differ: ours {own}, the peer's {theirs}")


def compare_training(table, ours, peers, rounds, directory):
    for name in MODELS:
        same_model(ours, peers, name, directory)
        ratios, own, theirs, threads = compare(ours, peers, "step", rounds)
        table.line(f"pytorch training step {name}", own, theirs, threads, ratios)
        table.ratios[f"train_{name}_vs_pytorch"] = statistics.median(ratios)


def seconds_a_token(answer):
    return answer[0] / answer[1]


def compare_decoding(table, ours, peers, rounds, directory):
    same_model(ours, peers, "1m", directory)
    ratios, own, theirs, threads = compare(ours, peers, "decode 64", rounds, seconds_a_token)
    table.line("pytorch decoding a token, batch 64", own, theirs, threads, ratios)
    table.ratios["decode_64_vs_pytorch"] = statistics.median(ratios)


# llama2.c: run.c reads a file of its own and prints how fast it was.


def write_llama2c(directory):
    """model.bin and tokenizer.bin in the format of llama2.c's read_checkpoint and build_tokenizer, from our checkpoint. Every
    token prints as one letter, so that what was printed counts them."""
    with open(directory + "/config.json") as file:
        c = json.load(file)
    with open(directory + "/model.safetensors", "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(size)), file.read()
    tensor = lambda name: data[slice(*header[name]["data_offsets"])]
    layers = range(c["num_hidden_layers"])
    with open(directory + "/model.bin", "wb") as file:
        file.write(struct.pack("<7i", c["hidden_size"], c["intermediate_size"], len(layers), c["num_attention_heads"],
                               c["num_key_value_heads"], c["vocab_size"], c["max_position_embeddings"]))
        file.write(tensor("model.embed_tokens.weight"))
        for name in ("input_layernorm", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                     "post_attention_layernorm", "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj"):
            for layer in layers:
                file.write(tensor(f"model.layers.{layer}.{name}.weight"))
        file.write(tensor("model.norm.weight"))
        file.write(bytes(4 * c["max_position_embeddings"] * c["head_dim"]))  # angles that run.c skips
    with open(directory + "/tokenizer.bin", "wb") as file:
        file.write(struct.pack("<i", 1))
        for _ in range(c["vocab_size"]):
            file.write(struct.pack("<fi", 0, 1) + b"x")
    return c["max_position_embeddings"]


def llama2c_seconds(program, directory, context, seed):
    """Seconds a token, the mean of four sequences that fill the context: a token 1 would end one early."""
    rates = []
    while len(rates) < 4:
        seed += 1
        result = subprocess.run([program, directory + "/model.bin", "-z", directory + "/tokenizer.bin", "-t", "1", "-p", "1",
                                 "-s", str(seed), "-n", str(context)], capture_output=True, text=True)
        if result.stdout.count("x") >= context - 1:
            rates.append(float(result.stderr.split("achieved tok/s:")[1]))
    return statistics.mean(1 / rate for rate in rates)


def compare_llama2c(table, source, ours, rounds, directory, build):
    program = os.path.join(build, "peers", "llama2c")
    # Its own makefile's fastest choice, spelled out; the same compiler as ours.
    flags = "-O3 -march=native -funsafe-math-optimizations -ffinite-math-only -fno-math-errno -w".split()
    result = subprocess.run(["gcc", *flags, source, "-o", program, "-lm"], capture_output=True, text=True)
    if result.returncode != 0:
        raise Refused(f"{source} does not compile")
    ours.ask(f"model 1m {directory}/1m")
    context = write_llama2c(directory + "/1m")
    pairs = []
    for turn in range(rounds + 1):
        own = seconds_a_token(ours.time("decode 1"))
        time.sleep(PAUSE)
        pairs.append((own, llama2c_seconds(program, directory + "/1m", context, 1000 * turn)))
    pairs = pairs[1:]  # the first warms both up
    ratios = [theirs / own for own, theirs in pairs]
    table.line("llama2c decoding a token, batch 1", statistics.median(own for own, _ in pairs),
               statistics.median(theirs for _, theirs in pairs), 1, ratios)
    table.ratios["decode_1_vs_llama2c"] = statistics.median(ratios)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build", help="the folder of what is built, and of bench-peers.json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--peers", default="openblas,onednn,pytorch,llama2c", help="which, by their names with commas between")
    arguments = parser.parse_args()
    wanted, rounds, directory = arguments.peers.split(","), arguments.rounds, os.path.join(arguments.build, "peers")
    thread_counts = sorted({1, arguments.threads})
    table, contenders, settings_of_peers = Table(), [], peer_settings()

    def start(command, threads, settings=settings_of_peers):
        contenders.append(Contender(command, threads, settings))
        return contenders[-1]

    program = compile_contender("ours", [], arguments.build, glob.glob(os.path.join(arguments.build, "objects/cpu/*.o")))
    if not program:
        sys.exit("bench-peers: tests/peers/ours.cpp does not compile")
    ours = start([program], arguments.threads, {})
    table.peers["ours"] = ours.ask("version")
    print(f"{'':44} {'ours':>10}    {'the peer':>10}                    ratio of speeds")

    def take(name, absent, compare_all):
        if name not in wanted:
            return
        try:
            if absent:
                raise Refused("absent: " + absent)
            compare_all()
        except Refused as reason:
            table.peers.setdefault(name, str(reason))
            print(f"{name}: {reason}", flush=True)

    for name, library in (("openblas", "-lopenblas"), ("onednn", "-ldnnl")):
        program = compile_contender(name, [library], arguments.build) if name in wanted else None

        def compare_library(name=name, program=program):
            peers = [start([program], threads) for threads in thread_counts]
            table.peers[name] = peers[0].ask("version")
            compare_matmul(table, name, ours, peers, rounds)

        take(name, "" if program else f"no headers or no library ({library})", compare_library)

    python = python_with_torch() if "pytorch" in wanted else None

    def compare_torch():
        peers = [start([python, os.path.join(HERE, "pytorch.py"), str(threads)], threads) for threads in thread_counts]
        version = peers[0].ask("version")
        if "libblas" in version and "openblas" not in version:
            raise Refused(f"{version}, the reference BLAS, which nobody would train with; install libopenblas0")
        table.peers["pytorch"] = version
        compare_training(table, ours, peers, rounds, directory)
        compare_decoding(table, ours, peers, rounds, directory)

    take("pytorch", "" if python else "no Python here imports torch", compare_torch)

    source = os.environ.get("LLAMA2C", "")
    if "llama2c" in wanted and os.path.exists(source):
        with open(source, "rb") as file:
            table.peers["llama2c"] = "run.c, sha256 " + hashlib.sha256(file.read()).hexdigest()[:12]
    take("llama2c", "" if os.path.exists(source) else "say LLAMA2C=PATH of its run.c",
         lambda: compare_llama2c(table, source, start([ours.process.args[0]], 1, {}), rounds, directory, arguments.build))

    for contender in contenders:
        contender.end()
    for name in MODELS:
        shutil.rmtree(os.path.join(directory, name), ignore_errors=True)
    disturbed = f"{Contender.disturbed} of {Contender.samples} samples stayed disturbed by other programs"
    print("\n" + "\n".join(f"{name:24} {ratio:.3f}" for name, ratio in table.ratios.items()) + f"\n{disturbed}")
    if Contender.disturbed > 0.2 * Contender.samples:
        print("bench-peers: too many: these figures say little; run it again on a quiet machine", file=sys.stderr)
    with open(os.path.join(arguments.build, "bench-peers.json"), "w") as file:
        json.dump({**table.ratios, "threads": arguments.threads, "rounds": rounds, "disturbed": Contender.disturbed,
                   "samples": Contender.samples, "peers": table.peers}, file, indent=1)
        file.write("\n")


main()

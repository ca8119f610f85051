#!/usr/bin/env python3
"""cai beside llama.cpp on the same quantised GGUF file: seconds from start to first token, tokens a second of one greedy
answer, and our peak memory. The two take turns; medians are printed, with the least and the most.

Run, with a Python that has llama-cpp-python, on an idle machine:
  tests/peers/speed_gguf.py --cai build/cai FILE.gguf [--as Q8_0] [--threads 2] [--tokens 256] [--rounds 5]
--as Q8_0 (or Q4_0, Q4_1, Q4_K_M, Q5_K_M, Q6_K) has llama.cpp convert the file first: for speed, not for its answers."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TEXT = "Once upon a time, in a small village by the sea, there lived an old fisherman who"


def ours(options, file):
    """Seconds to the first token, tokens a second after it, and the peak memory in MB."""
    def run(longest):
        command = [options.cai, "sample", file, "--text", TEXT, "--temperature", "0", "--max-new-tokens", str(longest),
                   "--threads", str(options.threads), "--json"]
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        answer = process.stdout.read()
        usage = os.wait4(process.pid, 0)[2]
        return time.perf_counter() - start, len(json.loads(answer)["ids"]), usage.ru_maxrss * 1024 / 1e6

    first, _, _ = run(1)
    seconds, tokens, peak = run(options.tokens)
    return first, (tokens - 1) / (seconds - first), peak


def theirs(file, threads, tokens):
    """The first two of llama.cpp with the settings that it chooses itself, in this process: prints them as JSON."""
    import llama_cpp as llama
    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, None)
    start = time.perf_counter()
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(file.encode(), llama.llama_model_default_params())
    options = llama.llama_context_default_params()
    options.n_ctx, options.n_threads, options.n_threads_batch = 512, threads, threads
    context = llama.llama_init_from_model(model, options)
    greedy = llama.llama_sampler_init_greedy()
    ids = (llama.llama_token * 256)()
    text = TEXT.encode()
    count = llama.llama_tokenize(llama.llama_model_get_vocab(model), text, len(text), ids, len(ids), True, True)
    assert llama.llama_decode(context, llama.llama_batch_get_one(ids, count)) == 0
    token = (llama.llama_token * 1)(llama.llama_sampler_sample(greedy, context, -1))
    first = time.perf_counter()
    for _ in range(tokens - 1):
        llama.llama_decode(context, llama.llama_batch_get_one(token, 1))
        token[0] = llama.llama_sampler_sample(greedy, context, -1)
    print(json.dumps([first - start, (tokens - 1) / (time.perf_counter() - first)]))


def converted(file, kind, folder):
    import llama_cpp
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = getattr(llama_cpp, "LLAMA_FTYPE_" + ("ALL_F32" if kind == "F32" else "MOSTLY_" + kind))
    parameters.allow_requantize = True
    to = f"{folder}/{kind}.gguf"
    assert llama_cpp.llama_model_quantize(file.encode(), to.encode(), parameters) == 0
    return to


def main():
    if sys.argv[1] == "--theirs":
        return theirs(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cai", required=True)
    parser.add_argument("file")
    parser.add_argument("--as", dest="kind")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    def show(who, first, rate, more=""):
        least_to_most = [f"{statistics.median(v):.{d}f} ({min(v):.{d}f} to {max(v):.{d}f})" for v, d in ((first, 2), (rate, 1))]
        print(f"{who:10} {least_to_most[0]} s to the first token, {least_to_most[1]} tokens a second{more}")

    with tempfile.TemporaryDirectory() as folder:
        file = converted(options.file, options.kind, folder) if options.kind else options.file
        print(f"{os.path.basename(file)}, {os.path.getsize(file) / 1e6:.0f} MB, {options.threads} threads, "
              f"{options.tokens} tokens, {options.rounds} rounds")
        own, other = [], []
        for _ in range(options.rounds):
            own.append(ours(options, file))
            command = [sys.executable, "-B", __file__, "--theirs", file, str(options.threads), str(options.tokens)]
            other.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    first, rate, peak = zip(*own)
    other_first, other_rate = zip(*other)
    show("cai", first, rate, f", at most {max(peak):.0f} MB")
    show("llama.cpp", other_first, other_rate)
    print(f"ratio of tokens a second: {statistics.median(a / b for a, b in zip(rate, other_rate)):.2f}")


main()

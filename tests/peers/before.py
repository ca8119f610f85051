"""An iteration of PPO by two binaries of cai, for bench_peers.py: both go on from the same SL-CAI, preference model and
prompts, which the newer one makes in some seconds. Each reads the data of its own checkout, in whose build/ it lies."""
import json
import os
import shutil
import statistics
import subprocess
import tempfile

from contender import Refused

INPUTS = ["sl-cai", "preference-model", "world/prompts.jsonl"]
ITERATIONS = 5
# Sizes of the story's models and of its PPO, but a world so small that they learn little before.
RECIPE = """size = tiny
world-documents = 500
world-dialogues = 100
world-reviews = 100
world-critique-prompts = 20
world-helpful-prompts = 20
world-compare-prompts = 20
critique-rounds = 1
sl-cai-replayed = 10
sl-cai-replayed-conversations = 10
compare-reasoning = false
"""
STAGES = ["world", "tokenizer", "pretrain", "sft helpful", "critique", "sft sl-cai", "compare", "reward"]


def run(program, *words):
    data = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(program))), "data")
    if not os.path.isdir(data):
        raise Refused(f"{program} does not lie in the build/ of a checkout: there is no {data}")
    result = subprocess.run([program, *words, "--data", data, "--quiet"], capture_output=True, text=True)
    if result.returncode != 0:
        raise Refused(f"{program} {' '.join(words)}: {result.stderr.strip()}")


def make_story(program, directory):
    """The inputs of PPO."""
    os.makedirs(directory)
    config = directory + "/recipe.cfg"
    with open(config, "w") as file:
        file.write(RECIPE)
    for stage in STAGES:
        run(program, *stage.split(), "--config", config, "--out", directory)


def iteration(program, story, threads):
    """(seconds, tokens a response) of an iteration of PPO: medians over all but the first, which also loads."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(story)) as directory:
        os.mkdir(directory + "/world")
        for name in INPUTS:
            copy = shutil.copytree if os.path.isdir(f"{story}/{name}") else shutil.copy
            copy(f"{story}/{name}", f"{directory}/{name}")
        run(program, "ppo", "--out", directory, "--ppo-iterations", str(ITERATIONS), "--threads", str(threads))
        with open(directory + "/metrics.jsonl") as file:
            rows = [json.loads(line) for line in file]
    ends = [row["time"] for row in rows]
    return (statistics.median(after - before for before, after in zip(ends, ends[1:])),
            statistics.median(row["monitor/response_tokens"] for row in rows))


def compare_ppo(ours, before, directory, rounds, threads):
    """(our seconds, the older binary's) of each round."""
    shutil.rmtree(directory, ignore_errors=True)
    make_story(ours, directory + "/story")
    pairs = []
    for _ in range(rounds):
        (own, own_tokens), (theirs, their_tokens) = [iteration(program, directory + "/story", threads)
                                                     for program in (ours, before)]
        if not 0.9 < own_tokens / their_tokens < 1.1:
            raise Refused(f"a response has {own_tokens} tokens here, {their_tokens} before: not the same work")
        pairs.append((own, theirs))
    shutil.rmtree(directory)
    return pairs

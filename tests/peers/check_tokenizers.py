#!/usr/bin/env python3
"""Tokenizers beside Hugging Face's: every id of thousands of awkward strings, for each pre-tokenizer, with added tokens,
templates and vocabularies that lack bytes; and what transformers makes of a tokenizer that cai wrote.

Needs tokenizers; with transformers also the last part. Run: tests/peers/check_tokenizers.py --cai build/cai [--run RUN]
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def byte_level(**options):
    return pre_tokenizers.ByteLevel(**{"add_prefix_space": False, **options})


PRE_TOKENIZERS = {
    "gpt2": lambda: byte_level(),
    "gpt2 as a Split": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(GPT2), "isolated"), byte_level(use_regex=False)]),
    "gpt2 with a space in front": lambda: byte_level(add_prefix_space=True),
    "smollm": lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()]),
    "llama3": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), byte_level(use_regex=False)]),
    "llama3 as gaps to remove": lambda: pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "removed", invert=True), byte_level(use_regex=False)]),
    "the text unsplit": lambda: byte_level(use_regex=False),
}

# Letters, numbers and marks of many scripts, every kind of white space, and what the expressions name.
ALPHABETS = [
    "abcdestrvmlABZSTRVMLD", "'\u2019`", "0123456789", " ", " ", "  ", "\n", "\r", "\t", "\r\n",
    "\u00a0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000\x85\x0b\x0c\x1c\x1f\u200b\u200d\ufeff\u180e",
    ".,!?-_<|>[]{}()#@/\\\"", "\u00e9\u00df\u0130\u0131\u017f\u212a\ufb06\u01c5\u02b0\u00aa\u00b5",
    "\u00b2\u00bd\u0663\u0967\u2167\u3007\u3021\U0001d7d8\U00010107\u2460", "\u0301\u0300\u093e\u0e31\u20dd\ufe0f",
    "\u03b1\u0416\u05d0\u0628\u0905\u0e01\u1100\u3042\u30ab\u6f22\uac00\U00020000\U0001e030\U00031350\U00010d4a",
    "\U0001f600\U0001f469\U0001f3fd\u20ac\u2200\ue000\ufffd\U0010ffff\x00\x01\x7f\xad",
]
ENDINGS = ["'s", "'T", "'re", "'VE", "'m", "'ll", "'lL", "'d", "'\u017f", "'S'", "n't", "<s>", "</s>", "<|user|>"]


def awkward_strings(count, seed=1):
    rng = random.Random(seed)
    strings = [""]
    while len(strings) < count:
        text = ""
        alphabets = rng.sample(ALPHABETS, rng.randint(1, 5))
        for _ in range(rng.randint(1, 24)):
            kind = rng.random()
            if kind < 0.1:
                text += rng.choice(ENDINGS)
            elif kind < 0.17:  # any character but a surrogate, or a numeral that Unicode 17 added
                c = rng.choice([rng.randrange(0x3000), rng.randrange(0x110000)])
                if not (0xD800 <= c <= 0xDFFF or 0x11DE0 <= c <= 0x11DE9 or 0x16FF4 <= c <= 0x16FF6):
                    text += chr(c)
            else:
                text += rng.choice(rng.choice(alphabets)) * rng.choice([1, 1, 1, 2, 3])
        strings.append(text)
    return strings


class Checker:
    def __init__(self, cai, folder):
        self.cai, self.folder, self.failures, self.made = cai, folder, 0, 0

    def say(self, good, what):
        self.failures += not good
        print(("passed: " if good else "FAILED: ") + what, flush=True)

    def path(self):
        self.made += 1
        path = os.path.join(self.folder, str(self.made))
        os.mkdir(path)
        return path

    def run(self, *words, text=""):
        done = subprocess.run([self.cai, *words], input=text.encode(), capture_output=True)
        if done.returncode:
            sys.exit(f"FAILED: {' '.join(words)}: {done.stderr.decode()}")
        return done.stdout.decode()

    def encode(self, path, strings, *options):
        out = self.run("tokenizer", "encode", path, "--json", *options, text="".join(json.dumps(s) + "\n" for s in strings))
        return [[int(word) for word in line.split()] for line in out.split("\n")[:-1]]

    def decode(self, path, ids):
        lines = "".join(" ".join(map(str, one)) + "\n" for one in ids)
        return [json.loads(line) for line in self.run("tokenizer", "decode", path, "--json", text=lines).split("\n")[:-1]]

    # Compares every id; a difference is shown.
    def same(self, what, path, strings, theirs, *options):
        ours = self.encode(path, strings, *options)
        wrong = [i for i in range(len(strings)) if ours[i] != theirs[i]]
        for i in wrong[:3]:
            print(f"  {strings[i]!a}: {ours[i]} is not {theirs[i]}")
        good = not wrong and len(ours) == len(strings)
        self.say(good, f"{what} ({len(strings)} strings, {sum(map(len, theirs))} ids, {len(wrong)} differ)")
        return ours

    def same_as_package(self, what, tokenizer, strings, round_trip=True):
        path = self.path()
        tokenizer.save(os.path.join(path, "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        theirs = [tokenizer.encode(s, add_special_tokens=False).ids for s in strings]
        ours = self.same(what + ", a user's text", path, strings, theirs)
        if round_trip:
            back = self.decode(path, ours)
            wrong = sum(a != b for a, b in zip(back, strings))
            self.say(wrong == 0, f"{what}, decoded again ({len(strings)} strings, {wrong} differ)")
        tokenizer.encode_special_tokens = False
        theirs = [tokenizer.encode(s).ids for s in strings]
        self.same(what + ", special tokens and template", path, strings, theirs, "--specials", "--template")


def trained(texts, pre_tokenizer, size=1200, alphabet=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<s>", "</s>", "<|user|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if alphabet is None else alphabet))
    return tokenizer


def check_package(checker, strings, texts):
    learn = texts + strings[:2000]
    for name, make in PRE_TOKENIZERS.items():
        whole = name == "the text unsplit"  # training and encoding a book as one piece would take minutes
        unnamed = [t for t in strings[:2000] if "<" not in t]  # no merge may make a special token
        tokenizer = trained(unnamed if whole else learn, make())
        checker.same_as_package(f"pre-tokenizer {name}", tokenizer, strings + ([] if whole else texts),
                                name != "gpt2 with a space in front")

    tokenizer = trained(learn, PRE_TOKENIZERS["gpt2"]())
    tokenizer.add_tokens([
        AddedToken("the"), AddedToken("there"), AddedToken("\u00e9"), AddedToken("  ", normalized=False),
        AddedToken("\n\n\n", normalized=False), AddedToken("'s", normalized=True), AddedToken("ab", lstrip=True),
        AddedToken("de", rstrip=True, normalized=False), AddedToken("e\u0301")])
    tokenizer.add_special_tokens([AddedToken("[PAD]", lstrip=True), AddedToken("<|user|>x")])
    extra = ["other there the", "a ab  ab de \u3000 x", "  the  ", "[PAD]", " \t[PAD] <|user|>x<|user|>"]
    checker.same_as_package("added tokens", tokenizer, strings + extra, round_trip=False)

    tokenizer = trained(learn, PRE_TOKENIZERS["llama3"](), ignore_merges=True)
    vocabulary = json.loads(tokenizer.to_str())
    # Whole words that no merge makes.
    for word in ("\u0120constitution", "\u0120zebra", "xyzzy"):
        vocabulary["model"]["vocab"].setdefault(word, len(vocabulary["model"]["vocab"]))
    tokenizer = Tokenizer.from_str(json.dumps(vocabulary))
    bos = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos])
    checker.same_as_package("ignore_merges, bos by a Sequence", tokenizer, strings + [" zebra constitution", "xyzzy zebra"])

    tokenizer = trained(learn, PRE_TOKENIZERS["gpt2"]())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> <|user|> $A </s>", pair="$A $B", special_tokens=[("<s>", 0), ("</s>", 1), ("<|user|>", 2)])
    checker.same_as_package("bos and eos by a template", tokenizer, strings)

    lacking = dict(size=800, alphabet=[])
    few = [t for t in texts] or ["the quick brown fox jumps over the lazy dog. " * 3]
    few = [t.encode("ascii", "ignore").decode() for t in few]
    checker.same_as_package("a vocabulary that lacks bytes", trained(few, byte_level(), **lacking), strings, False)
    for fuse in (False, True):
        tokenizer = trained(few, byte_level(), unk_token="</s>", fuse_unk=fuse, **lacking)
        checker.same_as_package(f"the same with an unknown token, fuse_unk {fuse}", tokenizer, strings, False)


# GPT-2's own vocabulary, and training: the same merges in the same order.
def check_real(checker, strings, texts, data):
    folder = os.path.join(data, "gpt2")
    with open(os.path.join(folder, "encoder.json")) as file:
        vocabulary = json.load(file)
    with open(os.path.join(folder, "vocab.bpe"), encoding="utf-8") as file:
        merges = [tuple(line.split()) for line in file.read().split("\n")[1:] if line]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer, tokenizer.decoder = byte_level(), decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    checker.same_as_package("GPT-2's vocabulary", tokenizer, strings + texts)


def check_ours(checker, strings, text, size=1000):
    path = checker.path()
    with open(os.path.join(path, "text.txt"), "w", encoding="utf-8", newline="") as file:
        file.write(text)
    checker.run("tokenizer", "--text", os.path.join(path, "text.txt"), "--tokenizer-vocab-size", str(size), "--out",
                os.path.join(path, "run"), "--quiet")
    ours = os.path.join(path, "run", "tokenizer")
    tokenizer = Tokenizer.from_file(os.path.join(ours, "tokenizer.json"))
    with open(os.path.join(ours, "tokenizer.json"), encoding="utf-8") as file:
        written = json.load(file)
    theirs = Tokenizer(models.BPE())
    theirs.pre_tokenizer = byte_level()
    theirs.train_from_iterator([text], trainers.BpeTrainer(
        vocab_size=size, special_tokens=[t["content"] for t in written["added_tokens"]], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    merges = [tuple(m.split(" ")) for m in written["model"]["merges"]]
    expected = [tuple(m) if isinstance(m, list) else tuple(m.split(" "))
                for m in json.loads(theirs.to_str())["model"]["merges"]]
    checker.say(merges == expected, f"training as the package does ({len(expected)} merges in order)")
    checker.same_as_package("the tokenizer that cai trained", tokenizer, strings)
    return ours


def check_transformers(checker, path, strings, transformers):
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    theirs = [tokenizer(s, add_special_tokens=False).input_ids for s in strings]
    checker.same("ours in transformers", path, strings, theirs, "--specials")
    saved = checker.path()
    tokenizer.save_pretrained(saved)
    checker.same("ours, saved again by transformers", saved, strings, theirs, "--specials", "--template")
    checker.same("ours, saved again by transformers, a user's text", saved, strings, checker.encode(path, strings))

    def render(messages, **options):
        return tokenizer.apply_chat_template(messages, tokenize=False, **options)

    turns = [{"role": "user", "content": "Q1"}, {"role": "assistant", "content": "A1"},
             {"role": "user", "content": "Q2"}, {"role": "assistant", "content": "A2"}]
    first = "<|user|>Q1<|assistant|>"
    good = (render(turns[:1], add_generation_prompt=True) == first
            and render(turns[:1]) == "<|user|>Q1<|endoftext|>"
            and render(turns[:2]) == first + "A1<|endoftext|>"
            and render(turns[:3], add_generation_prompt=True) == first + "A1<|user|>Q2<|assistant|>"
            and render(turns) == first + "A1<|user|>Q2<|assistant|>A2<|endoftext|>")
    checker.say(good, "the chat template's texts (1 to 4 turns)")
    good = all(render(turns[:n + 1]).startswith(render(turns[:n], add_generation_prompt=True)) for n in (1, 3))
    checker.say(good, "a prompt by the chat template begins the conversation with its answer")
    out = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    learned = tokenizer.decode([t for t, m in zip(out["input_ids"], out["assistant_masks"]) if m])
    checker.say(learned == "A1A2<|endoftext|>", f"the mask of the assistant's answers holds {learned!a}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cai", required=True)
    parser.add_argument("--run", help="a run directory, whose tokenizer transformers loads and saves")
    parser.add_argument("--strings", type=int, default=10000)
    arguments = parser.parse_args()
    try:
        import transformers
    except ImportError:
        transformers = None
    print(f"peer: tokenizers {tokenizers.__version__}" + (f", transformers {transformers.__version__}" if transformers else ""))
    data = os.environ.get("CAI_REAL_DATA")
    strings = awkward_strings(arguments.strings)
    texts = []
    if data:
        for name in ("text/tinyshakespeare.txt", "constitutions/claude-constitution.md"):
            with open(os.path.join(data, name), encoding="utf-8", newline="") as file:
                texts.append(file.read())
    with tempfile.TemporaryDirectory() as folder:
        checker = Checker(os.path.abspath(arguments.cai), folder)
        check_package(checker, strings, texts)
        if data:
            check_real(checker, strings, texts, data)
        else:
            print("skipped: GPT-2's vocabulary and the real texts (CAI_REAL_DATA is not set)")
        ours = check_ours(checker, strings, texts[0] if texts else "".join(strings[:3000]))
        if not transformers:
            print("skipped: what transformers makes of our tokenizer (no transformers)")
        else:
            check_transformers(checker, ours, strings, transformers)
            if arguments.run:
                check_transformers(checker, os.path.join(arguments.run, "rl-cai"), strings, transformers)
        return 1 if checker.failures else 0


if __name__ == "__main__":
    sys.exit(main())

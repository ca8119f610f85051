#!/usr/bin/env python3
"""SmolLM2-135M-Instruct, a real model in GGUF (make peers fetches it, and names it in CAI_SMOLLM2): transformers, which
reads the same file with the package gguf, gives the same prompts the same tokens, and the greedy answers are the same.

Run: CAI_SMOLLM2=FILE.gguf tests/peers/check_smollm2.py --cai build/cai"""
import argparse
import json
import os
import subprocess
import sys

PROMPTS = ["What is the capital of France?", "Write a sentence about goats."]
TEXTS = ["The sea was calm, and", "def factorial(n):\n"]
LONGEST = 24


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cai", required=True)
    parser.add_argument("--run")
    cai = parser.parse_args().cai
    path = os.environ.get("CAI_SMOLLM2")
    if not path or not os.path.exists(path):
        print("skipped: SmolLM2's answers (CAI_SMOLLM2 names no file)")
        return 0
    try:
        import gguf  # transformers needs it
        import torch
        import transformers
        from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint
    except ImportError as absent:
        print(f"skipped: SmolLM2's answers (no {absent.name})")
        return 0
    print(f"peer: transformers {transformers.__version__}")
    transformers.logging.set_verbosity_error()
    folder, file = os.path.split(path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, gguf_file=file)
    # What from_pretrained(folder, gguf_file=file) does, without the package accelerate.
    model = transformers.LlamaForCausalLM(transformers.AutoConfig.from_pretrained(folder, gguf_file=file)).float()
    tensors = load_gguf_checkpoint(path, return_tensors=True, model_to_load=model)["tensors"]
    missing = [name for name in model.load_state_dict(tensors, strict=False).missing_keys if name != "lm_head.weight"]
    assert not missing, missing
    model.tie_weights()
    model.eval()

    def theirs(option, text):
        if option == "--prompt":
            text = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                                 add_generation_prompt=True)
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        answer = model.generate(ids, do_sample=False, max_new_tokens=LONGEST, pad_token_id=tokenizer.eos_token_id)
        return answer[0, ids.shape[1]:].tolist()

    def ours(option, text):
        command = [cai, "sample", path, option, text, "--temperature", "0", "--max-new-tokens", str(LONGEST), "--json"]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["ids"]

    same, total, first = 0, 0, ""
    for option, texts in (("--prompt", PROMPTS), ("--text", TEXTS)):
        for text in texts:
            own, other = ours(option, text), theirs(option, text)
            if other and other[-1] == tokenizer.eos_token_id and own[-1:] != other[-1:]:
                other.pop()  # cai's ids end before the token that ended the answer
            total += 1
            same += own == other
            if own != other and not first:
                first = f"; first at {text!r}: ours {tokenizer.decode(own)!r}, theirs {tokenizer.decode(other)!r}"
    verdict = "passed" if same == total else "FAILED"
    print(f"{verdict}: SmolLM2's greedy answers ({same} of {total} the same, up to {LONGEST} tokens{first})")
    return 0 if same == total else 1


sys.exit(main())

#!/usr/bin/env python3
"""SmolLM2-135M-Instruct, a real model in GGUF (make peers fetches it, and names it in CAI_SMOLLM2): transformers, which
reads the same file with the package gguf, gives the same prompts the same tokens, and the greedy answers are the same.

Run: CAI_SMOLLM2=FILE.gguf tests/peers/check_smollm2.py --cai build/cai [--longest 128]"""
import json
import os
import subprocess
import sys

import verdicts
from verdicts import verdict

PROMPTS = ["What is the capital of France?", "Name three colours.", "Write a haiku about the sea.", "What is 12 times 12?",
           "Who wrote Hamlet?", "Explain gravity to a child.", "List five animals.", "What is photosynthesis?",
           "Give me a recipe for pancakes.", "Translate 'good morning' to Spanish.", "Why is the sky blue?",
           "What's the largest planet?", "Tell me a joke.", "How do I boil an egg?", "What is a prime number?",
           "Describe a forest in autumn.", "What does CPU stand for?", "How many days are in a leap year?",
           "Suggest a name for a cat.", "What is the opposite of hot?"]
TEXTS = ["The sea was calm, and", "def factorial(n):\n"]


def main():
    parser = verdicts.parser()
    parser.add_argument("--longest", type=int, default=24)
    options = parser.parse_args()
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

    same_prompts = same_answers = total = tokens = 0
    differences = []
    for option, texts in (("--prompt", PROMPTS), ("--text", TEXTS)):
        for text in texts:
            command = [options.cai, "sample", path, option, text, "--temperature", "0", "--max-new-tokens",
                       str(options.longest), "--json"]
            ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            laid_out = text
            if option == "--prompt":
                laid_out = tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                                         add_generation_prompt=True)
            same_prompts += tokenizer(laid_out)["input_ids"] == ours["prompt_ids"]
            with torch.no_grad():
                answer = model.generate(torch.tensor([ours["prompt_ids"]]), do_sample=False, max_new_tokens=options.longest,
                                        pad_token_id=tokenizer.eos_token_id)[0, len(ours["prompt_ids"]):].tolist()
            total += 1
            tokens += len(answer)
            same_answers += answer == ours["ids"]
            if answer != ours["ids"]:
                at = len(os.path.commonprefix([answer, ours["ids"]]))
                differences.append(f"{text!r} at token {at}")
    verdict(same_prompts == total, "SmolLM2: the ids of prompts and texts", f"{same_prompts} of {total}")
    verdict(same_answers == total, "SmolLM2: greedy answers",
            "; ".join([f"{same_answers} of {total}, {tokens} tokens"] + differences))
    return verdicts.failed


sys.exit(main())

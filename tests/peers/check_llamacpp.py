#!/usr/bin/env python3
"""llama.cpp runs what `cai export --format gguf` writes: the same prompts become the same tokens, and greedy answers to 60
prompts of the toy world are the same, token for token, up to a token that ends them. Compared in float32 without flash
attention: llama.cpp's own cache of half-precision numbers alone is off by 1e-3. Without --run, a micro run is made."""
import ctypes
import json
import pathlib
import subprocess
import sys
import tempfile

import verdicts
from verdicts import verdict

PROMPTS, LONGEST = 60, 32


def main():
    options = verdicts.parser().parse_args()
    try:
        import llama_cpp
        import numpy as np
    except ImportError as error:
        print(f"skipped: llama.cpp reads our GGUF (no package {error.name})")
        return
    print(f"peer: llama_cpp {llama_cpp.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        run = verdicts.run_or_micro_run(options, folder)
        model, file = run + "/rl-cai", folder + "/model.gguf"
        subprocess.run([options.cai, "export", model, "--format", "gguf", "--out", file], check=True, stdout=subprocess.DEVNULL)
        prompts = []
        for line in pathlib.Path(run, "world/prompts.jsonl").read_text().splitlines():
            prompt = json.loads(line)["prompt"]
            if prompt not in prompts:
                prompts.append(prompt)
        prompts = prompts[::max(1, len(prompts) // PROMPTS)][:PROMPTS]
        ours = [json.loads(subprocess.run(
            [options.cai, "sample", model, "--prompt", prompt, "--temperature", "0", "--max-new-tokens", str(LONGEST), "--json"],
            check=True, capture_output=True, text=True).stdout) for prompt in prompts]

        llama = llama_cpp.Llama(file, n_ctx=256, n_threads=2, verbose=False, flash_attn=False, type_k=0, type_v=0)
        vocabulary = llama_cpp.llama_model_get_vocab(llama._model.model)
        ends = [id for id in range(llama.n_vocab()) if llama_cpp.llama_vocab_is_eog(vocabulary, id)]
        verdict(ends == [0], "only <|endoftext|> ends an answer", f"tokens that end one: {ends}")

        template = llama.metadata.get("tokenizer.chat_template", "")
        from llama_cpp.llama_chat_format import Jinja2ChatFormatter
        render = Jinja2ChatFormatter(template=template, eos_token="<|endoftext|>", bos_token="<|endoftext|>")
        same_prompts = same_answers = tokens = 0
        largest = 0.0
        for prompt, sample in zip(prompts, ours):
            text = render(messages=[{"role": "user", "content": prompt}]).prompt
            ids = llama.tokenize(text.encode(), add_bos=True, special=True)  # add_bos: as the file says
            same_prompts += ids == sample["prompt_ids"]
            llama.reset()
            answer, logprobs = [], []
            llama.eval(sample["prompt_ids"])
            while len(answer) < LONGEST:
                pointer = llama_cpp.llama_get_logits_ith(llama._ctx.ctx, -1)
                logits = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float)), (llama.n_vocab(),)).astype(float)
                answer.append(int(logits.argmax()))
                logprobs.append(logits.max() - logits.max() - np.log(np.exp(logits - logits.max()).sum()))
                if answer[-1] in ends:
                    break
                llama.eval([answer[-1]])
            # Another program goes on after a section's token other than <|endoftext|>, where cai stops.
            answer, logprobs = answer[:len(sample["ids"])], logprobs[:len(sample["ids"])]
            same_answers += answer == sample["ids"]
            tokens += len(answer)
            if answer == sample["ids"]:
                largest = max([largest] + [abs(a - b) for a, b in zip(logprobs, sample["logprobs"])])
        verdict(same_prompts == len(prompts), "the chat template gives the same prompt", f"{same_prompts} of {len(prompts)}")
        verdict(same_answers == len(prompts), "the same greedy answers", f"{same_answers} of {len(prompts)}, {tokens} tokens")
        verdict(largest < 1e-4, "the log-probabilities of their tokens", f"largest difference {largest:.1e}")
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()

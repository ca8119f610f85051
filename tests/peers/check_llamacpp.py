#!/usr/bin/env python3
"""llama.cpp runs what `cai export --format gguf` writes: the same prompts become the same tokens, and greedy answers to 60
prompts of the toy world are the same, token for token, up to a token that ends them. Compared in float32 without flash
attention: llama.cpp's own cache of half-precision numbers alone is off by 1e-3. Without --run, a micro run is made. With CAI_REAL_DATA, the same for a
tokenizer of SentencePiece's: llama2.c's stories260K as GGUF, against the text that llama2.c wrote."""
import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import verdicts
from verdicts import verdict

PROMPTS, LONGEST = 60, 32


def loaded(llama_cpp, file, context=256):
    return llama_cpp.Llama(file, n_ctx=context, n_threads=2, verbose=False, flash_attn=False, type_k=0, type_v=0)


def check_sentencepiece(options, llama_cpp, folder):
    data = os.environ.get("CAI_REAL_DATA")
    if not data:
        print("skipped: llama.cpp runs stories260K as we write it (no CAI_REAL_DATA)")
        return
    model, file = data + "/stories260K/stories260K.bin", folder + "/stories.gguf"
    subprocess.run([options.cai, "export", model, "--format", "gguf", "--out", file], check=True, stdout=subprocess.DEVNULL)
    llama = loaded(llama_cpp, file)
    # A line of text a prompt. (An empty one is left out: llama.cpp gives it no space in front, as cai does.)
    texts = ["Once upon a time", " two  spaces ", "Caf\u00e9 \u2603!", "<s>", "aaaaaaa", "12:30, o'clock", "\ttab"]
    ours = subprocess.run([options.cai, "tokenizer", "encode", model],
                          input="\n".join(texts) + "\n", check=True, capture_output=True, text=True).stdout.splitlines()
    theirs = [" ".join(map(str, llama.tokenize(text.encode(), add_bos=False, special=False))) for text in texts]
    verdict(ours == theirs, "SentencePiece's tokens of a text", f"{sum(a == b for a, b in zip(ours, theirs))} of {len(texts)}")
    ids = llama.tokenize(b"", add_bos=True)
    reference = pathlib.Path(data, "stories260K/greedy-256.txt").read_text().rstrip("\n")
    answer = []
    for id in llama.generate(ids, temp=0.0, repeat_penalty=1.0):
        answer.append(id)
        if len(answer) == 256:
            break
    text = llama.detokenize(answer).decode(errors="replace").lstrip(" ")
    same = len(os.path.commonprefix([text.strip(), reference.strip()]))
    verdict(ids == [1] and same >= len(reference.strip()) - 1, "stories260K's own text", f"{same} of {len(reference.strip())} characters")


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

        llama = loaded(llama_cpp, file)
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
        check_sentencepiece(options, llama_cpp, folder)
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()

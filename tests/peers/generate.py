"""Hugging Face transformers as a contender (contender.h, ours.cpp): `generate` of LlamaForCausalLM, which reads our
checkpoint as it is. python generate.py THREADS CACHE; CACHE is dynamic, or static, with which the model is compiled."""
import json
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
import torch
import transformers

torch.set_num_threads(int(sys.argv[1]))
transformers.utils.logging.disable_progress_bar()


@torch.inference_mode()
def loss(model, directory):
    with open(directory + "/batch.json") as file:
        batch = torch.tensor(json.load(file))
    logits = model(batch[:, :-1]).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten()).item()


@torch.inference_mode()
def decode(model, batch):
    prompt, new = torch.zeros(batch, 1, dtype=torch.long), model.config.max_position_embeddings - 1
    settings = {}
    if sys.argv[2] == "static":
        compile_config = transformers.CompileConfig(fullgraph=False, mode="default")
        compile_config._compile_all_devices = True  # otherwise only on a GPU
        settings = {"cache_implementation": "static", "compile_config": compile_config}
    model.generation_config.eos_token_id = None  # every sequence fills the context
    out = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=True, temperature=1.0, top_k=0,
                         top_p=1.0, max_new_tokens=new, **settings)
    return out[:, 1:].numel()


def main():
    for line in sys.stdin:
        words = line.split()
        if words[0] == "version":
            answer = f"transformers {transformers.__version__}, PyTorch {torch.__version__}"
        elif words[0] == "model":
            directory = words[2]
            model = transformers.LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
            answer = sum(parameter.numel() for parameter in model.parameters())
        elif words[0] == "loss":
            answer = loss(model, directory)
        else:
            start = time.perf_counter()
            tokens = decode(model, int(words[1]))
            answer = f"{time.perf_counter() - start} {tokens}"
        print(answer, flush=True)


main()

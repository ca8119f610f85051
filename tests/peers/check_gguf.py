#!/usr/bin/env python3
"""cai reads what the package gguf writes: a Llama in each number format, its tensors the same floats to the last bit as
the package's own, with RoPE's rows in Hugging Face's order."""
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import verdicts
from verdicts import verdict

os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

FORMATS = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
SCALES = {"Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}  # of the formats that the package does not write


def check_format(cai, name, folder, gguf, np, load_file):
    C, H, K, D, F, V, L = 256, 4, 2, 64, 512, 13, 2
    random = np.random.default_rng(7)
    kind = gguf.GGMLQuantizationType[name]
    path = f"{folder}/{name}.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_embedding_length(C), writer.add_block_count(L), writer.add_head_count(H), writer.add_head_count_kv(K)
    writer.add_feed_forward_length(F), writer.add_context_length(64), writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2"), writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["<end>", "ab"] + [chr(97 + i) for i in range(V - 2)])
    writer.add_token_types([3] + [1] * (V - 1)), writer.add_token_merges(["a b"]), writer.add_eos_token_id(0)
    expected = {}

    def add(theirs, ours, *shape):
        values = random.normal(0, 1, shape).astype(np.float32)
        if len(shape) == 1:
            writer.add_tensor(theirs + ".weight", values)
            expected[ours + ".weight"] = values
            return
        if name in SCALES:
            per_block, size = gguf.GGML_QUANT_SIZES[kind]
            blocks = random.integers(0, 256, (values.size // per_block, size), dtype=np.uint8)
            for at in SCALES[name]:
                blocks[:, at:at + 2] = random.normal(0, 0.01, (len(blocks), 1)).astype(np.float16).view(np.uint8)
            data = blocks.reshape(shape[0], -1)
        else:
            data = gguf.quants.quantize(values, kind)
        writer.add_tensor(theirs + ".weight", data, raw_dtype=kind)
        floats = gguf.quants.dequantize(data, kind).astype(np.float32).reshape(shape)
        if theirs.endswith(("attn_q", "attn_k")):
            floats = floats.reshape(-1, D // 2, 2, C).swapaxes(1, 2).reshape(shape)
        expected[ours + ".weight"] = floats

    add("token_embd", "model.embed_tokens", V, C), add("output_norm", "model.norm", C), add("output", "lm_head", V, C)
    for l in range(L):
        theirs, ours = f"blk.{l}.", f"model.layers.{l}."
        add(theirs + "attn_norm", ours + "input_layernorm", C), add(theirs + "ffn_norm", ours + "post_attention_layernorm", C)
        add(theirs + "attn_q", ours + "self_attn.q_proj", H * D, C), add(theirs + "attn_k", ours + "self_attn.k_proj", K * D, C)
        add(theirs + "attn_v", ours + "self_attn.v_proj", K * D, C), add(theirs + "attn_output", ours + "self_attn.o_proj", C, H * D)
        add(theirs + "ffn_gate", ours + "mlp.gate_proj", F, C), add(theirs + "ffn_up", ours + "mlp.up_proj", F, C)
        add(theirs + "ffn_down", ours + "mlp.down_proj", C, F)
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
    done = subprocess.run([cai, "import", path, "--out", f"{folder}/{name}"], capture_output=True, text=True)
    if done.returncode:
        return verdict(False, f"a model in {name}", done.stderr.strip()[:200])
    ours = load_file(f"{folder}/{name}/model.safetensors")
    same = sum(np.array_equal(ours[key].view(np.uint32), value.view(np.uint32)) for key, value in expected.items())
    verdict(same == len(expected) == len(ours), f"a model in {name}", f"{same} of {len(expected)} tensors to the last bit")


def main():
    options = verdicts.parser().parse_args()
    try:
        import gguf
        import numpy as np
        from safetensors.numpy import load_file
    except ImportError as error:
        print(f"skipped: cai reads what the package gguf writes (no package {error.name})")
        return
    print(f"peer: gguf {importlib.metadata.version('gguf')}")
    with tempfile.TemporaryDirectory() as folder:
        for name in FORMATS:
            check_format(options.cai, name, folder, gguf, np, load_file)
    sys.exit(verdicts.failed)


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# transformers 5.24.0: of the two generations of RoPE keys in one config.json, a rope_scaling that is not null wins over
# the whole of rope_parameters, its rope_theta included, which falls back to 10000 although the file states another; a
# top-level rope_theta, the other old key, loses against rope_parameters. A file that a tool made by adding the new key
# beside the old one is thus read with the old scaling and neither theta, and no warning.
# Exits 0 when the package behaves as stated here, 1 when it behaves otherwise, 2 when it cannot be installed.
set -u
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install -q transformers==5.24.0 || exit 2
cat >"$scratch/stated" <<'END'
transformers 5.24.0
rope_theta: type default, theta 5000
rope_parameters: type default, theta 7000
rope_parameters and rope_theta: type default, theta 7000
rope_scaling and rope_theta: type linear, theta 5000
rope_scaling and rope_parameters: type linear, theta 10000
all three: type linear, theta 5000
END
HF_HUB_OFFLINE=1 "$scratch/venv/bin/python" - "$scratch" >"$scratch/seen" 2>"$scratch/notes" <<'END'
import json
import sys

import transformers

print("transformers", transformers.__version__)
keys = {"rope_theta": 5000.0, "rope_parameters": {"rope_type": "default", "rope_theta": 7000.0},
        "rope_scaling": {"rope_type": "linear", "factor": 2.0}}
for names in (["rope_theta"], ["rope_parameters"], ["rope_parameters", "rope_theta"], ["rope_scaling", "rope_theta"],
              ["rope_scaling", "rope_parameters"], list(keys)):
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 32, "hidden_size": 16,
              "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "max_position_embeddings": 64, **{name: keys[name] for name in names}}
    with open(sys.argv[1] + "/config.json", "w") as file:
        json.dump(config, file)
    rope = transformers.AutoConfig.from_pretrained(sys.argv[1]).rope_parameters
    what = "all three" if len(names) == 3 else " and ".join(names)
    print(f"{what}: type {rope['rope_type']}, theta {rope['rope_theta']:.0f}")
END
cat "$scratch/seen"
diff "$scratch/stated" "$scratch/seen" >"$scratch/difference" && exit 0
echo "this differs from what is stated here (<):"
cat "$scratch/difference" "$scratch/notes"
exit 1

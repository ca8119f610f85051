#!/usr/bin/env bash
# accelerate 1.15.0, on CPUs: two things that are asked for do not happen, and nothing says so. `accelerate launch --cpu
# --num_processes 2` starts one process. And in two processes (torchrun, gloo) an Accelerator ignores its fsdp_plugin:
# the model becomes DistributedDataParallel, whole in each process, although PyTorch's fully_shard splits the same model
# over the same processes. So a job rehearsed on CPUs has shown nothing of its launch command nor of its sharding.
# Use torchrun --nproc_per_node 2, print num_processes and type(model), and call fully_shard oneself.
# With the folder of a virtual environment that has the packages as its argument, none is made (it takes 6 GB).
# Exits 0 when the packages behave as stated here, 1 when they behave otherwise, 2 when they cannot be installed.
set -u
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
venv=${1:-$scratch/venv}
[ -n "${1:-}" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q accelerate==1.15.0 torch==2.15.0; } || exit 2
cat >"$scratch/stated" <<'END'
accelerate 1.15.0, torch 2.15.0
accelerate launch --cpu --num_processes 2: process 0 of 1, Linear, 72 of 72 parameters
torchrun --nproc_per_node 2: process 0 of 2, DistributedDataParallel, 72 of 72 parameters
torchrun --nproc_per_node 2: process 1 of 2, DistributedDataParallel, 72 of 72 parameters
fully_shard: process 0 of 2, FSDPLinear, 36 of 72 parameters
fully_shard: process 1 of 2, FSDPLinear, 36 of 72 parameters
END
cat >"$scratch/program.py" <<'END'
import os
import sys

import torch

what, by_accelerate = sys.argv[1], sys.argv[2] == "accelerate"
model = torch.nn.Linear(8, 8)
if by_accelerate:
    from accelerate import Accelerator, FullyShardedDataParallelPlugin
    accelerator = Accelerator(cpu=True, fsdp_plugin=FullyShardedDataParallelPlugin(fsdp_version=2))
    model, _ = accelerator.prepare(model, torch.optim.AdamW(model.parameters()))
    rank, size = accelerator.process_index, accelerator.num_processes
else:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    torch.distributed.init_process_group("gloo")
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    fully_shard(model, mesh=init_device_mesh("cpu", (size,)))
held = sum((p.to_local() if hasattr(p, "to_local") else p).numel() for p in model.parameters())
with open(os.path.join(sys.argv[3], f"seen-{rank}"), "w") as file:
    file.write(f"{what}: process {rank} of {size}, {type(model).__name__}, {held} of 72 parameters\n")
if torch.distributed.is_initialized():
    torch.distributed.destroy_process_group()
END
"$venv/bin/python" - >"$scratch/seen" <<'END'
from importlib.metadata import version

print(f"accelerate {version('accelerate')}, torch {version('torch')}")
END
run() {  # run COMMAND...: its processes write a line each, which are taken in order
    "$@" "$scratch" >>"$scratch/notes" 2>&1
    cat "$scratch"/seen-* >>"$scratch/seen" 2>>"$scratch/notes"
    rm -f "$scratch"/seen-*
}
launch="accelerate launch --cpu --num_processes 2"
run "$venv/bin/accelerate" launch --cpu --num_processes 2 "$scratch/program.py" "$launch" accelerate
run "$venv/bin/torchrun" --nproc_per_node 2 "$scratch/program.py" "torchrun --nproc_per_node 2" accelerate
run "$venv/bin/torchrun" --nproc_per_node 2 "$scratch/program.py" fully_shard torch
cat "$scratch/seen"
diff "$scratch/stated" "$scratch/seen" >"$scratch/difference" && exit 0
echo "this differs from what is stated here (<):"
cat "$scratch/difference" "$scratch/notes"
exit 1

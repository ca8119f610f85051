#!/usr/bin/env bash
# safetensors 0.8.0, numpy: an array whose elements do not lie in C order in memory is saved with its elements in the
# order of memory, under the array's shape: other values, and no error. A transpose (a weight turned from (in,out) to
# (out,in) before export) is the usual way to get one; np.asfortranarray, a slice with a step and np.broadcast_to are
# others. Byte order, by contrast, is converted. Pass np.ascontiguousarray(array).
# Exits 0 when the package behaves as stated here, 1 when it behaves otherwise, 2 when it cannot be installed.
set -u
scratch=$(mktemp -d) || exit 2
trap 'rm -rf "$scratch"' EXIT
python3 -m venv "$scratch/venv" && "$scratch/venv/bin/pip" install -q safetensors==0.8.0 numpy==2.4.6 || exit 2
cat >"$scratch/stated" <<'END'
safetensors 0.8.0, numpy 2.4.6
transposed: saved [[0, 3], [1, 4], [2, 5]], loaded [[0, 1], [2, 3], [4, 5]]
Fortran order: saved [[0, 1, 2], [3, 4, 5]], loaded [[0, 3, 1], [4, 2, 5]]
every second column: saved [[0, 2], [3, 5]], loaded [[0, 1], [2, 3]]
broadcast: saved [[0, 1, 2], [0, 1, 2]], loaded [[0, 1, 2], [3, 4, 5]]
made contiguous: saved [[0, 3], [1, 4], [2, 5]], loaded [[0, 3], [1, 4], [2, 5]]
big-endian: saved [[0, 1, 2], [3, 4, 5]], loaded [[0, 1, 2], [3, 4, 5]]
END
"$scratch/venv/bin/python" - >"$scratch/seen" <<'END'
import numpy as np
import safetensors
from safetensors.numpy import load, save

print(f"safetensors {safetensors.__version__}, numpy {np.__version__}")
weight = np.arange(6, dtype=np.float32).reshape(2, 3)
for name, array in (("transposed", weight.T), ("Fortran order", np.asfortranarray(weight)),
                    ("every second column", weight[:, ::2]), ("broadcast", np.broadcast_to(weight[0], (2, 3))),
                    ("made contiguous", np.ascontiguousarray(weight.T)), ("big-endian", weight.astype(">f4"))):
    back = load(save({"weight": array}))["weight"]
    print(f"{name}: saved {array.astype(int).tolist()}, loaded {back.astype(int).tolist()}")
END
cat "$scratch/seen"
diff "$scratch/stated" "$scratch/seen" >"$scratch/difference" && exit 0
echo "this differs from what is stated here (<):"
cat "$scratch/difference"
exit 1

#!/usr/bin/env bash
# safetensors 0.8.0 writes what lies in memory, not what the array is, without a word. A weight transposed with .T, as
# converters from Flax or TensorFlow to PyTorch transpose every linear layer, comes back with its shape and with its
# values in another order: of a 256 × 64 weight 99.98 % are wrong, and the layer's output is off by 142 % (norm).
# Arrays in Fortran's order (np.asfortranarray, what scipy reads from MATLAB) are shuffled alike. safetensors 0.7.0
# wrote the same arrays right, so that an upgrade spoils a converter that passed its tests (issue 825 there).
# safetensors.torch refuses a transposed tensor, yet writes the conjugate of a complex one (freqs.conj(), a rotary
# table turned back) as the tensor itself, in both versions: PyTorch keeps "conjugated" as a mark beside the memory.
# The documentation asks for "contiguous and dense" tensors; numpy calls a transposed array contiguous, too
# (F_CONTIGUOUS), and nothing is checked.
# What it means: np.ascontiguousarray and .resolve_conj(), or a comparison after loading; names and shapes say nothing.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/$1" "${@:2}"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install site torch==2.11.0
install site --no-deps numpy==2.2.6 packaging==25.0
for version in 0.7.0 0.8.0; do install "$version" --no-deps safetensors=="$version"; done
cat > "$folder/case.py" <<'PY'
import json
import sys

import numpy as np
import safetensors
import torch
from safetensors import numpy, torch as tensors

folder = sys.argv[1]
draw = np.random.default_rng(0)
kernel = draw.standard_normal((64, 256)).astype(np.float32)
weight = kernel.T
convolution = np.asfortranarray(draw.standard_normal((8, 4, 3, 3)).astype(np.float32))
numpy.save_file({"weight": weight, "convolution": convolution}, f"{folder}/numpy.safetensors")
back = numpy.load_file(f"{folder}/numpy.safetensors")
inputs = draw.standard_normal((100, 64)).astype(np.float32)
output = np.linalg.norm(inputs @ back["weight"].T - inputs @ weight.T) / np.linalg.norm(inputs @ weight.T)
table = torch.polar(torch.ones(16), torch.linspace(0, 1, 16))
tensors.save_file({"table": table.conj()}, f"{folder}/torch.safetensors")
turned = tensors.load_file(f"{folder}/torch.safetensors")["table"]
try:
    tensors.save_file({"weight": torch.from_numpy(kernel).T}, f"{folder}/refused.safetensors")
    refused = False
except ValueError:
    refused = True
print(json.dumps({"version": safetensors.__version__, "shape": back["weight"].shape == weight.shape,
                  "wrong": float((back["weight"] != weight).mean()), "output": float(output),
                  "convolution": float((back["convolution"] != convolution).mean()),
                  "conjugate": bool(torch.equal(turned, table.conj())), "as it was": bool(torch.equal(turned, table)),
                  "refused": refused}))
PY
for version in 0.7.0 0.8.0; do
  PYTHONPATH=$folder/$version:$PYTHONPATH python3 "$folder/case.py" "$folder" | tee -a "$folder/cases"
done
python3 - "$folder/cases" <<'PY'
import json
import sys

old, new = (json.loads(line) for line in open(sys.argv[1]))
behaves = (old["wrong"] == old["output"] == old["convolution"] == 0 and new["shape"] and new["refused"]
           and new["wrong"] > 0.999 and abs(new["output"] - 1.42) < 0.03 and new["convolution"] > 0.9
           and all(case["as it was"] and not case["conjugate"] for case in (old, new)))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# huggingface_hub 2.4.0: PyTorchModelHubMixin saves a model's arguments so that from_pretrained() can build it again,
# and leaves out those that JSON cannot hold, without a word; the class's defaults stand in for them. A net of width 16
# built with nn.GELU() where the default is nn.ReLU(), and with scale=torch.tensor(2.0) where it is 1, comes back 16
# wide with ReLU and scale 1: all weights are loaded, strictly, and outputs are 46 % off (norm). config.json holds the
# width and a tuple, which comes back as a list; torch.bfloat16, given for float32, is gone, too. No warning.
# Where arguments are all numbers and strings, or defaults, a round trip is exact, and so a first test is.
# What it means: a model that was published and one that is loaded differ where nobody looks, in what has no weights:
# activations, samplers, scales. Compare an output after loading, name things by strings, or register coders.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site HF_HUB_OFFLINE=1 HF_HUB_DISABLE_PROGRESS_BARS=1
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps huggingface_hub==2.4.0 httpx2==2.16.2 httpcore2==2.16.2 anyio==4.16.0 h11==0.16.0 idna==3.20 \
  truststore==0.10.5 safetensors==0.8.0 numpy==2.4.6 packaging==26.4 pyyaml==6.0.4 tqdm==4.70.1
python3 - "$folder" <<'PY'
import json
import sys
import warnings

import torch
from huggingface_hub import PyTorchModelHubMixin
from torch import nn

class Net(nn.Module, PyTorchModelHubMixin):
    def __init__(self, width=8, activation=nn.ReLU(), scale=torch.tensor(1.0), kind=torch.float32, size=(1, 2)):
        super().__init__()
        self.linear, self.activation, self.scale, self.kind = nn.Linear(width, width), activation, scale, kind
        self.size = size

    def forward(self, x):
        return self.activation(self.linear(x)) * self.scale

def loaded(name, *arguments):
    """A model, the one that comes back, and how far its outputs are off."""
    model = Net(*arguments)
    model.save_pretrained(f"{sys.argv[1]}/{name}")
    again = Net.from_pretrained(f"{sys.argv[1]}/{name}", strict=True)
    x = torch.randn(64, arguments[0], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        right = model(x)
        return again, float((again(x) - right).norm() / right.norm())

torch.manual_seed(0)
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    plain, plain_off = loaded("plain", 16)
    again, off = loaded("net", 16, nn.GELU(), torch.tensor(2.0), torch.bfloat16, (3, 4))
with open(sys.argv[1] + "/net/config.json") as file:
    config = json.load(file)
print(f"saved {config}; came back with {again.activation}, scale {float(again.scale)}, {again.kind}, {again.size}: "
      f"outputs {100 * off:.0f} % off, {100 * plain_off:.0f} with defaults; {len(said)} warnings")
behaves = (sorted(config) == ["size", "width"] and isinstance(again.activation, nn.ReLU) and float(again.scale) == 1
           and again.kind == torch.float32 and again.size == [3, 4] and off > 0.3 and plain_off == 0 and not said)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

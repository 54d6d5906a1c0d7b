#!/usr/bin/env bash
# Muon at one learning rate is two optimisers: the step of PyTorch 2.11.0's torch.optim.Muon shrinks with the layer's
# width, that of timm 1.0.31's does not, as both come. The first step (root mean square of its elements) of a square
# weight, lr = 0.02, no weight decay:
#   width 64: 0.0022 and 0.0040;   256: 0.0011 and 0.0040;   1,024: 0.0006 and 0.0040; 2,048: 0.0004 and 0.0040.
# The quotient is 1.8, 3.5, 7.0 and 9.7, so that no factor for the rate brings one in line with the other for all
# layers of a model. With adjust_lr_fn="match_rms_adamw" for both (timm's default) they agree to 15 %, and so they do
# with "original" for both (PyTorch's). Nesterov's momentum is on by default in PyTorch
# and off in timm, weight decay 0.1 and 0.
# What it means: a rate tuned on one, or read in a paper's log, is ten times off at the widths of a real model, a narrow
# trial of both in PyTorch's looks alike, and a comparison of the two packages is of learning rates. Say adjust_lr_fn.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps timm==1.0.31 torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 pyyaml==6.0.3 safetensors==0.7.0 \
  huggingface_hub==0.36.0 packaging==25.0 tqdm==4.67.1 requests==2.32.5 urllib3==2.5.0 idna==3.10 certifi==2025.10.5 \
  charset-normalizer==3.4.4
python3 - <<'PY'
import inspect

import timm.optim
import torch

def step(optimiser, width, **options):
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(width, width))
    weight.grad = torch.randn(width, width)
    optimiser([weight], lr=0.02, weight_decay=0.0, **options).step()
    return float(weight.detach().pow(2).mean().sqrt())

quotients, alike = {}, []
for width in 64, 256, 1024, 2048:
    ours, theirs = step(torch.optim.Muon, width), step(timm.optim.Muon, width)
    quotients[width] = theirs / ours
    print(f"width {width}: PyTorch {ours:.5f}, timm {theirs:.5f}, quotient {quotients[width]:.2f}")
    for rule in "match_rms_adamw", "original":
        alike.append(step(timm.optim.Muon, width, adjust_lr_fn=rule) / step(torch.optim.Muon, width, adjust_lr_fn=rule))
print("with one rule for both:", [round(value, 3) for value in alike])
defaults = {name: [inspect.signature(package.Muon).parameters[name].default for package in (torch.optim, timm.optim)]
            for name in ("nesterov", "weight_decay", "adjust_lr_fn")}
print("defaults:", defaults)
expected = {64: 1.83, 256: 3.53, 1024: 6.98, 2048: 9.71}
behaves = (all(abs(quotients[width] - value) < 0.1 for width, value in expected.items())
           and all(1.03 < value < 1.18 for value in alike)
           and defaults["nesterov"] == [True, False] and defaults["weight_decay"] == [0.1, 0])
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

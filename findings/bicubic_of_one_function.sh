#!/usr/bin/env bash
# PyTorch 2.11.0: F.interpolate(mode="bicubic") has two cubics, and antialias chooses between them, also where a
# picture is enlarged and there is nothing to antialias: with it the coefficient is -0.5 and the result Pillow's, to
# 2e-7; without it is -0.75 and the result OpenCV's, to 2e-7. An edge overshoots by 7.0 % with and by 10.5 % without.
# Bilinear enlarging is the same with and without, so that one takes the switch for one that does nothing here.
# Position embeddings of vision transformers are enlarged by this function: timm 1.0.22's resample_abs_pos_embed sets
# antialias=True, while the bare call, as many papers' code has it, means False. Of one embedding brought from 14 × 14
# to 24 × 24 the two are 8.0 % apart (norm) if it is noise, 2.3 % if it is smooth.
# What it means: one checkpoint at a new resolution has two sets of features, and a picture two enlargements, in the
# same framework; write down the coefficient, not just "bicubic".
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 opencv-python-headless==4.12.0.88 timm==1.0.22 \
  pyyaml==6.0.3 safetensors==0.6.2
python3 - <<'PY'
import cv2
import numpy as np
import torch
from PIL import Image
from timm.layers import resample_abs_pos_embed
from torch.nn.functional import interpolate

torch.manual_seed(0)

def enlarged(grid, side, mode, antialias):
    return interpolate(grid, (side, side), mode=mode, antialias=antialias)

picture = torch.rand(32, 32)
others = {"Pillow": np.asarray(Image.fromarray(picture.numpy()).resize((64, 64), Image.Resampling.BICUBIC)),
          "OpenCV": cv2.resize(picture.numpy(), (64, 64), interpolation=cv2.INTER_CUBIC)}
edge = (torch.arange(32) > 15).float().expand(1, 1, 32, 32)
away, overshoot, linear = {}, {}, []
for switch in (True, False):
    own = enlarged(picture[None, None], 64, "bicubic", switch)[0, 0].numpy()
    away[switch] = {name: float(np.abs(own - other).max()) for name, other in others.items()}
    overshoot[switch] = float(enlarged(edge, 64, "bicubic", switch).max()) - 1
    linear.append(enlarged(picture[None, None], 64, "bilinear", switch))
    print(f"antialias={switch}: " + ", ".join(f"{value:.0e} from {name}" for name, value in away[switch].items())
          + f"; an edge overshoots by {overshoot[switch]:.1%}")
same = float((linear[0] - linear[1]).abs().max())
print(f"bilinear with and without: {same:.0e} apart")

step = torch.linspace(0, 1, 14)
waves = [torch.sin(3 * (i % 4) * step + i)[None, :] * torch.cos(3 * (i // 4 % 4) * step - i)[:, None] for i in range(64)]
apart = {}
for name, grid in (("noise", torch.randn(1, 64, 14, 14)), ("smooth", torch.stack(waves)[None])):
    tokens = grid.flatten(2).transpose(1, 2)
    by_timm = resample_abs_pos_embed(tokens, [24, 24], num_prefix_tokens=0)
    bare = interpolate(grid, (24, 24), mode="bicubic").flatten(2).transpose(1, 2)
    apart[name] = float((by_timm - bare).norm() / bare.norm())
    print(f"position embedding, {name}: timm's and the bare call's {apart[name]:.1%} apart")
behaves = (away[True]["Pillow"] < 1e-5 < 0.01 < away[True]["OpenCV"]
           and away[False]["OpenCV"] < 1e-5 < 0.01 < away[False]["Pillow"]
           and overshoot[False] > 1.3 * overshoot[True] and same < 1e-5 and apart["noise"] > 0.05
           and apart["smooth"] > 1e-3)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

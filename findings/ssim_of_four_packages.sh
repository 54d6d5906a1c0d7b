#!/usr/bin/env bash
# SSIM of one pair of pictures, values in [0, 1], by four packages called with nothing but the pictures: 0.65,
# 0.9999, 0.275 and 0.293. All of them compute the same number (0.292) once told the range and not to shrink.
#   piq 0.8.0: shrinks both pictures first by round(shorter side / 256), so that a picture of 383 × 383 has 0.29
#     and one of 384 × 384, with the same noise, 0.65; 1,024 × 1,024: 0.87. downsample=False turns it off.
#   pytorch-msssim 1.0.0: takes the range for 255, under which any two pictures in [0, 1] are alike (0.9999 here,
#     0.996 for two that have nothing in common). data_range=1.0 is to be given.
#   torchmetrics 1.8.2: takes the range from the two pictures' own extremes, so that the number changes with their
#     contrast (0.275 here). data_range=1.0 is to be given.
#   kornia 0.8.1: the range is 1 by default; its value is a picture that one averages oneself.
# What it means: an SSIM without package, size and options is no number; tables of papers mix them.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
python3 -c 'import numpy, torchvision' 2>/dev/null || install --no-deps numpy==2.3.5 torchvision==0.26.0 pillow==12.0.0
install --no-deps piq==0.8.0 pytorch-msssim==1.0.0 torchmetrics==1.8.2 lightning-utilities==0.15.3 packaging==25.0 \
  typing-extensions==4.15.0 kornia==0.8.1 kornia_rs==0.2.0
python3 - <<'PY'
import kornia
import piq
import pytorch_msssim
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

torch.manual_seed(0)

def pictures(side):
    y, x = torch.meshgrid(*[torch.linspace(0, 6, side)] * 2, indexing="ij")
    smooth = (0.5 + 0.3 * torch.sin(x) * torch.cos(y)).expand(1, 3, side, side).contiguous()
    return smooth, (smooth + 0.05 * torch.randn_like(smooth)).clamp(0, 1)

def by_default(a, b):
    return {"piq": piq.ssim(a, b), "pytorch-msssim": pytorch_msssim.ssim(a, b),
            "torchmetrics": structural_similarity_index_measure(b, a), "kornia": kornia.metrics.ssim(a, b, 11).mean()}

def told(a, b):
    return {"piq": piq.ssim(a, b, downsample=False), "pytorch-msssim": pytorch_msssim.ssim(a, b, data_range=1.0),
            "torchmetrics": structural_similarity_index_measure(b, a, data_range=1.0),
            "kornia": kornia.metrics.ssim(a, b, 11).mean()}

def rounded(values):
    return {name: round(float(value), 4) for name, value in values.items()}

below, above, large = (rounded(by_default(*pictures(side))) for side in (383, 384, 1024))
same = rounded(told(*pictures(384)))
unlike = float(pytorch_msssim.ssim(torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)))
print(f"383 × 383, by default: {below}\n384 × 384, by default: {above}\n1024 × 1024, by default: {large}")
print(f"384 × 384, range 1, not shrunk: {same}\npytorch-msssim of two pictures of independent noise: {unlike:.4f}")
behaves = (max(same.values()) - min(same.values()) < 2e-3 and above["piq"] > below["piq"] + 0.3
           and large["piq"] > 0.8 and above["pytorch-msssim"] > 0.999 and unlike > 0.99
           and abs(above["torchmetrics"] - same["torchmetrics"]) > 4e-3)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

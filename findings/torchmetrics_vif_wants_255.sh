#!/usr/bin/env bash
# torchmetrics 1.8.2: VIF of pictures in [0, 1], which its other metrics of images take, is another number than VIF, and
# orders pictures otherwise. One picture, spoilt in several ways; first in [0, 1], then times 255:
#   noise of 0.03: 0.998 and 0.54; noise of 0.2: 0.90 and 0.13, so that noise is hardly seen;
#   blur over 3 pixels: 0.65 and 0.43, far worse than the noise of 0.2 by the one, far better by the other;
#   half of the contrast: 0.25 and 0.76, the worst of them by the one, the best but one by the other.
# piq 0.8.0 (data_range=1) gives the second numbers for [0, 1], and sewar 0.4.10 for bytes, to within 0.005.
# Why: "sigma_n_sq", the variance of what the eye adds, is 2 in levels of 0 … 255. There is no data_range, and the
# documentation says nothing of a range. Equal pictures are 1 in both, which is what one tries first.
# What it means: tables with VIF from torchmetrics and from elsewhere are of two metrics, and one may prefer a noisy
# method to a blurred one by it. Multiply by 255, or give sigma_n_sq=2 / 255**2.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchmetrics==1.8.2 lightning-utilities==0.15.3 packaging==25.0 typing-extensions==4.15.0 piq==0.8.0 \
  torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 sewar==0.4.10 scipy==1.17.1
python3 - <<'PY'
import numpy as np
import piq
import torch
from sewar.full_ref import vifp
from torch.nn.functional import avg_pool2d, pad
from torchmetrics.functional.image import visual_information_fidelity

torch.manual_seed(0)
true = avg_pool2d(torch.rand(1, 1, 200, 200), 9, 1)
true = (true - true.min()) / (true.max() - true.min())

def blurred(side):
    return avg_pool2d(pad(true, [side // 2] * 4, mode="reflect"), side, 1)

spoilt = {f"noise of {size}": (true + size * torch.randn_like(true)).clamp(0, 1) for size in (0.03, 0.1, 0.2)}
spoilt |= {f"blur over {side} pixels": blurred(side) for side in (3, 5, 9)}
spoilt |= {"half of the contrast": 0.25 + 0.5 * true, "equal": true}

def as_bytes(picture):
    return (255 * picture[0, 0]).round().numpy().astype(np.uint8)

found = {}
for name, picture in spoilt.items():
    found[name] = [float(value) for value in (
        visual_information_fidelity(picture, true), visual_information_fidelity(255 * picture, 255 * true),
        visual_information_fidelity(picture, true, sigma_n_sq=2 / 255 ** 2), piq.vif_p(picture, true, data_range=1.0),
        vifp(as_bytes(true), as_bytes(picture)))]
    print("{}: torchmetrics {:.3f} in [0, 1], {:.3f} times 255, {:.3f} with sigma_n_sq of 2 / 255²; piq {:.3f}, "
          "sewar {:.3f}".format(name, *found[name]))
small, large = ({name: values[i] for name, values in found.items()} for i in (0, 1))
behaves = (all(max(abs(value - values[1]) for value in values[2:]) < 0.01 for values in found.values())
           and small["noise of 0.2"] > small["blur over 3 pixels"] + 0.2
           and large["noise of 0.2"] < large["blur over 3 pixels"] - 0.2
           and small["noise of 0.03"] > 0.99
           and small["half of the contrast"] < 0.3 < 0.7 < large["half of the contrast"]
           and all(abs(value - 1) < 1e-3 for value in found["equal"]))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

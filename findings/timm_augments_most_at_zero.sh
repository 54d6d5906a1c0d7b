#!/usr/bin/env bash
# timm 1.0.31: the magnitude of RandAugment says little about how much a picture is changed. "rand-m0-n2", the least
# there is, moves pixels by 36 of 255 levels in the mean, "rand-m5-n2" by 28 and "rand-m10-n2", the most, by 35.
# torchvision 0.26.0's RandAugment(2, m, 11) of the same picture goes from 5 at m = 0 to 52 at 5 and 77 at 10, timm with
# "-inc1" from 10 to 33 to 50.
# Why: without "inc1" brightness, contrast and their like are scaled by 0.1 at 0, by 1 (nothing) at 5 and by 1.9 at 10;
# Posterize makes a black picture at 0, Solarize inverts all of it, and at 10 they do least (8 and 0 levels).
# What it means: a sweep over m from weak to strong, or a ramp from 0 on, starts with black and inverted pictures,
# and an m found with one library is another thing in the other. Say inc1, and look at pictures at both ends.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps timm==1.0.31 torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 pyyaml==6.0.3 safetensors==0.7.0 \
  huggingface_hub==0.36.0 packaging==25.0 tqdm==4.67.1 requests==2.32.5 urllib3==2.5.0 idna==3.10 \
  certifi==2025.10.5 charset-normalizer==3.4.4
python3 - <<'PY'
import random

import numpy as np
import torch
from PIL import Image
from timm.data.auto_augment import AugmentOp, rand_augment_transform
from torchvision.transforms import RandAugment

y, x = np.mgrid[:64, :64]
waves = [128 + 100 * np.sin(x / 9), 128 + 100 * np.sin(y / 7), 128 + 90 * np.sin((x + y) / 11)]
picture = Image.fromarray(np.stack(waves, axis=-1).astype(np.uint8))
settings = {"translate_const": 20, "img_mean": (128, 128, 128)}

def pixels(image):
    return np.asarray(image).astype(float)

def change(augment):
    """The mean absolute change of a pixel, in levels, over 1,000 draws."""
    total = 0.0
    for seed in range(1000):
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        total += np.abs(pixels(augment(picture)) - pixels(picture)).mean()
    return total / 1000

makers = {"timm": lambda m: rand_augment_transform(f"rand-m{m}-n2", settings),
          "timm, inc1": lambda m: rand_augment_transform(f"rand-m{m}-n2-inc1", settings),
          "torchvision": lambda m: RandAugment(2, m, num_magnitude_bins=11)}
found = {}
for name, make in makers.items():
    found[name] = [round(float(change(make(m))), 1) for m in (0, 3, 5, 7, 10)]
    print(f"{name}: moves pixels by {found[name]} levels at magnitudes of 0, 3, 5, 7 and 10")
single = {}
for name in ("Posterize", "Solarize", "Brightness", "Contrast"):
    for m in (0, 5, 10):
        op = AugmentOp(name, prob=1.0, magnitude=m, hparams=settings)
        result = pixels(op(picture))
        single[name, m] = float(np.abs(result - pixels(picture)).mean())
        print(f"timm's {name} at {m}: changes by {single[name, m]:.1f} levels, mean {result.mean():.1f} "
              f"(of {pixels(picture).mean():.1f})")
rising = lambda values: all(low < high for low, high in zip(values, values[1:]))
behaves = (rising(found["torchvision"]) and rising(found["timm, inc1"]) and found["torchvision"][0] < 10
           and found["timm"][0] > found["timm"][2] and abs(found["timm"][0] / found["timm"][4] - 1) < 0.15
           and all(single[name, 0] > 2 * single[name, 10] for name in ("Posterize", "Solarize"))
           and single["Brightness", 0] > 50 and single["Brightness", 5] < 1)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

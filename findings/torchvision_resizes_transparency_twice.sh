#!/usr/bin/env bash
# torchvision 0.26.0: one Resize gives two pictures of one RGBA image, 57 of 255 levels apart along edges, according to
# whether it gets a Pillow image or a tensor. Resized to 64 × 64 and then put on white, the Pillow image is 64.5 dB from
# the image put on white before it is resized, the tensor 32.0. Of RGB the two kinds give pictures one level apart.
# Why: Pillow multiplies colours by alpha, resizes, and divides again. To tensors alpha is one channel more, so that
# colours nobody sees (black in most renderings) are mixed into the edges. Which colour is behind alpha 0 changes
# the result: 35.0 dB with white there, 33.6 with green. Pillow's does not change.
# What it means: turning images into tensors first, as torchvision's documentation advises for speed, draws a dark line
# around each object of the truth itself, and all PSNRs against it are of another picture. Put images on their
# background before anything else.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchvision==0.26.0 numpy==2.3.5 pillow==12.0.0
python3 - <<'PY'
import numpy as np
import torch
from PIL import Image
from torchvision.transforms import v2

resize = v2.Resize((64, 64), antialias=True)
y, x = np.mgrid[:400, :400]
disc = (x - 200) ** 2 + (y - 200) ** 2 < 130 ** 2

def on_white(image):
    image = v2.functional.to_dtype(v2.functional.to_image(image), torch.float32, scale=True)
    return image[:3] * image[3:] + 1 - image[3:]

def decibels(a, b):
    return float(-10 * torch.log10((a - b).square().mean()))

def levels(a, b):
    return 255 * float((a - b).abs().max())

outcomes = {}
for name, behind in (("black", (0, 0, 0)), ("white", (255, 255, 255)), ("green", (0, 255, 0))):
    pixels = np.empty((400, 400, 4), np.uint8)
    pixels[:] = (*behind, 0)
    pixels[disc] = (230, 180, 60, 255)
    picture = Image.fromarray(pixels)
    tensor = v2.functional.to_image(picture)
    by_pillow, by_tensor = on_white(resize(picture)), on_white(resize(tensor))
    true = resize(on_white(tensor))
    outcomes[name] = decibels(by_pillow, true), decibels(by_tensor, true), levels(by_pillow, by_tensor)
    print("{} behind alpha 0: Pillow image {:.1f} dB, tensor {:.1f} dB from the truth; {:.0f} levels apart".format(
        name, *outcomes[name]))
opaque = picture.convert("RGB")
kinds = v2.functional.to_image(resize(opaque)).int(), resize(v2.functional.to_image(opaque)).int()
same = int((kinds[0] - kinds[1]).abs().max())
print(f"RGB: Pillow image and tensor {same} level apart")
pillow, tensor, _ = zip(*outcomes.values())
behaves = (min(pillow) > 55 and max(pillow) - min(pillow) < 0.01 and max(tensor) < 40 and max(tensor) - min(tensor) > 1
           and outcomes["black"][2] > 40 and same <= 1)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# torchvision 0.26.0: ToTensor of a 16-bit PNG opened by Pillow gives signed 16-bit integers, in which all that is
# above 32767 is negative: of a depth map in millimetres 32.767 m stays, 32.768 m becomes -32.768, and 65.535 m, often
# "nothing here", becomes -0.001. A disparity map in 1/256 pixels (KITTI's format) breaks from 128 pixels on, and a
# 16-bit photograph at half of white. Nor are values brought to [0, 1], as ToTensor brings those of 8 bits: a grey of
# one half is 0.5 of a photograph of 8 bits and -32640 of one of 16. pil_to_tensor, v2.ToImage and decode_image of the
# same library give unsigned 16 bits of the same file, and v2.ToDtype(scale=True) brings those to [0, 1].
# What it means: masks like depth > 0, which are to drop what was not measured, drop what is far, without a word, and
# errors of outdoor scenes are those of what is near. Rooms are below 32 m, so that indoor tests see nothing.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0
python3 - "$folder" <<'PY'
import sys

import numpy as np
import torch
from PIL import Image
from torchvision.io import decode_image
from torchvision.transforms import ToTensor, v2
from torchvision.transforms.functional import pil_to_tensor

path = f"{sys.argv[1]}/depth.png"
millimetres = [0, 1000, 32767, 32768, 50000, 65535]
Image.fromarray(np.array([millimetres], np.uint16)).save(path)
scaled = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
ways = {"ToTensor": ToTensor(), "pil_to_tensor": pil_to_tensor, "v2.ToImage": v2.ToImage(), "v2, scaled": scaled}
found = {name: way(Image.open(path)) for name, way in ways.items()}
found["decode_image"] = decode_image(path)
for name, tensor in found.items():
    print(f"{name}: {tensor.dtype}, {[round(value, 3) for value in tensor.flatten().tolist()]}")
grey = {bits: float(ToTensor()(Image.fromarray(np.full((2, 2), value, kind))).flatten()[0])
        for bits, value, kind in ((8, 128, np.uint8), (16, 128 * 257, np.uint16))}
print(f"a grey of one half by ToTensor: {grey[8]:.3f} of 8 bits, {grey[16]:.0f} of 16 bits")

# A street: a ground plane seen from 1.5 m above it, and a sky that is 0. How much of what was measured is kept?
rows = np.arange(1, 401)
depth = np.where(rows > 4, 1000 * 1.5 * 400 / rows, 0)
depth = np.tile(depth.astype(np.uint16)[:, None], (1, 10))
Image.fromarray(depth).save(path)
near = ToTensor()(Image.open(path)).float()
kept, farthest = float((near > 0).sum() / (depth > 0).sum()), float(near.max()) / 1000
print(f"a ground plane up to {depth.max() / 1000:.0f} m: depth > 0 keeps {kept:.1%} of it, up to {farthest:.1f} m")
wrapped = [value - 65536 * (value > 32767) for value in millimetres]
behaves = (found["ToTensor"].dtype == torch.int16 and found["ToTensor"].flatten().tolist() == wrapped
           and all(found[name].dtype == torch.uint16 and found[name].flatten().tolist() == millimetres
                   for name in ("pil_to_tensor", "v2.ToImage", "decode_image"))
           and abs(float(found["v2, scaled"].max()) - 1) < 1e-6 and grey[16] == -32640
           and kept < 1 and farthest < 32.768 < depth.max() / 1000)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

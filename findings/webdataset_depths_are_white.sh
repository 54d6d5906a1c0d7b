#!/usr/bin/env bash
# webdataset 1.0.2: 16-bit PNG files, as depth maps and disparities are stored, are cut at 255 by each of its ways to
# decode images. Of a depth map in millimetres that goes from 0.5 to 10 m, all is 255 with "l8", "rgb8" and "pil", and
# 1.0 with "l", "rgb", "torchl", "torchrgb": one white picture. "pil" gives a Pillow image in RGB, so that
# the file as it is cannot be had so either. No exception and no warning; what is below 256 (0.256 m) is kept as it is,
# divided by 255. Pillow 12.0.0 itself opens the file with all of its values.
# And "png" of floats is written by TarWriter cut down instead of rounded: on average half a level (of 255) too dark.
# What it means: a network learns depth 1 everywhere and its loss goes to 0, or a mask depth < 1 is empty. With no depth
# below 0.256 m nothing varies, with a disparity in 1/256 pixels only the sky does. Leave the image decoder out for
# those files: .decode(my_function), which gets the name's end and the bytes.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps webdataset==1.0.2 braceexpand==0.1.7 numpy==2.2.6 pillow==12.0.0 pyyaml==6.0.3
python3 - "$folder" <<'PY'
import io
import sys

import numpy as np
import webdataset
from PIL import Image

shard = sys.argv[1] + "/shard.tar"

def decoded(content, how):
    with webdataset.TarWriter(shard) as tar:
        tar.write({"__key__": "view", "png": content})
    return np.asarray(next(iter(webdataset.WebDataset(shard, shardshuffle=False).decode(how)))["png"])

depth = np.linspace(500, 10_000, 64 * 64).astype(np.uint16).reshape(64, 64)
near = np.arange(256, dtype=np.uint16).reshape(16, 16)

def png(picture):
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()

kept = bool((np.asarray(Image.open(io.BytesIO(png(depth)))) == depth).all())
found, small = {}, {}
for how in "l8", "rgb8", "pil", "l", "rgb", "torchl", "torchrgb":
    found[how] = sorted({float(value) for value in decoded(png(depth), how).ravel()})
    small[how] = len(np.unique(decoded(png(near), how)))
    print(f"{how}: values {found[how]} of {len(np.unique(depth))} depths; below 256 {small[how]} values of 256")
exact = np.random.default_rng(0).uniform(0, 1, (256, 256, 3)).astype(np.float32)
bias = float((decoded(exact, "rgb8") - 255.0 * exact).mean())
print(f"Pillow keeps all: {kept}; floats written as png are {bias:.2f} levels off in the mean")
behaves = (kept and all(found[how] == [255.0] for how in ("l8", "rgb8", "pil"))
           and all(found[how] == [1.0] for how in ("l", "rgb", "torchl", "torchrgb"))
           and set(small.values()) == {256} and -0.51 < bias < -0.49)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

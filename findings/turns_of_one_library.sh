#!/usr/bin/env bash
# Turning a picture by +30 degrees within one library: torchvision 0.26.0's rotate turns it counter-clockwise and its
# affine clockwise; so do RandomRotation((30, 30)) and RandomAffine((30, 30)), of v1 and of v2. kornia 0.9.0's classes
# are such a pair, too. albumentations 2.0.8's Rotate and Affine, Pillow, scikit-image and SciPy turn counter-clockwise.
# torchvision's documentation has a word of it at the two functions of v1, none at the classes; kornia's has one.
# What it means: as long as angles are drawn from -30 … 30 nobody sees it. Ranges of one sign, test-time rotations that
# are undone afterwards, labels with an angle, and a RandomRotation replaced by a RandomAffine (to shift as well) are
# off by twice the angle.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore NO_ALBUMENTATIONS_UPDATE=1
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 kornia==0.9.0 kornia_rs==0.2.0 packaging==25.0 \
  albumentations==2.0.8 albucore==0.0.24 stringzilla==4.2.3 simsimd==6.5.3 pydantic==2.12.4 pydantic-core==2.41.5 \
  annotated-types==0.7.0 typing-inspection==0.4.2 typing-extensions==4.15.0 scipy==1.17.1 pyyaml==6.0.3 \
  opencv-python-headless==4.12.0.88 scikit-image==0.26.0 lazy-loader==0.4 networkx==3.5
python3 - <<'PY'
import albumentations
import kornia.augmentation
import numpy as np
import scipy.ndimage
import skimage.transform
import torch
from PIL import Image
from torchvision import transforms as v1
from torchvision.transforms import v2

picture = np.zeros((65, 65), np.uint8)
picture[31:34, 58:61] = 255  # a dot to the right of the middle
tensor = torch.tensor(picture)[None] / 255

def angle(turned):
    """Where the dot is, in degrees from the right, counter-clockwise."""
    weight = np.asarray(turned, dtype=float).squeeze()
    y, x = np.mgrid[:65, :65]
    return round(float(np.degrees(np.arctan2(32 * weight.sum() - (y * weight).sum(),
                                             (x * weight).sum() - 32 * weight.sum()))))

smooth = v2.InterpolationMode.BILINEAR
found = {
    "torchvision rotate": v2.functional.rotate(tensor, 30, smooth),
    "torchvision affine": v2.functional.affine(tensor, 30, [0, 0], 1, [0, 0], smooth),
    "torchvision v1.RandomRotation": v1.RandomRotation((30, 30), smooth)(tensor),
    "torchvision v1.RandomAffine": v1.RandomAffine((30, 30), interpolation=smooth)(tensor),
    "torchvision v2.RandomRotation": v2.RandomRotation((30, 30), smooth)(tensor),
    "torchvision v2.RandomAffine": v2.RandomAffine((30, 30), interpolation=smooth)(tensor),
    "kornia RandomRotation": kornia.augmentation.RandomRotation((30.0, 30.0), p=1)(tensor[None]),
    "kornia RandomAffine": kornia.augmentation.RandomAffine((30.0, 30.0), p=1)(tensor[None]),
    "albumentations Rotate": albumentations.Rotate((30, 30), p=1)(image=picture)["image"],
    "albumentations Affine": albumentations.Affine(rotate=(30, 30), p=1)(image=picture)["image"],
    "Pillow rotate": Image.fromarray(picture).rotate(30, Image.Resampling.BILINEAR),
    "scikit-image rotate": skimage.transform.rotate(picture, 30),
    "SciPy rotate": scipy.ndimage.rotate(picture, 30, reshape=False),
}
found = {name: angle(turned) for name, turned in found.items()}
for name, value in found.items():
    print(f"{name} by 30: {value} degrees, counter-clockwise being positive")
clockwise = {"torchvision affine", "torchvision v1.RandomAffine", "torchvision v2.RandomAffine", "kornia RandomAffine"}
behaves = all(value == (-30 if name in clockwise else 30) for name, value in found.items())
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

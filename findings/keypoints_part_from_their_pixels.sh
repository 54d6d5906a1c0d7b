#!/usr/bin/env bash
# torchvision 0.26.0 and albumentations 2.0.8: a keypoint does not stay on its pixel. In both, flips take a coordinate
# for that of a pixel's centre (x becomes width - 1 - x), and resizing takes it for a distance from the picture's edge
# (x becomes 4 x). A dot at (25, 38) with a keypoint on it, in a picture of 64 × 64:
#   resized to 256 × 256: the dot is at (101.5, 153.5), the keypoint at (100, 152), 1.5 pixels up and left of it; the
#     same by RandomResizedCrop. Shrunk to half, the keypoint is 0.25 pixels down and right of it.
#   flipped and then resized, or resized and then flipped: one picture, two keypoints, 3 pixels apart.
#   torchvision, turned by 90 degrees: one pixel off, 0.2 to 0.4 by 30 degrees, as the turn is about (32, 32) for
#     keypoints and about (31.5, 31.5) for pixels. albumentations turns, scales (Affine) and crops right.
#   albumentations, GridDistortion: coordinates become whole numbers, 1.4 pixels off.
# kornia 0.9.0's keypoints stay on the dot within 0.02 pixels (its picture is another one: it enlarges with the corners
# aligned, and the dot is at 101.2).
# What it means: a detector trained with random resizing learns an offset, and test-time flips average it with its
# mirror image; correspondences, poses and calibrations from resized pictures are off by (scale - 1) / 2 pixels.
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
  opencv-python-headless==4.12.0.88
python3 - <<'PY'
import albumentations
import cv2
import kornia.augmentation as augmentation
import numpy as np
import torch
from torchvision import tv_tensors
from torchvision.transforms import v2

SIDE, AT = 64, (25.0, 38.0)
y, x = np.mgrid[:SIDE, :SIDE]
dot = (255 * np.exp(-((x - AT[0]) ** 2 + (y - AT[1]) ** 2) / 12.5)).astype(np.uint8)

def centre(picture):
    """Where the dot is, in pixels, the first one's centre being (0, 0)."""
    weight = np.where(picture > 20, picture, 0).astype(float)
    rows, columns = np.mgrid[:picture.shape[0], :picture.shape[1]]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()

def by_torchvision(*steps):
    keypoint = tv_tensors.KeyPoints(torch.tensor([AT]), canvas_size=(SIDE, SIDE))
    picture, keypoint = v2.Compose(steps)(tv_tensors.Image(torch.tensor(dot)[None]), keypoint)
    return picture[0].numpy(), keypoint[0].numpy()

def by_albumentations(*steps):
    settings = albumentations.KeypointParams(format="xy", remove_invisible=False)
    result = albumentations.Compose(steps, keypoint_params=settings, seed=3)(image=dot, keypoints=np.array([AT]))
    return result["image"], np.array(result["keypoints"])[0]

def by_kornia(*steps):
    sequence = augmentation.AugmentationSequential(*steps, data_keys=["input", "keypoints"])
    picture, keypoint = sequence(torch.tensor(dot)[None, None] / 255, torch.tensor([[AT]]))
    return 255 * picture[0, 0].numpy(), keypoint[0, 0].numpy()

a, k = albumentations, augmentation
turn = {"interpolation": v2.InterpolationMode.BILINEAR}
cases = {
    ("torchvision", "4 times"): (by_torchvision, v2.Resize((256, 256))),
    ("torchvision", "half"): (by_torchvision, v2.Resize((32, 32))),
    ("torchvision", "crop of all, 4 times"): (by_torchvision, v2.RandomResizedCrop((256, 256), (1, 1), (1, 1))),
    ("torchvision", "flip"): (by_torchvision, v2.RandomHorizontalFlip(1)),
    ("torchvision", "4 times, flip"): (by_torchvision, v2.Resize((256, 256)), v2.RandomHorizontalFlip(1)),
    ("torchvision", "flip, 4 times"): (by_torchvision, v2.RandomHorizontalFlip(1), v2.Resize((256, 256))),
    ("torchvision", "turn by 90"): (by_torchvision, v2.RandomRotation((90, 90))),
    ("torchvision", "turn by 30"): (by_torchvision, v2.RandomRotation((30, 30), **turn)),
    ("albumentations", "4 times"): (by_albumentations, a.Resize(256, 256)),
    ("albumentations", "half"): (by_albumentations, a.Resize(32, 32, interpolation=cv2.INTER_AREA)),
    ("albumentations", "crop of all, 4 times"): (by_albumentations,
                                                 a.RandomResizedCrop((256, 256), (1, 1), (1, 1), p=1)),
    ("albumentations", "flip"): (by_albumentations, a.HorizontalFlip(p=1)),
    ("albumentations", "4 times, flip"): (by_albumentations, a.Resize(256, 256), a.HorizontalFlip(p=1)),
    ("albumentations", "flip, 4 times"): (by_albumentations, a.HorizontalFlip(p=1), a.Resize(256, 256)),
    ("albumentations", "turn by 30"): (by_albumentations, a.Rotate((30, 30), p=1)),
    ("albumentations", "grid distortion"): (by_albumentations, a.GridDistortion(p=1)),
    ("kornia", "4 times"): (by_kornia, k.Resize((256, 256))),
    ("kornia", "flip"): (by_kornia, k.RandomHorizontalFlip(p=1)),
    ("kornia", "turn by 30"): (by_kornia, k.RandomRotation((30.0, 30.0), p=1)),
}
off, keypoints = {}, {}
for (package, name), (way, *steps) in cases.items():
    picture, keypoint = way(*steps)
    keypoints[package, name], off[package, name] = keypoint, keypoint - centre(picture)
    print(f"{package}, {name}: keypoint at ({keypoint[0]:.2f}, {keypoint[1]:.2f}), "
          f"off by ({off[package, name][0]:.2f}, {off[package, name][1]:.2f})")
apart = {package: float(abs(keypoints[package, "4 times, flip"][0] - keypoints[package, "flip, 4 times"][0]))
         for package in ("torchvision", "albumentations")}
print(f"the two orders are apart by {apart} pixels")
behaves = (all(np.abs(off[package, name] + 1.5).max() < 0.05 for package in apart
               for name in ("4 times", "crop of all, 4 times"))
           and all(np.abs(off[package, "half"] - 0.25).max() < 0.05 and np.abs(off[package, "flip"]).max() < 0.01
                   for package in apart)
           and all(abs(value - 3) < 0.01 for value in apart.values())
           and abs(np.linalg.norm(off["torchvision", "turn by 90"]) - 1) < 0.05
           and np.linalg.norm(off["torchvision", "turn by 30"]) > 0.2 > 0.05
           > np.linalg.norm(off["albumentations", "turn by 30"])
           and np.linalg.norm(off["albumentations", "grid distortion"]) > 1
           and all(np.abs(value).max() < 0.05 for (package, _), value in off.items() if package == "kornia"))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

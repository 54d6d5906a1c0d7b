#!/usr/bin/env bash
# OpenCV 4.12.0: remap, warpAffine and warpPerspective round where they read to the next 1/32 of a pixel, also of float
# pictures by float maps. A shift by 0.01 pixels is no shift at all, one by 0.02 is 0.03125, one by 0.3 is 0.3125; with
# INTER_CUBIC alike. getRectSubPix, in the same library, reads where it is told. In OpenCV 5.0.0 all of them do, so that
# one script gives two pictures: a texture turned by 7 degrees is 59 dB from bilinear reading in float64 by the one and
# 128 dB by the other, and up to 1.5 of 255 levels apart.
# What it means: in 4.12 a derivative by differences of less than 1/64 pixel is 0 (poses refined by numerical gradients
# do not move), registration to a hundredth of a pixel cannot be checked with pictures shifted by it, and it is no
# reference for a sampler that is exact; golden pictures of undistortion depend on the version.
# Needs python3 with pip, and PyPI. Fails if either version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/warp.py" <<'PY'
import sys

import cv2
import numpy as np

y, x = np.mgrid[:256, :256].astype(np.float32)
linear, cubic, inverse = cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.WARP_INVERSE_MAP
shifts = np.float32([0.005, 0.01, 0.02, 0.3, 0.51])
seen = {"remap": [], "warpAffine": [], "warpPerspective": [], "getRectSubPix": []}
for shift in shifts:
    # Of a picture that holds its own columns, bilinear reading gives the column that was read.
    move = np.array([[1, 0, shift], [0, 1, 0], [0, 0, 1]], np.float32)
    seen["remap"].append(cv2.remap(x, x + shift, y, linear)[30, 30] - 30)
    seen["warpAffine"].append(cv2.warpAffine(x, move[:2], (256, 256), flags=linear | inverse)[30, 30] - 30)
    seen["warpPerspective"].append(cv2.warpPerspective(x, move, (256, 256), flags=linear | inverse)[30, 30] - 30)
    seen["getRectSubPix"].append(cv2.getRectSubPix(x, (5, 5), (30 + float(shift), 30))[2, 2] - 30)
print("OpenCV", cv2.__version__, "for shifts by", [f"{shift:.3f}" for shift in shifts])
for name, values in seen.items():
    print(f"  {name}:", [f"{value:.5f}" for value in values])
same = float(np.abs(cv2.remap(x ** 2, x + np.float32(0.01), y, cubic) - cv2.remap(x ** 2, x, y, cubic))[30, 30])
print(f"  a cubic read of a parabola, 0.01 pixels to the side: {same:.3f} more (its slope says 0.6)")

texture = np.random.default_rng(0).uniform(0, 255, (256, 256)).astype(np.float32)
texture = cv2.GaussianBlur(texture, (0, 0), 1.0)
texture = 255 * (texture - texture.min()) / np.ptp(texture)
turn = cv2.getRotationMatrix2D((127.5, 127.5), 7, 1.0)
column, row = (turn[i, 0] * x.astype(float) + turn[i, 1] * y + turn[i, 2] for i in (0, 1))
inside = (column >= 0) & (column < 254.9) & (row >= 0) & (row < 254.9)
left, top = np.clip(column.astype(int), 0, 254), np.clip(row.astype(int), 0, 254)
a, b = column - left, row - top
exact = ((1 - b) * ((1 - a) * texture[top, left] + a * texture[top, left + 1])
         + b * ((1 - a) * texture[top + 1, left] + a * texture[top + 1, left + 1]))
turned = cv2.remap(texture, column.astype(np.float32), row.astype(np.float32), linear)
np.savez(sys.argv[1], turned=turned, exact=exact, inside=inside, same=same, **{k: np.array(v) for k, v in seen.items()})
PY
for version in 4.12.0.88 5.0.0.93; do
  python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --no-deps \
    --target "$folder/$version" "opencv-python-headless==$version" numpy==2.2.6
  PYTHONPATH=$folder/$version python3 "$folder/warp.py" "$folder/$version.npz"
done
PYTHONPATH=$folder/5.0.0.93 python3 - "$folder" <<'PY'
import sys

import numpy as np

old, new = (np.load(f"{sys.argv[1]}/{version}.npz") for version in ("4.12.0.88", "5.0.0.93"))
inside = old["inside"]

def decibels(one, other):
    return float(10 * np.log10(255 ** 2 / np.mean((one.astype(float) - other)[inside] ** 2)))

levels = float(np.abs(old["turned"].astype(float) - new["turned"])[inside].max())
apart = decibels(old["turned"], new["turned"])
away = [decibels(version["turned"], old["exact"]) for version in (old, new)]
print(f"a turned texture: the versions are {apart:.1f} dB and at most {levels:.1f} levels apart, "
      f"and {away[0]:.1f} and {away[1]:.1f} dB from the exact one")
steps, shifts = np.array([0, 0, 1 / 32, 10 / 32, 0.5]), np.array([0.005, 0.01, 0.02, 0.3, 0.51])
behaves = (all(np.abs(old[name] - steps).max() < 1e-4 and np.abs(new[name] - shifts).max() < 1e-4
               for name in ("remap", "warpAffine", "warpPerspective"))
           and all(np.abs(version["getRectSubPix"] - shifts).max() < 1e-4 for version in (old, new))
           and old["same"] == 0 and new["same"] > 0.1 and apart < 60 and away[0] < 60 and away[1] > 90)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

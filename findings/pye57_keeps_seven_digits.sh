#!/usr/bin/env bash
# pye57 0.4.19: write_scan_raw() of coordinates in float64 writes float32 and says nothing; what is read is float64
# again. Of UTM coordinates, as georeferenced scans have them (447 km east, 5,412 km north), the norths come back as
# multiples of 0.5 m, the easts of 0.03 m: points at random over 9 m become 19 planes half a metre apart, with
# an error of up to 0.25 m. The heights beside them are right to 15 micrometres, so that a look at z sees nothing.
# The same scan in a local frame with translation=(447000, 5412000, 300) is right to 1e-6 m by read_scan(), which adds
# the translation in float64: the format has doubles, and a pose for each scan, this writer uses them for the pose only.
# Points read from one E57 file by read_scan() (which applies the pose) and written to another are spoilt so.
# What it means: merged, filtered or cropped scans lose what a survey paid for, in one axis more than in the other, and
# a registration of them meets planes that are not there. Keep points local, and pass the translation.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
install --no-deps pye57==0.4.19 pyquaternion==0.9.9 numpy==2.2.6
python3 - "$folder" <<'PY'
import sys

import numpy as np
import pye57

ORIGIN = np.array([447000.0, 5412000.0, 300.0])
AXES = "cartesianX", "cartesianY", "cartesianZ"
local = np.random.default_rng(0).uniform(0, 9, (10_000, 3))

def through_file(points, **pose):
    """The points as a file has them, in the world's frame."""
    path = sys.argv[1] + "/scan.e57"
    with pye57.E57(path, mode="w") as file:
        file.write_scan_raw(dict(zip(AXES, points.T.copy())), **pose)
    with pye57.E57(path) as file:
        scan = file.read_scan(0, ignore_missing_fields=True)
    return np.stack([scan[axis] for axis in AXES], 1)

world = through_file(local + ORIGIN)
error = np.abs(world - local - ORIGIN).max(0)
moved = through_file(local, rotation=np.array([1.0, 0, 0, 0]), translation=ORIGIN)
right = np.abs(moved - local - ORIGIN).max()
planes = len(np.unique(world[:, 1]))
print(f"{world.dtype}: errors up to {error.round(6)} m, {planes} different norths of {len(local)}; "
      f"local with a translation {right:.1e} m")
behaves = (world.dtype == np.float64 and 0.24 < error[1] <= 0.25 and 0.015 < error[0] < 0.016 and error[2] < 2e-5
           and planes == 19 and right < 1e-6)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

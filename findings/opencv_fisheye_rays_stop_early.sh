#!/usr/bin/env bash
# OpenCV 4.12.0: cv2.fisheye.undistortPoints gives wrong rays for pixels within 90 degrees of the axis. A stereographic
# lens (r = 2 f tan(theta / 2), fitted by k1 … k4 to 0.01 pixels, f = 500): a point at 80 degrees is projected by
# cv2.fisheye.projectPoints and comes back as a ray at 77.1, one at 85 as 78.2, one at 88 as 78.8, that is 42, 104 and
# 145 pixels off, all inside a picture of 2000 × 2000. Up to 76 degrees the two undo each other to 1e-6 pixels.
# pycolmap's OPENCV_FISHEYE with the same parameters gives 80.0, 85.0 and 88.0.
# Why: the pixel's distance from the axis is cut to f pi / 2, as if it were the angle of the ray, which may not exceed
# 90 degrees. For a lens with positive k the distance is the larger of the two, so that the cut comes early. Nothing
# is flagged: points that do not converge become -1e6, these do converge. Known there since 2024 (issue 26174).
# What it means: rays, epipolar lines and poses from the rim of such lenses are degrees off, toward one circle;
# images undistorted by the maps (initUndistortRectifyMap) are right, as those project. Project back and compare.
# Needs python3 with pip, and PyPI. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder" --no-deps \
  opencv-python-headless==4.12.0.88 pycolmap==4.2.1 numpy==2.2.6
python3 - <<'PY'
import math

import cv2
import numpy as np
import pycolmap

focal, centre = 500.0, 1000.0
matrix = np.array([[focal, 0, centre], [0, focal, centre], [0, 0, 1]])
angles = np.radians(np.linspace(0.5, 89.5, 500))
powers = np.stack([angles ** power for power in (3, 5, 7, 9)], axis=1)
radii = 2 * np.tan(angles / 2)
bent = np.linalg.lstsq(powers, radii - angles, rcond=None)[0]
print(f"k1 … k4: {bent.round(5).tolist()}, fitted to {np.abs(powers @ bent - radii + angles).max() * focal:.3f} pixels")
camera = pycolmap.Camera(model="OPENCV_FISHEYE", width=2000, height=2000, camera_id=1,
                         params=[focal, focal, centre, centre, *bent])

def project(x, y):
    return cv2.fisheye.projectPoints(np.array([[[x, y, 1.0]]]), np.zeros(3), np.zeros(3), matrix, bent)[0].ravel()

def degrees(ray):
    return math.degrees(math.atan(np.linalg.norm(ray)))

found = {}
for angle in (30, 60, 76, 80, 85, 88):
    tangent = math.tan(math.radians(angle))
    pixel = project(0.8 * tangent, 0.6 * tangent)
    ray = cv2.fisheye.undistortPoints(pixel.reshape(1, 1, 2), matrix, bent).ravel()
    found[angle] = degrees(ray), float(np.linalg.norm(project(*ray) - pixel)), degrees(camera.cam_from_img(pixel))
    assert 0 < pixel.min() and pixel.max() < 2000
    print(f"{angle} degrees, pixel {pixel.round(1).tolist()}: OpenCV's ray at {found[angle][0]:.1f} degrees, "
          f"{found[angle][1]:.1f} pixels off, pycolmap's at {found[angle][2]:.1f}")
expected = {80: (77.1, 41.7), 85: (78.2, 103.8), 88: (78.8, 144.6)}
behaves = (all(found[angle][1] < 1e-6 for angle in (30, 60, 76))
           and all(abs(found[angle][2] - angle) < 1e-3 for angle in found)
           and all(abs(found[angle][0] - ray) < 0.1 and abs(found[angle][1] - pixels) < 1
                   for angle, (ray, pixels) in expected.items()))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

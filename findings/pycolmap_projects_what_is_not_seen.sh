#!/usr/bin/env bash
# pycolmap 4.2.1: with barrel distortion (here SIMPLE_RADIAL, k = -0.3) img_from_cam gives points outside the field of
# view a pixel in the middle of the picture: one 61 degrees off the axis is projected 40 pixels from the principal
# point, where a point at 2.9 degrees is. The same function returns None for points behind the camera, and
# cam_from_img returns None for pixels that no ray reaches, so that its other answers look like visible ones; for
# pixels with a ray the two undo each other, which a test of round trips sees.
# Why: r (1 + k r^2) grows up to r = 1 / sqrt(-3 k) (46.5 degrees here) and falls after it, through 0 at 61.3 degrees.
# What it means: "has a pixel, and that is within the picture" is no test of visibility: masks, depth maps and point
# clouds drawn so have ghosts of what is beside the picture. Compare cam_from_img(img_from_cam(p)) with p, or the
# angle with that of the picture's corners.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder" \
  pycolmap==4.2.1 numpy
python3 - <<'PY'
import math

import numpy as np
import pycolmap

camera = pycolmap.Camera(model="SIMPLE_RADIAL", width=1200, height=750, params=[800, 600, 375, -0.3], camera_id=1)

def project(degrees):
    """The pixel of a point so far to the right of the axis, and the angle of the ray of that pixel."""
    point = np.array([math.tan(math.radians(degrees)), 0.0, 1.0])
    pixel = camera.img_from_cam(point)
    ray = camera.cam_from_img(pixel)
    back = math.degrees(math.atan(ray[0]))
    print(f"point at {degrees:.1f} degrees: pixel ({pixel[0]:.1f}, {pixel[1]:.1f}), whose ray is at {back:.1f} degrees")
    return pixel[0], back

seen, ghost = [project(angle) for angle in (20, 40, 46)], [project(angle) for angle in (50, 56, 60.94)]
behind = camera.img_from_cam(np.array([0.1, 0.0, -1.0]))
unreached = camera.cam_from_img(np.array([1190.0, 375.0]))
print(f"point behind the camera: {behind}; ray of a pixel beyond the fold: {unreached}")
behaves = (all(abs(back - angle) < 0.1 for (_, back), angle in zip(seen, (20, 40, 46)))
           and all(0 <= column < 1200 and back < 46.5 for column, back in ghost)
           and abs(ghost[2][0] - 640) < 3 and behind is None and unreached is None)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

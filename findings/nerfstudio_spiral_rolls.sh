#!/usr/bin/env bash
# nerfstudio 1.1.5, `ns-render spiral` (get_spiral_path): the picture's roll depends on the compass direction in which
# the first camera looks. Level cameras that look along -y, as many examples do, give level videos; ones along +y give
# videos upside down, ones along +x or -x lie on their side, at 45 degrees between they are 135 off.
# A camera that looks straight down turns about its axis all the time: once around for one turn of the spiral.
# Why: the camera's backward axis is taken for "up", with the comment that scenes are z up. It is the third column of
# camera-to-world where the third row was meant, and it is used in the camera's own coordinates.
# What it means: the same scene turned about its vertical gives another video, and metrics or tracking over such a path
# are of rolled pictures. After a spiral one roll has to be removed: compare path[0] with the camera.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps nerfstudio==1.1.5 numpy==2.2.6 jaxtyping==0.3.2 wadler-lindig==0.1.7 rich==14.1.0 pillow==12.0.0 \
  markdown-it-py==4.0.0 mdurl==0.1.2 pygments==2.19.2 opencv-python-headless==4.12.0.88 imageio==2.37.0 viser==1.1.1 \
  msgspec==0.20.0 websockets==15.0.1 zstandard==0.25.0 typing-extensions==4.15.0
python3 - <<'PY'
import math

import torch
from nerfstudio.cameras.camera_paths import get_spiral_path
from nerfstudio.cameras.cameras import Cameras

def rolls(forward, up):
    """How far each picture of the spiral around a camera is turned against the camera's, in degrees."""
    forward, up = torch.tensor(forward), torch.tensor(up)
    rotation = torch.stack([torch.linalg.cross(forward, up), up, -forward], dim=1)
    pose = torch.cat([rotation, torch.tensor([[0.0], [0.0], [1.5]])], dim=1)
    camera = Cameras(fx=500.0, fy=500.0, cx=320.0, cy=240.0, width=640, height=480, camera_to_worlds=pose[None])
    path = get_spiral_path(camera, steps=12, radius=0.1, rots=1).camera_to_worlds[:, :3, :3]
    relative = rotation.T @ path
    # Away from the roll, the path's views differ from the camera's by the tilt towards the spiral's target.
    assert all(float(view[2, 2]) > 0.99 for view in relative)
    return [round(math.degrees(math.atan2(float(-view[0, 1]), float(view[1, 1])))) % 360 for view in relative]

half = math.sqrt(0.5)
level = {"-y": [0.0, -1, 0], "+x": [1.0, 0, 0], "+y": [0.0, 1, 0], "-x": [-1.0, 0, 0],
         "between +x and +y": [half, half, 0]}
found = {name: rolls(forward, [0.0, 0, 1]) for name, forward in level.items()}
for name, values in found.items():
    print(f"level, looking along {name}: rolls of {min(values)} to {max(values)} degrees")
down = rolls([0.0, 0, -1], [0.0, 1, 0])
print(f"looking down: {down}")
expected = {"-y": 0, "+x": 90, "+y": 180, "-x": 270, "between +x and +y": 135}
near = lambda value, angle: abs((value - angle + 180) % 360 - 180) <= 1
behaves = (all(near(value, expected[name]) for name, values in found.items() for value in values)
           and len(set(down)) == 12)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

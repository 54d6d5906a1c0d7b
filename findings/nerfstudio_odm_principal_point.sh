#!/usr/bin/env bash
# nerfstudio 1.1.5, `ns-process-data odm`: the principal point that OpenDroneMap calibrated is lost. In its cameras.json
# c_x and c_y are shares of the longer side, as the focal length is. The focal length is multiplied by that side;
# c_x and c_y are added to the middle of the picture as if they were pixels. A camera of 5472 × 3648 pixels whose axis
# lies 16.4 pixels right of the middle and 10.9 above it is written with both coordinates within a thousandth of a
# pixel of ((w - 1) / 2, (h - 1) / 2), as any camera is. Of the model fisheye_opencv the coefficient k4 is left
# out, too (k1 to k3 are kept): 19 pixels at 80 degrees in the example.
# What it means: poses in transforms.json belong to another principal point than the one beside them: rays are 0.31
# degrees off here, alike in all views, which a reconstruction can only blur or bend away. Put
# w / 2 + c_x * max(w, h) and h / 2 + c_y * max(w, h) into the file, or read OpenSfM's reconstruction itself.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
install --no-deps nerfstudio==1.1.5 numpy==2.2.6 opencv-python-headless==4.12.0.88 imageio==2.37.0 pillow==12.0.0 \
  rawpy==0.25.1 rich==14.1.0 markdown-it-py==4.0.0 mdurl==0.1.2 pygments==2.19.2
python3 - "$folder" <<'PY'
import json
import math
import sys
from pathlib import Path

from nerfstudio.process_data.odm_utils import cameras2nerfds

folder = Path(sys.argv[1])

def converted(camera):
    """What nerfstudio writes of this camera and one photograph taken with it."""
    shot = {"rotation": [0.1, 0.2, 0.3], "translation": [0, 0, 5], "camera": "drone"}
    reconstruction = [{"cameras": {"drone": camera}, "shots": {"a.jpg": shot}, "points": {}}]
    (folder / "cameras.json").write_text(json.dumps({"drone": camera}))
    (folder / "reconstruction.json").write_text(json.dumps(reconstruction))
    cameras2nerfds({"a": Path("images/a.jpg")}, folder / "cameras.json", folder / "shots.geojson",
                   folder / "reconstruction.json", folder)
    return json.loads((folder / "transforms.json").read_text())["frames"][0]

def off_centre(camera):
    """Pixels from the picture's middle to the axis: as calibrated, and as written; and the focal length."""
    frame, side = converted(camera), max(camera["width"], camera["height"])
    true = [side * camera["c_x"], side * camera["c_y"]]
    written = [frame["cx"] - camera["width"] / 2, frame["cy"] - camera["height"] / 2]
    print(f"{camera['projection_type']}: focal length {frame['fl_x']:.0f}; axis off the middle by "
          f"({true[0]:.1f}, {true[1]:.1f}) pixels, as written by ({written[0]:.3f}, {written[1]:.3f})")
    return true, written, frame

size = {"width": 5472, "height": 3648, "focal_x": 0.68, "focal_y": 0.68, "c_x": 0.003, "c_y": -0.002}
radial = {"k1": -0.02, "k2": 0.003, "k3": -0.001}
true, written, frame = off_centre({"projection_type": "brown", **size, **radial, "p1": 1e-4, "p2": -2e-4})
wide = {**size, "focal_x": 0.35, "focal_y": 0.35}
_, _, fisheye = off_centre({"projection_type": "fisheye_opencv", **wide, **radial, "k4": 0.0005})
angle = math.degrees(math.hypot(*(t - w for t, w in zip(true, written))) / frame["fl_x"])
lost = 0.0005 * math.radians(80) ** 9 * fisheye["fl_x"]
print(f"rays off by {angle:.2f} degrees; fisheye: {sorted(set(fisheye) & {'k1', 'k2', 'k3', 'k4'})} written, "
      f"k4 is worth {lost:.0f} pixels at 80 degrees")
behaves = (abs(frame["fl_x"] - 0.68 * 5472) < 1e-6 and abs(true[0] - 16.4) < 0.1
           and abs(written[0] + 0.5) < 0.01 and abs(written[1] + 0.5) < 0.01
           and "k3" in fisheye and "k4" not in fisheye)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# nerfstudio 1.1.5, `ns-process-data metashape`: tangential distortion is written under each other's names. In the lens
# model of Metashape's manual p1 belongs to r² + 2 x² in the column and p2 to 2 x y; in OpenCV's, which nerfstudio's
# rays follow, it is the other way about. The file's p1 and p2 are copied as they are. Of a drone's camera (5472 × 3648,
# f = 3700, p1 = 0.0006, p2 = -0.0003) the rays are off by up to 10.7 pixels in the corners, and by 2.6 in the mean; b1
# and b2 (affinity and skew) are not read at all, which with b1 = 4 makes 13.2 and 2.8. With p1 and p2 exchanged in
# transforms.json rays are right to 1e-3 pixels where b1 and b2 are 0.
# What it means: a calibration that was good to a third of a pixel blurs towards the corners, alike in every view, and
# worse than if p1 and p2 had been 0 (5.7 pixels at most). Exchange the two, or export undistorted photographs.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install open3d-cpu==0.20.0 numpy==2.2.6
install --no-deps nerfstudio==1.1.5 jaxtyping==0.3.2 wadler-lindig==0.1.7 opencv-python-headless==4.12.0.88 \
  imageio==2.37.0 pillow==12.0.0 rawpy==0.25.1 rich==14.1.0 markdown-it-py==4.0.0 mdurl==0.1.2 pygments==2.19.2
python3 - "$folder" <<'PY'
import json
import sys
from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.camera_utils import radial_and_tangential_undistort
from nerfstudio.process_data.metashape_utils import metashape_to_json

folder = Path(sys.argv[1])
WIDTH, HEIGHT = 5472, 3648
lens = {"f": 3700, "cx": 12, "cy": -8, "k1": -0.02, "k2": 0.01, "k3": -0.004, "p1": 0.0006, "p2": -0.0003}

def converted(calibration):
    """What nerfstudio writes of one photograph by this camera."""
    values = "".join(f"<{name}>{value}</{name}>" for name, value in calibration.items())
    (folder / "cameras.xml").write_text(f"""<document version="2.0.0"><chunk><sensors>
      <sensor id="0" type="frame"><resolution width="{WIDTH}" height="{HEIGHT}"/>
      <calibration type="frame" class="adjusted"><resolution width="{WIDTH}" height="{HEIGHT}"/>{values}</calibration>
      </sensor></sensors><cameras><camera id="0" sensor_id="0" label="a"><transform>1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1
      </transform></camera></cameras></chunk></document>""")
    metashape_to_json({"a": Path("images/a.jpg")}, folder / "cameras.xml", folder)
    return json.loads((folder / "transforms.json").read_text())["frames"][0]

def pixels(x, y, f, cx, cy, k1, k2, k3, p1, p2, b1=0, b2=0):
    """The lens model "frame" of Metashape's manual: where the ray (x, y, 1) is in the picture."""
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2 ** 2 + k3 * r2 ** 3
    right = x * radial + p1 * (r2 + 2 * x * x) + 2 * p2 * x * y
    down = y * radial + p2 * (r2 + 2 * y * y) + 2 * p1 * x * y
    return WIDTH / 2 + cx + right * f + right * b1 + down * b2, HEIGHT / 2 + cy + down * f

grid = np.meshgrid(np.linspace(-0.72, 0.72, 73), np.linspace(-0.48, 0.48, 49))

def off(name, calibration, frame):
    """How far nerfstudio's rays of the pixels are from the true ones, in pixels: at most, and in the mean."""
    column, row = pixels(*grid, **calibration)
    seen = torch.tensor(np.stack([(column - frame["cx"]) / frame["fl_x"], (row - frame["cy"]) / frame["fl_y"]], -1))
    terms = torch.tensor([frame[key] for key in ("k1", "k2", "k3", "k4", "p1", "p2")], dtype=torch.float64)
    away = (radial_and_tangential_undistort(seen, terms).numpy() - np.stack(grid, -1)) * calibration["f"]
    distance = np.linalg.norm(away, axis=-1)
    print(f"{name}: rays off by {distance.max():.4f} pixels at most, {distance.mean():.4f} in the mean")
    return distance.max(), distance.mean()

frame = converted(lens)
skewed = converted({**lens, "b1": 4})
found = {"as written": off("as written", lens, frame),
         "none": off("p1 = p2 = 0", lens, {**frame, "p1": 0, "p2": 0}),
         "exchanged": off("exchanged", lens, {**frame, "p1": frame["p2"], "p2": frame["p1"]}),
         "b1": off("as written, with b1 = 4", {**lens, "b1": 4}, skewed)}
behaves = ((frame["p1"], frame["p2"]) == (lens["p1"], lens["p2"]) and skewed == frame
           and found["exchanged"][0] < 1e-3 and found["as written"][0] > found["none"][0] > 1
           and found["b1"][0] > found["as written"][0] + 1)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

"""Writes one scene of six views in the formats of other tools: LLFF's array by numpy 2.4.6, Bundler's
files by COLMAP 3.8 from a model that pycolmap 4.2.1 wrote, the others after their published
definitions.

    python make.py ../../../assets/scenes/procedural_a
    colmap model_converter --input_path model --output_path colmap --output_type Bundler
"""
import json
import pathlib
import shutil
import sys

import numpy
import pycolmap

source = pathlib.Path(sys.argv[1])
here = pathlib.Path(__file__).parent
views = json.loads((source / "opencv_cameras.json").read_text())[:24:4]
(here / "images").mkdir(exist_ok=True)

reconstruction = pycolmap.Reconstruction()
opencv, lvsm, nerf, poses = [], [], [], []
for i, view in enumerate(views):
    name = f"view_{i}.png"
    shutil.copy(source / view["file_path"], here / "images" / name)
    width, height, focal = view["w"], view["h"], view["fx"]
    assert view["fx"] == view["fy"] and view["cx"] == width / 2 and view["cy"] == height / 2
    w2c = numpy.array(view["w2c"], dtype=numpy.float64)
    c2w = numpy.linalg.inv(w2c)
    opencv.append(view | {"file_path": f"images/{name}"})

    camera = pycolmap.Camera(camera_id=i + 1, model="SIMPLE_RADIAL", width=width, height=height,
                             params=[focal, width / 2, height / 2, 0])
    reconstruction.add_camera_with_trivial_rig(camera)
    image = pycolmap.Image(image_id=i + 1, camera_id=i + 1, name=name)
    pose = pycolmap.Rigid3d(w2c[:3])
    reconstruction.add_image_with_trivial_frame(image, pose)

    lvsm.append({"image_path": f"/data/of/another/machine/images/{name}",
                 "fxfycxcy": [focal, focal, width / 2, height / 2], "w2c": w2c.tolist()})
    nerf.append({"file_path": f"./images/{name[:-4]}", "rotation": 0.0,
                 "transform_matrix": (c2w @ numpy.diag([1, -1, -1, 1])).tolist()})
    right, down, forward, position = c2w[:3].T
    hwf = [height, width, focal]
    poses.append(numpy.concatenate([numpy.stack([down, right, -forward, position, hwf], 1).ravel(), [1.2, 4.8]]))

(here / "opencv_cameras.json").write_text(json.dumps(opencv, indent=1))
(here / "lvsm.json").write_text(json.dumps({"scene_name": "every-format", "frames": lvsm}))
angle = 2 * numpy.arctan(0.5 * width / focal)
for split, frames in (("train", nerf[:4]), ("test", nerf[4:])):
    document = {"camera_angle_x": angle, "frames": frames}
    (here / f"transforms_{split}.json").write_text(json.dumps(document))
numpy.save(here / "poses_bounds.npy", numpy.array(poses))
(here / "model").mkdir(exist_ok=True)
reconstruction.write_text(str(here / "model"))

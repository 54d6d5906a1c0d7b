"""Writes models of two rigs with three cameras each, as pycolmap 4.2.1 writes them, and the poses
that it reads back.

    python make.py
"""
import json
import pathlib
import shutil
import struct

import numpy
import pycolmap
from PIL import Image

here = pathlib.Path(__file__).parent


def stale(model):
    """Gives every image of images.bin the first image's pose, as tools do that write only frames."""
    data = bytearray((model / "images.bin").read_bytes())
    pose = bytes(data[12:68])
    offset = 8
    for _ in range(struct.unpack_from("<Q", data, 0)[0]):
        data[offset + 4:offset + 60] = pose
        offset = data.index(0, offset + 64) + 1
        offset += 8 + 24 * struct.unpack_from("<Q", data, offset)[0]
    (model / "images.bin").write_bytes(data)


options = pycolmap.SyntheticDatasetOptions()
options.num_rigs = 2
options.num_cameras_per_rig = 3
options.num_frames_per_rig = 2
options.num_points3D = 12
options.num_points2D_without_point3D = 2
options.camera_model_id = pycolmap.CameraModelId.PINHOLE
options.camera_width, options.camera_height = 32, 24
options.camera_params = [30, 30, 16, 12]
options.sensor_from_rig_translation_stddev = 0.3
options.sensor_from_rig_rotation_stddev = 5
pycolmap.set_random_seed(1)
reconstruction = pycolmap.synthesize_dataset(options)

shutil.rmtree(here / "images", ignore_errors=True)
for image in reconstruction.images.values():
    path = here / "images" / image.name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (32, 24), (image.image_id * 20, 100, 50)).save(path)

for name in ("text", "stale", "two/sparse/0", "two/sparse/1"):
    (here / name).mkdir(parents=True, exist_ok=True)
reconstruction.write_text(str(here / "text"))
reconstruction.write_binary(str(here / "stale"))
stale(here / "stale")
poses = {image.name: image.cam_from_world().matrix().tolist() for image in reconstruction.images.values()}
(here / "poses.json").write_text(json.dumps(poses, indent=1))
reconstruction.write_binary(str(here / "two/sparse/1"))
reconstruction.deregister_frame(list(reconstruction.frames)[0])
reconstruction.write_binary(str(here / "two/sparse/0"))

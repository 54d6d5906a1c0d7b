#!/usr/bin/env bash
# pycolmap 4.2.1: a photograph of a camera that describes its focal plane in EXIF (Canon's do: focal length in
# millimetres, pixels per inch of sensor), shrunk to a quarter with its EXIF kept, gets the original's focal length in
# pixels: 5320 for a picture 1368 pixels wide, four times too long, as a known one (has_prior_focal_length). With
# FocalLengthIn35mmFilm in the EXIF, as other makers write it, the same photograph gets the right 1330.
# Why: pixels per inch times millimetres is taken without asking how wide the picture was for which that holds. The
# EXIF says it (PixelXDimension: 5472), and the 35 mm value needs no such thing, being relative to the picture.
# Shrinking with Pillow and exif=... keeps all of these, as tools do that "keep metadata".
# What it means: poses from known intrinsics (infer_camera_from_image, then absolute pose, as in localisation) are of a
# camera four times as far away: 5.00 m become 20.26 here, with three points of four inliers. A mapper
# that refines focal lengths mostly finds the right one from enough views. Give camera_params, or drop EXIF's
# focal plane when shrinking.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder/site
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" \
  pycolmap==4.2.1 pillow==12.3.0 numpy==2.3.5
python3 - "$folder" <<'PY'
import sys

import numpy as np
import pycolmap
from PIL import ExifTags, Image, TiffImagePlugin

path = f"{sys.argv[1]}/photo.jpg"
width, height, sensor_mm, focal_mm = 5472, 3648, 36.0, 35.0
per_inch = TiffImagePlugin.IFDRational(round(width / (sensor_mm / 25.4) * 1000), 1000)
focal_plane = {ExifTags.Base.FocalLength: TiffImagePlugin.IFDRational(35, 1),
               ExifTags.Base.FocalPlaneXResolution: per_inch, ExifTags.Base.FocalPlaneYResolution: per_inch,
               ExifTags.Base.FocalPlaneResolutionUnit: 2,
               ExifTags.Base.ExifImageWidth: width, ExifTags.Base.ExifImageHeight: height}
film = {**focal_plane, ExifTags.Base.FocalLengthIn35mmFilm: 35}

def inferred(size, tags):
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon EOS R6"
    exif.get_ifd(ExifTags.IFD.Exif).update(tags)
    Image.new("RGB", (width, height)).resize(size).save(path, exif=exif)
    return pycolmap.infer_camera_from_image(path)

small = (width // 4, height // 4)
cameras = {"as taken": inferred((width, height), focal_plane), "shrunk": inferred(small, focal_plane),
           "shrunk, 35 mm given": inferred(small, film)}
for name, camera in cameras.items():
    print(f"{name}: {camera.width} pixels wide, focal length {camera.params[0]:.0f} (true: "
          f"{focal_mm / sensor_mm * camera.width:.0f}), known: {camera.has_prior_focal_length}")

true = pycolmap.Camera(model="PINHOLE", width=small[0], height=small[1], camera_id=1,
                       params=[focal_mm / sensor_mm * small[0]] * 2 + [small[0] / 2, small[1] / 2])
shrunk = cameras["shrunk"]
points = np.random.default_rng(0).uniform([-2, -1.3, 4.7], [2, 1.3, 5.3], (100, 3))
pixels = np.array([true.img_from_cam(point) for point in points])
points[:, 2] -= 5  # the world's origin is 5 m in front of the camera

def distance(name, camera):
    found = pycolmap.estimate_and_refine_absolute_pose(pixels, points, camera)
    length = float(np.linalg.norm(found["cam_from_world"].translation))
    print(f"distance of the camera (true: 5.00) by {name} focal length: {length:.2f}, {found['num_inliers']} of 100 "
          "points are inliers")
    return length, found["num_inliers"]

distances, inliers = zip(distance("the true", true), distance("the inferred", shrunk))
focal = [camera.params[0] for camera in cameras.values()]
behaves = (abs(focal[0] - 5320) < 2 and abs(focal[1] - 5320) < 2 and abs(focal[2] - 1330) < 2
           and shrunk.has_prior_focal_length and abs(distances[0] - 5) < 0.01 and distances[1] > 15 and inliers[1] > 50)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# trimesh 5.2.0: cameras of glTF files get another field of view. The format's aspectRatio is width by height of the
# picture; trimesh takes it for the quotient of the two angles, in both directions:
#   read: a 16:9 camera of 60 degrees up and down is 106.7 degrees wide instead of 91.5, with square pixels once (focal
#     lengths 779 and 779 for 1600 × 900) and with 596 and 779 in trimesh;
#   written: a camera of 1600 × 900 pixels and focal length 1000 has the aspect ratio 1.596 in the file, where it should
#     be 1.778, so that any other program shows 71.4 degrees instead of 77.3;
#   trimesh's own files come back as they were, and so do square pictures: a test of its round trip sees nothing.
# And camera_rays() counts its pixels' rows from the bottom, where Camera.K has them from the top: the ray of "pixel"
# (0, 0) leaves through the lower left corner, with K and the camera's pose it is the upper left.
# What it means: renderings from an exported camera do not fit the pictures it was made for, most at left and right, and
# a depth map or mask filled by these pixels is upside down beside one by K (symmetric objects hide it). Compute
# 2 atan(aspectRatio tan(yfov / 2)) oneself.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
install --no-deps trimesh==5.2.0 numpy==2.2.6
python3 - <<'PY'
import io
import json
import struct

import numpy as np
import trimesh

def binary_gltf(camera):
    """A file of one triangle and this camera."""
    triangle = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4").tobytes()
    position = {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
    nodes = [{"mesh": 0}, {"camera": 0, "translation": [0, 0, 5]}]
    text = json.dumps({
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0, 1]}], "nodes": nodes,
        "cameras": [{"type": "perspective", "perspective": camera}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}], "accessors": [position],
        "bufferViews": [{"buffer": 0, "byteLength": len(triangle)}], "buffers": [{"byteLength": len(triangle)}]})
    chunks = b""
    for kind, data in ((b"JSON", text.encode()), (b"BIN\0", triangle)):
        data += b" " * (-len(data) % 4)
        chunks += struct.pack("<I4s", len(data), kind) + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks

def read(data):
    return trimesh.load(io.BytesIO(data), file_type="glb").camera

def wide(aspect, high):
    """The horizontal angle of the format, in degrees."""
    return np.degrees(2 * np.arctan(aspect * np.tan(np.radians(high) / 2)))

camera = read(binary_gltf({"yfov": np.radians(60), "aspectRatio": 16 / 9, "znear": 0.1}))
camera.resolution = (1600, 900)
print(f"read: {camera.fov[0]:.1f} degrees wide, {wide(16 / 9, 60):.1f} by the format; focal lengths "
      f"{camera.focal.round(1)}, by the format {450 / np.tan(np.radians(30)):.1f}")
scene = trimesh.Scene(trimesh.creation.box())
scene.camera = trimesh.scene.Camera(resolution=(1600, 900), focal=(1000, 1000))
scene.camera_transform = trimesh.transformations.translation_matrix([0, 0, 5])
data = scene.export(file_type="glb")
written = json.loads(data[20:20 + struct.unpack("<I", data[12:16])[0]])["cameras"][0]["perspective"]
shown, true = wide(written["aspectRatio"], np.degrees(written["yfov"])), scene.camera.fov[0]
print(f"written: aspectRatio {written['aspectRatio']:.4f} of 1.7778, so {shown:.1f} degrees wide of {true:.1f}, "
      f"read again {read(data).fov[0]:.1f}")

small = trimesh.scene.Camera(resolution=(8, 6), focal=(10, 10))
rays, pixels = small.to_rays()
rays = rays / -rays[:, 2:]  # the camera looks along -z, y is up
by_matrix = np.stack([10 * rays[:, 0] + small.K[0, 2], -10 * rays[:, 1] + small.K[1, 2]], 1) - 0.5
first = int(np.flatnonzero((pixels == 0).all(1))[0])
print(f"pixel (0, 0) is at {by_matrix[first].round(3)} by K")
behaves = (abs(camera.fov[0] - 106.667) < 0.01 and abs(wide(16 / 9, 60) - 91.49) < 0.01
           and abs(written["aspectRatio"] - 1.5957) < 1e-3 and abs(shown - 71.4) < 0.1 and abs(true - 77.32) < 0.01
           and abs(read(data).fov[0] - true) < 1e-6 and np.allclose(by_matrix[first], [0, 5])
           and np.allclose(by_matrix, np.stack([pixels[:, 0], 5 - pixels[:, 1]], 1)))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

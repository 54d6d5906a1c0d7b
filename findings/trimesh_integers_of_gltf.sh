#!/usr/bin/env bash
# trimesh 5.2.0 reads what core glTF 2.0 stores in normalised integers, or beside a material, otherwise than the
# format says, without a word:
#   TEXCOORD_0 of unsigned shorts (which quantising tools write): 0 … 65535 is taken as it stands, so that a texture is
#     65,535 times across a triangle that it should cover once. Of unsigned bytes: 255 times.
#   COLOR_0 of unsigned shorts: the low byte is kept. 0.61 (40000) becomes 0.25, 0.5 (32768) becomes 0, black; 0 and 1
#     stay, so that files with pure colours look right.
#   COLOR_0 beside any material, even a white one: set aside; what the mesh looks like, and to_color(), are the
#     material's alone. The format multiplies the two, so that a red mesh comes in white.
# As floats, and without a material, the same values are read right.
# What it means: renderings of such files, points sampled from them, and what is exported again have other colours
# than the file says. Have the values as floats before they are read, and look at a picture.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder/site
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" \
  trimesh==5.2.0 numpy==2.2.6 pillow==12.0.0
python3 - <<'PY'
import base64
import io
import json

import numpy as np
import trimesh
from PIL import Image

TYPES = {np.dtype(np.float32): 5126, np.dtype(np.uint16): 5123, np.dtype(np.uint8): 5121}
corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)

def uri(data, kind):
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"

def triangle(name, values, material=None):
    """A glTF file of one triangle with one more attribute, integers being normalised."""
    step = -(-values[0].nbytes // 4) * 4  # vertices begin at multiples of four bytes
    padded = b"".join(row.tobytes().ljust(step, b"\0") for row in values)
    accessors = [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0],
                  "max": [1, 1, 0]},
                 {"bufferView": 1, "componentType": TYPES[values.dtype], "count": 3, "type": f"VEC{values.shape[1]}",
                  "normalized": values.dtype != np.float32}]
    views = [{"buffer": 0, "byteLength": corners.nbytes},
             {"buffer": 0, "byteOffset": corners.nbytes, "byteLength": len(padded), "byteStride": step}]
    data = corners.tobytes() + padded
    primitive = {"attributes": {"POSITION": 0, name: 1}}
    document = {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"mesh": 0}],
                "meshes": [{"primitives": [primitive]}], "accessors": accessors, "bufferViews": views,
                "buffers": [{"byteLength": len(data), "uri": uri(data, "application/octet-stream")}]}
    if material is not None:
        primitive["material"] = 0
        document["materials"] = [material]
        picture = io.BytesIO()
        Image.new("RGB", (2, 2), "white").save(picture, "PNG")
        document["images"] = [{"uri": uri(picture.getvalue(), "image/png")}]
        document["textures"] = [{"source": 0}]
    scene = trimesh.load(io.BytesIO(json.dumps(document).encode()), file_type="gltf")
    (mesh,) = scene.geometry.values()
    return mesh

textured = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
coordinates = {}
for kind, most in ((np.float32, 1), (np.uint16, 65535), (np.uint8, 255)):
    mesh = triangle("TEXCOORD_0", np.array([[0, 0], [most, 0], [0, most]], kind), textured)
    coordinates[kind] = float(np.ptp(mesh.visual.uv[:, 0]))
    print(f"texture coordinates 0 … 1 in {kind.__name__}: 0 … {coordinates[kind]:.0f}")
shares = np.array([40000, 32768, 0, 65535])
colours = {}
for kind, row in ((np.float32, shares / 65535), (np.uint16, shares), (np.uint8, shares / 257)):
    mesh = triangle("COLOR_0", np.tile(row, (3, 1)).round(9).astype(kind))
    colours[kind] = mesh.visual.vertex_colors[0].tolist()
    print(f"colour {np.round(shares / 65535, 2).tolist()} in {kind.__name__}: {colours[kind]}")
red = np.tile(np.array([255, 0, 0, 255], np.uint8), (3, 1))
plain, painted = (triangle("COLOR_0", red, material) for material in (None, {"pbrMetallicRoughness": {
    "baseColorFactor": [1, 1, 1, 1]}}))
applied = [plain.visual.vertex_colors[0].tolist(), np.ravel(painted.visual.to_color().vertex_colors)[:4].tolist()]
print(f"red vertices without a material: {applied[0]}, with a white one: {applied[1]}")
behaves = (coordinates == {np.float32: 1, np.uint16: 65535, np.uint8: 255}
           and colours[np.uint16] == [40000 % 256, 0, 0, 255] and abs(colours[np.float32][0] - 156) < 1
           and abs(colours[np.uint8][0] - 155) < 2 and applied == [[255, 0, 0, 255], [255, 255, 255, 255]])
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

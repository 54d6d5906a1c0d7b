#!/usr/bin/env bash
# Open3D 0.20.0: a PLY file of coloured points that its tensor interface writes comes back 255 times darker by its other
# one: orange (1, 0.5, 0.25) is written as floats by o3d.t.io.write_point_cloud and read as (0.0039, 0.002, 0.001) by
# o3d.io.read_point_cloud, without a word. The other way (bytes) is right, and so are PCD files, and each interface with
# itself. trimesh 5.2.0 reads the floats as (255, 128, 64), pymeshlab 2025.7 as white.
# Colours of 16 bits, full white being 65535, are (257, 128.5, 64.25) by the old one, none, with a warning, by the new
# one, the low bytes (255, 0, 0) by trimesh, and white by pymeshlab.
# Why: whatever the property's type is, its value is divided by 255. PLY itself says nothing of colours' types.
# What it means: points look black rather than wrong, and pass for points without colours; whoever starts Gaussians from
# them (nerfstudio 1.1.5 reads its initial points so, times 255 as bytes) starts black. Write bytes.
# Needs python3 with pip, and PyPI. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" \
  open3d-cpu==0.20.0 numpy==2.2.6 trimesh==5.2.0 pymeshlab==2025.7.post1
python3 - "$folder" <<'PY'
import sys

import numpy as np
import open3d as o3d
import pymeshlab
import trimesh

path = f"{sys.argv[1]}/points"
points = np.random.default_rng(0).uniform(size=(4, 3)).astype(np.float32)
orange = np.tile(np.float32([1, 0.5, 0.25]), (4, 1))

def tensors(colours):
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor(points))
    cloud.point.colors = o3d.core.Tensor(colours)
    return cloud

def old(colours):
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.colors = o3d.utility.Vector3dVector(colours)
    return cloud

def by_tensor(name):
    attributes = o3d.t.io.read_point_cloud(name).point
    return attributes.colors.numpy()[0].tolist() if "colors" in attributes else None

def by_pymeshlab(name):
    meshes = pymeshlab.MeshSet()
    meshes.load_new_mesh(name)
    return meshes.current_mesh().vertex_color_matrix()[0, :3].round(3).tolist()

readers = {"o3d.io": lambda name: np.asarray(o3d.io.read_point_cloud(name).colors)[0].round(4).tolist(),
           "o3d.t.io": by_tensor,
           "trimesh": lambda name: trimesh.load(name).colors[0, :3].tolist(),
           "pymeshlab": by_pymeshlab}
o3d.t.io.write_point_cloud(path + "-float.ply", tensors(orange))
o3d.t.io.write_point_cloud(path + "-byte.ply", tensors((255 * orange).round().astype(np.uint8)))
o3d.io.write_point_cloud(path + "-old.ply", old(orange))
o3d.t.io.write_point_cloud(path + "-float.pcd", tensors(orange))
header = "".join(f"property {kind} {name}\n" for kind, names in (("float", "x y z"), ("ushort", "red green blue"))
                 for name in names.split())
record = np.zeros(4, [("point", "<f4", 3), ("colour", "<u2", 3)])
record["point"], record["colour"] = points, (65535 * orange).round()
with open(path + "-16.ply", "wb") as file:
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex 4\n{header}end_header\n"
    file.write(header.encode() + record.tobytes())
found = {}
for name in ("-float.ply", "-byte.ply", "-old.ply", "-float.pcd", "-16.ply"):
    for reader, read in readers.items():
        if not name.endswith("pcd") or reader.startswith("o3d"):
            found[name, reader] = read(path + name)
            print(f"points{name} by {reader}: {found[name, reader]}")
close = lambda key, colour: np.allclose(found[key], colour, atol=0.004)
behaves = (close(("-float.ply", "o3d.io"), orange[0] / 255) and found["-float.ply", "o3d.io"][0] < 0.004
           and close(("-float.ply", "o3d.t.io"), orange[0]) and found["-float.ply", "trimesh"] == [255, 128, 64]
           and all(close((name, "o3d.io"), orange[0]) for name in ("-byte.ply", "-old.ply", "-float.pcd"))
           and found["-16.ply", "o3d.io"][0] == 257 and found["-16.ply", "o3d.t.io"] is None
           and found["-16.ply", "trimesh"] == [255, 0, 0]
           and all(close((name, "pymeshlab"), [1, 1, 1]) for name in ("-float.ply", "-16.ply")))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

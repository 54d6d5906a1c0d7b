"""Writes the scene of opencv_cameras.json in the formats of data sets of captures, after their published definitions:
sdfstudio's meta_data.json by docs/sdfstudio-data.md, NeuS's archive by numpy.savez_compressed (numpy 2.4.6),
VisualSFM's .nvm by its manual and the reader of its bundle adjustment (pba/util.h), Replica's traj.txt by what
NICE-SLAM reads (src/utils/datasets.py), TUM's by https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats,
KITTI's by the odometry benchmark's readme.

    python make_captures.py
"""
import json
import pathlib

import numpy

here = pathlib.Path(__file__).parent
views = json.loads((here / "opencv_cameras.json").read_text())
poses = [numpy.linalg.inv(numpy.array(view["w2c"], dtype=numpy.float64)) for view in views]
width, height, focal = views[0]["w"], views[0]["h"], views[0]["fx"]
k = numpy.eye(4)
k[0, 0] = k[1, 1] = focal
k[0, 2], k[1, 2] = width / 2, height / 2

to_truth = numpy.diag([2.5, 2.5, 2.5, 1.0])
to_truth[:3, 3] = [3, -1, 0.5]
(here / "meta_data.json").write_text(json.dumps({
    "camera_model": "OPENCV", "height": height, "width": width, "has_mono_prior": True, "pairs": None,
    "worldtogt": to_truth.tolist(),
    "scene_box": {"aabb": [[-1, -1, -1], [1, 1, 1]], "near": 0.5, "far": 4.5, "radius": 1.0, "collider_type": "near_far"},
    "frames": [{"rgb_path": view["file_path"], "camtoworld": pose.tolist(), "intrinsics": k.tolist(),
                "mono_depth_path": f"{i:06d}_depth.npy", "mono_normal_path": f"{i:06d}_normal.npy"}
               for i, (view, pose) in enumerate(zip(views, poses))]}))

with numpy.load(here / "cameras_sphere.npz") as archive:
    numpy.savez_compressed(here / "cameras_compressed.npz", **archive)


def quaternion(rotation):
    """w, x, y, z, by the eigenvector of Bar-Itzhack's matrix."""
    (a, b, c), (d, e, f), (g, h, i) = rotation
    m = numpy.array([[a - e - i, b + d, c + g, h - f], [b + d, e - a - i, f + h, c - g],
                     [c + g, f + h, i - a - e, d - b], [h - f, c - g, d - b, a + e + i]]) / 3
    x, y, z, w = numpy.linalg.eigh(m)[1][:, -1]
    return [float(n) for n in (w, x, y, z)]


def words(numbers):
    return " ".join(repr(float(number)) for number in numbers)


nvm = ["NVM_V3 ", "", str(len(views))]
for view, pose in zip(views, poses):
    numbers = [focal, *quaternion(pose[:3, :3].T), *pose[:3, 3]]
    nvm.append(f"{view['file_path']}\t{words(numbers)} 0 0 ")
nvm += ["", "2", "0.1 0.2 0.3 200 100 50 2 0 7 -10.5 12.25 1 9 4 5 ", "0 0 0 0 0 0 0 ", "", "", "0", "",
        "#the last part of NVM file points to the PLY files", "#the first number is the number of associated PLY files",
        "#each following number gives a model-index that has PLY", "0"]
(here / "visualsfm.nvm").write_text("\r\n".join(nvm) + "\r\n")

(here / "traj.txt").write_text("".join(" ".join(f"{n:.18e}" for n in pose.ravel()) + "\n" for pose in poses))
(here / "cam_params.json").write_text(json.dumps({"camera": {
    "w": width, "h": height, "fx": focal, "fy": focal, "cx": width / 2 - 0.5, "cy": height / 2 - 0.5,
    "scale": 6553.5}}, indent=4))

truth = ["# ground truth trajectory", "# file: 'every-format.bag'", "# timestamp tx ty tz qx qy qz qw"]
pictures = ["# color images", "# file: 'every-format.bag'", "# timestamp filename"]
for i, (view, pose) in enumerate(zip(views, poses)):
    time = 1305031102 + i / 10
    w, x, y, z = quaternion(pose[:3, :3])
    truth.append(f"{time:.4f} {words([*pose[:3, 3], x, y, z, w])}")
    pictures.append(f"{time:.6f} {view['file_path']}")
(here / "groundtruth.txt").write_text("\n".join(truth) + "\n")
(here / "rgb.txt").write_text("\n".join(pictures) + "\n")
(here / "calibration.txt").write_text(f"{focal!r} {focal!r} {width / 2 - 0.5} {height / 2 - 0.5}\n")

# Poses are those of camera 0, half a unit to the left of camera 2 and a little behind it.
beside = numpy.eye(4)
beside[:3, 3] = [0.5, 0.01, 0.02]
calibration = []
for camera in range(4):
    projection = k[:3].copy()
    projection[:2, 2] -= 0.5
    if camera == 2:
        projection[:, 3] = projection[:, :3] @ -beside[:3, 3]
    calibration.append(f"P{camera}: " + words(projection.ravel()))
(here / "calib.txt").write_text("\n".join(calibration + ["Tr: 1 0 0 0 0 1 0 0 0 0 1 0"]) + "\n")
(here / "poses.txt").write_text("".join(words((pose @ numpy.linalg.inv(beside))[:3].ravel()) + "\n" for pose in poses))

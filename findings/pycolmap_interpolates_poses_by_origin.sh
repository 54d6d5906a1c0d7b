#!/usr/bin/env bash
# pycolmap 4.2.1: the pose half-way between two cameras (interpolate_camera_poses, Rigid3d.interpolate) depends on where
# the world's origin is. Two cameras 2 m from an object, a quarter turn apart: with the object at the origin the path
# from one to the other is an arc at 2 m, with the object at 100 m from it the middle camera is 27.9 m away from both,
# and with 1,000 m, as in a local grid of a survey, 291 m. The ends are exact and the rotations right, wherever
# the origin is, so that a test of t = 0 and t = 1 sees nothing.
# Why: rotation and translation of "camera from world" are interpolated apart, the translation on a line. A camera's
# centre is -R^T t, and R turns about the origin. The function's documentation is its signature.
# What it means: videos between two views of a georeferenced model fly out of the scene, and so do poses filled in
# between the frames of a video. Interpolate centres and rotations, or move the model's centre to the origin first; a
# normalised model hides it.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder" \
  pycolmap==4.2.1 numpy==2.2.6
python3 - <<'PY'
import numpy as np
import pycolmap

def looking_at(target, centre):
    """The pose of a camera there that looks at the target, z being up."""
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0, 0, 1])
    rotation = np.stack([right, np.cross(forward, right), forward])
    return pycolmap.Rigid3d(pycolmap.Rotation3d(rotation), -rotation @ centre)

away, ends, turns = {}, 0.0, []
for distance in (0, 100, 1000):
    object_ = np.array([distance, 0.0, 0.0])
    one, other = (looking_at(object_, object_ + offset) for offset in ([2, 0, 0], [0, 2, 0]))
    for path in (pycolmap.interpolate_camera_poses, pycolmap.Rigid3d.interpolate):
        start, middle, end = (path(one, other, t) for t in (0, 0.5, 1))
        ends = max(ends, np.linalg.norm(start.inverse().translation - one.inverse().translation),
                   np.linalg.norm(end.inverse().translation - other.inverse().translation))
        turns.append(np.degrees((middle.rotation * one.rotation.inverse()).angle()))
        away.setdefault(distance, []).append(np.linalg.norm(middle.inverse().translation - object_))
    print(f"object {distance} m from the origin, cameras 2 m from it: the middle one {away[distance][0]:.1f} m from it")
print(f"ends are off by at most {ends:.1g} m, the middle is turned by {turns[0]:.1f} degrees in all cases")
expected = {0: 2.0, 100: 27.9, 1000: 291.5}
behaves = (all(abs(value - expected[distance]) < 0.1 for distance, both in away.items() for value in both)
           and ends < 1e-6 and all(abs(turn - 45) < 1e-6 for turn in turns))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# pycolmap 4.2.1: the covariance of a pose (refine_absolute_pose and estimate_and_refine_absolute_pose with
# return_covariance=True) has rotations in half-angles. Its rotation block is a quarter of that of the rotation vector
# in radians, the block between rotation and translation a half, and translation is right. 200 points seen with noise of
# 1 pixel: over 400 draws rotations vary by 0.46 milliradians about y, where the covariance says 0.22; the errors'
# squared Mahalanobis distance, 6 in the mean for 6 unknowns, is 63, and 6.0 with rows and columns of rotations doubled.
# Why: Ceres' manifold of quaternions has the tangent of exp(d), not exp(d / 2). Bundle adjustment's covariance is
# described as "tangent space covariance in the order [rotation, translation]", this one not at all.
# What it means: a filter, a pose graph or a gate that takes it trusts rotations twice as much as it should, against
# everything else, and a gate of 99 % (16.8) turns down 78 % of right poses. Double the first three rows and columns.
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

camera = pycolmap.Camera(model="PINHOLE", width=1000, height=800, params=[800, 800, 500, 400], camera_id=1)
random = np.random.default_rng(0)
points = random.uniform([-2, -1.5, 4], [2, 1.5, 8], (200, 3))
quadratic = pycolmap.AbsolutePoseRefinementOptions(loss_function_scale=1e3, gradient_tolerance=1e-6)

def moved(change):
    """The pixels after the camera has turned by a rotation vector, in radians, and moved; to first order at 0."""
    turned = points + np.cross(change[:3], points) + change[3:]
    return np.stack([800 * turned[:, 0] / turned[:, 2] + 500, 800 * turned[:, 1] / turned[:, 2] + 400], axis=1)

steps = 1e-6 * np.eye(6)
jacobian = np.stack([(moved(step) - moved(-step)).ravel() / 2e-6 for step in steps], axis=1)
true = np.linalg.inv(jacobian.T @ jacobian)
pixels = moved(np.zeros(6))

def refine(seen):
    """The pose's error as a rotation vector and a translation, the truth being none, and the covariance."""
    found = pycolmap.refine_absolute_pose(pycolmap.Rigid3d(), seen, points, np.ones(200, bool), camera, quadratic,
                                          return_covariance=True)
    pose = found["cam_from_world"]
    axis, angle = pose.rotation.quat[:3], pose.rotation.angle()
    vector = angle * axis / np.linalg.norm(axis) * np.sign(pose.rotation.quat[3]) if angle else np.zeros(3)
    return np.concatenate([vector, pose.translation]), found["covariance"]

_, reported = refine(pixels)
shares = [float(np.median(reported[rows, columns] / true[rows, columns])) for rows, columns in
          ((slice(3), slice(3)), (slice(3), slice(3, 6)), (slice(3, 6), slice(3, 6)))]
print("reported covariance / that of the rotation vector and translation: rotation {:.4f}, both {:.4f}, "
      "translation {:.4f}".format(*shares))
draws = [refine(pixels + random.normal(size=(200, 2))) for _ in range(400)]
errors = np.array([error for error, _ in draws])
says = np.mean([np.sqrt(np.diag(covariance)) for _, covariance in draws], axis=0)
print(f"spread of 400 poses: {(1000 * errors.std(0)).round(3).tolist()} (milliradians and thousandths), "
      f"by the covariance {(1000 * says).round(3).tolist()}")
double = np.diag([2.0, 2, 2, 1, 1, 1])
distances = {}
for name, scale in (("as reported", np.eye(6)), ("with rotations doubled", double)):
    distances[name] = float(np.mean([error @ np.linalg.solve(scale @ covariance @ scale, error)
                                     for error, covariance in draws]))
    print(f"squared Mahalanobis distance, {name}: {distances[name]:.1f} (6 if right)")
turned_down = np.mean([error @ np.linalg.solve(covariance, error) > 16.81 for error, covariance in draws])
print(f"a gate of 99 % turns down {turned_down:.0%}")
behaves = (np.abs(np.array(shares) - [0.25, 0.5, 1]).max() < 0.01 and distances["as reported"] > 40
           and abs(distances["with rotations doubled"] - 6) < 0.7 and turned_down > 0.5)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

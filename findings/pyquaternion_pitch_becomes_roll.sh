#!/usr/bin/env bash
# pyquaternion 0.9.9: yaw_pitch_roll, described as "intrinsic Tait-Bryan angles following the z-y'-x'' convention", is
# of the other order. A drone with heading 0 and its nose 10 degrees down (pitch 10) has pitch 10; with the same
# attitude after a turn to heading 90 it has pitch 0 and roll -10, at 180 pitch -10 and roll 0, at 45 7.1 and -7.1.
# Heading 40, pitch 30, roll 20 come out as 35.5, 35.4 and -2.8. Turns about a single axis are right, which a test takes
# first. SciPy 1.17.1's as_euler("ZYX") (intrinsic) gives the angles put in; as_euler("XYZ") gives pyquaternion's,
# backwards. Why: they solve R = Rx(roll) Ry(pitch) Rz(yaw), as the description says a few lines on, against its first
# line, which is Rz(yaw) Ry(pitch) Rx(roll). An issue of 2021 (number 72) asks for another wording.
# What it means: gimbal angles, slopes of a vehicle and filters by tilt depend on the compass; headings are right
# where the ground is level, as on most roads, and 4.5 degrees off in the last example. Take the heading from where
# the rotated x axis points.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
install --no-deps pyquaternion==0.9.9 numpy==2.2.6 scipy==1.17.1
python3 - <<'PY'
import numpy as np
from pyquaternion import Quaternion
from scipy.spatial.transform import Rotation

def attitude(*angles):
    """Heading about z, then pitch about the turned y, then roll about the x of both; in degrees."""
    turns = [Quaternion(axis=axis, degrees=angle) for axis, angle in zip(np.eye(3)[::-1], angles)]
    return turns[0] * turns[1] * turns[2]

expected = {(0, 10, 0): (0, 10, 0), (45, 10, 0): (45.4, 7.1, -7.1), (90, 10, 0): (90, 0, -10),
            (180, 10, 0): (180, -10, 0), (40, 30, 20): (35.5, 35.4, -2.8), (40, 0, 0): (40, 0, 0),
            (0, 0, 20): (0, 0, 20)}
behaves = True
for put_in, known in expected.items():
    turn = attitude(*put_in)
    got = np.degrees(turn.yaw_pitch_roll)
    matrix = Rotation.from_matrix(turn.rotation_matrix)
    intrinsic, other = matrix.as_euler("ZYX", degrees=True), matrix.as_euler("XYZ", degrees=True)[::-1]
    print(f"heading, pitch, roll {put_in}: {got.round(1) + 0.0}, SciPy's ZYX {intrinsic.round(1) + 0.0}")
    apart = (got - np.array([known, other]) + 180) % 360 - 180
    behaves &= bool(np.abs(apart[0]).max() < 0.1 and np.abs(apart[1]).max() < 1e-6
                    and np.abs(intrinsic - put_in).max() < 1e-6)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

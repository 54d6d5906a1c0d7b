#!/usr/bin/env bash
# imageio 2.37.0: its two plugins for video (PyAV 18.1.0, imageio-ffmpeg 0.8.1) give two sets of frames for one file, as
# phones write it:
#   40 frames, one of them shown for a second: PyAV's plugin gives the 40; FFMPEG's gives 79 by repeating the 20th, at
#     "17.4 frames per second", which is 40 by the duration. By index, too, frame 30 is frame 30 of the file by the one
#     and 19, the 20th, by the other. With even times all agree, and a test sees nothing.
#   filmed upright (a rotation of 90 degrees in the file, as phones have it): FFMPEG's plugin turns the pictures, 64
#     wide and 96 high, PyAV's leaves them on their side, 96 × 64.
# What it means: poses, depths or masks that were made by frame number belong to other frames with the other plugin,
# from the first pause on (phones drop frames in the dark), and intrinsics to a picture that lies on its side. Name the
# plugin, and go by times.
# Needs python3 with pip, and PyPI. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
install --no-deps imageio==2.37.0 imageio-ffmpeg==0.8.1 av==18.1.0 numpy==2.2.6 pillow==12.0.0
python3 - "$folder" <<'PY'
import subprocess
import sys
from fractions import Fraction

import av
import imageio.v3 as imageio
import imageio_ffmpeg
import numpy as np

folder, TICK, FRAMES = sys.argv[1], Fraction(1, 600), 40

def write(path, gap):
    """40 frames, 1/30 s apart and once `gap`; each says by its grey which it is."""
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = TICK
        moment = 0
        for index in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 6 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = moment, TICK
            file.mux(stream.encode(frame))
            moment += int(gap / TICK) if index == 19 else 20
        file.mux(stream.encode())

def which(pictures):
    return [round(float(picture.mean()) / 6) for picture in pictures]

found = {}
for name, gap in (("even", Fraction(1, 30)), ("one gap", Fraction(1))):
    path = f"{folder}/{name}.mp4"
    write(path, gap)
    for plugin in "pyav", "FFMPEG":
        frames = which(imageio.imread(path, plugin=plugin))
        at_30 = which([imageio.imread(path, index=30, plugin=plugin)])[0]
        found[name, plugin] = len(frames), at_30, imageio.immeta(path, plugin=plugin)["fps"]
        print(f"{name}, {plugin}: {len(frames)} frames, frame 30 is number {at_30}, {found[name, plugin][2]:.1f} per s")
subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-display_rotation", "90", "-i",
                f"{folder}/even.mp4", "-c", "copy", f"{folder}/upright.mp4"], check=True)
shapes = {plugin: imageio.imread(f"{folder}/upright.mp4", index=0, plugin=plugin).shape
          for plugin in ("pyav", "FFMPEG")}
print("upright:", shapes)
behaves = (found["even", "pyav"][:2] == found["even", "FFMPEG"][:2] == (FRAMES, 30)
           and found["one gap", "pyav"][:2] == (FRAMES, 30) and found["one gap", "FFMPEG"][0] > 60
           and found["one gap", "FFMPEG"][1] < 21 and abs(found["one gap", "FFMPEG"][2] - 17.39) < 0.01
           and abs(found["one gap", "pyav"][2] - 30) < 0.01
           and shapes == {"pyav": (64, 96, 3), "FFMPEG": (96, 64, 3)})
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

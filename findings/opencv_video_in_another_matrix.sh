#!/usr/bin/env bash
# OpenCV 4.12.0: VideoCapture decodes any video with the colour matrix of BT.601, also where the file says BT.709, as
# the videos of phones, drones and cameras in HD do. Of saturated colours green (40, 200, 40) is read as (51, 227, 45),
# red (200, 40, 40) as (185, 23, 41), skin (240, 160, 120) as (233, 153, 121): 28.0 dB from what was filmed. Greys stay,
# and a video of BT.601 is right (45.4 dB), so that charts of greys and small old clips show nothing.
# PyAV 18.1.0, decord 0.6.0 and OpenCV 5.0.0 read the same file right (47.7 dB), so that one script gives two sets of
# pictures by OpenCV's version, and nothing is said of it.
# What it means: frames taken from a video by OpenCV, and photographs or frames by another tool, differ by up to 27 of
# 255 levels; a model trained with the one and evaluated against the other cannot exceed 28 dB on such colours.
# Needs python3 with pip, and PyPI. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --no-deps --target "$@"; }
install "$folder/site" av==18.1.0 decord==0.6.0 numpy==2.2.6
install "$folder/opencv4" opencv-python-headless==4.12.0.88
install "$folder/opencv5" opencv-python-headless==5.0.0.93
cat > "$folder/colours.py" <<'PY'
import os
import sys

import numpy as np

task, folder = sys.argv[1:]
WIDTH, HEIGHT = 1280, 720
COLOURS = np.array([[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40], [240, 160, 120], [128, 128, 128]])
NAMES = "red", "green", "blue", "yellow", "skin", "grey"
MATRICES = {"BT.709": (0.2126, 0.0722, 1), "BT.601": (0.299, 0.114, 5)}  # red, blue, number in the file

def write(path, matrix):
    """A video of six colours in this matrix, which it names."""
    import av
    red, blue, number = MATRICES[matrix]
    r, g, b = (COLOURS / 255).T
    luma = red * r + (1 - red - blue) * g + blue * b
    columns = np.arange(WIDTH) * len(COLOURS) // WIDTH
    planes = [16 + 219 * luma, 128 + 112 * (b - luma) / (1 - blue), 128 + 112 * (r - luma) / (1 - red)]
    rows = [np.round(plane).astype(np.uint8)[columns] for plane in planes]
    planes = [np.tile(rows[0], HEIGHT)] + [np.tile(row[::2], HEIGHT // 2) for row in rows[1:]]
    with av.open(path, "w") as file:
        stream = file.add_stream("libx264", rate=30, options={"crf": "1", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = number, 1
        stream.codec_context.color_primaries = stream.codec_context.color_trc = 1 if number == 1 else 6
        frame = av.VideoFrame.from_ndarray(np.concatenate(planes).reshape(-1, WIDTH), format="yuv420p")
        frame.colorspace, frame.color_range = number, 1
        for moment in range(3):
            frame.pts = moment
            file.mux(stream.encode(frame))
        file.mux(stream.encode())

def read(path):
    if task == "opencv":
        import cv2
        return cv2.__version__, cv2.VideoCapture(path).read()[1][..., ::-1]
    if task == "av":
        import av
        with av.open(path) as file:
            return av.__version__, next(file.decode(video=0)).to_ndarray(format="rgb24")
    import decord
    return decord.__version__, decord.VideoReader(path)[0].asnumpy()

behaves = True
for matrix in MATRICES:
    path = os.path.join(folder, matrix + ".mp4")
    if task == "write":
        write(path, matrix)
        continue
    version, picture = read(path)
    middles = (np.arange(len(COLOURS)) * 2 + 1) * WIDTH // (2 * len(COLOURS))
    got = picture[HEIGHT // 2, middles].astype(int)
    error = got - COLOURS
    quality = 10 * np.log10(255**2 / (error**2).mean())
    print(f"{task} {version}, {matrix}: {quality:.1f} dB;",
          "; ".join(f"{name} {tuple(colour)}" for name, colour in zip(NAMES, got.tolist())))
    wrong = task == "opencv" and version.startswith("4.12") and matrix == "BT.709"
    behaves &= bool(np.abs(error).max() >= 25 and np.abs(error[5]).max() <= 2 if wrong else np.abs(error).max() <= 3)
raise SystemExit(not behaves)
PY
result=0
PYTHONPATH=$folder/site python3 "$folder/colours.py" write "$folder"
for reader in av decord; do PYTHONPATH=$folder/site python3 "$folder/colours.py" $reader "$folder" || result=1; done
for version in opencv4 opencv5; do
  PYTHONPATH=$folder/$version:$folder/site python3 "$folder/colours.py" opencv "$folder" || result=1
done
if [ $result = 0 ]; then echo "as described"; else echo "NOT as described"; fi
exit $result

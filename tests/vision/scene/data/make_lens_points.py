"""Writes lens_points.json: where pycolmap puts directions in the images of each camera model.

Made with pycolmap 4.2.1 (pip install pycolmap==4.2.1); run as `python make_lens_points.py`.
"""
import json
import os

import numpy as np
import pycolmap

WIDTH, HEIGHT = 640, 480
CAMERAS = {
    "SIMPLE_PINHOLE": [400, 321, 242],
    "PINHOLE": [400, 410, 321, 242],
    "SIMPLE_RADIAL": [400, 321, 242, -0.1],
    "RADIAL": [400, 321, 242, -0.12, 0.03],
    "OPENCV": [400, 410, 321, 242, -0.12, 0.03, 0.002, -0.003],
    "OPENCV_FISHEYE": [260, 262, 321, 242, -0.02, 0.01, -0.004, 0.001],
    "FULL_OPENCV": [400, 410, 321, 242, -0.12, 0.03, 0.002, -0.003, 0.01, 0.02, -0.01, 0.003],
    "FOV": [350, 352, 321, 242, 0.9],
    "SIMPLE_RADIAL_FISHEYE": [260, 321, 242, -0.03],
    "RADIAL_FISHEYE": [260, 321, 242, -0.03, 0.004],
    "THIN_PRISM_FISHEYE": [260, 262, 321, 242, -0.02, 0.01, 0.001, -0.002, -0.004, 0.001, 0.003, -0.001],
    "RAD_TAN_THIN_PRISM_FISHEYE": [260, 262, 321, 242, -0.02, 0.01, -0.004, 0.001, 0.0005, -0.0002,
                                   0.001, -0.002, 0.003, -0.001, 0.002, 0.0005],
    "SIMPLE_DIVISION": [380, 321, 242, -0.2],
    "DIVISION": [380, 384, 321, 242, -0.15],
    "SIMPLE_FISHEYE": [260, 321, 242],
    "FISHEYE": [260, 263, 321, 242],
    "EUCM": [300, 303, 321, 242, 0.55, 1.1],
}


def main():
    tangents = np.linspace(-1.1, 1.1, 9)
    directions = [[x, y, 1.0] for x in tangents for y in tangents]
    cameras = []
    for model, params in CAMERAS.items():
        camera = pycolmap.Camera(model=model, width=WIDTH, height=HEIGHT, params=params)
        points = camera.img_from_cam(np.array(directions))
        cameras.append({
            "model": model,
            "line": f"1 {model} {WIDTH} {HEIGHT} " + " ".join(repr(float(p)) for p in params),
            "id": int(camera.model.value),
            "pixels": [None if not np.all(np.isfinite(p)) else [float(p[0]), float(p[1])] for p in points],
        })
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lens_points.json")
    with open(path, "w") as file:
        json.dump({"written_by": "pycolmap " + pycolmap.__version__,
                   "directions": [d[:2] for d in directions], "cameras": cameras}, file)
        file.write("\n")


main()

"""Writes pixelSplat's chunks with torch.save of PyTorch 2.11: the six views of ../every-format as the
scene `abc`, beside a scene `def` of two of them as JPEG; a second chunk with the scene `1K/ghi`, as
DL3DV's converters name them, that the index does not list.

    python make.py
"""
import io
import json
import pathlib

import numpy
import torch
from PIL import Image

here = pathlib.Path(__file__).parent
source = here.parent / "every-format"
views = json.loads((source / "opencv_cameras.json").read_text())


def example(key, chosen, jpeg=False):
    cameras, images = [], []
    for view in chosen:
        w, h = view["w"], view["h"]
        shares = [view["fx"] / w, view["fy"] / h, view["cx"] / w, view["cy"] / h, 0, 0]
        cameras.append(shares + numpy.array(view["w2c"])[:3].ravel().tolist())
        data = (source / view["file_path"]).read_bytes()
        if jpeg:
            buffer = io.BytesIO()
            Image.open(io.BytesIO(data)).convert("RGB").resize((64, 64)).save(buffer, "JPEG")
            data = buffer.getvalue()
        images.append(torch.tensor(numpy.frombuffer(data, dtype=numpy.uint8)))
    timestamps = torch.arange(len(chosen), dtype=torch.int64) * 33366 + 4700000
    return {"url": "", "timestamps": timestamps, "cameras": torch.tensor(cameras, dtype=torch.float32),
            "key": key, "images": images}


torch.save([example("abc", views), example("def", views[:2], jpeg=True)], here / "000000.torch")
torch.save([example("1K/ghi", views[1:3], jpeg=True)], here / "000001.torch")
(here / "index.json").write_text(json.dumps({"abc": "000000.torch", "def": "000000.torch"}))

#!/usr/bin/env bash
# datasets 5.2.0: load_dataset("imagefolder", data_dir=...) of a folder with one subfolder per class loses whole classes
# if one of them is called "train", as the vehicle is (COCO, Pascal VOC and Open Images have it, beside "bus" and
# "car"). Of 3 classes of 10 images those 10 are left, as the split "train", and they have no label. A class
# "test tube" leaves its 10 images as the split "test".
# One file's name is enough: beside 20 images of two classes, one called crash-test-dummy.png leaves itself alone.
# With "tram" for "train" there are 30 images and the labels, so that one thinks that the layout is understood.
# Why: names with train, test, val and their like between separators say splits; what no such name holds is dropped as
# soon as there is one. The documentation tells the names, not that everything else goes, and no word is said.
# What it means: count what was loaded, or name the files (data_files={"train": "**"}), which keeps all of them.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore HF_HOME=$folder/home HF_HUB_OFFLINE=1
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" \
  datasets==5.2.0 pillow==12.0.0 numpy==2.2.6
python3 - "$folder" <<'PY'
import sys
import tempfile
from pathlib import Path

import datasets
from PIL import Image

datasets.disable_progress_bars()

def loaded(names, **files):
    """The number of images and the labels of each split of a folder with these images."""
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / name)
    splits = datasets.load_dataset("imagefolder", data_dir=str(folder), **files)
    return {split: (len(data), data.features["label"].names if "label" in data.features else None)
            for split, data in splits.items()}

def classes(*names):
    return [f"{name}/{number}.png" for name in names for number in range(10)]

cases = {"bus, car, tram": loaded(classes("bus", "car", "tram")),
         "bus, car, train": loaded(classes("bus", "car", "train")),
         "bus, car, test tube": loaded(classes("bus", "car", "test tube")),
         "bus, car and one file": loaded(classes("bus", "car") + ["bus/crash-test-dummy.png"]),
         "bus, car, train by name": loaded(classes("bus", "car", "train"), data_files={"train": "**"})}
for name, splits in cases.items():
    print(f"{name}: {splits}")
behaves = list(cases.values()) == [{"train": (30, ["bus", "car", "tram"])}, {"train": (10, None)},
                                   {"test": (10, None)}, {"test": (1, None)},
                                   {"train": (30, ["bus", "car", "train"])}]
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

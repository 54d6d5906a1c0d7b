#!/usr/bin/env bash
# One folder of classes gets two numberings: timm 1.0.31 (create_dataset, and so its train.py and validate.py) sorts
# the folders' names "naturally", numbers as numbers and without regard to capitals; torchvision 0.26.0's ImageFolder
# sorts strings. A perfect classifier trained by one is right by the other's labels, images being equally many, in
#   10.8 % of the images of Flowers-102 (folders 1 … 102), and 1.2 % of those of classes 0 … 999;
#   10.8 % of the images of Oxford's pets, where cats begin with capitals (Abyssinian) and dogs do not (beagle);
#   100 % of the images of ImageNet (n01440764 …) and of ten numbered digits, so that a first test shows nothing.
# A second level of folders is a third numbering: root/cat/indoors and root/dog/indoors are the classes cat and dog
# to torchvision and one class, "indoors", to timm, which takes the last folder's name and merges the two.
# What it means: a low accuracy of a checkpoint in another loader may be a permutation of its classes, which fine-tuning
# hides and an evaluation does not. Keep the names of the classes beside the weights, or pass timm a class_map.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps timm==1.0.31 torchvision==0.26.0 numpy==2.2.6 pillow==12.0.0 pyyaml==6.0.3 safetensors==0.7.0 \
  huggingface_hub==0.36.0 packaging==25.0 tqdm==4.67.1 requests==2.32.5 urllib3==2.5.0 idna==3.10 certifi==2025.10.5 \
  charset-normalizer==3.4.4
python3 - "$folder" <<'PY'
import sys
import tempfile
from pathlib import Path

from PIL import Image
from timm.data import create_dataset
from torchvision.datasets import ImageFolder

def numberings(names):
    """The number of each class by both, of a folder with one image for each of these names."""
    folder = Path(tempfile.mkdtemp(dir=sys.argv[1]))
    for name in names:
        (folder / name).mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(folder / name / "image.png")
    return create_dataset("", str(folder)).reader.class_to_idx, ImageFolder(folder).class_to_idx

pets = """Abyssinian american_bulldog american_pit_bull_terrier basset_hound beagle Bengal Birman Bombay boxer
  British_Shorthair chihuahua Egyptian_Mau english_cocker_spaniel english_setter german_shorthaired great_pyrenees
  havanese japanese_chin keeshond leonberger Maine_Coon miniature_pinscher newfoundland Persian pomeranian pug Ragdoll
  Russian_Blue saint_bernard samoyed scottish_terrier shiba_inu Siamese Sphynx staffordshire_bull_terrier
  wheaten_terrier yorkshire_terrier""".split()
folders = {"1 … 102": [str(number) for number in range(1, 103)], "0 … 999": [str(number) for number in range(1000)],
           "0 … 9": [str(number) for number in range(10)], "pets": pets,
           "ImageNet's first": ["n01440764", "n01443537", "n01484850", "n01491361", "n01494475", "n01496331"]}
shares = {}
for title, names in folders.items():
    by_timm, by_torchvision = numberings(names)
    shares[title] = sum(by_timm[name] == by_torchvision[name] for name in names) / len(names)
    print(f"{title}: {len(names)} classes, {100 * shares[title]:.1f} % have one number in both")
nested = numberings(["cat/indoors", "cat/outdoors", "dog/indoors", "dog/outdoors"])
print(f"two levels: {nested[0]} and {nested[1]}")
expected = {"1 … 102": 11 / 102, "0 … 999": 0.012, "0 … 9": 1, "pets": 4 / 37, "ImageNet's first": 1}
behaves = (all(abs(shares[title] - share) < 1e-9 for title, share in expected.items())
           and nested == ({"indoors": 0, "outdoors": 1}, {"cat": 0, "dog": 1}))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

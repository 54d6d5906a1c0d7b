#!/usr/bin/env bash
# Pillow 13.0.0 resizes some pictures to other pixels than Pillow 12.3.0: by up to 22 of 255 levels and in four
# pixels of five, here of a picture of 1000 rows and 200 columns brought to 224 × 224 ("squashed", as some
# evaluations of classifiers do it). The same picture on its side gives the same bytes in both.
# Why: where the height shrinks and the width does not, the columns are filtered before the rows since version
# 13 (python-pillow/Pillow, pull request 9549, meant to be quicker). Between the two passes values are rounded
# and cut to 0 … 255, and bicubic filters overshoot, so that the order is seen. A transposed picture
# resized and transposed back is what version 13 gives where version 12 gave something else.
# What it means: golden pixels, hashes and caches of prepared images depend on Pillow's version.
# Needs python3 with pip, and PyPI. Fails if either version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/resize.py" <<'PY'
import random, sys
from PIL import Image, __version__

random.seed(1)
wide = Image.frombytes("L", (1000, 200), bytes(random.choice((0, 255)) for _ in range(200_000)))
tall = wide.transpose(Image.Transpose.TRANSPOSE)
for name, picture in (("tall", tall), ("wide", wide)):
    small = picture.resize((224, 224), Image.Resampling.BICUBIC)
    open(f"{sys.argv[1]}.{name}", "wb").write(small.tobytes())
turned = tall.transpose(Image.Transpose.TRANSPOSE).resize((224, 224), Image.Resampling.BICUBIC)
open(f"{sys.argv[1]}.turned", "wb").write(turned.transpose(Image.Transpose.TRANSPOSE).tobytes())
print("Pillow", __version__)
PY
for version in 12.3.0 13.0.0; do
  python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/$version" "pillow==$version"
  PYTHONPATH=$folder/$version python3 "$folder/resize.py" "$folder/out-$version"
done
python3 - "$folder" <<'PY'
import sys

def pixels(version, name):
    return open(f"{sys.argv[1]}/out-{version}.{name}", "rb").read()

def compare(name):
    differences = [abs(a - b) for a, b in zip(pixels("12.3.0", name), pixels("13.0.0", name))]
    share = sum(d > 0 for d in differences) / len(differences)
    print(f"{name}: at most {max(differences)} levels apart, in {100 * share:.0f} % of the pixels")
    return max(differences)

tall, wide = compare("tall"), compare("wide")
turned = pixels("13.0.0", "tall") == pixels("12.3.0", "turned")
print("version 13's tall picture is version 12's wide one, turned:", turned)
sys.exit(0 if tall > 5 and wide == 0 and turned else "Pillow behaves otherwise than described above")
PY

#!/usr/bin/env bash
# scikit-image 0.26.0: PSNR of two float pictures rises by 6.02 dB as soon as one value of the first is below zero, were
# it -1e-9. Where no data_range is given the range is 1, but 2 if the first picture has a negative value (floats may be
# in [-1, 1] there), and 2 squared is 6.02 dB. Filters that overshoot make such values, and so do models whose last
# layer is linear: with the same noise of 0.05, one true picture brought to 128 × 128 by area is 26.05 dB from its
# rendering, brought there by Lanczos 32.07.
# Of the second picture nothing is asked, so that the two orders of the arguments differ by 6.02 dB, too. A value above
# 1 is an error, which is why pictures get clipped at that end alone. SSIM of floats demands the range.
# What it means: a step of 6 dB between two scenes, resolutions or codes may be one pixel; say data_range=1.
# Needs python3 with pip, and PyPI. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PYTHONPATH=$folder/site
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" \
  scikit-image==0.26.0 numpy==2.3.5 scipy==1.16.3 pillow==12.0.0
python3 - <<'PY'
import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

generator = np.random.default_rng(0)
y, x = np.mgrid[-1:1:512j, -1:1:512j]
scene = np.where(x * x + y * y < 0.5, 0.3 + 0.2 * np.sin(9 * x) * np.cos(7 * y), 0).astype(np.float32)

def shrunk(how):
    return np.asarray(Image.fromarray(scene).resize((128, 128), how))

def psnr(first, second, **options):
    return float(peak_signal_noise_ratio(first, second, **options))

by_area = shrunk(Image.Resampling.BOX)
by_lanczos = shrunk(Image.Resampling.LANCZOS)
noise = 0.05 * generator.standard_normal(by_area.shape).astype(np.float32)
touched = by_area.copy()
touched[0, 0] = -1e-9
values = {}
for name, true in (("by area", by_area), ("by area, one value -1e-9", touched), ("by Lanczos", by_lanczos)):
    values[name] = psnr(true, true + noise), psnr(true, true + noise, data_range=1)
    print(f"{name}: least value {true.min():.2g}; {values[name][0]:.2f} dB by default, {values[name][1]:.2f} with range 1")
orders = psnr(by_area, by_area + noise), psnr(by_area + noise, by_area)
print(f"true first {orders[0]:.2f} dB, rendering first {orders[1]:.2f} dB")
try:
    structural_similarity(by_area, by_area + noise)
    ssim_asks = False
except ValueError:
    ssim_asks = True
gain = 20 * np.log10(2)
behaves = (ssim_asks
           and all(abs(plain - told) < 0.01 for name, (plain, told) in values.items() if name == "by area")
           and all(abs(plain - told - gain) < 0.01 for name, (plain, told) in values.items() if name != "by area")
           and abs(orders[1] - orders[0] - gain) < 0.01)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

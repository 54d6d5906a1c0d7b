#!/usr/bin/env bash
# PSNR of the same two pictures, of which one is off by 20 dB and the other by 60, by three packages that all return
# one number: 23.0 dB by torchmetrics 1.8.2 and kornia 0.8.1, which take the logarithm of the whole batch's squared
# error, and 40.0 dB by piq 0.8.0, which averages the pictures' decibels. So do torchmetrics' batches one after the
# other: its class, too, adds up squared errors until compute(), and a data set's PSNR is that of its worst pictures,
# unless dim=(1, 2, 3) is given. And piq has no more than 80 dB: equal pictures get 80, inf elsewhere, and one that
# is off by 75 dB gets 73.8, as 1e-8 is added to each squared error.
# What it means: a table's PSNR says how pictures were put together; the two readings of one evaluation lie decibels
# apart (LaCT's own code pools, papers of view synthesis mostly average).
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the versions no longer behave so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
python3 -c 'import numpy, torchvision' 2>/dev/null || install --no-deps numpy==2.3.5 torchvision==0.26.0 pillow==12.0.0
install --no-deps piq==0.8.0 torchmetrics==1.8.2 lightning-utilities==0.15.3 packaging==25.0 typing-extensions==4.15.0 \
  kornia==0.8.1 kornia_rs==0.2.0
python3 - <<'PY'
import kornia
import piq
import torch
from torchmetrics.image import PeakSignalNoiseRatio

torch.manual_seed(0)
true = 0.25 + 0.5 * torch.rand(2, 3, 64, 64)
offset = torch.tensor([0.1, 0.001]).view(2, 1, 1, 1)

def of_batches(pictures, **options):
    metric = PeakSignalNoiseRatio(data_range=1.0, **options)
    for picture, target in zip(pictures.split(1), true.split(1)):
        metric.update(picture, target)
    return float(metric.compute())

off = true + offset
values = {"torchmetrics, one by one": of_batches(off),
          "torchmetrics with dim=(1, 2, 3)": of_batches(off, dim=(1, 2, 3)),
          "kornia": float(kornia.metrics.psnr(off, true, 1.0)),
          "piq": float(piq.psnr(off, true))}
fine = float(piq.psnr(true + 10 ** (-75 / 20), true))
equal = float(piq.psnr(true, true))
for name, value in values.items():
    print(f"20 and 60 dB, {name}: {value:.2f} dB")
print(f"piq: off by 75 dB {fine:.2f}, equal pictures {equal:.2f}")
expected = dict(zip(values, (23.01, 40.0, 23.01, 39.98)))
behaves = (all(abs(values[name] - expected[name]) < 0.02 for name in values) and 73 < fine < 74.5
           and abs(equal - 80) < 0.01)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

#!/usr/bin/env bash
# torchmetrics 1.8.2: one value of 1.0000001 makes all others something else. Predictions with any value outside [0, 1]
# are taken for logits (so the documentation), which is asked of each batch as a whole and without room for rounding:
#   BinaryJaccardIndex of a rendering's opacities against the object's mask is 0.585 as rendered and 0.945 clamped to
#     [0, 1]: opacities are sums of weights along rays, and 424 of 65,536 are 1.0000001 here. A sigmoid makes 0 … 1
#     into 0.5 … 0.73, so that each pixel with any opacity is object. One of -1e-9, as bicubic resizing gives it, does
#     the same.
#   MulticlassCalibrationError of ten crops' mean, the sum of 0.1 times each: 0.041, and 0.392 as soon as one of 1,000
#     images is certain, since ten times 0.1 in float32 is 1.0000001. The softmax is then applied a second time, to
#     all images of the batch; accuracy stays 0.550, as the order of classes does, and so gives no warning.
# What it means: a table's IoU or calibration error may be that of values squashed twice, and depends on how a data set
# was cut into batches, each of which decides for itself. Clamp to [0, 1] before any metric that takes both.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps torchmetrics==1.8.2 lightning-utilities==0.15.3 numpy==2.2.6 packaging==25.0 typing-extensions==4.15.0
python3 - <<'PY'
import torch
from torchmetrics.classification import BinaryJaccardIndex, MulticlassAccuracy, MulticlassCalibrationError

torch.manual_seed(0)
# The opacities of a soft ball along 256 × 256 parallel rays: sums of 64 weights, as volume rendering takes them.
across = (torch.arange(256.0) - 127.5) / 128
depth = torch.linspace(-1, 1, 64)
radius = torch.sqrt(across[:, None, None] ** 2 + across[None, :, None] ** 2 + depth ** 2)
alpha = 1 - torch.exp(-torch.sigmoid((0.55 - radius) / 0.01) * 20 * (2 / 63))
passed = torch.cumprod(torch.cat([torch.ones(256, 256, 1), 1 - alpha], dim=-1), dim=-1)[..., :-1]
opacity = (alpha * passed).sum(-1)
mask = (radius.amin(-1) < 0.55).int()
tiny = opacity.clamp(0, 1)
tiny[0, 0] = -1e-9
overlap = {name: float(BinaryJaccardIndex()(values, mask)) for name, values in
           (("as rendered", opacity), ("clamped", opacity.clamp(0, 1)), ("clamped, then one of -1e-9", tiny))}
largest, over = float(opacity.max()), int((opacity > 1).sum())
print(f"opacities up to {largest:.8f}, {over} of 65,536 above 1")
for name, value in overlap.items():
    print(f"IoU, {name}: {value:.3f}")

# Ten crops of 1,000 images, whose probabilities are right as often as they say; then one image that is certain.
truth = torch.randint(0, 10, (1000,))
sure = torch.rand(1000)
label = torch.where(torch.rand(1000) < 0.1 + 0.9 * sure, truth, (truth + torch.randint(1, 10, (1000,))) % 10)
probability = (1 - sure[:, None]) / 10 + sure[:, None] * torch.nn.functional.one_hot(truth, 10)
certain = torch.where(torch.arange(1000)[:, None] == 0, torch.nn.functional.one_hot(truth, 10).float(), probability)
results = {}
for name, crop in (("none certain", probability), ("one certain", certain)):
    mean = sum(0.1 * crop for _ in range(10))
    error = MulticlassCalibrationError(num_classes=10, n_bins=15)(mean, label)
    accuracy = MulticlassAccuracy(num_classes=10, average="micro")(mean, label)
    results[name] = float(error), float(accuracy), float(mean.max())
    print(f"{name}: calibration error {error:.3f}, accuracy {accuracy:.3f}, largest mean {float(mean.max()):.8f}")
behaves = (over > 0 and largest < 1 + 1e-6 and overlap["clamped"] > 0.9
           and all(abs(overlap[name] - 0.585) < 0.02 for name in ("as rendered", "clamped, then one of -1e-9"))
           and results["none certain"][0] < 0.06 and results["one certain"][0] > 0.3
           and abs(results["none certain"][1] - results["one certain"][1]) < 0.002
           and 1 < results["one certain"][2] < 1 + 1e-6)
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

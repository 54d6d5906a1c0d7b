#!/usr/bin/env bash
# PyTorch 2.11.0: CrossEntropyLoss(weight=w) of labels as numbers and of the same labels as one-hot vectors are two
# losses. With a long tail of 1,000 classes and inverse frequencies as weights, the gradient for vectors is shorter than
# that for numbers by a factor of 3,761 if the weights sum to 1, and of 3.8 if their mean is 1; in 100 classes by 266
# and 2.7. Only if their mean over the pictures is 1 do the two agree, to 1 %. Without weights they are equal, which is
# what one tries first.
# Why: numbers are averaged by the weights of the labels in the batch, vectors by the number of pictures, so that the
# weights' size counts for vectors alone. Of reduction="mean" the documentation says "the weighted mean"; its second
# formula has it otherwise.
# What it means: mixup and cutmix, whose labels are vectors, or soft labels, switched on in a training with weights,
# change the rate of SGD, and what a clipped gradient is. Validation with numbers shows another loss than is trained.
# Divide the weights by their mean over the data.
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
install --no-deps numpy==2.2.6
python3 - <<'PY'
import torch
from torch.nn.functional import one_hot

def compare(classes, scale):
    """How much longer the gradient is for labels as numbers than for the same ones as vectors, and the losses."""
    torch.manual_seed(0)
    frequency = 1 / torch.arange(1, classes + 1).float()
    weights = None if scale is None else (1 / frequency) / scale(1 / frequency, frequency / frequency.sum())
    labels = torch.multinomial(frequency, 512, replacement=True)
    loss = torch.nn.CrossEntropyLoss(weight=weights)
    guesses = torch.randn(512, classes, requires_grad=True)
    values = [loss(guesses, target) for target in (labels, one_hot(labels, classes).float())]
    lengths = [float(torch.autograd.grad(value, guesses)[0].norm()) for value in values]
    return lengths[0] / lengths[1], [round(value.item(), 4) for value in values]

scales = {"none": None, "sum to 1": lambda weights, share: weights.sum(),
          "mean of 1": lambda weights, share: weights.mean(),
          "mean of 1 over the data": lambda weights, share: (weights * share).sum()}
found = {}
for classes in (10, 100, 1000):
    for name, scale in scales.items():
        factor, losses = compare(classes, scale)
        found[classes, name] = factor
        print(f"{classes} classes, weights: {name}: losses {losses}, gradients {factor:.3f} times as long for numbers")
behaves = all(abs(found[classes, "none"] - 1) < 1e-4 and found[classes, "sum to 1"] > classes
              and found[classes, "mean of 1"] > 1.4 and 0.8 < found[classes, "mean of 1 over the data"] < 1.2
              for classes in (10, 100, 1000))
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY

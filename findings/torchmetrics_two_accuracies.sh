#!/usr/bin/env bash
# torchmetrics 1.8.2: Accuracy(task="multiclass", num_classes=1000) and MulticlassAccuracy(num_classes=1000), two
# objects of one class, are not the same number. The first is the share of right images; the second averages over
# classes (average="macro" is its default, "micro" the other's), and a class that was only ever guessed, never there,
# counts as one with accuracy 0. One classifier that is right in 60 % of the images:
#   1,000 classes, 50 images of each: 0.599 and 0.599, so that nothing shows.
#   200 of the 1,000 classes, as in ImageNet-A and -R: 0.589 and 0.122, as each wrong guess brings in a class.
#   1,000 classes, mean of the values of batches, as training loops log it: 0.599 and 0.436 in batches of 64, 0.451 of
#     256, 0.585 of 4,096; compute() at the end gives 0.599.
# What it means: by the second, accuracies on subsets of the classes and curves over batches say how many classes
# were guessed rather than how often rightly. Say average="micro".
# Needs python3 with pip, and PyPI; no GPU. PyTorch 2.11.0 is taken from python3 where it is, else installed, with its
# 3 GB of libraries. Fails if the version no longer behaves so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
install() { python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target "$folder/site" "$@"; }
export PYTHONPATH=$folder/site PYTHONWARNINGS=ignore
python3 -c 'import torch; assert torch.__version__.startswith("2.11.0")' 2>/dev/null || install torch==2.11.0
python3 -c 'import numpy' 2>/dev/null || install --no-deps numpy==2.3.5
install --no-deps torchmetrics==1.8.2 lightning-utilities==0.15.3 packaging==25.0 typing-extensions==4.15.0
python3 - <<'PY'
import torch
from torchmetrics import Accuracy
from torchmetrics.classification import MulticlassAccuracy

torch.manual_seed(0)
makers = {"Accuracy": lambda: Accuracy(task="multiclass", num_classes=1000),
          "MulticlassAccuracy": lambda: MulticlassAccuracy(num_classes=1000)}

def guesses(truth):
    """Right in three cases of five, else any class."""
    return torch.where(torch.rand(len(truth)) < 0.6, truth, torch.randint(0, 1000, (len(truth),)))

def at_once(truth, guess):
    return [round(float(make()(guess, truth)), 3) for make in makers.values()]

def mean_of_batches(truth, guess, size):
    means = []
    for make in makers.values():
        metric = make()
        values = [metric(g, t) for g, t in zip(guess.split(size), truth.split(size))]
        means.append(round(float(torch.stack(values).mean()), 3))
        at_end = round(float(metric.compute()), 3)
    return means, at_end

same_class = type(makers["Accuracy"]()) is MulticlassAccuracy
print(" and ".join(makers) + (", of one class:" if same_class else ":"))
every = torch.arange(1000).repeat(50)[torch.randperm(50000)]
guess = guesses(every)
few = 5 * torch.randint(0, 200, (7500,))
whole, subset = at_once(every, guess), at_once(few, guesses(few))
print(f"1,000 classes: {whole}; 200 of 1,000 classes: {subset}")
batches = {size: mean_of_batches(every, guess, size) for size in (64, 256, 4096)}
for size, (means, at_end) in batches.items():
    print(f"1,000 classes, mean of batches of {size}: {means}; at the end by the second: {at_end}")
behaves = (same_class and abs(whole[0] - whole[1]) < 0.002 and subset[0] > 0.57 and subset[1] < 0.15
           and abs(batches[256][0][0] - whole[0]) < 0.002 and 0.4 < batches[256][0][1] < 0.5
           and batches[64][0][1] < batches[256][0][1] < batches[4096][0][1] and batches[256][1] == whole[1])
print("as described" if behaves else "NOT as described")
raise SystemExit(not behaves)
PY
